"""What an instance needs at rest, and what its start costs: `fedisora serve` with its default settings, nobody using it.

Each round starts one in an empty folder (which migrates its database) and then again in the same folder. Memory is the
proportional set size (`Pss` of smaps_rollup) of the server and all of its children, once they use no more CPU. Of the start, the
CPU seconds of all processes until `/readyz` says yes hold on a busy machine; the seconds on the clock do not.
`BENCH_ROUNDS=9` makes more rounds than five.
"""
from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from tests.support.instances import free_port

MIB = 1 << 20
QUIET = 0.02
"""Share of a core below which the processes are at rest (their loops look for due rows every two seconds)."""
WINDOW, PATIENCE = 3.0, 60.0
Reading = dict[str, float]


def processes(root: int) -> list[psutil.Process]:
    """A process and everything it started, the root first."""
    first = psutil.Process(root)
    return [first, *first.children(recursive=True)]


def cpu(root: int) -> float:
    """CPU seconds that a tree has used, those of children that ended included."""
    total = 0.0
    for process in processes(root):
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total


def memory(root: int) -> Reading:
    """MiB of a tree: what all need in proportion (pss), what the server and what its children need of that, threads."""
    each = [process.memory_full_info().pss / MIB for process in processes(root)]
    return {"PSS MiB": sum(each), "PSS of the server MiB": each[0], "PSS of the workers MiB": sum(each[1:]),
            "processes": len(each), "threads": sum(process.num_threads() for process in processes(root))}


def measure(folder: Path, port: int) -> Reading:
    """Start an instance in a folder, wait until it is at rest, end it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FEDISORA_")} | {
        "FEDISORA_DATA_DIR": str(folder), "FEDISORA_BASE_URL": f"http://localhost:{port}"}
    started = time.perf_counter()
    with (folder / "bench.log").open("ab") as log:
        server = subprocess.Popen([sys.executable, "-m", "fedisora", "serve", "--port", str(port)], env=environment,
                                  stdout=log, stderr=log)
    try:
        while not ready(port):
            if server.poll() is not None or time.perf_counter() - started > PATIENCE:
                raise SystemExit(f"The server did not start: {(folder / 'bench.log').read_text()[-1000:]}")
            time.sleep(0.01)
        reading = {"seconds to /readyz": time.perf_counter() - started, "CPU seconds to /readyz": cpu(server.pid)}
        rest(server.pid)
        return reading | {"CPU seconds until at rest": cpu(server.pid)} | memory(server.pid)
    finally:
        server.terminate()
        server.wait(30)


def ready(port: int) -> bool:
    """Whether an instance says that it can serve."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def rest(root: int) -> None:
    """Wait until a tree uses next to no CPU for `WINDOW` seconds."""
    end = time.monotonic() + PATIENCE
    before = cpu(root)
    while time.monotonic() < end:
        time.sleep(WINDOW)
        now = cpu(root)
        if now - before < QUIET * WINDOW:
            return
        before = now
    raise SystemExit("The instance does not come to rest.")


def show(console: Console, title: str, readings: Iterable[Reading]) -> None:
    """Medians, and what lies between the smallest and the largest."""
    rows = list(readings)
    table = Table("", "median", "smallest", "largest", title=f"{title}, {len(rows)} rounds")
    for name in rows[0]:
        values = [row[name] for row in rows]
        table.add_row(name, *(f"{value:.2f}" for value in (statistics.median(values), min(values), max(values))))
    console.print(table)


def main() -> None:
    """`make bench ARGS=idle`."""
    console = Console()
    first, again = [], []
    for _ in range(int(os.environ.get("BENCH_ROUNDS", "5"))):
        with tempfile.TemporaryDirectory() as folder:
            port = free_port()
            first.append(measure(Path(folder), port))
            again.append(measure(Path(folder), port))
    show(console, "The first start, in an empty folder", first)
    show(console, "A later start, in the same folder", again)
