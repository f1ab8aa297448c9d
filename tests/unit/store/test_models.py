"""What an operator decided about models; on both databases."""
from __future__ import annotations

from fedisora.generation.presets import catalogue
from fedisora.store import models
from tests.unit.activities.conftest import Town, town

__all__ = ["town"]
LONG = "somebody/" + "a-very-long-name" * 6


def test_the_last_acceptance_and_the_last_commit_count(town: Town) -> None:
    for text, who in (("https://licences.example/1", "Ada"), ("https://licences.example/2", "Ben")):
        town.run(lambda uow, text=text, who=who: models.accept(uow, "tiny", "A licence", text, who))
    assert town.db.read_now(models.accepted) == {"tiny": "https://licences.example/2"}
    row = town.db.read_now(lambda session: models.acceptance(session, "tiny"))
    assert row is not None
    assert (row.accepted_by, row.licence) == ("Ben", "A licence")
    for commit in ("1" * 40, "2" * 40):
        for name in ("wan2.2-ti2v-5b", LONG, LONG + "x"):
            town.run(lambda uow, name=name, commit=commit: models.pin(uow, name, name, commit))
    assert town.db.read_now(models.pinned) == dict.fromkeys(("wan2.2-ti2v-5b", LONG, LONG + "x"), "2" * 40)
    offered = town.db.read_now(lambda session: catalogue.current(session, town.db.instance.settings))
    assert [preset.name for preset in offered.models] == ["procedural"]
