"""A child of `extension_child` that is started before there is something to ask: starting Python takes longer than the answer."""
from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from .process import _kill, clean_environment

LONGEST_LINE: Final = 1 << 20
KEPT: Final = 60.0
"""Seconds for which nobody has to need it."""
Start = Callable[[], Awaitable[asyncio.subprocess.Process]]


async def start() -> asyncio.subprocess.Process:
    """A new child, which waits for its question. It ends with its stdin."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "fedisora.media.extension_child", stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=clean_environment(),
        start_new_session=True, limit=LONGEST_LINE)


class Spare:
    """Holds one child ahead; for one event loop."""

    def __init__(self) -> None:
        self._coming: asyncio.Task[asyncio.subprocess.Process] | None = None
        self._forgetting: asyncio.Task[None] | None = None

    def prepare(self) -> None:
        """Start one, when there is none."""
        self._stay()
        if self._coming is None:
            self._coming = asyncio.create_task(start())
        self._forgetting = asyncio.create_task(self._forget())

    async def take(self) -> asyncio.subprocess.Process:
        """The one that was started ahead, else a new one."""
        self._stay()
        coming, self._coming = self._coming, None
        if coming is not None:
            process = await coming
            if process.returncode is None:
                return process
        return await start()

    def _stay(self) -> None:
        if self._forgetting is not None:
            self._forgetting.cancel()
            self._forgetting = None

    async def _forget(self) -> None:
        await asyncio.sleep(KEPT)
        self._forgetting = None
        await self.close()

    async def close(self) -> None:
        """End it."""
        self._stay()
        coming, self._coming = self._coming, None
        if coming is None:
            return
        process = await coming
        if process.returncode is None:
            _kill(process.pid)
        await process.communicate()
