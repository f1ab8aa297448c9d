"""Two jobs for one file at once: the upload's own and that of the post with it, or one whose worker was taken for dead."""
from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fedisora.app import workers_module
from fedisora.errors import Busy
from fedisora.models import Media, Status
from fedisora.services import publish

from .conftest import WORKER, Studio

SIGNING = workers_module("signing")


def stored(studio: Studio) -> set[Path]:
    """The files in the storage."""
    return {path for path in (studio.folder / "media").rglob("*") if path.is_file()}


def both(studio: Studio, *jobs: Any) -> None:
    async def run() -> None:
        await studio.house.client.open()
        try:
            await asyncio.gather(*jobs)
        finally:
            await studio.house.client.close()

    asyncio.run(run())


def published(studio: Studio, media: Media) -> bool:
    return bool(studio.house.db.read_now(lambda session: session.get_one(Status, media.status_id)).published)


def test_a_post_does_not_encode_what_is_being_encoded(studio: Studio) -> None:
    media_id, before = studio.upload(studio.plain, "captured"), stored(studio)
    status_id = studio.media(media_id).status_id
    both(studio, WORKER.process_media(studio.house, {"media_id": media_id}),
         WORKER.publish(studio.house, {"status_id": status_id}), WORKER.process_media(studio.house, {"media_id": media_id}))
    media = studio.media(media_id)
    assert (media.state, published(studio, media)) == ("signed", True)
    assert studio.judged(media)["state"] == "Trusted"
    kept = {studio.house.storage.path_for(str(key)) for key in (media.storage_key, media.manifest_key, media.poster_key)}
    assert stored(studio) - before == {Path(str(path)) for path in kept}, "encoded once, and nothing is left lying about"


def test_what_is_signed_is_not_replaced_by_a_worker_that_comes_too_late(studio: Studio) -> None:
    media = studio.publish(studio.upload(studio.plain, "captured"))
    late: dict[str, Any] = {"storage_key": "late.mp4", "poster_key": None, "kind": "video"}
    assert studio.house.db.write_now(lambda uow: WORKER._encoded(uow, media.id, late)) is False
    now = studio.media(media.id)
    assert (now.state, now.storage_key) == ("signed", media.storage_key)
    studio.run(WORKER.process_media, {"media_id": media.id})
    assert studio.media(media.id).storage_key == media.storage_key


def test_of_two_that_sign_the_first_counts(studio: Studio) -> None:
    media_id = studio.upload(studio.plain, "captured")
    studio.run(WORKER.process_media, {"media_id": media_id})
    ready, before = studio.media(media_id), stored(studio)
    status = studio.house.db.read_now(lambda session: session.get_one(Status, ready.status_id))
    both(studio, SIGNING.sign(studio.house, status, studio.media(media_id)), SIGNING.sign(studio.house, status, ready))
    signed = studio.media(media_id)
    assert studio.judged(signed)["state"] == "Trusted"
    assert signed.verdict is not None and signed.verdict["verdict"] == "verified"
    kept = {Path(str(studio.house.storage.path_for(str(key)))) for key in (signed.storage_key, signed.manifest_key)}
    assert stored(studio) - before == kept
    assert not published(studio, signed)


def test_a_post_whose_file_is_not_signed_yet_is_tried_again(studio: Studio) -> None:
    media = studio.media(studio.upload(studio.plain, "captured"))
    with pytest.raises(Busy):
        studio.house.db.write_now(lambda uow: publish.finish(uow, int(media.status_id or 0)))
    assert Busy.retryable
