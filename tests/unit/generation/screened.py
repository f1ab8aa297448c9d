"""What the tests of screening share."""
from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import select

from fedisora.generation import screening
from fedisora.generation.safety import Gates, Verdict
from fedisora.models import Media, Notification, Screening
from fedisora.services import screenings
from fedisora.store import actors
from tests.support.studio import Studio

from .test_gates import Made

HOLD, DENY = Verdict("hold", "odd", "Somebody has to look.", {"n": 1}), Verdict("deny", "bad", "Not here.")


def screen(studio: Studio, generation_id: int, *gates: Made) -> None:
    house = studio.house
    asyncio.run(screening.screen(house.db, house.storage, Gates(gates, house.db) if gates else house.gates, generation_id))


def decide(studio: Studio, generation_id: int, allow: bool, note: str = "", by: str | None = "mod") -> Screening:
    wanted = next(row.id for row in studio.screenings(generation_id) if row.state == "open")
    moderator = studio.user(by) if by else None
    return studio.run(lambda uow: screenings.decide(uow, moderator, wanted, allow, note))


def appeal(studio: Studio, generation_id: int, text: str, by: str = "ada") -> Screening:
    who = studio.actor(by).id
    return studio.run(lambda uow: screenings.appeal(uow, actors.get(uow.session, who), generation_id, text))


def told(studio: Studio, name: str) -> list[str]:
    who = studio.actor(name).id
    return studio.house.db.read_now(lambda session: list(session.scalars(
        select(Notification.type).where(Notification.actor_id == who).order_by(Notification.id))))


def upload(studio: Studio, tmp_path: Path, key: str | None = "ab/1-x.png", content: bytes = b"") -> int:
    if key and content:
        (tmp_path / "file").write_bytes(content)
        studio.house.storage.put_file(key, tmp_path / "file")
    who = studio.actor("ada").id

    def write(uow: Any) -> int:
        media = Media(id=uow.new_id(), actor_id=who, state="ready", kind="image", storage_key=key, created_at=uow.now)
        uow.session.add(media)
        uow.session.flush()
        return media.id

    return studio.run(write)


class Slow:
    """What a gate says once it may go on: no."""

    def __init__(self) -> None:
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> Verdict:
        self.reached.set()
        await self.go_on.wait()
        return DENY
