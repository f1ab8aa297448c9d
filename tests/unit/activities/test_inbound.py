"""The inbound policy at work: warned, held, released and rejected posts, and how the files of a post were made."""
from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.activitypub.vocabulary import PUBLIC
from fedisora.db import Database, Instance, UnitOfWork
from fedisora.errors import NotFound
from fedisora.media import foreign
from fedisora.models import Base, Job, Media, Notification, Status
from fedisora.provenance.digital_source import BASE, CAPTURE, TRAINED
from fedisora.serializers.mastodon import status as entities
from fedisora.services import review
from fedisora.settings import load_settings
from fedisora.store import statuses
from fedisora.store.paging import Page
from fedisora.uris import Uris
from fedisora.vault import Vault

from .conftest import REM, Town

HOLD = {"badly_signed_media": "hold"}
REJECT = {"unlabelled_media": "reject"}


@pytest.fixture
def db(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty database of an instance with these settings; `"on": "postgresql"` for the other kind."""
    given = dict(getattr(request, "param", {}))
    url = request.getfixturevalue("postgres_url") if given.pop("on", "") == "postgresql" else ""
    settings = load_settings(tmp_path, base_url="https://here.example", database_url=url, **given)
    database = Database(Instance(settings, Uris(settings.base_url), Vault.open(tmp_path)))
    Base.metadata.create_all(database.engine)
    yield database
    database.close()


def video(url: str = "https://remote.example/v.mp4", **more: Any) -> dict[str, Any]:
    return {"type": "Video", "mediaType": "video/mp4", "url": url, "duration": "PT5S", **more}


SIGNED = video(digestMultibase="zQmX", digitalSourceType=CAPTURE)


def row(town: Town, uri: str) -> Status:
    found = town.db.read_now(lambda session: statuses.by_uri(session, uri))
    assert found is not None
    return found


def judged(town: Town, uri: str, verdict: str, **more: Any) -> None:
    """The check of the post's file ends with a verdict."""
    def apply(uow: UnitOfWork) -> None:
        media = uow.session.scalars(select(Media).join(Status, Status.id == Media.status_id).where(Status.uri == uri)).one()
        foreign.keep(uow, media.id, {"verdict": verdict, **more})

    town.run(apply)


def seen(town: Town, uri: str) -> dict[str, bool]:
    """Where a public post, which answers one of Ada's and names her, can be found."""
    ada, post = town.actor(town.ada), row(town, uri)

    def look(session: Any) -> dict[str, bool]:
        parent = statuses.get(session, post.in_reply_to_id or 0)
        assert parent is not None
        below = statuses.context(session, parent, ada.id)[1]
        return {"home": post.id in {one.id for one in statuses.home(session, ada.id, Page())},
                "profile": post.id in {one.id for one in statuses.account(session, post.actor_id, Page(), viewer_id=ada.id)},
                "tag": post.id in {one.id for one in statuses.tag(session, "sea", Page())},
                "thread": post.id in {one.id for one in below},
                "itself": statuses.visible(session, post, ada.id) or statuses.visible(session, post, None),
                "counted": parent.replies_count == 1 and town.actor(REM).statuses_count == 1,
                "told": session.scalar(select(Notification.id).where(Notification.status_id == post.id)) is not None}

    return town.db.read_now(look)


def answer(town: Town, *files: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A public answer to a post of Ada's that names her, with files."""
    town.follows(town.ada, REM)
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return town.note("look", published=now, inReplyTo=town.post(), attachment=list(files), tag=[
        {"type": "Mention", "href": town.ada}, {"type": "Hashtag", "name": "#sea"}], **more)


@pytest.mark.parametrize("db", [HOLD, {**HOLD, "on": "postgresql"}], indirect=True, ids=["sqlite", "postgresql"])
def test_a_held_post_is_nowhere_until_its_check_and_again_when_the_verdict_changes(town: Town) -> None:
    note = answer(town, SIGNED)
    assert town.receive(town.activity("Create", note)) == "held: unchecked media"
    assert not any(seen(town, note["id"]).values())
    judged(town, note["id"], "verified")
    assert all(seen(town, note["id"]).values())
    judged(town, note["id"], "revoked")
    assert not any(seen(town, note["id"]).values())
    assert row(town, note["id"]).review_reason == "The signature of its file was taken back."
    assert town.receive(town.activity("Delete", note["id"])) == "deleted"
    assert town.actor(REM).statuses_count == 0
    parent = row(town, note["inReplyTo"])
    assert parent.replies_count == 0


@pytest.mark.parametrize("db", [HOLD], indirect=True)
def test_a_boost_of_a_held_post_appears_with_it(town: Town) -> None:
    note = answer(town, SIGNED)
    town.receive(town.activity("Create", note))
    assert town.receive(town.activity("Announce", note["id"], to=[PUBLIC])) == "stored"
    ada = town.actor(town.ada)

    def boosts() -> int:
        return town.db.read_now(lambda session: sum(
            one.reblog_of_id is not None for one in statuses.home(session, ada.id, Page())))

    assert boosts() == 0
    judged(town, note["id"], "verified")
    assert boosts() == 1


@pytest.mark.parametrize("db", [HOLD], indirect=True)
def test_a_held_answer_that_came_before_its_post_is_counted_when_it_is_shown(town: Town) -> None:
    town.follows(town.ada, REM)
    parent = town.note("the start")
    early = town.note("an answer", inReplyTo=parent["id"], attachment=[SIGNED])
    for note in (early, parent):
        town.receive(town.activity("Create", note))
    assert row(town, parent["id"]).replies_count == 0
    judged(town, early["id"], "verified")
    assert row(town, parent["id"]).replies_count == 1


@pytest.mark.parametrize("db", [HOLD], indirect=True)
def test_a_moderator_releases_for_good_or_deletes_for_good(town: Town) -> None:
    note, other = answer(town, SIGNED), town.note(attachment=[SIGNED])
    for one in (note, other):
        town.receive(town.activity("Create", one))
        judged(town, one["id"], "tampered")
    held = town.db.read_now(lambda session: [one.uri for one in review.waiting(session, Page())])
    assert set(held) == {note["id"], other["id"]}
    town.run(lambda uow: review.release(uow, row(town, note["id"]).id))
    assert all(seen(town, note["id"]).values())
    judged(town, note["id"], "revoked")
    assert all(seen(town, note["id"]).values()), "what was released stays"
    changed = {**note, "attachment": [video("https://remote.example/other.mp4", digestMultibase="zQmY")],
               "updated": "2026-11-02T00:00:00Z"}
    assert town.receive(town.activity("Update", changed)) == "held: unchecked media"
    town.run(lambda uow: review.reject(uow, row(town, other["id"]).id))
    assert town.db.read_now(lambda session: statuses.by_uri(session, other["id"])) is None
    assert town.receive(town.activity("Create", other)).startswith("ignored")
    with pytest.raises(NotFound):
        town.run(lambda uow: review.release(uow, 1))


@pytest.mark.parametrize("db", [REJECT], indirect=True)
def test_a_silent_video_is_checked_rejected_and_let_in_once_it_is_labelled(town: Town) -> None:
    note = answer(town, video())
    assert town.receive(town.activity("Create", note)) == "held: unchecked media"
    planned = town.db.read_now(lambda session: session.scalars(select(Job.kind).where(Job.kind.like("%check%"))).all())
    assert planned == ["check_foreign"], "what it says about itself is looked at, although nobody said it is signed"
    judged(town, note["id"], "unsigned")
    gone = row(town, note["id"])
    assert (gone.review, gone.content, gone.document, gone.published) == ("rejected", "", None, False)
    assert town.db.read_now(lambda session: session.scalars(select(Media)).all()) == []
    assert not any(seen(town, note["id"]).values())
    assert town.db.read_now(lambda session: review.count(session)) == 0
    labelled = {**note, "attachment": [video(digitalSourceType=CAPTURE)], "updated": "2026-11-02T00:00:00Z"}
    assert town.receive(town.activity("Update", labelled)) == "edited"
    assert all(seen(town, note["id"]).values())
    assert row(town, note["id"]).made == "human"


@pytest.mark.parametrize("db", [REJECT], indirect=True)
def test_a_label_inside_the_file_counts_too(town: Town) -> None:
    note = answer(town, video())
    town.receive(town.activity("Create", note))
    judged(town, note["id"], "intact-unknown-signer", digitalSourceType=TRAINED)
    assert all(seen(town, note["id"]).values())
    assert row(town, note["id"]).made == "machine"


@pytest.mark.parametrize("db", [{"badly_signed_media": "reject"}], indirect=True)
def test_a_bad_proof_is_told_in_the_inbox(town: Town) -> None:
    broken = {"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "verificationMethod": f"{REM}#nokey",
              "proofValue": "z1"}
    other = town.note(attachment=[SIGNED], proof={**broken, "cryptosuite": "eddsa-rdfc-2022"})
    note = answer(town, SIGNED, proof=broken)
    assert town.receive(town.activity("Create", other)) == "held: unchecked media", "a kind we cannot check is no bad signature"
    assert town.receive(town.activity("Create", note)) == "rejected: badly signed media"
    assert not any(seen(town, note["id"]).values())
    judged(town, other["id"], "verified")
    assert row(town, other["id"]).published


def test_a_warning_stands_before_the_text_and_draws_the_curtain(town: Town) -> None:
    note = answer(town, SIGNED)
    assert town.receive(town.activity("Create", note)) == "stored"
    judged(town, note["id"], "tampered")
    assert all(seen(town, note["id"]).values())
    post = row(town, note["id"])
    shown = town.db.read_now(lambda session: entities.one(session, post, None, town.db.instance.uris))
    assert shown["sensitive"] is True
    assert shown["fedisora"]["warning"] == "Its file was changed after it was signed."
    assert shown["content"].startswith("<p><strong>Warning by this server: Its file was changed")
    judged(town, note["id"], "verified")
    again = town.db.read_now(lambda session: entities.one(session, row(town, note["id"]), None, town.db.instance.uris))
    assert (again["sensitive"], again["fedisora"]["warning"]) == (False, None)


@pytest.mark.parametrize(("files", "made"), [
    ([], None), ([video()], "undeclared"), ([SIGNED], "human"),
    ([{**SIGNED, "url": "https://remote.example/a.mp4"}, video(digitalSourceType=TRAINED)], "machine"),
    ([{"type": "Image", "mediaType": "image/png", "url": "https://remote.example/a.png",
       "digitalSourceType": BASE + "algorithmicMedia"}], "procedural")])
def test_how_its_files_were_made_is_kept_with_a_post(town: Town, files: list[dict[str, Any]], made: str | None) -> None:
    note = answer(town, *files)
    town.receive(town.activity("Create", note))
    assert row(town, note["id"]).made == made
    emptied = {**note, "attachment": [], "content": "no more", "updated": "2026-11-02T00:00:00Z"}
    town.receive(town.activity("Update", emptied))
    assert row(town, note["id"]).made is None
