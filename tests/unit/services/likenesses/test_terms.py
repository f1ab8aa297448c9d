"""What others read of whom one may ask: in words, for one asker or for all, and never whom somebody approved or blocked."""
from __future__ import annotations

import json
from typing import Any

import pytest

from fedisora.provenance import policy
from fedisora.services import likenesses as use_cases
from fedisora.services.likenesses.permission import CLOSED
from fedisora.store import actors, likenesses
from tests.unit.activities.conftest import EVE, REM

from .conftest import Town, change, enrol, soon


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database: the questions are asked of both in test_permission."""
    return sqlite_url


def terms(town: Town, asker: str | None = None) -> dict[str, Any]:
    def read(session: Any) -> dict[str, Any]:
        owner = actors.by_uri(session, town.ada)
        assert owner is not None
        return use_cases.terms(session, town.db.instance.uris, owner, actors.by_uri(session, asker) if asker else None,
                               town.db.clock())

    return town.db.read_now(read)


def rights(town: Town) -> str:
    def read(session: Any) -> str:
        owner = actors.by_uri(session, town.ada)
        assert owner is not None
        return policy.preset_of(use_cases.policy_of(session, owner, town.db.clock()), owner.followers_uri or "", right="canCameo")

    return town.db.read_now(read)


def decided(town: Town, who: str, decision: str) -> None:
    def write(uow: Any) -> None:
        owner, other = actors.by_uri(uow.session, town.ada), actors.by_uri(uow.session, who)
        assert owner and other
        likenesses.set_person(uow, owner.id, other.id, decision)

    town.run(write)


def test_who_enrolled_nothing_takes_no_requests(town: Town) -> None:
    found = terms(town)
    assert found["id"] == f"{town.ada}/cameo"
    assert (found["mayAsk"], found["reason"], found["characters"]) == (False, CLOSED, [])
    assert rights(town) == "nobody"


def test_the_public_part_names_nobody_in_particular(town: Town) -> None:
    end = soon(town)
    enrol(town, audience="mutuals", forbidden="No advertising.", until=end)
    found = terms(town)
    assert (found["mayAsk"], found["reason"]) == (None, "")
    assert found["forbidden"] == "No advertising."
    assert found["agents"] is False
    assert found["until"].startswith(str(end.year))
    assert rights(town) == "ask"


def test_one_asker_reads_whether_they_may(town: Town) -> None:
    row = enrol(town, audience="mutuals")
    assert terms(town, REM)["mayAsk"] is False
    assert "follow" in terms(town, REM)["reason"]
    decided(town, REM, "approved")
    assert terms(town, REM)["mayAsk"] is True
    change(town, row, until=soon(town, -1))
    assert terms(town, REM)["mayAsk"] is False
    assert rights(town) == "nobody"


@pytest.mark.parametrize("audience", likenesses.AUDIENCES)
def test_who_is_blocked_reads_what_they_read_before(town: Town, audience: str) -> None:
    enrol(town, audience=audience, forbidden="No politics.")
    enrol(town, kind="character", name="Milo", audience="everyone")
    before = terms(town, EVE)
    decided(town, EVE, "blocked")
    assert terms(town, EVE) == before
    assert terms(town, EVE) == terms(town, REM), "and what any other stranger reads"


def test_characters_have_terms_of_their_own(town: Town) -> None:
    milo = enrol(town, kind="character", name="Milo", summary="A grey cat.", audience="everyone")
    enrol(town, kind="character", name="Hidden", audience="nobody")
    enrol(town, kind="character", name="Gone", state="withdrawn")
    found = terms(town, REM)
    assert found["mayAsk"] is False
    assert [(one["id"], one["name"], one["summary"], one["mayAsk"]) for one in found["characters"]] == [
        (f"{town.ada}/characters/{milo}", "Milo", "A grey cat.", True)]
    assert rights(town) == "ask"


def test_whom_somebody_decided_about_is_in_no_document(town: Town) -> None:
    enrol(town, audience="approved")
    decided(town, REM, "always")
    decided(town, EVE, "blocked")
    for asker in (None, REM, EVE):
        text = json.dumps(terms(town, asker))
        assert not any(word in text for word in ("rem", "eve", "always", "blocked"))
