"""Claims of received posts: kept byte for byte, judged by what is installed, judged again when that changes."""
from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest
from sqlalchemy import select

from fedisora.activities import remote_posts
from fedisora.db import Database, UnitOfWork
from fedisora.media.claims import from_generation, judged, keep_made, look
from fedisora.media.extension_host import ExtensionHost, Patience
from fedisora.models import ClaimRow, ExtensionFault, Job, Media
from fedisora.serializers.activitypub.actor import from_activitypub
from fedisora.services import instance
from fedisora.store import actors, claims
from fedisora.workers.claims import revalidate_claims
from tests.support.extensions import Installed, install_folder, thing
from tests.unit.activities.conftest import REM, remote_actor

T = TypeVar("T")
FIRST = 'EXTENSION = made(types={"Thing": {"word": Term(required=True)}})'
SECOND = 'EXTENSION = made(version="2.0", types={"Thing": {"word": Term(choices=("new",), required=True)}})'


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """SQLite, and PostgreSQL where a test asks for both: every look at what is installed starts a process."""
    return str(request.getfixturevalue("postgres_url" if getattr(request, "param", "") == "postgresql" else "sqlite_url"))


class House:
    """What the worker needs of one."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def work(self) -> int:
        """Run claim jobs until there are none; how many there were."""
        done = 0
        while True:
            job = self.db.write_now(self._take)
            if job is None:
                return done
            asyncio.run(revalidate_claims(self, job))  # type: ignore[arg-type]
            done += 1

    def look(self) -> int:
        """What happens at a start."""
        asyncio.run(revalidate_claims(self, {"installed": True}))  # type: ignore[arg-type]
        return self.work()

    @staticmethod
    def _take(uow: UnitOfWork) -> dict[str, Any] | None:
        job = uow.session.scalar(select(Job).where(Job.kind == "revalidate_claims").limit(1))
        if job is None:
            return None
        uow.session.delete(job)
        return job.payload

    def rows(self) -> list[ClaimRow]:
        return self.db.read_now(lambda session: list(session.scalars(
            select(ClaimRow).order_by(ClaimRow.media_id, ClaimRow.source, ClaimRow.position))))

    def statuses(self) -> list[tuple[str, str | None, str | None]]:
        return [(row.status, row.extension, row.extension_version) for row in self.rows()]


@pytest.fixture
def house(db: Database) -> House:
    def people(uow: UnitOfWork) -> None:
        instance.initialise(uow)
        actors.upsert_remote(uow, from_activitypub(remote_actor(REM)))

    db.write_now(people)
    return House(db)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    return install_folder(tmp_path / "site", monkeypatch)


def note(*nodes: object, number: int = 1, **more: Any) -> dict[str, Any]:
    record = {"type": "ProvenanceRecord", "id": f"https://remote.example/records/{number}", "claim": list(nodes)}
    video = {"type": "Video", "mediaType": "video/mp4", "url": f"https://remote.example/{number}.mp4", "provenance": record}
    return {"@context": ["https://www.w3.org/ns/activitystreams", {"doc": "https://doc.example/ns#"}],
            "id": f"{REM}/notes/{number}", "type": "Note", "attributedTo": REM, "content": "<p>x</p>", "attachment": [video],
            "to": ["https://www.w3.org/ns/activitystreams#Public"], "published": "2026-11-01T00:00:00Z", **more}


def receive(house: House, document: dict[str, Any], *, edit: bool = False) -> None:
    def apply(uow: UnitOfWork) -> None:
        author = actors.by_uri(uow.session, REM)
        assert author is not None
        if edit:
            remote_posts.edit(uow, document, author)
        else:
            remote_posts.store(uow, document, author, asked=True)

    house.db.write_now(apply)


def test_claims_are_kept_as_they_came(house: House) -> None:
    odd = {"z": [1.5, None], "type": "doc:Odd", "a": {"ü": 2**60}}
    receive(house, note(thing("strange", word="x"), odd, "text", {"a": "x" * 20_000}, {"no": "type"}))
    rows = house.rows()
    assert [row.body for row in rows] == [orjson.dumps(thing("strange", word="x")), orjson.dumps(odd), b'{"no":"type"}']
    assert [(row.type, row.namespace, row.label) for row in rows] == [
        ("https://strange.example/ns#Thing", "https://strange.example/ns#", "Unknown claim from https://strange.example/ns#"),
        ("https://doc.example/ns#Odd", "https://doc.example/ns#", "Unknown claim from https://doc.example/ns#"),
        ("", "", "Unknown claim")]
    assert all((row.status, row.source, row.extension) == ("unknown", "object", None) for row in rows)
    assert house.work() == 0, "nobody is asked about what nobody knows"


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_an_extension_comes_changes_and_goes(house: House, packages: Installed) -> None:
    receive(house, note(thing("strange", word="old"), thing("strange"), thing("other", word="x")))
    house.look()
    assert [row[0] for row in house.statuses()] == ["unknown"] * 3
    packages.install("strange", FIRST)
    house.look()
    assert house.statuses() == [("valid", "strange", "1.0"), ("invalid", "strange", "1.0"), ("unknown", None, None)]
    assert house.rows()[1].problems == [{"path": "word", "message": "It is missing; a claim of this type needs it."}]
    assert house.rows()[0].label == "A thing"
    assert house.look() == 0, "nothing changed, nobody is asked again"
    packages.install("strange", SECOND)
    house.look()
    assert house.statuses()[:2] == [("invalid", "strange", "2.0"), ("invalid", "strange", "2.0")]
    old, new = (house.db.read_now(lambda session, n=n: claims.vocabulary(session, "strange", n)) for n in (1, 2))  # type: ignore[misc]
    assert old is not None and new is not None
    assert (old.version, new.version) == ("1.0", "2.0"), "the first version's context is served on"
    packages.uninstall("strange")
    house.look()
    assert house.statuses() == [("unknown", None, None)] * 3
    assert house.rows()[0].label == "Unknown claim from https://strange.example/ns#"
    assert house.rows()[0].body == orjson.dumps(thing("strange", word="old"))


def test_who_is_slow_once_is_not_gone(house: House, packages: Installed) -> None:
    packages.install("strange", FIRST)
    receive(house, note(thing("strange", word="x")))
    house.look()
    packages.install("strange", "import threading; threading.Event().wait()")
    assert asyncio.run(look(house.db, ExtensionHost(Patience(importing=4.0)))) is False
    assert house.statuses() == [("valid", "strange", "1.0")]
    assert house.db.read_now(claims.faults)[0].kind == "slow"


def test_nobody_has_looked_yet(house: House) -> None:
    result = {"generator": {"model": "Aurora"}, "render_seconds": 0}
    [made], faults = asyncio.run(from_generation(house.db, {}, result))
    assert (made["extension"], made["status"], faults) == ("model_card", "valid", [])


def test_new_claims_of_a_known_vocabulary_are_judged_soon(house: House, packages: Installed) -> None:
    packages.install("strange", FIRST)
    house.look()
    for number in range(1, 4):
        receive(house, note(thing("strange", word="x"), number=number))
    assert house.work() == 1, "one job for all of a moment"
    assert house.statuses() == [("valid", "strange", "1.0")] * 3


def test_many_claims_go_in_slices(house: House, packages: Installed) -> None:
    for number in range(1, 6):
        receive(house, note(*[thing("strange", word=str(item)) for item in range(32)], number=number))
    packages.install("strange", FIRST)
    assert house.look() == 2
    assert house.statuses() == [("valid", "strange", "1.0")] * 160


def test_a_bad_extension_is_named_and_its_claims_wait(house: House, packages: Installed) -> None:
    packages.install("strange", "def check(claim):\n    raise KeyError('x')\nEXTENSION = made(check)")
    packages.install("broken", "import nothing_of_that_name")
    receive(house, note(thing("strange", word="x")))
    house.look()
    [row] = house.rows()
    assert (row.status, row.problems[0]["message"]) == ("unknown", "The extension strange failed on this claim.")
    faults = house.db.read_now(lambda session: list(session.scalars(select(ExtensionFault).order_by(ExtensionFault.extension))))
    assert [(fault.extension, fault.kind, fault.count) for fault in faults] == [("broken", "import", 1), ("strange", "raised", 1)]
    assert house.look() == 0, "it is not asked again and again"
    asyncio.run(revalidate_claims(house, {"installed": True, "failed": True}))  # type: ignore[arg-type]
    assert house.work() == 1
    assert house.db.read_now(claims.faults)[0].count == 2
    shown, _ = house.db.read_now(claims.overview)
    assert {item.name: item.counts for item in shown if item.counts} == {"strange": {"unknown": 1}}
    packages.install("strange", 'EXTENSION = made(version="1.1")')
    house.look()
    assert house.statuses() == [("valid", "strange", "1.1")]


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_odd_characters(house: House, packages: Installed) -> None:
    packages.install("strange", 'EXTENSION = made(types={"Thing": {"word": Term()}})')
    house.look()
    receive(house, note({"type": "https://x.example/\0#A\0"}, {**thing("strange"), "https://strange.example/ns#a\0b": "\0"},
                        {"type": "https://strange.example/ns#\0"}))
    house.work()
    assert [(row.status, row.namespace) for row in house.rows()] == [
        ("unknown", "https://x.example/#"), ("invalid", "https://strange.example/ns#"), ("invalid", "https://strange.example/ns#")]


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_an_edit_brings_other_claims(house: House) -> None:
    receive(house, note(thing("strange", word="x")))
    receive(house, note(thing("strange", word="y"), updated="2026-11-02T00:00:00Z"), edit=True)
    assert [orjson.loads(row.body)["word"] for row in house.rows()] == ["y"]
    receive(house, note(updated="2026-11-03T00:00:00Z"), edit=True)
    assert house.rows() == []


def test_claims_of_a_manifest(house: House, packages: Installed) -> None:
    packages.install("strange", FIRST)
    house.look()
    shown = asyncio.run(judged(house.db, {"claims": [thing("strange"), {"type": "Thing", "word": "x"}, thing("other"), 5]}))
    assert [(item["extension"], item["status"]) for item in shown] == [
        ("strange", "invalid"), ("strange", "valid"), ("https://other.example/ns#", "unknown")]
    assert asyncio.run(judged(house.db, None)) == [] == asyncio.run(judged(house.db, {"claims": "x"}))


def test_a_claim_in_both_places_is_shown_once(house: House) -> None:
    same, more = thing("strange", word="x"), thing("strange", word="y")
    receive(house, note(same))

    def from_file(uow: UnitOfWork) -> None:
        media = uow.session.scalars(select(Media)).one()
        for _ in range(2):
            claims.replace(uow, media, [same, more], None, source="file")

    house.db.write_now(from_file)
    assert [(row.source, row.position) for row in house.rows()] == [("file", 0), ("file", 1), ("object", 0)]
    media_id = house.rows()[0].media_id
    shown = house.db.read_now(lambda session: claims.of_media(session, [media_id]))[media_id]
    assert [orjson.loads(row.body)["word"] for row in shown] == ["x", "y"]
    assert house.db.read_now(lambda session: claims.nodes_of(session, media_id)) == [same]


def test_the_same_claim_is_not_asked_about_twice(house: House, packages: Installed) -> None:
    packages.install("strange", "import os\nEXTENSION = made(lambda claim: [Problem('', str(os.getpid()))])")
    house.look()
    first, again, other = (asyncio.run(judged(house.db, {"claims": [thing("strange", word=word)]})) for word in "aab")
    assert first == again != other, "the process that answered"
    receive(house, note(thing("strange", word="a")))
    house.work()
    assert house.rows()[0].problems == first[0]["problems"]


def test_claims_of_a_generation_are_judged_as_they_are_made(house: House, packages: Installed) -> None:
    house.look()
    result = {"generator": {"model": "Aurora", "backend": "cpu"}, "render_seconds": 2.5, "digital_source_type": None}
    made = asyncio.run(from_generation(house.db, {"width": 10}, result))
    receive(house, note(number=7))

    def keep(uow: UnitOfWork) -> None:
        keep_made(uow, uow.session.scalars(select(Media)).one(), made)

    house.db.write_now(keep)
    assert house.statuses() == [("valid", "energy", "1.0"), ("valid", "model_card", "1.0")]
    assert house.work() == 0, "nobody has to be asked"
