"""From a request to rows in the queue: work out, show, write, screen. The web, the pages and the command line ask here."""
from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from ..db import Database, UnitOfWork
from ..errors import Busy, Invalid
from ..models import Actor, Generation
from ..services import generations
from ..services.cameos import asking
from ..services.cameos.asking import Wish
from ..services.generations import Estimate, Plan, inputs, webhooks
from ..services.likenesses import declaring
from ..storage import Store
from ..store import actors
from . import screening
from .intake import Source, Wanted, plan
from .presets import catalogue
from .safety import Gates


def _worked_out(session: Session, db: Database, actor_id: int, wanted: Wanted, *, elsewhere: bool = False) -> tuple[Actor, Plan]:
    """The account and the effective parameters of its request.

    Raises:
        Invalid, NotFound, Forbidden: as it was asked for it cannot be made; the text says why.
    """
    actor = actors.get(session, actor_id)
    if wanted.webhook_url:
        webhooks.check_url(wanted.webhook_url)
    if wanted.publish is not None:
        generations.draft_of(wanted.publish)
    source: Source | None = None
    if wanted.input_media_id is not None:
        found = inputs.find(session, actor, wanted.input_media_id, elsewhere=elsewhere)
        source = Source(found.task, found.media.width or 0, found.media.height or 0, found.media.duration)
        people = declaring.check(session, actor, wanted.people, found.media, db.clock(), needed=not elsewhere)
        wanted = dataclasses.replace(wanted, remix_of_id=found.remix_of_id or wanted.remix_of_id, people=people)
    else:
        wanted = dataclasses.replace(wanted, people="")
    settings = db.instance.settings
    return actor, plan(settings, catalogue.current(session, settings), wanted, source=source)


async def preview(db: Database, actor_id: int, wanted: Wanted) -> tuple[Plan, Estimate]:
    """What exactly would be made of a request and what it would cost. Nothing is queued.

    Raises:
        Invalid, NotFound, Forbidden: as it was asked for it cannot be made; the text says why.
    """
    def look(session: Session) -> tuple[Plan, Estimate]:
        _, made = _worked_out(session, db, actor_id, wanted, elsewhere=True)
        return made, generations.estimate(session, db.instance.settings, made, db.clock())

    return await db.read(look)


async def submit(db: Database, storage: Store, gates: Gates, actor_id: int, wanted: Wanted, *,
                 webhook_secret: bytes | None = None) -> list[int]:
    """Queue a request: rows and the net of a job in one transaction, then the gates. The ids, one for each variant, in the order
    of their seeds.

    Args:
        webhook_secret: what the messages to `wanted.webhook_url` are signed with (see `services.generations.webhooks`).

    Raises:
        Invalid: as it was asked for it cannot be made, or a gate refused it; the text says why.
        NotFound, Forbidden: what it starts from is not there, or may not be used; or this account may not ask for that.
        TooManyRequests: a quota is used up; the text says when it works again.
    """
    def write(uow: UnitOfWork) -> list[int]:
        actor, made = _worked_out(uow.session, db, actor_id, wanted)
        rows = generations.request(uow, actor, made, publish_as=wanted.publish, webhook_url=wanted.webhook_url,
                                   webhook_secret=webhook_secret)
        return [row.id for row in rows]

    return await queue(db, storage, gates, write)


async def queue(db: Database, storage: Store, gates: Gates, write: Callable[[UnitOfWork], list[int]]) -> list[int]:
    """Write rows in one transaction, then ask the gates about them; their ids.

    Raises:
        Invalid: a gate refused all of them; the text says why. And whatever `write` raises.
    """
    ids = await db.write(write)
    await _screen(db, storage, gates, ids)
    return ids


def planned(session: Session, db: Database, actor_id: int, wanted: Wanted) -> Plan:
    """The effective parameters of a request, for who writes its rows in a transaction of their own.

    Raises:
        Invalid, NotFound, Forbidden: as it was asked for it cannot be made; the text says why.
    """
    return _worked_out(session, db, actor_id, wanted)[1]


async def ask_cameo(db: Database, storage: Store, gates: Gates, actor_id: int, wish: Wish, made: Plan, *,
                    publish: dict[str, Any] | None = None) -> int:
    """Ask for a video with somebody's likeness: our own gates first, then the person. The id of what waits for the answer.

    Args:
        publish: members of `services.publish.Draft` when it is to become a post by itself.

    Raises:
        Invalid: the request is not complete, or a gate refused it.
        Forbidden: the person lets this account not ask.
        TooManyRequests: a quota is used up.
    """
    if publish is not None:
        generations.draft_of(publish)
    row_id = await db.write(lambda uow: asking.ask(uow, actors.get(uow.session, actor_id), wish, made, publish_as=publish).id)
    await _screen(db, storage, gates, [row_id])
    return row_id


async def again(db: Database, storage: Store, gates: Gates, actor_id: int, generation_id: int) -> None:
    """Submit a failed or cancelled one again, with its seed and parameters.

    Raises:
        Invalid: a gate refused it this time.
        NotFound, Conflict, Forbidden, TooManyRequests: see `services.generations.retry`.
    """
    await db.write(lambda uow: generations.retry(uow, actors.get(uow.session, actor_id), generation_id))
    await _screen(db, storage, gates, [generation_id])


async def _screen(db: Database, storage: Store, gates: Gates, ids: list[int]) -> None:
    for row_id in ids:
        with contextlib.suppress(Busy):  # a worker is at it
            await screening.screen(db, storage, gates, row_id)
    refused = await db.read(lambda session: [row for row in (session.get_one(Generation, one) for one in ids)
                                             if row.state == "rejected"])
    if refused and len(refused) == len(ids):
        raise Invalid(refused[0].error or "This was refused.", code=refused[0].code or "rejected",
                      cause=f"generation {refused[0].id} was refused")
