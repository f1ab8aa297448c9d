"""Files of servers that do not know our vocabulary: what is planned for them, and what is kept of what they say."""
from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from fedisora.db import UnitOfWork
from fedisora.media.foreign import keep
from fedisora.models import Job, Media, Status
from fedisora.provenance.digital_source import CAPTURE, COMPOSITE_TRAINED, TRAINED
from fedisora.store import labels

from .conftest import REM, Town

FILE = {"type": "Document", "mediaType": "video/mp4", "url": "https://remote.example/v.mp4"}


def receive(town: Town, **more: Any) -> dict[str, Any]:
    town.follows(town.ada, REM)
    note = town.note(**{"attachment": [FILE], **more})
    assert town.receive(town.activity("Create", note)) == "stored"
    return note


def only(town: Town) -> Media:
    return town.db.read_now(lambda session: session.scalars(select(Media)).one())


def planned(town: Town) -> list[str]:
    return list(town.db.read_now(lambda session: session.scalars(select(Job.kind).where(Job.kind.like("%check%")
                                                                                       | Job.kind.like("verify%")))))


def verdict(word: str, source: str | None) -> dict[str, Any]:
    return {"verdict": word, "summary": "", "digitalSourceType": source}


def test_it_is_looked_into_when_small_and_new(town: Town) -> None:
    receive(town)
    assert planned(town) == ["check_foreign"]


def test_a_large_file_is_not(town: Town) -> None:
    receive(town, attachment=[{**FILE, "size": 17 << 20}])
    assert planned(town) == []


def test_a_flood_is_looked_into_up_to_a_limit(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "FOREIGN_BACKLOG", 2)
    receive(town, attachment=[{**FILE, "url": f"https://remote.example/{number}.mp4"} for number in range(5)])
    assert planned(town) == ["check_foreign"] * 2


def test_what_the_file_says_is_taken_when_it_admits_to_more(town: Town) -> None:
    note = receive(town)

    def check(word: str, source: str | None) -> tuple[str | None, str | None]:
        def apply(uow: UnitOfWork) -> None:
            keep(uow, uow.session.scalars(select(Media.id)).one(), verdict(word, source))

        town.run(apply)
        return only(town).digital_source_type, only(town).label_source

    assert check("unsigned", None) == (None, None)
    assert check("tampered", CAPTURE) == (None, None)
    assert check("intact-unknown-signer", "http://example.org/odd") == (None, None)
    assert check("intact-unknown-signer", COMPOSITE_TRAINED) == (COMPOSITE_TRAINED, "manifest")
    assert check("tampered", TRAINED) == (TRAINED, "manifest")
    assert check("intact-unknown-signer", CAPTURE) == (TRAINED, "manifest")
    assert labels.stated(only(town)) is None
    made = town.db.read_now(lambda session: session.scalars(select(Status.made).where(Status.uri == note["id"])).one())
    assert made == "machine", "timelines and the dial know it, too"
    # the post, fetched again, is still the same post; with a label of its own it was edited
    assert town.receive(town.activity("Update", {**note, "updated": "2026-11-02T00:00:00Z"})) == "refreshed"
    assert (only(town).digital_source_type, only(town).label_source) == (TRAINED, "manifest")
    tagged = {**note, "updated": "2026-11-03T00:00:00Z", "tag": [{"type": "Hashtag", "name": "#AIGenerated"}],
              "content": "<p>changed</p>"}
    assert town.receive(town.activity("Update", tagged)) == "edited"
    assert (only(town).digital_source_type, only(town).label_source) == (TRAINED, "manifest")


def test_an_unsigned_post_has_a_declaration_not_a_record(town: Town) -> None:
    record = {"type": "ProvenanceRecord", "id": "https://remote.example/records/1", "digitalSourceType": TRAINED}
    receive(town, attachment=[{**FILE, "provenance": record}])
    assert (only(town).digital_source_type, only(town).label_source) == (TRAINED, "declared")
    assert labels.stated(only(town)) == TRAINED
    assert planned(town) == ["verify_media"]


def test_a_hashtag_is_no_statement_that_a_record_has_to_confirm(town: Town) -> None:
    receive(town, tag=[{"type": "Hashtag", "name": "#AIGenerated"}])
    assert (only(town).digital_source_type, only(town).label_source) == (TRAINED, "hashtag")
    assert labels.stated(only(town)) is None
