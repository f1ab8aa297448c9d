"""The import contracts hold, and each of them notices a violation."""
from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from . import imports

CONTRACTS = {item["id"]: item["name"] for item in
             tomllib.loads((imports.ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]}
PLANTED = {
    "layers": ("fedisora/store/planted.py", "import fedisora.web"),
    "base": ("fedisora/ids.py", "import fedisora.services"),
    "pure": ("fedisora/activitypub/planted.py", "import sqlalchemy"),
    "transactions": ("fedisora/services/planted.py", "import aiohttp"),
    "egress": ("fedisora/web/planted.py", "import aiohttp"),
    "torch": ("fedisora/generation/planted.py", "def late() -> None:\n    import torch"),
    "hub": ("fedisora/generation/planted.py", "def late() -> None:\n    import huggingface_hub"),
    "workers": ("fedisora/app.py", "from fedisora.workers import local"),
    "extensions": ("fedisora/extensions/planted.py", "from fedisora.provenance import record"),
    "discovery": ("fedisora/web/planted.py", "import fedisora.extensions"),
}
"""Contract → file and the line that breaks it."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return imports.stage(tmp_path_factory.mktemp("staged") / "tree")


def test_the_contracts_hold(tree: Path) -> None:
    done = imports.lint(tree)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_contract_has_a_planted_violation() -> None:
    assert set(PLANTED) == set(CONTRACTS)


@pytest.mark.parametrize("contract", PLANTED)
def test_a_violation_is_noticed(contract: str, tree: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tree, tmp_path / "tree"))
    place, line = PLANTED[contract]
    with (copy / place).open("a") as file:
        file.write(f"\n{line}\n")
    done = imports.lint(copy, contract)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{CONTRACTS[contract]} BROKEN" in done.stdout


def test_a_new_room_has_to_be_placed(tree: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tree, tmp_path / "tree"))
    (copy / "fedisora" / "cellar.py").write_text("")
    done = imports.lint(copy, "layers")
    assert done.returncode == 1
    assert "cellar" in done.stdout + done.stderr


def test_starting_up_loads_no_model_code_and_no_queue() -> None:
    code = ("import sys, fedisora.app, fedisora.cli; "
            "print(*sorted({'torch', 'diffusers', 'transformers', 'arq', 'alembic'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], cwd=imports.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


NOT_AT_REST = {
    "torch", "numpy", "av", "PIL", "blurhash", "huggingface_hub", "diffusers", "c2pa", "iscc_lib",  # of child processes
    "alembic", "mako",  # migrations run in a child
    "rich", "pygments", "fedisora.cli",  # of commands that end
    "webauthn", "jwt", "pyld", "obstore", "psycopg", "arq", "redis", "prometheus_client",  # used rarely, or elsewhere
}


def test_an_instance_at_rest_has_only_what_it_needs(tmp_path: Path) -> None:
    """What `fedisora serve` has loaded before it forks: a library would stay in the memory of every small server."""
    code = ("import sys, pathlib\n"
            "from fedisora import cli_serve\n"
            "cli_serve.root()\n"
            "from fedisora.app import build_house, create_app\n"
            "from fedisora.server import import_everything\n"
            "from fedisora.settings import load_settings\n"
            "house = build_house(load_settings(pathlib.Path(sys.argv[1])), alone=True)\n"
            "import_everything()\n"
            "create_app(house.settings, house=house)\n"
            "print(*sorted(sys.modules))")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=imports.ROOT, capture_output=True, text=True,
                          check=True)
    loaded = set(done.stdout.split())
    assert {"fedisora.workers.local", "fedisora.web.routes", "aiohttp"} <= loaded  # both processes share them
    assert NOT_AT_REST & loaded == set()
