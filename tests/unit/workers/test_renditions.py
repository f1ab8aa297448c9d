"""Smaller sizes and HLS: signed files of their own, verified, served by byte range, named by the companion Video, and gone with
their post."""
from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import av
import httpx
import numpy as np
import orjson
import pytest
from sqlalchemy import select

from fedisora.app import workers_module
from fedisora.media.hls import codecs
from fedisora.models import Job, Media, OutboxActivity, Rendition, Status
from fedisora.serializers.activitypub.attachment import choose_link
from fedisora.services import channels, declaration, publish, renditions, storage_quota
from fedisora.services.renditions import Rung
from fedisora.settings import load_settings
from fedisora.store import actors
from fedisora.store import renditions as rows
from tests.support.credentials import actions, judge
from tests.support.odd_videos import tone, video

from .conftest import HERE, Studio, furnished

WORKER = workers_module("renditions")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    made = furnished(tmp_path_factory.mktemp("ladder"), video_ladder="144,144, 720", hls_over_seconds=3, fingerprints=False)
    yield made
    made.house.db.close()


def moving(number: int) -> Any:
    across = (np.arange(256) + number * 5) % 256
    planes = np.tile(across, (192, 1)), np.full((192, 256), number % 256), np.tile(across[::-1], (192, 1))
    return np.dstack(planes).astype(np.uint8)


def source(path: Path, seconds: int) -> Path:
    return video(path, size=(256, 192), frames=12 * seconds, picture=moving, sounds=[tone(seconds)], options={
        "g": "24", "bf": "2", "sc_threshold": "0"})


def made(studio: Studio, path: Path) -> tuple[Media, list[Rendition]]:
    media = studio.publish(studio.upload(path, "captured"))
    planned = studio.house.db.read_now(lambda session: session.scalar(select(Job.payload).where(
        Job.kind == "make_renditions", Job.key == f"make_renditions:{media.id}")))
    assert planned == {"media_id": media.id}  # in the transaction that published the post
    studio.run(WORKER.make_renditions, planned)
    return media, found(studio, media)


def found(studio: Studio, media: Media) -> list[Rendition]:
    return studio.house.db.read_now(lambda session: rows.of_media(session, [media.id]).get(media.id, []))


@pytest.mark.parametrize(("size", "seconds", "wanted"), [
    ((1920, 1080), 10, [Rung(720, False), Rung(480, False)]), ((1080, 1920), 10, [Rung(720, False), Rung(480, False)]),
    ((1280, 720), 10, [Rung(480, False)]), ((640, 480), 10, []), ((320, 240), 90, [Rung(None, True)]),
    ((1920, 1080), 90, [Rung(None, True), Rung(720, True), Rung(480, True)])])
def test_nothing_is_enlarged_and_no_height_comes_twice(tmp_path: Path, size: tuple[int, int], seconds: int,
                                                       wanted: list[Rung]) -> None:
    settings = load_settings(tmp_path, base_url=HERE, video_ladder="480,720, 480")
    media = Media(kind="video", width=size[0], height=size[1], duration=float(seconds))
    assert renditions.wanted(settings, media) == wanted
    assert renditions.wanted(load_settings(tmp_path, base_url=HERE, hls_over_seconds=0), media) == []


def test_a_short_video_gets_smaller_files(studio: Studio) -> None:
    media, sizes = made(studio, source(studio.folder / "short.mp4", 1))
    assert [(row.kind, row.width, row.height, row.playlist) for row in sizes] == [("mp4", 192, 144, None)]
    for row in sizes:
        path = studio.house.storage.path_for(row.storage_key)
        assert path is not None and path.stat().st_size == row.size
        data = path.read_bytes()
        assert 0 < data.find(b"moov") < data.find(b"mdat")
        judged = judge(path, studio.anchors)
        assert judged["state"] == "Trusted"
        assert [item["action"] for item in actions(judged)] == ["c2pa.opened", "c2pa.edited", "c2pa.resized"]
        assert judged["manifest"]["ingredients"][0]["relationship"] == "parentOf"
        verdict = studio.verdict(path)
        assert verdict["verdict"] == "verified" and verdict["record"]["object"] == studio.post(media)["id"]
        assert row.codecs == codecs(path) and re.fullmatch(r"avc1\.[0-9a-f]{6},mp4a\.40\.2", row.codecs)
    studio.run(WORKER.make_renditions, {"media_id": media.id})  # twice is once
    assert [row.id for row in found(studio, media)] == [row.id for row in sizes]
    offered = studio.house.db.read_now(lambda session: renditions.sources(session, studio.house.uris, media))
    assert [(item["type"], item["height"]) for item in offered] == [("video/mp4", 192), ("video/mp4", 144)]
    assert studio.get(f"/media/hls/{media.id}/master.m3u8").status_code == 404
    used, _ = studio.house.db.read_now(lambda session: storage_quota.used(session, studio.ada))
    assert used >= sum(row.size for row in sizes) + int(media.size or 0)
    # signed anew with another label: what said the former one goes, and is planned again
    studio.house.db.write_now(lambda uow: declaration.later(uow, actors.get(uow.session, studio.ada), media.id, "mixed"))
    studio.run(workers_module("media").declare, {"media_id": media.id, "choice": "mixed"})
    assert found(studio, media) == []
    studio.run(WORKER.make_renditions, {"media_id": media.id})
    renewed = found(studio, media)
    assert [row.height for row in renewed] == [144] and renewed[0].id != sizes[0].id
    path = studio.house.storage.path_for(renewed[0].storage_key)
    assert path is not None and studio.verdict(path)["digitalSourceType"] == studio.media(media.id).digital_source_type


def ranges(text: str, base: str) -> list[tuple[str, int, int]]:
    """(address, start, length) of the head and of the segments."""
    head = re.search(r'#EXT-X-MAP:URI="([^"]+)",BYTERANGE="(\d+)@(\d+)"', text)
    assert head is not None
    listed = [(head[1], int(head[3]), int(head[2]))]
    listed += [(item[2], int(item[1]), int(item[0])) for item in re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\n(\S+)", text)]
    return [(urljoin(base, address), start, length) for address, start, length in listed]


def test_a_long_video_is_streamed_from_signed_files(studio: Studio) -> None:
    studio.house.db.write_now(lambda uow: channels.create(uow, actors.get(uow.session, studio.ada)))
    media, sizes = made(studio, source(studio.folder / "long.mp4", 5))
    assert [(row.kind, row.height) for row in sizes] == [("fmp4", 192), ("fmp4", 144)]
    document = companion(studio, media)  # servers that have the companion Video hear of its encodings
    assert [(link["mediaType"], link.get("height")) for link in document["url"]] == [
        ("text/html", None), ("video/mp4", 192), ("application/x-mpegURL", None)]
    listed = document["url"][2]
    assert listed["href"] == f"{HERE}/media/hls/{media.id}/master.m3u8"
    assert [(link["height"], link["size"], link["digestMultibase"]) for link in listed["tag"]] == [
        (row.height, row.size, row.digest) for row in sizes]
    assert (choose_link(document["url"]) or {})["height"] == 192
    address = f"{HERE}/media/hls/{media.id}/master.m3u8"
    answer = studio.get(urlsplit(address).path)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("application/vnd.apple.mpegurl")
    assert (answer.headers["access-control-allow-origin"], "max-age" in answer.headers["cache-control"]) == ("*", True)
    variants = re.findall(r'#EXT-X-STREAM-INF:BANDWIDTH=(\d+),AVERAGE-BANDWIDTH=(\d+),RESOLUTION=(\d+x\d+),CODECS="([^"]+)"\n'
                          r'(\S+)', answer.text)
    assert [item[2] for item in variants] == ["256x192", "192x144"]
    assert all(int(item[0]) >= int(item[1]) > 0 for item in variants)
    everywhere: list[list[float]] = []
    for (*_, uri), row in zip(variants, sizes, strict=True):
        place = urljoin(address, uri)
        text = studio.get(urlsplit(place).path).text
        assert "#EXT-X-VERSION:7" in text and text.endswith("#EXT-X-ENDLIST\n") and "{file}" not in text
        seconds = [float(item) for item in re.findall(r"#EXTINF:([\d.]+)", text)]
        assert sum(seconds) == pytest.approx(5, abs=0.2) and len(seconds) in (2, 3) and seconds[0] == pytest.approx(2, abs=0.1)
        assert max(seconds) <= int(re.search(r"TARGETDURATION:(\d+)", text)[1]) + 0.5  # type: ignore[index]
        head, *segments = ranges(text, place)
        begin = fetched(studio, *head).content
        frames, cuts = 0, []
        for number, segment in enumerate(segments):  # each plays alone, after the head
            part = fetched(studio, *segment)
            assert part.status_code == 206 and len(part.content) == segment[2]
            with av.open(io.BytesIO(begin + part.content)) as container:
                pictures = list(container.decode(video=0))
                container.seek(0)
                cuts.append(round(float(next(iter(container.decode(audio=0))).time or 0), 3))
                assert pictures[0].key_frame
                frames += len(pictures)
                assert float(pictures[0].time or 0) == pytest.approx(sum(seconds[:number]), abs=0.2)
        assert frames == 60
        everywhere.append(cuts)
        assert segments[-1][1] + segments[-1][2] == row.size
        path = studio.house.storage.path_for(row.storage_key)
        assert path is not None and judge(path, studio.anchors)["state"] == "Trusted"
        assert studio.verdict(path)["verdict"] == "verified"
        with av.open(str(path)) as container:  # and it is one file to download
            assert (len(list(container.decode(video=0))), len(container.streams.audio)) == (60, 1)
    assert everywhere[0] == everywhere[1]  # players change the size between segments, and nothing may be missing there
    offered = studio.house.db.read_now(lambda session: renditions.sources(session, studio.house.uris, media))
    assert [(item["type"].rpartition("/")[2], item["height"]) for item in offered] == [
        ("vnd.apple.mpegurl", 192), ("mp4", 192), ("mp4", 144)]
    page = studio.get(f"/@ada/{media.status_id}").text
    assert re.findall(r'<source src="([^"]+)" type="([^"]+)"(?: data-lines="(\d+)")?>', page) == [
        (item["src"].removeprefix(HERE), item["type"], lines)
        for item, lines in zip(offered, ("", "192", "144"), strict=True)]
    private(studio, media, sizes)
    gone = [row.storage_key for row in sizes]
    studio.house.db.write_now(lambda uow: publish.delete(uow, actors.get(uow.session, studio.ada), int(media.status_id or 0)))
    keys = studio.house.db.read_now(lambda session: [key for payload in session.scalars(select(Job.payload).where(
        Job.kind == "delete_files")) for key in payload["keys"]])
    assert set(gone) <= set(keys)
    assert studio.house.db.read_now(lambda session: session.scalars(select(Rendition).where(
        Rendition.media_id == media.id)).all()) == []
    assert studio.get(urlsplit(address).path).status_code == 404


def fetched(studio: Studio, address: str, start: int, length: int) -> httpx.Response:
    return studio.request("GET", urlsplit(address).path, {"Range": f"bytes={start}-{start + length - 1}"})


def private(studio: Studio, media: Media, sizes: list[Rendition]) -> None:
    """What only followers may see is not streamed: the addresses of playlists can be guessed."""
    def show(uow: Any, visibility: str) -> None:
        uow.session.get_one(Status, media.status_id).visibility = visibility

    studio.house.db.write_now(lambda uow: show(uow, "private"))
    assert studio.get(f"/media/hls/{media.id}/master.m3u8").status_code == 404
    assert studio.get(f"/media/hls/{media.id}/{sizes[0].id}.m3u8").status_code == 404
    offered = studio.house.db.read_now(lambda session: renditions.sources(session, studio.house.uris, media))
    assert {item["type"] for item in offered} == {"video/mp4"}
    studio.house.db.write_now(lambda uow: show(uow, "public"))


def companion(studio: Studio, media: Media) -> dict[str, Any]:
    """The Video as it was sent last."""
    uri = studio.house.uris.video(f"{HERE}/users/ada", int(media.status_id or 0))
    body = studio.house.db.read_now(lambda session: session.scalar(select(OutboxActivity.document).where(
        OutboxActivity.object_uri == uri, OutboxActivity.type == "Update").order_by(OutboxActivity.id.desc())))
    document: dict[str, Any] = orjson.loads(body or b"")["object"]
    return document
