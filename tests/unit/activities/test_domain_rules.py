"""What a rule for a domain does here: who is shown, who follows whom, what is still delivered; and taking it back."""
from __future__ import annotations

import pytest
from sqlalchemy import select

from fedisora.db import UnitOfWork
from fedisora.errors import Invalid, NotFound
from fedisora.models import Actor, Delivery, DomainRule, Follow, Media, Status
from fedisora.serializers.activitypub.actor import from_activitypub
from fedisora.services import domains
from fedisora.services.domains import Effect
from fedisora.store import actors, statuses
from fedisora.store.paging import Page

from .conftest import EVE, REM, Town, remote_actor

SUB = "https://sub.evil.example/users/mallory"


def block(town: Town, domain: str = "evil.example", severity: str = "block", **more: bool) -> Effect:
    return town.run(lambda uow: domains.set_rule(uow, domain, severity, **more))


def known(town: Town, uri: str, **more: str) -> None:
    town.run(lambda uow: actors.upsert_remote(uow, from_activitypub({**remote_actor(uri), **more})))


def post_of(town: Town, author: str, **more: object) -> str:
    """A public post of somebody whom Ada follows."""
    note = town.note(author=author, **more)
    assert town.receive(town.activity("Create", note, actor=author)) == "stored"
    return str(note["id"])


def shown(town: Town, *, viewer: bool = False) -> set[str]:
    me = town.actor(town.ada).id if viewer else None
    return {row.uri for row in town.db.read_now(lambda session: statuses.public(session, Page(), viewer_id=me))}


def home(town: Town) -> set[str]:
    me = town.actor(town.ada).id
    return {row.uri for row in town.db.read_now(lambda session: statuses.home(session, me, Page()))}


@pytest.mark.parametrize("domain", ["", "not a domain", "https://", "a..b", "here.example", "HERE.example.:443"])
def test_no_rule_for_what_is_no_other_domain(town: Town, domain: str) -> None:
    with pytest.raises(Invalid):
        block(town, domain)
    assert town.db.read_now(lambda session: session.scalars(select(DomainRule)).all()) == []


def test_no_other_severity(town: Town) -> None:
    with pytest.raises(Invalid):
        block(town, severity="ban")


def test_no_rule_no_removal(town: Town) -> None:
    with pytest.raises(NotFound):
        town.run(lambda uow: domains.remove_rule(uow, "evil.example"))


@pytest.mark.parametrize("written", ["evil.example", "EVIL.example", "https://evil.example/about", "*.evil.example",
                                     "evil.example.:443"])
def test_a_block_reaches_everybody_below_the_domain(town: Town, written: str) -> None:
    known(town, SUB)
    known(town, "https://notevil.example/users/nora")
    effect = block(town, written)
    assert (effect.domain, effect.suspended) == ("evil.example", 2)
    assert town.actor(EVE).suspended_at is not None
    assert town.actor(SUB).suspended_at is not None
    assert town.actor(REM).suspended_at is None
    assert town.actor("https://notevil.example/users/nora").suspended_at is None


def test_a_block_ends_follows_both_ways_and_hides_posts_and_boosts(town: Town) -> None:
    town.follows(town.ada, EVE)
    town.follows(town.ada, REM)
    town.follows(EVE, town.ada)
    town.run(lambda uow: actors.adjust_counts(uow, actors.by_uri(uow.session, town.ada).id,  # type: ignore[union-attr]
                                              followers=1, following=2))
    bad, good = post_of(town, EVE), post_of(town, REM)
    boost = town.activity("Announce", bad, actor=REM, to=["as:Public"])
    assert town.receive(boost) == "stored"
    assert {bad, good} <= shown(town)
    assert {bad, good, boost["id"]} <= home(town)
    effect = block(town)
    assert effect.follows == 2
    assert shown(town) == {good}
    assert home(town) == {good}, "neither the post nor somebody else's boost of it"
    row = town.db.read_now(lambda session: statuses.by_uri(session, bad))
    assert row is not None
    assert not town.db.read_now(lambda session: statuses.visible(session, row, None))
    assert not town.db.read_now(lambda session: statuses.visible(session, row, town.actor(town.ada).id))
    ada = town.actor(town.ada)
    assert (ada.followers_count, ada.following_count) == (0, 1)
    assert town.db.read_now(lambda session: len(session.scalars(select(Follow)).all())) == 1
    effect = town.run(lambda uow: domains.remove_rule(uow, "evil.example"))
    assert effect.lifted == 1
    assert {bad, good} <= shown(town)


def test_what_waits_for_a_blocked_domain_is_given_up_and_nothing_new_is_queued(town: Town) -> None:
    town.follows(REM, town.ada)
    town.follows(EVE, town.ada)
    town.post("first")
    assert block(town).deliveries == 1
    rows = town.db.read_now(lambda session: {row.host: row for row in session.scalars(select(Delivery))})
    assert (rows["evil.example"].state, rows["remote.example"].state) == ("failed", "pending")
    assert "blocked" in (rows["evil.example"].last_error or "")
    town.follows(EVE, town.ada)
    town.post("second")
    states = town.db.read_now(lambda session: session.scalars(
        select(Delivery.state).where(Delivery.host == "evil.example")).all())
    assert states == ["failed"]


def test_only_what_the_rule_suspended_is_lifted(town: Town) -> None:
    known(town, SUB)
    town.run(lambda uow: setattr(actors.by_uri(uow.session, SUB), "suspended_at", uow.now))
    block(town)
    town.run(lambda uow: domains.remove_rule(uow, "evil.example"))
    assert town.actor(EVE).suspended_at is None
    assert town.actor(SUB).suspended_at is not None, "suspended for a reason of its own"


def test_nested_rules_and_exceptions(town: Town) -> None:
    known(town, SUB)
    block(town)
    block(town, "sub.evil.example")
    assert town.run(lambda uow: domains.remove_rule(uow, "evil.example")).lifted == 1
    assert town.actor(SUB).suspended_at is not None
    assert town.run(lambda uow: domains.remove_rule(uow, "sub.evil.example")).lifted == 1
    block(town)
    assert block(town, "sub.evil.example", "allow").lifted == 1
    assert town.actor(EVE).suspended_at is not None
    assert town.actor(SUB).suspended_at is None
    assert block(town, "evil.example", "silence").lifted == 1


def test_a_handle_on_a_blocked_domain_is_blocked_too(town: Town) -> None:
    def handle(uow: UnitOfWork) -> None:
        actors.upsert_remote(uow, from_activitypub(remote_actor("https://ap.elsewhere.example/users/x"),
                                                   handle=("x", "evil.example")))

    town.run(handle)
    assert block(town).suspended == 2


def test_a_boost_brings_no_suspended_or_blocked_author_back(town: Town) -> None:
    """BI-076, CVE-2026-23961: neither what is known nor what was fetched just before."""
    town.follows(town.ada, EVE)
    town.follows(town.ada, REM)
    bad = post_of(town, EVE)
    block(town)
    assert town.receive(town.activity("Announce", bad, to=["as:Public"])).startswith("ignored")
    other = town.note(author=EVE)
    activity = town.activity("Announce", other["id"], to=["as:Public"])
    assert town.receive(activity, {other["id"]: other}).startswith("ignored")
    assert town.db.read_now(lambda session: session.scalars(select(Status).where(Status.reblog_of_id.is_not(None))).all()) == []


def test_a_blocked_author_that_was_not_known_is_not_boosted_either(town: Town) -> None:
    town.follows(town.ada, REM)
    block(town)
    known(town, SUB)  # as if it had been stored the moment before
    other = town.note(author=SUB)
    activity = town.activity("Announce", other["id"], to=["as:Public"])
    assert town.receive(activity, {other["id"]: other}).startswith("ignored")
    assert town.db.read_now(lambda session: statuses.by_uri(session, other["id"])) is None


def test_a_suspended_author_posts_nothing(town: Town) -> None:
    """The door refuses it already; were it let in all the same, it would not be stored."""
    town.follows(town.ada, EVE)
    block(town)
    note = town.note(author=EVE)
    assert town.receive(town.activity("Create", note, actor=EVE)).startswith("ignored")
    assert town.db.read_now(lambda session: statuses.by_uri(session, note["id"])) is None


def test_silenced_posts_are_only_for_who_follows_them(town: Town) -> None:
    known(town, SUB)
    town.follows(town.ada, SUB)
    town.follows(town.ada, EVE)
    quiet, own = post_of(town, EVE, tag=[{"type": "Hashtag", "name": "#cats"}]), post_of(town, SUB)
    block(town, severity="silence")
    assert not {quiet, own} & shown(town)
    assert {quiet, own} <= shown(town, viewer=True)
    assert {quiet, own} <= home(town)
    me = town.actor(REM).id
    for viewer in (None, me):
        rows = town.db.read_now(lambda session, viewer=viewer: statuses.tag(  # type: ignore[misc]
            session, "cats", Page(), viewer_id=viewer))
        assert rows == []
    block(town, "sub.evil.example", "allow")
    assert shown(town) == {own}


def test_no_files_from_a_domain_whose_media_are_rejected(town: Town) -> None:
    town.follows(town.ada, EVE)
    block(town, severity="silence", reject_media=True)
    post_of(town, EVE, attachment=[{"type": "Image", "mediaType": "image/png", "url": "https://evil.example/x.png"}])
    assert town.db.read_now(lambda session: session.scalars(select(Media)).all()) == []


def test_rules_are_changed_in_place(town: Town) -> None:
    block(town)
    first = town.actor(EVE).suspended_at
    town.run(lambda uow: domains.set_rule(uow, "evil.example", "block", comment="spam", public_comment="Spam."))
    row = town.db.read_now(lambda session: session.scalars(select(DomainRule)).one())
    assert (row.private_comment, row.public_comment, row.severity) == ("spam", "Spam.", "block")
    assert town.actor(EVE).suspended_at == first
    suspended = select(Actor.uri).where(Actor.suspended_at.is_not(None))
    assert town.db.read_now(lambda session: session.scalars(suspended).all()) == [EVE]
