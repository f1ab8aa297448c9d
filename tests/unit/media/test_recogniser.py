"""Recognising stripped copies: what is found, what is never named, and what switching off means."""
from __future__ import annotations

import asyncio
import functools
import importlib
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select

from fedisora.app import House, build_house
from fedisora.db import UnitOfWork
from fedisora.media import foreign
from fedisora.models import Actor, Fingerprint, Media
from fedisora.serializers.mastodon.matches import discreet
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
    assert kept.fingerprinted_at is not None
    assert kept.soft_binding == [], "it was signed without"

    trimmed = clip(tmp_path / "b.mp4", seconds=2, start=15, crf=32, change=lambda picture: picture[:, ::-1])
    copy, _ = post(house, bob)
    found = learn(house, copy, trimmed)
    assert (found.media_id, found.object, found.watermark) == (first, uri, False)
    matched = media(house, copy).matched or {}
    assert {**matched, "part": 0} == {
        "media_id": first, "object": uri, "distance": found.distance, "frames": found.frames, "part": 0}
    assert found.frames >= 0.5

    barred = clip(tmp_path / "d.mp4", seconds=4, crf=30, change=lambda picture: np.concatenate(
        [picture[:100], np.full_like(picture[100:], 255)]))
    below = asyncio.run(house.recogniser.codes(barred))
    under = house.recogniser.find(below, None)
    assert under is not None
    assert (under.media_id, under.part <= 16) == (first, True), "what is laid over one edge leaves the rest"

    looked = asyncio.run(house.recogniser.look(trimmed))
    assert looked is not None
    assert (looked.object, looked.distance) == (uri, found.distance)
    assert asyncio.run(house.recogniser.look(clip(tmp_path / "c.mp4", seed=9))) is None
    assert learn(house, first, tmp_path / "a.mp4") is None, "the older one is not a copy of the younger"

    again, _ = post(house, ada)
    learn(house, again, tmp_path / "a.mp4")
    assert (media(house, again).matched or {})["answer"] == "mine", "nobody is asked about their own video"


def test_what_not_everybody_may_see_is_never_named(house: House, tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4")
    codes = asyncio.run(house.recogniser.codes(path))
    for hidden in ("private", "direct", "suspended", "deleted"):
        owner = person(house, hidden)
        row, uri = post(house, owner, visibility=hidden if hidden in ("private", "direct") else "public")
        learn(house, row, path)
        if hidden in ("suspended", "deleted"):
            found = house.recogniser.find(codes, None)
            assert found is not None
            assert found.object == uri

        def hide(uow: UnitOfWork, hidden: str = hidden, owner: int = owner, row: int = row) -> None:
            if hidden == "suspended":
                uow.session.get_one(Actor, owner).suspended_at = uow.now
            if hidden == "deleted":
                uow.session.delete(uow.session.get_one(Media, row))

        house.db.write_now(hide)
        assert house.recogniser.find(codes, None) is None, hidden


def test_a_match_is_hidden_when_its_author_is_suspended_later(house: House, tmp_path: Path) -> None:
    ada, bob = person(house, "ada"), person(house, "bob")
    first, uri = post(house, ada)
    copy, _ = post(house, bob, matched={"media_id": first, "object": uri, "distance": 3, "frames": 1.0})
    row = media(house, copy)
    assert house.db.read_now(lambda session: fingerprints.matches(session, [row]))[copy].uri == uri

    def hide(uow: UnitOfWork) -> None:
        uow.session.get_one(Actor, ada).suspended_at = uow.now

    house.db.write_now(hide)
    assert house.db.read_now(lambda session: fingerprints.matches(session, [row])) == {}
    kept = {"verdict": "recovered", "summary": f"it matches {uri}", "match": {"object": uri, "distance": 3}, "checks": []}
    assert discreet(kept, named=True) == kept
    assert uri not in str(discreet(kept, named=False))
    assert discreet(kept, named=False)["verdict"] == "unsigned"


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
    row, _ = post(house, ada, state="ready", storage_key="a.mp4", watermark=0xC0FFEE01)
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


def test_a_stripped_copy_on_another_server_is_recovered_not_verified(tmp_path: Path, sqlite_url: str) -> None:
    house = build_house(load_settings(tmp_path / "data", base_url="https://here.example", database_url=sqlite_url,
                                      allow_private_network="127.0.0.0/8"))
    first, uri = post(house, person(house, "ada"))
    learn(house, first, clip(tmp_path / "a.mp4"))
    clip(tmp_path / "b.mp4", crf=34)
    clip(tmp_path / "c.mp4", seed=9)

    async def scene(base: str) -> list[Any]:
        await house.open()
        words = []
        for name in ("b.mp4", "c.mp4"):
            row, _ = post(house, stranger, remote_url=f"{base}/{name}", state="remote")
            word = await foreign.check(house.db, house.client, house.verifier, row, house.recogniser)
            words.append((word, (media(house, row).verdict or {}).get("match", {}).get("object")))
            assert media(house, row).soft_binding == [], "what another server's object says is not ours to change"
        row, _ = post(house, stranger, remote_url=f"{base}/b.mp4", state="remote")
        words.append((await house.verifier.check_media(row))["verdict"])
        await house.close()
        return words

    stranger = person(house, "stranger")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        found = asyncio.run(scene(f"http://127.0.0.1:{server.server_address[1]}"))
        server.shutdown()
    assert found == [("recovered", uri), ("unsigned", None), "recovered"]
