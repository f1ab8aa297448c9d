"""From a request to rows in the queue: work out, show, write, screen. The web, the pages and the command line ask here."""
from __future__ import annotations

import dataclasses
import secrets

from sqlalchemy.orm import Session

from ..db import Database, UnitOfWork
from ..errors import Invalid
from ..models import Actor, Generation
from ..services import generations
from ..services.generations import Estimate, Plan, inputs, webhooks
from ..settings import Settings
from ..storage import Store
from ..store import actors
from . import presets, screening
from .intake import Wanted
from .presets import Preset
from .safety import Gates, check_prompt

MAX_PROMPT = 1000

def offered(session: Session, settings: Settings) -> tuple[str, list[Preset]]:
    """The name of the default model, and all that people may choose from."""
    name = settings.generation_model or settings.generation_backend
    return name, [preset for preset in presets.PRESETS if preset.name == name]


def _planned(settings: Settings, wanted: Wanted) -> Plan:
    """The effective parameters, by what the presets say."""
    text = " ".join(wanted.prompt.split())
    if not text:
        raise Invalid("Please say what the video should show.", code="no-prompt")
    if len(text) > MAX_PROMPT:
        raise Invalid(f"The prompt may have {MAX_PROMPT} characters at most.", code="long-prompt")
    name = wanted.model or settings.generation_model or settings.generation_backend
    preset = presets.find(name)
    if preset is None:
        raise Invalid(f"There is no model {name} here.", code="no-model")
    if wanted.orientation not in preset.sizes:
        raise Invalid(f"The shape is one of {', '.join(preset.sizes)}.", code="orientation")
    longest = min(preset.max_seconds, settings.generation_max_seconds)
    if not preset.min_seconds <= wanted.seconds <= longest:
        raise Invalid(f"A video may be {preset.min_seconds:g} to {longest:g} seconds long.", code="seconds")
    width, height = preset.sizes[wanted.orientation][0]
    return Plan(prompt=text, backend=preset.backend, model=preset.name, gpu_class=preset.gpu_class,
                seed=secrets.randbits(53) if wanted.seed is None else wanted.seed, width=width, height=height,
                frames=round(wanted.seconds * preset.fps), fps=preset.fps, seconds=wanted.seconds, orientation=wanted.orientation,
                remix_of_id=wanted.remix_of_id, variants=wanted.variants)


def _worked_out(session: Session, db: Database, actor_id: int, wanted: Wanted) -> tuple[Actor, Plan]:
    """The account and the effective parameters of its request.

    Raises:
        Invalid, NotFound, Forbidden: as it was asked for it cannot be made; the text says why.
    """
    actor = actors.get(session, actor_id)
    if wanted.webhook_url:
        webhooks.check_url(wanted.webhook_url)
    if wanted.publish is not None:
        generations.draft_of(wanted.publish)
    if wanted.input_media_id is not None:
        source = inputs.find(session, actor, wanted.input_media_id)
        wanted = dataclasses.replace(wanted, task=wanted.task or source.task,
                                     remix_of_id=source.remix_of_id or wanted.remix_of_id)
    return actor, _planned(db.instance.settings, wanted)


async def preview(db: Database, actor_id: int, wanted: Wanted) -> tuple[Plan, Estimate]:
    """What exactly would be made of a request and what it would cost. Nothing is queued.

    Raises:
        Invalid, NotFound, Forbidden: as it was asked for it cannot be made; the text says why.
    """
    def look(session: Session) -> tuple[Plan, Estimate]:
        _, plan = _worked_out(session, db, actor_id, wanted)
        return plan, generations.estimate(session, db.instance.settings, plan, db.clock())

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
    await check_prompt(wanted.prompt)

    def write(uow: UnitOfWork) -> list[int]:
        actor, plan = _worked_out(uow.session, db, actor_id, wanted)
        rows = generations.request(uow, actor, plan, publish_as=wanted.publish, webhook_url=wanted.webhook_url,
                                   webhook_secret=webhook_secret)
        return [row.id for row in rows]

    ids = await db.write(write)
    await _screen(db, storage, gates, ids)
    return ids


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
        await screening.screen(db, storage, gates, row_id)
    refused = await db.read(lambda session: [row for row in (session.get_one(Generation, one) for one in ids)
                                             if row.state == "rejected"])
    if refused and len(refused) == len(ids):
        raise Invalid(refused[0].error or "This was refused.", code=refused[0].code or "rejected",
                      cause=f"generation {refused[0].id} was refused")
