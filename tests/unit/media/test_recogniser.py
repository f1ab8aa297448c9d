"""Recognising stripped copies: what is found, what is never named, and what switching off means."""
from __future__ import annotations

import asyncio
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from fedisora.app import House, build_house
from fedisora.db import UnitOfWork
from fedisora.models import Actor, Fingerprint, Media
from fedisora.settings import load_settings
from fedisora.store import fingerprints
from tests.support.clips import clip
from tests.support.posts import media, person, post

durable = importlib.import_module("fedisora.workers.durable")


def learn(house: House, media_id: int, path: Path) -> Any:
    return asyncio.run(house.recogniser.learn(media_id, path))


def test_a_stripped_copy_of_a_public_post_is_recognised(house: House, tmp_path: Path) -> None:
    ada, bob = person(house, "ada"), person(house, "bob")
    first, uri = post(house, ada)
    assert learn(house, first, clip(tmp_path / "a.mp4", seconds=4)) is None
    kept = media(house, first)
    assert kept.soft_binding[0].startswith("ISCC:EMD")
    assert kept.fingerprinted_at is not None

    trimmed = clip(tmp_path / "b.mp4", seconds=2, start=15, crf=32, change=lambda picture: picture[:, ::-1])
    copy, _ = post(house, bob)
    found = learn(house, copy, trimmed)
    assert (found.media_id, found.object, found.watermark) == (first, uri, False)
    assert media(house, copy).matched == {"media_id": first, "object": uri, "distance": found.distance, "frames": found.frames}

    looked = asyncio.run(house.recogniser.look(trimmed))
    assert looked is not None
    assert (looked.object, looked.distance) == (uri, found.distance)
    assert asyncio.run(house.recogniser.look(clip(tmp_path / "c.mp4", seed=9))) is None
    assert learn(house, first, tmp_path / "a.mp4") is None, "the older one is not a copy of the younger"

    again, _ = post(house, ada)
    learn(house, again, tmp_path / "a.mp4")
    assert (media(house, again).matched or {})["answer"] == "mine", "nobody is asked about their own video"


@pytest.mark.parametrize("hidden", ["private", "direct", "suspended", "deleted"])
def test_what_not_everybody_may_see_is_never_named(house: House, tmp_path: Path, hidden: str) -> None:
    ada, bob = person(house, "ada"), person(house, "bob")
    first, _ = post(house, ada, visibility=hidden if hidden in ("private", "direct") else "public")
    path = clip(tmp_path / "a.mp4")
    learn(house, first, path)

    def hide(uow: UnitOfWork) -> None:
        if hidden == "suspended":
            uow.session.get_one(Actor, ada).suspended_at = uow.now
        if hidden == "deleted":
            uow.session.delete(uow.session.get_one(Media, first))

    house.db.write_now(hide)
    assert asyncio.run(house.recogniser.look(path)) is None
    copy, _ = post(house, bob)
    assert learn(house, copy, path) is None
    assert media(house, copy).matched is None
    assert house.db.read_now(lambda session: fingerprints.matches(session, [media(house, copy)])) == {}


def test_a_match_is_hidden_when_its_post_goes_private_later(house: House, tmp_path: Path) -> None:
    ada, bob = person(house, "ada"), person(house, "bob")
    first, uri = post(house, ada)
    path = clip(tmp_path / "a.mp4")
    learn(house, first, path)
    copy, _ = post(house, bob)
    learn(house, copy, path)
    row = media(house, copy)
    shown = house.db.read_now(lambda session: fingerprints.matches(session, [row]))
    assert shown[copy].uri == uri

    def hide(uow: UnitOfWork) -> None:
        uow.session.get_one(Actor, ada).suspended_at = uow.now

    house.db.write_now(hide)
    assert house.db.read_now(lambda session: fingerprints.matches(session, [row])) == {}


def test_flat_pictures_and_broken_files_match_nothing(house: House, tmp_path: Path) -> None:
    ada, bob = person(house, "ada"), person(house, "bob")
    grey = clip(tmp_path / "grey.mp4", change=lambda picture: np.full_like(picture, 90))
    first, _ = post(house, ada)
    learn(house, first, grey)
    second, _ = post(house, bob)
    assert learn(house, second, grey) is None
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    assert learn(house, second, broken) is None
    assert media(house, second).fingerprinted_at is not None, "not tried for ever"
    assert asyncio.run(house.recogniser.look(broken)) is None


def test_the_job_and_the_bindings_share_one_computation(house: House, tmp_path: Path) -> None:
    ada = person(house, "ada")
    house.storage.put_file("a.mp4", clip(tmp_path / "a.mp4"))
    row, _ = post(house, ada, storage_key="a.mp4", watermark=0xC0FFEE01)
    assert house.db.write_now(lambda uow: fingerprints.plan_missing(uow, 5)) == 1

    async def scene() -> list[str]:
        await durable.fingerprint(house, {"media_id": row})
        return list(await durable.soft_bindings(house, media(house, row), tmp_path / "not read again.mp4"))

    found = asyncio.run(scene())
    assert found[0].startswith("ISCC:")
    assert found[1:] == ["fs-wm:c0ffee01"]
    assert house.db.write_now(lambda uow: fingerprints.plan_missing(uow, 5)) == 0
    count = house.db.read_now(lambda session: len(session.scalars(select(Fingerprint.id)).all()))
    assert count >= 2
    house.db.write_now(lambda uow: uow.session.delete(uow.session.get_one(Media, row)))
    assert house.db.read_now(lambda session: session.scalars(select(Fingerprint.id)).all()) == [], "codes go with their file"


def test_switched_off_nothing_is_computed_and_nothing_found(tmp_path: Path, sqlite_url: str) -> None:
    house = build_house(load_settings(tmp_path, base_url="https://here.example", database_url=sqlite_url,
                                      fingerprints="off", watermark="off"))
    ada = person(house, "ada")
    row, _ = post(house, ada, watermark=7)
    path = clip(tmp_path / "a.mp4")
    assert learn(house, row, path) is None
    assert asyncio.run(house.recogniser.look(path)) is None
    assert asyncio.run(durable.soft_bindings(house, media(house, row), path)) == ["fs-wm:00000007"]
    assert house.db.write_now(lambda uow: fingerprints.plan_missing(uow, 5)) == 0
    house.db.close()
