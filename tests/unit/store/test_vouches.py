"""Vouches on both databases: two words at the same moment verify once, and a word that is taken back meanwhile does not count."""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select

from fedisora.db import Database
from fedisora.errors import FedisoraError
from fedisora.models import HumanCredential
from fedisora.services.verification import credentials
from fedisora.services.verification.methods import vouching
from fedisora.store import vouches
from tests.support.neighbours import Village


@pytest.fixture
def village(db: Database) -> Village:
    found = Village.on(db, "ann", "ben", "cat", "dan", "eve", "fay")
    found.verify("ann", "ben", "cat", "dan")
    return found


def given(village: Village, name: str) -> int:
    return village.db.read_now(lambda session: session.scalar(select(func.count()).select_from(HumanCredential).where(
        HumanCredential.actor_id == village.ids[name]))) or 0


def test_the_graph_is_walked_and_verified_people_are_told_apart(village: Village) -> None:
    village.vouched("eve", "ann", "ben", "cat")
    village.later(days=8)
    assert village.vouched("fay", "eve", "ann", "ben")
    name = {row: name for name, row in village.ids.items()}
    with village.db.reading() as session:
        assert {name[row] for row in vouches.chain(session, village.ids["fay"])} == {"ann", "ben", "cat", "eve"}
        direct, vouched = vouches.verified(session, list(name), village.now)
        assert ({name[row] for row in direct}, {name[row] for row in vouched}) == (
            {"ann", "ben", "cat", "dan"}, {"eve", "fay"})
        assert {name[row] for row in vouches.subjects_of(session, [village.ids["eve"]])} == {"fay"}
        assert vouching.levels(session, list(name), village.now) == {village.ids["eve"]: 1, village.ids["fay"]: 2}


def test_two_words_at_once_verify_once(village: Village) -> None:
    village.vouched("eve", "ann")
    start = Barrier(3)

    def give(voucher: str) -> None:
        start.wait(10)
        village.vouch(voucher, "eve")

    with ThreadPoolExecutor(3) as pool:
        for task in [pool.submit(give, voucher) for voucher in ("ben", "cat", "dan")]:
            task.result()
    assert village.holds("eve")
    assert given(village, "eve") == 1


@pytest.mark.parametrize("how", ["take back", "lose"])
def test_a_word_that_goes_while_the_third_comes_leaves_nobody_verified(village: Village, how: str) -> None:
    for _ in range(3):
        village.vouched("eve", "ann", "ben")
        start = Barrier(2)

        def end() -> None:
            start.wait(10)  # noqa: B023
            if how == "lose":
                village.act(credentials.revoke, "ann", "over")
            else:
                village.act(vouching.take_back, "ann", village.ids["eve"])

        def give() -> None:
            start.wait(10)  # noqa: B023
            try:
                village.vouch("cat", "eve")
            except FedisoraError:
                return

        with ThreadPoolExecutor(2) as pool:
            for task in [pool.submit(end), pool.submit(give)]:
                task.result()
        assert not village.holds("eve")
        village.act(vouching.take_back, "cat", village.ids["eve"])
        village.verify("ann")
