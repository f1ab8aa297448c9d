"""People with a likeness, and the jobs of a cameo run by hand."""
from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from fedisora.app import House, build_house
from fedisora.db import UnitOfWork
from fedisora.models import Actor, Likeness
from fedisora.services.likenesses import policy_of
from fedisora.settings import load_settings
from fedisora.storage.private import LIKENESSES
from tests.support.instances import InstanceProcess


def portrait(width: int = 240, height: int = 320) -> bytes:
    """A picture with something to see, as WebP."""
    picture = Image.new("RGB", (width, height))
    picture.putdata([(x * 255 // width, y * 255 // height, (x * y) % 251) for y in range(height) for x in range(width)])
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=90)
    return out.getvalue()


def enrol(house: House, actor_id: int, folder: Path, **columns: Any) -> int:
    """A checked likeness of a local person with its sealed picture; the row's id."""
    data = portrait()

    def insert(uow: UnitOfWork) -> int:
        row_id = uow.new_id()
        sealed = house.private.put(LIKENESSES, row_id, data, folder)
        uow.session.add(Likeness(**{
            "id": row_id, "actor_id": actor_id, "kind": "self", "state": "active", "audience": "everyone", "forbidden": "no ads",
            "picture_key": sealed.key, "picture_secret": sealed.secret, "picture_mime": "image/webp", "width": 240, "height": 320,
            "created_at": uow.now, "updated_at": uow.now, **columns}))
        uow.session.flush()
        _open(uow, actor_id)
        return row_id

    return house.db.write_now(insert)


def change(house: House, likeness_id: int, **columns: Any) -> None:
    """Change who may ask, and how long."""
    def write(uow: UnitOfWork) -> None:
        row = uow.session.get_one(Likeness, likeness_id)
        for name, value in columns.items():
            setattr(row, name, value)
        uow.session.flush()
        _open(uow, row.actor_id)

    house.db.write_now(write)


def _open(uow: UnitOfWork, actor_id: int) -> None:
    """Say in the actor's document whether anybody may ask."""
    owner = uow.session.get_one(Actor, actor_id)
    owner.interaction_policy = policy_of(uow.session, owner, uow.now)


@contextlib.contextmanager
def behind(instance: InstanceProcess) -> Iterator[House]:
    """The rows of a running instance."""
    house = build_house(load_settings(instance.folder, base_url=instance.base, allow_private_network="127.0.0.0/8"))
    try:
        yield house
    finally:
        house.db.close()


def actor(house: House, actor_id: int) -> Actor:
    return house.db.read_now(lambda session: session.get_one(Actor, actor_id))
