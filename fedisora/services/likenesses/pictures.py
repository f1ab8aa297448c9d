"""The sealed pictures of likenesses: taken into a row, and let go again with their keys and the codes they are known by."""
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


def take(uow: UnitOfWork, row: Likeness, picture: Picture) -> None:
    """Give a likeness its picture; a former one goes."""
    drop(uow, row)
    row.picture_key, row.picture_secret, row.picture_mime = picture.key, picture.secret, picture.mime
    row.width, row.height, row.updated_at = picture.width, picture.height, uow.now
    uow.session.flush()
    likenesses.set_codes(uow, row.id, picture.codes)


def drop(uow: UnitOfWork, row: Likeness) -> None:
    """Forget the keys of what was enrolled, in this transaction: the files are worthless from now on. A job removes them."""
    keys = [key for key in (row.picture_key, row.clip_key) if key]
    row.picture_key = row.picture_secret = row.clip_key = row.clip_secret = None
    row.picture_mime = row.clip_mime = ""
    row.width = row.height = 0
    uow.session.flush()
    likenesses.set_codes(uow, row.id, ())
    if keys:
        jobs.enqueue(uow, "delete_private", {"keys": keys})
