"""The application without a socket, on a house with two people and a moderator."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.studio import Studio

from .test_openapi import Client


@pytest.fixture(scope="module")
def made_studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """The house itself: keys and passwords of its people take a second. Its client closes it."""
    return Studio.open(tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="module")
def client(made_studio: Studio) -> Iterator[Client]:
    found = Client(made_studio.house)
    yield found
    found.close()


@pytest.fixture
def studio(made_studio: Studio) -> Studio:
    """The house with nothing in it but its people."""
    made_studio.clear()
    return made_studio
