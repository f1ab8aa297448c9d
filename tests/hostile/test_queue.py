"""Load and poison (catalogue area queue), and what makes us ask around (area collections)."""
from __future__ import annotations

import asyncio
import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.hostile.scene import Peer, Scene, answer
from tests.hostile.signing import Cavage
from tests.support.instances import InstanceProcess, eventually, unique


@pytest.mark.bad_input("BI-187")
def test_a_flood_from_one_peer(scene: Scene, world: Peer, other: Peer) -> None:
    flooder, quiet = world.actor(unique("flooder")), other.actor(unique("quiet"))
    scene.deliver(flooder, flooder.activity("Follow", scene.local.actor))
    scene.deliver(quiet, quiet.activity("Follow", scene.local.actor))
    mine = scene.local.post("/api/v1/statuses", status="like me")

    def request(actor: Any, activity: dict[str, Any]) -> tuple[bytes, Any]:
        body = json.dumps(activity).encode()
        return body, Cavage().headers(actor, scene.inbox, body)

    flood = [request(flooder, flooder.activity("Like", f"{mine['uri']}-{number}")) for number in range(600)]
    like = quiet.activity("Like", mine["uri"])
    single = request(quiet, like)

    async def go() -> tuple[set[int], float]:
        async with (httpx.AsyncClient(timeout=120, limits=httpx.Limits(max_connections=64)) as client,
                    httpx.AsyncClient(timeout=60) as calm):
            async def one(body: bytes, headers: Any) -> int:
                return (await client.post(scene.inbox, content=body, headers=headers)).status_code

            tasks = [asyncio.create_task(one(*item)) for item in flood]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            began = time.monotonic()
            assert (await calm.post(scene.inbox, content=single[0], headers=single[1])).status_code == 202
            waited = time.monotonic() - began
            return set(await asyncio.gather(*tasks)), waited

    statuses, waited = asyncio.run(go())
    assert statuses <= {202, 429}
    assert waited < 2
    eventually(lambda: scene.local.get(f"/api/v1/statuses/{mine['id']}")["favourites_count"] == 1, what="the quiet one's like")
    eventually(lambda: scene.rows("inbox_messages", "state = 'pending'") == 0, seconds=90, what="the flood worked off")


@pytest.mark.bad_input("BI-188")
def test_many_inboxes_that_never_answer(scene: Scene, world: Peer) -> None:
    quick = world.actor(unique("quick"))
    scene.deliver(quick, quick.activity("Follow", scene.local.actor))
    with ExitStack() as stack:
        slow = [stack.enter_context(Peer()) for _ in range(30)]
        for place in slow:
            fan = place.actor(unique("slow"))
            scene.deliver(fan, fan.activity("Follow", scene.local.actor))
            place.hang.clear()
        for number in range(3):
            scene.local.post("/api/v1/statuses", status=f"post {number} past the hanging ones")

        def arrived() -> int:
            return sum("past the hanging" in body["object"]["content"] for body in world.activities("Create"))

        eventually(lambda: arrived() >= 3, seconds=15, what="the healthy server")
        for place in slow:
            place.hang.set()


@pytest.mark.bad_input("BI-190")
def test_a_message_that_cannot_be_handled(tmp_path: Path, world: Peer) -> None:
    """A database that refuses one actor's likes stands for a bug: tried again a few times, put aside, and the others go on."""
    instance = InstanceProcess(tmp_path / "poisoned", retry_seconds="0.01").start()
    try:
        scene = Scene(instance, instance.user("lena"))
        poisoned, fine = world.actor(unique("poisoned")), world.actor(unique("fine"))
        for actor in (poisoned, fine):
            scene.deliver(actor, actor.activity("Follow", scene.local.actor))
        scene.sql(f"CREATE TRIGGER poison BEFORE INSERT ON favourites WHEN NEW.actor_id = "
                  f"{scene.sql('SELECT id FROM actors WHERE uri = :uri', uri=poisoned.uri)[0][0]} "
                  "BEGIN SELECT RAISE(ABORT, 'poison'); END")
        mine = scene.local.post("/api/v1/statuses", status="like me")
        poison = poisoned.activity("Like", mine["uri"])
        for actor, activity in ((poisoned, poison), (fine, fine.activity("Like", mine["uri"]))):
            body = json.dumps(activity).encode()
            assert scene.post(scene.inbox, body, Cavage().headers(actor, scene.inbox, body)) == 202
        eventually(lambda: scene.local.get(f"/api/v1/statuses/{mine['id']}")["favourites_count"] == 1, what="the other like")
        eventually(lambda: scene.outcome(poison)[0] == "dead", seconds=60, what="put aside")
        assert instance.processes[0].poll() is None
        scene.engine.dispose()
    finally:
        instance.close()


@pytest.mark.bad_input("BI-191")
def test_an_inbox_that_is_gone(scene: Scene, world: Peer) -> None:
    fan = world.actor(unique("fan"))
    scene.deliver(fan, fan.activity("Follow", scene.local.actor))
    eventually(lambda: [item for item in world.activities("Accept") if item["object"]["actor"] == fan.uri], what="Accept")
    world.status = 410
    scene.local.post("/api/v1/statuses", status="to nobody")
    eventually(lambda: scene.follow_state(fan.uri, scene.local.actor) is None, what="no follower any more")
    assert scene.rows("deliveries", "inbox = :inbox AND state = 'pending'", inbox=f"{fan.uri}/inbox") == 0


@pytest.mark.bad_input("BI-140")
def test_a_playlist_of_addresses(scene: Scene, world: Peer, other: Peer) -> None:
    author = scene.followed(world)
    other.answers["/element*"] = answer(404)
    for kind, key in (("Playlist", "orderedItems"), ("OrderedCollection", "orderedItems"), ("Collection", "items")):
        playlist = {"id": f"{author.uri}/{kind}", "type": kind, "attributedTo": author.uri,
                    key: [f"{other.base}/element{number}" for number in range(200)]}
        scene.deliver(author, author.activity("Create", playlist))
        scene.deliver(author, author.activity("Update", playlist))
    assert other.asked("/element*") == 0


@pytest.mark.bad_input("BI-081")
def test_two_votes_at_once(scene: Scene, world: Peer) -> None:
    voter = world.actor(unique("voter"))
    poll = scene.local.post("/api/v1/statuses", status="which?", poll={"options": ["a", "b"], "expires_in": 3600})

    def vote(name: str) -> tuple[bytes, Any]:
        note = {"id": f"{voter.uri}/votes/{name}", "type": "Note", "name": name, "attributedTo": voter.uri,
                "inReplyTo": poll["uri"], "to": [scene.local.actor]}
        body = json.dumps(voter.activity("Create", note)).encode()
        return body, Cavage().headers(voter, scene.inbox, body)

    async def go() -> None:
        async with httpx.AsyncClient(timeout=60) as client:
            await asyncio.gather(*(client.post(scene.inbox, content=body, headers=headers)
                                   for body, headers in map(vote, "abab")))

    asyncio.run(go())
    scene.settle()
    assert scene.local.get(f"/api/v1/statuses/{poll['id']}")["poll"]["votes_count"] == 1


@pytest.mark.bad_input("BI-150")
def test_xml_is_never_read(scene: Scene, world: Peer) -> None:
    bomb = (b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">'
            b'<!ENTITY c SYSTEM "file:///etc/passwd">]><XRD><Link href="&b;&c;"/></XRD>')
    world.answers["/.well-known/host-meta"] = answer(body=bomb, kind="application/xrd+xml")
    world.answers["/.well-known/webfinger"] = answer(body=bomb, kind="application/xrd+xml")
    found = scene.local.http.get("/api/v2/search", params={"q": f"@somebody@{world.host}", "resolve": "true"})
    assert found.status_code < 500 and not (found.status_code == 200 and found.json()["accounts"])
