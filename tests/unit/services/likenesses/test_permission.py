"""Who may ask for a likeness: every audience and every kind of asker, on both databases."""
from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from fedisora.db import Database, Instance
from fedisora.models import Actor, Base, Block, Follow, Likeness, User
from fedisora.provenance import humanity
from fedisora.services import likenesses as use_cases
from fedisora.services.likenesses.permission import CLOSED, NO_AGENTS, WHO, Decision
from fedisora.settings import load_settings
from fedisora.store import likenesses
from fedisora.uris import Uris
from fedisora.vault import Vault
from tests.support.generations import person

pytestmark = pytest.mark.xdist_group("permission")  # its tests go through one scene

AWAY = "https://away.example/users/"
ASKERS = ("stranger", "mutual", "fan", "idol", "verified", "expired", "approved", "always", "blocked", "blocks", "is_blocked",
          "suspended", "agent", "owned", "untrue", "blocked_agent", "approved_agent", "always_agent")
MACHINES = ("agent", "owned", "untrue", "blocked_agent", "approved_agent", "always_agent")
UNHEARD = ("blocked", "blocked_agent")
CLOSED_TO = ("blocks", "is_blocked", "suspended")
NEVER = ("blocked", "blocks", "is_blocked", "suspended", "blocked_agent")
ALLOWED = {  # beside `approved` and `always`, who may at every level but `nobody`
    "nobody": set(), "approved": set(), "mutuals": {"mutual"}, "verified": {"verified", "owned"},
    "everyone": set(ASKERS) - set(NEVER)}


def build(db: Database) -> tuple[int, dict[str, int]]:
    """The owner and all who ask: row ids of their actors."""
    def write(uow: Any) -> tuple[int, dict[str, int]]:
        owner = person(uow, "ada")
        ids: dict[str, int] = {}
        for name in (*ASKERS, "op", "bad_op"):
            machine = name in MACHINES
            operator = {"owned": "verified", "untrue": "op", "blocked_agent": "bad_op"}.get(name)
            ids[name] = uow.new_id()
            uow.session.add(Actor(
                id=ids[name], uri=AWAY + name, username=name, username_key=name, domain="away.example",
                type="Service" if machine else "Person", kind="agent" if name in ("owned", "untrue") else None,
                operator_uri=AWAY + operator if operator else None, created_at=uow.now, updated_at=uow.now,
                suspended_at=uow.now if name == "suspended" else None))
        uow.session.flush()
        rows = {name: uow.session.get(Actor, row_id) for name, row_id in ids.items()}
        for name, until in (("verified", 30), ("expired", -1), ("op", 30)):
            rows[name].human, rows[name].human_until = humanity.TRUSTED, uow.now + dt.timedelta(days=until)
        rows["verified"].operates = [AWAY + "owned"]  # `op` says nothing of `untrue`
        for one, other in (("mutual", None), (None, "mutual"), ("fan", None), (None, "idol")):
            follower, followed = ids.get(one or "", owner), ids.get(other or "", owner)
            uow.session.add(Follow(id=uow.new_id(), actor_id=follower, target_id=followed, state="accepted",
                                   uri=f"{AWAY}f/{uow.new_id()}", created_at=uow.now))
        for name, decision in (("approved", "approved"), ("always", "always"), ("blocked", "blocked"), ("bad_op", "blocked"),
                               ("approved_agent", "approved"), ("always_agent", "always")):
            likenesses.set_person(uow, owner, ids[name], decision)
        for actor_id, target_id in ((ids["blocks"], owner), (owner, ids["is_blocked"])):
            uow.session.add(Block(id=uow.new_id(), actor_id=actor_id, target_id=target_id, uri=f"{AWAY}b/{uow.new_id()}",
                                  created_at=uow.now))
        return owner, ids

    return db.write_now(write)


def asked(db: Database, owner: int, asker: int, **values: Any) -> Decision:
    """What is decided about a likeness with these values."""
    def read(session: Any) -> Decision:
        now = db.clock()
        row = Likeness(**({"id": 1, "actor_id": owner, "kind": "self", "state": "active", "audience": "everyone", "agents": True,
                           "until": None} | values))
        return use_cases.decide(session, session.get_one(Actor, owner), session.get_one(Actor, asker), row, now)

    return db.read_now(read)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, int, dict[str, int]]]:
    """The same people for tests that only look."""
    folder = tmp_path_factory.mktemp("crowd")
    found = load_settings(folder, base_url="https://here.example", database_url=f"sqlite:///{folder / 'a.sqlite3'}")
    database = Database(Instance(found, Uris(found.base_url), Vault.open(folder)))
    Base.metadata.create_all(database.engine)
    yield database, *build(database)
    database.close()


def test_every_audience_and_every_asker(db: Database) -> None:
    owner, ids = build(db)
    for audience in likenesses.AUDIENCES:
        for agents in (True, False):
            for name in ASKERS:
                decision = asked(db, owner, ids[name], audience=audience, agents=agents)
                known = name.removesuffix("_agent") in ("approved", "always")
                expected = (audience != "nobody" and name not in NEVER and (agents or name not in MACHINES)
                            and (known or name in ALLOWED[audience]))
                assert decision.allowed is expected, (audience, agents, name, decision)
                assert decision.automatic is (expected and name.startswith("always")), (audience, agents, name)
                assert bool(decision.reason) is not expected
                unheard = name in UNHEARD and audience == "everyone" and (agents or name not in MACHINES)
                assert decision.unheard is unheard, (audience, agents, name)
                if audience == "nobody" or unheard or name in CLOSED_TO:
                    assert decision.reason == CLOSED
                elif not expected:
                    assert decision.reason == (NO_AGENTS if name in MACHINES and not agents else WHO[audience])


MISSING = ({"state": "checking"}, {"state": "refused"}, {"state": "withdrawn"}, {"audience": "what"}, {"audience": ""},
           {"actor_id": 5}, {"until": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)})


def test_what_is_not_there_is_asked_for_by_nobody(crowd: Any) -> None:
    db, owner, ids = crowd
    for values in MISSING:
        for name in ("stranger", "always", "verified"):
            assert asked(db, owner, ids[name], **values) == Decision(False, CLOSED)
        if "audience" not in values:
            assert asked(db, owner, owner, **values) == Decision(False, CLOSED)
    nothing = db.read_now(lambda session: use_cases.decide(
        session, session.get_one(Actor, owner), session.get_one(Actor, ids["always"]), None, db.clock()))
    assert nothing == Decision(False, CLOSED)


def test_oneself_needs_nobody(crowd: Any) -> None:
    db, owner, _ = crowd
    assert asked(db, owner, owner, audience="nobody") == Decision(True, automatic=True)


def test_an_account_that_is_not_in_use_is_not_asked(crowd: Any) -> None:
    db, owner, ids = crowd

    def put(state: str) -> None:
        db.write_now(lambda uow: uow.session.execute(update(User).where(User.actor_id == owner).values(state=state)))

    for state in ("disabled", "pending"):
        put(state)
        assert asked(db, owner, ids["always"]) == Decision(False, CLOSED)
    put("active")


def test_an_end_that_is_to_come_lets_ask(crowd: Any) -> None:
    db, owner, ids = crowd
    assert asked(db, owner, ids["stranger"], until=db.clock() + dt.timedelta(minutes=1)).allowed


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(ASKERS), audience=st.sampled_from(likenesses.AUDIENCES), agents=st.booleans(),
       decision=st.sampled_from(("", *likenesses.DECISIONS)), state=st.sampled_from(tuple(likenesses.TRANSITIONS)),
       days=st.none() | st.integers(-400, 400))
def test_blocked_and_nobody_are_never_allowed(crowd: Any, name: str, audience: str, agents: bool, decision: str, state: str,
                                              days: int | None) -> None:
    db, owner, ids = crowd
    before = db.read_now(lambda session: likenesses.decided_about(session, owner, ids[name]))
    db.write_now(lambda uow: likenesses.set_person(uow, owner, ids[name], decision))
    try:
        said = asked(db, owner, ids[name], audience=audience, agents=agents, state=state,
                     until=db.clock() + dt.timedelta(days=days) if days is not None else None)
    finally:
        db.write_now(lambda uow: likenesses.set_person(uow, owner, ids[name], before))
    if decision == likenesses.BLOCKED:
        assert not said.allowed
    if audience == likenesses.NOBODY or state != "active" or (days is not None and days <= 0):
        assert said == Decision(False, CLOSED)
    if said.automatic:
        assert said.allowed
        assert decision == likenesses.ALWAYS
    if not agents and name in MACHINES:
        assert not said.allowed
