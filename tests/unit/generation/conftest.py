"""An instance whose generations are made by hand."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.rendering import Shop, install_faulty
from tests.support.studio import Studio


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("PYTHONPATH", str(install_faulty(tmp_path / "packages")))
    found = Shop.open(tmp_path / "data")
    yield found
    found.close()


@pytest.fixture(scope="session")
def made_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """The house itself: keys and passwords of its people take a second."""
    found = Studio.open(tmp_path_factory.mktemp("studio"))
    yield found
    found.house.db.close()


@pytest.fixture
def studio(made_studio: Studio) -> Studio:
    """The house with nothing in it but its people."""
    made_studio.clear()
    return made_studio
