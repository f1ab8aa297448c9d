"""`fedisora serve` runs its workers in a process of its own: each notices when the other dies, and work goes on."""
from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.instances import InstanceProcess, eventually


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[InstanceProcess]:
    found = InstanceProcess(tmp_path / "a").start()
    yield found
    found.close()


def children(instance: InstanceProcess) -> list[psutil.Process]:
    """The worker processes of a server: forks of it, not what these or itself start for a while (media, extensions)."""
    return [child for child in psutil.Process(instance.processes[0].pid).children()
            if child.status() != psutil.STATUS_ZOMBIE and not any("_child" in word or ".child" in word for word in words(child))]


def words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return [".child"]  # it ended meanwhile


def render(instance: InstanceProcess, name: str) -> None:
    """A generation goes through the worker process, and its progress comes back to the web."""
    ada = instance.user(name)
    job = ada.post("/api/fedisora/v1/generations", prompt="a red kite", seconds=1, orientation="square")
    eventually(lambda: ada.get(f"/api/fedisora/v1/generations/{job['id']}")["state"] == "draft", seconds=60, what="a draft")


def test_a_killed_worker_process_is_started_again(instance: InstanceProcess) -> None:
    first = eventually(lambda: children(instance), what="a worker process")[0]
    first.send_signal(signal.SIGKILL)
    second = eventually(lambda: [child for child in children(instance) if child.pid != first.pid], what="another one")[0]
    render(instance, "ada")
    assert second.is_running()
    assert instance.http.get("/readyz").status_code == 200


def test_workers_end_with_a_killed_server(instance: InstanceProcess) -> None:
    child = eventually(lambda: children(instance), what="a worker process")[0]
    instance.processes[0].send_signal(signal.SIGKILL)
    assert not psutil.wait_procs([child], timeout=20)[1], "the worker process outlived its server"


def test_one_sigterm_ends_both(instance: InstanceProcess) -> None:
    child = eventually(lambda: children(instance), what="a worker process")[0]
    assert instance.stop()[0] in (0, -signal.SIGTERM)
    assert not psutil.wait_procs([child], timeout=5)[1]


def test_one_process_when_asked(tmp_path: Path) -> None:
    instance = InstanceProcess(tmp_path / "b", worker_process="false").start()
    try:
        assert children(instance) == []
        render(instance, "ben")
    finally:
        instance.close()
