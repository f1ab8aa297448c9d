"""The disk, PostgreSQL or Redis goes away and comes back: refused meanwhile with 503, nothing that was taken is lost."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from fedisora.vault import Vault
from tests.faults.conftest import RETRY, followed, follower, rows
from tests.support import environment
from tests.support.environment import require
from tests.support.instances import Api, InstanceProcess, eventually
from tests.support.proxy import Relay
from tests.support.remote import RemoteActor
from tests.support.world import World

pytestmark = pytest.mark.faults
AWAY = {503, 507}


def deliver(author: RemoteActor, world: World, instance: InstanceProcess, text: str) -> tuple[int, str]:
    """(status, id) of a post delivered to the instance."""
    note = world.note(author, text)
    return author.send(f"{instance.base}/inbox", author.activity("Create", note)).status_code, note["id"]


def in_home(alice: Api, uris: list[str]) -> bool:
    """Whether each of these is in the home timeline exactly once."""
    seen: list[Any] = []
    while page := alice.get("/api/v1/timelines/home", limit=40, **({"max_id": seen[-1]["id"]} if seen else {})):
        seen += page
    return sorted(uris) == sorted(item["uri"] for item in seen)


# ---- the disk
@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB of this test's own."""
    folder = tmp_path / "small"
    folder.mkdir()
    require(os.geteuid() == 0, "only root may mount a small file system")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True, text=True,
                          check=False)
    require(done.returncode == 0, f"a small file system cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(path: Path) -> None:
    """Take every free byte."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                continue


def test_a_full_disk_refuses_and_loses_nothing(small_disk: Path, world: World) -> None:
    instance = InstanceProcess(small_disk / "data", retry_seconds=RETRY)
    try:
        instance.start()
        alice = instance.user("alice")
        author = followed(world, alice, "author")
        taken, refused = [deliver(author, world, instance, "before")[1]], 0
        eventually(lambda: in_home(alice, taken), what="the first post")
        fill(small_disk / "filler")
        for number in range(400):
            status, uri = deliver(author, world, instance, f"while full {number}")
            assert status == 202 or status in AWAY, status
            if status == 202:
                taken.append(uri)  # the database still had room in its own files
            else:
                refused += 1
            if refused >= 5:
                break
        assert refused >= 5, "the disk was full"
        answer = alice.http.post("/api/v1/statuses", json={"status": "no room for this"})
        assert answer.status_code in AWAY and "Retry-After" in answer.headers
        assert alice.http.get("/api/v1/timelines/home").status_code == 200, "reading goes on"
        (small_disk / "filler").unlink()

        def accepted() -> bool:
            status, uri = deliver(author, world, instance, "after")
            if status == 202:
                taken.append(uri)
            return status == 202

        eventually(accepted, what="taken again")
        eventually(lambda: in_home(alice, taken), seconds=90, what="everything that was answered 202, once")
        assert alice.post("/api/v1/statuses", status="room again")["id"]
    finally:
        instance.close()


# ---- PostgreSQL
def test_postgresql_gone_and_back(starting: Callable[..., InstanceProcess], world: World, postgres_url: str) -> None:
    with Relay(postgres_url, 5432) as relay:
        instance = starting(database_url=relay.url)
        alice = instance.user("alice")
        author, _ = followed(world, alice, "author"), follower(world, alice, "fan")
        taken = [deliver(author, world, instance, f"before {number}")[1] for number in range(10)]
        relay.cut()
        assert deliver(author, world, instance, "while away")[0] in AWAY
        answer = alice.http.post("/api/v1/statuses", json={"status": "while away"})
        assert answer.status_code in AWAY and "Retry-After" in answer.headers
        assert instance.http.get("/readyz").status_code == 503
        assert instance.http.get("/livez").status_code == 200
        page = instance.http.get("/", headers={"Accept": "text/html"})
        assert page.status_code in AWAY
        relay.mend()
        eventually(lambda: instance.http.get("/readyz").status_code == 200, what="ready again")
        status, uri = deliver(author, world, instance, "after")
        assert status == 202
        eventually(lambda: in_home(alice, [*taken, uri]), seconds=90, what="everything that was answered 202, once")
        post = alice.post("/api/v1/statuses", status="after")
        eventually(lambda: [item for item in world.activities("Create") if item["object"]["id"] == post["uri"]], seconds=60,
                   what="delivered")


def test_postgresql_ends_our_connections(starting: Callable[..., InstanceProcess], world: World, postgres_url: str) -> None:
    """A restart of the server, seen from here: every open connection dies, new ones work."""
    instance = starting(database_url=postgres_url)
    alice = instance.user("alice")
    author = followed(world, alice, "author")
    taken = []
    for number in range(30):
        if number % 10 == 5:
            with psycopg.connect(environment.POSTGRES, autocommit=True) as admin:
                admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                              [postgres_url.rpartition("/")[2]])
        status, uri = deliver(author, world, instance, f"post {number}")
        assert status == 202 or status in AWAY, status
        if status == 202:
            taken.append(uri)
    assert len(taken) >= 20
    eventually(lambda: in_home(alice, taken), seconds=90, what="everything that was answered 202, once")


def test_two_servers_start_on_one_empty_database(tmp_path: Path, postgres_url: str) -> None:
    """peers.md, "What broke" 12: one migrates, the other waits for the lock, on the connection that holds it."""
    first = InstanceProcess(tmp_path / "data", database_url=postgres_url)
    second = InstanceProcess(tmp_path / "data", database_url=postgres_url)
    second.env["FEDISORA_BASE_URL"] = first.base
    first.folder.mkdir()
    Vault.open(first.folder)  # the key of the data folder belongs to both: it is there before either starts
    try:
        for instance in (first, second):
            instance._spawn("serve", "--port", str(instance.port))
        for instance in (first, second):
            instance.wait_ready()
        assert rows(first, "SELECT count(*) FROM actors WHERE type = 'Application'") == [(1,)]
    finally:
        second.close()
        first.close()


# ---- Redis
def test_redis_gone_and_back(starting: Callable[..., InstanceProcess], world: World, postgres_url: str, redis_url: str) -> None:
    with Relay(redis_url, 6379) as relay:
        instance = starting(database_url=postgres_url, redis_url=relay.url)
        alice = instance.user("alice")
        author, _ = followed(world, alice, "author"), follower(world, alice, "fan")
        taken = []
        for step in ("before", "away", "back"):
            if step == "away":
                relay.cut()
            elif step == "back":
                relay.mend()
            status, uri = deliver(author, world, instance, step)
            assert status == 202, "the doorbell is only a doorbell"
            taken.append(uri)
            post = alice.post("/api/v1/statuses", status=step)
            taken.append(post["uri"])
            eventually(lambda: in_home(alice, taken), what=f"{step}: the post arrived here")
            eventually(lambda post=post: [item for item in world.activities("Create")  # type: ignore[misc]
                                          if item["object"]["id"] == post["uri"]], what=f"{step}: ours arrived there")
        assert all(process.poll() is None for process in instance.processes), "no process ended"


# ---- two workers
def busy(alice: Api, author: RemoteActor, world: World, instance: InstanceProcess, bases: list[str]) -> None:
    """Likes, boosts and posts in a burst, through both doors; then what was counted."""
    post = alice.post("/api/v1/statuses", status="a popular one")
    fans = [world.actor(f"busy{number}") for number in range(20)]
    notes = [world.note(author, f"note {number}") for number in range(20)]
    activities: list[tuple[RemoteActor, dict[str, Any]]] = [(author, author.activity("Create", note)) for note in notes]
    for fan in fans:
        activities += [(fan, fan.activity("Like", post["uri"])),
                       (fan, fan.activity("Announce", post["uri"], to=["https://www.w3.org/ns/activitystreams#Public"]))]
    for number, (sender, activity) in enumerate(activities):
        body = httpx.Request("POST", "http://x", json=activity).content
        headers = sender.headers(f"{instance.base}/inbox", body)
        for base in bases if number % 3 == 0 else bases[:1]:  # some come twice at once, through both doors
            assert httpx.post(f"{base}/inbox", content=body, headers=headers, timeout=30).status_code == 202

    def counts() -> tuple[int, int]:
        found = alice.get(f"/api/v1/statuses/{post['id']}")
        return found["favourites_count"], found["reblogs_count"]

    eventually(lambda: counts() == (20, 20), seconds=60, what="every like and boost, once")
    eventually(lambda: in_home(alice, [post["uri"], *(note["id"] for note in notes)]), seconds=60, what="every post, once")
    eventually(lambda: rows(instance, "SELECT 1 FROM inbox_messages WHERE state = 'pending'") == [], what="all processed")
    assert counts() == (20, 20)
    assert rows(instance, "SELECT count(*) FROM notifications WHERE type IN ('favourite', 'reblog')") == [(40,)]
    assert rows(instance, "SELECT max(attempt) FROM inbox_messages") == [(1,)]


def test_two_servers_on_one_sqlite_database(starting: Callable[..., InstanceProcess], world: World) -> None:
    instance = starting()
    alice = instance.user("alice")
    author = followed(world, alice, "author")
    for number in range(10):
        follower(world, alice, f"fan{number}")
    second = InstanceProcess(instance.folder)
    second.env.update({name: value for name, value in instance.env.items() if name != "FEDISORA_DATA_DIR"})
    try:
        second._spawn("serve", "--port", str(second.port))
        second.http.headers["Host"] = instance.host
        second.wait_ready()
        busy(alice, author, world, instance, [instance.base])
        eventually(lambda: rows(instance, "SELECT 1 FROM deliveries WHERE state <> 'done'") == [], what="all delivered")
        created = [item["object"]["id"] for item in world.activities("Create")]
        assert len(created) == 10 and len(set(created)) == 1, "each inbox once"
    finally:
        second.close()


def test_two_federation_workers_on_one_postgresql(starting: Callable[..., InstanceProcess], world: World, postgres_url: str,
                                                  redis_url: str) -> None:
    instance = starting(database_url=postgres_url, redis_url=redis_url)
    instance._spawn("worker", "federation")
    alice = instance.user("alice")
    author = followed(world, alice, "author")
    for number in range(10):
        follower(world, alice, f"fan{number}")
    busy(alice, author, world, instance, [instance.base, instance.base])
    eventually(lambda: rows(instance, "SELECT 1 FROM deliveries WHERE state <> 'done'") == [], what="all delivered")
    created = [item["object"]["id"] for item in world.activities("Create")]
    assert len(created) == 10 and len(set(created)) == 1, "each inbox once"
