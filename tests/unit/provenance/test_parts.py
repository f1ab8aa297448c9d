"""What a file was made from is named part by part, each with how it was when it was used."""
from __future__ import annotations

import datetime as dt
from typing import Any

from fedisora.provenance import digital_source
from fedisora.provenance.checks import describe
from fedisora.provenance.reading import MOST_PARTS, read_report
from fedisora.provenance.verdict import decide

CHANGED = {"activeManifest": {"failure": [{"code": "assertion.bmffHash.mismatch"}]}}
SOUND = {"activeManifest": {"success": [{"code": "claimSignature.validated"}],
                            "failure": [{"code": "signingCredential.untrusted"}]}}


def report(*ingredients: Any) -> dict[str, Any]:
    return {"active_manifest": "m", "validation_state": "Valid", "validation_results": {"activeManifest": {}},
            "manifests": {"m": {"ingredients": list(ingredients), "assertions": [], "signature_info": {}}}}


def test_each_part_has_its_state() -> None:
    found = read_report(report({"title": "upload", "active_manifest": "u", "validation_results": SOUND},
                               {"title": "clip", "active_manifest": "c", "validation_results": CHANGED},
                               {"label": "c2pa.ingredient.v3"}, "odd", {"title": 5}))
    assert found is not None
    assert found.parts == (("upload", "intact"), ("clip", "changed"), ("c2pa.ingredient.v3", "unsigned"), ("5", "unsigned"))


def test_a_file_of_a_thousand_parts_names_a_few() -> None:
    found = read_report(report(*[{"title": f"part {number}"} for number in range(1000)]))
    assert found is not None
    assert len(found.parts) == MOST_PARTS


def test_the_verdict_says_it_of_every_part() -> None:
    verdict = decide({"report": report({"title": "upload\x1b[2J", "active_manifest": "u", "validation_results": SOUND},
                                       {"title": "clip", "active_manifest": "c", "validation_results": CHANGED})},
                     claimed_origin=None, object_facts=None, digest=None, now=dt.datetime.now(dt.UTC))
    assert verdict.verdict == "contradicted"
    assert [(check.ok, check.detail) for check in verdict.checks if check.name == "ingredient"] == [
        (True, "unchanged since it was signed: upload[2J"), (False, "had been changed after it was signed: clip")]


def test_nobody_declares_a_composite() -> None:
    assert describe(digital_source.COMPOSITE, None) == "Composite video; how its parts were made is not declared."
    assert describe(digital_source.CAPTURE, None, "image") == "Its author declares: captured with a camera."
