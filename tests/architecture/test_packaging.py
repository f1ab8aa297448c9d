"""The wheel holds everything the checkout runs with, under the installed names."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from .imports import MAPPED, ROOT

NOT_SHIPPED = {".pyc", ".orig", ".swp"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the checkout, offline."""
    copy = tmp_path_factory.mktemp("source")
    for folder in ("fedisora", *MAPPED):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    out = tmp_path_factory.mktemp("wheel")
    done = subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(out),
                           str(copy)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("fedisora-*.whl"))


def installed_name(path: Path) -> str:
    """Where a file of the checkout lies in the wheel."""
    relative = path.relative_to(ROOT)
    return relative.as_posix() if relative.parts[0] == "fedisora" else f"fedisora/{relative.as_posix()}"


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    wanted = {installed_name(path) for folder in ("fedisora", *MAPPED) for path in (ROOT / folder).rglob("*")
              if path.is_file() and "__pycache__" not in path.parts and path.suffix not in NOT_SHIPPED}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if not name.split("/")[0].endswith(".dist-info")}
    assert wanted - held == set(), "missing in the wheel: see package-data in pyproject.toml, or an __init__.py"
    assert held - wanted == set()


def test_the_wheel_runs_by_itself(wheel: Path, tmp_path: Path) -> None:
    """Unpacked away from the checkout: the mapped packages import, and the entry points are there."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = ("import importlib, importlib.metadata as m, pathlib, sys; site = sys.argv[1]; sys.path.insert(0, site)\n"
            "for name in ('fedisora', 'fedisora.workers.local', 'fedisora.extensions', 'fedisora.migrations'):\n"
            "    module = importlib.import_module(name)\n"
            "    assert pathlib.Path(module.__file__).is_relative_to(site), module.__file__\n"
            "found = next(m.distributions(name='fedisora', path=[site]))\n"
            "for point in found.entry_points: print(point.group, point.name, point.load())\n")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "site")], cwd=tmp_path, capture_output=True, text=True,
                          check=False, env={**os.environ, "PYTHONSAFEPATH": "1"})
    assert done.returncode == 0, done.stderr
    assert "console_scripts fedisora " in done.stdout
    for folder in (ROOT / "extensions").iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            assert f"fedisora.extensions {folder.name} " in done.stdout
