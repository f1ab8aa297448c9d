"""Who runs another server's agent counts when both documents say so, in whatever order they come."""
from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select

from fedisora.db import Database, UnitOfWork
from fedisora.models import Actor, Job
from fedisora.serializers.activitypub.actor import from_activitypub
from fedisora.store import actors

BOT, KIM, HERE = "https://b.example/users/bot", "https://k.example/users/kim", "https://here.example/users/ada"


def document(uri: str, kind: str = "Person", **more: Any) -> dict[str, Any]:
    return {"id": uri, "type": kind, "preferredUsername": uri.rpartition("/")[2], "inbox": f"{uri}/inbox",
            "publicKey": {"id": f"{uri}#main-key", "owner": uri, "publicKeyPem": "PEM"}, **more}


def bot(operator: str = KIM) -> dict[str, Any]:
    return document(BOT, "Service", actorKind="fs:AIAgent", operator=operator)


def kim(*operates: str, **more: Any) -> dict[str, Any]:
    return document(KIM, **{"actorKind": "fs:Human", "operates": list(operates), **more})


def store(db: Database, *documents: dict[str, Any]) -> bool:
    """Store documents in this order; whether the agent's operator is confirmed then."""
    def apply(uow: UnitOfWork) -> None:
        for one in documents:
            actors.upsert_remote(uow, from_activitypub(one))

    db.write_now(apply)
    return db.read_now(lambda session: session.scalars(select(Actor.operator_confirmed).where(Actor.uri == BOT)).one())


CASES: list[tuple[list[dict[str, Any]], bool]] = [
    ([bot()], False), ([bot(), kim()], False), ([bot(), kim("https://b.example/users/other")], False),
    ([bot(), kim(BOT)], True), ([kim(BOT), bot()], True), ([bot(), kim(BOT), kim()], False),
    ([kim(BOT), bot(), bot(HERE)], False), ([kim(BOT), bot(HERE)], False), ([kim(BOT), bot(BOT)], False),
    ([bot(), kim(BOT, type="Service", actorKind="fs:AIAgent")], False)]


def test_both_have_to_say_so(db: Database) -> None:
    for documents, confirmed in CASES:  # one database for all: making its tables is the slow part
        assert store(db, *documents) is confirmed, documents
        db.write_now(lambda uow: uow.session.execute(delete(Actor)))


def test_an_operator_that_does_not_confirm_is_asked_on_its_own_server(db: Database) -> None:
    def planned() -> int:
        return len(db.read_now(lambda session: session.scalars(select(Job).where(Job.kind == "confirm_operator")).all()))

    store(db, bot(HERE))
    assert planned() == 0  # an account here is not asked
    store(db, bot(), bot())
    assert planned() == 1
