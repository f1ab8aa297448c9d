"""An instance whose jobs are run by hand, for tests of the workers."""
from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import select

from fedisora.app import House, build_house, create_app, workers_module
from fedisora.models import Media, Status, User
from fedisora.services import accounts, declaration, instance, publish, sessions
from fedisora.settings import load_settings
from fedisora.store import actors
from tests.support.credentials import Authority, judge
from tests.support.pictures import clip

WORKER = workers_module("media")
HERE = "https://here.example"


@dataclass
class Studio:
    """An instance without a server, whose jobs are run by hand."""

    house: House
    ada: int
    robot: int
    folder: Path
    plain: Path
    anchors: str

    def run(self, job: Callable[..., Coroutine[Any, Any, Any]], payload: dict[str, Any]) -> None:
        async def once() -> None:
            await self.house.client.open()
            try:
                await job(self.house, payload)
            finally:
                await self.house.client.close()

        asyncio.run(once())

    def upload(self, path: Path, choice: str = "", *, text: str = "look", author: int | None = None, **columns: Any) -> int:
        """A post with an upload, not published yet; the media row's id."""
        key = f"uploads/{secrets.token_hex(8)}"
        self.house.storage.put_file(key, path)

        def insert(uow: Any) -> int:
            media = Media(id=uow.new_id(), actor_id=author or self.ada, state="received", upload_key=key, created_at=uow.now,
                          description="a clip", record=actors.maker_of(uow.session, author or self.ada), **columns)
            declaration.say(media, choice)
            uow.session.add(media)
            uow.session.flush()
            publish.create(uow, actors.get(uow.session, author or self.ada), publish.Draft(text=text, media_ids=(media.id,)))
            return int(media.id)

        return self.house.db.write_now(insert)

    def publish(self, media_id: int) -> Media:
        self.run(WORKER.publish, {"status_id": self.media(media_id).status_id})
        return self.media(media_id)

    def get(self, path: str, accept: str = "*/*") -> httpx.Response:
        return self.request("GET", path, {"Accept": accept})

    def request(self, method: str, path: str, headers: dict[str, str], **more: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            app = create_app(self.house.settings, house=self.house, local_workers=False)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE) as client:
                return await client.request(method, path, headers=headers, **more)

        return asyncio.run(once())

    def log_in(self, actor_id: int) -> str:
        """The Cookie header of a browser that this person is logged in with."""
        def start(uow: Any) -> str:
            user = uow.session.scalar(select(User).where(User.actor_id == actor_id))
            return f"{sessions.COOKIE}={sessions.start(uow, user, 'test', '127.0.0.1')}"

        return str(self.house.db.write_now(start))

    def media(self, media_id: int) -> Media:
        return self.house.db.read_now(lambda session: session.get_one(Media, media_id))

    def post(self, media: Media) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.house.db.read_now(
            lambda session: session.get_one(Status, media.status_id)).document or b"")
        return found

    def verdict(self, path: Path) -> dict[str, Any]:
        """What our own verifier says about a file."""
        async def once() -> dict[str, Any]:
            await self.house.client.open()
            try:
                return await self.house.verifier.check_file(path)
            finally:
                await self.house.client.close()

        return asyncio.run(once())

    def judged(self, media: Media) -> dict[str, Any]:
        path = self.house.storage.path_for(str(media.storage_key))
        assert path is not None
        return judge(Path(path), self.anchors)


def furnished(folder: Path, **settings: Any) -> Studio:
    """An instance with ada, eve and ada's robot."""
    house = build_house(load_settings(folder, base_url=HERE, rate_limits=False, **settings))

    def people(uow: Any) -> tuple[int, int]:
        ada = accounts.create(uow, "ada", "ada@example.org", "a fine password")
        accounts.create(uow, "eve", "eve@example.org", "a fine password")
        robot = accounts.create(uow, "robot", "robot@example.org", "a fine password", kind="agent", operator="ada")
        return ada.actor_id, robot.actor_id

    ada, robot = house.db.write_now(people)
    plain = clip(folder / "plain.mp4", frames=12)
    return Studio(house, ada, robot, folder, plain, house.db.read_now(instance.certificate_bundle))


@pytest.fixture(scope="package")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    made = furnished(tmp_path_factory.mktemp("studio"), burnt_in_mark=True)
    yield made
    made.house.db.close()


@pytest.fixture(scope="package")
def elsewhere() -> Authority:
    return Authority()
