"""Many accounts of one server ask one person: they take the places of their own server and of nobody else."""
from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from fedisora.activities import consents as rules
from fedisora.models import ConsentRequest
from fedisora.serializers.activitypub.actor import from_activitypub
from fedisora.store import actors, consents, likenesses

from .conftest import REM, Town, remote_actor
from .test_remix_requests import OTHER, database_url, original, request, rows

__all__ = ["database_url"]


def test_a_server_with_many_accounts_does_not_fill_an_inbox(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_OF_A_SERVER", 4)
    parent = original(town, "ask")
    many = [f"https://evil.example/users/eve{number}" for number in range(6)]
    for uri in (*many, f"{REM}2"):
        town.run(lambda uow, uri=uri: actors.upsert_remote(uow, from_activitypub(remote_actor(uri))))  # type: ignore[misc]

    def ask(uri: str, kind: str = "RemixRequest", **more: Any) -> str:
        target = parent.uri if kind == "RemixRequest" else town.ada
        return town.receive(request(town, target, kind=kind, actor=uri, video=f"{uri}/statuses/{next(town.numbers)}", **more))

    # requests for a remix and for a likeness take the same places
    assert [ask(many[0]), ask(many[1], "LikenessRequest"), *map(ask, many[2:6])] == [
        "waiting for the owner", "to be looked at", "waiting for the owner", "waiting for the owner", "rejected", "rejected"]
    assert ask(many[1], "LikenessRequest") == "rejected"
    assert {item["summary"] for item in town.sent("Reject")} == {rules.TOO_MANY_THERE}
    assert len(rows(town, ConsentRequest)) == 4, "a flood leaves no rows"
    # other servers have places of their own, and whom she knows finds one
    assert ask(REM) == ask(f"{REM}2") == "waiting for the owner"
    town.follows(town.ada, many[4])
    assert ask(many[4]) == "waiting for the owner"
    town.run(lambda uow: likenesses.set_person(uow, town.actor(town.ada).id, town.actor(many[5]).id, likenesses.APPROVED))
    assert ask(many[5]) == "waiting for the owner"
    # the second step of what she let go is heard however many wait
    first = rows(town, ConsentRequest)[1]
    town.run(lambda uow: setattr(uow.session.get_one(ConsentRequest, first.id), "state", consents.OFFERED))
    assert ask(many[0]) == "rejected"
    assert town.receive(request(town, town.ada, kind="LikenessRequest", actor=many[1], video=first.object_uri,
                                digest=OTHER)) == "to be looked at"


def test_the_places_of_a_server_are_counted_by_an_index(town: Town) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        asked.append((statement, parameters))

    rem, ada = town.actor(REM), town.actor(town.ada)
    event.listen(town.db.engine, "before_cursor_execute", note)
    assert town.db.read_now(lambda session: consents.crowd(session, ada.id, rem)) == (0, 0)
    event.remove(town.db.engine, "before_cursor_execute", note)
    ((statement, parameters),) = [item for item in asked if "consent_requests" in item[0]]
    with town.db.engine.connect() as connection:
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())
    assert "ix_consent_requests_owner_id_state" in plan and "SCAN" not in plan, plan
