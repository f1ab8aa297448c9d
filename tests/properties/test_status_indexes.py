"""However chance falls, whoever gives up and whatever is undone: no index of a list is given away twice."""
from __future__ import annotations

import secrets
from collections.abc import Iterator
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedisora.db import Database, Instance, UnitOfWork
from fedisora.models import Base
from fedisora.services import instance
from fedisora.services.verification import status_lists
from fedisora.settings import load_settings
from fedisora.store import credentials as rows
from fedisora.uris import Uris
from fedisora.vault import Vault

pytestmark = pytest.mark.xdist_group("status_indexes")  # its tests go through one scene

GIVEN: set[tuple[int, int]] = set()
REAL = secrets.randbelow


class Undone(Exception):
    """The transaction does not happen."""


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("lists")
    found = load_settings(folder, base_url="https://here.example")
    db = Database(Instance(found, Uris(found.base_url), Vault.open(folder)))
    Base.metadata.create_all(db.engine)
    db.write_now(instance.initialise)
    yield db
    db.close()


@given(steps=st.lists(st.tuples(st.lists(st.integers(0, 12), max_size=4), st.sampled_from(["keep", "undo", "revoke", "full"])),
                      max_size=8))
@settings(max_examples=25, deadline=None)
def test_no_index_twice(lists: Database, steps: list[tuple[list[int], str]]) -> None:
    for chance, what in steps:
        falls = iter(chance)

        def draw(uow: UnitOfWork, falls: Iterator[int] = falls, what: str = what) -> tuple[int, int]:
            with mock.patch("secrets.randbelow", lambda most: next(falls, None) or REAL(most)):
                found = status_lists.draw(uow)
            if what == "undo":
                raise Undone
            if what == "revoke":
                status_lists.revoke(uow, *found)
            if what == "full":
                rows.hold_list(uow.session, found[0]).used = rows.FULLEST
            return found

        try:
            found = lists.write_now(draw)
        except Undone:
            continue
        assert found not in GIVEN
        GIVEN.add(found)
