"""Pictures of likenesses and characters: from a form into the private storage, and out of it for those who may look."""
from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from starlette.datastructures import UploadFile
from starlette.responses import Response

from ..db import UnitOfWork
from ..errors import Invalid, NotFound, TooLarge
from ..ids import new_id
from ..media.memory import in_memory
from ..media.process import run_media
from ..media.sniff import HEAD, sniff
from ..models import Likeness
from ..services.likenesses.pictures import Picture
from ..storage.private import LIKENESSES

if TYPE_CHECKING:
    from ..app import House

T = TypeVar("T")
MOST_BYTES: Final = 16 << 20
SIDE: Final = 2048
"""Pixels of the longer side at most."""
SMALLEST: Final = 256
SECONDS: Final = 60.0
KINDS: Final = ("image/jpeg", "image/png", "image/webp")
HEADERS: Final = {
    "Cache-Control": "private, no-store", "Content-Disposition": "inline", "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox", "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer"}


async def keep(house: House, file: object, apply: Callable[[UnitOfWork, Picture], T]) -> T:
    """Decode an uploaded picture, encode it again without metadata, seal it, and write its row; nothing stays behind when that
    does not work. The faces in it are not looked at: the codes are those of the picture as a whole.

    Args:
        apply: the use case that takes the picture.

    Raises:
        Invalid: no file, no PNG, JPEG or WebP, damaged, or too small.
        TooLarge: more than 16 MB.
        others: what `apply` raises.
    """
    picture = await sealed(house, file)
    try:
        return await house.db.write(lambda uow: apply(uow, picture))
    except BaseException:
        await asyncio.shield(asyncio.to_thread(house.private.delete, picture.key))
        raise


def chosen(file: object) -> UploadFile | None:
    """The file of a form's field, None when none was chosen."""
    return file if isinstance(file, UploadFile) and file.filename else None


async def sealed(house: House, file: object) -> Picture:
    """An uploaded picture in the private storage, before any row names it.

    Raises:
        Invalid, TooLarge: see `keep`.
    """
    given = chosen(file)
    if given is None:
        raise Invalid("Please choose a picture.")
    try:
        return await _sealed(house, given)
    finally:
        await given.close()


async def _sealed(house: House, file: UploadFile) -> Picture:
    """The open picture is in memory alone: a process that is killed leaves none of it on a disk."""
    uploaded = await _read(file)
    kind = sniff(uploaded[:HEAD])
    if kind is None or kind.mime not in KINDS:
        raise Invalid("A likeness is a picture: PNG, JPEG or WebP.")
    with in_memory(uploaded) as path, in_memory(b"") as output:
        made = await run_media("image", {"path": str(path), "output": str(output), "side": SIDE, "as_is": True},
                               timeout=SECONDS)
        if min(made["width"], made["height"]) < SMALLEST:
            raise Invalid(f"This picture is too small: both sides need {SMALLEST} pixels.")
        found = await run_media("codes", {"path": made["path"], "cuts": True}, timeout=SECONDS)
        data = await asyncio.to_thread(output.read_bytes)
    with tempfile.TemporaryDirectory(prefix="fedisora-upload-") as folder:  # for the sealed bytes alone
        kept = await asyncio.to_thread(house.private.put, LIKENESSES, new_id(house.db.clock()), data, Path(folder))
    return Picture(kept.key, kept.secret, made["mime"], made["width"], made["height"],
                   tuple(bytes.fromhex(code) for code in found["codes"]))


async def _read(file: UploadFile) -> bytes:
    data = await file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise TooLarge(f"This file is larger than {MOST_BYTES >> 20} MB. Choose a smaller one.")
    if not data:
        raise Invalid("This file is empty. Choose another one, or save it again.")
    return data


async def shown(house: House, row: Likeness) -> Response:
    """The decrypted picture, for whoever the caller has made sure may see it.

    Raises:
        NotFound: there is none (any more).
    """
    if row.picture_key is None or row.picture_secret is None:
        raise NotFound("There is no such picture.")
    data = await asyncio.to_thread(house.private.get, row.picture_key, row.picture_secret)
    return Response(data, media_type=row.picture_mime, headers=HEADERS)
