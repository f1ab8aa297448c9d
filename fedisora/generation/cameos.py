"""Rendering for somebody who asked for a likeness of ours, on this instance: from the request to a generation of its owner's."""
from __future__ import annotations

import contextlib
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ..activities import consents as rules
from ..db import Database, UnitOfWork
from ..errors import Busy, ConfigurationError, Forbidden, Invalid, StorageFull, TooManyRequests
from ..models import ConsentRequest, Generation, Likeness, Media
from ..services import generations
from ..services.cameos import answering
from ..services.generations import Plan
from ..settings import Settings
from ..storage import Store
from ..store import actors, consents
from . import screening
from .intake import Source, Wanted, longest, plan
from .presets import Preset, catalogue
from .safety import Gates


@dataclass(frozen=True)
class Later:
    """The owner's quota is used up for now: try again after so many seconds."""

    seconds: float


def model_for(session: Session, settings: Settings, likeness: Likeness | None = None) -> Preset | None:
    """What this instance makes a video from a picture with: the default model when it can, else the first that can.

    A model that starts from a video redraws what the person does in it, whatever was asked for. So a clip is started from only
    where no model starts from a picture.
    """
    try:
        found = catalogue.current(session, settings)
    except ConfigurationError:
        return None
    tasks = ("image", "video") if likeness is not None and likeness.clip_key is not None else ("image",)
    return next((preset for task in tasks for preset in found.models if task in preset.tasks), None) \
        if settings.ai_policy != "ai-free" else None


def planned(session: Session, settings: Settings, request: ConsentRequest, likeness: Likeness) -> Plan:
    """What exactly is rendered: shape and length of the request, as far as the model makes them.

    Raises:
        Invalid: it cannot be made here.
    """
    preset, wanted = model_for(session, settings, likeness), request.parameters
    if preset is None:
        raise Invalid(answering.NO_RENDER)
    width, height = int(wanted.get("width") or 0), int(wanted.get("height") or 0)
    orientation = "portrait" if height > width else "landscape" if width > height else "square" if width else ""
    seconds = min(max(float(wanted.get("seconds") or 5.0), preset.min_seconds), longest(settings, preset))
    task = "image" if "image" in preset.tasks else "video"
    return plan(settings, catalogue.current(session, settings), Wanted(
        prompt=request.prompt, model=preset.name, task=task, orientation=orientation, seconds=seconds),
        source=Source(task, likeness.width or width or 1, likeness.height or height or 1,
                      likeness.clip_seconds if task == "video" else None))


async def begin(db: Database, storage: Store, gates: Gates, request_id: int) -> Later | None:
    """Queue the rendering of a request that its owner agreed to; the gates are asked as for any video. Safe to repeat."""
    def write(uow: UnitOfWork) -> int | Later | None:
        request = consents.get(uow.session, request_id)
        if request is None or request.state != consents.AGREED or request.render_id is not None:
            return None
        owner, asker, likeness = answering.parties(uow.session, request)
        if not owner.local:
            return None
        decision = answering.permitted(uow.session, request, uow.now)
        if likeness is None or not decision.allowed:
            rules.refuse(uow, owner, asker, request, answering.DENIED if decision.unheard else rules.NOT_TAKEN)
            return None
        try:
            row = generations.request(uow, owner, planned(uow.session, uow.settings, request, likeness))[0]
        except TooManyRequests as error:
            return Later(min(error.retry_after or 60.0, 3600.0))
        except (Invalid, Forbidden, StorageFull):
            rules.refuse(uow, owner, asker, request, answering.NO_RENDER)
            return None
        row.likeness_id, row.consent_request_id, row.people, request.render_id = likeness.id, request.id, "agreed", row.id
        uow.session.flush()
        return row.id

    found = await db.write(write)
    if isinstance(found, int):
        with contextlib.suppress(Busy):  # a worker is at it
            await screening.screen(db, storage, gates, found)
        return None
    return found


def rendered(uow: UnitOfWork, request: ConsentRequest) -> str | None:
    """What became of a rendering: the storage key of a finished draft whose packets are not known yet; None when there is nothing
    to do. One that failed is a no to whoever asked."""
    row = uow.session.get(Generation, request.render_id) if request.render_id is not None else None
    if row is None:
        return None
    if row.state in ("failed", "rejected", "cancelled"):
        owner, asker = actors.get(uow.session, request.owner_id), actors.get(uow.session, request.requester_id)
        rules.refuse(uow, owner, asker, request, answering.NO_RENDER)
        return None
    media = uow.session.get(Media, row.media_id) if row.state == "draft" and row.media_id is not None else None
    return media.storage_key if media is not None else None
