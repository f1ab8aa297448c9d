"""Activities that somebody else delivers: a relay, a followed account, a stranger; with and without the author's own proof."""
from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedisora.activitypub.integrity_proofs import sign_document
from fedisora.activitypub.multibase import ed25519_multibase
from tests.support.instances import Api, InstanceProcess, eventually, unique
from tests.support.remote import AS2, RemoteActor
from tests.support.world import World

CONTEXT = [AS2, "https://w3id.org/security/data-integrity/v2"]


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("forwarding")).start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def local(instance: InstanceProcess) -> Api:
    return instance.user("lena")


@pytest.fixture
def home() -> Iterator[World]:
    """Where the author lives."""
    with World() as found:
        yield found


@pytest.fixture
def elsewhere() -> Iterator[World]:
    """Where who passes it on lives."""
    with World() as found:
        yield found


def followed(instance: InstanceProcess, local: Api, world: World, actor: RemoteActor) -> None:
    """Lena follows somebody."""
    account = local.resolve(actor.uri)["id"]
    local.post(f"/api/v1/accounts/{account}/follow")
    request = eventually(lambda: [item for item in world.activities("Follow") if item["object"] == actor.uri], what="a Follow")[0]
    assert actor.send(f"{instance.base}/inbox", actor.activity("Accept", request)).status_code == 202
    eventually(lambda: local.get("/api/v1/accounts/relationships", **{"id[]": account})[0]["following"], what="following")


def texts(local: Api, uri: str) -> str:
    """The text of a post that came in, "" when it is not there."""
    shown = [*local.home(), *local.get("/api/v1/timelines/public")]
    return next((str(item["content"]) for item in shown if item["uri"] == uri), "")


def test_a_relay_brings_posts_and_only_their_own_server_is_believed(instance: InstanceProcess, local: Api, home: World,
                                                                    elsewhere: World) -> None:
    relay, author = elsewhere.actor(unique("relay")), home.actor(unique("author"))
    instance.cli("relay", "add", f"{relay.uri}/inbox")
    request = eventually(lambda: elsewhere.activities("Follow"), what="the relay is asked")[0]
    assert request["object"] == f"{AS2}#Public"
    assert relay.send(f"{instance.base}/inbox", relay.activity("Accept", request)).status_code == 202
    eventually(lambda: json.loads(instance.cli("relay", "list", "--json").stdout)[0]["state"] == "accepted", what="accepted")

    note = home.note(author, "as written at home")
    forged = {**note, "content": "<p>as the relay would have it</p>"}
    answer = relay.send(f"{instance.base}/inbox", author.activity("Create", forged, to=note["to"], cc=note["cc"]))
    assert answer.status_code == 202
    eventually(lambda: "as written at home" in texts(local, note["id"]), what="the post")
    timeline = local.get("/api/v1/timelines/public", remote="true")
    assert [item["uri"] for item in timeline][:1] == [note["id"]]

    del home.documents[note["id"].removeprefix(home.base)]
    home.gone.add(note["id"].removeprefix(home.base))
    assert relay.send(f"{instance.base}/inbox", author.activity("Delete", note["id"])).status_code == 202
    eventually(lambda: not texts(local, note["id"]), what="gone where it belongs, gone here")


def test_a_delete_that_is_not_true_deletes_nothing(instance: InstanceProcess, local: Api, home: World, elsewhere: World) -> None:
    friend, author = elsewhere.actor(unique("friend")), home.actor(unique("author"))
    followed(instance, local, elsewhere, friend)
    followed(instance, local, home, author)
    note = home.note(author, "still there")
    assert author.send(f"{instance.base}/inbox", author.activity("Create", note)).status_code == 202
    eventually(lambda: texts(local, note["id"]), what="the post")
    delete = author.activity("Delete", note["id"])
    assert friend.send(f"{instance.base}/inbox", delete).status_code == 202
    last = elsewhere.note(friend, "afterwards")
    assert friend.send(f"{instance.base}/inbox", friend.activity("Create", last)).status_code == 202
    eventually(lambda: texts(local, last["id"]), what="what came later")
    assert texts(local, note["id"])
    # and it does not stand in the way of the true one, which has the same id
    assert author.send(f"{instance.base}/inbox", delete).status_code == 202
    eventually(lambda: not texts(local, note["id"]), what="deleted by its author")


def test_a_stranger_passes_nothing_on(instance: InstanceProcess, local: Api, home: World, elsewhere: World) -> None:
    stranger, author = elsewhere.actor(unique("stranger")), home.actor(unique("author"))
    note = home.note(author, "not through here")
    for kind in ("Create", "Update", "Delete", "Announce", "Follow", "Undo"):
        assert stranger.send(f"{instance.base}/inbox", author.activity(kind, note)).status_code == 401, kind


def proven(author: RemoteActor, key: Ed25519PrivateKey, activity: dict[str, Any]) -> dict[str, Any]:
    return sign_document({**activity, "@context": CONTEXT}, key, f"{author.uri}#ed25519", dt.datetime.now(dt.UTC))


def test_the_authors_own_proof_counts_whoever_delivers(instance: InstanceProcess, local: Api, home: World,
                                                       elsewhere: World) -> None:
    stranger, author = elsewhere.actor(unique("stranger")), home.actor(unique("author"))
    key = Ed25519PrivateKey.generate()
    home.documents[f"/users/{author.name}"]["assertionMethod"] = [{
        "id": f"{author.uri}#ed25519", "type": "Multikey", "controller": author.uri,
        "publicKeyMultibase": ed25519_multibase(key.public_key())}]
    followed(instance, local, home, author)
    note = home.note(author, "proven")
    url = f"{instance.base}/inbox"
    good = proven(author, key, author.activity("Create", note, to=note["to"]))
    changed = {**good, "object": {**note, "content": "<p>changed</p>"}}
    assert stranger.send(url, changed).status_code == 401
    assert stranger.send(url, {**good, "actor": stranger.uri}).status_code in (401, 403)
    assert stranger.send(url, proven(author, Ed25519PrivateKey.generate(), author.activity("Create", note))).status_code == 401
    assert stranger.send(url, good).status_code == 202
    eventually(lambda: "proven" in texts(local, note["id"]), what="the post")
