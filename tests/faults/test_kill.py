"""kill -9 as real processes: during a generation and during a fan-out. Nothing is lost, nothing applied twice."""
from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.instances import Api, InstanceProcess, eventually, free_port
from tests.support.remote import RemoteActor


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path / "data").start()
    yield running
    running.close()


class Inboxes:
    """A server with many followers, each with its own inbox, which counts what arrives."""

    def __init__(self, followers: int, pause: float) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.actors = [RemoteActor(self.base, f"f{number}") for number in range(followers)]
        self.got: Counter[tuple[str, str]] = Counter()
        self.accepts: set[str] = set()
        self.pause = pause
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()

    def __enter__(self) -> Inboxes:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_get("/users/{name}", self._actor)
        app.router.add_post("/users/{name}/inbox", self._inbox)
        runner = web.AppRunner(app)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", self.port).start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _actor(self, request: web.Request) -> web.Response:
        actor = next((item for item in self.actors if item.name == request.match_info["name"]), None)
        if actor is None:
            raise web.HTTPNotFound
        return web.Response(text=json.dumps(actor.document()), content_type="application/activity+json")

    async def _inbox(self, request: web.Request) -> web.Response:
        activity: dict[str, Any] = await request.json()
        await asyncio.sleep(self.pause)  # the peer's latency, so that the fan-out takes long enough to be cut
        self.got[(request.match_info["name"], activity["id"])] += 1
        if activity["type"] == "Accept":
            self.accepts.add(request.match_info["name"])
        return web.Response(status=202)


def test_a_generation_survives_kill_9(instance: InstanceProcess) -> None:
    alice = instance.user("alice")
    job = alice.post("/api/fedisora/v1/generations", prompt="dunes in the evening", seconds=5, orientation="landscape")

    def running() -> bool:
        now = alice.get(f"/api/fedisora/v1/generations/{job['id']}")
        return bool(now["state"] == "running" and now["progress"] > 0.05)

    eventually(running, seconds=60, what="the generation runs")
    instance.kill()
    instance.start()
    done = eventually(lambda: (now := alice.get(f"/api/fedisora/v1/generations/{job['id']}"))["state"] == "draft" and now,
                      seconds=150, what="the generation ends as a draft after the restart")
    status = alice.post(f"/api/fedisora/v1/generations/{job['id']}/publish", text="it lived")
    assert status["media_attachments"][0]["type"] == "video" and done


def test_a_fan_out_survives_kill_9(instance: InstanceProcess) -> None:
    alice: Api = instance.user("alice")
    with Inboxes(60, pause=0.05) as peers:
        for actor in peers.actors:
            actor.send(f"{instance.base}/users/alice/inbox", actor.activity("Follow", alice.actor))
        eventually(lambda: len(peers.accepts) == 60, seconds=60, what="every follow is accepted")
        post = alice.post("/api/v1/statuses", status="to everybody")
        create = post["uri"] + "/activity"
        eventually(lambda: any(uri == create for _, uri in peers.got), what="the fan-out has begun")
        instance.kill()
        instance.start()
        eventually(lambda: len({name for name, uri in peers.got if uri == create}) == 60, seconds=120,
                   what="every follower has the post")
        repeated = sum(count - 1 for (_, uri), count in peers.got.items() if uri == create)
        assert repeated <= 60  # at least once: only what was in flight comes again, with the same activity id
