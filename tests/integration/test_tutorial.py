"""docs/extend/tutorial.md, typed in as it stands: its package is built as a wheel, installed in an environment of its own, and
used by a server there."""
from __future__ import annotations

import json
import os
import re
import site
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.imports import ROOT
from tests.support.instances import InstanceProcess, eventually
from tests.support.pictures import png

pytestmark = pytest.mark.xdist_group("tutorial")  # its environment is made once
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


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("tutorial")
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


@pytest.fixture(scope="module")
def done(bench: Bench) -> Bench:
    """The whole tutorial was followed; every output it promises came."""
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


@pytest.fixture(scope="module")
def server(done: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceProcess]:
    """An instance that runs in the environment of the tutorial."""
    class Here(InstanceProcess):
        def command(self, *arguments: str) -> list[str]:
            return [str(done.python), "-m", "fedisora", *arguments]

    running = Here(tmp_path_factory.mktemp("server")).start()
    yield running
    running.close()


def test_the_wheel_is_installed_apart_from_ours(done: Bench) -> None:
    names = [item["name"] for item in json.loads(done.run("fedisora extension list --json"))]
    assert "film_stock" in names and "energy" in names
    [home] = done.python.parents[1].glob("lib/python*/site-packages/fedisora_film_stock")
    files = {path.name for path in home.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert {"context.jsonld", "en.toml", "fr.toml", "valid-full.json", "validate.py"} <= files


def test_a_server_uses_it(server: InstanceProcess) -> None:
    ada = server.user("ada")
    eventually(lambda: server.http.get("/ns/film_stock/v1").status_code == 200, what="the server has looked what is installed")
    said = [{"type": "FilmStock", "stock": "Vision3 500T", "speed": 500}, {"type": "FilmStock", "pushedTo": 1000, "stock": "x"}]
    media = ada.http.post("/api/v2/media", files={"file": ("a.png", png(24, 24), "image/png")},
                          data={"fedisora_claims": json.dumps(said)}).json()
    status = ada.post("/api/v1/statuses", status="on film", media_ids=[media["id"]])

    def judged() -> bool:
        claims = ada.get(f"/api/v1/statuses/{status['id']}")["media_attachments"][0]["fedisora"]["claims"]
        return [(claim["label"], claim["status"]) for claim in claims] == [("Film stock", "valid"), ("Film stock", "invalid")]

    eventually(judged, what="claims judged")
    page = server.http.get(f"/@ada/{status['id']}", headers={"Accept-Language": "fr-FR,fr;q=0.9"}).text
    assert "Pellicule" in page and "Sensibilité (ISO)" in page and "Pushed from which speed? Add speed." in page
    assert "film_stock 1.0" in " ".join(server.cli("doctor").stdout.split())
