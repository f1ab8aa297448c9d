"""Resumable uploads by tus 1.0.0 (tus.io/protocols/resumable-upload): core, creation, expiration, termination, checksum.

Ours and not a library's: the ones on PyPI belong to FastAPI, or are one abandoned release (docs/decisions/0012). How far an
upload is, is the size of its part on the disk, which is synchronised before it is told: nothing is lost by a killed server.
Several web machines need the data folder in common, or a proxy that keeps an upload on one machine.
"""
from __future__ import annotations

import asyncio
import base64
import binascii
import datetime as dt
import hashlib
import hmac
import os
from email.utils import format_datetime
from typing import IO, TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ..errors import Forbidden, Malformed, TooLarge, Unauthenticated, Unsupported
from ..models import Actor, Upload
from ..services import sessions
from . import tus_parts as parts
from .auth import person
from .body import clean
from .convertors import number
from .problems import hang_up

if TYPE_CHECKING:
    from ..app import House

VERSION = "1.0.0"
EXTENSIONS = "creation,expiration,termination,checksum"
ALGORITHMS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512, "md5": hashlib.md5}
BLOCK = 1 << 20
SILENCE = 60.0
"""Seconds without a byte after which a connection is given up: its upload is free for the next one."""


def answer(status: int, **headers: str) -> Response:
    """An answer as the protocol wants it; `Upload_Offset="1"` is the header Upload-Offset."""
    return Response(status_code=status, headers={
        "Tus-Resumable": VERSION, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
        **{name.replace("_", "-"): value for name, value in headers.items()}})


def options(house: House) -> Response:
    """What this server can do."""
    return answer(204, Tus_Version=VERSION, Tus_Extension=EXTENSIONS, Tus_Checksum_Algorithm=",".join(ALGORITHMS),
                  Tus_Max_Size=str(house.settings.max_upload_mb << 20))


def refusal(status: int, text: str) -> Response:
    """A refusal whose status no error of ours has; the rest of the body is not waited for."""
    return JSONResponse({"error": text}, status, {
        "Tus-Resumable": VERSION, "Tus-Version": VERSION, "Cache-Control": "no-store", "Connection": "close"})


def speaks(request: Request) -> Response | None:
    """The refusal of another version of the protocol."""
    if request.headers.get("tus-resumable") == VERSION:
        return None
    return refusal(412, f"This server speaks tus {VERSION}; say so in the header Tus-Resumable.")


async def uploader(request: Request) -> Actor:
    """Who uploads: by a token with write:media, or by a browser's session and the CSRF token of its page (X-CSRF-Token).

    Raises:
        Unauthenticated, Forbidden
    """
    if "authorization" in request.headers:
        return (await person(request, "write:media")).actor
    house: House = request.app.state.house
    token = request.cookies.get(sessions.COOKIE, "")
    found = await house.db.read(lambda session: sessions.lookup(session, token)) if token else None
    if found is None:
        raise Unauthenticated("The access token is invalid")
    if not sessions.check_csrf(house.vault, token, request.headers.get("x-csrf-token", "")):
        raise Forbidden("This form has expired. Reload the page and upload the file again.")
    return found[1]


def metadata(header: str) -> dict[str, str]:
    """`Upload-Metadata`: names and base64 values.

    Raises:
        Malformed
    """
    found: dict[str, str] = {}
    try:
        for pair in header.split(",")[:20]:
            name, _, value = pair.strip().partition(" ")
            if name:
                found[name[:60]] = clean(base64.b64decode(value.strip(), validate=True).decode())[:2000]
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise Malformed("Upload-Metadata is a list of names and base64 values.", cause=error) from error
    return found


def as_given(about: dict[str, str]) -> dict[str, str]:
    """The header Upload-Metadata of what a client said at creation: it must be told again."""
    pairs = [f"{name} {base64.b64encode(value.encode()).decode()}".strip() for name, value in about.items()]
    return {"Upload-Metadata": ",".join(pairs)} if pairs else {}


def facts(row: Upload, have: int) -> dict[str, str]:
    """Headers that say how far an upload is."""
    found = {"Upload-Offset": str(have), "Upload-Length": str(row.length)}
    if row.media_id is not None:
        return found | {"Fedisora-Media-Id": str(row.media_id)}
    return found | {"Upload-Expires": format_datetime(row.expires_at.astimezone(dt.UTC), usegmt=True)}


def checksum(header: str | None) -> tuple[Any, bytes] | None:
    """(hash, the digest it must have) of `Upload-Checksum`.

    Raises:
        Malformed: an algorithm we do not have, or no base64.
    """
    if not header:
        return None
    name, _, value = header.partition(" ")
    try:
        return ALGORITHMS[name](usedforsecurity=False), base64.b64decode(value, validate=True)
    except (KeyError, binascii.Error) as error:
        raise Malformed(f"Upload-Checksum is one of {', '.join(ALGORITHMS)} and a base64 digest.", cause=error) from error


async def append(request: Request, house: House, row: Upload) -> Response:
    """PATCH: the next bytes; with the last of them the upload becomes a file.

    Raises:
        Unsupported, Malformed, TooLarge
    """
    if request.headers.get("content-type", "") != "application/offset+octet-stream":
        raise Unsupported("Send the bytes as application/offset+octet-stream.")
    given, check = number(request.headers.get("upload-offset")), checksum(request.headers.get("upload-checksum"))
    if given is None:
        raise Malformed("Upload-Offset says from which byte on this is.")
    if row.media_id is not None:
        return refusal(409, "This upload is complete.")
    try:
        with parts.opened(parts.folder(house) / row.part) as file:
            have = os.fstat(file.fileno()).st_size
            if given != have:
                return refusal(409, f"{have} bytes of this upload are here; go on from there.")
            try:
                whole = await _receive(request, file, row.length - have, check)
            finally:
                await asyncio.shield(asyncio.to_thread(os.fsync, file.fileno()))
            if check is not None and (not whole or not hmac.compare_digest(check[0].digest(), check[1])):
                await asyncio.to_thread(file.truncate, given)
                return refusal(460, "The bytes are not those of their checksum. Send them again.")
            have = os.fstat(file.fileno()).st_size
            row = await parts.note(house, row.id, have)
            if have == row.length:
                row = await parts.finish(house, row)
    except parts.Held:
        return refusal(423, "Another connection sends to this upload. Try again in a moment.")
    return answer(204, **facts(row, have)) if whole else refusal(408, "The connection broke. Go on from where it did.")


async def _receive(request: Request, file: IO[bytes], most: int, check: tuple[Any, bytes] | None) -> bool:
    """Write what comes; False when the connection broke, or was silent for too long. What came before that is written."""
    stream, buffer, taken = aiter(request.stream()), bytearray(), 0
    try:
        while True:
            async with asyncio.timeout(SILENCE):
                chunk = await anext(stream, None)
            if chunk is None:
                return True
            taken += len(chunk)
            if taken > most:
                hang_up(request)
                raise TooLarge("This is more than Upload-Length said.")
            buffer += chunk
            if check is not None:
                check[0].update(chunk)
            if len(buffer) >= BLOCK:
                block, buffer = bytes(buffer), bytearray()
                await _write(file, block)
    except (ClientDisconnect, TimeoutError):
        return False
    finally:
        if buffer:
            await _write(file, bytes(buffer))


async def _write(file: IO[bytes], block: bytes) -> None:
    """Add to the end; a cancelled request waits for it, since the file is closed next."""
    def write() -> None:
        file.seek(0, os.SEEK_END)
        file.write(block)
        file.flush()

    task = asyncio.ensure_future(asyncio.to_thread(write))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
