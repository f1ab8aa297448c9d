"""Sweeping: expired sessions and codes, old inbox rows, files of deleted media."""
from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, delete, exists, or_, select
from sqlalchemy.orm import Session

from fedisora.activities import lineages
from fedisora.db import UnitOfWork
from fedisora.ids import id_floor
from fedisora.media import foreign
from fedisora.media.scratch import sweep_scratch
from fedisora.models import (
    AuthorizationCode,
    ConsentRequest,
    Delivery,
    Generation,
    InboxMessage,
    Job,
    LoginAttempt,
    Media,
    OneTimeToken,
    WebSession,
)
from fedisora.services.cameos import lapsing
from fedisora.services.generations import UNFINISHED, leftovers
from fedisora.store import backfill, fingerprints, jobs, lineage
from fedisora.store import media as media_rows

from . import agents, clips, humanity, likenesses, storage, trust
from .rows import Handler

if TYPE_CHECKING:
    from fedisora.app import House

AT_ONCE = 500
STAMPS_PER_SWEEP = 2000
"""Consents that are looked at again per hour, at most."""
SWEEP_EVERY = dt.timedelta(hours=1)
KEEP_DONE = dt.timedelta(days=7)
KEEP_FAILED = dt.timedelta(days=30)
KEEP_UNATTACHED = dt.timedelta(days=2)
KEEP_CACHED = dt.timedelta(days=7)
KEEP_ASKED = dt.timedelta(hours=1)
KEEP_REFUSED = dt.timedelta(days=90)
"""For so long who asks again for a consent is answered as before."""
FINGERPRINTS = 20
"""Videos from before there were fingerprints that get theirs, per sweep."""


def schedule(uow: UnitOfWork) -> None:
    """Make sure that a sweep is due within the hour, and that what was missed is looked for; called at every start."""
    jobs.enqueue(uow, "sweep", {}, key="sweep", delay=dt.timedelta(seconds=60))
    backfill.plan_catch_up(uow)
    storage.schedule(uow)
    clips.plan(uow)


async def delete_files(house: House, payload: dict[str, Any]) -> None:
    """Remove files from the storage."""
    await asyncio.to_thread(house.storage.delete, list(payload["keys"]))


async def check_foreign(house: House, payload: dict[str, Any]) -> None:
    """Look for a record inside a file of a server that does not know our vocabulary."""
    await foreign.check(house.db, house.client, house.verifier, int(payload["media_id"]), house.recogniser)


async def sweep(house: House, payload: dict[str, Any]) -> None:
    """Remove what nobody needs any more, and plan the next sweep."""
    await clips.close_late(house)  # first: what is promised to be gone goes, whatever else cannot be done
    for table, where in _finished(house.db.clock()):
        while ids := await house.db.read(lambda session, t=table, w=where: _some(session, t, w)):  # type: ignore[misc]
            await house.db.write(lambda uow, t=table, gone=ids: uow.session.execute(delete(t).where(t.id.in_(gone))))  # type: ignore[misc]
    await house.db.write(_sweep)
    await _look_at_stamps(house)
    await trust.plan(house)
    await humanity.sweep(house)
    await agents.plan(house)
    await likenesses.sweep(house)
    await house.db.write(lapsing.sweep)
    await storage.sweep_uploads(house)
    await house.db.write(leftovers.unstick)
    await asyncio.to_thread(sweep_scratch)
    await asyncio.to_thread(_clear_cache, Path(house.settings.data_dir) / "cache")


async def _look_at_stamps(house: House) -> None:
    """Plan the look at every consent that is due, spread over the time until the next sweep, in small steps."""
    now, planned = house.db.clock(), 0
    while planned < STAMPS_PER_SWEEP:
        ids = await house.db.read(lambda session: lineage.due(session, now, AT_ONCE // 10))
        if not ids:
            return
        planned += len(ids)

        def plan(uow: UnitOfWork, ids: list[int] = ids) -> None:
            lineage.postpone(uow, ids, now + 2 * lineages.AGAIN)  # the look itself says when the next one is
            for row_id in ids:
                jobs.enqueue(uow, "check_consent", {"lineage_id": row_id}, key=f"{row_id}:again",
                             delay=SWEEP_EVERY * 0.9 * (row_id % 997 / 997))

        await house.db.write(plan)


def _clear_cache(folder: Path) -> None:
    """Remove copies of other servers' files that nobody has looked at for a week; after an hour what somebody's consent is asked
    for: they may have refused it meanwhile."""
    if not folder.is_dir():
        return
    now = time.time()
    for path in folder.iterdir():
        kept = KEEP_ASKED if path.name.startswith("consent-") else KEEP_CACHED
        with contextlib.suppress(FileNotFoundError):  # another process clears up too
            if path.stat().st_atime < now - kept.total_seconds():
                path.unlink()


def _finished(now: dt.datetime) -> list[tuple[Any, list[ColumnElement[bool]]]]:
    """What is over in the queues. There may be a great deal: it goes in small steps, and nobody waits long to write."""
    return [
        (InboxMessage, [InboxMessage.id < id_floor(now - KEEP_DONE), InboxMessage.state != "pending",
                        InboxMessage.done_at < now - KEEP_DONE]),
        (Delivery, [Delivery.id < id_floor(now - KEEP_DONE), Delivery.state == "done", Delivery.done_at < now - KEEP_DONE]),
        (Delivery, [Delivery.id < id_floor(now - KEEP_FAILED), Delivery.state == "failed",
                    Delivery.done_at < now - KEEP_FAILED]),
        (ConsentRequest, [ConsentRequest.id < id_floor(now - KEEP_REFUSED), ConsentRequest.status_id.is_(None),
                          ConsentRequest.state.in_(("rejected", "withdrawn")),
                          ConsentRequest.answered_at < now - KEEP_REFUSED])]


def _some(session: Session, table: Any, where: list[ColumnElement[bool]]) -> list[int]:
    return list(session.scalars(select(table.id).where(*where).order_by(table.id).limit(AT_ONCE)))


def _has_generation() -> ColumnElement[bool]:
    """A draft's file stays as long as the draft; one whose generation was thrown away, or has another file, does not."""
    return exists().where(Generation.id == Media.generation_id, Generation.media_id == Media.id, Generation.state != "discarded")


def _sweep(uow: UnitOfWork) -> None:
    session, now = uow.session, uow.now
    backfill.note_alive(uow)
    fingerprints.plan_missing(uow, FINGERPRINTS)
    media_rows.plan_storyboards(uow, FINGERPRINTS)
    session.execute(delete(WebSession).where(WebSession.expires_at < now))
    session.execute(delete(AuthorizationCode).where(AuthorizationCode.expires_at < now - KEEP_DONE))
    session.execute(delete(OneTimeToken).where(OneTimeToken.expires_at < now))
    session.execute(delete(LoginAttempt).where(LoginAttempt.at < now - dt.timedelta(days=1)))
    session.execute(delete(Job).where(Job.state == "dead", Job.created_at < now - KEEP_FAILED))
    stale = session.scalars(select(Media).where(
        Media.status_id.is_(None), Media.state != "remote", Media.created_at < now - KEEP_UNATTACHED,
        or_(Media.generation_id.is_(None), ~_has_generation()), ~exists().where(
            Generation.input_media_id == Media.id, Generation.state.in_(UNFINISHED)))).all()
    keys = media_rows.keys_of(session, stale)
    for media in stale:
        session.delete(media)
    if keys:
        jobs.enqueue(uow, "delete_files", {"keys": keys})
    session.execute(delete(Job).where(Job.kind == "sweep", Job.state == "pending", Job.run_at > now))
    session.flush()
    jobs.enqueue(uow, "sweep", {}, key="next", delay=SWEEP_EVERY)


HANDLERS: dict[str, Handler] = {"check_foreign": check_foreign, "delete_files": delete_files, "sweep": sweep,
                                **storage.HANDLERS, **humanity.HOUSEKEEPING, **likenesses.HOUSEKEEPING}
