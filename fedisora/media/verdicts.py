"""What a verdict changes, written in one place: the row it is kept on, labels, claims, and the inbound policy."""
from __future__ import annotations

import datetime as dt
from typing import Any

from ..activities import cameos, inbound
from ..db import UnitOfWork
from ..models import Media
from ..store import labels
from . import facts
from .claims import keep_claims
from .facts import KnownFile


def keep(uow: UnitOfWork, media: Media, document: dict[str, Any], known: KnownFile, *, again: dt.datetime | None = None,
         metadata: str | None = None) -> None:
    """Keep the verdict object on a file, with what the file says about itself.

    Args:
        known: what its post and companion say.
        again: when it is to be looked at again; None: when its origin says that keys changed.
        metadata: IPTC URI that stands in the file unsigned.
    """
    media.verdict, media.verdict_at, media.recheck_at = document, uow.now, again
    labels.from_manifest(media, document)
    labels.from_manifest(media, {"digitalSourceType": metadata})
    facts.keep_label(uow, media, known)
    keep_claims(uow, media, document)
    inbound.checked(uow, media)
    cameos.checked(uow, media, document)
    uow.ring(f"media:{media.id}")


def settled(uow: UnitOfWork, media_id: int) -> None:
    """No further check will come: what was found out stays, and the inbound policy goes by it."""
    media = uow.session.get(Media, media_id)
    if media is not None:
        media.recheck_at = None
        inbound.checked(uow, media)
