"""`fedisora safety …` as an operator types it."""
from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fedisora.cli import app
from fedisora.generation import screening
from fedisora.generation.safety import Gates, Verdict
from tests.support.pictures import png
from tests.support.studio import Studio

from .test_gates import Made

Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def run(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("FEDISORA_BASE_URL", studio.house.settings.base_url)

    def command(*arguments: str) -> tuple[int, Any]:
        done = CliRunner().invoke(app, ["safety", *arguments, "--data-dir", str(studio.house.settings.data_dir)])
        return done.exit_code, json.loads(done.stdout) if "--json" in arguments else done.output

    return command


def test_gates_and_what_they_say(run: Run) -> None:
    assert {row["name"]: row["stages"] for row in run("gates", "--json")[1]} == {
        "blocklist": ["prompt", "publish"], "denylist": ["inputs", "frames"], "flash": ["frames"],
        "likeness": ["inputs", "likeness"]}
    assert "closed" in run("gates")[1]
    code, said = run("check", "a calm sea", "--json")
    assert (code, {row["gate"]: (row["decision"], row["reason"]) for row in said}) == (
        0, {"blocklist": ("allow", ""), "likeness": ("allow", "")})
    code, said = run("check", "n4ked child and @bea", "--as", "ada", "--json")
    assert (code, [row["decision"] for row in said]) == (1, ["deny", "deny"])
    code, said = run("check", "@bea waves", "--as", "@bea")
    assert code == 0
    code, said = run("check", "x", "--as", "nobody")
    assert (code, said) == (1, "There is no account @nobody.\n")


def test_what_is_held_is_listed_and_decided(studio: Studio, run: Run) -> None:
    house, wanted = studio.house, [studio.ask(f"prompt [{number}]") for number in range(2)]
    for one in wanted:
        gate = Made(Verdict("hold", "odd", "Somebody has to look.", {"n": 1}))
        asyncio.run(screening.screen(house.db, house.storage, Gates([gate]), one))
    rows = run("held", "list", "--json")[1]
    assert [(row["prompt"], row["evidence"]) for row in rows] == [("prompt [1]", {"n": 1}), ("prompt [0]", {"n": 1})]
    assert "prompt [1]" in run("held", "list")[1]
    assert run("held", "allow", rows[0]["id"])[0] == run("held", "deny", rows[1]["id"], "--note", "No.")[0] == 0
    assert [studio.get(one).state for one in wanted] == ["rejected", "queued"]
    assert studio.get(wanted[0]).error == "Somebody has to look. No."
    assert run("held", "allow", rows[0]["id"]) == (1, "This does not wait for a moderator (any more).\n")
    assert run("held", "list", "--json")[1] == []


def test_a_list_of_denied_pictures(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f"hash,reason\n{'0' * 64},\"bad, very\"\n# more\n\n{'F' * 64}\n{'0' * 64},again\n")
    assert run("denylist", "import", str(file), "--source", "house") == (0, "2 new, 1 known.\n")
    assert run("denylist", "import", str(file)) == (0, "0 new, 3 known.\n")
    rows = run("denylist", "list", "--json")[1]
    assert {(row["hash"], row["source"]) for row in rows} == {("0" * 64, "house"), ("f" * 64, "house")}
    (tmp_path / "a.png").write_bytes(png(200, 200))
    code, said = run("denylist", "add", str(tmp_path / "a.png"), "--reason", "asked")
    assert code in (0, 1), said
    assert run("denylist", "remove", "F" * 64) == (0, "1 removed.\n")
    assert run("denylist", "remove", "house") == (0, "1 removed.\n")
    assert run("denylist", "remove", "house")[0] == 1


@pytest.mark.parametrize(("content", "says"), [
    (b"0" * 63, "Line 1: "), (b"\n\nxyz", "Line 3: 'xyz' is not a PDQ hash"), (b"", "There is no hash"), (b"\xff\xfe",
        "is not text")])
def test_a_wrong_list_adds_nothing(run: Run, tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "list").write_bytes(content)
    code, said = run("denylist", "import", str(tmp_path / "list"))
    assert (code, says in said) == (1, True)
    assert run("denylist", "list", "--json")[1] == []
    assert run("denylist", "import", str(tmp_path / "none"))[0] == run("denylist", "add", str(tmp_path / "none"))[0] == 1
