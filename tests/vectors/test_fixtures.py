"""Payloads of many servers, each through the parser, the inbox' checks and its handler: what became of it is on record.

`FEDISORA_UPDATE_SNAPSHOTS=1` writes the records anew; the difference is then reviewed like code.
"""
from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedisora.db import Database, Instance
from fedisora.models import Base
from fedisora.settings import load_settings
from fedisora.uris import Uris
from fedisora.vault import Vault
from tests.support.outcomes import Outcomes

FOLDER = Path(__file__).parent
RECORDS = FOLDER / "outcomes"
PASTURE = "http://pasture.example"


@pytest.fixture
def outcomes(tmp_path: Path, database_url: str) -> Iterator[Outcomes]:
    settings = load_settings(tmp_path, base_url="https://here.example", database_url=database_url)
    db = Database(Instance(settings, Uris(settings.base_url), Vault.open(tmp_path)))
    Base.metadata.create_all(db.engine)
    yield Outcomes(db)
    db.close()


def filled(body: bytes) -> bytes:
    """A payload with its placeholders filled in: some of the projects scrub ids and hosts in their fixtures."""
    numbers = itertools.count(1)
    body = re.sub(rb'"SCRUBBED_ID"', lambda _: b'"https://kbin.test/scrubbed/%d"' % next(numbers), body)
    return re.sub(rb"\{\{(\w+)\}\}", lambda name: {b"DOMAIN": b"masto.example"}.get(name[1], b"1"), body)


def compare(name: str, found: dict[str, str]) -> None:
    """Against the record, or into it."""
    path = RECORDS / name
    if os.environ.get("FEDISORA_UPDATE_SNAPSHOTS") == "1":
        path.write_text(json.dumps(found, indent=0, sort_keys=True, ensure_ascii=False) + "\n")
    assert found == json.loads(path.read_text())


def test_payloads_of_real_servers(outcomes: Outcomes, shared: Path) -> None:
    folder = shared / "fixtures" / "activitypub"
    files = sorted(path for path in folder.rglob("*.json"))
    assert len(files) >= 359
    compare("fixtures.json", {str(path.relative_to(folder)): outcomes.of(filled(path.read_bytes())) for path in files})


def test_inputs_of_the_fediverse_pasture(outcomes: Outcomes) -> None:
    """The support-table inputs of fediverse-pasture-inputs 0.3.0 (see pasture/README.md): each is a Note with one thing odd."""
    found = {}
    for group, examples in json.loads((FOLDER / "pasture" / "inputs.json").read_text()).items():
        for number, example in enumerate(examples):
            note = {"@context": "https://www.w3.org/ns/activitystreams", "id": f"{PASTURE}/objects/{group}-{number}",
                    "type": "Note", "attributedTo": "http://pasture-one-actor/actor",
                    "to": ["https://www.w3.org/ns/activitystreams#Public"], "cc": [], "published": "2026-01-01T00:00:00Z",
                    **example}
            body = json.dumps({key: value for key, value in note.items() if value is not None})
            found[f"{group} {number:02}"] = outcomes.of(body.replace("http://pasture-one-actor", PASTURE).encode())
    assert len(found) == 262
    compare("pasture.json", found)
