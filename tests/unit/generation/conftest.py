"""An instance whose generations are made by hand."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.rendering import Shop, install_faulty


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("PYTHONPATH", str(install_faulty(tmp_path / "packages")))
    found = Shop.open(tmp_path / "data")
    yield found
    found.close()
