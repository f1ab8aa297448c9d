"""Create, Update, Delete, Like, Announce and their Undo."""
from __future__ import annotations

import pytest
from sqlalchemy import select

from fedisora.activities import HANDLERS, table
from fedisora.errors import Malformed, NotOwner
from fedisora.models import Favourite, Job, Media, Status
from fedisora.serializers.activitypub.actor import from_activitypub
from fedisora.store import actors, statuses

from .conftest import EVE, REM, Town, remote_actor


def stored(town: Town, uri: str) -> Status | None:
    return town.db.read_now(lambda session: statuses.by_uri(session, uri))


def test_a_second_listener_is_refused() -> None:
    with pytest.raises(ValueError, match="two handlers for Like"):
        table([("Like", HANDLERS["Like"]), ("Like", HANDLERS["Undo"])])


def test_a_post_nobody_asked_for_is_not_kept(town: Town) -> None:
    note = town.note()
    assert town.receive(town.activity("Create", note)).startswith("ignored")
    assert stored(town, note["id"]) is None


def test_a_post_of_somebody_followed_is_kept_once_and_clean(town: Town) -> None:
    town.follows(town.ada, REM)
    note = town.note('<script>alert(1)</script><b onclick="x">bold</b>')
    for _ in range(2):
        assert town.receive(town.activity("Create", note)) == "stored"
    status = stored(town, note["id"])
    assert status is not None
    assert "script" not in status.content
    assert "onclick" not in status.content
    assert town.actor(REM).statuses_count == 1


def test_a_mention_is_kept_without_a_follow(town: Town) -> None:
    note = town.note(tag=[{"type": "Mention", "href": town.ada}])
    assert town.receive(town.activity("Create", note)) == "stored"


def test_a_video_waits_for_its_check(town: Town) -> None:
    town.follows(town.ada, REM)
    note = town.note(attachment=[{"type": "Video", "mediaType": "video/mp4", "url": "https://remote.example/v.mp4",
                                  "duration": "PT5S", "digestMultibase": "zQmX",
                                  "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"}])
    town.receive(town.activity("Create", note))
    media = town.db.read_now(lambda session: session.scalars(select(Media)).one())
    assert (media.kind, media.duration, media.verdict) == ("video", 5.0, None)
    planned = town.db.read_now(lambda session: session.scalars(select(Job.kind).where(Job.queue == "media")).all())
    assert planned == ["verify_media"]


@pytest.mark.parametrize("change", [{"id": "https://evil.example/notes/1"}, {"attributedTo": EVE}])
def test_a_post_must_be_its_senders(town: Town, change: dict[str, str]) -> None:
    town.follows(town.ada, REM)
    with pytest.raises(NotOwner):
        town.receive(town.activity("Create", {**town.note(), **change}))


def test_an_edit_by_its_author_counts_and_an_older_one_does_not(town: Town) -> None:
    town.follows(town.ada, REM)
    note = town.note("first")
    town.receive(town.activity("Create", note))
    assert town.receive(town.activity("Update", {**note, "content": "second", "updated": "2026-11-02T00:00:00Z"})) == "edited"
    old = {**note, "content": "stale", "updated": "2026-11-01T12:00:00Z"}
    assert town.receive(town.activity("Update", old)).startswith("ignored")
    status = stored(town, note["id"])
    assert status is not None
    assert "second" in status.content
    with pytest.raises(NotOwner):
        town.receive(town.activity("Update", {**note, "attributedTo": EVE}, actor=EVE))


def test_an_actor_updates_itself_only(town: Town) -> None:
    document = {"id": REM, "type": "Person", "preferredUsername": "rem", "name": "New name", "inbox": f"{REM}/inbox"}
    assert town.receive(town.activity("Update", document)) == "profile updated"
    assert town.actor(REM).name == "New name"
    with pytest.raises(NotOwner):
        town.receive(town.activity("Update", document, actor=EVE))


def test_a_delete_that_comes_first_is_remembered(town: Town) -> None:
    town.follows(town.ada, REM)
    note = town.note()
    assert town.receive(town.activity("Delete", {"id": note["id"], "type": "Tombstone"})) == "remembered"
    assert town.receive(town.activity("Create", note)).startswith("ignored")


def test_a_neighbours_early_delete_does_not_stand_in_the_way_of_the_owners(town: Town) -> None:
    """Two actors of one server: each one's word counts for its own posts only, whoever came first."""
    neighbour = "https://remote.example/users/ned"
    town.run(lambda uow: actors.upsert_remote(uow, from_activitypub(remote_actor(neighbour))))
    town.follows(town.ada, REM)
    note = town.note()
    assert town.receive(town.activity("Delete", note["id"], actor=neighbour)) == "remembered"
    kept = town.note()
    town.receive(town.activity("Delete", kept["id"], actor=neighbour))
    assert town.receive(town.activity("Create", kept)) == "stored"
    assert town.receive(town.activity("Delete", note["id"])) == "remembered"
    assert town.receive(town.activity("Create", note)).startswith("ignored")


def test_a_delete_is_its_authors(town: Town) -> None:
    town.follows(town.ada, REM)
    note = town.note()
    town.receive(town.activity("Create", note))
    with pytest.raises(NotOwner):
        town.receive(town.activity("Delete", note["id"], actor=EVE))
    assert town.receive(town.activity("Delete", note["id"])) == "deleted"
    assert stored(town, note["id"]) is None
    assert town.db.read_now(lambda session: statuses.is_tombstoned(session, note["id"], REM)) is not None


def test_a_deleted_account_takes_its_posts_and_follows_along(town: Town) -> None:
    town.follows(town.ada, REM)
    note = town.note()
    town.receive(town.activity("Create", note))
    assert town.receive(town.activity("Delete", REM)) == "account deleted"
    assert stored(town, note["id"]) is None
    assert town.actor(REM).suspended_at is not None


def test_a_like_counts_once_and_is_taken_back(town: Town) -> None:
    uri = town.post()
    like = town.activity("Like", uri)
    town.receive(like)
    town.receive(like)
    status = stored(town, uri)
    assert status is not None
    assert status.favourites_count == 1
    with pytest.raises(NotOwner):
        town.receive(town.activity("Undo", like["id"], actor=EVE))
    assert town.receive(town.activity("Undo", like)) == "like removed"
    assert town.db.read_now(lambda session: session.scalar(select(Favourite.id))) is None


def test_a_boost_of_our_post_counts_once_and_is_taken_back(town: Town) -> None:
    uri = town.post()
    boost = town.activity("Announce", uri, to=["as:Public"])
    assert town.receive(boost) == "stored"
    assert town.receive(boost) == "ignored: known"
    status = stored(town, uri)
    assert status is not None
    assert status.reblogs_count == 1
    assert town.receive(town.activity("Undo", boost)) == "boost removed"


def test_a_boost_brings_what_it_boosts_from_its_own_origin(town: Town) -> None:
    town.follows(town.ada, REM)
    note = town.note("by eve", author=EVE)
    boost = town.activity("Announce", {**note, "content": "a forged copy"}, to=["as:Public"])
    assert HANDLERS["Announce"].needs(boost) == [note["id"]]
    assert town.receive(boost, {note["id"]: note}) == "stored"
    status = stored(town, note["id"])
    assert status is not None
    assert "forged" not in status.content


@pytest.mark.parametrize("kind", ["Follow", "Create", "Update", "Delete", "Announce"])
def test_an_activity_about_nothing_is_malformed(town: Town, kind: str) -> None:
    with pytest.raises(Malformed):
        town.receive(town.activity(kind, None))


def test_our_post_leaves_signed_for_followers(town: Town) -> None:
    town.follows(REM, town.ada)
    uri = town.post("to the world #news")
    create = town.sent("Create")[0]
    assert create["object"]["id"] == uri
    assert create["proof"]["verificationMethod"] == create["object"]["proof"]["verificationMethod"] == f"{town.ada}#ed25519"
    assert {"type": "Hashtag", "name": "#news", "href": "https://here.example/tags/news"} in create["object"]["tag"]
