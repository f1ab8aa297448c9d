"""The contract vectors of the vocabulary: documents and files of another implementation, right and wrong ones."""
from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from fedisora.activities.remote_posts import proof_state
from fedisora.activitypub.digest import digest_multibase
from fedisora.media.digest import file_digest
from fedisora.media.process import run_media_sync
from fedisora.models import Actor, Media, Status
from fedisora.provenance.certificates import anchors
from fedisora.provenance.record import LABEL, ProvenanceRecord
from fedisora.provenance.verdict import ObjectFacts, decide
from fedisora.serializers.activitypub import actor as actor_serializer
from fedisora.serializers.activitypub.note import from_activitypub, to_activitypub
from fedisora.store.records import Beside
from fedisora.uris import Uris

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
A, B = "https://a.example", "https://b.example"


@pytest.fixture
def folder(shared: Path) -> Path:
    return shared / "vectors" / "provenance" / "fedisora-v1"


def read(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / name).read_text())
    return found


def author(folder: Path, name: str) -> Actor:
    data = actor_serializer.from_activitypub(read(folder, name))
    return Actor(uri=data.uri, assertion_keys=data.assertion_keys, kind=data.kind, operator_uri=data.operator_uri)


def test_actors_say_what_they_are(folder: Path) -> None:
    human, agent = author(folder, "actor-human.json"), author(folder, "actor-agent.json")
    assert human.kind == "human"
    assert (agent.kind, agent.operator_uri) == ("agent", human.uri)


@pytest.mark.parametrize(("name", "by"), [
    ("note-generated.json", "actor-human.json"), ("note-remix.json", "actor-remixer.json"),
    ("provenance-record.json", "actor-human.json"), ("remix-authorization.json", "actor-human.json"),
    ("revoked-certificates.json", "instance-actor.json")])
def test_signed_documents_hold(folder: Path, name: str, by: str) -> None:
    assert proof_state(read(folder, name), author(folder, by)) == "valid"


def test_a_create_carries_a_note_that_holds_by_itself(folder: Path) -> None:
    create = read(folder, "create-generated.json")
    human = author(folder, "actor-human.json")
    assert proof_state(create, human) == proof_state(create["object"], human) == "valid"
    note = from_activitypub(create["object"])
    assert note.media[0].digital_source_type is not None
    assert note.media[0].manifest_url is not None


@pytest.mark.parametrize(("name", "by"), [
    ("note-content-changed-after-signing.json", "actor-human.json"), ("note-signed-with-another-key.json", "actor-human.json"),
    ("note-signed-by-a-neighbour.json", "actor-human.json"), ("note-proof-context-differs.json", "actor-human.json"),
    ("note-without-proof.json", "actor-human.json"),
    ("revoked-certificates-changed-after-signing.json", "instance-actor.json")])
def test_wrong_documents_do_not(folder: Path, name: str, by: str) -> None:
    assert proof_state(read(folder / "invalid", name), author(folder, by)) != "valid"


def test_an_embedded_note_without_its_context_does_not_hold(folder: Path) -> None:
    create = read(folder / "invalid", "create-embedded-note-without-context.json")
    assert proof_state(create["object"], author(folder, "actor-human.json")) != "valid"


def verdict(folder: Path, name: str, origin: str, pem: str, facts: ObjectFacts | None) -> dict[str, Any]:
    path = folder / name
    trusted = {origin: anchors((folder / pem).read_text())}
    reading = run_media_sync("read", {"path": str(path), "anchors": trusted}, timeout=60)
    digest = digest_multibase(file_digest(path)[0])
    return decide(reading, claimed_origin=origin, object_facts=facts, digest=digest, now=NOW, revoked_serials=[], claims=[],
                  media="video").to_json()


def facts_of(folder: Path, name: str, handle: str) -> ObjectFacts:
    document = read(folder, name)
    media = from_activitypub(document).media[0]
    return ObjectFacts(object_id=document["id"], actor=document["attributedTo"], digest_multibase=media.digest,
                       digital_source_type=media.digital_source_type, handle=handle)


def test_the_clip_is_verified(folder: Path) -> None:
    found = verdict(folder, "clip.mp4", A, "ca.pem", facts_of(folder, "note-generated.json", "@alice@a.example"))
    wanted = read(folder, "verdict-verified.json")
    assert (found["verdict"], found["digitalSourceType"]) == (wanted["verdict"], wanted["digitalSourceType"])
    assert found["signer"] == wanted["signer"]
    assert found["record"]["actor"] == wanted["record"]["actor"]


def test_the_remix_is_verified(folder: Path) -> None:
    found = verdict(folder, "remix.mp4", B, "ca-b.pem", facts_of(folder, "note-remix.json", "@bob@b.example"))
    assert found["verdict"] == "verified"


def test_one_changed_bit_is_tampered(folder: Path) -> None:
    found = verdict(folder, "clip-tampered.mp4", A, "ca.pem", facts_of(folder, "note-generated.json", "@alice@a.example"))
    assert found["verdict"] == read(folder, "verdict-tampered.json")["verdict"] == "tampered"


def test_an_unknown_issuer_is_not_trusted(folder: Path) -> None:
    found = verdict(folder, "clip.mp4", A, "ca-b.pem", facts_of(folder, "note-generated.json", "@alice@a.example"))
    assert found["verdict"] == "intact-unknown-signer"


def test_a_file_under_somebody_elses_post_contradicts(folder: Path) -> None:
    found = verdict(folder, "clip.mp4", A, "ca.pem", facts_of(folder, "note-remix.json", "@bob@b.example"))
    assert found["verdict"] in ("contradicted", "tampered")



def assertion_of(folder: Path, name: str) -> dict[str, Any]:
    report = run_media_sync("read", {"path": str(folder / name), "anchors": {}}, timeout=60)["report"]
    found = report["manifests"][report["active_manifest"]]["assertions"]
    return next(dict(item["data"]) for item in found if item["label"] == LABEL)


@pytest.mark.parametrize(("note", "clip"), [("note-generated.json", "clip.mp4"), ("note-remix.json", "remix.mp4")])
def test_our_record_of_the_same_file_reads_like_theirs(folder: Path, note: str, clip: str) -> None:
    theirs, signed = read(folder, note), assertion_of(folder, clip)
    file, source = theirs["attachment"][0], from_activitypub(theirs).media[0]
    uris = Uris(signed["provider"])
    assert ProvenanceRecord.from_assertion(signed, file["provenance"]["manifest"]).to_assertion() == signed
    row = Media(
        id=1, kind="video", mime=file["mediaType"], storage_key="1.mp4", poster_key="1.webp", manifest_key="1.c2pa",
        description=file["name"], width=file["width"], height=file["height"], size=file["size"], blurhash=file["blurhash"],
        duration=2.0, digest=file["digestMultibase"], digital_source_type=source.digital_source_type, record=signed,
        generator=signed["generator"], focus_x=0.0, focus_y=0.0, soft_binding=[], edits=[])
    beside = Beside(source.based_on, source.remix_authorizations, source.likeness_authorizations)
    author = Actor(uri=theirs["attributedTo"], followers_uri=theirs["cc"][0], username="alice", domain="")
    status = Status(id=1, uri=theirs["id"], url=theirs["id"], visibility="public", content="<p>A clip.</p>", sensitive=False,
                    created_at=NOW, edited_at=NOW, interaction_policy=theirs["interactionPolicy"])
    ours = to_activitypub(status, author, [row], [], [], uris, beside={1: beside})
    node = ours["attachment"][0]
    # empty arrays are omitted (vocabulary §6); `summary` is the alternative text once more; the version is its revision
    wanted = {**file, "provenance": {name: value for name, value in file["provenance"].items() if value != []}}
    assert {**node, "generator": None} == {**wanted, "summary": file["name"], "generator": None}
    assert set(node["generator"]) == set(file["generator"])
    definitions, known = ours["@context"][-1], theirs["@context"][-1]
    shared = known.keys() - {"softBinding", "claim"}
    assert {name: definitions[name] for name in shared} == {name: known[name] for name in shared}
    record = {name: value for name, value in read(folder, "provenance-record.json").items() if value != []}
    if note == "note-generated.json":
        assert node["provenance"] == {name: value for name, value in record.items() if name not in ("@context", "proof")}
