"""Jobs around a generation: screening what no request came to, posts that were ordered with the video, webhooks."""
from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.orm import Session

from fedisora.db import UnitOfWork
from fedisora.errors import Conflict, Refused, RemoteUnavailable, TooManyRequests
from fedisora.generation import publishing, screening
from fedisora.models import Generation, Media, Status
from fedisora.services import generations
from fedisora.services.generations import webhooks
from fedisora.store import jobs

from .rows import Handler

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
SEND_SECONDS = 15.0
LATER = 600.0
"""Seconds after which a post is tried again that may not be written yet."""


async def screen_generation(house: House, payload: dict[str, Any]) -> None:
    """Ask the gates about one that is still not screened. Safe to repeat."""
    generation_id = int(payload["generation_id"])
    row = await house.db.read(lambda session: session.get(Generation, generation_id))
    if row is not None and row.state in ("submitted", "screening"):
        await screening.screen(house.db, house.storage, house.gates, generation_id)


async def publish_generation(house: House, payload: dict[str, Any]) -> None:
    """Make the post that was asked for with the video. When that is refused it stays a draft that says why. Safe to repeat."""
    generation_id = int(payload["generation_id"])
    row = await house.db.read(lambda session: session.get(Generation, generation_id))
    if row is None or row.state != "publishing":
        return
    wanted = row.publish_as or {}
    description = wanted.get("description")
    try:
        await publishing.publish(
            house.db, house.gates, house.storage, row.actor_id, generation_id, generations.draft_of(wanted),
            show_prompt=wanted.get("show_prompt", True) is not False, description=str(description) if description else None)
    except TooManyRequests as error:  # an agent that has posted a lot in this hour: the video is there, its post comes later
        wait = dt.timedelta(seconds=error.retry_after or LATER)
        await house.db.write(lambda uow: jobs.enqueue(uow, "publish_generation", {"generation_id": generation_id},
                                                      key=f"{generation_id}:{uow.now:%H%M}", delay=wait))
    except Refused as error:
        text, code = error.text, error.code or ("wrong-state" if isinstance(error, Conflict) else "not-published")

        def back(uow: UnitOfWork) -> None:
            now = uow.session.get_one(Generation, generation_id, with_for_update=True)
            if now.state == "publishing":  # a hold has changed it already
                generations.change(uow, now, "draft", code=code[:32], error=text)

        await house.db.write(back)
        log.info("a video was not published", generation=generation_id, reason=text)


async def generation_webhook(house: House, payload: dict[str, Any]) -> None:
    """Send one message to an application, signed (Standard Webhooks). Tried 8 times in about an hour and a half.

    Raises:
        RemoteUnavailable: it did not take it; the job is tried again.
        Refused: this address is not one that we may reach.
    """
    generation_id, state = int(payload["generation_id"]), str(payload["state"])
    at = str(payload["at"])

    def compose(session: Session) -> tuple[str, bytes, bytes] | None:
        row = session.get(Generation, generation_id)
        if row is None or not row.webhook_url or row.webhook_secret is None:
            return None
        media = session.get(Media, row.media_id) if row.media_id is not None else None
        status = session.get(Status, row.status_id) if row.status_id is not None else None
        url = house.uris.media(media.storage_key) if media is not None and media.storage_key else None
        secret = house.vault.unseal(row.webhook_secret, "webhook")
        return row.webhook_url, secret, webhooks.body(row, state, at, media_url=url, status_url=status.url if status else None)

    found = await house.db.read(compose)
    if found is None:
        return
    url, secret, content = found
    sent = webhooks.headers(secret, f"msg_{payload['event']}", house.db.clock(), content)
    answer = await house.client.post(url, content, sent, deadline=SEND_SECONDS)
    if answer.status == 410:  # Standard Webhooks: it wants no more of them
        await house.db.write(lambda uow: _forget(uow, generation_id))
    elif not answer.ok:
        raise RemoteUnavailable(cause=f"the webhook of generation {generation_id} answered {answer.status}")


def _forget(uow: UnitOfWork, generation_id: int) -> None:
    row = uow.session.get(Generation, generation_id)
    if row is not None:
        row.webhook_url = row.webhook_secret = None


MEDIA: dict[str, Handler] = {"screen_generation": screen_generation, "publish_generation": publish_generation}
FEDERATION: dict[str, Handler] = {"generation_webhook": generation_webhook}
HANDLERS: dict[str, Handler] = MEDIA | FEDERATION
"""All of them; `MEDIA` and `FEDERATION` by queue."""
