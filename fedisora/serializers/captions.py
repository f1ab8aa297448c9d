"""Captions of a file as entities of our API: the member `fedisora.captions` of media attachments too."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..models import Caption
from ..uris import Uris
from .mastodon.account import when


def caption(row: Caption, uris: Uris) -> dict[str, Any]:
    """One language: {"language", "label", "automatic", "url", "created_at", "updated_at"}."""
    return {"language": row.language, "label": row.label, "automatic": row.automatic, "url": uris.caption(row.id),
            "created_at": when(row.created_at), "updated_at": when(row.updated_at)}


def captions(rows: Sequence[Caption], uris: Uris) -> list[dict[str, Any]]:
    """All languages of a file."""
    return [caption(row, uris) for row in rows]
