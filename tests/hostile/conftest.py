"""One instance per module, watched all the time: no stall of its event loop over a second, no server error, no dead worker."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hostile.scene import Peer, Pulse, Scene
from tests.support.instances import InstanceProcess


@pytest.fixture(scope="module")
def module_database_url() -> str:
    """SQLite; modules whose inputs reach the database's own limits run on PostgreSQL too."""
    return ""


@pytest.fixture(scope="module")
def module_settings() -> dict[str, str]:
    """Settings of the instance that a module wants otherwise."""
    return {}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, module_database_url: str,
          module_settings: dict[str, str]) -> Iterator[Scene]:
    instance = InstanceProcess(
        tmp_path_factory.mktemp("hostile"), database_url=module_database_url, retry_seconds="0.05", **module_settings).start()
    try:
        found = Scene(instance, instance.user("lena"))
        with Pulse(instance.base) as pulse:
            yield found
        found.engine.dispose()
        assert pulse.worst < 1.0, f"the instance did not answer for {pulse.worst:.2f} s"
        log = instance.log.read_text()
        for word in ("Traceback", "inbox handler failed", '"level":"error"'):
            assert word not in log, log[max(0, log.index(word) - 1000):][:4000]
        assert all(process.poll() is None for process in instance.processes)
    finally:
        instance.close()


@pytest.fixture
def world() -> Iterator[Peer]:
    with Peer() as found:
        yield found


@pytest.fixture
def other() -> Iterator[Peer]:
    """A second server: its port makes it another origin."""
    with Peer() as found:
        yield found
