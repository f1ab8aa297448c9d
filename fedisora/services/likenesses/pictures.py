"""Sealed pictures and clips of likenesses: taken into a row, and let go again with their keys and the codes they are known by."""
from __future__ import annotations

from dataclasses import dataclass

from ...db import UnitOfWork
from ...models import Likeness
from ...store import jobs, likenesses


@dataclass(frozen=True)
class Picture:
    """A picture in the private storage.

    Attributes:
        key, secret: see `storage.private.Sealed`.
        width, height: pixels.
        codes: PDQ codes (32 bytes each) of the picture as it is and in usual croppings.
    """

    key: str
    secret: bytes
    mime: str
    width: int
    height: int
    codes: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Clip:
    """A clip without sound in the private storage.

    Attributes:
        key, secret: see `storage.private.Sealed`.
        codes: PDQ codes (32 bytes each) of some of its frames.
    """

    key: str
    secret: bytes
    mime: str
    seconds: float
    codes: tuple[bytes, ...] = ()


def take(uow: UnitOfWork, row: Likeness, picture: Picture, clip: Clip | None = None) -> None:
    """Give a likeness its picture, and its clip if there is one; what it had before goes."""
    drop(uow, row)
    row.picture_key, row.picture_secret, row.picture_mime = picture.key, picture.secret, picture.mime
    row.width, row.height, row.updated_at = picture.width, picture.height, uow.now
    if clip is not None:
        row.clip_key, row.clip_secret, row.clip_mime, row.clip_seconds = clip.key, clip.secret, clip.mime, clip.seconds
    uow.session.flush()
    likenesses.set_codes(uow, row.id, (*picture.codes, *(clip.codes if clip is not None else ())))


def drop(uow: UnitOfWork, row: Likeness) -> None:
    """Forget the keys of what was enrolled, in this transaction: the files are worthless from now on. A job removes them."""
    keys = [key for key in (row.picture_key, row.clip_key) if key]
    row.picture_key = row.picture_secret = row.clip_key = row.clip_secret = None
    row.picture_mime = row.clip_mime = ""
    row.width = row.height = 0
    row.clip_seconds = 0.0
    uow.session.flush()
    likenesses.set_codes(uow, row.id, ())
    if keys:
        jobs.enqueue(uow, "delete_private", {"keys": keys})
