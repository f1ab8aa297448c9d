"""The same functions in worker processes: arq on a real Redis, PostgreSQL as the database."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.instances import InstanceProcess, eventually


@pytest.fixture
def instance(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path / "data", database_url=postgres_url, redis_url=redis_url).start()
    yield running
    running.close()


def test_a_prompt_becomes_a_post_in_worker_processes(instance: InstanceProcess) -> None:
    assert len(instance.processes) == 5
    alice = instance.user("alice")
    status = alice.generate("a forest in the mist", text="made elsewhere")
    media = status["media_attachments"][0]
    assert media["type"] == "video" and media["url"]
    verdict = eventually(lambda: alice.get(f"/api/v1/statuses/{status['id']}")["media_attachments"][0]["fedisora"]["verdict"],
                         what="verdict")
    assert verdict["verdict"] == "verified"
    asked = json.loads(instance.cli("generate", "a quiet lake", "--as", "alice", "--seconds", "1", "--json").stdout)
    assert asked["generations"][0]["state"] == "draft"  # the command rings the same workers and waits for them


def test_workers_find_rows_without_redis(tmp_path: Path, postgres_url: str, redis_url: str) -> None:
    """The doorbell is only a doorbell: rows written while nobody rings are found by the sweep."""
    instance = InstanceProcess(tmp_path / "data", database_url=postgres_url, redis_url=redis_url).start()
    try:
        bob = instance.user("bob")
        # A web process whose Redis is unreachable: it serves, rows wait, the workers' sweep finds them.
        other = InstanceProcess(tmp_path / "data", port=instance.port, database_url=postgres_url,
                                redis_url="redis://127.0.0.1:1/0")
        instance.processes[0].terminate()
        instance.processes[0].wait(20)
        other._spawn("serve", "--port", str(other.port))
        try:
            other.wait_ready()
            status = bob.generate("silk in the wind", text="no bell rang")
            assert status["media_attachments"][0]["type"] == "video"
        finally:
            other.close()
    finally:
        instance.close()


def test_an_unknown_worker_and_missing_redis_are_one_line(tmp_path: Path) -> None:
    instance = InstanceProcess(tmp_path / "data")
    instance.folder.mkdir()
    done = instance.cli("worker", "federation", check=False)
    assert done.returncode == 2 and "FEDISORA_REDIS_URL" in done.stderr


def test_models_that_are_not_there_are_one_line(tmp_path: Path, redis_url: str) -> None:
    instance = InstanceProcess(tmp_path / "data", redis_url=redis_url)
    instance.folder.mkdir()
    done = instance.cli("worker", "generation", "--models", "nothing", check=False)
    assert done.returncode == 2
    assert done.stderr.strip() == "fedisora: There is no model 'nothing' here. There are: procedural."
