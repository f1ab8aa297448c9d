"""Captions over ActivityPub: ours go out with the post and its Video, others' are remembered by their address."""
from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.errors import Invalid, NotFound
from fedisora.models import Caption, Media, Status
from fedisora.services import captions
from fedisora.store import actors
from fedisora.store import captions as rows
from tests.support.peertube import problems

from .conftest import REM, Town
from .test_channels import film, open_channel, video

TEXT = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nHello\n"


def save(town: Town, status_id: int, language: str = "pt-br", **more: Any) -> Caption:
    def apply(uow: Any) -> Caption:
        media_id = uow.session.scalar(select(Media.id).where(Media.status_id == status_id))
        return captions.save(uow, actors.get(uow.session, town.actor(town.ada).id), media_id, language, TEXT, **more)

    return town.run(apply)


def test_captions_go_out_with_the_note_and_the_video(town: Town) -> None:
    open_channel(town)
    town.follows(REM, town.ada)
    status_id = film(town, storyboard_key="ab/1-s.jpg", storyboard={
        "width": 90, "height": 160, "columns": 6, "rows": 1, "count": 6, "interval": 1})
    row = save(town, status_id, automatic=True)
    wanted = [{"identifier": "pt-BR", "name": "português (Brasil)", "automaticallyGenerated": True, "url": [
        {"type": "Link", "mediaType": "text/vtt", "href": f"https://here.example/media/captions/{row.id}.vtt"}]}]
    update = town.sent("Update")[-1]
    notes = [item["object"] for item in town.sent("Update") if item["object"]["type"] == "Note"]
    assert notes[-1]["attachment"][0]["subtitleLanguage"] == wanted
    assert "updated" not in notes[-1]
    terms = update["object"]["@context"][-1]
    assert {"subtitleLanguage", "identifier", "automaticallyGenerated"} <= set(terms)
    found = video(town, status_id)
    assert found["subtitleLanguage"] == wanted
    assert found["preview"] == [{"type": "Image", "rel": ["storyboard"], "url": [{
        "type": "Link", "mediaType": "image/jpeg", "href": "https://here.example/media/ab/1-s.jpg", "width": 540, "height": 160,
        "tileWidth": 90, "tileHeight": 160, "tileDuration": "PT1S"}]}]
    assert problems(found) == []
    # our own reader takes what we write
    uri = "https://remote.example/users/rem/statuses/1"
    town.follows(town.ada, REM)
    note = town.note() | {"id": uri, "attachment": json.loads(json.dumps(notes[-1]["attachment"]))}
    town.receive(town.activity("Create", note))
    assert stored(town, uri) == [("pt-BR", "português (Brasil)", f"https://here.example/media/captions/{row.id}.vtt", True)]


def test_a_person_decides(town: Town) -> None:
    status_id = film(town)
    assert save(town, status_id, "en", automatic=True).automatic
    assert not save(town, status_id, "en").automatic
    assert not save(town, status_id, "en", automatic=True).automatic  # a draft never takes the place of what was checked
    with pytest.raises(Invalid, match="tag"):
        save(town, status_id, "englisch!")
    other = town.run(lambda uow: uow.session.scalar(select(Media.id).where(Media.status_id == status_id)))
    with pytest.raises(NotFound):
        town.run(lambda uow: captions.save(uow, actors.get(uow.session, town.actor(REM).id), other, "en", TEXT))
    town.run(lambda uow: captions.remove(uow, actors.get(uow.session, town.actor(town.ada).id), other, "en"))
    with pytest.raises(NotFound, match="no captions"):
        town.run(lambda uow: captions.remove(uow, actors.get(uow.session, town.actor(town.ada).id), other, "en"))


def stored(town: Town, uri: str) -> list[tuple[str, str, str, bool]]:
    def read(session: Any) -> list[tuple[str, str, str, bool]]:
        ids = session.scalars(select(Media.id).join(Status, Status.id == Media.status_id).where(Status.uri == uri)).all()
        found = rows.of_files(session, ids)
        return [(row.language, row.label, str(rows.remote_url(row)), row.automatic) for items in found.values() for row in items]

    return town.db.read_now(read)


@pytest.mark.parametrize("own_shape", [True, False])
def test_captions_of_a_peertube_video_are_remembered_and_follow_its_edits(own_shape: bool, town: Town) -> None:
    def spoken(name: str, tag: str = "en") -> dict[str, Any]:
        href = f"https://remote.example/lazy-static/{name}.vtt"
        links = [{"type": "Link", "mediaType": "application/x-mpegURL", "href": f"https://remote.example/{name}.m3u8"},
                 {"type": "Link", "mediaType": "text/vtt", "href": href}]
        return {"identifier": tag, "name": "English", "url": links if own_shape else href}

    town.follows(town.ada, REM)
    document = town.note() | {
        "type": "Video", "name": "A film",
        "url": [{"type": "Link", "mediaType": "video/mp4", "href": "https://remote.example/1.mp4"}],
        "preview": [{"type": "Image", "rel": ["storyboard"],
                     "url": [{"mediaType": "image/jpeg", "href": "https://remote.example/s.jpg"}]}],
        "subtitleLanguage": [spoken("a"), spoken("b", "de"), spoken("c"), {"identifier": "<x>", "url": "https://a.example/x"},
                             {"identifier": "fr", "url": "javascript:alert(1)"}, "es", None]}
    town.receive(town.activity("Create", document))
    assert stored(town, document["id"]) == [("de", "English", "https://remote.example/lazy-static/b.vtt", False),
                                            ("en", "English", "https://remote.example/lazy-static/a.vtt", False)]
    posters = town.db.read_now(lambda session: session.scalars(select(Media.remote_poster_url)).all())
    assert posters == [None]  # a strip of many pictures is no poster
    town.receive(town.activity("Update", {**document, "subtitleLanguage": [spoken("new")]}))
    assert [row[2] for row in stored(town, document["id"])] == ["https://remote.example/lazy-static/new.vtt"]


def test_unknown_languages_keep_their_tag() -> None:
    assert [rows.tag_of(tag) for tag in ("EN", "zh-hant-tw", "sr_Latn", "de-1996", "", "x", "en us", "a" * 40, None)] == [
        "en", "zh-Hant-TW", "sr-Latn", "de-1996", None, None, None, None, None]
    assert (rows.label_of("de"), rows.label_of("qqx")) == ("Deutsch", "qqx")
