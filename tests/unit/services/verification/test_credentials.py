"""HumanCredentials: who may have one, what it says, how it ends, and what others are told."""
from __future__ import annotations

import datetime as dt
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select

from fedisora.db import UnitOfWork
from fedisora.errors import Invalid
from fedisora.models import Actor, AuditEntry, HumanCredential, Notification, StatusIndex, StatusList
from fedisora.provenance import credentials as documents
from fedisora.provenance import humanity
from fedisora.services import accounts, rotation
from fedisora.services.verification import credentials, status_lists
from fedisora.store import actors
from fedisora.store import credentials as rows
from tests.unit.activities.conftest import REM, Town, town

__all__ = ["town"]
NOW = dt.datetime(2026, 11, 26, 9, 0, 0, 250_000, tzinfo=dt.UTC)


class Clock:
    """A clock that goes on by a second each time it is asked."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> dt.datetime:
        self.now += dt.timedelta(seconds=1)
        return self.now


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What differs between databases is tested in tests/unit/store/test_credentials.py."""
    return sqlite_url


@pytest.fixture
def clock(town: Town) -> Clock:
    town.db.clock = found = Clock()
    return found


def issue(town: Town, method: str = "live-clip", who: str = "") -> HumanCredential:
    return town.act(lambda uow, actor: credentials.issue(uow, actor, method, by=7), who or town.ada)


def revoke(town: Town, reason: str = "a mistake", *, own: bool = False) -> None:
    town.act(lambda uow, ada: credentials.revoke(uow, ada, reason, by=ada.id if own else 7), town.ada)


def listed(town: Town, number: int = 1) -> dict[str, Any]:
    return dict(orjson.loads(town.db.read_now(lambda session: session.get_one(StatusList, number).document)))


def bit(town: Town, row: HumanCredential) -> bool:
    return documents.is_revoked(listed(town, row.list_number), row.list_index, now=town.db.clock())


def told(town: Town) -> list[tuple[str, int]]:
    return town.db.read_now(lambda session: [(row.type, row.about_id) for row in session.scalars(
        select(Notification).order_by(Notification.id))])


def audited(town: Town) -> list[tuple[str, int | None, dict[str, Any]]]:
    return town.db.read_now(lambda session: [(row.action, row.actor_id, row.detail) for row in session.scalars(
        select(AuditEntry).order_by(AuditEntry.id))])


def profile(town: Town) -> dict[str, Any]:
    """The actor document in the newest Update."""
    return dict(town.sent("Update")[-1]["object"])


def test_a_credential_says_who_how_and_until_when_and_nothing_else(town: Town, clock: Clock) -> None:
    town.follows(REM, town.ada)
    row = issue(town)
    document = orjson.loads(row.document)
    start = NOW.replace(microsecond=0) + dt.timedelta(seconds=2)
    assert document["id"] == row.uri == f"https://here.example/credentials/{row.id}"
    assert document["credentialSubject"] == {"id": town.ada, "assuranceMethod": "fs:LiveClipReviewed"}
    assert set(document) == {"@context", "id", "type", "issuer", "validFrom", "validUntil", "credentialSubject",
                             "credentialStatus", "proof"}
    assert (row.valid_from, row.valid_until) == (start, start + dt.timedelta(days=180))
    assert documents.credential_problems(document, issuer="https://here.example/actor", subject=town.ada, now=clock()) == []
    assert documents.status_entry(document) == ("https://here.example/credentials/status/1", row.list_index)
    assert not bit(town, row)
    ada = town.actor(town.ada)
    assert humanity.holds(ada.human, ada.human_until, clock())
    assert (ada.attestation, ada.human, ada.human_issuer, ada.human_method) == (
        [row.uri], "checked-by-own-host", "", "fs:LiveClipReviewed")
    assert profile(town)["attestation"] == [row.uri]
    assert told(town) == [("human.approved", row.id)]
    assert audited(town) == [("credential.issued", 7, {"method": "live-clip"})]


def test_a_renewal_replaces_the_former_one(town: Town, clock: Clock) -> None:
    first, second = issue(town), issue(town, "vouch")
    now = town.db.read_now(lambda session: rows.history(session, first.actor_id))
    assert [(row.id, row.end) for row in now] == [(second.id, ""), (first.id, "renewed")]
    assert (bit(town, first), bit(town, second)) == (True, False)
    ada = town.actor(town.ada)
    assert (ada.attestation, ada.human_method, ada.human_until) == ([second.uri], "fs:Vouched", second.valid_until)
    assert [action for action, _, _ in audited(town)] == ["credential.issued", "credential.renewed"]
    assert town.db.read_now(lambda session: credentials.current(session, first.actor_id)).id == second.id  # type: ignore[union-attr]


@pytest.mark.parametrize(("own", "verdict"), [(True, None), (False, "revoked")])
def test_taking_it_back_sets_the_bit_and_tells_everybody(town: Town, clock: Clock, own: bool, verdict: str | None) -> None:
    town.follows(REM, town.ada)
    row = issue(town)
    revoke(town, " a \n mistake ", own=own)
    ended = town.db.read_now(lambda session: session.get_one(HumanCredential, row.id))
    assert (ended.end, ended.reason, ended.ended_at is not None) == ("revoked", "a mistake", True)
    assert bit(town, row)
    ada = town.actor(town.ada)
    assert (ada.human, ada.attestation, ada.human_until, ada.human_method, ada.human_issuer) == (verdict, [], None, None, None)
    assert "attestation" not in profile(town)
    assert ("human.revoked", row.id) in told(town) or own
    assert "mistake" not in orjson.dumps(town.sent("Update")).decode()
    revoke(town)
    assert len(town.sent("Update")) == 2  # nothing was left to take back


@pytest.mark.parametrize(("columns", "says"), [
    ({"kind": "agent", "type": "Service"}, "no person"), ({"type": "Group"}, "of a person"), ({"owner_id": 5}, "of a person"),
    ({"moved_to": REM}, "moved"), ({"suspended_at": NOW}, "not active"), ({"kind": "agent"}, "no person"),
    ({"type": "Service", "kind": None}, "no person")])
def test_only_people_hold_one(town: Town, columns: dict[str, Any], says: str) -> None:
    def change(uow: UnitOfWork, ada: Actor) -> None:
        for name, value in columns.items():
            setattr(ada, name, value)

    town.act(change, town.ada)
    with pytest.raises(Invalid, match=says):
        issue(town)
    assert town.db.read_now(lambda session: session.scalar(select(func.count()).select_from(StatusIndex))) == 0
    assert town.actor(town.ada).human is None


def test_neither_others_accounts_nor_the_instance_nor_the_pending_nor_by_an_unknown_method(town: Town) -> None:
    with pytest.raises(Invalid, match="server of an account"):
        issue(town, who=REM)
    with pytest.raises(Invalid, match="of a person"):
        issue(town, who="https://here.example/actor")
    with pytest.raises(Invalid, match="Choose one of"):
        issue(town, "palmistry")
    pending = town.run(lambda uow: actors.get(uow.session, accounts.create(
        uow, "bo", "bo@example.org", "a fine password", state="pending").actor_id).uri)
    with pytest.raises(Invalid, match="not active"):
        issue(town, who=pending)


def test_who_said_nothing_about_themselves_is_a_person_now(town: Town) -> None:
    town.act(lambda uow, ada: setattr(ada, "kind", None), town.ada)
    issue(town)
    assert town.actor(town.ada).kind == "human"


def test_it_runs_out_and_the_person_hears_of_it_in_time(town: Town, clock: Clock) -> None:
    town.follows(REM, town.ada)
    row = issue(town)
    clock.now = row.valid_until - dt.timedelta(days=31)
    assert town.run(credentials.remind) == 0
    assert not credentials.renewable(row, clock.now)
    clock.now = row.valid_until - dt.timedelta(days=29)
    assert credentials.renewable(row, clock.now)
    assert [town.run(credentials.remind), town.run(credentials.remind)] == [1, 0]
    assert not town.run(lambda uow: credentials.expire(uow, row.id))
    clock.now = row.valid_until
    assert town.db.read_now(lambda session: rows.run_out(session, clock(), 9)) == [row.id]
    assert town.run(lambda uow: credentials.expire(uow, row.id))
    assert not town.run(lambda uow: credentials.expire(uow, row.id))
    ada = town.actor(town.ada)
    assert (ada.human, ada.human_until, ada.attestation) == ("expired", None, [])
    assert bit(town, row)
    assert "attestation" not in profile(town)
    assert told(town) == [("human.approved", row.id), ("human.renew", row.id), ("human.ended", row.id)]
    assert audited(town)[-1] == ("credential.expired", None, {"method": "live-clip"})


def test_erasing_takes_it_back_and_keeps_nothing_but_the_index(town: Town, clock: Clock) -> None:
    first = issue(town)
    second = issue(town)
    town.act(credentials.erase, town.ada)
    assert town.db.read_now(lambda session: rows.history(session, first.actor_id)) == []
    assert (bit(town, first), bit(town, second)) == (True, True)
    ada = town.actor(town.ada)
    assert (ada.human, ada.human_checked_at, ada.attestation) == (None, None, [])
    assert town.db.read_now(lambda session: session.scalar(select(func.count()).select_from(StatusIndex))) == 2


def test_a_removed_account_takes_its_credential_along(town: Town, clock: Clock) -> None:
    row = issue(town)
    town.act(lambda uow, ada: uow.session.delete(ada), town.ada)
    assert not bit(town, row)
    assert [town.run(status_lists.give_up_unclaimed), town.run(status_lists.give_up_unclaimed)] == [1, 0]
    assert bit(town, row)


def test_a_list_is_signed_again_in_time_whoever_asks(town: Town, clock: Clock) -> None:
    issue(town)
    before = listed(town)
    clock.now += dt.timedelta(days=2)
    assert town.run(lambda uow: status_lists.fresh(uow, 1)) == orjson.dumps(before)
    clock.now += dt.timedelta(days=30)  # the server was down
    after = orjson.loads(town.run(lambda uow: status_lists.fresh(uow, 1)))
    assert after["validUntil"] == documents.timestamp(clock.now + dt.timedelta(days=7))
    assert before["credentialSubject"] == after["credentialSubject"]


def test_a_half_full_list_is_followed_by_another(town: Town, clock: Clock) -> None:
    issue(town)
    town.run(lambda uow: setattr(uow.session.get_one(StatusList, 1), "used", rows.FULLEST))
    row = issue(town)
    assert row.list_number > 1
    revoke(town)
    assert bit(town, row)
    assert listed(town, row.list_number)["id"] == f"https://here.example/credentials/status/{row.list_number}"


def test_a_worthless_key_of_the_instance_signs_nothing_that_counts(town: Town, clock: Clock) -> None:
    row = issue(town)
    town.act(lambda uow, issuer: rotation.replace_proof_key(uow, issuer, worthless=True), "https://here.example/actor")
    assert town.run(credentials.sign_again) == 0
    again = orjson.loads(town.db.read_now(lambda session: session.get_one(HumanCredential, row.id).document))
    assert again["proof"]["verificationMethod"] == listed(town)["proof"]["verificationMethod"]
    assert again["proof"]["verificationMethod"] == "https://here.example/actor#ed25519-2"
    assert {**again, "proof": None} == {**orjson.loads(row.document), "proof": None}
