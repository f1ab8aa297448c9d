"""Sending: sign an activity, keep it, and write one delivery row per inbox, all in the transaction of its cause."""
from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import orjson
from sqlalchemy import insert, or_, select, update

from ..activitypub.contexts import context_for
from ..activitypub.integrity_proofs import sign_document
from ..activitypub.parse import id_of
from ..db import UnitOfWork
from ..models import Actor, Delivery, OutboxActivity
from ..store import domains, keys


def sign(uow: UnitOfWork, actor: Actor, document: dict[str, Any]) -> dict[str, Any]:
    """A document with its actor's FEP-8b32 proof; a missing `@context` is added."""
    whole = document if "@context" in document else {"@context": context_for(document, proof=True), **document}
    key, method = keys.proof_key(uow.session, uow.vault, uow.uris, actor)
    return sign_document(whole, key, method, uow.now)


def send(uow: UnitOfWork, actor: Actor, activity: dict[str, Any], inboxes: Iterable[str], *, object_uri: str = "",
         public: bool = False) -> OutboxActivity:
    """Sign and store an activity of a local actor, and queue its deliveries. Repeating it with the same id adds nothing.

    Args:
        activity: minimal, with id, type, actor, object; an embedded object keeps its own `@context` and `proof`.
        inboxes: remote inboxes, in any order and number; our own and those of domains that we refuse are left out.
        object_uri: what it is about, for order and look-up.
        public: whether anybody may read it in the outbox.
    """
    session = uow.session
    uri = str(activity["id"])
    row = session.scalar(select(OutboxActivity).where(OutboxActivity.uri == uri))
    if row is None:
        row = OutboxActivity(id=uow.new_id(), uri=uri, actor_id=actor.id, type=str(activity["type"]), public=public,
                             object_uri=object_uri or id_of(activity.get("object")) or "",
                             document=orjson.dumps(sign(uow, actor, activity)), created_at=uow.now)
        session.add(row)
        session.flush()
    lane = lane_of(activity)
    if activity["type"] == "Delete":
        _supersede(uow, lane, row.id)
    targets = [inbox for inbox in dict.fromkeys(inboxes) if inbox and not uow.uris.is_local(inbox)]
    if targets:
        rules = domains.load(session, uow.settings, targets)
        targets = [inbox for inbox in targets if not rules.refuses(inbox)]
    known = set(session.scalars(select(Delivery.inbox).where(Delivery.activity_id == row.id))) if targets else set()
    rows = [{"id": uow.new_id(), "activity_id": row.id, "inbox": inbox, "host": urlsplit(inbox).netloc.lower(),
             "lane": lane, "state": "pending", "run_at": uow.now, "attempt": 0} for inbox in targets if inbox not in known]
    if rows:
        session.execute(insert(Delivery), rows)
        uow.ring("delivery")
    return row


def lane_of(activity: dict[str, Any]) -> int:
    """The lane of an activity: what must arrive in order at an inbox. Non-zero, fits 63 bits.

    A post's Create, Update and Delete are about the post; a Follow, Like, Announce or Block and its Undo are about that
    activity.
    """
    kind, target = activity["type"], activity.get("object")
    about = id_of(target) if kind in ("Create", "Update", "Delete", "Undo") else activity["id"]
    digest = hashlib.blake2b((about or str(activity["id"])).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 1) or 1


def _supersede(uow: UnitOfWork, lane: int, activity_id: int) -> None:
    """A Delete makes what was not sent yet about its object pointless (what is on its way right now stays)."""
    uow.session.execute(update(Delivery).where(
        Delivery.lane == lane, Delivery.state == "pending", Delivery.activity_id != activity_id,
        or_(Delivery.lease_until.is_(None), Delivery.lease_until < uow.now)).values(
            state="failed", done_at=uow.now, last_error="superseded by a Delete"),
        execution_options={"synchronize_session": False})


def inbox_of(actor: Actor, *, shared: bool = True) -> list[str]:
    """Where something for one remote actor goes; [] for a local one."""
    if actor.local:
        return []
    return [(actor.shared_inbox if shared and actor.shared_inbox else actor.inbox)]
