"""The inbox from outside: everything wrong is refused with its own status and leaves nothing behind; the rest works."""
from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import create_engine, text

from tests.support.instances import Api, InstanceProcess, eventually, unique
from tests.support.remote import RemoteActor
from tests.support.world import World


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("inbox"), database_url=module_database_url).start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as found:
        yield found


@pytest.fixture(scope="module")
def local(instance: InstanceProcess) -> Api:
    return instance.user("lena")


def rows(instance: InstanceProcess, table: str, where: str = "1=1") -> int:
    url = instance.env["FEDISORA_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://") \
        or f"sqlite:///{instance.folder / 'fedisora.sqlite3'}"
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {table} WHERE {where}")).scalar_one())
    finally:
        engine.dispose()


def inbox(instance: InstanceProcess) -> str:
    return f"{instance.base}/inbox"


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    return httpx.post(url, content=body, headers=headers, timeout=30).status_code


# ---- everything wrong, first
@pytest.mark.parametrize("case", [
    "unsigned", "empty signature", "wrong key", "other actor's key", "changed body", "stale date", "future date", "foreign id",
    "foreign object", "oversized", "garbage", "no actor", "a list", "duplicate signature parameter", "no digest", "other host",
    "unknown key", "empty body"])
def test_wrong_requests_are_refused_and_leave_nothing(case: str, instance: InstanceProcess, world: World, local: Api) -> None:
    sender, other = world.actor(unique("eve")), world.actor(unique("mallory"), key=1)
    activity = sender.activity("Create", world.note(sender, "hello"))
    body, url = json.dumps(activity).encode(), inbox(instance)
    headers = sender.headers(url, body)
    wanted = {401}
    if case == "unsigned":
        headers.pop("Signature")
    elif case == "empty signature":
        headers["Signature"] = ""
    elif case == "wrong key":
        sender.key = other.key
        headers = sender.headers(url, body)
    elif case == "other actor's key":
        headers = other.headers(url, body)
    elif case == "changed body":
        body = body.replace(b"hello", b"HELLO")
    elif case == "stale date":
        headers = sender.headers(url, body, age=2 * 86400)
    elif case == "future date":
        headers = sender.headers(url, body, age=-2 * 86400)
    elif case == "foreign id":
        activity["id"] = "http://127.0.0.2:1/activities/1"
        body = json.dumps(activity).encode()
        headers, wanted = sender.headers(url, body), {403}
    elif case == "foreign object":
        activity["object"]["id"] = "http://127.0.0.2:1/notes/1"
        body = json.dumps(activity).encode()
        headers, wanted = sender.headers(url, body), {403}
    elif case == "oversized":
        activity["padding"] = "x" * (1 << 20)
        body = json.dumps(activity).encode()
        headers, wanted = sender.headers(url, body), {413}
    elif case in ("garbage", "no actor", "a list", "empty body"):
        body = {"garbage": b"{not json", "no actor": b'{"type": "Like"}', "a list": b"[]", "empty body": b""}[case]
        headers, wanted = sender.headers(url, body), {400}
    elif case == "duplicate signature parameter":
        headers["Signature"] += f',keyId="{other.key_id}"'
    elif case == "no digest":
        headers.pop("Digest")
    elif case == "other host":
        headers = sender.headers("http://elsewhere.example/inbox", body)
        headers.pop("Host")
    elif case == "unknown key":
        ghost = RemoteActor(world.base, unique("ghost"))
        activity["actor"] = ghost.uri
        body = json.dumps(activity).encode()
        headers = ghost.headers(url, body)
    before = rows(instance, "inbox_messages")
    assert post(url, body, headers) in wanted
    assert rows(instance, "inbox_messages") == before
    assert rows(instance, "statuses", f"uri LIKE '{sender.uri}%'") == 0


def test_an_inbox_of_nobody_is_404(instance: InstanceProcess, world: World) -> None:
    sender = world.actor(unique("bob"))
    answer = sender.send(f"{instance.base}/users/nobody/inbox", sender.activity("Like", f"{instance.base}/users/x/statuses/1"))
    assert answer.status_code == 404


def test_a_delete_of_an_account_that_is_gone_is_answered_and_forgotten(instance: InstanceProcess, world: World) -> None:
    ghost = RemoteActor(world.base, unique("gone"))
    assert ghost.send(inbox(instance), ghost.activity("Delete", ghost.uri)).status_code == 202
    assert rows(instance, "inbox_messages", f"actor_uri = '{ghost.uri}'") == 0


# ---- and what is right
def test_a_follow_is_accepted_and_posts_arrive_signed(instance: InstanceProcess, world: World, local: Api) -> None:
    fan = world.actor(unique("fan"))
    follow = fan.activity("Follow", local.actor)
    assert fan.send(f"{local.actor}/inbox", follow).status_code == 202
    eventually(lambda: [item for item in world.activities("Accept") if item["object"]["id"] == follow["id"]], what="Accept")
    local.post("/api/v1/statuses", status="Hello #fediverse", visibility="public")
    created = eventually(lambda: [item for item in world.activities("Create") if "Hello" in item["object"]["content"]
                                  and item["actor"] == local.actor],
                         what="Create")[0]
    assert created["object"]["attributedTo"] == local.actor
    assert created["proof"]["cryptosuite"] == created["object"]["proof"]["cryptosuite"] == "eddsa-jcs-2022"
    undo = fan.activity("Undo", follow)
    assert fan.send(inbox(instance), undo).status_code == 202
    eventually(lambda: local.me()["followers_count"] == 0, what="unfollowed")


def test_a_post_is_stored_once_changed_and_deleted(instance: InstanceProcess, world: World, local: Api) -> None:
    author = world.actor(unique("author"))
    account = local.resolve(f"@{author.name}@{world.host}")
    local.post(f"/api/v1/accounts/{account['id']}/follow")
    request = eventually(lambda: [item for item in world.activities("Follow")
                                  if item["object"] == author.uri and item["actor"] == local.actor], what="Follow")[0]
    assert author.send(inbox(instance), author.activity("Accept", request)).status_code == 202
    eventually(lambda: local.get("/api/v1/accounts/relationships", **{"id[]": account["id"]})[0]["following"], what="accepted")
    note = world.note(author, "first <script>alert(1)</script>")
    create = author.activity("Create", note)
    for _ in range(3):
        assert author.send(inbox(instance), create).status_code == 202
    found = eventually(lambda: local.find(note["id"]), what="the post")
    assert "script" not in found["content"]
    assert [item["uri"] for item in local.home()].count(note["id"]) == 1
    changed = {**note, "content": "<p>second</p>", "updated": "2099-01-01T00:00:00Z"}
    assert author.send(inbox(instance), author.activity("Update", changed)).status_code == 202
    eventually(lambda: "second" in local.find(note["id"])["content"], what="the edit")
    stranger = world.actor(unique("stranger"), key=1)
    assert stranger.send(inbox(instance), stranger.activity("Delete", note["id"])).status_code == 202
    assert author.send(inbox(instance), author.activity("Delete", {"id": note["id"], "type": "Tombstone"})).status_code == 202
    eventually(lambda: note["id"] not in [item["uri"] for item in local.home()], what="the deletion")
    assert author.send(inbox(instance), {**create, "id": f"{create['id']}-again"}).status_code == 202
    eventually(lambda: rows(instance, "inbox_messages", "state = 'pending'") == 0, what="all processed")
    assert note["id"] not in [item["uri"] for item in local.home()]


def test_likes_and_boosts_are_counted_once_and_taken_back(instance: InstanceProcess, world: World, local: Api) -> None:
    fan = world.actor(unique("liker"))
    status = local.post("/api/v1/statuses", status="Like me")
    like, boost = fan.activity("Like", status["uri"]), fan.activity("Announce", status["uri"], to=["as:Public"])
    for activity in (like, like, boost):
        assert fan.send(inbox(instance), activity).status_code == 202

    def counts() -> tuple[int, int]:
        found = local.get(f"/api/v1/statuses/{status['id']}")
        return found["favourites_count"], found["reblogs_count"]

    eventually(lambda: counts() == (1, 1), what="one like, one boost")
    for activity in (like, boost):
        assert fan.send(inbox(instance), fan.activity("Undo", activity)).status_code == 202
    eventually(lambda: counts() == (0, 0), what="taken back")


def test_a_server_that_only_takes_rfc9421_gets_it(instance: InstanceProcess, local: Api) -> None:
    with World() as picky:
        picky.refuse = "cavage"
        fan = picky.actor(unique("modern"))
        assert fan.send(inbox(instance), fan.activity("Follow", local.actor)).status_code == 202
        eventually(lambda: picky.activities("Accept"), what="Accept")
        assert "signature-input" in picky.received[0][0]


def test_a_hanging_server_holds_up_nobody(instance: InstanceProcess, world: World, local: Api) -> None:
    with World() as slow:
        fan, quick = slow.actor(unique("slow")), world.actor(unique("quick"))
        for who in (fan, quick):
            assert who.send(inbox(instance), who.activity("Follow", local.actor)).status_code == 202
        for place, who in ((slow, fan), (world, quick)):
            eventually(lambda place=place, who=who: [item for item in place.activities("Accept")  # type: ignore[misc]
                                                     if item["object"]["actor"] == who.uri], what=f"Accept for {who.name}")
        slow.hang.clear()
        for number in range(3):
            local.post("/api/v1/statuses", status=f"post {number} for everybody")
        eventually(lambda: len([item for item in world.activities("Create")
                                if "for everybody" in item["object"]["content"]]) >= 3, seconds=8, what="the healthy server")
        slow.hang.set()
