"""Jobs at which the program breaks: whoever waits for one is told in the end, and an operator can try it again."""
from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from fedisora.app import workers_module
from fedisora.errors import FedisoraError, Transient
from fedisora.models import Job, Media
from fedisora.store import jobs
from tests.support.odd_videos import video

from .conftest import Studio, furnished

ROWS, WORKER = workers_module("rows"), workers_module("media")


@pytest.fixture
def studio(tmp_path: Path) -> Any:
    made = furnished(tmp_path, fingerprints=False)
    yield made
    made.house.db.close()


def attempts(studio: Studio, media_id: int, handler: Any) -> int:
    """Let the media worker try until it gives up; how often that was."""
    db = studio.house.db
    db.write_now(lambda uow: jobs.enqueue(uow, "process_media", {"media_id": media_id}, key=str(media_id)))
    db.write_now(lambda uow: uow.session.execute(delete(Job).where(Job.kind != "process_media")))
    count = 0
    while db.read_now(lambda session: session.scalar(select(Job.state).where(Job.kind == "process_media"))) == "pending":
        db.write_now(lambda uow: uow.session.execute(
            update(Job).where(Job.kind == "process_media").values(run_at=uow.now)))
        count += asyncio.run(ROWS.drain(studio.house, "media", {"process_media": handler}, "me", at_once=1,
                                        given_up=WORKER.GIVEN_UP))
    return count


@pytest.mark.parametrize("error", [FedisoraError(cause="the child crashed"), Transient(cause="the storage is away")])
def test_an_upload_at_which_the_program_breaks_fails_with_a_sentence(studio: Studio, tmp_path: Path, error: Exception) -> None:
    async def breaks(house: Any, payload: dict[str, Any]) -> None:
        raise error

    media_id = studio.upload(video(tmp_path / "a.mp4"))
    assert attempts(studio, media_id, breaks) == (8 if error.retryable else 3)  # type: ignore[attr-defined]
    media: Media = studio.media(media_id)
    assert media.state == "failed"
    assert "export it again" in str(media.error)
    assert media.upload_key  # an operator who mended the cause puts the job back
    studio.run(WORKER.process_media, {"media_id": media_id})
    assert studio.media(media_id).state == "ready"
