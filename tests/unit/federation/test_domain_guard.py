"""No outgoing request reaches a domain that we do not talk to: not directly, not through a redirect, not after a change."""
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from fedisora.db import Database, Instance
from fedisora.errors import Forbidden
from fedisora.federation.client import Client
from fedisora.federation.fetch import Fetcher
from fedisora.models import Base
from fedisora.services import domains, instance
from fedisora.settings import load_settings
from fedisora.store.domains import DomainPolicy
from fedisora.uris import Uris
from fedisora.vault import Vault

from .test_client import serving


@asynccontextmanager
async def opened(tmp_path: Path, **settings: str) -> AsyncIterator[tuple[Database, DomainPolicy, Fetcher, Client]]:
    """An instance's outgoing side, with 127.0.0.2 blocked."""
    values = load_settings(tmp_path, base_url="http://here.example", allow_private_network="127.0.0.0/8", **settings)
    db = Database(Instance(values, Uris(values.base_url), Vault.open(tmp_path)))
    Base.metadata.create_all(db.engine)
    db.write_now(instance.initialise)
    db.write_now(lambda uow: domains.set_rule(uow, "127.0.0.2", "block"))
    policy = DomainPolicy(db)
    client = Client(values, policy)
    await client.open()
    try:
        yield db, policy, Fetcher(db, client), client
    finally:
        await client.close()
        db.close()


def test_every_call_and_every_hop(tmp_path: Path) -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.host)
        if request.path == "/away":
            raise web.HTTPFound(str(request.url.with_host("127.0.0.2").with_path("/document")))
        return web.json_response({"id": str(request.url), "type": "Note"}, content_type="application/activity+json")

    async def go() -> None:
        async with serving(handler, "0.0.0.0") as base, opened(tmp_path) as (_, _, fetcher, client):
            port = base.rpartition(":")[2]
            good, bad = f"http://127.0.0.1:{port}", f"http://127.0.0.2:{port}"
            assert (await fetcher.document(f"{good}/document"))["type"] == "Note"
            asked.clear()
            for refused in (fetcher.document(f"{bad}/document"), fetcher.webfinger("acct:x@y", f"127.0.0.2:{port}"),
                            client.get(bad), client.post(f"{bad}/inbox", b"{}", {}), fetcher.admit(f"{good}/x", f"{bad}/key"),
                            client.download(f"{bad}/x.mp4", tmp_path / "x", max_bytes=10, deadline=5)):
                with pytest.raises(Forbidden):
                    await refused
            assert asked == []
            for through in (fetcher.document(f"{good}/away"), client.get(f"{good}/away")):
                with pytest.raises(Forbidden):
                    await through
            assert set(asked) == {f"127.0.0.1:{port}"}

    asyncio.run(go())


def test_a_change_counts_at_once_for_whoever_made_it(tmp_path: Path) -> None:
    async def go() -> None:
        async with opened(tmp_path) as (db, policy, fetcher, _):
            with pytest.raises(Forbidden):
                await fetcher.admit("https://127.0.0.2/")
            await db.write(lambda uow: domains.remove_rule(uow, "127.0.0.2"))
            with pytest.raises(Forbidden):
                await fetcher.admit("https://127.0.0.2/")
            policy.forget()
            await fetcher.admit("https://127.0.0.2/")

    asyncio.run(go())


def test_many_questions_are_one_query(tmp_path: Path) -> None:
    async def go() -> None:
        async with opened(tmp_path) as (db, policy, _, _):
            first = await policy.rules()
            await db.write(lambda uow: domains.set_rule(uow, "late.example", "block"))
            assert await policy.rules() is first
            policy.forget()
            assert (await policy.rules()).refuses("late.example")

    asyncio.run(go())


def test_only_the_list_in_allow_list_mode(tmp_path: Path) -> None:
    async def go() -> None:
        async with opened(tmp_path, federation="allow-list") as (db, policy, fetcher, _):
            with pytest.raises(Forbidden):
                await fetcher.admit("https://stranger.example/users/x")
            await fetcher.admit("http://here.example/users/ada")
            await db.write(lambda uow: domains.set_rule(uow, "stranger.example", "allow"))
            policy.forget()
            await fetcher.admit("https://sub.stranger.example/users/x")

    asyncio.run(go())
