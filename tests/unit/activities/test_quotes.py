"""Quotes (FEP-044f): shown only with the quoted author's consent, which nobody can forge, use up or outlive."""
from __future__ import annotations

import itertools
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.activities import HANDLERS, quotes, remote_posts
from fedisora.errors import Forbidden, Invalid, NotOwner
from fedisora.models import Job, Notification, QuoteAuthorization, Status
from fedisora.serializers.mastodon import status as entities
from fedisora.services import publish
from fedisora.services import quotes as service
from fedisora.store import actors, statuses

from .conftest import EVE, REM, Town

STAMP = f"{EVE}/stamps/1"


def row(town: Town, uri: str) -> Status:
    found = town.db.read_now(lambda session: statuses.by_uri(session, uri))
    assert found is not None
    return found


def remote_pair(town: Town, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(a post of Eve's, a post of Rem's that quotes it), both stored here."""
    town.follows(town.ada, REM)
    town.follows(town.ada, EVE)
    quoted = town.note("quote me", author=EVE)
    town.receive(town.activity("Create", quoted, actor=EVE))
    quoting = town.note("look", **{"quote": quoted["id"], "quoteAuthorization": STAMP, **more})
    town.receive(town.activity("Create", quoting))
    return quoted, quoting


def stamp(quoted: dict[str, Any], quoting: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": STAMP, "type": "QuoteAuthorization", "attributedTo": EVE, "interactingObject": quoting["id"],
            "interactionTarget": quoted["id"], **more}


def settle(town: Town, quoted: dict[str, Any], quoting: dict[str, Any], document: dict[str, Any] | None) -> str:
    return town.run(lambda uow: quotes.settle(uow, row(town, quoting["id"]).id, row(town, quoted["id"]).id, document))


def entity(town: Town, uri: str) -> dict[str, Any]:
    return town.db.read_now(lambda session: entities.one(session, row(town, uri), None, town.db.instance.uris))


def answer(town: Town, kind: str, request: dict[str, Any] | str, actor: str = EVE, **more: Any) -> str:
    return town.receive(town.activity(kind, request, actor=actor, **more))


def request(town: Town, quoted: str, instrument: object, actor: str = REM) -> dict[str, Any]:
    return town.activity("QuoteRequest", quoted, actor=actor, instrument=instrument)


def ada_posts(town: Town, **draft: Any) -> str:
    return town.run(lambda uow: publish.create(
        uow, actors.get(uow.session, town.actor(town.ada).id), publish.Draft(**{"text": "by Ada", **draft})).uri)


# ---- BI-200: forged approval
@pytest.mark.parametrize("change", [
    {"interactingObject": "https://remote.example/users/rem/notes/999"}, {"interactionTarget": f"{EVE}/notes/999"},
    {"attributedTo": REM}, {"attributedTo": [EVE, REM]}, {"attributedTo": "https://evil.example/users/other"}, {"type": "Note"},
    {"type": None}, {"id": f"{EVE}/stamps/2"}, {"interactingObject": None}, {"interactionTarget": ["a", "b"]}])
def test_bi_200_a_stamp_for_something_else_approves_nothing(town: Town, change: dict[str, Any]) -> None:
    quoted, quoting = remote_pair(town)
    assert settle(town, quoted, quoting, stamp(quoted, quoting, **change)) == "still pending"
    assert row(town, quoting["id"]).quote_state == "pending"
    assert entity(town, quoting["id"])["quote"] == {"state": "pending", "quoted_status": None}


def test_bi_200_a_stamp_on_the_quoting_host_approves_nothing(town: Town) -> None:
    own = f"{REM}/stamps/1"
    quoted, quoting = remote_pair(town, quoteAuthorization=own)
    assert settle(town, quoted, quoting, stamp(quoted, quoting, id=own)) == "still pending"


def test_bi_200_a_stamp_of_ours_counts_only_as_it_stands_in_our_table(town: Town) -> None:
    mine, other = town.post(), town.post("another")
    town.follows(town.ada, REM)
    note = town.note("x", quote=mine)
    town.receive(request(town, mine, note))
    uri = town.db.read_now(lambda session: session.scalar(select(QuoteAuthorization.uri)))
    for claim in (f"{town.ada}/quote_authorizations/1", uri):
        forged = town.note("y", quote=other, quoteAuthorization=claim)
        town.receive(town.activity("Create", forged))
        assert row(town, forged["id"]).quote_state == "pending"


# ---- BI-201: nobody can foil another's request
def test_bi_201_a_request_for_another_authors_post_is_refused_and_the_right_one_still_works(town: Town) -> None:
    mine = town.post()
    note = town.note("look", quote=mine)
    with pytest.raises(NotOwner):
        town.receive(request(town, mine, note, actor=EVE))
    with pytest.raises(NotOwner):
        town.receive(request(town, mine, {**note, "id": f"{EVE}/notes/1"}, actor=EVE))
    assert town.receive(request(town, mine, note)) == "accepted"
    assert town.db.read_now(lambda session: session.scalars(select(QuoteAuthorization.requester_uri)).all()) == [REM]


def test_bi_201_a_bad_stamp_first_does_not_keep_the_good_one_out(town: Town) -> None:
    quoted, quoting = remote_pair(town, quoteAuthorization=f"{EVE}/stamps/wrong")
    assert settle(town, quoted, quoting, None) == "still pending"
    assert town.receive(town.activity("Update", {**quoting, "quoteAuthorization": STAMP})) == "refreshed"
    planned = town.db.read_now(lambda session: session.scalars(select(Job.key).where(Job.kind == "check_quote")).all())
    assert any(key is not None and key.endswith(STAMP) for key in planned)
    assert settle(town, quoted, quoting, stamp(quoted, quoting)) == "accepted"


# ---- what comes in
def test_an_approved_quote_is_embedded_and_counted(town: Town) -> None:
    quoted, quoting = remote_pair(town)
    assert settle(town, quoted, quoting, stamp(quoted, quoting)) == "accepted"
    shown = entity(town, quoting["id"])["quote"]
    assert (shown["state"], shown["quoted_status"]["uri"]) == ("accepted", quoted["id"])
    assert row(town, quoted["id"]).quotes_count == 1
    town.receive(town.activity("Delete", quoting["id"]))
    assert row(town, quoted["id"]).quotes_count == 0


def test_a_quote_of_oneself_needs_no_consent(town: Town) -> None:
    town.follows(town.ada, REM)
    first = town.note("first")
    town.receive(town.activity("Create", first))
    second = town.note("second", quoteUri=first["id"])
    town.receive(town.activity("Create", second))
    assert row(town, second["id"]).quote_state == "accepted"


def test_a_legacy_quote_stays_a_link(town: Town) -> None:
    quoted, quoting = remote_pair(town, quote=None, quoteAuthorization=None, _misskey_quote=f"{EVE}/notes/1")
    assert row(town, quoting["id"]).quote_state == "pending"
    shown = entity(town, quoting["id"])
    assert shown["quote"] == {"state": "pending", "quoted_status": None}
    assert f'<a href="{quoted["id"]}"' in shown["content"]


def test_a_quoted_post_is_not_shown_to_who_may_not_see_it(town: Town) -> None:
    quoted, quoting = remote_pair(town)
    settle(town, quoted, quoting, stamp(quoted, quoting))
    town.run(lambda uow: setattr(statuses.by_uri(uow.session, quoted["id"]), "visibility", "private"))
    assert entity(town, quoting["id"])["quote"] == {"state": "unauthorized", "quoted_status": None}


def test_a_quote_of_a_quote_is_shown_one_level_deep(town: Town) -> None:
    first = ada_posts(town)
    second = ada_posts(town, quoted_status_id=row(town, first).id)
    third = ada_posts(town, quoted_status_id=row(town, second).id)
    assert entity(town, third)["quote"]["quoted_status"]["quote"] == {
        "state": "accepted", "quoted_status_id": str(row(town, first).id)}


def test_consent_taken_back_elsewhere_hides_the_quote(town: Town) -> None:
    quoted, quoting = remote_pair(town)
    settle(town, quoted, quoting, stamp(quoted, quoting))
    with pytest.raises(NotOwner):
        town.receive(town.activity("Delete", STAMP))
    assert town.receive(town.activity("Delete", STAMP, actor=EVE)) == "quote revoked"
    assert row(town, quoting["id"]).quote_state == "revoked"
    assert row(town, quoted["id"]).quotes_count == 0
    town.receive(town.activity("Update", quoting))
    assert row(town, quoting["id"]).quote_state == "revoked"


def test_an_edit_without_the_quote_takes_it_off(town: Town) -> None:
    quoted, quoting = remote_pair(town)
    settle(town, quoted, quoting, stamp(quoted, quoting))
    plain = {name: value for name, value in quoting.items() if not name.startswith("quote")}
    town.receive(town.activity("Update", plain))
    assert row(town, quoting["id"]).quote_of_uri is None
    assert row(town, quoted["id"]).quotes_count == 0


# ---- asked for our posts
@pytest.mark.parametrize(("visibility", "policy", "follows", "wanted"), [
    ("public", "public", False, "accepted"), ("unlisted", "public", False, "accepted"),
    ("public", "followers", False, "rejected"),
    ("public", "followers", True, "accepted"), ("public", "nobody", True, "rejected"), ("private", "public", True, "rejected"),
    ("direct", "public", False, "rejected")])
def test_the_policy_decides(town: Town, visibility: str, policy: str, follows: bool, wanted: str) -> None:
    if follows:
        town.follows(REM, town.ada)
    mine = ada_posts(town, visibility=visibility, quote_policy=policy)
    asked = request(town, mine, town.note("look", quote=mine))
    assert town.receive(asked) == wanted
    kind = "Accept" if wanted == "accepted" else "Reject"
    sent, = town.sent(kind)
    assert sent["object"]["id"] == asked["id"]
    assert ("result" in sent) == (wanted == "accepted")
    quoting = town.db.read_now(lambda session: statuses.by_uri(session, asked["instrument"]["id"]))
    if wanted == "accepted":
        assert quoting is not None
        assert (quoting.quote_state, quoting.quote_authorization) == ("accepted", sent["result"])
        told = town.db.read_now(lambda session: session.scalars(select(Notification.type)).all())
        assert "quote" in told
    else:
        assert quoting is None


def test_who_asks_again_gets_the_same_stamp_and_a_bare_instrument_is_fetched(town: Town) -> None:
    mine = town.post()
    note = town.note("look", quote=mine)
    asked = request(town, mine, note["id"])
    assert HANDLERS["QuoteRequest"].needs(asked) == [note["id"]]
    assert town.receive(asked) == "ignored: the quoting post cannot be had"
    for _ in range(2):
        assert town.receive(asked, {note["id"]: note}) == "accepted"
    results = [item["result"] for item in town.sent("Accept")]
    assert len(results) == 2
    assert len(set(results)) == 1


def test_a_revoked_quote_is_told_and_not_granted_again(town: Town) -> None:
    mine = town.post()
    asked = request(town, mine, town.note("look", quote=mine))
    town.receive(asked)
    quoting = row(town, asked["instrument"]["id"])
    ada = town.actor(town.ada)
    with pytest.raises(Forbidden):
        town.run(lambda uow: service.revoke(uow, actors.get(uow.session, town.actor(REM).id), row(town, mine).id, quoting.id))
    town.run(lambda uow: service.revoke(uow, actors.get(uow.session, ada.id), row(town, mine).id, quoting.id))
    gone, = town.sent("Delete")
    assert gone["object"]["type"] == "QuoteAuthorization"
    assert gone["object"]["id"] == town.sent("Accept")[0]["result"]
    assert row(town, quoting.uri).quote_state == "revoked"
    assert row(town, mine).quotes_count == 0
    assert town.receive(asked) == "rejected"


# ---- we quote
def quote_eve(town: Town, **more: Any) -> tuple[dict[str, Any], str]:
    """(a post of Eve's, a post of Ada's that quotes it)"""
    town.follows(town.ada, EVE)
    town.follows(REM, town.ada)
    quoted = town.note("quote me", author=EVE, **more)
    town.receive(town.activity("Create", quoted, actor=EVE))
    return quoted, ada_posts(town, quoted_status_id=row(town, quoted["id"]).id)


def test_we_ask_and_show_the_quote_once_it_is_approved(town: Town) -> None:
    quoted, mine = quote_eve(town)
    asked, = town.sent("QuoteRequest")
    assert (asked["object"], asked["instrument"]["id"], asked["instrument"]["quote"]) == (quoted["id"], mine, quoted["id"])
    assert "quoteAuthorization" not in asked["instrument"]
    assert row(town, mine).quote_state == "pending"
    with pytest.raises(NotOwner):
        answer(town, "Accept", asked["id"], actor=REM, result=f"{REM}/stamps/1")
    assert answer(town, "Accept", asked["id"], result=f"{REM}/stamps/1").startswith("ignored")
    assert answer(town, "Accept", asked, result=STAMP) == "stamp to be checked"
    assert row(town, mine).quote_state == "pending"
    assert settle(town, quoted, {"id": mine}, stamp(quoted, {"id": mine})) == "accepted"
    update = town.sent("Update")[0]
    assert update["object"]["quoteAuthorization"] == STAMP
    assert answer(town, "Accept", asked, result=STAMP) == "ignored: known"
    assert answer(town, "Delete", STAMP) == "quote revoked"
    assert "quoteAuthorization" not in town.sent("Update")[-1]["object"]


def test_a_private_quoting_post_is_not_shown_to_the_quoted_author(town: Town) -> None:
    quoted, _ = quote_eve(town)
    mine = ada_posts(town, quoted_status_id=row(town, quoted["id"]).id, visibility="direct", text="between us")
    assert town.sent("QuoteRequest")[-1]["instrument"] == mine


def test_a_chain_of_quotes_is_not_followed(town: Town) -> None:
    eve = town.actor(EVE)
    link = town.note("a link of a chain", author=EVE, quote=f"{EVE}/notes/next", quoteAuthorization=STAMP)
    town.run(lambda uow: remote_posts.store(uow, link, actors.get(uow.session, eve.id), asked=True, deep=False))
    assert row(town, link["id"]).quote_state == "pending"
    assert town.db.read_now(lambda session: session.scalars(
        select(Job.kind).where(Job.kind == "check_quote")).all()) == []


def test_an_answer_that_embeds_the_request_without_its_id_is_understood(town: Town) -> None:
    quoted, mine = quote_eve(town)
    bare = {"type": "QuoteRequest", "actor": town.ada, "object": quoted["id"], "instrument": mine}
    assert town.receive({**town.activity("Reject", bare, actor=EVE)}) == "quote rejected"


def test_a_rejected_quote_stays_a_link(town: Town) -> None:
    quoted, mine = quote_eve(town)
    assert answer(town, "Reject", town.sent("QuoteRequest")[0]["id"]) == "quote rejected"
    shown = entity(town, mine)
    assert shown["quote"] == {"state": "rejected", "quoted_status": None}
    assert quoted["id"] in shown["content"]


@pytest.mark.parametrize(("policy", "allowed"), [
    ({"automaticApproval": ["as:Public"]}, True), ({"manualApproval": "https://www.w3.org/ns/activitystreams#Public"}, True),
    ({"automaticApproval": [f"{EVE}/followers"]}, True), ({"automaticApproval": [EVE]}, False), ({}, False)])
def test_a_remote_authors_policy_is_kept(town: Town, policy: dict[str, Any], allowed: bool) -> None:
    if allowed:
        quote_eve(town, interactionPolicy={"canQuote": policy})
    else:
        with pytest.raises(Forbidden):
            quote_eve(town, interactionPolicy={"canQuote": policy})


def test_local_quotes_follow_the_policy_at_once(town: Town) -> None:
    from fedisora.services import accounts

    bob = town.run(lambda uow: accounts.create(uow, "bob", "bob@example.org", "a fine password").actor_id)
    for policy, number in zip(("public", "nobody"), itertools.count(1), strict=False):
        first = row(town, ada_posts(town, quote_policy=policy))
        draft = publish.Draft(text=f"quote {number}", quoted_status_id=first.id)
        if policy == "nobody":
            with pytest.raises(Forbidden):
                town.run(lambda uow, draft=draft: publish.create(uow, actors.get(uow.session, bob), draft))  # type: ignore[misc]
            continue
        mine = town.run(lambda uow, draft=draft: publish.create(uow, actors.get(uow.session, bob), draft).uri)  # type: ignore[misc]
        assert entity(town, mine)["quote"]["state"] == "accepted"
        assert row(town, first.uri).quotes_count == 1
        told = town.db.read_now(lambda session: session.scalars(select(Notification.type)).all())
        assert told == ["quote"]


def test_private_posts_are_quoted_by_their_author_in_private_only(town: Town) -> None:
    secret = row(town, ada_posts(town, visibility="private"))
    with pytest.raises(Invalid):
        ada_posts(town, quoted_status_id=secret.id)
    assert ada_posts(town, quoted_status_id=secret.id, visibility="private")
    direct = row(town, ada_posts(town, visibility="direct"))
    with pytest.raises(Forbidden):
        ada_posts(town, quoted_status_id=direct.id, visibility="direct")


def test_a_quote_of_a_post_that_is_gone_says_so(town: Town) -> None:
    first = ada_posts(town)
    second = ada_posts(town, quoted_status_id=row(town, first).id)
    town.run(lambda uow: publish.delete(uow, actors.get(uow.session, town.actor(town.ada).id), row(town, first).id))
    assert entity(town, second)["quote"] == {"state": "deleted", "quoted_status": None}
