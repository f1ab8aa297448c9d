"""Verdicts looked at again: after keys changed, when servers come back, and when origins revoke certificates.

Everything goes in small batches with pauses between: a big origin's files are neither fetched nor weighed all at once.
"""
from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import select

from fedisora.activities import inbound, local_posts, outbox
from fedisora.activities.remote_posts import proof_state
from fedisora.db import UnitOfWork
from fedisora.models import Actor, ConsentStamp, Media, OutboxActivity, Status
from fedisora.services import rotation
from fedisora.services.verification import credentials
from fedisora.store import jobs, labels, trust

from .rows import Handler

if TYPE_CHECKING:
    from fedisora.app import House

AT_ONCE = 50
WEIGHED_AT_ONCE = 200
SIGNED_AT_ONCE = 20
PAUSE = dt.timedelta(seconds=3)
"""Between two files of an origin that are fetched again."""
LIST_EVERY = dt.timedelta(days=1)
ORIGINS_PER_SWEEP = 60
FILES_PER_SWEEP = 200
SWEEP_EVERY = dt.timedelta(hours=1)
BY_ANCHORS = ("intact-unknown-signer", "verified", "verified-foreign-issuer", "contradicted")
"""Verdicts that other anchors may change."""


async def recheck_origin(house: House, payload: dict[str, Any]) -> None:
    """Look at the verdicts on an origin's files again.

    With `serials`: its certificates that were revoked; with `actor`: an account's document keys changed; with `files`: its
    anchors changed; else: ask whether anything changed.
    """
    home, after = str(payload["origin"]), int(payload.get("after", 0))
    if payload.get("serials"):
        serials = [str(serial) for serial in payload["serials"]]
        await house.db.write(lambda uow: _weigh(uow, home, serials, after))
        return
    if payload.get("actor"):
        await house.db.write(lambda uow: _proofs(uow, home, str(payload["actor"]), after))
        return
    if after == 0:
        change = await house.verifier.trust.refresh(home)
        if change.revoked:
            await house.db.write(lambda uow: jobs.enqueue(uow, "recheck_origin", {
                "origin": home, "serials": list(change.revoked)}))
        if change.restored:
            await house.db.write(lambda uow: _restored(uow, change.restored))
        if not change.anchors and not payload.get("files"):
            return
    await house.db.write(lambda uow: _files(uow, home, after))


def _weigh(uow: UnitOfWork, home: str, serials: list[str], after: int) -> None:
    changed, last = trust.cut_off(uow, home, serials, after, WEIGHED_AT_ONCE)
    for media in changed:
        inbound.checked(uow, media)
    if last is not None:
        jobs.enqueue(uow, "recheck_origin", {"origin": home, "serials": serials, "after": last})


def _restored(uow: UnitOfWork, serials: tuple[str, ...]) -> None:
    for number, media in enumerate(trust.signed_by(uow.session, serials, 0, WEIGHED_AT_ONCE)):
        labels.plan_check(uow, media, delay=PAUSE * number)


def _files(uow: UnitOfWork, home: str, after: int) -> None:
    rows = trust.batch(uow.session, home, after, AT_ONCE)
    for number, media in enumerate(rows):
        if (media.verdict or {}).get("verdict") in BY_ANCHORS:
            labels.plan_check(uow, media, delay=PAUSE * number)
    if len(rows) == AT_ONCE:
        jobs.enqueue(uow, "recheck_origin", {"origin": home, "files": True, "after": rows[-1].id}, delay=PAUSE * AT_ONCE)


def _proofs(uow: UnitOfWork, home: str, actor_uri: str, after: int) -> None:
    """Whether the proofs of an account's posts hold by the keys it has now; only where that changed is a file fetched."""
    rows = trust.batch(uow.session, home, after, AT_ONCE, actor=actor_uri)
    for number, media in enumerate(rows):
        status = uow.session.get(Status, media.status_id)
        if status is None or status.local or status.document is None:
            continue
        author = uow.session.get_one(Actor, status.actor_id)
        if proof_state(orjson.loads(status.document), author, media.created_at) != status.proof:
            labels.plan_check(uow, media, delay=PAUSE * number)
    if len(rows) == AT_ONCE:
        jobs.enqueue(uow, "recheck_origin", {"origin": home, "actor": actor_uri, "after": rows[-1].id}, delay=PAUSE)


async def sign_again(house: House, payload: dict[str, Any]) -> None:
    """Sign an account's documents with its present key: posts, their activities, consents that it gave;
    with the instance's own: credentials and status lists."""
    actor_id, after = int(payload["actor_id"]), int(payload.get("after", 0))
    await house.db.write(lambda uow: _sign_some(uow, actor_id, after))


def _sign_some(uow: UnitOfWork, actor_id: int, after: int) -> None:
    session = uow.session
    actor = session.get(Actor, actor_id)
    if actor is None:
        return
    if actor.type == "Application":  # the instance's own key signs what it says about people, and no posts
        if last := credentials.sign_again(uow, after):
            jobs.enqueue(uow, "sign_again", {"actor_id": actor_id, "after": last}, delay=PAUSE)
        return
    if after == 0:
        for stamp in session.scalars(select(ConsentStamp).where(ConsentStamp.actor_id == actor_id,
                                                                ConsentStamp.revoked_at.is_(None))):
            stamp.document = orjson.dumps(_signed(uow, actor, orjson.loads(stamp.document)))
    rows = session.scalars(select(Status).where(
        Status.actor_id == actor_id, Status.local.is_(True), Status.published.is_(True), Status.document.is_not(None),
        Status.id > after).order_by(Status.id).limit(SIGNED_AT_ONCE)).all()
    for status in rows:
        note = local_posts.document(uow, status, actor)
        for sent in session.scalars(select(OutboxActivity).where(
                OutboxActivity.object_uri == status.uri, OutboxActivity.actor_id == actor_id)):
            activity = orjson.loads(sent.document)
            if sent.type == "Create":
                activity["object"] = note
            sent.document = orjson.dumps(_signed(uow, actor, activity))
    if len(rows) == SIGNED_AT_ONCE:
        jobs.enqueue(uow, "sign_again", {"actor_id": actor_id, "after": rows[-1].id}, delay=PAUSE)


def _signed(uow: UnitOfWork, actor: Actor, document: dict[str, Any]) -> dict[str, Any]:
    return outbox.sign(uow, actor, {name: value for name, value in document.items() if name != "proof"})


async def plan(house: House) -> None:
    """Every hour: ask origins whose lists are a day old, check files whose time has come, renew certificates that are a year old;
    all spread over the hour."""
    now = house.db.clock()
    await house.db.write(lambda uow: rotation.renew(uow))
    origins = await house.db.read(lambda session: trust.due(session, now - LIST_EVERY, ORIGINS_PER_SWEEP))
    files = await house.db.read(lambda session: trust.due_files(session, now, FILES_PER_SWEEP))

    def spread(uow: UnitOfWork) -> None:
        for number, home in enumerate(origins):
            jobs.enqueue(uow, "recheck_origin", {"origin": home}, key=f"list:{home}"[:200],
                         delay=SWEEP_EVERY * 0.9 * number / len(origins))
        for number, media_id in enumerate(files):
            media = uow.session.get(Media, media_id)
            if media is not None:
                media.recheck_at = uow.now + LIST_EVERY  # the check itself says when the next one is
                labels.plan_check(uow, media, delay=SWEEP_EVERY * 0.9 * number / len(files))

    if origins or files:
        await house.db.write(spread)


HANDLERS: dict[str, Handler] = {"recheck_origin": recheck_origin, "sign_again": sign_again}
