"""Content Credentials: signed by our child, read back by c2pa-python's own Reader."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import c2pa
import pytest

from fedisora.media.process import run_media_sync
from fedisora.provenance import certificates, manifest
from fedisora.provenance.digital_source import ALGORITHMIC
from fedisora.provenance.record import Generator, ProvenanceRecord
from fedisora.store.keys import pem
from tests.support.pictures import clip, png

NOW = dt.datetime.now(dt.UTC)
ORIGIN = "https://video.example"


@pytest.fixture(scope="module")
def authority() -> dict[str, Any]:
    root = certificates.create_root("video.example", NOW)
    middle = certificates.create_intermediate("video.example", root, NOW)
    key, leaf = certificates.create_leaf("@ada@video.example", "video.example", middle, NOW)
    return {
        "key": pem(key),
        "chain": certificates.bundle(leaf, middle[1]),
        "anchors": certificates.certificate_pem(middle[1]) + certificates.certificate_pem(root[1]),
    }


def record(source: str | None = ALGORITHMIC) -> ProvenanceRecord:
    return ProvenanceRecord(
        object_id=f"{ORIGIN}/users/ada/statuses/1",
        actor=f"{ORIGIN}/users/ada",
        actor_kind="fs:Human",
        operator=None,
        record_url=f"{ORIGIN}/records/1",
        manifest_url=f"{ORIGIN}/media/1.c2pa",
        provider=ORIGIN,
        created=NOW,
        digital_source_type=source,
        generator=Generator.from_json(
            {
                "name": "Fedisora procedural",
                "model": "procedural",
                "backend": "procedural",
                "revision": "1",
                "licence": "AGPL-3.0-or-later",
                "parameters": {},
                "seed": "7",
                "prompt": "a lake",
            }
        )
        if source
        else None,
    )


def sign(
    source: Path, target: Path, mime: str, authority: dict[str, Any], what: ProvenanceRecord, *parents: manifest.Ingredient
) -> None:
    run_media_sync(
        "sign",
        {
            "path": str(source),
            "output": str(target),
            "sidecar": str(target.with_suffix(".c2pa")),
            "mime": mime,
            "manifest": manifest.build(what, title="A lake", ingredients=parents),
            "ingredients": [vars(item) for item in parents],
            "key": authority["key"],
            "chain": authority["chain"],
        },
        timeout=60,
    )


def read_directly(path: Path, mime: str, anchors: str) -> dict[str, Any]:
    """Not through our code: c2pa-python's Reader with only an anchor."""
    context = c2pa.Context.from_dict(
        {
            "version": 1,
            "trust": {
                "anchors": [
                    {"trust_uri": "test", "trust_kind": "manifest", "trust_anchors": anchors, "trust_config": "1.3.6.1.5.5.7.3.4"}
                ]
            },
        }
    )
    with path.open("rb") as stream, c2pa.Reader(mime, stream, context=context) as reader:
        return dict(json.loads(reader.json()))


def test_a_signed_video_is_trusted_with_our_anchor_and_fails_with_one_flipped_byte(
    tmp_path: Path, authority: dict[str, Any]
) -> None:
    target = tmp_path / "signed.mp4"
    sign(clip(tmp_path / "clip.mp4"), target, "video/mp4", authority, record())
    report = read_directly(target, "video/mp4", authority["anchors"])
    assert report["validation_state"] == "Trusted"
    active = report["manifests"][report["active_manifest"]]
    data = {item["label"]: item["data"] for item in active["assertions"]}
    assert data["org.fedisora.provenance"]["object"] == f"{ORIGIN}/users/ada/statuses/1"
    assert data["c2pa.actions.v2"]["actions"][0]["digitalSourceType"] == ALGORITHMIC
    assert active["signature_info"]["common_name"] == "@ada@video.example"

    changed = bytearray(target.read_bytes())
    changed[changed.find(b"mdat") + 400] ^= 1
    (tmp_path / "changed.mp4").write_bytes(changed)
    assert read_directly(tmp_path / "changed.mp4", "video/mp4", authority["anchors"])["validation_state"] == "Invalid"


def test_without_our_anchor_it_is_valid_but_not_trusted(tmp_path: Path, authority: dict[str, Any]) -> None:
    other = certificates.create_root("other.example", NOW)
    target = tmp_path / "signed.mp4"
    sign(clip(tmp_path / "clip.mp4"), target, "video/mp4", authority, record())
    report = read_directly(target, "video/mp4", certificates.certificate_pem(other[1]))
    assert report["validation_state"] == "Valid"


def test_an_undeclared_image_is_signed_as_an_opened_file(tmp_path: Path, authority: dict[str, Any]) -> None:
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    source.write_bytes(png(64, 48))
    sign(source, target, "image/png", authority, record(None))
    report = read_directly(target, "image/png", authority["anchors"])
    assert report["validation_state"] == "Trusted"
    active = report["manifests"][report["active_manifest"]]
    assert [item["relationship"] for item in active["ingredients"]] == ["parentOf"]


def test_what_a_model_was_given_is_an_input_of_its_creation(tmp_path: Path, authority: dict[str, Any]) -> None:
    start, target = tmp_path / "start.png", tmp_path / "signed.mp4"
    start.write_bytes(png(64, 48))
    given = manifest.Ingredient(str(start), "image/png", "the picture it starts from", relationship="inputTo", kind="input")
    sign(clip(tmp_path / "clip.mp4"), target, "video/mp4", authority, record(), given)
    report = read_directly(target, "video/mp4", authority["anchors"])
    assert report["validation_state"] == "Trusted"
    active = report["manifests"][report["active_manifest"]]
    (ingredient,) = active["ingredients"]
    assert (ingredient["relationship"], ingredient["title"]) == ("inputTo", "the picture it starts from")
    first = next(item["data"] for item in active["assertions"] if item["label"] == "c2pa.actions.v2")["actions"][0]
    assert (first["action"], first["digitalSourceType"]) == ("c2pa.created", ALGORITHMIC)
    assert len(first["parameters"]["ingredients"]) == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"no media at all", "unreadable"),
        (png(8, 8), "unsigned"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"\x00\x00\x00\x08mdat", "unsigned"),
    ],
)
def test_files_without_credentials_say_so(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "file").write_bytes(content)
    answer = run_media_sync("read", {"path": str(tmp_path / "file"), "anchors": {}}, timeout=60)
    assert answer["report"] is None and answer["error"]["code"] == code


def test_our_own_reading_agrees(tmp_path: Path, authority: dict[str, Any]) -> None:
    target = tmp_path / "signed.mp4"
    sign(clip(tmp_path / "clip.mp4"), target, "video/mp4", authority, record())
    answer = run_media_sync("read", {"path": str(target), "anchors": {ORIGIN: authority["anchors"]}}, timeout=60)
    assert answer["error"] is None and answer["report"]["validation_state"] == "Trusted"


def test_the_media_tools_report_themselves() -> None:
    found = run_media_sync("selftest", {}, timeout=60)
    assert found["h264"] and found["aac"]
