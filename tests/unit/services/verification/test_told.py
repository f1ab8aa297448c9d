"""Who hears that somebody is no longer verified."""
from __future__ import annotations

import pytest
from sqlalchemy import select, update

from fedisora.activities import outbox
from fedisora.db import UnitOfWork
from fedisora.models import Delivery, Follow, OutboxActivity
from fedisora.serializers.activitypub.actor import from_activitypub
from fedisora.services.verification import credentials
from fedisora.store import acquainted, actors, notifications
from tests.unit.activities.conftest import Town, remote_actor, town

__all__ = ["town"]


def test_an_end_is_told_to_servers_that_know_the_account(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only to those of followers: whoever got a post, whose people did something with one, whom the account follows. A new
    credential is no reason to write to them."""
    hosts = ("got", "tried", "liked", "followed", "gone", "stranger")

    note = town.post()

    def stage(uow: UnitOfWork) -> None:
        ada = actors.local_active(uow.session, "ada")
        assert ada is not None
        met = {}
        for host in hosts:
            data = remote_actor(f"https://{host}.example/users/x")
            met[host] = actors.upsert_remote(uow, from_activitypub(data, handle=("x", f"{host}.example")))
        met["gone"].suspended_at = uow.now
        for host in ("liked", "gone"):
            notifications.notify(uow, ada.id, met[host].id, "favourite", about=1)
        uow.session.add(Follow(id=uow.new_id(), uri="https://here.example/f/1", actor_id=ada.id, target_id=met["followed"].id,
                               state="accepted", created_at=uow.now))
        outbox.send(uow, ada, {"id": "https://here.example/a/1", "type": "Create", "actor": ada.uri, "object": note},
                    [f"https://{host}.example/inbox" for host in ("got", "tried")])
        uow.session.execute(update(Delivery).where(Delivery.host == "got.example").values(state="done"))

    town.run(stage)

    def told() -> set[str]:
        return set(town.db.read_now(lambda session: session.scalars(
            select(Delivery.host).join(OutboxActivity, OutboxActivity.id == Delivery.activity_id)
            .where(OutboxActivity.type == "Update"))))

    for method in ("live-clip", "vouch"):
        town.act(lambda uow, ada, method=method: credentials.issue(uow, ada, method), town.ada)  # type: ignore[misc]
    assert told() == set()
    town.act(lambda uow, ada: credentials.revoke(uow, ada, "a mistake"), town.ada)
    assert told() == {"got.example", "liked.example", "followed.example"}
    monkeypatch.setattr("fedisora.store.acquainted.MOST", 2)
    assert len(town.act(lambda uow, ada: acquainted.inboxes(uow.session, ada.id), town.ada)) == 2
