"""Rows of other encodings of local videos."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import Rendition


def of_media(session: Session, ids: Iterable[int]) -> dict[int, list[Rendition]]:
    """Signed encodings by media id, the largest first."""
    wanted = list(set(ids))
    found: dict[int, list[Rendition]] = defaultdict(list)
    if wanted:
        for row in session.scalars(select(Rendition).where(Rendition.media_id.in_(wanted), Rendition.signed.is_(True)).order_by(
                Rendition.height.desc(), Rendition.kind, Rendition.id)):
            found[row.media_id].append(row)
    return found


def keys(session: Session, ids: Iterable[int]) -> list[str]:
    """Storage keys of all encodings of some videos, signed or not; what a deleted video leaves behind."""
    wanted = list(set(ids))
    return list(session.scalars(select(Rendition.storage_key).where(Rendition.media_id.in_(wanted)))) if wanted else []
