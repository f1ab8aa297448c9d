"""Requests of one person at the same moment: together they may have no more than one after the other."""
from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import select

from fedisora.db import Database, Instance
from fedisora.errors import TooManyRequests
from fedisora.models import Base, Generation
from fedisora.settings import load_settings
from fedisora.uris import Uris
from fedisora.vault import Vault
from tests.support.generations import person, queued

MOST, AT_ONCE = 3, 8


def test_a_limit_holds_for_requests_side_by_side_and_each_has_its_turn(tmp_path: Path, database_url: str) -> None:
    settings = load_settings(tmp_path, base_url="https://here.example", database_url=database_url, generation_jobs_per_user=MOST)
    db = Database(Instance(settings, Uris(settings.base_url), Vault.open(tmp_path)))
    Base.metadata.create_all(db.engine)
    ada, refused, barrier = db.write_now(lambda uow: person(uow, "ada")), [], threading.Barrier(AT_ONCE)

    def ask() -> None:
        barrier.wait()
        try:
            queued(db, ada)
        except TooManyRequests as error:
            refused.append(error.code)

    threads = [threading.Thread(target=ask) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    turns = db.read_now(lambda session: list(session.scalars(select(Generation.turn))))
    assert len(turns) == len(set(turns)) == MOST
    assert refused == ["too-many-jobs"] * (AT_ONCE - MOST)
    db.close()
