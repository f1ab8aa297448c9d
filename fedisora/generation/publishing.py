"""From a finished video to a post: the gates of the stage `publish` are asked, then the service writes it."""
from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Final

from sqlalchemy.orm import Session

from ..db import Database, UnitOfWork
from ..errors import Conflict, Invalid
from ..media.scratch import scratch
from ..models import Generation, Media, Status
from ..services import generations, screenings
from ..services import publish as posts
from ..storage import Store
from ..store import actors
from .safety import Gates, Verdict
from .screening import subject_of

STAGE: Final = "publish"


async def publish(db: Database, gates: Gates, storage: Store, actor_id: int, generation_id: int, draft: posts.Draft, *,
                  show_prompt: bool = True, description: str | None = "") -> Status:
    """Ask the gates about a draft with its words, then make it a post (see `services.generations.publish`).

    Raises:
        Invalid: a gate refused it, or the post is not possible as it stands; it stays a draft.
        Conflict: it is held for a moderator, or there is nothing to publish.
        NotFound: not this account's.
    """
    def find(session: Session) -> tuple[Generation, Media | None]:
        row = generations.get(session, actors.get(session, actor_id), generation_id)
        return row, session.get(Media, row.media_id) if row.media_id is not None else None

    row, media = await db.read(find)
    words = "\n".join(part for part in (draft.spoiler_text, draft.text, description or "") if part)
    if media is not None and row.state in ("draft", "publishing"):
        await _ask(db, gates, storage, row, media, words)
    return await db.write(lambda uow: generations.publish(
        uow, actors.get(uow.session, actor_id), generation_id, draft, show_prompt=show_prompt, description=description))


async def _ask(db: Database, gates: Gates, storage: Store, row: Generation, media: Media, words: str) -> None:
    async with scratch("publish") as folder:
        file: Path | None = None
        if media.storage_key:
            file = folder / "video.mp4"
            await asyncio.to_thread(storage.get_to, media.storage_key, file)
        subject = await db.read(lambda session: subject_of(session, row))
        verdict = await gates.run(STAGE, dataclasses.replace(subject, output=file, text=words))
    if verdict.decision == "deny":
        raise Invalid(verdict.reason or "This cannot be published here.", code=verdict.code or "refused",
                      cause=f"the gate {verdict.gate} refused to publish generation {row.id}")
    if verdict.decision == "hold":
        await db.write(lambda uow: _hold(uow, row.id, verdict))
        raise Conflict(verdict.reason or "A moderator will look at this before it is published.", code=verdict.code or "held")


def _hold(uow: UnitOfWork, generation_id: int, verdict: Verdict) -> None:
    row = uow.session.get_one(Generation, generation_id)
    if row.state in ("draft", "publishing"):
        screenings.note(uow, row, gate=verdict.gate, stage=STAGE, decision="hold", code=verdict.code, reason=verdict.reason,
                        evidence=verdict.evidence)
