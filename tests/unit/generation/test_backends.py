"""Backends are entry points: ours, those of other packages, and the example of docs/extend/backends.md."""
from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import av
import pytest

from fedisora.errors import ConfigurationError, Invalid
from fedisora.generation import backends
from fedisora.generation.backends import load
from fedisora.generation.backends.base import Cancelled, Request
from tests.support.environment import ROOT

PAGE = ROOT / "docs/extend/backends.md"


def install(folder: Path, name: str, target: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with one module and its entry point, as an installer leaves it."""
    module = target.partition(":")[0]
    (folder / f"{module}.py").write_text(code)
    information = folder / f"{module}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[fedisora.generation]\n{name} = {target}\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, module, raising=False)


def request(output: Path, **more: Any) -> Request:
    values: dict[str, Any] = {"id": "1", "prompt": "p", "seed": 3, "width": 64, "height": 48, "seconds": 0.5, "fps": 8,
                              "output": str(output)}
    return Request(**values | more)


def test_ours_are_there() -> None:
    assert {"procedural", "diffusers"} <= set(backends.installed())


def test_an_unknown_one_lists_what_there_is() -> None:
    with pytest.raises(ConfigurationError, match=r"no generation backend 'magic'\. Installed: diffusers, procedural"):
        load("magic")


def test_the_example_of_the_documentation_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PAGE.read_text()
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(code) == 1
    entry = re.search(r'^noise = "(.+)"$', text, re.MULTILINE)
    assert entry is not None
    install(tmp_path, "noise", entry[1], code[0], monkeypatch)
    backend = load("noise", None, {"strength": 90, "dtype": "auto"})
    told: list[tuple[str, float]] = []
    made = backend.render(request(tmp_path / "out.mp4", watermark=5, watermark_key="00" * 32),
                          lambda stage, share: told.append((stage, share)), lambda: False)
    assert made["parameters"] == {"strength": 90, "num_frames": 4}
    assert [share for _, share in told] == [.25, .5, .75, 1]
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert len(list(container.decode(video=0))) == 4
    with pytest.raises(Cancelled):
        backend.render(request(tmp_path / "out.mp4"), lambda stage, share: None, lambda: True)
    with pytest.raises(Invalid):
        backend.render(request(tmp_path / "out.mp4", task="image"), lambda stage, share: None, lambda: False)


def test_a_broken_one_names_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "broken", "fedisora_broken:make", "raise RuntimeError('no such chip')", monkeypatch)
    with pytest.raises(ConfigurationError, match=r"broken \(fedisora_broken:make\) cannot be loaded: RuntimeError: no such chip"):
        load("broken")


def test_two_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "procedural", "fedisora_impostor:make", "", monkeypatch)
    with pytest.raises(ConfigurationError, match="Two packages bring a generation backend 'procedural'"):
        load("procedural")


def test_loading_is_told_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "slow", "fedisora_slow:make", """
from fedisora.generation.backends.base import Cancelled

class Slow:
    def prepare(self, progress, cancelled):
        progress("load", 0.5)
        if cancelled():
            raise Cancelled

def make(model, options):
    return Slow()
""", monkeypatch)
    told: list[tuple[str, float]] = []
    load("slow", progress=lambda stage, share: told.append((stage, share)))
    assert told == [("load", 0.5)]
    with pytest.raises(Cancelled):
        load("slow", cancelled=lambda: True)
