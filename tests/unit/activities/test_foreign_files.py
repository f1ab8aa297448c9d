"""Files of servers that do not know our vocabulary: what is planned for them, and what is kept of what they say."""
from __future__ import annotations

from typing import Any

import orjson
import pytest
from sqlalchemy import select

from fedisora.db import UnitOfWork
from fedisora.media.foreign import keep
from fedisora.models import ClaimRow, Follow, Job, Media, Status
from fedisora.provenance.digital_source import CAPTURE, COMPOSITE_TRAINED, TRAINED
from fedisora.store import labels

from .conftest import REM, Town

FILE = {"type": "Document", "mediaType": "video/mp4", "url": "https://remote.example/v.mp4"}


def receive(town: Town, **more: Any) -> dict[str, Any]:
    if not town.db.read_now(lambda session: session.scalars(select(Follow.id)).first()):
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


def test_small_new_files_are_looked_into_and_so_many_at_most(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    receive(town, attachment=[{**FILE, "size": 17 << 20}])
    assert planned(town) == []
    receive(town)
    assert planned(town) == ["check_foreign"]
    monkeypatch.setattr(labels, "FOREIGN_BACKLOG", 3)
    receive(town, attachment=[{**FILE, "url": f"https://remote.example/{number}.mp4"} for number in range(5)])
    assert planned(town) == ["check_foreign"] * 3


def test_claims_in_the_file_are_kept_whoever_passed_it_on(town: Town) -> None:
    receive(town)
    claim = {"@context": {"Thing": "https://other.example/ns#Thing"}, "type": "Thing", "word": "x"}
    document = {**verdict("intact-unknown-signer", None), "record": {"claims": [claim]}}
    town.run(lambda uow: keep(uow, uow.session.scalars(select(Media.id)).one(), document))
    row = town.db.read_now(lambda session: session.scalars(select(ClaimRow)).one())
    assert (row.source, row.namespace, orjson.loads(row.body)) == ("file", "https://other.example/ns#", claim)


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


def test_whose_word_a_label_is(town: Town) -> None:
    record = {"type": "ProvenanceRecord", "id": "https://remote.example/records/1", "digitalSourceType": TRAINED}
    receive(town, attachment=[{**FILE, "provenance": record}])
    receive(town, tag=[{"type": "Hashtag", "name": "#AIGenerated"}])
    first, second = town.db.read_now(lambda session: session.scalars(select(Media).order_by(Media.id)).all())
    # without a valid proof the record is a declaration
    assert (first.digital_source_type, first.label_source, labels.stated(first)) == (TRAINED, "declared", TRAINED)
    # a hashtag is no statement that a record would have to confirm
    assert (second.digital_source_type, second.label_source, labels.stated(second)) == (TRAINED, "hashtag", None)
    assert sorted(planned(town)) == ["check_foreign", "verify_media"]
