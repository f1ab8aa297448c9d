"""An owner with a likeness, and everybody who could ask for it."""
from __future__ import annotations

import datetime as dt
from typing import Any

from fedisora.models import Likeness
from fedisora.store import actors, likenesses
from tests.unit.activities.conftest import Town, town

__all__ = ["Town", "town"]


def enrol(town: Town, who: str = "", kind: str = likenesses.SELF, **values: Any) -> int:
    """A likeness row; its id."""
    given = {"state": likenesses.ACTIVE, "audience": likenesses.EVERYONE} | values

    def write(uow: Any) -> int:
        owner = actors.by_uri(uow.session, who or town.ada)
        row = Likeness(id=uow.new_id(), actor_id=owner.id, kind=kind, created_at=uow.now, updated_at=uow.now, **given)
        uow.session.add(row)
        return row.id

    return town.run(write)


def change(town: Town, likeness_id: int, **values: Any) -> None:
    """Change columns of a likeness."""
    def write(uow: Any) -> None:
        row = uow.session.get_one(Likeness, likeness_id)
        for name, value in values.items():
            setattr(row, name, value)

    town.run(write)


def soon(town: Town, days: float = 1) -> dt.datetime:
    """A moment that many days away."""
    return town.db.clock() + dt.timedelta(days=days)
