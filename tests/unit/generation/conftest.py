"""An instance whose generations are made by hand."""
from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from sqlalchemy import delete

from fedisora.models import Generation, GenerationWorker, Job, Screening
from tests.support.rendering import Shop, install_faulty


@pytest.fixture(scope="module")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        path = [str(install_faulty(folder / "packages")), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, path)))
        found = Shop.open(folder / "data")
        yield found
        found.close()


@pytest.fixture
def shop(_shop: Shop) -> Shop:
    """The module's instance, without generations."""
    for table in (Screening, Job, GenerationWorker, Generation):
        _shop.house.db.write_now(lambda uow, old=table: uow.session.execute(delete(old)))  # type: ignore[misc]
    for path in _shop.files():
        path.unlink()
    return _shop
