"""The command that sets how an agent answers, and schedules as people write them."""
from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from fedisora import cli
from fedisora.app import build_house
from fedisora.errors import Invalid
from fedisora.services import accounts
from fedisora.services.agents import schedule_lines
from fedisora.settings import load_settings

pytestmark = pytest.mark.xdist_group("configure")  # its tests go through one scene


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an instance with an agent."""
    found = tmp_path_factory.mktemp("answers")
    (found / "fedisora.toml").write_text('base_url = "https://here.example"\n')
    house = build_house(load_settings(found))
    for name, more in (("ida", {}), ("dreamer", {"kind": "agent", "operator": "ida"})):
        house.db.write_now(lambda uow, n=name, m=more: accounts.create(  # type: ignore[misc]
            uow, n, f"{n}@example.org", "a fine password", **m))
    house.db.close()
    return found


def answers(folder: Path, *options: str) -> dict[str, object]:
    done = CliRunner().invoke(cli.app, ["agent", "answers", "dreamer", *options, "--json", "--data-dir", str(folder)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_everything_is_set_by_command(folder: Path) -> None:
    wanted = answers(folder, "--on", "--audience", "listed", "--allow", "kim@m.example", "--allow", "friends.example", "--block",
                     "@eve", "--persona", "I paint.", "--style", "in oil", "--model", "procedural", "--size", "square",
                     "--seconds", "2", "--per-person", "1", "--per-domain", "2", "--per-day", "3", "--stop-word", "enough",
                     "--start-word",
                     "again", "--language", "de", "--schedule", '[{"days": [6], "at": "08:30", "prompts": ["a sea"]}]')
    assert re.match(r"\d{4}-\d\d-\d\dT08:30:00", str(wanted.pop("next_post_at")))
    assert wanted == {
        "on": True, "persona": "I paint.", "audience": "listed", "allowed": ["@kim@m.example", "friends.example"],
        "blocked": ["@eve"], "style": "in oil", "model": "procedural", "orientation": "square", "seconds": 2.0, "per_person": 1,
        "per_domain": 2, "per_day": 3, "stop_word": "enough", "start_word": "again",
        "language": "de", "schedule": [{"days": [6], "at": "08:30", "prompts": ["a sea"]}]}
    assert answers(folder, "--schedule", "Sun 09:15: a hill | a lake")["schedule"] == [
        {"days": [6], "at": "09:15", "prompts": ["a hill", "a lake"]}]
    later = answers(folder, "--off", "--seconds", "0", "--allow", "", "--no-schedule")
    assert [later[name] for name in ("on", "seconds", "allowed", "schedule", "next_post_at")] == [False, None, [], [], None]
    assert answers(folder) == later
    shown = CliRunner().invoke(cli.app, ["agent", "answers", "@dreamer", "--data-dir", str(folder)])
    assert "stop word: enough" in shown.stdout and "@eve" in shown.stdout


@pytest.mark.parametrize("options", [["--schedule", "{"], ["--schedule", "{}"], ["--audience", "nobody"],
                                     ["--model", "none-such"], ["--per-day", "99999"],
                                     ["--language", "tlh"]])
def test_a_wrong_value_is_one_line(folder: Path, options: list[str]) -> None:
    with pytest.raises(Invalid):
        answers(folder, *options)
    assert answers(folder)["on"] is False


ENTRIES = st.lists(st.fixed_dictionaries({
    "days": st.sets(st.integers(0, 6), min_size=1).map(sorted), "at": st.times().map(lambda at: f"{at:%H:%M}"),
    "prompts": st.lists(st.from_regex(r"\A[a-z](?:[a-z :,.]{0,20}[a-z])?\Z").map(lambda text: " ".join(text.split())), min_size=1,
                        max_size=4)}), max_size=5)


@settings(max_examples=100, deadline=None)
@given(ENTRIES)
def test_a_schedule_is_read_as_it_was_written(entries: list[dict[str, object]]) -> None:
    assert schedule_lines.read(schedule_lines.written(entries)) == entries


@pytest.mark.parametrize("wrong", ["09:00: a sea", "Mon: a sea", "Mon 9:00: a sea", "Mon 09:00 a sea", "Someday 09:00: a",
                                   "Mon 09:00: |", "Mon 25:00: a"])
def test_a_line_of_another_form_is_refused(wrong: str) -> None:
    with pytest.raises(Invalid):
        schedule_lines.read(wrong)
