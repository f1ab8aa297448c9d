"""Verdicts on what another server shows: its anchors and lists over real HTTP, kept, and looked at again."""
from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.activities import remote_posts
from fedisora.app import House, build_house
from fedisora.db import UnitOfWork, utcnow
from fedisora.media.facts import match_of
from fedisora.models import Actor, Job, Lineage, Media, Status
from fedisora.provenance.digital_source import ALGORITHMIC, CAPTURE, TRAINED
from fedisora.provenance.verdict import Match
from fedisora.settings import load_settings
from fedisora.store import trust
from fedisora.workers import trust as handlers
from tests.support.publisher import Publisher
from tests.support.signed import Issuer, sign, sources


class Place:
    """An instance here (its parts, without a web server), and another server that signs files."""

    def __init__(self, folder: Path, peer: Publisher) -> None:
        self.folder, self.peer = folder, peer
        self.source = sources(folder)[".mp4"]
        self.later = dt.timedelta()
        self.house: House = build_house(load_settings(
            folder / "data", base_url="http://127.0.0.1:9", allow_private_network="127.0.0.0/8"))
        self.house.db.clock = lambda: utcnow() + self.later

    def run(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        async def inside() -> Any:
            await self.house.client.open()
            try:
                return await work()
            finally:
                await self.house.client.close()

        return asyncio.run(inside())

    def file(self, number: int, **changes: Any) -> Path:
        return self.peer.signed(self.source, self.folder / f"{number}.mp4", number, **changes)

    def fetch(self, note: dict[str, Any]) -> int:
        """Make a post known; the row of its file."""
        status = self.run(lambda: self.house.resolver.status(note["id"]))
        return int(self.media(status.id).id)

    def media(self, status_id: int) -> Media:
        return self.house.db.read_now(lambda session: session.scalars(
            select(Media).where(Media.status_id == status_id)).one())

    def row(self, media_id: int) -> Media:
        return self.house.db.read_now(lambda session: session.get_one(Media, media_id))

    def check(self, media_id: int) -> dict[str, Any]:
        found: dict[str, Any] = self.run(lambda: self.house.verifier.check_media(media_id))
        assert self.row(media_id).verdict == found
        return found

    def edit(self, note: dict[str, Any]) -> None:
        """What an Update of a post does."""
        def apply(uow: UnitOfWork) -> None:
            author = uow.session.scalars(select(Actor).where(Actor.uri == self.peer.ada.uri)).one()
            remote_posts.edit(uow, note, author)

        self.house.db.write_now(apply)

    def jobs(self, kind: str) -> list[dict[str, Any]]:
        """Take the jobs of a kind out of the queue."""
        def take(uow: UnitOfWork) -> list[dict[str, Any]]:
            rows = uow.session.scalars(select(Job).where(Job.kind == kind).order_by(Job.id)).all()
            for row in rows:
                uow.session.delete(row)
            return [row.payload for row in rows]

        return self.house.db.write_now(take)

    def recheck(self) -> None:
        """Run every planned look at an origin."""
        while payloads := self.jobs("recheck_origin"):
            for payload in payloads:
                self.run(lambda payload=payload: handlers.recheck_origin(self.house, payload))  # type: ignore[misc]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Publisher() as peer:
        found = Place(tmp_path, peer)
        yield found
        found.house.db.close()


def check_of(document: dict[str, Any], name: str) -> tuple[bool, str]:
    found = next(check for check in document["checks"] if check["name"] == name)
    return found["ok"], found["detail"]


def test_a_revoked_certificate_reaches_kept_verdicts(place: Place) -> None:
    peer = place.peer
    media_id = place.fetch(peer.post(1, peer.attachment(1, place.file(1))))
    found = place.check(media_id)
    assert found["verdict"] == "verified", found
    assert found["signer"] == {"actor": peer.ada.uri, "instance": peer.base, "certificateSerial": peer.leaf.serial}
    assert check_of(found, "proof") == (True, "the post is signed by its author")
    assert place.row(media_id).recheck_at is None
    place.check(media_id)
    assert (peer.asked("/c2pa.pem"), peer.asked("/.well-known/fedisora-revoked")) == (1, 1)  # kept, not asked for every file

    peer.revoke(peer.leaf.serial)
    fetched = peer.asked("/1.mp4")
    place.later = dt.timedelta(days=1, minutes=1)
    place.run(lambda: handlers.plan(place.house))  # the hourly look finds that the list is a day old
    place.recheck()
    kept = place.row(media_id)
    assert kept.verdict is not None
    assert (kept.verdict["verdict"], check_of(kept.verdict, "revocation")[0]) == ("revoked", False)
    assert peer.asked("/1.mp4") == fetched  # for which the file is not fetched

    for status in (503, 404):  # a list that cannot be had takes nothing back
        peer.revoke(status=status)
        place.later += dt.timedelta(hours=1)
        assert place.check(media_id)["verdict"] == "revoked"
    peer.revoke()
    place.later += dt.timedelta(days=1, minutes=1)
    place.run(lambda: handlers.plan(place.house))
    place.recheck()
    assert {"media_id": media_id} in place.jobs("verify_media")
    assert place.check(media_id)["verdict"] == "verified"


def test_a_forged_list_revokes_nothing(place: Place) -> None:
    peer = place.peer
    media_id = place.fetch(peer.post(1, peer.attachment(1, place.file(1))))
    del peer.answers["/.well-known/fedisora-revoked"]
    listed = peer.proven(peer.instance, {"@context": "x", "issuer": peer.instance.uri, "revoked": []})
    for wrong in ({"issuer": peer.ada.uri}, {"revoked": [{"serial": peer.leaf.serial}]}):
        peer.documents["/.well-known/fedisora-revoked"] = {**listed, **wrong}
        place.later += dt.timedelta(hours=1)
        found = place.check(media_id)
        assert found["verdict"] == "verified"
        assert "could not be asked" in check_of(found, "revocation")[1]


def test_a_server_that_cannot_be_asked(place: Place) -> None:
    peer = place.peer
    peer.publish_anchors(503)
    media_id = place.fetch(peer.post(1, peer.attachment(1, place.file(1))))
    found = place.check(media_id)
    assert found["verdict"] == "intact-unknown-signer"
    assert "could not be asked" in check_of(found, "signer")[1]
    assert peer.host in found["summary"]
    again = place.row(media_id).recheck_at
    assert again is not None
    asked = peer.asked("/c2pa.pem")
    place.check(media_id)
    assert peer.asked("/c2pa.pem") == asked  # not again before the pause is over
    place.later = dt.timedelta(minutes=11)
    place.check(media_id)
    assert peer.asked("/c2pa.pem") == asked + 1
    doubled = place.row(media_id).recheck_at
    assert doubled is not None
    assert doubled - again > dt.timedelta(minutes=15)
    peer.publish_anchors()
    place.later = dt.timedelta(hours=1)
    place.jobs("verify_media")
    place.run(lambda: handlers.plan(place.house))
    assert {"media_id": media_id} in place.jobs("verify_media")
    assert place.check(media_id)["verdict"] == "verified"
    assert place.row(media_id).recheck_at is None
    peer.publish_anchors(503)  # away again: what it last said counts
    place.later = dt.timedelta(days=3)
    assert place.check(media_id)["verdict"] == "verified"


def test_a_new_authority_over_there(place: Place) -> None:
    peer = place.peer
    old = place.fetch(peer.post(1, peer.attachment(1, place.file(1))))
    assert place.check(old)["verdict"] == "verified"
    renewed = Issuer(peer.host, scheme="http")
    peer.anchors, peer.issuer, peer.leaf = renewed.anchors + peer.anchors, renewed, renewed.leaf("ada")
    peer.publish_anchors()
    new = place.fetch(peer.post(2, peer.attachment(2, place.file(2))))
    assert place.check(new)["verdict"] == "intact-unknown-signer"  # its anchors were fetched a moment ago
    assert place.row(new).recheck_at is not None
    place.later = dt.timedelta(minutes=11)
    assert place.check(new)["verdict"] == "verified"
    assert place.row(new).recheck_at is None
    peer.anchors = renewed.anchors  # the former root is withdrawn
    peer.publish_anchors()
    place.later = dt.timedelta(days=2)
    place.jobs("verify_media")
    place.run(lambda: handlers.plan(place.house))
    place.recheck()
    assert {"media_id": old} in place.jobs("verify_media")
    assert place.check(old)["verdict"] == "intact-unknown-signer"


def test_a_file_that_somebody_sends_leaves_nothing_behind(place: Place) -> None:
    peer, path = place.peer, place.file(1)
    for _ in range(2):
        found = place.run(lambda: place.house.verifier.check_file(path))
        assert found["verdict"] == "verified"
    assert (peer.asked("/c2pa.pem"), peer.asked("/.well-known/fedisora-revoked")) == (1, 1)
    assert place.house.db.read_now(lambda session: trust.due(session, utcnow() + dt.timedelta(days=9), 9)) == []


def test_no_certificates_at_all_and_somebody_elses(place: Place) -> None:
    peer = place.peer
    media_id = place.fetch(peer.post(1, peer.attachment(1, place.file(1))))
    peer.publish_anchors(404)
    assert place.check(media_id)["verdict"] == "intact-unknown-signer"
    forger = Issuer(peer.host, scheme="http")
    path = sign(place.source, place.folder / "forged.mp4", forger.leaf("ada"), forger.record("ada", 3))
    peer.publish_anchors()
    place.later = dt.timedelta(hours=7)
    assert place.check(place.fetch(peer.post(3, peer.attachment(3, path))))["verdict"] == "intact-unknown-signer"
    swapped = place.fetch(peer.post(4, {**peer.attachment(4, place.file(4)), "provenance": {
        **peer.attachment(4, place.folder / "4.mp4")["provenance"], "manifest": f"{peer.base}/1.c2pa"}}))
    assert place.check(swapped)["verdict"] == "contradicted"


@pytest.mark.bad_input("BI-205")
def test_an_edit_that_takes_back_what_was_said(place: Place) -> None:
    peer = place.peer
    whole = peer.attachment(1, place.file(1))
    media_id = place.fetch(peer.post(1, whole))
    assert place.check(media_id)["verdict"] == "verified"
    bare = {name: whole[name] for name in ("type", "mediaType", "url")}
    human = {**whole, "digitalSourceType": CAPTURE, "provenance": {**whole["provenance"], "digitalSourceType": CAPTURE}}
    for number, attachment in enumerate((human, bare)):
        place.jobs("verify_media")
        place.edit(peer.post(1, attachment, updated=f"2026-11-2{number}T00:00:00Z"))
        assert place.jobs("verify_media") == [{"media_id": media_id}]
        row = place.row(media_id)
        assert (row.digital_source_type, row.digest) == (ALGORITHMIC, whole["digestMultibase"])
        assert row.record is not None
        found = place.check(media_id)
        assert found["verdict"] == "contradicted"
        assert check_of(found, "label") == (False, "an edit of the post took its label back; what it said first is kept")
        assert place.row(media_id).digital_source_type == ALGORITHMIC
    place.edit(peer.post(1, whole, updated="2026-11-23T00:00:00Z"))
    assert place.check(media_id)["verdict"] == "verified"


def test_a_proof_that_does_not_hold(place: Place) -> None:
    peer = place.peer
    note = peer.post(1, peer.attachment(1, place.file(1)))
    peer.documents[f"/users/ada/statuses/{1}"] = {**note, "content": "<p>changed</p>"}
    media_id = place.fetch(note)
    assert place.check(media_id)["verdict"] == "contradicted"
    unsigned = peer.post(2, peer.attachment(2, place.file(2)))
    peer.documents["/users/ada/statuses/2"] = {name: value for name, value in unsigned.items() if name != "proof"}
    found = place.check(place.fetch(unsigned))
    assert found["verdict"] == "verified"
    assert "no signature of its own" in check_of(found, "proof")[1]


def test_keys_of_an_account_change(place: Place) -> None:
    peer = place.peer
    media_id = place.fetch(peer.post(1, peer.attachment(1, place.file(1))))
    assert place.check(media_id)["verdict"] == "verified"
    keys = peer.documents["/users/ada"]["assertionMethod"]
    place.jobs("recheck_origin")
    for ends, expected in (({"expires": "2999-01-01T00:00:00Z"}, "verified"), ({"revoked": "2000-01-01T00:00:00Z"},
                                                                                "contradicted"), ({}, "verified")):
        peer.documents["/users/ada"]["assertionMethod"] = [{**keys[0], **ends}]
        place.run(lambda: place.house.resolver.actor(peer.ada.uri, refresh=True))
        place.jobs("verify_media")
        place.recheck()
        before = place.row(media_id).verdict
        assert before is not None
        again = place.jobs("verify_media")
        assert (again == []) == (before["verdict"] == expected)  # no file is fetched for nothing
        assert not again or place.check(media_id)["verdict"] == expected


@pytest.mark.bad_input("BI-207")
def test_note_and_video_disagree(place: Place) -> None:
    peer = place.peer
    whole = peer.attachment(1, place.file(1))
    note = place.fetch(peer.post(1, whole))
    assert place.check(note)["verdict"] == "verified"
    place.jobs("verify_media")
    video = place.fetch(peer.post(1, {**whole, "digitalSourceType": TRAINED, "provenance": {
        **whole["provenance"], "digitalSourceType": TRAINED}}, kind="videos"))
    assert {job["media_id"] for job in place.jobs("verify_media")} == {note, video}
    assert place.row(note).digital_source_type == place.row(video).digital_source_type == TRAINED
    for media_id in (note, video):
        found = place.check(media_id)
        assert found["verdict"] == "contradicted"
        assert place.row(media_id).digital_source_type == TRAINED
    second = place.fetch(peer.post(3, whole))
    place.fetch(peer.post(3, {**whole, "digestMultibase": "zQmOther", "provenance": {
        **whole["provenance"], "digestMultibase": "zQmOther"}}, kind="videos"))
    assert "name different files" in str(place.check(second)["checks"])


def test_consents(place: Place) -> None:
    peer = place.peer
    media_id = place.fetch(peer.post(1, peer.attachment(1, place.file(1))))
    place.check(media_id)

    def lineage(consent: str) -> None:
        def change(uow: UnitOfWork) -> None:
            media = uow.session.get_one(Media, media_id)
            status = uow.session.get_one(Status, media.status_id)
            row = uow.session.scalar(select(Lineage).where(Lineage.child_id == status.id)) or Lineage(
                id=uow.new_id(), child_id=status.id, child_uri=status.uri, parent_uri="https://p.example/1", kind="remix",
                created_at=uow.now)
            row.consent = consent
            uow.session.add(row)
            uow.session.flush()
            trust.consent_changed(uow, status.id)

        place.house.db.write_now(change)

    for consent in ("revoked", "expired"):
        lineage(consent)
        kept = place.row(media_id).verdict
        assert kept is not None
        assert kept["verdict"] == "revoked"  # at once, without reading the file
        assert place.check(media_id)["verdict"] == "revoked"
        stray = place.run(lambda: place.house.verifier.check_file(place.folder / "1.mp4"))
        assert stray["verdict"] == "revoked", "a copy that somebody kept, too"
    lineage("invalid")
    assert place.check(media_id)["verdict"] == "revoked"
    place.jobs("verify_media")
    lineage("valid")
    assert place.jobs("verify_media") == [{"media_id": media_id}]
    assert place.check(media_id)["verdict"] == "verified"


def test_kept_matches_are_read_with_care() -> None:
    assert match_of({"media_id": 1, "object": "https://a.example/1", "distance": 4}) == Match("https://a.example/1", 4)
    for wrong in (None, 5, {}, {"object": "https://a.example/1"}, {"object": 7, "distance": 4}):
        assert match_of(wrong) is None
