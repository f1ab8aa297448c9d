"""Rows of people, posts and files, without the keys and hashes that real accounts cost."""
from __future__ import annotations

from typing import Any

from fedisora.app import House
from fedisora.db import UnitOfWork
from fedisora.models import Actor, Media, Status


def person(house: House, name: str) -> int:
    def make(uow: UnitOfWork) -> int:
        uri = uow.uris.actor(name)
        found = Actor(id=uow.new_id(), uri=uri, username=name, username_key=name, inbox=f"{uri}/inbox", created_at=uow.now,
                      updated_at=uow.now)
        uow.session.add(found)
        uow.session.flush()
        return found.id

    return house.db.write_now(make)


def post(house: House, actor_id: int, *, visibility: str = "public", kind: str = "video", state: str = "signed",
         **more: Any) -> tuple[int, str]:
    """A published post with a file; (id of the file, id of the post)."""
    def make(uow: UnitOfWork) -> tuple[int, str]:
        row = uow.new_id()
        uri = f"https://here.example/users/x/statuses/{row}"
        uow.session.add(Status(id=row, uri=uri, url=uri, actor_id=actor_id, local=True, visibility=visibility, content="",
                               text="", published=True, proof="valid", created_at=uow.now))
        uow.session.flush()
        media = Media(id=uow.new_id(), actor_id=actor_id, status_id=row, kind=kind, state=state, mime="video/mp4",
                      duration=2.0, created_at=uow.now, **more)
        uow.session.add(media)
        uow.session.flush()
        return media.id, uri

    return house.db.write_now(make)


def media(house: House, media_id: int) -> Media:
    return house.db.read_now(lambda session: session.get_one(Media, media_id))
