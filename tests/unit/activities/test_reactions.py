"""EmojiReact and the Likes that carry an emoji, their Undo, View, and what goes with a deleted account."""
from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from fedisora.activitypub import emoji
from fedisora.errors import NotOwner
from fedisora.models import Actor, Block, Favourite, Follow, Mention, Notification, Reaction, Status
from fedisora.serializers.mastodon import status as entities
from fedisora.services import blocks, interactions, publish
from fedisora.store import statuses

from .conftest import EVE, REM, Town

PICTURE = "https://remote.example/blob.png"
BLOB = {"type": "Emoji", "name": ":blob:", "icon": {"type": "Image", "url": PICTURE}}


def count(town: Town, model: type) -> int:
    return town.db.read_now(lambda session: len(session.scalars(select(model)).all()))


def shown(town: Town, uri: str) -> dict[str, Any]:
    def render(session: Any) -> dict[str, Any]:
        status = statuses.by_uri(session, uri)
        assert status is not None
        return entities.one(session, status, town.actor(town.ada).id, town.db.instance.uris)

    return town.db.read_now(render)


@pytest.mark.parametrize("content", [
    None, "", " ", "x", "lol", "<b>", ":blob:", ":bl ob:", "🎉" * 2, "🎉x", "1", "\u200d", "\ufe0f", "🎉" + "\u200d🎉" * 40, 7,
    ["🎉"], {}])
def test_what_is_no_emoji(town: Town, content: Any) -> None:
    assert emoji.reaction_of({"content": content}) is None
    assert town.receive(town.activity("EmojiReact", town.post(), content=content)) == "ignored: not an emoji"
    assert count(town, Reaction) == 0


@pytest.mark.parametrize("content", ["🎉", "❤️", "☕", "👍🏽", "👨‍👩‍👧‍👦", "🇪🇺", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "1️⃣", "#⃣", "‼️", "↔️", "🏳️‍🌈", "😂"])
def test_what_is_one(content: str) -> None:
    assert emoji.reaction_of({"content": content}) == (content, None)


@pytest.mark.parametrize("tag", [
    None, [], {"type": "Emoji", "name": ":other:", "icon": {"url": PICTURE}}, {"type": "Emoji", "name": ":blob:"},
    {"type": "Emoji", "name": ":blob:", "icon": {"url": "javascript:alert(1)"}}, {"type": "Hashtag", "name": ":blob:"}, 7])
def test_a_custom_emoji_needs_its_picture(tag: Any) -> None:
    assert emoji.reaction_of({"content": ":blob:", "tag": tag}) is None


def test_who_may_react(town: Town) -> None:
    private = town.act(publish.create, town.ada, draft=publish.Draft(text="hush", visibility="private")).uri
    for target in ("https://here.example/users/ada/statuses/1", private, "https://elsewhere.example/1"):
        assert town.receive(town.activity("EmojiReact", target, content="🎉")).startswith("ignored: no such post")
    post = town.post()
    town.act(blocks.block, town.ada, REM)
    assert town.receive(town.activity("EmojiReact", post, content="🎉")).startswith("ignored")
    assert count(town, Reaction) == 0


def test_reactions_are_shown_and_not_told(town: Town) -> None:
    post = town.post()
    assert town.receive(town.activity("EmojiReact", post, content="🎉")) == "reaction stored"
    assert town.receive(town.activity("EmojiReact", post, content="🎉")) == "ignored: known"
    assert town.receive(town.activity("EmojiReact", post, actor=EVE, content="🎉")) == "reaction stored"
    assert town.receive(town.activity("Like", post, content=":blob@remote.example:", tag=[BLOB])) == "reaction stored"
    found = shown(town, post)
    assert found["fedisora"]["reactions"] == [{"name": "🎉", "count": 2}, {"name": "blob", "count": 1}]
    assert found["emoji_reactions"][1] == {"name": "blob", "count": 1, "me": False, "url": PICTURE, "static_url": PICTURE}
    assert found["favourites_count"] == 0
    assert count(town, Notification) == 0


@pytest.mark.parametrize("content", [None, "", "❤", "❤️", "👍", "⭐", " ⭐ ", "lol", 7])
def test_a_like_that_means_just_that_is_a_favourite(town: Town, content: Any) -> None:
    post = town.post()
    assert town.receive(town.activity("Like", post, content=content)) == "stored"
    assert shown(town, post)["favourites_count"] == 1
    assert (count(town, Favourite), count(town, Reaction), count(town, Notification)) == (1, 0, 1)


def test_one_actor_cannot_fill_a_post_with_emoji(town: Town) -> None:
    post = town.post()
    for number in range(30):
        town.receive(town.activity("EmojiReact", post, content=chr(0x1F600 + number)))
    assert count(town, Reaction) == 20


def test_only_who_reacted_undoes_it(town: Town) -> None:
    post = town.post()
    reaction = town.activity("EmojiReact", post, content="🎉")
    town.receive(reaction)
    with pytest.raises(NotOwner):
        town.receive(town.activity("Undo", {**reaction, "actor": EVE}, actor=EVE))
    with pytest.raises(NotOwner):
        town.receive(town.activity("Undo", reaction["id"], actor=EVE))
    assert town.receive(town.activity("Undo", {"type": "EmojiReact", "object": post, "content": "☕"})).startswith("ignored")
    assert town.receive(town.activity("Undo", reaction)) == "reaction removed"
    assert count(town, Reaction) == 0


@pytest.mark.parametrize("by_id", [True, False])
def test_undoing_an_emoji_like_leaves_the_favourite(town: Town, by_id: bool) -> None:
    post = town.post()
    like, answer = town.activity("Like", post), town.activity("Like", post, content="🎉")
    town.receive(like)
    town.receive(answer)
    undone = answer if by_id else {**answer, "id": f"{REM}#forgotten"}
    assert town.receive(town.activity("Undo", undone)) == "reaction removed"
    assert (count(town, Favourite), count(town, Reaction)) == (1, 0)
    assert town.receive(town.activity("Undo", like)) == "like removed"


def test_views_are_not_counted(town: Town) -> None:
    assert town.receive(town.activity("View", town.post())) == "ignored: views are not counted"


def test_a_deleted_account_takes_all_it_did_along_and_nobody_is_told(town: Town) -> None:
    town.receive(town.activity("Follow", town.ada))
    post = town.post()
    for kind, more in (("Like", {}), ("EmojiReact", {"content": "🎉"}), ("Announce", {})):
        town.receive(town.activity(kind, post, **more))
    town.receive(town.activity("Create", town.note(tag=[{"type": "Mention", "href": town.ada}], inReplyTo=post)))
    town.receive(town.activity("Block", town.ada))
    assert town.receive(town.activity("Delete", REM)) == "account deleted"
    for model in (Block, Favourite, Follow, Mention, Notification, Reaction):
        assert count(town, model) == 0, model
    assert town.db.read_now(lambda session: session.scalars(select(Status.uri)).all()) == [post]
    found = shown(town, post)
    assert (found["favourites_count"], found["reblogs_count"], found["replies_count"]) == (0, 0, 0)
    assert town.db.read_now(lambda session: session.scalar(select(Actor.followers_count).where(Actor.uri == town.ada))) == 0


def test_a_deleted_post_leaves_nothing_behind(town: Town) -> None:
    post = town.post()
    for kind, more in (("Like", {}), ("EmojiReact", {"content": "🎉"})):
        town.receive(town.activity(kind, post, **more))
    town.follows(town.ada, REM)
    note = town.note()
    town.receive(town.activity("Create", note))
    row = town.db.read_now(lambda session: statuses.by_uri(session, note["id"]))
    assert row is not None
    town.act(interactions.reblog, town.ada, status_id=row.id)
    before = town.actor(town.ada).statuses_count
    assert town.receive(town.activity("Delete", note["id"])) == "deleted"
    assert town.actor(town.ada).statuses_count == before - 1
    mine = town.db.read_now(lambda session: statuses.by_uri(session, post))
    assert mine is not None
    town.act(publish.delete, town.ada, status_id=mine.id)
    for model in (Status, Favourite, Reaction, Notification):
        assert count(town, model) == 0, model
