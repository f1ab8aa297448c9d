"""Houses with generations: one whose generations are made by hand, one with two people and a moderator."""
from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from sqlalchemy import delete

from fedisora.models import Generation, GenerationWorker, Job, Screening
from tests.support.rendering import Shop, install_faulty
from tests.support.studio import Studio


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


@pytest.fixture(scope="module")
def made_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The house itself, and a backend that fails as its prompt says."""
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        path = [str(install_faulty(folder / "packages")), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, path)))
        found = Shop.open(folder / "data")
        yield found
        found.close()


@pytest.fixture
def shop(made_shop: Shop) -> Shop:
    """The house without generations."""
    for table in (Screening, Job, GenerationWorker, Generation):
        made_shop.house.db.write_now(lambda uow, old=table: uow.session.execute(delete(old)))  # type: ignore[misc]
    for path in made_shop.files():
        path.unlink()
    return made_shop
