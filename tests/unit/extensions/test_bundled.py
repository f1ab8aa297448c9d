"""Every vocabulary that ships with us: its own vectors, labels in both languages, and a README."""
from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import pytest

from fedisora.provenance.extension import Extension
from fedisora.provenance.registry import GROUP, Registry, judge, load
from tests.architecture.imports import ROOT

FOLDERS = sorted(path for path in (ROOT / "extensions").iterdir() if path.is_dir() and path.name != "__pycache__")
VECTORS = [path for folder in FOLDERS for path in sorted((folder / "vectors").glob("*.json"))]
LANGUAGES = {"en", "de"}


def extension(name: str) -> Extension:
    return load(importlib.metadata.EntryPoint(name, f"fedisora.extensions.{name}:EXTENSION", GROUP))


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry(extension(folder.name) for folder in FOLDERS)


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_a_vector(path: Path, registry: Registry) -> None:
    document = json.loads(path.read_text())
    named = registry.name(document["claim"])
    assert named.extension is not None and named.extension.name == path.parts[-3]
    found = [problem.path for problem in judge(named, document["claim"])]
    assert found == ([] if path.stem.startswith("valid-") else [document["path"]])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_vocabulary_is_complete(folder: Path) -> None:
    found = extension(folder.name)
    assert set(found.labels) == LANGUAGES
    choices = {f"{term}.{choice}" for model in found.types.values() for term, rule in model.items() for choice in rule.choices}
    for texts in found.labels.values():
        assert set(texts) == set(found.context) | choices
    assert found.about and folder.name in (folder / "README.md").read_text()
    kinds = {path.stem.partition("-")[0] for path in VECTORS if path.parts[-3] == folder.name}
    assert kinds == {"valid", "invalid"}


def test_they_are_the_entry_points() -> None:
    named = {entry.name for entry in importlib.metadata.entry_points(group=GROUP) if entry.value.startswith("fedisora.")}
    assert named == {folder.name for folder in FOLDERS}


GENERATOR = {"name": "Fedisora procedural", "model": "Aurora", "revision": "2", "licence": "AGPL-3.0-or-later", "backend": "cpu"}


def made(name: str, **result: Any) -> dict[str, Any]:
    found = extension(name)
    assert found.claim_from_generation is not None
    [claim] = found.claim_from_generation({}, {"generator": GENERATOR, "render_seconds": "5", **result})
    named = Registry([found]).name(claim)
    assert judge(named, claim) == []
    return dict(claim)


def test_energy_is_estimated_or_measured() -> None:
    guess = made("energy")
    assert (guess["wattHours"], guess["method"], guess["powerWatts"]) == ("0.0903", "estimated", "65")
    assert "assumed" in guess["basis"]
    counted = made("energy", energy_joules="9000")
    assert (counted["wattHours"], counted["method"]) == ("2.5", "measured")
    known = made("energy", power_watts="360.0", power_basis="operator")
    assert (known["wattHours"], known["method"], known["powerWatts"]) == ("0.5", "estimated", "360")
    assert known["basis"] == "render time times 360 W, as its operator set it"
    hook = extension("energy").claim_from_generation
    assert hook is not None
    assert hook({}, {"generator": {"backend": "abacus"}, "render_seconds": "5"}) == []
    assert hook({}, {"generator": GENERATOR}) == []


def test_a_card_says_what_made_it() -> None:
    card = made("model_card", digital_source_type="http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia")
    assert (card["model"], card["modelLicence"]) == ("Aurora", "AGPL-3.0-or-later")
    assert "not trained on anything" in card["trainingStatement"]
    assert "trainingStatement" not in made("model_card")


def test_preferences_come_from_the_author_alone() -> None:
    hook = extension("training_optout").claim_from_upload
    assert hook is not None
    assert hook({"wishes": {}}) == [] == hook({})
    [claim] = hook({"wishes": {"train-ai": "n", "search": "y", "other": "x"}})
    said = {key: claim[key] for key in claim if key != "@context"}
    assert said == {"type": "UsagePreferences", "trainAi": "n", "searchUse": "y"}
