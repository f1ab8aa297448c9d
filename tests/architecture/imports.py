"""Check the import contracts of pyproject.toml: `python -m tests.architecture.imports` (part of `make lint`).

The folders workers/, extensions/ and migrations/ are installed as fedisora.workers and so on. import-linter reads folders,
not installations, so it is shown a copy of the source in which every module lies where its import name says.
"""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAPPED = ("workers", "extensions", "migrations")


def stage(target: Path, root: Path = ROOT) -> Path:
    """Copy the Python source of `root` into `target` under its import names, with pyproject.toml; returns `target`."""
    def only_python(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if name == "__pycache__"
                or not (name.endswith(".py") or (Path(folder) / name).is_dir())}

    shutil.copytree(root / "fedisora", target / "fedisora", ignore=only_python)
    for folder in MAPPED:
        shutil.copytree(root / folder, target / "fedisora" / folder, ignore=only_python)
    shutil.copy(root / "pyproject.toml", target)
    return target


def lint(tree: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter on a staged tree: all contracts, or those whose ids are given."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    for contract in contracts:
        command += ["--contract", contract]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(tree), "COLUMNS": "120", "NO_COLOR": "1"})


def main() -> int:
    """Print import-linter's report on the checkout; its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        done = lint(stage(Path(folder)))
    print(done.stdout, done.stderr, sep="")
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
