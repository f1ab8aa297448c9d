"""What an operator can set or type is documented, and what is documented exists."""
from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from fedisora import cli
from fedisora.settings import Settings

from .imports import ROOT

DOCS = ROOT / "docs"
CONFIGURATION = DOCS / "operate" / "configuration.md"
COMMANDS = DOCS / "operate" / "cli.md"
ROW = re.compile(r"^\| `FEDISORA_([A-Z0-9_]+)` \| (.+?) \| (.+) \|$", re.M)


def documented() -> dict[str, tuple[str, str]]:
    """Setting → its default as written, and its meaning."""
    return {name.lower(): (default, meaning) for name, default, meaning in ROW.findall(CONFIGURATION.read_text())}


def as_written(value: Any) -> str:
    """A default the way the table writes it."""
    if value == "":
        return "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_settings_and_their_table_are_the_same_set() -> None:
    assert set(documented()) == set(Settings.model_fields)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_is_documented(name: str) -> None:
    default, meaning = documented()[name]
    field = Settings.model_fields[name]
    assert field.description, "say what it does in settings.py too"
    assert default == as_written(field.default)
    assert len(meaning) > 20


def commands(group: Any, path: tuple[str, ...] = ("fedisora",)) -> Iterator[tuple[str, Any]]:
    """Every command below a group, by what one types."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMAND_LINE = dict(commands(typer.main.get_command(cli.app)))


def section(title: str) -> str:
    """The text under a heading of the command page."""
    found = re.search(rf"^##+ `{re.escape(title)}`$(.*?)(?=^##? |^### |\Z)", COMMANDS.read_text(), re.M | re.S)
    assert found, f"docs/operate/cli.md has no section `{title}`"
    return found[1]


@pytest.mark.parametrize("typed", COMMAND_LINE)
def test_a_command_and_its_options_are_documented(typed: str) -> None:
    text = section(typed)
    assert COMMAND_LINE[typed].help, "its docstring is its --help"
    for parameter in COMMAND_LINE[typed].params:
        if isinstance(parameter, click.Option) or parameter.param_type_name == "option":
            for option in (*parameter.opts, *parameter.secondary_opts):
                if option not in ("--help", "--data-dir"):  # every command has these
                    assert f"`{option}" in text, f"{typed} {option}"
        else:
            assert str(parameter.metavar or parameter.name).upper().split("|")[0] in text.upper()


def test_no_command_is_documented_that_does_not_exist() -> None:
    assert set(re.findall(r"^##+ `(fedisora [a-z -]+)`$", COMMANDS.read_text(), re.M)) == set(COMMAND_LINE)


def pages() -> list[Path]:
    return [*sorted(DOCS.rglob("*.md")), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "FEDERATION.md",
                                                                   "CHANGELOG.md"))]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not re.match(r"[a-z]+:|#", target):
            assert (page.parent / target.partition("#")[0]).exists(), f"{page.name} links to {target}"
