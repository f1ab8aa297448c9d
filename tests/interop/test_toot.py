"""toot, a real command-line client: log in with a token, post, read, favourite, delete."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.instances import Api, InstanceProcess


@pytest.fixture(scope="module")
def erin(instances: Callable[..., InstanceProcess]) -> Api:
    return instances("t").user("erin")


def toot(erin: Api, home: Path, *arguments: str) -> str:
    folder = home / "toot"
    folder.mkdir(exist_ok=True)
    host = erin.instance.host
    (folder / "config.json").write_text(json.dumps({
        "apps": {host: {"instance": host, "base_url": erin.instance.base, "client_id": "x", "client_secret": "y"}},
        "users": {f"erin@{host}": {"instance": host, "username": "erin", "access_token": erin.token}},
        "active_user": f"erin@{host}"}))
    done = subprocess.run([sys.executable, "-m", "toot", "--no-color", *arguments], capture_output=True, text=True, timeout=60,
                          env=os.environ | {"XDG_CONFIG_HOME": str(home)}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_toot_reads_and_writes(erin: Api, tmp_path: Path) -> None:
    assert "erin" in toot(erin, tmp_path, "whoami")
    posted = json.loads(toot(erin, tmp_path, "post", "Hello from the shell #toot", "--json"))
    assert "Hello from the shell" in toot(erin, tmp_path, "timeline", "--once")
    toot(erin, tmp_path, "favourite", posted["id"])
    assert erin.get(f"/api/v1/statuses/{posted['id']}")["favourited"] is True
    assert "Fedisora" in toot(erin, tmp_path, "instance")
    toot(erin, tmp_path, "delete", posted["id"])
    assert posted["id"] not in [item["id"] for item in erin.home()]
