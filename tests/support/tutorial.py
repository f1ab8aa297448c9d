"""docs/extend/tutorial.md, typed in as it stands, in an environment of its own."""
from __future__ import annotations

import os
import re
import site
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.imports import ROOT

TUTORIAL = ROOT / "docs" / "extend" / "tutorial.md"
BLOCK = re.compile(r"^(?:`([\w./-]+)`\n\n)?```(\w+)\n(.*?)^```$", re.M | re.S)


@dataclass
class Bench:
    """An environment with its own packages on top of ours, and a folder to work in."""

    python: Path
    folder: Path

    def run(self, command: str) -> str:
        """What a command prints; it has to succeed."""
        environment = {**os.environ, "PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONSAFEPATH": "1",
                       "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INDEX": "1", "COLUMNS": "200"}
        done = subprocess.run(command.split(), cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


def environment(folder: Path) -> Bench:
    """A virtual environment in which our packages are found beneath its own."""
    home = folder / "environment"
    venv.EnvBuilder(with_pip=False, symlinks=True).create(home)
    python = home / "bin" / "python"
    [packages] = home.glob("lib/python*/site-packages")
    ours = next(path for path in map(Path, site.getsitepackages()) if path.is_relative_to(sys.prefix))
    (packages / "ours.pth").write_text(f"import site; site.addsitedir({str(ours)!r})\n")
    for name in ("fedisora", "pip"):
        script = home / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{python}" -m {name} "$@"\n')
        script.chmod(0o755)
    work = folder / "work"
    work.mkdir()
    return Bench(python, work)


def follow(bench: Bench) -> Bench:
    """Type in the whole tutorial; every output it promises has to come."""
    steps = 0
    for path, language, text in BLOCK.findall(TUTORIAL.read_text()):
        steps += 1
        if language != "console":
            assert path, f"a block of the tutorial has no path: {text[:40]}"
            assert (bench.folder / path).is_file() or path.endswith("fr.toml"), f"{path} is not there to be replaced"
            (bench.folder / path).write_text(text)
            continue
        shown = ""
        for line in text.splitlines():
            if line.startswith("$ "):
                shown = bench.run(line[2:])
            else:
                assert line in shown, f"the tutorial promises {line!r}, but it was: {shown}"
    assert steps >= 12
    return bench
