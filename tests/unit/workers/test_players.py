"""Storyboards and drafted captions: jobs of the media worker, with real files, real children and the page's own example."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from fedisora.app import workers_module
from fedisora.errors import Invalid
from fedisora.media.process import run_media_sync
from fedisora.media.storyboard import layout
from fedisora.models import Caption, Job, Media
from fedisora.services import captions
from fedisora.store import actors
from fedisora.store import media as media_rows
from tests.architecture.imports import ROOT

from .conftest import Studio

PLAYERS, WORKER, HOUSEKEEPING = (workers_module(name) for name in ("players", "media", "housekeeping"))
COLOURS = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]


def coloured(path: Path, seconds: int = 7, *, width: int = 64, height: int = 36, sound: bool = True) -> Path:
    """A video whose every second has another colour."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=10, options={"preset": "ultrafast", "bf": "2"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = output.add_stream("aac", rate=44100, layout="mono") if sound else None
        for number in range(seconds * 10):
            picture = np.full((height, width, 3), COLOURS[number // 10 % 3], np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        if audio is not None:
            for start in range(0, 44100 * seconds, 1024):
                piece = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                piece.sample_rate, piece.pts = 44100, start
                output.mux(audio.encode(piece))
            output.mux(audio.encode(None))
    return path


def planned(studio: Studio, kind: str, media_id: int) -> list[int]:
    return studio.house.db.read_now(lambda session: [job.payload["media_id"] for job in session.scalars(
        select(Job).where(Job.kind == kind)) if job.payload["media_id"] == media_id])


def media(studio: Studio, media_id: int) -> Media:
    return studio.house.db.read_now(lambda session: session.get_one(Media, media_id))


@pytest.mark.parametrize(("seconds", "size", "wanted"), [
    (5.2, (1280, 720), (160, 90, 6, 1, 6, 1)), (60.0, (720, 1280), (90, 160, 10, 6, 60, 1)),
    (100.0, (1000, 1000), (160, 160, 10, 10, 100, 1)), (101, (1920, 1080), (160, 90, 10, 6, 51, 2)),
    (7200.0, (1920, 800), (160, 67, 10, 10, 100, 72))])
def test_the_strip_has_a_hundred_pictures_at_most(seconds: float, size: tuple[int, int], wanted: tuple[int, ...]) -> None:
    assert tuple(layout(seconds, *size).values()) == wanted


def test_a_long_enough_upload_gets_its_storyboard(studio: Studio) -> None:
    media_id = studio.upload(coloured(studio.folder / "long.mp4"))
    studio.run(WORKER.process_media, {"media_id": media_id})
    assert planned(studio, "storyboard", media_id) == [media_id]
    assert planned(studio, "draft_captions", media_id) == []  # no backend is set
    assert media(studio, media_id).audio is True
    for _ in range(2):  # the second time changes nothing
        studio.run(PLAYERS.storyboard, {"media_id": media_id})
    row = media(studio, media_id)
    assert row.storyboard == {"width": 160, "height": 90, "columns": 7, "rows": 1, "count": 7, "interval": 1}
    assert row.storyboard_key is not None
    path = studio.house.storage.path_for(row.storyboard_key)
    assert path is not None
    with Image.open(path) as strip:
        assert (strip.format, strip.size) == ("JPEG", (1120, 90))
        for number in range(7):
            seen = strip.getpixel((number * 160 + 80, 45))
            assert isinstance(seen, tuple)
            assert int(np.argmax(seen)) == number % 3, f"picture {number} is {seen}"
    keys = studio.house.db.read_now(lambda session: media_rows.keys_of(session, [row]))
    assert row.storyboard_key in keys


@pytest.mark.parametrize("gop", [20, 400])
def test_a_long_video_is_looked_through_by_seeking(gop: int, tmp_path: Path) -> None:
    source = tmp_path / "long.mp4"
    with av.open(str(source), "w") as output:
        stream = output.add_stream("libx264", rate=1, options={"preset": "ultrafast", "g": str(gop)})
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
        for number in range(210):  # a picture a second: three seconds each in the strip
            picture = np.full((36, 64, 3), COLOURS[number // 3 % 3], np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    strip = run_media_sync("storyboard", {"path": str(source), "output": str(tmp_path / "strip.jpg")}, timeout=60)
    assert (strip["count"], strip["interval"]) == (70, 3)
    with Image.open(tmp_path / "strip.jpg") as sheet:
        seen = [sheet.getpixel((number % 10 * 160 + 80, number // 10 * 90 + 45)) for number in range(70)]
    assert [int(np.argmax(colour)) for colour in seen if colour is not None] == [number % 3 for number in range(70)]


def test_a_video_without_a_strip_is_not_tried_for_ever(studio: Studio) -> None:
    media_id = studio.upload(studio.plain, kind="video", duration=9.0)
    studio.house.storage.put_file("ab/broken.mp4", Path(__file__))
    studio.house.db.write_now(lambda uow: WORKER.keep(uow, media_id, state="ready", storage_key="ab/broken.mp4"))
    studio.house.db.write_now(lambda uow: media_rows.plan_storyboards(uow, 10))
    assert planned(studio, "storyboard", media_id) == [media_id]
    studio.run(PLAYERS.storyboard, {"media_id": media_id})
    assert (media(studio, media_id).storyboard, media(studio, media_id).storyboard_key) == ({}, None)
    studio.house.db.write_now(lambda uow: uow.session.query(Job).delete())
    studio.house.db.write_now(lambda uow: media_rows.plan_storyboards(uow, 10))
    assert planned(studio, "storyboard", media_id) == []


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """A captions backend `seconds`, as a package that children find."""
    folder.mkdir()
    (folder / "captions_seconds.py").write_text(code)
    info = folder / "captions_seconds-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: captions-seconds\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[fedisora.captions]\nseconds = captions_seconds:Backend\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_a_backend_drafts_captions_as_the_page_says(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "extend" / "captions.md").read_text()
    example, = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    installed(tmp_path / "packages", monkeypatch, example)
    monkeypatch.setitem(studio.house.settings.__dict__, "captions_backend", "seconds")
    media_id = studio.upload(coloured(studio.folder / "spoken.mp4", 2))
    studio.run(WORKER.process_media, {"media_id": media_id})
    assert planned(studio, "draft_captions", media_id) == [media_id]
    assert planned(studio, "storyboard", media_id) == []
    for _ in range(2):
        studio.run(PLAYERS.draft_captions, {"media_id": media_id})

    def row(session: Any) -> Caption:
        found: Caption = session.scalars(select(Caption).where(Caption.media_id == media_id)).one()
        return found

    draft = studio.house.db.read_now(row)
    assert (draft.language, draft.automatic) == ("en", True)
    assert draft.text == ("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nSecond 0 &lt;en&gt;\n\n"
                          "00:00:01.000 --> 00:00:02.000\nSecond 1 &lt;en&gt;\n")
    studio.house.db.write_now(lambda uow: captions.save(
        uow, actors.get(uow.session, studio.ada), media_id, "en", "WEBVTT\n\nmine"))
    studio.run(PLAYERS.draft_captions, {"media_id": media_id})
    kept = studio.house.db.read_now(row)
    assert (kept.text, kept.automatic) == ("WEBVTT\n\nmine", False)


@pytest.mark.parametrize("code", ["import os\nos.abort()", "def Backend(options):\n    return 3",
                                  "class Backend:\n    def __init__(self, o): pass\n    def transcribe(self, p, l): return 'x'"])
def test_a_backend_that_breaks_costs_nothing_but_the_draft(code: str, studio: Studio, tmp_path: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path / "packages", monkeypatch, code)
    monkeypatch.setitem(studio.house.settings.__dict__, "captions_backend", "seconds")
    media_id = studio.upload(studio.plain, kind="video")
    studio.house.storage.put_file("ab/1.mp4", studio.plain)
    studio.house.db.write_now(lambda uow: WORKER.keep(uow, media_id, state="ready", storage_key="ab/1.mp4", audio=True))
    with pytest.raises(Invalid, match="did not work"):
        studio.run(PLAYERS.draft_captions, {"media_id": media_id})
    assert studio.house.db.read_now(lambda session: session.scalars(
        select(Caption).where(Caption.media_id == media_id)).all()) == []
