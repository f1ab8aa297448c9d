"""A blocked domain has no way in: not by another verb, a subdomain, a relay, a boost, a cache or a redirect (R19)."""
from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import create_engine, text

from tests.support.instances import Api, InstanceProcess, eventually, unique
from tests.support.remote import RemoteActor
from tests.support.world import World

BLOCKED = "127.0.0.2"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("moderation"), database_url=module_database_url)
    running.folder.mkdir(parents=True, exist_ok=True)
    running.cli("domain", "block", "blocked.example", "--comment", "for tests")
    running.cli("domain", "block", BLOCKED)
    running.start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def local(instance: InstanceProcess) -> Api:
    return instance.user("lena")


@pytest.fixture(scope="module")
def friend() -> Iterator[World]:
    with World() as found:
        yield found


@pytest.fixture
def bad() -> Iterator[World]:
    with World(BLOCKED) as found:
        yield found


def run_sql(instance: InstanceProcess, statement: str) -> list[tuple[object, ...]]:
    url = instance.env["FEDISORA_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://") \
        or f"sqlite:///{instance.folder / 'fedisora.sqlite3'}"
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            found = connection.execute(text(statement))
            return [tuple(row) for row in found] if found.returns_rows else []
    finally:
        engine.dispose()


def stored(instance: InstanceProcess) -> int:
    return int(str(run_sql(instance, "SELECT count(*) FROM inbox_messages")[0][0]))


@pytest.mark.parametrize("origin", [
    "https://blocked.example", "https://sub.blocked.example", "https://a.b.BLOCKED.example", "https://blocked.example.:443",
    "https://blocked.example:8443", "https://sub.blocked.example.", "https://blocked。example"])
@pytest.mark.parametrize("kind", ["Create", "Delete", "Undo", "Follow", "Announce"])
def test_nothing_from_a_blocked_domain_is_taken_in(instance: InstanceProcess, local: Api, origin: str, kind: str) -> None:
    """BI-183; refused before anybody looks for a key: there is nobody at blocked.example whom one could ask."""
    sender = RemoteActor(origin, "mallory")
    if not origin.isascii():  # a header is
        sender.key_id = "https://blocked.example/users/mallory#main-key"
    before = stored(instance)
    assert sender.send(f"{instance.base}/inbox", sender.activity(kind, local.actor)).status_code == 403
    assert stored(instance) == before


def test_neither_is_its_key_fetched(instance: InstanceProcess, local: Api, bad: World) -> None:
    sender = bad.actor(unique("mallory"))
    assert sender.send(f"{instance.base}/inbox", sender.activity("Follow", local.actor)).status_code == 403
    assert sender.get(f"{instance.base}/users/lena").status_code == 403
    assert bad.requests == []


def test_a_blocked_key_cannot_speak_for_somebody_else(instance: InstanceProcess, local: Api, friend: World, bad: World) -> None:
    sender, key_owner = friend.actor(unique("frank")), bad.actor(unique("mallory"))
    sender.key_id = key_owner.key_id
    assert sender.send(f"{instance.base}/inbox", sender.activity("Follow", local.actor)).status_code == 403
    assert bad.requests == []


def test_a_relay_brings_nothing_of_a_blocked_author(instance: InstanceProcess, local: Api, friend: World, bad: World) -> None:
    """BI-185, BI-107: the transport is signed by a server that we talk to."""
    relay, author = friend.actor(unique("relay")), bad.actor(unique("mallory"))
    note = bad.note(author, "through the back door")
    create = {**author.activity("Create", note), "signature": {
        "type": "RsaSignature2017", "creator": author.key_id, "created": "2026-11-01T00:00:00Z", "signatureValue": "AAAA"}}
    before = stored(instance)
    body, url = json.dumps(create).encode(), f"{instance.base}/inbox"
    assert httpx.post(url, content=body, headers=relay.headers(url, body), timeout=30).status_code == 403
    boost = relay.activity("Announce", note["id"], to=["as:Public"])
    account = local.resolve(f"@{relay.name}@{friend.host}")
    local.post(f"/api/v1/accounts/{account['id']}/follow")
    request = eventually(lambda: [item for item in friend.activities("Follow") if item["object"] == relay.uri], what="Follow")[0]
    assert relay.send(url, relay.activity("Accept", request)).status_code == 202
    eventually(lambda: local.get("/api/v1/accounts/relationships", **{"id[]": account["id"]})[0]["following"], what="accepted")
    assert relay.send(url, boost).status_code == 202
    eventually(lambda: run_sql(instance, "SELECT 1 FROM inbox_messages WHERE state = 'pending'") == [], what="all processed")
    assert stored(instance) > before
    assert bad.requests == []
    assert run_sql(instance, f"SELECT 1 FROM statuses WHERE uri LIKE '{bad.base}%' OR uri LIKE '{relay.uri}#Announce%'") == []


def test_nobody_here_looks_anything_up_there(instance: InstanceProcess, local: Api, bad: World) -> None:
    author = bad.actor(unique("mallory"))
    note = bad.note(author, "look at me")
    for query in (f"@{author.name}@{bad.host}", author.uri, note["id"]):
        found = local.get("/api/v2/search", q=query, resolve="true")
        assert found["accounts"] == found["statuses"] == []
    assert bad.requests == []


def test_a_signed_reader_is_known_before_any_cache(instance: InstanceProcess, local: Api, friend: World, bad: World) -> None:
    """BI-175, BI-177."""
    status = local.post("/api/v1/statuses", status="public")
    reader, blocked = friend.actor(unique("reader")), bad.actor(unique("mallory"))
    for url in (status["uri"], f"{status['uri']}/activity", f"{status['uri']}/replies", local.actor, f"{local.actor}/outbox",
                f"{local.actor}/followers?page=1"):
        first = reader.get(url)
        assert first.status_code == 200
        assert "private" in first.headers["cache-control"]
        assert "public" not in first.headers["cache-control"]
        assert {"accept", "signature"} <= {item.strip().lower() for item in first.headers["vary"].split(",")}
        refused = blocked.get(url)
        assert refused.status_code == 403
        assert refused.headers["cache-control"] == "no-store"
        assert "public" not in refused.text
        unsigned = httpx.get(url, headers={"Accept": "application/activity+json"})
        assert unsigned.status_code == 200
        assert "signature" in unsigned.headers["vary"].lower()


def test_a_suspended_account_may_only_take_back(instance: InstanceProcess, local: Api, friend: World) -> None:
    """BI-184."""
    author = friend.actor(unique("suspended"))
    local.resolve(f"@{author.name}@{friend.host}")
    run_sql(instance, f"UPDATE actors SET suspended_at = '2026-11-01 00:00:00' WHERE uri = '{author.uri}'")
    note = friend.note(author, f"hello @{local.name}", to=[local.actor])
    for kind, target, status in (("Create", note, 403), ("Like", f"{local.actor}/statuses/1", 403), ("Follow", local.actor, 403),
                                 ("Undo", author.activity("Follow", local.actor), 202), ("Update", note, 202),
                                 ("Delete", note["id"], 202)):
        assert author.send(f"{instance.base}/inbox", author.activity(kind, target)).status_code == status, kind
    assert author.get(local.actor).status_code == 403
    eventually(lambda: run_sql(instance, "SELECT 1 FROM inbox_messages WHERE state = 'pending'") == [], what="all processed")
    assert run_sql(instance, f"SELECT 1 FROM statuses WHERE uri = '{note['id']}'") == []


def test_a_block_and_its_end_while_the_server_runs(instance: InstanceProcess, local: Api) -> None:
    with World("127.0.0.3") as place:
        fan = place.actor(unique("fan"))
        place.documents["/face.png"] = {"this": "is asked for, and no picture"}
        place.documents[f"/users/{fan.name}"]["icon"] = {"type": "Image", "url": f"{place.base}/face.png"}
        assert fan.send(f"{instance.base}/inbox", fan.activity("Follow", local.actor)).status_code == 202
        eventually(lambda: place.activities("Accept"), what="Accept")
        row = run_sql(instance, f"SELECT id FROM actors WHERE uri = '{fan.uri}'")[0][0]
        face = f"{instance.base}/proxy/avatar/{row}"
        assert httpx.get(face).status_code == 415
        assert place.requests.count("/face.png") == 1
        assert "follows ended: 1" in instance.cli("domain", "block", place.host).stderr
        eventually(lambda: fan.get(local.actor).status_code == 403, what="blocked")
        assert httpx.get(face).status_code == 404
        assert place.requests.count("/face.png") == 1
        seen = len(place.received)
        local.post("/api/v1/statuses", status="not for them")
        assert run_sql(instance, f"SELECT 1 FROM deliveries WHERE host = '{place.host}' AND state = 'pending'") == []
        listed = json.loads(instance.cli("domain", "list", "--json").stdout)
        assert {"127.0.0.3", "blocked.example"} <= {row["domain"] for row in listed if row["severity"] == "block"}
        assert "127.0.0.3" in instance.cli("domain", "list").stdout
        assert "let in again: 1" in instance.cli("domain", "remove", "127.0.0.3").stderr
        eventually(lambda: fan.get(local.actor).status_code == 200, what="let in again")
        assert len(place.received) == seen


@pytest.mark.parametrize("domain", ["not a domain", "127.0.0.1", ""])
def test_a_rule_that_cannot_be_is_one_line(instance: InstanceProcess, domain: str) -> None:
    done = instance.cli("domain", "block", domain, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_only_the_list_in_allow_list_mode(tmp_path_factory: pytest.TempPathFactory) -> None:
    running = InstanceProcess(tmp_path_factory.mktemp("allow-list"), federation="allow-list")
    running.cli("domain", "allow", "127.0.0.3")
    running.start()
    try:
        person = running.user("lena")
        with World("127.0.0.3") as listed, World("127.0.0.4") as other:
            known, stranger = listed.actor(unique("known")), other.actor(unique("stranger"))
            url = f"{running.base}/inbox"
            assert stranger.send(url, stranger.activity("Follow", person.actor)).status_code == 403
            assert known.send(url, known.activity("Follow", person.actor)).status_code == 202
            eventually(lambda: listed.activities("Accept"), what="Accept")
            assert person.get("/api/v2/search", q=stranger.uri, resolve="true")["accounts"] == []
            assert other.requests == []
            assert person.resolve(known.uri)["username"] == known.name
    finally:
        running.close()
