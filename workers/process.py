"""The embedded workers in a process of their own: one Python process has one core, and a small machine often has two.

`fedisora serve` forks it after everything is imported, so that both share the memory of the code. The two talk through a
socket pair (`fedisora.bells.Link`); its end tells either that the other has gone. A worker process that dies is started
again, by exec, since a process with threads must not fork.
"""
from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import structlog

from fedisora.bells import Link

from . import federation
from .local import LocalWorkers

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
STOP_SECONDS = 10.0
RESTART_PAUSE = 2.0


class WorkerProcess:
    """The parent's side."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._pid = 0
        self._end: socket.socket
        self._watch: asyncio.Task[None] | None = None
        self._link: Link | None = None

    def fork(self, listening: socket.socket) -> None:
        """Split off the worker process. Call before there are threads or an event loop, and before `start`.

        Args:
            listening: the server's own socket, which the worker lets go of: it must not keep the port.
        """
        house = self._house
        house.db.engine.dispose()  # no database connection may be shared across a fork
        ours, theirs = socket.socketpair()
        gc.collect()
        gc.freeze()  # the collector would touch, and so copy, every shared page
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                ours.close()
                listening.close()
                house.rename()
                run(house, theirs)
                status = 0
            finally:
                os._exit(status)
        theirs.close()
        self._pid, self._end = pid, ours

    async def start(self) -> None:
        """Join the bells, and start the process again whenever it ends by itself."""
        self._link = await Link.open(self._house.bells, self._end)
        self._watch = asyncio.create_task(self._supervise(self._link))

    async def _supervise(self, link: Link) -> None:
        while True:
            await link.closed.wait()
            status = await self._reaped()
            await asyncio.sleep(RESTART_PAUSE)  # a service manager tells both to end: then there is nothing to mend or to say
            log.error("the worker process ended; starting another", pid=self._pid, status=status)
            ours, theirs = socket.socketpair()
            command = [sys.executable, "-P", "-m", "fedisora.workers.process", str(theirs.fileno())]
            environment = {**os.environ, "FEDISORA_DATA_DIR": str(self._house.settings.data_dir)}
            child = await asyncio.to_thread(subprocess.Popen, command, pass_fds=[theirs.fileno()], env=environment)
            theirs.close()
            self._pid, self._end = child.pid, ours
            link = self._link = await Link.open(self._house.bells, ours)

    async def _reaped(self) -> int | None:
        return await asyncio.to_thread(_reap, self._pid, STOP_SECONDS)

    async def stop(self) -> None:
        """Let the process finish what it does (it gives back its leases), at most `STOP_SECONDS`."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if self._link is not None:
            self._link.close()
        if await self._reaped() is None:
            log.warning("the worker process does not stop; killing it", pid=self._pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            await self._reaped()


def _reap(pid: int, seconds: float) -> int | None:
    """The exit status of a child; None when it still runs after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        try:
            found, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return 0
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            return None
        time.sleep(0.02)


def run(house: House, end: socket.socket) -> None:
    """The child's side: run the workers until the parent hangs up or a SIGTERM comes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent says when to stop
    from fedisora.server import event_loop

    with asyncio.Runner(loop_factory=event_loop) as runner:
        runner.run(_serve(house, end))


async def _serve(house: House, end: socket.socket) -> None:
    await house.open()
    link = await Link.open(house.bells, end)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, link.closed.set)
    workers = LocalWorkers(house)
    await federation.take_over(house)
    await workers.start()
    await link.closed.wait()
    await workers.stop()
    link.close()
    await house.close()


if __name__ == "__main__":  # how a server starts its worker process again
    from fedisora.server import run_local_workers
    from fedisora.settings import load_settings

    run_local_workers(load_settings(None), int(sys.argv[1]))
