"""Checking a file or an address for somebody: who may how often, and that nothing of it stays. Used by the API and the page."""
from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import UploadFile
from starlette.requests import Request

from ..errors import Invalid, TooManyRequests
from ..media import addresses
from ..media.scratch import scratch
from .problems import hang_up
from .throttle import Throttle, network_of
from .uploads import spool

if TYPE_CHECKING:
    from ..app import House

WINDOW: Final = 600.0
PER_ADDRESS: Final = 30
PER_ACCOUNT: Final = 60
AT_ONCE: Final = 4
"""Files looked at side by side in a process: each takes a child and up to two gigabytes."""


@dataclass
class Gate:
    """What keeps checks within bounds."""

    strangers: Throttle = field(default_factory=lambda: Throttle(PER_ADDRESS, WINDOW))
    people: Throttle = field(default_factory=lambda: Throttle(PER_ACCOUNT, WINDOW))
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))


def admit(request: Request, house: House, user_id: int | None) -> None:
    """Count a check, before its body is read.

    Raises:
        TooManyRequests: per account for who is logged in, else per address.
    """
    if not house.settings.rate_limits:
        return
    gate = house.gate
    try:
        if user_id is not None:
            gate.people.take(user_id)
        else:
            gate.strangers.take(network_of(request.client.host if request.client else ""))
    except TooManyRequests:
        hang_up(request)
        raise


async def verdict_on(house: House, file: UploadFile | None, url: str, viewer_id: int | None) -> dict[str, Any]:
    """The verdict object (vocabulary §5) on an upload, or else on an address, for an actor here or (None) anybody.

    Raises:
        Invalid: neither, an empty file, or nothing to check at the address.
        TooLarge: over the limit for uploads.
    """
    most = house.settings.max_upload_mb << 20
    if file is not None:
        async with scratch("verify") as folder:
            path = folder / "file"
            try:
                await spool(file, path, most)
            finally:
                await file.close()  # what the form kept of it is gone at once
            async with house.gate.slots:
                return await house.verifier.check_file(path, recognise=True)
    if not url:
        raise Invalid("Send a file, or the address of one.")
    async with house.gate.slots:
        return await addresses.check(house, url, most, viewer_id)
