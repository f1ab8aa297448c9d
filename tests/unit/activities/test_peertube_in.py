"""PeerTube's own activities: a Person's Video in a Group's channel, created, announced and updated by either."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.activitypub.parse import ids_of
from fedisora.activitypub.vocabulary import PUBLIC
from fedisora.errors import NotOwner
from fedisora.models import Media, Status
from fedisora.serializers.activitypub.actor import from_activitypub
from fedisora.store import actors, statuses

from .conftest import EVE, Town, remote_actor

FOLDER = Path("fixtures/activitypub/peertube")
VIDEOS = ("objects-video", "dat-video", "mobilizon-suite-peertube-video", "bovine-suite-peertube-create-video-1",
          "peertube-social", "peertube.moe-vid", "derived-video-v7-plain-attributedto")


def load(shared: Path, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((shared / FOLDER / f"{name}.json").read_text())
    return document


def cast(town: Town, shared: Path, name: str) -> tuple[dict[str, Any], str, str]:
    """(a Video, its Person, its Group), with both known here."""
    video = load(shared, name)
    video.setdefault("to", [PUBLIC])  # the derived one is the serializer's part, without its audience
    people = ids_of(video["attributedTo"])
    person = next(uri for uri in people if "/accounts/" in uri)
    group = next(uri for uri in people if "/video-channels/" in uri)
    for uri, kind in ((person, "Person"), (group, "Group")):
        document = remote_actor(uri) | {"type": kind}
        town.run(lambda uow, document=document: actors.upsert_remote(uow, from_activitypub(document)))
    return video, person, group


def find(town: Town, uri: str) -> Status:
    found = town.db.read_now(lambda session: statuses.by_uri(session, uri))
    assert found is not None
    return found


# ---- refused
@pytest.mark.parametrize("kind", ["Update", "Create", "Delete"])
def test_a_channel_of_the_same_server_that_is_not_named_owns_nothing(kind: str, town: Town, shared: Path) -> None:
    video, person, group = cast(town, shared, "objects-video")
    town.follows(town.ada, group)
    assert town.receive(town.activity("Announce", video["id"], group), {video["id"]: video}) == "stored"
    other = group.rpartition("/")[0] + "/other_channel"
    town.run(lambda uow: actors.upsert_remote(uow, from_activitypub(remote_actor(other) | {"type": "Group"})))
    forged = video | {"name": "forged", "attributedTo": [{"type": "Person", "id": person}, {"type": "Group", "id": other}]}
    activity = town.activity(kind, forged if kind != "Create" else forged | {"attributedTo": [person]}, other)
    with pytest.raises(NotOwner):
        town.receive(activity)
    assert "forged" not in find(town, video["id"]).content


def test_a_foreign_actor_updates_nothing(town: Town, shared: Path) -> None:
    video, _, group = cast(town, shared, "objects-video")
    town.follows(town.ada, group)
    town.receive(town.activity("Announce", video["id"], group), {video["id"]: video})
    with pytest.raises(NotOwner):
        town.receive(town.activity("Update", video | {"attributedTo": [EVE]}, EVE))


def test_an_unfollowed_channel_brings_nothing(town: Town, shared: Path) -> None:
    video, person, group = cast(town, shared, "objects-video")
    assert town.receive(town.activity("Announce", video["id"], group), {video["id"]: video}).startswith("ignored")
    assert town.receive(town.activity("Create", video, person)).startswith("ignored")
    assert town.receive(town.activity("Update", video, person)).startswith("ignored")


# ---- taken
@pytest.mark.parametrize("name", VIDEOS)
def test_a_followed_channel_announces_a_video(name: str, town: Town, shared: Path) -> None:
    video, person, group = cast(town, shared, name)
    town.follows(town.ada, group)
    announce = load(shared, "activities-announce-video") | {"id": f"{video['id']}/announces/1", "actor": group,
                                                            "object": video["id"]}
    assert town.receive(announce, {video["id"]: video}) == "stored"
    status = find(town, video["id"])
    assert status.actor_id == town.actor(person).id
    assert status.visibility == "public"
    assert video["name"][:20].replace("&", "&amp;") in status.content
    media = town.db.read_now(lambda session: session.scalar(select(Media).where(Media.status_id == status.id)))
    assert media is not None
    assert media.kind == "video"
    boost = find(town, announce["id"])
    assert (boost.reblog_of_id, boost.actor_id) == (status.id, town.actor(group).id)
    assert town.receive(announce, {}) == "ignored: known"


@pytest.mark.parametrize("sender", ["person", "group"])
def test_created_and_updated_by_either(sender: str, town: Town, shared: Path) -> None:
    video, person, group = cast(town, shared, "objects-video")
    who = person if sender == "person" else group
    town.follows(town.ada, who)
    assert town.receive(town.activity("Create", video, who)) == "stored"
    for number, other in enumerate((person, group)):
        newer = video | {"name": f"Renamed by {other}", "updated": f"2026-11-0{number + 1}T00:00:00Z"}
        assert town.receive(town.activity("Update", newer, other)) == "edited"
        assert f"Renamed by {other}" in find(town, video["id"]).content


def test_a_captured_create(town: Town, shared: Path) -> None:
    create = load(shared, "peertube-video")
    video = create["object"]
    host = "https://mocked.local"
    person, group = f"{host}/accounts/createurs", f"{host}/video-channels/vu"
    video["attributedTo"] = [{"type": "Person", "id": person}, {"type": "Group", "id": group}]
    town.run(lambda uow: actors.upsert_remote(uow, from_activitypub(remote_actor(person))))
    town.follows(town.ada, person)
    assert town.receive(create | {"actor": person}) == "stored"
    assert find(town, video["id"]).url.startswith("http")
