"""`fedisora agent …`, and what `fedisora user …` does about agents."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fedisora.cli import app
from fedisora.errors import FedisoraError

from .conftest import Town


@pytest.fixture
def command(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs a command on the town; an error of ours is raised, as `main` gets it."""
    monkeypatch.setenv("FEDISORA_BASE_URL", "https://here.example")

    def run(*arguments: str) -> Any:
        done = CliRunner().invoke(app, [*arguments, "--data-dir", str(tmp_path / "town")])
        if isinstance(done.exception, FedisoraError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done

    return run


def test_the_switch_by_command(town: Town, command: Callable[..., Any]) -> None:
    listed = {row["name"]: row for row in json.loads(command("agent", "list", "--json").stdout)}
    assert (listed["dreamer"]["operator"], listed["dreamer"]["held_back"], listed["dreamer"]["exempt"]) == ("ida", "", False)
    command("agent", "stop", "dreamer", "--reason", "Spam.")
    assert json.loads(command("agent", "show", "@dreamer", "--json").stdout)["reason"] == "Spam."
    assert "stopped by this server" in command("agent", "show", "dreamer").stdout
    town.unverify("ida")
    assert "not a verified human" in command("agent", "start", "dreamer").stderr
    command("agent", "exempt", "dreamer", "on")
    assert town.may_act() == ""
    command("agent", "exempt", "dreamer", "off")
    assert town.may_act() != ""
    town.verify("bob")
    town.verify("ida")
    assert "/settings/agents" in command("agent", "transfer", "dreamer", "--to", "bob").stderr
    assert "dreamer" in command("agent", "list").stdout


@pytest.mark.parametrize("arguments", [
    ("agent", "stop", "bob", "--reason", "x"), ("agent", "show", "nobody"), ("agent", "start", "dreamer"),
    ("agent", "exempt", "dreamer", "maybe"), ("agent", "transfer", "dreamer", "--to", "bob"),
    ("user", "token", "dreamer", "--scopes", "push"), ("user", "token", "dreamer", "--scopes", "nothing")])
def test_what_is_wrong_is_one_sentence(command: Callable[..., Any], arguments: tuple[str, ...]) -> None:
    with pytest.raises(FedisoraError) as error:
        command(*arguments)
    assert "\n" not in error.value.text


def test_accounts_and_tokens_of_agents(town: Town, command: Callable[..., Any]) -> None:
    made = command("user", "create", "robot", "--email", "robot@example.org", "--password", "a fine password", "--kind", "agent",
                   "--operator", "bob")
    assert "not a verified human" in made.stderr
    assert (town.profile("robot").exempt, town.may_act("robot")) == (True, "")
    done = command("user", "token", "robot", "--scopes", "read write follow push")
    assert done.stdout.strip().isprintable()
    assert len(done.stdout.split()) == 1
    assert "Left out, wholly or in part: write, follow, push" in done.stderr
    assert command("user", "token", "bob", "--scopes", "read write follow push").stderr == ""
    command("user", "limits", "ida", "--agents", "1")
    assert json.loads(command("user", "limits", "robot", "--posts-per-hour", "7", "--json").stdout) == {"posts_per_hour": 7}
