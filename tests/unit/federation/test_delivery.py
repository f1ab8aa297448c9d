"""Delivering with the real client to servers on loopback: hanging ones hold up nobody."""
from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from sqlalchemy import func, select

from fedisora.activities import outbox
from fedisora.db import Database, Instance, UnitOfWork
from fedisora.federation.client import Client
from fedisora.federation.delivery import Courier
from fedisora.models import Actor, Base, Delivery, RemoteHost
from fedisora.services import accounts, instance
from fedisora.settings import load_settings
from fedisora.uris import Uris
from fedisora.vault import Vault

HANGING = 1100
HEALTHY = 20
NOTE = "https://here.example/users/ada/statuses/1"


@pytest.fixture
def db(tmp_path: Path, sqlite_url: str) -> Database:
    settings = load_settings(tmp_path, base_url="https://here.example", database_url=sqlite_url,
                             allow_private_network="127.0.0.0/8")
    database = Database(Instance(settings, Uris(settings.base_url), Vault.open(tmp_path)))
    Base.metadata.create_all(database.engine)
    return database


async def serve(handler: Callable[[web.Request], Awaitable[web.Response]], host: str) -> tuple[web.AppRunner, int]:
    app = web.Application()
    app.router.add_post("/inbox", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, host, 0, backlog=2048)
    await site.start()
    assert runner.addresses
    return runner, int(runner.addresses[0][1])


def queue(db: Database, inboxes: list[str]) -> None:
    def run(uow: UnitOfWork) -> None:
        instance.initialise(uow)
        actor = uow.session.get_one(Actor, accounts.create(uow, "ada", "ada@example.org", "a fine password").actor_id)
        outbox.send(uow, actor, {"id": f"{NOTE}/activity", "type": "Create", "actor": actor.uri, "object": NOTE}, inboxes)

    db.write_now(run)


def test_a_thousand_hanging_servers_delay_nobody(db: Database) -> None:
    """BI-188: none of them ever took a delivery, and all were asked to be delivered to first."""
    got: list[str] = []

    async def scene() -> float:
        release = asyncio.Event()

        async def hang(request: web.Request) -> web.Response:
            await release.wait()
            return web.Response(status=202)

        async def take(request: web.Request) -> web.Response:
            got.append(str(request.headers["Host"]))
            return web.Response(status=202)

        slow, slow_port = await serve(hang, "0.0.0.0")
        good, good_port = await serve(take, "0.0.0.0")
        queue(db, [f"http://127.1.{number // 250}.{number % 250 + 1}:{slow_port}/inbox" for number in range(HANGING)]
              + [f"http://127.2.0.{number + 1}:{good_port}/inbox" for number in range(HEALTHY)])
        db.write_now(lambda uow: uow.session.add_all(
            RemoteHost(host=f"127.2.0.{number + 1}:{good_port}", last_success_at=uow.now) for number in range(HEALTHY)))
        client = Client(db.instance.settings)
        await client.open()
        courier = Courier(db, client)
        start = time.monotonic()
        async with asyncio.timeout(30):
            while len(got) < HEALTHY:
                await courier.run_once("me")
        spent = time.monotonic() - start
        await courier.close()
        await client.close()
        release.set()
        await slow.cleanup()
        await good.cleanup()
        return spent

    spent = asyncio.run(scene())
    assert spent < 14, "the healthy ones waited for a hanging one's deadline"
    assert sorted(set(got)) == sorted(got)
    assert db.read_now(lambda session: session.scalar(
        select(func.count()).select_from(Delivery).where(Delivery.state == "done"))) in range(HEALTHY + 1)
    db.close()
