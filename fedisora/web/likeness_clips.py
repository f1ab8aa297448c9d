"""Clips of likenesses: from a form into the private storage, never on a disk unsealed; and out of it for those who may look."""
from __future__ import annotations

import asyncio
import contextlib
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from ..db import UnitOfWork
from ..errors import Invalid, NotFound, TooLarge
from ..ids import new_id
from ..media.memory import in_memory
from ..media.process import run_media
from ..models import Likeness
from ..services.likenesses.pictures import Clip, Picture
from ..storage.private import LIKENESSES
from . import likeness_pictures as pictures

if TYPE_CHECKING:
    from ..app import House

T = TypeVar("T")
MOST_BYTES: Final = 20 << 20
MOST_SECONDS: Final = 10.0
SECONDS: Final = 150.0
MIME: Final = "video/mp4"
_RANGE: Final = re.compile(r"bytes=(\d{1,12})-(\d{0,12})")


@dataclass(frozen=True)
class _Made:
    """What became of a clip: itself, and a still of it."""

    clip: Clip
    still: Picture


async def keep(house: House, picture: object, clip: object, apply: Callable[[UnitOfWork, Picture, Clip | None], T]) -> T:
    """Seal a picture, or a clip, or both, and write their row; nothing stays behind when that does not work. Without a picture a
    sharp frame near the middle of the clip is the picture.

    Args:
        picture, clip: fields of a form, parsed by `body.in_memory`.
        apply: the use case that takes them.

    Raises:
        Invalid: neither is there; no PNG, JPEG or WebP; no MP4 or WebM; damaged, too small, too short or too long.
        TooLarge: a picture of more than 16 MB, or a clip of more than 20 MB.
        others: what `apply` raises.
    """
    film = pictures.chosen(clip)
    if film is None:
        return await pictures.keep(house, picture, lambda uow, found: apply(uow, found, None))
    keys: list[str] = []
    try:
        given = await pictures.sealed(house, picture) if pictures.chosen(picture) is not None else None
        keys += [given.key] if given is not None else []
        made = await _made(house, film, keys, still=given is None)
        return await house.db.write(lambda uow: apply(uow, given or made.still, made.clip))
    except BaseException:
        await asyncio.shield(asyncio.to_thread(_delete, house, keys))
        raise
    finally:
        await film.close()


def _delete(house: House, keys: list[str]) -> None:
    for key in keys:
        house.private.delete(key)


async def _made(house: House, file: UploadFile, keys: list[str], *, still: bool) -> _Made:
    data = await file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise TooLarge(f"This clip is larger than {MOST_BYTES >> 20} MB. Choose a shorter or smaller one.")
    if not data:
        raise Invalid("This clip is empty. Choose another one, or record it again.")
    with contextlib.ExitStack() as stack:
        source, film, picture = (stack.enter_context(in_memory(one)) for one in (data, b"", b""))
        facts = await run_media("own_clip", {"path": str(source), "output": str(film), "still": str(picture),
                                             "longest": MOST_SECONDS}, timeout=SECONDS)
        coded, frame = await asyncio.to_thread(film.read_bytes), await asyncio.to_thread(picture.read_bytes)
    key, secret = await _seal(house, coded, keys)
    clip = Clip(key, secret, MIME, facts["seconds"], _codes(facts["codes"]))
    key, secret = await _seal(house, frame, keys) if still else ("", b"")
    return _Made(clip, Picture(key, secret, "image/jpeg", facts["width"], facts["height"], _codes(facts["still"]["codes"])))


def _codes(found: list[str]) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(code) for code in found)


async def _seal(house: House, data: bytes, keys: list[str]) -> tuple[str, bytes]:
    def put() -> tuple[str, bytes]:
        with tempfile.TemporaryDirectory(prefix="fedisora-likeness-") as folder:  # for the sealed bytes alone
            sealed = house.private.put(LIKENESSES, new_id(house.db.clock()), data, Path(folder))
        keys.append(sealed.key)
        return sealed.key, sealed.secret

    return await asyncio.to_thread(put)


async def shown(house: House, request: Request, row: Likeness) -> Response:
    """The decrypted clip, or the range that a player asks for, for whoever the caller has made sure may see it.

    Raises:
        NotFound: there is none (any more).
    """
    if row.clip_key is None or row.clip_secret is None:
        raise NotFound("There is no such clip.")
    data = await asyncio.to_thread(house.private.get, row.clip_key, row.clip_secret)
    headers = {**pictures.HEADERS, "Accept-Ranges": "bytes"}
    wanted = _RANGE.fullmatch(request.headers.get("range", ""))
    if wanted is None:
        return Response(data, media_type=row.clip_mime, headers=headers)
    start, end = int(wanted[1]), min(int(wanted[2]) + 1 if wanted[2] else len(data), len(data))
    if start >= end:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{len(data)}"})
    return Response(data[start:end], 206, {**headers, "Content-Range": f"bytes {start}-{end - 1}/{len(data)}"},
                    media_type=row.clip_mime)
