"""What belongs in a backup is named, and what must never be in one is named as that."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from fedisora import backup_manifest
from fedisora.services.verification import cases
from fedisora.settings import load_settings
from fedisora.storage.private import LIKENESSES
from tests.support.enrolment import Office


def test_a_clip_is_never_in_a_backup_and_after_its_decision_nowhere(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.person("ada")
    office.person("mo", moderator=True)
    case_id = office.handed_in("ada")
    office.house.private.put(LIKENESSES, 7, b"a picture", tmp_path)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "x").write_bytes(b"abc")
    (tmp_path / "notes.txt").write_text("mine")

    def look() -> dict[str, dict[str, backup_manifest.Part]]:
        found = backup_manifest.manifest(office.house.settings)
        return {side: {part.name: part for part in found if part.included == (side == "in")} for side in ("in", "out")}

    before = look()
    assert set(before["in"]) == {"database", "secret.key", "settings", "media", "likenesses", "notes.txt"}
    assert set(before["out"]) == {"live clips", "cache", "status indexes"}
    assert before["out"]["live clips"].sealed == [office.case(case_id).clip_key]
    assert "72 hours" in before["out"]["live clips"].why and (before["in"]["database"].bytes or 0) > 1000
    assert before["in"]["likenesses"].files == 1
    office.looked(case_id, "mo")
    office.act(cases.decide, case_id, "mo", False, "no")
    office.run_deletions()
    after = look()
    assert not office.sealed_files() and after["out"]["live clips"].sealed == []
    assert str(case_id) not in json.dumps(backup_manifest.as_json(backup_manifest.manifest(office.house.settings)))
    assert (tmp_path / "private" / "clips" / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")
    assert (tmp_path / "private").stat().st_mode & 0o077 == 0
    office.house.db.close()


def test_no_password_is_in_it(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, base_url="https://here.example",
                             database_url="postgresql+psycopg://fedisora:hunter2@db.example:5433/fedisora")
    found = backup_manifest.manifest(settings)
    assert found[0].where == "postgresql+psycopg://db.example:5433/fedisora" and found[0].bytes is None
    assert "hunter2" not in json.dumps(backup_manifest.as_json(found))


def test_the_command_says_it_for_scripts(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "fedisora", "backup", "manifest", "--json", "--data-dir", str(tmp_path)],
                          capture_output=True, text=True, timeout=60, check=True)
    assert {row["name"] for row in json.loads(done.stdout)["exclude"]} == {"live clips"}
