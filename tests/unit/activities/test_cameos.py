"""The steps of a cameo between servers: who may say what, and what is sent. Foreign, repeated, late and broken messages first."""
from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.db import UnitOfWork
from fedisora.errors import Conflict, Malformed, NotOwner
from fedisora.models import Actor, ConsentRequest, Generation, Job, Likeness, Notification, StampReader
from fedisora.services import consents as use_cases
from fedisora.services import generations
from fedisora.services.cameos import answering, asking, lapsing
from fedisora.store import actors, consents, likenesses
from fedisora.store.paging import Page

from .conftest import EVE, REM, Town

POST = f"{REM}/statuses/9"


def requests(town: Town) -> list[ConsentRequest]:
    return town.db.read_now(lambda session: list(session.scalars(select(ConsentRequest).order_by(ConsentRequest.id))))


def jobs(town: Town, kind: str) -> list[dict[str, Any]]:
    return town.db.read_now(lambda session: [job.payload for job in session.scalars(select(Job).where(Job.kind == kind))])


def asks(town: Town, actor: str = REM, post: str = POST, **instrument: Any) -> dict[str, Any]:
    return town.activity("LikenessRequest", town.ada, actor=actor, instrument={
        "type": "Video", "id": post, "name": "fog", "summary": "a film", "content": "she walks", "duration": "PT5S",
        "width": 720, "height": 1280, **instrument}, to=[town.ada])


def enrol(town: Town, **columns: Any) -> int:
    def insert(uow: UnitOfWork) -> int:
        ada = actors.by_uri(uow.session, town.ada)
        assert ada is not None
        row = Likeness(**{"id": uow.new_id(), "actor_id": ada.id, "kind": "self", "state": "active", "audience": "everyone",
                          "forbidden": "no ads", "picture_key": "x", "picture_secret": b"x", "picture_mime": "image/webp",
                          "created_at": uow.now, "updated_at": uow.now, **columns})
        uow.session.add(row)
        uow.session.flush()
        return row.id

    return town.run(insert)


def consider(town: Town) -> str:
    return town.run(lambda uow: answering.consider(uow, requests(town)[-1].id))


def asked(town: Town) -> tuple[Generation, ConsentRequest]:
    """Ada asks Rem for his likeness."""
    def write(uow: UnitOfWork) -> int:
        ada, rem = (actors.by_uri(uow.session, uri) for uri in (town.ada, REM))
        assert ada is not None
        assert rem is not None
        row = asking.ask(uow, ada, asking.Wish(rem.id, "a film", accepts=True, forbidden="no ads"),
                         asking.plan("he walks", seconds=5))
        row.state = "screening"
        uow.session.flush()
        asking.screened(uow, row)
        return row.id

    row_id = town.run(write)
    return town.db.read_now(lambda session: session.get_one(Generation, row_id)), requests(town)[-1]


def offer(town: Town, request: ConsentRequest, actor: str = REM, **video: Any) -> dict[str, Any]:
    return town.activity("Offer", {"type": "Video", "id": f"{actor}#drafts/1", "mediaType": "video/mp4",
                                   "url": f"{actor.partition('/users')[0]}/cameos/1/abc.mp4", "digestMultibase": "zQmabc",
                                   **video}, actor=actor, target=request.uri)


# ---- asked by others
def test_whose_post_it_is_to_be_asks_and_nobody_else(town: Town) -> None:
    enrol(town)
    with pytest.raises(NotOwner):
        town.receive(asks(town, actor=EVE))
    assert town.receive(asks(town)) == "to be looked at"
    with pytest.raises(NotOwner):
        town.receive({**asks(town, actor=EVE), "id": requests(town)[0].uri})
    for broken in ({"id": None}, {"digestMultibase": 7}, {"tag": [{"id": f"{town.ada}/characters/77"}]},
                   {"tag": [{"id": f"{REM}/characters/1"}]}):
        with pytest.raises(Malformed):
            town.receive(asks(town, **{"post": f"{REM}/statuses/10", **broken}) if "id" not in broken else
                         town.activity("LikenessRequest", town.ada, instrument={"type": "Video"}))
    assert len(requests(town)) == 1
    wild = asks(town, post=f"{REM}/statuses/11", duration="PT99999999H", width=10**9, height=True, content="x" * 5000)
    town.receive(wild)
    row = requests(town)[-1]
    assert (row.parameters, len(row.prompt)) == ({}, 1000)


def test_rules_answer_with_a_no_and_never_with_a_yes(town: Town) -> None:
    likeness = enrol(town, audience="nobody")
    town.receive(asks(town))
    assert consider(town) == "rejected"
    (sent,) = town.sent("Reject")
    assert sent["summary"] == "They take no requests for this."
    town.run(lambda uow: setattr(uow.session.get_one(Likeness, likeness), "audience", "everyone"))
    town.receive(asks(town, post=f"{REM}/statuses/10"))
    assert consider(town) == "waiting for the owner"
    assert town.sent("Accept") == []
    # who asks again is answered again, and gets no second question
    town.receive(asks(town))
    assert len(town.sent("Reject")) == 2
    # one whom she always agrees to still gets no stamp by a rule
    town.run(lambda uow: likenesses.set_person(uow, town.actor(town.ada).id, town.actor(REM).id, likenesses.ALWAYS))
    town.receive(asks(town, post=f"{REM}/statuses/12"))
    assert consider(town) == "agreed"
    (accept,) = town.sent("Accept")
    assert "result" not in accept
    town.receive(asks(town, post=f"{REM}/statuses/13", digestMultibase="zQmabc", url=f"{REM}/9.mp4"))
    assert consider(town) == "waiting for the owner", "a finished file is always looked at"


def test_what_is_undone_or_denied_stays_so(town: Town) -> None:
    enrol(town)
    activity = asks(town)
    town.receive(activity)
    with pytest.raises(NotOwner):
        town.receive(town.activity("Undo", {"type": "LikenessRequest", "id": activity["id"]}, actor=EVE))
    assert town.receive(town.activity("Undo", {"type": "LikenessRequest", "id": activity["id"]})) == "request withdrawn"
    assert consider(town).startswith("ignored")
    assert town.receive(activity) == "ignored: withdrawn before"
    # an Undo that overtakes its request; of a stranger's it is nothing
    early = asks(town, post=f"{REM}/statuses/8")
    about = {"type": "LikenessRequest", "id": early["id"]}
    assert town.receive(town.activity("Undo", about, actor=EVE)).startswith("ignored")
    assert town.receive(town.activity("Undo", about)) == "remembered"
    assert town.receive(early) == "ignored: withdrawn before"
    town.receive(asks(town, post=f"{REM}/statuses/10"))
    consider(town)
    row = requests(town)[-1]
    town.act(lambda uow, ada: use_cases.refuse(uow, ada, row.id, block=True), town.ada)
    assert [item["summary"] for item in town.sent("Reject")] == [answering.DENIED], "a no as any other"


def test_whoever_is_not_heard_any_more_cannot_tell(town: Town) -> None:
    enrol(town)
    ada, rem = town.actor(town.ada), town.actor(REM)
    town.run(lambda uow: likenesses.set_person(uow, ada.id, rem.id, likenesses.BLOCKED))
    for digest in ({}, {"digestMultibase": "zQmabc", "url": f"{REM}/9.mp4"}):
        town.receive(asks(town, **digest, post=f"{REM}/statuses/{len(digest)}"))
        assert consider(town) == answering.UNHEARD
    row = requests(town)[-1]
    assert (row.state, town.sent("Reject"), town.sent("Accept")) == ("pending", [], [])

    def seen() -> tuple[int, int, int]:
        return town.db.read_now(lambda session: (consents.waiting(session, ada.id), len(consents.inbox(session, ada.id, Page())),
                                                 len(session.scalars(select(Notification.id)).all())))

    assert seen() == (0, 0, 0)
    assert town.run(lambda uow: answering.compared(uow, row.id, "a" * 64)) == answering.UNHEARD
    for use_case in (use_cases.say_yes, use_cases.grant):
        with pytest.raises(Conflict):
            town.act(lambda uow, owner, use=use_case: use(uow, owner, row.id), town.ada)
    # as when she had not looked
    later(town, 31)
    assert town.run(lapsing.sweep) == 2
    assert {item["summary"] for item in town.sent("Reject")} == {lapsing.UNANSWERED}


# ---- asked by us
def test_what_is_asked_says_what_is_to_be_made_and_nothing_more(town: Town) -> None:
    row, request = asked(town)
    assert (row.state, request.state) == ("asked", "pending")
    (sent,) = town.sent("LikenessRequest")
    assert sent["object"] == REM
    assert sent["instrument"] == {"type": "Video", "id": request.object_uri, "name": "he walks", "summary": "a film",
                                  "content": "he walks", "duration": "PT5S", "width": 720, "height": 1280}
    town.act(lambda uow, ada: generations.cancel(uow, ada, row.id), town.ada)
    (undo,) = town.sent("Undo")
    assert undo["object"]["id"] == request.uri
    assert town.receive(town.activity("Accept", {"type": "LikenessRequest", "id": request.uri})).startswith("ignored")
    assert town.receive(offer(town, request)) == "ignored: not waited for"


def test_only_whom_we_asked_answers_and_offers(town: Town) -> None:
    row, request = asked(town)
    about = {"type": "LikenessRequest", "id": request.uri}
    for kind in ("Accept", "Reject"):
        with pytest.raises(NotOwner):
            town.receive(town.activity(kind, about, actor=EVE))
    with pytest.raises(NotOwner):
        town.receive(offer(town, request, actor=EVE))
    with pytest.raises(NotOwner):
        town.receive(offer(town, request, url="https://evil.example/x.mp4"))
    for broken in ({"digestMultibase": None}, {"url": None}, {"type": "Note"}, {"digestMultibase": "z" * 99},
                   {"url": "file:///etc/passwd"}):
        with pytest.raises(Malformed):
            town.receive(offer(town, request, **broken))
    assert town.receive({**offer(town, request), "target": f"{town.ada}/requests/1"}) == "ignored: no such request of ours"
    assert jobs(town, "fetch_cameo") == []
    assert town.receive(town.activity("Accept", about)) == "agreed, to be rendered"
    assert town.receive(town.activity("Accept", about)) == "ignored: known"
    assert town.receive(offer(town, request)) == "draft to be fetched"
    assert town.receive(offer(town, request)) == "ignored: known"
    assert [job["request_id"] for job in jobs(town, "fetch_cameo")] == [request.id]
    assert town.receive(town.activity("Reject", about, summary="Changed my mind.")) == "consent refused"
    now = town.db.read_now(lambda session: session.get_one(Generation, row.id))
    assert (now.state, now.code, now.error) == ("rejected", "consent-refused", "Changed my mind.")


def test_an_offer_may_overtake_its_accept(town: Town) -> None:
    _, request = asked(town)
    assert town.receive(offer(town, request)) == "draft to be fetched"
    assert town.receive(town.activity("Accept", {"type": "LikenessRequest", "id": request.uri})) == "ignored: known"
    assert requests(town)[-1].state == "offered"


# ---- a stamp
def test_every_server_that_fetched_a_stamp_hears_that_it_is_taken_back(town: Town) -> None:
    enrol(town)
    town.receive(asks(town, digestMultibase="zQmabc", url=f"{REM}/9.mp4"))
    row = requests(town)[-1]
    stamp = town.act(lambda uow, ada: use_cases.grant(uow, ada, row.id), town.ada)
    assert town.sent("Accept")[-1]["result"] == stamp.uri

    def read(uow: UnitOfWork) -> None:
        eve = actors.by_uri(uow.session, EVE)
        assert eve is not None
        assert consents.to_note(uow.session, stamp.id, eve, uow.now)
        consents.note_reader(uow, stamp.id, eve)
        assert not consents.to_note(uow.session, stamp.id, eve, uow.now)
        consents.note_reader(uow, stamp.id, eve)

    town.run(read)
    assert len(town.db.read_now(lambda session: session.scalars(select(StampReader)).all())) == 1
    town.act(lambda uow, ada: use_cases.revoke(uow, ada, stamp.id), town.ada)
    sent = [item for item in town.sent("Delete") if item["object"]["id"] == stamp.uri]
    assert len(sent) == 2, "whoever asked, and whoever fetched it"
    heard = town.db.read_now(lambda session: consents.arrivals(
        session, consents.stamp(session, stamp.uri), next(iter([item["id"] for item in sent]))))
    assert {item.host: item.state for item in heard} == {"remote.example": "waiting", "evil.example": "waiting"}
    # asked for the same post again, it is not given again
    town.receive(asks(town, digestMultibase="zQmother", url=f"{REM}/9.mp4"))
    assert requests(town)[-1].state == "rejected"
    assert isinstance(town.actor(town.ada), Actor)


# ---- no answer at all
def later(town: Town, days: float) -> None:
    """So much time passes for every request."""
    def write(uow: UnitOfWork) -> None:
        for row in uow.session.scalars(select(ConsentRequest)):
            for name in ("created_at", "answered_at", "seen_at"):
                if getattr(row, name) is not None:
                    setattr(row, name, getattr(row, name) - dt.timedelta(days=days))

    town.run(write)


def test_what_is_not_answered_runs_out_and_whoever_asked_hears_it(town: Town) -> None:
    enrol(town)
    activity = asks(town)
    town.receive(activity)
    consider(town)
    later(town, 29)
    assert (town.run(lapsing.sweep), requests(town)[-1].state) == (0, "pending")
    later(town, 2)
    assert town.run(lapsing.sweep) == 1
    assert (requests(town)[-1].state, [item["summary"] for item in town.sent("Reject")]) == ("rejected", [lapsing.UNANSWERED])
    assert town.run(lapsing.sweep) == 0
    # a draft that its owner never looked at
    town.receive(asks(town, post=f"{REM}/statuses/10"))
    row = requests(town)[-1]
    town.act(lambda uow, ada: answering.agree(uow, ada, row.id), town.ada)
    later(town, 31)
    assert town.run(lapsing.sweep) == 1
    assert (requests(town)[-1].state, len(town.sent("Reject"))) == ("rejected", 2)


def test_a_server_that_stays_silent_does_not_keep_a_place_for_ever(town: Town) -> None:
    row, request = asked(town)
    later(town, 30.5)
    assert town.run(lapsing.sweep) == 0, "its server may say so itself"
    later(town, 1)
    assert town.run(lapsing.sweep) == 1
    now = town.db.read_now(lambda session: session.get_one(Generation, row.id))
    assert (now.state, now.code, now.error) == ("rejected", "consent-refused", lapsing.UNANSWERED)
    assert [item["object"]["id"] for item in town.sent("Undo")] == [request.uri]
    assert town.db.read_now(lambda session: session.scalars(select(Notification.type)).all()) == ["consent.answer"]
    assert town.receive(town.activity("Accept", {"type": "LikenessRequest", "id": request.uri})) == "ignored: known"
    assert town.receive(offer(town, request)) == "ignored: not waited for"
    # offered, and never to be had
    row, request = asked(town)
    town.receive(offer(town, request))
    later(town, 8)
    town.run(lapsing.sweep)
    assert town.db.read_now(lambda session: session.get_one(Generation, row.id)).code == "cameo-broken"
