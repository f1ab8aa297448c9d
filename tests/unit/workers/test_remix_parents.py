"""What a remix was made from goes into its manifest, or it is said why not."""
from __future__ import annotations

import asyncio
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from fedisora.activitypub.digest import digest_multibase
from fedisora.app import House, build_house, workers_module
from fedisora.errors import RemoteUnavailable
from fedisora.media.digest import file_digest
from fedisora.models import Base, Lineage, Media, Status
from fedisora.services import accounts, instance
from fedisora.settings import load_settings
from tests.support.instances import free_port
from tests.support.pictures import png
from tests.support.world import World

PARENTS, rows = workers_module("remix_parents"), workers_module("rows")


class Files(World):
    """A server with one file."""

    def answer_get(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200 if handler.path == "/parent.png" else 404)
        handler.send_header("Content-Type", "image/png")
        handler.end_headers()
        if handler.path == "/parent.png":
            handler.wfile.write(png(32, 32))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = build_house(load_settings(tmp_path, base_url="http://127.0.0.1:1", allow_private_network="127.0.0.0/8"))
    Base.metadata.create_all(found.db.engine)
    yield found
    found.db.close()


def test_a_parent_that_cannot_be_had_or_is_another_is_named_and_left_out(house: House, tmp_path: Path) -> None:
    picture = tmp_path / "parent.png"
    picture.write_bytes(png(32, 32))
    digest = digest_multibase(file_digest(picture)[0])
    house.storage.put_file("parent.png", picture)
    with Files() as world:
        where = [("here", {"storage_key": "parent.png", "digest": digest, "digital_source_type": "x"}),
                 ("away", {"remote_url": f"{world.base}/parent.png", "digest": digest}),
                 ("changed", {"remote_url": f"{world.base}/parent.png", "digest": "zQmOther"}),
                 ("lost", {"remote_url": f"{world.base}/nothing.png", "digest": digest}), ("forgotten", None)]

        def make(uow: Any) -> int:
            instance.initialise(uow)
            actor_id = accounts.create(uow, "ada", "ada@example.org", "a fine password").actor_id

            def post(name: str) -> Status:
                row = Status(id=uow.new_id(), uri=f"http://127.0.0.1:1/{name}", actor_id=actor_id, local=True, created_at=uow.now)
                uow.session.add(row)
                uow.session.flush()
                return row

            child = post("child")
            for name, columns in where:
                if columns is not None:
                    uow.session.add(Media(id=uow.new_id(), actor_id=actor_id, status_id=post(name).id, kind="image",
                                          state="signed", mime="image/png", description=name, created_at=uow.now, **columns))
                uow.session.add(Lineage(id=uow.new_id(), child_id=child.id, child_uri=child.uri, kind="remix",
                                        parent_uri=f"http://127.0.0.1:1/{name}", created_at=uow.now))
                uow.session.flush()
            media = Media(id=uow.new_id(), actor_id=actor_id, status_id=child.id, kind="image", state="ready",
                          mime="image/png", ingredients=[{"kind": "upload", "title": "upload"}], created_at=uow.now)
            uow.session.add(media)
            uow.session.flush()
            return int(media.id)

        media_id = house.db.write_now(make)
        media = house.db.read_now(lambda session: session.get_one(Media, media_id))

        async def look() -> list[Any]:
            await house.client.open()
            try:
                return list(await PARENTS.parents(house, media, tmp_path))
            finally:
                await house.client.close()

        found = asyncio.run(look())
    assert [(item.title, item.object, item.mime) for item in found] == [
        (name, f"http://127.0.0.1:1/{name}", "image/png") for name in ("here", "away")]
    assert all(Path(item.path).read_bytes() == png(32, 32) for item in found)
    assert [item["title"] for item in media.ingredients] == ["upload", "changed", "lost", "the original"]
    assert "is not the one that its post names" in media.ingredients[1]["summary"]
    assert "could not be fetched" in media.ingredients[2]["summary"]
    assert all("summary" in item for item in media.ingredients[1:])


def test_a_silent_server_is_waited_for_but_not_for_ever(house: House, tmp_path: Path) -> None:
    parent = Media(id=1, remote_url=f"http://127.0.0.1:{free_port()}/parent.png", mime="image/png")

    async def look(patient: bool) -> str:
        await house.client.open()
        try:
            return str(await PARENTS._fetch(house, parent, tmp_path / "x.png", patient=patient))
        finally:
            await house.client.close()

    with pytest.raises(RemoteUnavailable):
        asyncio.run(look(patient=True))
    assert "could not be fetched" in asyncio.run(look(patient=False))
    tries = sum(rows.pause(attempt).total_seconds() for attempt in range(1, rows.ATTEMPTS))
    assert tries > PARENTS.PATIENCE.total_seconds(), "the last try of the job signs without it"
