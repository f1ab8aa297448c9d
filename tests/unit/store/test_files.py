"""Files without rows and rows without files: found in steps, and nothing that is in use is ever touched."""
from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from fedisora import cli
from fedisora.app import House, build_house, workers_module
from fedisora.db import UnitOfWork
from fedisora.models import Actor, Caption, Generation, Job, Media, Rendition, Upload
from fedisora.services import accounts, storage_quota
from fedisora.settings import load_settings
from fedisora.storage import LocalStore, orphans
from fedisora.storage.store import ObjectStore, Store

OLD = dt.timedelta(days=3)
KEY = "ab/{}-0123456789abcdef.{}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a new instance, to be copied: making its database takes longer than any test here."""
    folder = tmp_path_factory.mktemp("made")
    build_house(load_settings(folder, base_url="https://here.example")).db.close()
    return folder


@pytest.fixture
def house(made: Path, tmp_path: Path) -> House:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return build_house(load_settings(tmp_path, base_url="https://here.example", storage_quota_mb=1))


def put(house: House, key: str, *, age: dt.timedelta = OLD, size: int = 10) -> str:
    path = Path(house.settings.effective_storage_url) / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    moment = (dt.datetime.now(dt.UTC) - age).timestamp()
    os.utime(path, (moment, moment))
    return key


def fill(house: House) -> list[str]:
    """Every kind of file that a row may name; their keys."""
    names = ("upload_key", "storage_key", "poster_key", "manifest_key", "storyboard_key")
    keys = {name: put(house, KEY.format(number, "webp") if number else "uploads/77-0123456789abcdef")
            for number, name in enumerate(names)}
    poster = put(house, keys["poster_key"].replace(".webp", ".jpg"))
    others = [put(house, KEY.format(number, "mp4")) for number in (20, 21, 22)]

    def rows(uow: UnitOfWork) -> None:
        actor_id = accounts.create(uow, "ada", "ada@example.org", "a fine password").actor_id
        actor = uow.session.get_one(Actor, actor_id)
        actor.avatar_key, actor.header_key = others[0], others[1]
        uow.session.add(Media(id=1, actor_id=actor_id, state="ready", created_at=uow.now, **keys))
        uow.session.flush()
        uow.session.add(Rendition(id=2, media_id=1, width=1, height=1, bitrate=1, size=5, digest="z", storage_key=others[2],
                                  created_at=uow.now))

    house.db.write_now(rows)
    return [*keys.values(), poster, *others]


def there(house: House) -> list[str]:
    return [item.key for item in house.storage.list()]


def clean(house: House, payload: dict[str, Any] | None = None) -> dict[str, Any]:
    """One step of the daily job; the payload of the next."""
    asyncio.run(workers_module("storage").clean_storage(house, payload or {}))
    return house.db.read_now(lambda session: session.scalars(
        select(Job.payload).where(Job.kind == "clean_storage").order_by(Job.id.desc())).first() or {})


def test_only_old_files_of_ours_without_a_row_are_removed_step_by_step(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module("storage"), "STEP", 4)
    kept = fill(house)
    kept.append(put(house, KEY.format(30, "mp4"), age=dt.timedelta(hours=40)))  # its row may still come
    kept.append(put(house, "somebody/else.txt"))  # not ours
    for number in range(40, 46):
        put(house, KEY.format(number, "mp4"))
    put(house, "uploads/78-0123456789abcdef")
    half = put(house, "ab/.1-0123456789abcdef.mp4.aabbccdd")
    following, steps = clean(house), 1
    while following and steps < 20:
        following, steps = clean(house, following), steps + 1
    assert steps > 4
    assert there(house) == sorted(kept)
    assert not (Path(house.settings.effective_storage_url) / half).exists()
    house.db.close()


def test_the_command_finds_both_kinds_and_removes_one(house: House, tmp_path: Path) -> None:
    kept = fill(house)
    stray = put(house, KEY.format(50, "mp4"), size=2000)
    house.storage.delete([kept[1], kept[-1]])  # a video, and a smaller version of it
    house.db.close()

    done = CliRunner().invoke(cli.app, ["storage", "check", "--data-dir", str(tmp_path), "--json", "--delete"],
                              env={"FEDISORA_BASE_URL": "https://here.example"})
    assert done.exit_code == 1, done.output  # something is missing
    found = json.loads(done.stdout)
    assert [item["key"] for item in found["orphans"]] == [stray]
    assert [(item["media"], item["key"]) for item in found["missing"]] == [("1", kept[1]), ("1", kept[-1])]
    assert there(house) == sorted(key for key in kept if key not in (kept[1], kept[-1]))


def test_the_files_of_another_database_are_not_removed(house: House, tmp_path: Path) -> None:
    strays = sorted(put(house, KEY.format(number, "mp4")) for number in range(100, 130))
    clean(house)
    assert there(house) == strays
    command = ["storage", "check", "--delete", "--data-dir", str(tmp_path)]
    env = {"FEDISORA_BASE_URL": "https://here.example"}
    done = CliRunner().invoke(cli.app, command, env=env)
    assert done.exit_code == 1
    assert "nothing was removed" in " ".join(done.output.split())
    assert there(house) == strays
    assert CliRunner().invoke(cli.app, [*command, "--force"], env=env).exit_code == 0
    assert there(house) == []
    house.db.close()


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from fedisora.app import build_house
    from fedisora.settings import load_settings
    house = build_house(load_settings(Path(sys.argv[1]), base_url="https://here.example"))
    source = Path(sys.argv[1]) / "video"
    source.write_bytes(b"x" * 100)
    house.storage.put_file("ab/99-0123456789abcdef.mp4", source)
    os.kill(os.getpid(), signal.SIGKILL)  # the row was to be written next
"""


def test_a_kill_between_file_and_row_leaves_nothing_for_ever(house: House, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert there(house) == ["ab/99-0123456789abcdef.mp4"]
    clean(house)
    assert there(house) == ["ab/99-0123456789abcdef.mp4"]  # too young
    put(house, "ab/99-0123456789abcdef.mp4")
    clean(house)
    assert there(house) == []
    house.db.close()


def test_drafts_without_a_generation_and_late_uploads_go(house: House) -> None:
    def rows(uow: UnitOfWork) -> int:
        actor_id = accounts.create(uow, "ada", "ada@example.org", "a fine password").actor_id
        for number, state in enumerate(("draft", "discarded", "queued"), 1):
            uow.session.add(Media(id=number, actor_id=actor_id, state="ready", generation_id=number, created_at=uow.now - OLD,
                                  storage_key=put(house, KEY.format(number, "mp4"))))
            uow.session.flush()
            uow.session.add(Generation(id=number, actor_id=actor_id, state=state, prompt="x", seed="1", width=2, height=2,
                                       seconds=1, backend="procedural", media_id=number if number < 3 else None, run_at=uow.now,
                                       input_media_id=9 if state == "queued" else None, created_at=uow.now))
        for number in (8, 9):
            uow.session.add(Media(id=number, actor_id=actor_id, state="ready", created_at=uow.now - OLD))
        for name, hours in (("late", -1), ("young", 1)):
            uow.session.add(Upload(id=name, actor_id=actor_id, length=5, part=name, created_at=uow.now,
                                   expires_at=uow.now + dt.timedelta(hours=hours)))
        return actor_id

    house.db.write_now(rows)
    folder = Path(house.settings.data_dir) / "uploads-part"
    folder.mkdir()
    for name in ("late", "young", "nobody"):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (1e9, 1e9))

    async def sweep() -> None:
        await house.open()
        await workers_module("housekeeping").sweep(house, {})
        await house.client.close()

    asyncio.run(sweep())
    left = house.db.read_now(lambda session: sorted(session.scalars(select(Media.id))))
    assert left == [1, 9]  # a draft, and what a waiting generation begins from
    assert [path.name for path in folder.iterdir()] == ["young"]
    house.db.close()


def test_what_counts_for_the_quota(house: House) -> None:
    def rows(uow: UnitOfWork) -> int:
        actor_id = accounts.create(uow, "ada", "ada@example.org", "a fine password").actor_id
        uow.session.add(Media(id=1, actor_id=actor_id, state="signed", size=1000, created_at=uow.now))
        uow.session.add(Media(id=2, actor_id=actor_id, state="remote", size=10 ** 9, created_at=uow.now))
        uow.session.add(Media(id=3, actor_id=actor_id, state="failed", size=10 ** 9, created_at=uow.now))
        uow.session.flush()
        uow.session.add(Rendition(id=4, media_id=1, width=1, height=1, bitrate=1, size=200, digest="z", storage_key="k",
                                  created_at=uow.now))
        uow.session.add(Caption(id=5, media_id=1, language="en", text="WEBVTT", created_at=uow.now, updated_at=uow.now))
        uow.session.add(Upload(id="u", actor_id=actor_id, length=30, part="u", created_at=uow.now, expires_at=uow.now))
        return actor_id

    ada = house.db.write_now(rows)
    total = 1000 + 200 + 6 + 30 + storage_quota.BESIDE
    found = house.db.read_now(lambda session: storage_quota.storage(session, house.settings, ada))
    assert (found.used, found.limit, found.files, found.left) == (total, 1 << 20, 1, (1 << 20) - total)

    def ask(uow: UnitOfWork, incoming: int) -> None:
        storage_quota.check(uow, uow.session.get_one(Actor, ada), incoming)

    house.db.write_now(lambda uow: ask(uow, found.left or 0))
    with pytest.raises(storage_quota.StorageFull, match=r"1 file uses 1 MB of 1 MB, and this needs 1 MB more\. Delete posts"):
        house.db.write_now(lambda uow: ask(uow, (found.left or 0) + 1))
    house.db.write_now(lambda uow: limits(uow, ada, {"storage_mb": 8}))
    for _ in range(4):  # far from the limit it is not counted anew at once, but what was let in is not forgotten
        house.db.write_now(lambda uow: ask(uow, 1 << 19))
    with pytest.raises(storage_quota.StorageFull):
        house.db.write_now(lambda uow: ask(uow, 8 << 20))
    for own, fits in (({"storage_mb": 5}, True), ({"storage_mb": 0}, True), ({"jobs": 1}, False)):
        house.db.write_now(lambda uow, own=own: limits(uow, ada, own))
        if fits:
            house.db.write_now(lambda uow: ask(uow, 1 << 20))
        else:
            with pytest.raises(storage_quota.StorageFull):
                house.db.write_now(lambda uow: ask(uow, 1 << 20))
    house.db.close()


def limits(uow: UnitOfWork, actor_id: int, own: dict[str, Any]) -> None:
    from fedisora.models import User

    uow.session.scalars(select(User).where(User.actor_id == actor_id)).one().limits = own


@pytest.mark.parametrize("kind", ["folder", "objects"])
def test_listing_a_storage(kind: str, tmp_path: Path) -> None:
    if kind == "folder":
        store: Store = LocalStore(tmp_path)
    else:
        from obstore.store import MemoryStore

        store = ObjectStore.__new__(ObjectStore)
        store._store = MemoryStore()  # type: ignore[attr-defined]
    keys = sorted(["ab/1-x.mp4", "ab/2-x.mp4", "ab-1.mp4", "b.mp4", "cd/9.webp", "uploads/7"])
    for key in keys:
        (tmp_path / "source").write_bytes(b"12345")
        store.put_file(key, tmp_path / "source", move=True)
    assert [item.key for item in store.list()] == keys
    assert [item.key for item in store.list("ab/")] == ["ab/1-x.mp4", "ab/2-x.mp4"]
    assert [item.key for item in store.list("ab/2")] == ["ab/2-x.mp4"]
    for number, key in enumerate(keys):
        assert [item.key for item in store.list(after=key)] == keys[number + 1:]
    assert {item.size for item in store.list()} == {5}
    assert all(abs(item.modified - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1) for item in store.list())
    assert [item.key for item in orphans.page(store, keys[1], 2)] == keys[2:4]
