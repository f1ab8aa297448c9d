"""What other servers say they run: read carefully, asked at most once a day, wherever the link points (BI-122)."""
from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select

from fedisora.activitypub.nodeinfo import SCHEMA, Software, link_to, links, software_of
from fedisora.db import Database, UnitOfWork
from fedisora.federation.peers import Peers
from fedisora.models import Job, RemoteHost
from fedisora.serializers.activitypub.actor import from_activitypub
from fedisora.store import actors, peers

from .test_client import serving
from .test_domain_guard import opened

BASE = "https://peer.example"


@pytest.mark.parametrize("href", [
    "data:application/json,{}", "http://127.0.0.1/", "https://other.example/nodeinfo/2.0", "http://peer.example/nodeinfo/2.0",
    "https://peer.example:8443/x", "https://sub.peer.example/x", "https://peer.example@other.example/", "file:///etc/passwd", "",
    None, 7, ["https://peer.example/x"], {"href": "https://peer.example/x"}, "//peer.example/x", "/nodeinfo/2.0"])
def test_a_link_elsewhere_is_none(href: object) -> None:
    assert link_to({"links": [{"rel": f"{SCHEMA}2.0", "href": href}]}, BASE) is None


@pytest.mark.parametrize("document", [{}, {"links": None}, {"links": "x"}, {"links": [None, 3, "x", []]}, {"links": [{"rel": 1}]},
                                      {"links": [{"rel": f"{SCHEMA}1.0", "href": f"{BASE}/x"}]}])
def test_no_usable_link(document: dict[str, Any]) -> None:
    assert link_to(document, BASE) is None


def test_the_newest_version_wins() -> None:
    assert link_to(links(BASE), BASE) == f"{BASE}/nodeinfo/2.1"
    assert link_to({"links": [{"rel": f"{SCHEMA}2.0", "href": f"{BASE}/a"}]}, f"{BASE}:443") == f"{BASE}/a"


@pytest.mark.parametrize(("document", "found"), [
    ({}, None), ({"software": "mastodon"}, None), ({"software": {"name": 7}}, None), ({"software": {"name": " \u202e"}}, None),
    ({"software": {"name": "PeerTube", "version": "7.0.1"}}, Software("peertube", "7.0.1")),
    ({"software": {"name": "x" * 500, "version": {}}, "metadata": []}, Software("x" * 64, "")),
    ({"software": {"name": "a\nb", "version": "1"}, "metadata": {"nodeName": "My\u202eNode\0"}}, Software("a b", "1", "MyNode")),
])
def test_what_a_document_says(document: dict[str, Any], found: Software | None) -> None:
    assert software_of(document) == found


def host_row(db: Database, host: str) -> RemoteHost:
    return db.read_now(lambda session: session.get_one(RemoteHost, host))


def test_a_server_is_asked_once_a_day_whatever_it_answers(tmp_path: Path) -> None:
    asked: list[str] = []
    answers: dict[str, Any] = {}

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        if request.path not in answers:
            return web.Response(status=404)
        return web.json_response(answers[request.path])

    async def go() -> None:
        async with serving(handler) as base, opened(tmp_path) as (db, _, _, client):
            host = base.removeprefix("http://")
            learner = Peers(db, client)
            now = dt.datetime.now(dt.UTC)
            db.clock = lambda: now
            for _ in range(3):
                await learner.learn(host)
            assert asked == ["/.well-known/nodeinfo"]
            assert (host_row(db, host).software, host_row(db, host).nodeinfo_at) == (None, now)
            answers["/.well-known/nodeinfo"] = links(base)
            answers["/nodeinfo/2.1"] = {"software": {"name": "Mastodon", "version": "4.5"}, "metadata": {"nodeName": "Here"}}
            await learner.learn(host)
            assert len(asked) == 1
            later = now + dt.timedelta(days=1, seconds=1)
            db.clock = lambda: later
            await learner.learn(host)
            row = host_row(db, host)
            assert (row.software, row.software_version, row.node_name) == ("mastodon", "4.5", "Here")
            asked.clear()
            much_later = later + dt.timedelta(days=2)
            db.clock = lambda: much_later
            answers["/.well-known/nodeinfo"] = {"links": [{"rel": f"{SCHEMA}2.0", "href": f"http://127.0.0.3:1/{base[-4:]}"}]}
            await learner.learn(host)
            assert asked == ["/.well-known/nodeinfo"]
            assert host_row(db, host).software == "mastodon", "what was known stays"
            await learner.learn("127.0.0.2:80")  # blocked: remembered, not asked
            assert host_row(db, "127.0.0.2:80").nodeinfo_at is not None

    asyncio.run(go())


def test_a_new_server_is_asked_a_known_one_is_not(db: Database) -> None:
    def meet(uow: UnitOfWork, name: str, host: str = "peer.example") -> None:
        uri = f"https://{host}/users/{name}"
        peers.met(uow, host)
        actors.upsert_remote(uow, from_activitypub({"id": uri, "type": "Person", "preferredUsername": name,
                                                    "inbox": f"{uri}/inbox"}))

    def waiting() -> list[str | None]:
        return list(db.read_now(lambda session: session.scalars(select(Job.key).where(Job.kind == "nodeinfo"))))

    for name in ("a", "b", "a"):
        db.write_now(lambda uow, name=name: meet(uow, name))  # type: ignore[misc]
    assert waiting() == ["nodeinfo:peer.example"]
    db.write_now(lambda uow: peers.learned(uow, "known.example", Software("x", "1")))
    db.write_now(lambda uow: meet(uow, "c", "known.example"))
    assert waiting() == ["nodeinfo:peer.example"]
    settings = db.instance.settings
    assert db.read_now(lambda session: peers.hosts(session, settings)) == ["known.example", "peer.example"]
