"""POST /api/fedisora/v1/verify: what a file says about itself (vocabulary §5)."""
from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...errors import Invalid
from ..auth import caller
from ..body import params
from ..uploads import spool

if TYPE_CHECKING:
    from ...app import House


async def verify(request: Request) -> Response:
    """A multipart field `file`, or {"url"}: 200 with a verdict for anything that is a file."""
    house: House = request.app.state.house
    most = house.settings.max_upload_mb << 20
    given = await params(request, files=1, most=most + (1 << 20))
    file, url = given.file("file"), given.text("url").strip()
    if file is None:
        if not url:
            raise Invalid("Send a file, or the address of one.")
        who = await caller(request)
        resolve = who is not None and who.user is not None
        return JSONResponse(await house.verify_url(url, resolve=resolve))
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fedisora-verify-"))
    try:
        path = folder / "file"
        await spool(file, path, most)
        return JSONResponse(await house.verifier.check_file(path, recognise=True))
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, True)
