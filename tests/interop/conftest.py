"""Instances for the interop tests: started once per module, ended by pid."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.instances import InstanceProcess


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., InstanceProcess]]:
    """Make and start an instance: `instances(name, **settings)`."""
    running: list[InstanceProcess] = []

    def make(name: str, **settings: str) -> InstanceProcess:
        folder: Path = tmp_path_factory.mktemp(name)
        instance = InstanceProcess(folder, **settings)
        running.append(instance)
        return instance.start()

    yield make
    for instance in running:
        instance.close()
