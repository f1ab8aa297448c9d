"""Claims about who made what that arrive by federation (catalogue area provenance)."""
from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from fedisora.activitypub.integrity_proofs import sign_document
from fedisora.activitypub.multibase import ed25519_multibase
from fedisora.provenance.digital_source import CAPTURE, TRAINED
from tests.hostile.scene import Peer, Scene
from tests.support.instances import unique
from tests.support.remote import AS2

NOW = dt.datetime.now(dt.UTC)


def video(world: Peer, **more: Any) -> dict[str, Any]:
    return {"type": "Video", "mediaType": "video/mp4", "url": f"{world.base}/clip.mp4", "digitalSourceType": TRAINED, **more}


def label(status: dict[str, Any]) -> tuple[str, str]:
    shown = status["media_attachments"][0]["fedisora"]
    return shown["digital_source_type"], shown["label"]


@pytest.mark.bad_input("BI-202")
@pytest.mark.parametrize("claim", [{"fedisora:actorClass": "verified-human"}, {"actorClass": "verified-human"},
                                   {"actorKind": "verified-human"}, {"actorKind": ["fs:Human"]}, {"verified": True},
                                   {"actorKind": "fs:Human", "type": "Service"}])
def test_nobody_is_verified_by_saying_so(claim: dict[str, Any], scene: Scene, world: Peer) -> None:
    person = world.actor(unique("person"))
    world.documents[f"/users/{person.name}"].update(claim)
    account = scene.local.resolve(f"@{person.name}@{world.host}")
    assert account["fedisora"]["kind"] is None
    assert "verified-human" not in json.dumps(account)


@pytest.mark.bad_input("BI-204")
def test_a_post_proven_by_somebody_else(scene: Scene, world: Peer) -> None:
    author, mallory = scene.followed(world), world.actor(unique("mallory"), key=1)
    key = ed25519.Ed25519PrivateKey.generate()
    key_id = f"{mallory.uri}#ed"
    world.documents[f"/users/{mallory.name}"]["assertionMethod"] = [
        {"id": key_id, "type": "Multikey", "controller": mallory.uri, "publicKeyMultibase": ed25519_multibase(key.public_key())}]
    for claimed in (key_id, f"{author.uri}#ed"):
        note = scene.published(author, sign_document(world.note(author, "proven?"), key, claimed, NOW))
        assert scene.local.find(note["id"])["fedisora"]["proof"] == "invalid"


@pytest.mark.bad_input("BI-205")
@pytest.mark.parametrize("change", [{"digitalSourceType": CAPTURE}, {"digitalSourceType": None}, {"digitalSourceType": 5}])
def test_an_edit_does_not_change_what_a_video_is(change: dict[str, Any], scene: Scene, world: Peer) -> None:
    author = scene.followed(world)
    note = scene.published(author, world.note(author, "made", attachment=[video(world)]))
    assert label(scene.local.find(note["id"])) == (TRAINED, "AI-generated")
    changed = {**note, "attachment": [video(world, **change)], "updated": "2099-01-01T00:00:00Z"}
    scene.deliver(author, author.activity("Update", changed))
    found = scene.local.find(note["id"])
    assert label(found) == (TRAINED, "AI-generated")
    assert found["edited_at"] is not None


@pytest.mark.bad_input("BI-206")
def test_a_boost_keeps_the_label(scene: Scene, world: Peer) -> None:
    author, booster = scene.followed(world), scene.followed(world, "booster")
    note = scene.published(author, world.note(author, "made", attachment=[video(world)]))
    boost = booster.activity("Announce", note["id"], to=[f"{AS2}#Public"])
    scene.deliver(booster, boost)
    found = scene.local.find(boost["id"])
    assert label(found) == label(found["reblog"]) == (TRAINED, "AI-generated")


@pytest.mark.bad_input("BI-207")
def test_two_labels_on_one_file_are_the_stricter_one(scene: Scene, world: Peer) -> None:
    author = scene.followed(world)
    for outside, inside in ((CAPTURE, TRAINED), (TRAINED, CAPTURE)):
        record = {"type": "ProvenanceRecord", "id": f"{author.uri}/records/{unique('r')}", "digitalSourceType": inside}
        note = scene.published(author, world.note(author, "made", attachment=[
            video(world, digitalSourceType=outside, provenance=record)]))
        assert label(scene.local.find(note["id"])) == (TRAINED, "AI-generated")


@pytest.mark.bad_input("BI-209")
def test_consent_of_somebody_here_is_not_given_elsewhere(scene: Scene, world: Peer) -> None:
    evil = scene.followed(world, "evil", key=1)
    before = scene.rows("statuses"), scene.rows("actors", "domain = ''")
    for kind in ("LikenessAuthorization", "LikenessConsent", "Consent"):
        consent = {"id": f"{evil.uri}/consents/{kind}", "type": kind, "attributedTo": evil.uri, "subject": scene.local.actor,
                   "consent": {"subject": scene.local.actor, "granted": True}}
        scene.deliver(evil, evil.activity("Create", consent), 202)
        scene.deliver(evil, {**evil.activity("Accept", consent), "result": consent["id"]}, 202)
    assert (scene.rows("statuses"), scene.rows("actors", "domain = ''")) == before
