"""Add and Remove: pinned posts."""
from __future__ import annotations

from typing import Any

import pytest

from fedisora.activities import add
from fedisora.errors import Forbidden, Invalid, Malformed, NotFound, NotOwner
from fedisora.models import Status
from fedisora.services import interactions, pins, publish
from fedisora.store import statuses
from fedisora.store.pins import MAX_PINNED

from .conftest import EVE, REM, Town

FEATURED = f"{REM}/featured"


@pytest.fixture
def note(town: Town) -> dict[str, Any]:
    """A post of Rem's, known here."""
    found = town.note()
    town.follows(town.ada, REM)
    assert town.receive(town.activity("Create", found)) == "stored"
    return found


def status(town: Town, uri: str) -> Status:
    found = town.db.read_now(lambda session: statuses.by_uri(session, uri))
    assert found is not None
    return found


def pinned(town: Town, uri: str = REM, viewer: int | None = None) -> list[str]:
    owner = town.actor(uri).id
    return town.db.read_now(lambda session: [row.uri for row in statuses.pinned(session, owner, viewer)])


@pytest.mark.parametrize("kind", ["Add", "Remove"])
def test_only_the_owner_changes_a_collection(town: Town, note: dict[str, Any], kind: str) -> None:
    with pytest.raises(NotOwner):
        town.receive(town.activity(kind, note["id"], actor=EVE, target=FEATURED))
    with pytest.raises(NotOwner):
        town.receive(town.activity(kind, note["id"], actor=EVE, target=f"{EVE}/featured"))
    with pytest.raises(Malformed):
        town.receive(town.activity(kind, {}, target=FEATURED))
    for target in (None, f"{REM}/followers", {}):
        assert town.receive(town.activity(kind, note["id"], target=target)).startswith("ignored: not the actor's")
    assert town.receive(town.activity(kind, {"type": "Hashtag", "name": "#x", "href": "https://remote.example/tags/x"},
                                      target=FEATURED)) == "ignored: a featured hashtag"
    assert pinned(town) == []


def test_nobody_pins_a_post_of_ours(town: Town) -> None:
    with pytest.raises(NotOwner):
        town.receive(town.activity("Add", town.post(), target=FEATURED))


def test_a_known_post_is_pinned_and_unpinned(town: Town, note: dict[str, Any]) -> None:
    activity = town.activity("Add", note["id"], target=FEATURED)
    assert town.receive(activity) == "pinned"
    assert town.receive(activity) == "ignored: known"
    assert pinned(town) == [note["id"]]
    assert town.receive(town.activity("Remove", note["id"], target=FEATURED)) == "unpinned"
    assert town.receive(town.activity("Remove", note["id"], target=FEATURED)) == "ignored: not pinned"
    assert pinned(town) == []


def test_an_unknown_post_comes_from_its_origin_when_somebody_follows(town: Town) -> None:
    old = town.note()
    activity = town.activity("Add", old["id"], target=FEATURED)
    assert add.needs(activity) == [old["id"]]
    assert add.needs(town.activity("Add", "https://victim.example/1", target=FEATURED)) == []
    assert town.receive(activity, {old["id"]: old}) == "ignored: nobody here asked for it"
    town.follows(town.ada, REM)
    assert town.receive(activity) == "ignored: the post cannot be had"
    with pytest.raises(NotOwner):
        town.receive(activity, {old["id"]: old | {"attributedTo": "https://remote.example/users/other"}})
    assert town.receive(activity, {old["id"]: old}) == "pinned"
    assert pinned(town) == [old["id"]]


def test_pinning_tells_the_followers(town: Town) -> None:
    town.receive(town.activity("Follow", town.ada))
    post = town.post()
    row = status(town, post)
    for _ in range(2):
        assert town.act(pins.pin, town.ada, status_id=row.id).pinned_at is not None
    for _ in range(2):
        assert town.act(pins.unpin, town.ada, status_id=row.id).pinned_at is None
    assert [(item["object"], item["target"], item["actor"]) for item in town.sent("Add") + town.sent("Remove")] == \
        [(post, f"{town.ada}/collections/featured", town.ada)] * 2


def test_what_cannot_be_pinned(town: Town, note: dict[str, Any]) -> None:
    private = town.act(publish.create, town.ada, draft=publish.Draft(text="hush", visibility="private")).id
    boost = town.act(interactions.reblog, town.ada, status_id=status(town, note["id"]).id).id
    for error, wanted in ((NotFound, 1), (Forbidden, status(town, note["id"]).id), (Invalid, private), (Invalid, boost)):
        with pytest.raises(error):
            town.act(pins.pin, town.ada, status_id=wanted)
    for _ in range(MAX_PINNED):
        town.act(pins.pin, town.ada, status_id=status(town, town.post()).id)
    with pytest.raises(Invalid):
        town.act(pins.pin, town.ada, status_id=status(town, town.post()).id)
    assert len(pinned(town, town.ada)) == MAX_PINNED
