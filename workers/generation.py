"""The generation worker: one claimed generation at a time."""
from __future__ import annotations

from typing import TYPE_CHECKING

from fedisora.generation.host import Host

if TYPE_CHECKING:
    from fedisora.app import House


def host(house: House, owner: str) -> Host:
    """A generation host on this machine's backend."""
    settings = house.settings
    return Host(house.db, house.storage, owner, backend=settings.generation_backend, model=settings.generation_model)
