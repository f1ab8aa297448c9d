"""Whom a file shows stands in its manifest by address alone, and is read back from it and from what it was made from."""
from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from fedisora.media.c2pa import sign_request
from fedisora.provenance import manifest
from fedisora.provenance.digital_source import COMPOSITE
from fedisora.provenance.manifest import Ingredient
from fedisora.provenance.reading import read_report
from fedisora.provenance.record import ProvenanceRecord
from tests.support.clips import clip
from tests.support.credentials import Authority, judge

SUE = "https://s.example/users/sue"


def signed(source: Path, target: Path, ingredients: list[Ingredient], there: Authority) -> Path:
    record = ProvenanceRecord(
        object_id=f"{there.origin}/1", actor=f"{there.origin}/users/ada", actor_kind=None, operator=None,
        record_url=f"{there.origin}/records/1", manifest_url=f"{there.origin}/1.c2pa", provider=there.origin,
        created=dt.datetime.now(dt.UTC), digital_source_type=COMPOSITE)
    sign_request({"path": str(source), "output": str(target), "sidecar": str(target.with_suffix(".c2pa")), "mime": "video/mp4",
                  "manifest": manifest.build(record, ingredients=ingredients),
                  "ingredients": [vars(item) for item in ingredients], "key": there.key, "chain": there.chain}, print)
    return target


def test_a_person_is_named_without_a_byte(tmp_path: Path) -> None:
    there, source = Authority(), tmp_path / "plain.mp4"
    clip(source, seconds=0.5)
    person = Ingredient("", "video/mp4", "Likeness of @sue@s.example", relationship="componentOf", kind="cameo", object=SUE)
    first = signed(source, tmp_path / "first.mp4", [person], there)
    found = judge(first, there.chain)
    (ingredient,) = found["manifest"]["ingredients"]
    assert found["state"] == "Trusted"
    assert (ingredient["relationship"], ingredient["informational_URI"]) == ("componentOf", SUE)
    assert set(ingredient) <= {"title", "relationship", "description", "informational_URI", "label"}
    reading = read_report(found["store"])
    assert reading is not None
    assert (reading.shown, reading.parts, reading.damage, reading.bad_ingredients) == ((SUE,), (), (), ())
    # who makes something of it shows her, too
    again = signed(first, tmp_path / "again.mp4", [Ingredient(str(first), "video/mp4", "before")], there)
    reading = read_report(judge(again, there.chain)["store"])
    assert reading is not None
    assert reading.shown == (SUE,)


@pytest.mark.parametrize("report", [
    {"ingredients": [{"relationship": "componentOf", "description": "org.fedisora.likeness"}]},
    {"ingredients": [{"relationship": "parentOf", "description": "org.fedisora.likeness", "informational_URI": SUE}]},
    {"ingredients": [{"relationship": "componentOf", "description": "x", "informational_URI": SUE}]},
    {"ingredients": [{"relationship": "componentOf", "description": "org.fedisora.likeness", "informational_URI": 7}]},
    {"ingredients": 7}])
def test_what_only_looks_like_it_is_none(report: dict[str, object]) -> None:
    reading = read_report({"active_manifest": "a", "manifests": {"a": report}})
    assert reading is not None
    assert reading.shown == ()
