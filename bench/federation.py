"""A real instance as a process against a made-up fediverse on loopback: inbound, fan-out, fan-out to slow servers.

The figures are those of the whole server, all of its processes, on this machine; the made-up servers take CPU too. CPU-ms per
item is steadier than a rate.
"""
from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from aiohttp import web
from rich.console import Console
from rich.table import Table

from tests.support.instances import Api, InstanceProcess, free_port
from tests.support.remote import AS2, RemoteActor

MESSAGES, AUTHORS, AT_ONCE = 2000, 20, 16
FOLLOWERS, HOSTS = 500, 50
WAIT = 120.0


class Fediverse:
    """`HOSTS` made-up servers: one program on many loopback addresses."""

    def __init__(self) -> None:
        self.port = free_port()
        self.actors: dict[str, RemoteActor] = {}
        self.got: set[str] = set()
        self.delay = 0.0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=1 << 20)
        app.router.add_get("/users/{name}", self._actor)
        app.router.add_post("/users/{name}/inbox", self._inbox)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        for host in range(HOSTS):
            await web.TCPSite(self._runner, f"127.0.1.{host + 1}", self.port, backlog=1024).start()

    async def stop(self) -> None:
        """Close the servers."""
        if self._runner is not None:
            await self._runner.cleanup()

    def people(self, prefix: str, count: int) -> list[RemoteActor]:
        """New actors, spread over the servers."""
        found = []
        for number in range(count):
            actor = RemoteActor(f"http://127.0.1.{number % HOSTS + 1}:{self.port}", f"{prefix}{number}", key=number % 4)
            self.actors[actor.name] = actor
            found.append(actor)
        return found

    async def _actor(self, request: web.Request) -> web.Response:
        found = self.actors.get(request.match_info["name"])
        if found is None:
            return web.Response(status=404)
        return web.Response(body=json.dumps(found.document()), content_type="application/activity+json")

    async def _inbox(self, request: web.Request) -> web.Response:
        activity = json.loads(await request.read())
        name = request.match_info["name"]
        if activity["type"] == "Create":
            if self.delay:
                await asyncio.sleep(self.delay)
            self.got.add(name)
        elif activity["type"] == "Follow":
            actor = self.actors[name]
            accept = actor.activity("Accept", {"id": activity["id"], "type": "Follow", "actor": activity["actor"],
                                               "object": actor.uri})
            _keep.add(task := asyncio.create_task(post(activity["actor"] + "/inbox", actor, accept)))
            task.add_done_callback(_keep.discard)
        return web.Response(status=202)


_keep: set[asyncio.Task[int]] = set()


async def post(url: str, actor: RemoteActor, activity: dict[str, Any], session: aiohttp.ClientSession | None = None) -> int:
    """Send one signed activity; the status."""
    body = json.dumps(activity).encode()
    own = session or aiohttp.ClientSession()
    try:
        async with own.post(url, data=body, headers=actor.headers(url, body)) as answer:
            return answer.status
    finally:
        if session is None:
            await own.close()


def cpu_seconds(instance: InstanceProcess) -> float:
    """CPU time of a server and its processes."""
    root = psutil.Process(instance.processes[0].pid)
    return float(sum(sum(process.cpu_times()[:2]) for process in [root, *root.children(recursive=True)]))


async def until(check: Callable[[], Awaitable[bool]], pause: float = 0.02) -> float:
    """Seconds until something holds; looks every `pause` seconds."""
    start = time.perf_counter()
    while not await check():
        if time.perf_counter() - start > WAIT:
            raise SystemExit("The benchmark did not finish in time.")
        await asyncio.sleep(pause)
    return time.perf_counter() - start


async def inbound(instance: InstanceProcess, ada: Api, world: Fediverse, table: Table) -> None:
    """Signed posts of followed authors."""
    authors = world.people("author", AUTHORS)
    ids = [(await asyncio.to_thread(ada.resolve, author.uri))["id"] for author in authors]
    for account in ids:
        await asyncio.to_thread(ada.post, f"/api/v1/accounts/{account}/follow")

    async def followed() -> bool:
        found = await asyncio.to_thread(lambda: ada.http.get("/api/v1/accounts/relationships", params={"id[]": ids}).json())
        return all(item["following"] for item in found)

    await until(followed)
    url = f"{instance.base}/inbox"
    ready = []
    for number in range(MESSAGES):
        author = authors[number % AUTHORS]
        note = {"id": f"{author.uri}/notes/{number}", "type": "Note", "attributedTo": author.uri, "to": [f"{AS2}#Public"],
                "cc": [f"{author.uri}/followers"], "published": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "content": f"<p>{number} " + "lorem ipsum dolor sit amet " * 10 + "</p>"}
        body = json.dumps(author.activity("Create", note, to=note["to"], cc=note["cc"])).encode()
        ready.append((body, author.headers(url, body)))
    before, start = cpu_seconds(instance), time.perf_counter()
    spent: list[float] = []

    async def send(session: aiohttp.ClientSession) -> None:
        while ready:
            body, headers = ready.pop()
            at = time.perf_counter()
            async with session.post(url, data=body, headers=headers) as answer:
                assert answer.status == 202, await answer.text()
            spent.append(time.perf_counter() - at)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:
        await asyncio.gather(*(send(session) for _ in range(AT_ONCE)))
    accepted = time.perf_counter() - start

    async def applied() -> bool:
        def counts() -> int:
            return sum(ada.get(f"/api/v1/accounts/{account}")["statuses_count"] for account in ids)
        return await asyncio.to_thread(counts) >= MESSAGES

    await until(applied, 0.1)
    whole = time.perf_counter() - start
    p99 = sorted(spent)[int(len(spent) * 0.99)] * 1000
    table.add_row("inbound: accepted", f"{MESSAGES / accepted:,.0f}/s", f"p99 {p99:.0f} ms")
    table.add_row("inbound: applied", f"{MESSAGES / whole:,.0f}/s",
                  f"{(cpu_seconds(instance) - before) * 1000 / MESSAGES:.2f} CPU-ms each")


async def outbound(instance: InstanceProcess, ada: Api, world: Fediverse, table: Table) -> None:
    """One post to many inboxes, at once and with a remote latency."""
    people = world.people("reader", FOLLOWERS)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:
        for start in range(0, FOLLOWERS, 50):
            await asyncio.gather(*(post(f"{ada.actor}/inbox", actor, actor.activity("Follow", ada.actor), session)
                                   for actor in people[start:start + 50]))

    async def followed() -> bool:
        return bool((await asyncio.to_thread(ada.me))["followers_count"] >= FOLLOWERS)

    await until(followed)
    for delay in (0.0, 0.1):
        world.delay = delay
        world.got.clear()
        before, start = cpu_seconds(instance), time.perf_counter()
        await asyncio.to_thread(ada.post, "/api/v1/statuses", status=f"to everybody {delay}")

        async def reached() -> bool:
            return len(world.got) >= FOLLOWERS

        await until(reached)
        took = time.perf_counter() - start
        name = f"fan-out to {FOLLOWERS} inboxes" + (f", {delay * 1000:.0f} ms away" if delay else "")
        table.add_row(name, f"{FOLLOWERS / took:,.0f}/s",
                      f"{(cpu_seconds(instance) - before) * 1000 / FOLLOWERS:.2f} CPU-ms each, all in {took:.2f} s")


async def run(folder: Path, database_url: str, table: Table) -> None:
    """All scenarios against one fresh instance."""
    world = Fediverse()
    await world.start()
    instance = InstanceProcess(folder, database_url=database_url, log_level="warning", log_format="json")
    instance.env["FEDISORA_ALLOW_PRIVATE_NETWORK"] = "127.0.0.0/8"
    try:
        await asyncio.to_thread(instance.start)
        ada = await asyncio.to_thread(instance.user, "ada")
        await inbound(instance, ada, world, table)
        await outbound(instance, ada, world, table)
    finally:
        await asyncio.to_thread(instance.close)
        await world.stop()


def main() -> None:
    """SQLite, and PostgreSQL too when FEDISORA_BENCH_DATABASE names an empty database."""
    table = Table("scenario", "rate", "cost")
    with tempfile.TemporaryDirectory() as folder:
        table.add_row("[bold]SQLite[/]", "", "")
        asyncio.run(run(Path(folder) / "sqlite", "", table))
        database = os.environ.get("FEDISORA_BENCH_DATABASE", "")
        if database:
            table.add_row("[bold]PostgreSQL[/] (without its own CPU)", "", "")
            asyncio.run(run(Path(folder) / "postgresql", database, table))
    Console().print(table)
