"""A person's channel: who gets the Video, who gets the Note, and that nobody gets both."""
from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from fedisora.activitypub.integrity_proofs import verify_document
from fedisora.activitypub.multibase import ed25519_from_multibase
from fedisora.db import UnitOfWork
from fedisora.errors import Invalid
from fedisora.models import Actor, Delivery, Media, OutboxActivity, RemoteHost, Status
from fedisora.provenance import foreign_labels
from fedisora.provenance.digital_source import TRAINED
from fedisora.serializers.activitypub import actor as actor_serializer
from fedisora.serializers.activitypub import video as video_serializer
from fedisora.services import accounts, channels, instance, local_actors, publish
from fedisora.store import actors, statuses
from fedisora.store.paging import Page
from tests.support.peertube import channel_problems, problems

from .conftest import EVE, REM, Town

KEYS = local_actors.new_keys()
CHANNEL = "https://here.example/users/ada_channel"


def open_channel(town: Town, **options: Any) -> Actor:
    return town.run(lambda uow: channels.create(uow, actors.get(uow.session, town.actor(town.ada).id), keys=KEYS, **options))


def film(town: Town, text: str = "A heron lands", *, visibility: str = "public", **columns: Any) -> int:
    """A published post of Ada's with a video."""
    def apply(uow: UnitOfWork) -> int:
        ada = actors.by_uri(uow.session, town.ada)
        assert ada is not None
        media = Media(id=uow.new_id(), actor_id=ada.id, state="signed", storage_key="ab/1-x.mp4", poster_key="ab/1-x.webp",
                      created_at=uow.now, **{"kind": "video", "mime": "video/mp4", "width": 720, "height": 1280,
                                             "duration": 5.25, "size": 1000, "digest": "zQm", **columns})
        uow.session.add(media)
        uow.session.flush()
        status = publish.create(uow, ada, publish.Draft(text=text, visibility=visibility, media_ids=(media.id,)))
        publish.finish(uow, status.id)
        return status.id

    return town.run(apply)


def deliveries(town: Town, uri: str) -> set[str]:
    """Inboxes an activity goes to."""
    return town.db.read_now(lambda session: set(session.scalars(
        select(Delivery.inbox).join(OutboxActivity, OutboxActivity.id == Delivery.activity_id)
        .where(OutboxActivity.uri == uri))))


def activity(town: Town, uri: str) -> dict[str, Any] | None:
    body = town.db.read_now(lambda session: session.scalar(select(OutboxActivity.document).where(OutboxActivity.uri == uri)))
    return orjson.loads(body) if body is not None else None


def video(town: Town, status_id: int) -> dict[str, Any]:
    found = town.db.read_now(lambda session: channels.video_of(session, f"{town.ada}/videos/{status_id}"))
    assert found is not None
    return found


def edit(town: Town, status_id: int, text: str) -> None:
    town.run(lambda uow: publish.edit(uow, actors.get(uow.session, town.actor(town.ada).id), status_id, text=text))


def delete(town: Town, status_id: int) -> None:
    town.run(lambda uow: publish.delete(uow, actors.get(uow.session, town.actor(town.ada).id), status_id))


def software(town: Town, host: str, name: str) -> None:
    town.run(lambda uow: uow.session.merge(RemoteHost(host=host, software=name)))


# ---- what must not happen
def test_without_a_channel_nothing_but_the_note_is_made(town: Town) -> None:
    status_id = film(town)
    assert activity(town, f"{town.ada}/videos/{status_id}/activity") is None
    assert town.db.read_now(lambda session: channels.video_of(session, f"{town.ada}/videos/{status_id}")) is None


@pytest.mark.parametrize("visibility", ["unlisted", "private", "direct"])
def test_what_is_not_public_never_becomes_a_video(visibility: str, town: Town) -> None:
    open_channel(town)
    town.follows(REM, CHANNEL)
    status_id = film(town, visibility=visibility)
    assert activity(town, f"{town.ada}/videos/{status_id}/activity") is None


def test_a_text_or_a_picture_is_no_video(town: Town) -> None:
    open_channel(town)
    town.follows(REM, CHANNEL)
    town.post("only words")
    film(town, kind="image", mime="image/jpeg")
    assert town.sent("Announce") == []


@pytest.mark.parametrize(("handle", "why"), [("ada", "taken"), ("no spaces", "letters"), ("a" * 31, "letters")])
def test_impossible_handles(handle: str, why: str, town: Town) -> None:
    with pytest.raises(Invalid, match=why):
        open_channel(town, handle=handle)


def test_a_second_channel_and_an_agents_are_refused(town: Town) -> None:
    open_channel(town)
    with pytest.raises(Invalid, match="already"):
        open_channel(town)
    agent = town.run(lambda uow: accounts.create(uow, "robot", "r@example.org", "a fine password", kind="agent",
                                                 operator="ada", keys=KEYS).actor_id)
    with pytest.raises(Invalid, match="agent"):
        town.run(lambda uow: channels.create(uow, actors.get(uow.session, agent), keys=KEYS))


def test_who_follows_the_person_never_gets_the_video(town: Town) -> None:
    open_channel(town)
    town.follows(REM, town.ada)
    town.follows(EVE, CHANNEL)
    status_id = film(town)
    note = f"{town.ada}/statuses/{status_id}"
    assert deliveries(town, f"{note}/activity") == {f"{REM}/inbox"}
    assert deliveries(town, f"{town.ada}/videos/{status_id}/activity") == {f"{EVE}/inbox"}
    assert deliveries(town, f"{town.ada}/videos/{status_id}/announce") == {f"{EVE}/inbox"}


def test_a_server_with_both_gets_the_channels_boost_of_the_note_instead(town: Town) -> None:
    open_channel(town)
    town.follows(REM, town.ada)
    town.follows(REM, CHANNEL)
    status_id = film(town)
    note = f"{town.ada}/statuses/{status_id}"
    assert deliveries(town, f"{town.ada}/videos/{status_id}/activity") == set()
    boost = activity(town, f"{note}/announce")
    assert boost is not None
    assert (boost["actor"], boost["object"]) == (CHANNEL, note)
    assert deliveries(town, f"{note}/announce") == {f"{REM}/inbox"}


def test_the_software_decides_where_it_is_known(town: Town) -> None:
    open_channel(town)
    town.follows(REM, town.ada)
    town.follows(REM, CHANNEL)
    town.follows(EVE, CHANNEL)
    software(town, "remote.example", "peertube")
    software(town, "evil.example", "mastodon")
    status_id = film(town)
    assert deliveries(town, f"{town.ada}/videos/{status_id}/activity") == {f"{REM}/inbox"}
    assert deliveries(town, f"{town.ada}/statuses/{status_id}/announce") == {f"{EVE}/inbox"}
    delete(town, status_id)
    assert f"{EVE}/inbox" in deliveries(town, f"{town.ada}/statuses/{status_id}#delete")


# ---- the Video
def test_the_video_is_what_peertube_takes(town: Town) -> None:
    open_channel(town)
    town.follows(EVE, CHANNEL)
    status_id = film(town, "A heron lands\nby the river #birds #a", digital_source_type=TRAINED,
                     generator={"name": "Wan", "model": "Wan 2.2", "parameters": {"fps": 24}}, manifest_key="ab/1-x.c2pa")
    found = video(town, status_id)
    assert problems(found) == []
    assert found["name"] == "A heron lands"
    assert found["duration"] == "PT5S"
    assert found["content"] == "A heron lands\nby the river #birds #a\n\nAI-generated video · Wan 2.2 #AIGenerated"
    page, file = found["url"]
    assert page == {"type": "Link", "mediaType": "text/html", "href": f"https://here.example/@ada/{status_id}"}
    assert (file["height"], file["width"], file["size"], file["fps"]) == (1280, 720, 1000, 24)
    assert [author["id"] for author in found["attributedTo"]] == [town.ada, CHANNEL]
    assert [tag["name"] for tag in found["tag"]] == ["AIGenerated", "birds"]
    assert found["icon"][0]["url"] == f"{town.ada}/videos/{status_id}/poster.jpg"
    assert (found["icon"][0]["width"], found["icon"][0]["height"]) == (720, 1280)
    assert found["uuid"] == video_serializer.video_uuid(found["id"])
    assert found["to"] == ["https://www.w3.org/ns/activitystreams#Public"]
    assert found["cc"] == [f"{CHANNEL}/followers"]
    assert found["aiUsage"] == 4
    assert found["aspectRatio"] == 0.5625


def test_the_video_repeats_the_notes_provenance_and_is_signed_by_the_person(town: Town) -> None:
    open_channel(town)
    status_id = film(town, digital_source_type=TRAINED, generator={"name": "Wan", "model": "2.2"}, manifest_key="ab/1-x.c2pa")
    found = video(town, status_id)
    body = town.db.read_now(lambda session: session.get_one(Status, status_id).document)
    assert body is not None
    note = json.loads(body)
    file = note["attachment"][0]
    for name in ("digitalSourceType", "generator", "provenance", "digestMultibase"):
        assert found[name] == file[name]
    assert note["url"] == found["url"][0]["href"]
    ada = town.actor(town.ada)
    assert found["proof"]["verificationMethod"] == ada.assertion_keys[0]["id"]
    verify_document(found, ed25519_from_multibase(ada.assertion_keys[0]["multibase"]))
    create = activity(town, f"{found['id']}/activity")
    assert create is not None
    verify_document(create, ed25519_from_multibase(ada.assertion_keys[0]["multibase"]))
    assert (create["actor"], create["object"]) == (town.ada, found)


@pytest.mark.parametrize(("width", "height"), [(16, 16), (1920, 1080), (1000, 3), (3, 1000), (854, 480)])
def test_the_signature_covers_any_shape(width: int, height: int, town: Town) -> None:
    open_channel(town)
    found = json.loads(json.dumps(video(town, film(town, width=width, height=height))))
    verify_document(found, ed25519_from_multibase(town.actor(town.ada).assertion_keys[0]["multibase"]))
    assert found["aspectRatio"] == round(width / height, 4)


@pytest.mark.parametrize(("text", "description", "name"), [
    ("", "", "Video"), ("ok", "A heron", "A heron"), ("x\n  Second line  ", "", "Second line"), ("w" * 300, "", "w" * 120)])
def test_names(text: str, description: str, name: str, town: Town) -> None:
    open_channel(town)
    found = video(town, film(town, text, description=description))
    assert found["name"] == name
    assert problems(found) == []


@pytest.mark.parametrize(("source", "level"), [
    (None, 1), ("http://example.org/unknown", 1), ("digitalCapture", 2), ("humanEdits", 2), ("algorithmicMedia", 2),
    ("compositeWithTrainedAlgorithmicMedia", 3), ("compositeSynthetic", 3), ("trainedAlgorithmicMedia", 4),
    ("screenCapture", 1)])
def test_ai_usage(source: str | None, level: int) -> None:
    uri = source if source is None or "/" in source else f"http://cv.iptc.org/newscodes/digitalsourcetype/{source}"
    assert foreign_labels.to_peertube(uri) == level


# ---- the channel
def test_the_channel_is_a_group_of_the_persons(town: Town) -> None:
    channel = open_channel(town, title="Herons")
    document = town.run(lambda uow: actor_serializer.to_activitypub(channel, uow.uris, owner=town.actor(town.ada)))
    assert channel_problems(document) == []
    assert (document["type"], document["name"], document["preferredUsername"]) == ("Group", "Herons", "ada_channel")
    assert document["attributedTo"] == [{"type": "Person", "id": town.ada}]
    assert "actorKind" not in document
    assert document["publicKey"]["publicKeyPem"] != town.actor(town.ada).public_key_pem
    assert town.db.read_now(lambda session: actors.local_active(session, "ada_channel")) is not None


def test_following_the_channel_is_accepted(town: Town) -> None:
    open_channel(town)
    assert town.receive(town.activity("Follow", CHANNEL)) == "accepted"
    (answer,) = town.sent("Accept")
    assert answer["actor"] == CHANNEL
    assert town.actor(CHANNEL).followers_count == 1


def test_the_channels_owner_disabled_takes_it_off_the_air(town: Town) -> None:
    open_channel(town)

    def suspend(uow: UnitOfWork) -> None:
        actors.get(uow.session, town.actor(town.ada).id).suspended_at = uow.now

    town.run(suspend)
    assert town.db.read_now(lambda session: actors.local_active(session, "ada_channel")) is None
    assert town.receive(town.activity("Follow", CHANNEL)) == "rejected"


def test_older_videos_stand_in_a_new_channel_without_being_sent(town: Town) -> None:
    status_id = film(town)
    film(town, visibility="unlisted")
    open_channel(town)
    assert problems(video(town, status_id)) == []
    assert deliveries(town, f"{town.ada}/videos/{status_id}/activity") == set()
    assert town.actor(CHANNEL).statuses_count == 1


def test_switched_off_and_on_again(town: Town) -> None:
    open_channel(town)
    town.follows(EVE, CHANNEL)
    town.run(lambda uow: channels.switch_off(uow, actors.get(uow.session, town.actor(town.ada).id)))
    status_id = film(town)
    assert activity(town, f"{town.ada}/videos/{status_id}/activity") is None
    channel = open_channel(town)
    assert channel.uri == CHANNEL
    assert activity(town, f"{town.ada}/videos/{status_id}/activity") is not None
    assert town.sent("Announce") == []


def test_a_name_that_is_taken_gets_a_number(town: Town) -> None:
    town.run(lambda uow: accounts.create(uow, "ada_channel", "x@example.org", "a fine password", keys=KEYS))
    assert open_channel(town).username == "ada_channel2"


def test_people_here_who_follow_the_channel_see_its_videos_once(town: Town) -> None:
    open_channel(town)
    lena = town.run(lambda uow: accounts.create(uow, "lena", "l@example.org", "a fine password", keys=KEYS).actor_id)
    town.follows("https://here.example/users/lena", CHANNEL)
    first, channel_id = film(town), town.actor(CHANNEL).id
    film(town, visibility="unlisted")
    town.post("only words")

    def home() -> list[int]:
        return town.db.read_now(lambda session: [status.id for status in statuses.home(session, lena, Page())])

    assert home() == [first]
    assert town.db.read_now(lambda session: [status.id for status in statuses.account(
        session, channel_id, Page(), viewer_id=None)]) == [first]
    town.follows("https://here.example/users/lena", town.ada)
    assert sorted(home()) == sorted(set(home()))
    assert len(home()) == 3


def test_the_instance_counts_a_post_once(town: Town) -> None:
    open_channel(town)
    film(town)
    assert town.db.read_now(instance.usage)["posts"] == 1


# ---- afterwards
def test_an_edit_and_the_end_go_where_the_video_went(town: Town) -> None:
    open_channel(town)
    town.follows(REM, town.ada)
    town.follows(EVE, CHANNEL)
    status_id = film(town)
    edit(town, status_id, "A heron leaves")
    updates = {item["object"]["type"]: item for item in town.sent("Update")}
    assert updates["Video"]["object"]["name"] == "A heron leaves"
    assert video(town, status_id)["name"] == "A heron leaves"
    assert deliveries(town, updates["Video"]["id"]) == {f"{EVE}/inbox"}
    assert deliveries(town, updates["Note"]["id"]) == {f"{REM}/inbox"}
    delete(town, status_id)
    ends = {item["object"]["formerType"]: item for item in town.sent("Delete")}
    assert ends["Video"]["object"]["id"] == f"{town.ada}/videos/{status_id}"
    assert deliveries(town, ends["Video"]["id"]) == {f"{EVE}/inbox"}
    assert deliveries(town, ends["Note"]["id"]) == {f"{REM}/inbox"}
    assert town.actor(CHANNEL).statuses_count == 0


def test_what_peertube_says_about_the_video_counts_for_the_post(town: Town) -> None:
    open_channel(town)
    status_id = film(town)
    uri = f"{town.ada}/videos/{status_id}"
    assert town.receive(town.activity("Like", uri)) == "stored"
    comment = town.note("nice", inReplyTo=uri)
    assert town.receive(town.activity("Create", comment)) == "stored"
    assert town.receive(town.activity("Announce", uri)) == "stored"

    def look(uow: UnitOfWork) -> tuple[int, int, int, int | None]:
        status = uow.session.get_one(Status, status_id)
        answer = statuses.by_uri(uow.session, comment["id"])
        assert answer is not None
        return status.favourites_count, status.reblogs_count, status.replies_count, answer.in_reply_to_id

    assert town.run(look) == (1, 1, 1, status_id)


def test_a_remote_id_of_the_same_shape_is_nobodys_companion(town: Town) -> None:
    town.follows(town.ada, REM)
    note = town.note("theirs") | {"id": f"{REM}/statuses/1"}
    assert town.receive(town.activity("Create", note)) == "stored"
    assert town.db.read_now(lambda session: statuses.by_uri(session, f"{REM}/videos/1")) is None
