"""How long one waits where each worker has models of its own."""
from __future__ import annotations

from pathlib import Path

import pytest

from fedisora.db import Database, Instance
from fedisora.models import Base, Generation
from fedisora.settings import load_settings
from fedisora.store import generation_queue
from fedisora.uris import Uris
from fedisora.vault import Vault
from tests.support.generations import person, plan_of, queued, worker


def test_what_other_workers_make_is_not_waited_for(tmp_path: Path, sqlite_url: str) -> None:
    settings = load_settings(tmp_path, base_url="https://here.example", database_url=sqlite_url)
    db = Database(Instance(settings, Uris(settings.base_url), Vault.open(tmp_path)))
    Base.metadata.create_all(db.engine)
    ada, bob = (db.write_now(lambda uow, n=name: person(uow, n)) for name in ("ada", "bob"))  # type: ignore[misc]
    worker(db, "program", models=("procedural",))
    worker(db, "model", models=("wan",))
    for _ in range(3):
        queued(db, ada)
    [row_id] = queued(db, bob, plan_of(model="wan", backend="diffusers"))

    def waits(model: str) -> tuple[float | None, float | None]:
        return db.read_now(lambda session: (
            generation_queue.waiting_seconds(session, session.get_one(Generation, row_id), db.clock()),
            generation_queue.queue_seconds(session, "cpu", model, db.clock())))

    cost = db.read_now(lambda session: session.get_one(Generation, row_id).expected_seconds)
    assert waits("wan") == (0.0, pytest.approx(cost))
    worker(db, "both", models=("procedural", "wan"))  # keeps the others' videos from it, so now they count
    found, _ = waits("wan")
    assert found is not None and found > 0
    db.close()
