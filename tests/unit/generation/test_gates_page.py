"""docs/extend/gates.md: the example is typed in as it stands, found by its entry point, and asked."""
from __future__ import annotations

import asyncio
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedisora.errors import ConfigurationError
from fedisora.generation.safety import Gates, Subject, Surroundings, Verdict, load
from tests.architecture.imports import ROOT
from tests.support.studio import Studio

BLOCK = re.compile(r"^`([\w./-]+)`\n\n```\w+\n(.*?)^```$", re.M | re.S)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package as its installer would leave it, and the operator's program."""
    files = dict(BLOCK.findall((ROOT / "docs" / "extend" / "gates.md").read_text()))
    project = tomllib.loads(files["pyproject.toml"])
    site = tmp_path / "site"
    info = site / "fedisora_classifier-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "fedisora_classifier.py").write_text(files["fedisora_classifier.py"])
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['project']['name']}\nVersion: 1.0\n")
    [(name, where)] = project["project"]["entry-points"]["fedisora.safety"].items()
    (info / "entry_points.txt").write_text(f"[fedisora.safety]\n{name} = {where}\n")
    monkeypatch.syspath_prepend(str(site))
    found = tmp_path / "classify"
    monkeypatch.setenv("CLASSIFIER_PROGRAM", str(found))
    yield found
    sys.modules.pop("fedisora_classifier", None)


def say(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def ask(gates: Gates) -> Verdict:
    only = Gates([gate for gate in gates if gate.name == "classifier"], timeout=1)
    return asyncio.run(only.run("frames", Subject(1, "human", "p", output=Path("/video.mp4"))))


def test_the_example_works_as_it_stands(studio: Studio, program: Path) -> None:
    gates = load(Surroundings(studio.house.settings, studio.house.db))
    assert gates.names == ("blocklist", "classifier", "denylist", "flash", "likeness")
    say(program, """[ "$1" = /video.mp4 ] && echo '{"violence": 0.1, "gore": 0.2}'""")
    assert ask(gates).decision == "allow"
    say(program, """echo '{"violence": 0.6, "gore": 0.2}'""")
    assert ask(gates) == Verdict("hold", "violence", "This video seems to show violence. Ask for something else.",
                                 {"scores": {"violence": 0.6, "gore": 0.2}}, "classifier")
    say(program, """echo '{"violence": 0.99}'""")
    assert ask(gates).decision == "deny"
    for broken in ("exit 3", "echo no", "exec sleep 20"):
        say(program, broken)
        assert (ask(gates).decision, ask(gates).code) == ("hold", "gate-failed")


def test_an_instance_does_not_start_when_the_example_is_not_set_up(studio: Studio, program: Path,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLASSIFIER_PROGRAM")
    with pytest.raises(ConfigurationError, match=r"gate classifier \(fedisora_classifier:Classifier\) cannot be loaded"):
        load(Surroundings(studio.house.settings, studio.house.db))
