"""Fixtures for every test. Nothing here replaces our own code: servers are real, databases are real."""
from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import databases, environment, instances, network
from tests.support.pipelines import tiny_pipelines

__all__ = ["tiny_pipelines"]  # a fixture for everybody

LOG_LINES = 25
"""Of each server, in the report of a test that failed."""

network.block()
for function in (httpx.get, httpx.post, httpx.put, httpx.delete, httpx.head, httpx.request, httpx.Client.__init__,
                 httpx.AsyncClient.__init__):
    # a server that shares two cores with everything else may think for longer than httpx's five seconds
    function.__kwdefaults__["timeout"] = httpx.Timeout(60)  # type: ignore[attr-defined]
for name in [name for name in os.environ if name.startswith("FEDISORA_")]:
    # settings of the developer's own instance do not leak into tests or the processes they start
    if not name.startswith("FEDISORA_TEST_") and name not in (
            "FEDISORA_REQUIRE_ALL", "FEDISORA_SHARED", "FEDISORA_UPDATE_SNAPSHOTS"):
        del os.environ[name]


@pytest.fixture(autouse=True)
def _loopback_only() -> Iterator[None]:
    """Fail a test that tried to leave this machine, even if nobody noticed."""
    network.attempts.clear()
    yield
    tried, network.attempts[:] = list(network.attempts), []
    if tried:
        pytest.fail(f"tried to reach {', '.join(tried)}", pytrace=False)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remember where the logs of running servers end, for `pytest_runtest_makereport`."""
    for instance in list(instances.running):
        instance.seen = instance.log.stat().st_size if instance.log.exists() else 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """A test that fails shows the last lines that its servers wrote meanwhile: a fault that comes seldom is explained at once."""
    report = yield
    if report.failed:
        for instance in list(instances.running):
            if instance.log.exists():
                lines = instance.log.read_bytes()[instance.seen:].decode(errors="replace").splitlines()
                report.sections.append((f"log of {instance.base}", "\n".join(lines[-LOG_LINES:])))
    return report


@pytest.fixture
def shared() -> Path:
    """Fixtures and vectors kept outside this repository."""
    environment.require("shared")
    folder = environment.shared_path()
    assert folder is not None
    return folder


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'test.sqlite3'}"


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL database of this test's own."""
    environment.require("postgresql")
    with databases.postgres_database(environment.POSTGRES) as url:
        yield url


@pytest.fixture
def redis_url() -> Iterator[str]:
    """The URL of an empty Redis database of this test's own."""
    environment.require("redis")
    with databases.redis_database(environment.REDIS) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Both databases we support, one after the other."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's program file; start it with `environment.chromium_arguments()`."""
    environment.require("chromium")
    found = environment.chromium_path()
    assert found is not None
    return found


@pytest.fixture(scope="session")
def node() -> None:
    """Node.js is there."""
    environment.require("node")
