"""JSON-LD tricks, and proofs that prove something else (catalogue area jsonld)."""
from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric import ed25519

from fedisora.activitypub.integrity_proofs import sign_document
from fedisora.activitypub.multibase import ed25519_multibase, multibase_encode
from tests.hostile.scene import Peer, Scene, answer
from tests.support.instances import unique
from tests.support.remote import AS2, RemoteActor

PUBLIC = f"{AS2}#Public"


@pytest.mark.bad_input("BI-101")
@pytest.mark.bad_input("BI-102")
def test_a_remote_context_is_never_fetched(scene: Scene, world: Peer, other: Peer) -> None:
    """Terms mean what our table says, whatever a context says, and whether it says the same twice."""
    victim, evil = scene.followed(other), scene.followed(world, "evil", key=1)
    answers = iter([{"x": "as:actor", "actor": "ex:nobody"}, {"actor": "as:actor"}] * 10)
    world.answers["/ctx"] = lambda handler: answer(body={"@context": next(answers)}, kind="application/ld+json")(handler)
    context = [AS2, f"{world.base}/ctx", {"x": "as:actor", "author": {"@id": "as:attributedTo", "@type": "@id"},
                                          "content": "ex:no"}]
    note = {**world.note(evil, "plain"), "@context": context, "author": victim.uri}
    scene.deliver(evil, {**evil.activity("Create", note), "@context": context, "x": victim.uri}, 202, 400, 401)
    row = scene.status(note["id"])
    assert row is None or (row.author == evil.uri and "plain" in row.content)
    assert world.asked("/ctx") == 0


LD = ["hostile-at-graph", "hostile-at-included", "hostile-at-reverse", "hostile-unmapped-nested-object", "hostile-remote-context",
      "peertube-mastodon25-create", "peertube-mastodon25-create-tampered"]


def moved(document: dict[str, Any], world: Peer) -> dict[str, Any]:
    """A captured document as if its server were `world`."""
    text = re.sub(r"https?://(?!www\.w3\.org|w3id\.org)[a-z0-9.-]+(?::\d+)?(?=/)", world.base, json.dumps(document))
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=[pytest.mark.bad_input("BI-103"), pytest.mark.bad_input("BI-104"), pytest.mark.bad_input("BI-105")])
    for name in LD])
@pytest.mark.parametrize("trusted", [True, False], ids=["followed", "stranger"])
def test_a_linked_data_signature_proves_nothing(name: str, trusted: bool, scene: Scene, world: Peer, other: Peer,
                                                shared: Path) -> None:
    """Forwarded by somebody: at most a hint to look at the object's own address, which here answers 404."""
    cases = json.loads((shared / "vectors" / "http-signatures" / "ld-signatures-rsa2017.json").read_text())["cases"]
    document = moved(next(case["document"] for case in cases if case["id"] == name), other)
    carrier = scene.followed(world, "carrier") if trusted else world.actor(unique("carrier"))
    if name == "peertube-mastodon25-create-tampered":
        document.pop("to", None)
    before = scene.rows("statuses")
    scene.deliver(carrier, document, 202, 400, 401)
    assert scene.rows("statuses") == before
    assert other.asked("/context*") == 0


@pytest.mark.bad_input("BI-107")
@pytest.mark.bad_input("BI-108")
@pytest.mark.parametrize("signature", [
    {"type": "RsaSignature2017", "expires": "2020-01-01T00:00:00Z"}, {"type": "RsaSignature2018"}, {"type": "RsaSignature2017"}])
def test_old_blocked_and_odd_linked_data_signatures(signature: dict[str, str], scene: Scene, world: Peer, other: Peer) -> None:
    victim, mallory = other.actor(unique("victim")), world.actor(unique("mallory"), key=1)
    note = other.note(victim, "forged")
    activity = {**victim.activity("Create", note), "signature": {
        "creator": victim.key_id, "created": "2019-01-01T00:00:00Z", "signatureValue": "AAAA", **signature}}
    scene.deliver(mallory, activity, 202, 401, 403)
    assert scene.status(note["id"]) is None


@pytest.mark.bad_input("BI-106")
def test_unmapped_terms_mean_nothing(scene: Scene, world: Peer, other: Peer) -> None:
    author, victim = scene.followed(world), other.actor(unique("victim"))
    note = {**world.note(author, "plain"), "as:content": "no", "https://www.w3.org/ns/activitystreams#content": "no",
            "@graph": [{"id": f"{victim.uri}/1", "type": "Note", "attributedTo": victim.uri}], "@included": [{"id": victim.uri}],
            "@reverse": {"actor": {"id": victim.uri}}, "@nest": {"content": "no"}, "@id": f"{victim.uri}/2", "@type": "Delete"}
    scene.deliver(author, {**author.activity("Create", note), "@type": "Delete", "@id": victim.uri, "as:actor": victim.uri})
    row = scene.status(note["id"])
    assert row is not None
    assert row.content == "<p>plain</p>" and row.author == author.uri
    assert scene.status(f"{victim.uri}/1") is None and scene.status(f"{victim.uri}/2") is None


@pytest.mark.bad_input("BI-109")
def test_a_graph_that_explodes_when_canonicalised(scene: Scene, world: Peer) -> None:
    author = scene.followed(world)
    names = [f"_:b{number}" for number in range(40)]
    clique = [{"id": name, "x": [{"id": neighbour} for neighbour in names]} for name in names]
    note = {**world.note(author, "dense"), "@context": [AS2, {"x": "ex:x"}], "clique": clique}
    body = author.activity("Create", note)
    began = time.monotonic()
    scene.deliver(author, body, 202, 400, 413)
    assert time.monotonic() - began < 5


def with_multikey(world: Peer, actor: RemoteActor) -> tuple[ed25519.Ed25519PrivateKey, str]:
    """A key for proofs, in the actor's document."""
    key, key_id = ed25519.Ed25519PrivateKey.generate(), f"{actor.uri}#ed25519"
    world.documents[f"/users/{actor.name}"]["assertionMethod"] = [
        {"id": key_id, "type": "Multikey", "controller": actor.uri, "publicKeyMultibase": ed25519_multibase(key.public_key())}]
    return key, key_id


NOW = dt.datetime.now(dt.UTC)


@pytest.mark.bad_input("BI-110")
@pytest.mark.parametrize("claim", ["own key", "victim's key id"])
def test_a_proof_by_somebody_elses_key(claim: str, scene: Scene, world: Peer, other: Peer) -> None:
    victim, mallory = other.actor(unique("victim")), world.actor(unique("mallory"), key=1)
    key, key_id = with_multikey(world, mallory)
    _, victims = with_multikey(other, victim)
    create = victim.activity("Create", other.note(victim, "forged"))
    activity = sign_document(create, key, key_id if claim == "own key" else victims, NOW)
    with scene.nothing_changes():
        scene.deliver(mallory, activity, 401)


@pytest.mark.bad_input("BI-111")
@pytest.mark.parametrize("change", [{"proofPurpose": "authentication"}, {"expires": "2020-01-01T00:00:00Z"},
                                    {"created": "2020-01-01T00:00:00Z"}, {"type": "Ed25519Signature2020"}])
def test_a_proof_for_something_else_or_of_yesterday(change: dict[str, str], scene: Scene, world: Peer, other: Peer) -> None:
    author, carrier = scene.followed(other), world.actor(unique("carrier"), key=1)
    key, key_id = with_multikey(other, author)
    note = other.note(author, "proven")
    activity = sign_document(author.activity("Create", note), key, key_id, NOW)
    activity["proof"].update(change)
    scene.deliver(carrier, resigned(activity, key), 202, 401)
    assert scene.status(note["id"]) is None


def resigned(document: dict[str, Any], key: ed25519.Ed25519PrivateKey) -> dict[str, Any]:
    """A proof that fits its own odd options: only what it says about itself is wrong."""
    options = {name: value for name, value in document["proof"].items() if name != "proofValue"}
    plain = {name: value for name, value in document.items() if name != "proof"}
    digest = hashlib.sha256(rfc8785.dumps(options)).digest() + hashlib.sha256(rfc8785.dumps(plain)).digest()
    return {**plain, "proof": {**options, "proofValue": multibase_encode(key.sign(digest))}}
