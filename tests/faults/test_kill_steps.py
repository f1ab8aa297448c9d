"""kill -9 between any two steps: what was answered 202 is processed, what was posted is delivered, nothing counts twice."""
from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.conftest import followed, follower, rows
from tests.support.instances import InstanceProcess, eventually
from tests.support.world import World

pytestmark = pytest.mark.faults
LEASE = 100
"""Seconds: what a killed process held is taken up when its lease ends, after 60 s (inbox) or 45 s (deliveries)."""


def test_after_202_and_before_processing(starting: Callable[..., InstanceProcess], world: World) -> None:
    instance = starting()
    alice = instance.user("alice")
    author = followed(world, alice, "author")
    creates = [author.activity("Create", world.note(author, f"post {number}")) for number in range(30)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda item: author.send(f"{instance.base}/inbox", item).status_code, creates))
    instance.kill()
    assert set(answers) == {202}
    wanted = {item["object"]["id"] for item in creates}
    instance.start()
    eventually(lambda: wanted <= {item["uri"] for item in alice.home()}, seconds=LEASE, what="every post that was answered 202")
    assert sorted(item["uri"] for item in alice.home()) == sorted(wanted)
    assert author.send(f"{instance.base}/inbox", creates[0]).status_code == 202
    assert rows(instance, "SELECT count(*) FROM statuses") == [(30,)]


def test_while_an_activity_is_processed(starting: Callable[..., InstanceProcess], world: World) -> None:
    """The server is fetching what the activity needs when it dies."""
    instance = starting()
    alice = instance.user("alice")
    fan, other = followed(world, alice, "fan"), world.actor("other", key=1)
    note = world.note(other, "boosted by fan")
    path = note["id"].removeprefix(world.base)
    world.held[path] = threading.Event()
    boost = fan.activity("Announce", note["id"], to=["https://www.w3.org/ns/activitystreams#Public"])
    assert fan.send(f"{instance.base}/inbox", boost).status_code == 202
    eventually(lambda: path in world.requests, what="the fetch has begun")
    instance.kill()
    world.held.pop(path).set()
    instance.start()
    eventually(lambda: [item for item in alice.home() if item["reblog"] and item["reblog"]["uri"] == note["id"]], seconds=LEASE,
               what="the boost")
    assert rows(instance, "SELECT state, attempt FROM inbox_messages WHERE type = 'Announce'") == [("done", 2)]
    assert rows(instance, "SELECT reblogs_count FROM statuses WHERE reblog_of_id IS NULL") == [(1,)]


def test_after_the_post_and_before_the_answer(starting: Callable[..., InstanceProcess], world: World) -> None:
    """The peer has the activity, we do not know it: it comes again, the same id and the same bytes."""
    instance = starting()
    alice = instance.user("alice")
    follower(world, alice, "fan")
    world.hang.clear()
    status = alice.post("/api/v1/statuses", status="twice, perhaps")
    eventually(lambda: rows(instance, "SELECT 1 FROM deliveries WHERE lease_owner IS NOT NULL"), what="the POST is under way")
    eventually(lambda: world.waiting, what="the peer has it")
    instance.kill()
    world.hang.set()
    instance.start()
    create = f"{status['uri']}/activity"
    eventually(lambda: len([item for item in world.activities("Create") if item["id"] == create]) >= 2, seconds=LEASE,
               what="delivered again")
    copies = [item for item in world.activities("Create") if item["id"] == create]
    assert copies[0] == copies[1]
    eventually(lambda: rows(instance, "SELECT 1 FROM deliveries WHERE state = 'pending'") == [], what="all done")
    assert len([item for item in world.activities("Create") if item["id"] == create]) == 2


def test_a_clean_stop_gives_everything_back(starting: Callable[..., InstanceProcess], world: World) -> None:
    """peers.md, "What broke" 9: nobody waits for a lease of a process that ended in order."""
    instance = starting()
    alice = instance.user("alice")
    follower(world, alice, "fan")
    fan, other = followed(world, alice, "author"), world.actor("other", key=1)
    note = world.note(other, "boosted")
    path = note["id"].removeprefix(world.base)
    world.held[path] = threading.Event()
    world.hang.clear()
    status = alice.post("/api/v1/statuses", status="on the way")
    boost = fan.activity("Announce", note["id"], to=["https://www.w3.org/ns/activitystreams#Public"])
    assert fan.send(f"{instance.base}/inbox", boost).status_code == 202
    eventually(lambda: path in world.requests and world.waiting, what="a fetch and a delivery are under way")
    instance.stop()
    assert rows(instance, "SELECT 1 FROM deliveries WHERE lease_owner IS NOT NULL") == []
    assert rows(instance, "SELECT 1 FROM inbox_messages WHERE lease_owner IS NOT NULL") == []
    world.held.pop(path).set()
    world.hang.set()
    instance.start()
    eventually(lambda: [item for item in alice.home() if item["reblog"]], seconds=20, what="the boost")
    create = f"{status['uri']}/activity"
    eventually(lambda: [item for item in world.activities("Create") if item["id"] == create], seconds=20, what="the post")
    eventually(lambda: rows(instance, "SELECT 1 FROM deliveries WHERE state <> 'done'") == [], seconds=20, what="all done")


def test_between_the_commit_and_the_delivery(starting: Callable[..., InstanceProcess], world: World) -> None:
    """The post is committed together with its deliveries; the server dies before it delivers anything."""
    instance = starting()
    alice = instance.user("alice")
    for number in range(30):
        follower(world, alice, f"fan{number}")
    instance.stop()
    instance.start("--no-workers")
    status = alice.post("/api/v1/statuses", status="committed")
    instance.kill()
    before = len(world.activities("Create"))
    assert before == 0
    instance.start()
    create = f"{status['uri']}/activity"
    eventually(lambda: len(world.activities("Create")) >= 30, what="every inbox has it")
    assert [item["id"] for item in world.activities("Create")] == [create] * 30
    eventually(lambda: rows(instance, "SELECT 1 FROM deliveries WHERE state <> 'done'") == [], what="every answer is kept")


@pytest.mark.parametrize("times", [3])
def test_killed_again_and_again_during_a_fan_out(starting: Callable[..., InstanceProcess], world: World, times: int) -> None:
    instance = starting()
    alice = instance.user("alice")
    fans = [follower(world, alice, f"fan{number}") for number in range(30)]
    posts = []
    for number in range(times):
        posts.append(alice.post("/api/v1/statuses", status=f"post {number}")["uri"])
        instance.kill()
        instance.start()
    arrived = [f"{uri}/activity" for uri in posts]

    def counts() -> list[int]:
        ids = [item["id"] for item in world.activities("Create")]
        return [ids.count(uri) for uri in arrived]

    eventually(lambda: all(count >= len(fans) for count in counts()), seconds=LEASE, what="every post at every inbox")
    eventually(lambda: rows(instance, "SELECT 1 FROM deliveries WHERE state <> 'done'") == [], seconds=LEASE, what="all done")
    bodies = {item["id"]: item for item in world.activities("Create")}
    assert all(bodies[item["id"]] == item for item in world.activities("Create")), "the same id, the same bytes"
