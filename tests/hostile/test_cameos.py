"""Cameos with servers that lie: what they send changes nothing, and who is honest is served afterwards as before."""
from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from fedisora.activities import consents as rules
from fedisora.db import UnitOfWork
from fedisora.models import ConsentRequest
from fedisora.serializers.activitypub.actor import from_activitypub
from fedisora.store import actors
from tests.hostile.scene import Scene, answer
from tests.hostile.signing import Cavage
from tests.support import cameos as support
from tests.support.instances import eventually, unique
from tests.support.liars import OURS, Asked, Home, digest_of
from tests.support.pictures import clip, png
from tests.support.remote import RemoteActor

INWARD = "127.0.0.2"
"""An address that this instance must not reach."""


@pytest.fixture(scope="module")
def module_settings() -> dict[str, str]:
    return {"allow_private_network": "127.0.0.1/32", "generation_jobs_per_user": "50"}


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What an honest server has made."""
    return clip(tmp_path_factory.mktemp("draft") / "draft.mp4", width=64, height=64, frames=12).read_bytes()


@pytest.fixture
def home() -> Iterator[Home]:
    with Home() as found:
        yield found


@pytest.fixture
def third() -> Iterator[Home]:
    with Home() as found:
        yield found


@pytest.fixture(scope="module")
def likeness(scene: Scene) -> int:
    """Lena may be shown by everyone who asks."""
    with support.behind(scene.instance) as house, tempfile.TemporaryDirectory() as folder:
        owner = house.db.read_now(lambda session: actors.by_uri(session, scene.local.actor))
        assert owner is not None
        return support.enrol(house, owner.id, Path(folder))


def stolen(scene: Scene, activity: dict[str, Any], thief: RemoteActor) -> int:
    """Send somebody's activity with another one's key, under the other's name for the key and under the right one."""
    body = json.dumps(activity).encode()
    statuses = set()
    for key_id in (f"{activity['actor']}#main-key", thief.key_id):
        statuses.add(scene.post(scene.inbox, body, Cavage(key_id=key_id, key=thief.key).headers(thief, scene.inbox, body)))
    (status,) = statuses
    return status


# ---- we have asked
def test_nobody_but_who_was_asked_answers_or_offers(scene: Scene, home: Home, third: Home, video: bytes) -> None:
    sue, neighbour, stranger = home.subject(), home.subject("nell", key=1), third.subject("eve", key=1)
    asked = Asked(scene, home, sue)
    theirs = third.file(video)
    for liar in (neighbour, stranger):
        place = home if liar is neighbour else third
        for kind in ("Accept", "Reject"):
            scene.deliver(liar, asked.answer(kind, liar, result=place.stamp(liar, {"attributedTo": liar.uri})), 202, 403)
        scene.deliver(liar, asked.offer(place.file(video), digest_of(video), liar), 202, 403)
    for kind in ("Accept", "Reject", "Offer"):
        forged = asked.offer(home.file(video), digest_of(video)) if kind == "Offer" else asked.answer(kind)
        assert stolen(scene, forged, neighbour) == 401
        assert stolen(scene, forged, stranger) == 401
    # hers, about nothing that she was asked
    scene.deliver(sue, {**asked.answer("Accept"), "object": f"{scene.local.actor}/requests/1"}, 202, 403)
    scene.deliver(sue, {**asked.offer(home.file(video), digest_of(video)), "target": f"{scene.local.actor}/requests/1"}, 202)
    # and an Offer that she may make of what is not hers to offer
    for url, digest in ((theirs, digest_of(video)), (f"http://{INWARD}/1.mp4", "zQm1"), (f"{scene.instance.base}/x.mp4", "zQm1"),
                        ("file:///etc/passwd", "zQm1"), (home.file(video), "z" * 99)):
        scene.deliver(sue, asked.offer(url, digest), 202, 403)
    assert asked.state() == ("pending", "asked")
    assert home.asked("/cameos/*") == third.asked("/cameos/*") == home.asked("/stamps/*") == third.asked("/stamps/*") == 0
    # the honest answers still count, each once
    scene.deliver(sue, asked.answer("Accept"))
    assert asked.state() == ("agreed", "asked")
    scene.deliver(sue, asked.answer("Reject", summary="I thought better of it."))
    assert asked.state() == ("rejected", "rejected")
    for late in (asked.answer("Accept"), asked.offer(home.file(video), digest_of(video))):
        scene.deliver(sue, late)
    assert asked.state() == ("rejected", "rejected")
    assert home.asked("/cameos/*") == 0


def redirect(target: str) -> Callable[[BaseHTTPRequestHandler], None]:
    return answer(302, Location=target)


@pytest.mark.parametrize("lie", ["other bytes", "too large", "too large by its word", "no video", "broken", "a picture",
                                 "inward", "to us", "elsewhere", "in circles", "gone", "forbidden"])
def test_an_offer_that_is_not_what_it_says(lie: str, scene: Scene, home: Home, third: Home, video: bytes) -> None:
    sue = home.subject()
    asked = Asked(scene, home, sue)
    url, named = f"{home.base}/cameos/lie.mp4", digest_of(video)
    data = {"no video": b"<html>no video</html>" * 99, "broken": video[:len(video) // 2], "a picture": png(64, 64)}.get(lie)
    if data is not None:
        named = digest_of(data)
    home.answers["/cameos/lie.mp4"] = {
        "other bytes": answer(200, video + b"\0", "video/mp4"),
        "too large": answer(200, b"\0" * 100, "video/mp4", Content_Encoding="gzip"),  # damaged, too
        "too large by its word": _claims(400 << 20), "inward": redirect(f"http://{INWARD}/cameos/1.mp4"),
        "to us": redirect(f"{scene.instance.base}/livez"), "elsewhere": redirect(third.file(video)), "in circles": redirect(url),
        "gone": answer(410), "forbidden": answer(403)}.get(lie) or answer(200, data or b"", "video/mp4")
    scene.deliver(sue, asked.answer("Accept"))
    before = scene.rows("media"), scene.rows("notifications", "type = 'cameo.draft'")
    scene.deliver(sue, asked.offer(url, named))
    asked.becomes("withdrawn", "failed")
    assert scene.local.get(f"{OURS}/generations/{asked.job}")["code"] == "cameo-broken"
    assert (scene.rows("media"), scene.rows("notifications", "type = 'cameo.draft'")) == before
    assert third.asked("/cameos/*") == 0
    # her server hears that nobody waits for it any more; a second try comes too late
    eventually(lambda: [item for item in home.activities("Undo") if item["object"]["id"] == asked.uri], what="the Undo")
    scene.deliver(sue, asked.offer(home.file(video), digest_of(video)))
    assert asked.state() == ("withdrawn", "failed")


def _claims(size: int) -> Callable[[BaseHTTPRequestHandler], None]:
    """So many bytes, by its own word."""
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(size))
        handler.end_headers()
        with suppress(OSError):
            handler.wfile.write(b"\0" * 4096)

    return send


def test_an_offer_that_drips_holds_up_nobody(scene: Scene, home: Home, third: Home, video: bytes) -> None:
    slow, quick = Asked(scene, home, home.subject()), Asked(scene, third, third.subject("ida"))

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with suppress(OSError):
            while not home.release.is_set():
                handler.wfile.write(b"\0")
                time.sleep(0.2)  # the sender's pace

    home.answers["/cameos/drip.mp4"] = drip
    scene.deliver(slow.sue, slow.offer(f"{home.base}/cameos/drip.mp4", digest_of(video)))
    eventually(lambda: home.asked("/cameos/drip.mp4"), what="the drip began")
    scene.deliver(quick.sue, quick.offer(third.file(video), digest_of(video)))
    eventually(lambda: quick.state() == ("offered", "draft"), seconds=10, what="the honest draft, while it drips")
    assert slow.state() == ("offered", "asked")
    assert not home.release.is_set()
    scene.local.post(f"{OURS}/generations/{slow.job}/cancel")
    assert slow.state() == ("withdrawn", "cancelled")
    scene.local.post(f"{OURS}/generations/{quick.job}/discard")


def test_offers_again_and_too_late(scene: Scene, home: Home, video: bytes) -> None:
    sue = home.subject()
    first, second = Asked(scene, home, sue), Asked(scene, home, sue)
    # before its Accept, which is on the way; then all of it again
    offer, url = second.offer(home.file(video), digest_of(video)), home.file(video)
    for message in (offer, second.answer("Accept"), offer, second.offer(url, digest_of(video)), second.answer("Accept")):
        scene.deliver(sue, message)
    second.becomes("offered", "draft")
    assert scene.rows("media", "generation_id = :job", job=int(second.job)) == 1
    assert home.asked("/cameos/*") == 1, "fetched once, from the first Offer's address"
    # after it was taken back
    scene.local.post(f"{OURS}/generations/{first.job}/cancel")
    for message in (first.answer("Accept"), first.offer(url, digest_of(video)), first.answer("Reject")):
        scene.deliver(sue, message)
    assert first.state() == ("withdrawn", "cancelled")
    assert home.asked("/cameos/*") == 1
    # thrown away, it is open on neither side
    scene.local.post(f"{OURS}/generations/{second.job}/discard")
    assert second.state() == ("withdrawn", "discarded")
    eventually(lambda: {item["object"]["id"] for item in home.activities("Undo")} == {first.uri, second.uri}, what="both undone")


def test_stamps_that_are_not_hers_or_not_for_this(scene: Scene, home: Home, third: Home, video: bytes) -> None:
    """From the draft to the published post, with every wrong stamp in between."""
    sue, neighbour, stranger = home.subject(), home.subject("nell", key=1), third.subject("eve", key=1)
    asked = Asked(scene, home, sue)
    scene.deliver(sue, asked.offer(home.file(video), digest_of(video)))
    asked.becomes("offered", "draft")
    post = scene.local.post(f"{OURS}/generations/{asked.job}/publish", text="fog")
    second: dict[str, Any] = eventually(lambda: [item for item in home.activities("LikenessRequest")
                                                 if "digestMultibase" in item["instrument"]], what="the second request")[0]
    assert second["instrument"]["id"] == post["uri"] and second["id"] != asked.uri
    right = {"attributedTo": sue.uri, "interactingObject": post["uri"], "interactionTarget": sue.uri,
             "digestMultibase": second["instrument"]["digestMultibase"]}

    def accept(stamp: str | None, by: RemoteActor = sue) -> dict[str, Any]:
        return by.activity("Accept", {"type": "LikenessRequest", "id": second["id"]}, **({"result": stamp} if stamp else {}))

    def hidden() -> bool:
        scene.jobs_done("check_consent")
        row = scene.status(post["uri"])
        return row is not None and not row.published

    for wrong in ({"interactingObject": f"{scene.local.actor}/statuses/1"}, {"interactionTarget": neighbour.uri},
                  {"digestMultibase": digest_of(b"other")}, {"digestMultibase": None}, {"attributedTo": neighbour.uri},
                  {"endTime": "2026-01-01T00:00:00Z"}, {"endTime": "never"}, {"type": "RemixAuthorization"},
                  {"type": "Tombstone"}, {"id": f"{home.base}/stamps/0"}):
        scene.deliver(sue, accept(home.stamp(sue, {**right, **wrong})))
        assert hidden(), wrong
    for stamp in (home.stamp(neighbour, right), home.stamp(None, right), home.stamp(stranger, right, third.keys),
                  third.stamp(sue, right, home.keys), f"{home.base}/stamps/none", f"{scene.instance.base}/stamps/1", None):
        scene.deliver(sue, accept(stamp))
        assert hidden(), stamp
    moved = home.stamp(sue, right)
    home.answers[moved.removeprefix(home.base)] = redirect(third.stamp(sue, {**right, "id": moved}, home.keys))
    scene.deliver(sue, accept(moved))
    assert hidden(), "a stamp that lies elsewhere"
    good = home.stamp(sue, right)
    for liar in (neighbour, stranger):
        scene.deliver(liar, accept(good, liar), 202, 403)
        scene.deliver(liar, liar.activity("Reject", second, summary="no"), 202, 403)
    assert stolen(scene, accept(good), neighbour) == 401
    assert hidden(), "even the right one, when somebody else names it"
    assert scene.sql("SELECT state FROM consent_requests WHERE uri = :uri", uri=second["id"])[0][0] == "pending"
    # hers
    scene.deliver(sue, accept(good))
    eventually(lambda: scene.local.get(f"/api/v1/statuses/{post['id']}")["fedisora"]["published"], what="published")

    def shown() -> bool:
        scene.jobs_done("check_consent")
        return not scene.local.get(f"/api/v1/statuses/{post['id']}")["fedisora"]["remix"]["hidden"]

    grave = {"id": good, "type": "Tombstone", "formerType": "LikenessAuthorization"}
    for liar in (neighbour, stranger):
        scene.deliver(liar, liar.activity("Delete", grave), 202, 403)
        scene.deliver(liar, liar.activity("Update", {**right, "id": good, "type": "LikenessAuthorization",
                                                     "endTime": "2026-01-01T00:00:00Z"}), 202, 403)
        assert shown(), liar.uri
    scene.deliver(sue, accept(home.stamp(sue, {**right, "digestMultibase": digest_of(b"other")})))
    assert stolen(scene, sue.activity("Delete", grave), stranger) == 401
    scene.deliver(sue, accept(good))
    assert shown()
    home.gone.add(good.removeprefix(home.base))
    scene.deliver(sue, sue.activity("Delete", grave))
    assert not shown()


# ---- others ask us
def asks(who: RemoteActor, whom: str, post: str, *, request: str = "", **instrument: Any) -> dict[str, Any]:
    return {**who.activity("LikenessRequest", whom, to=[whom], instrument={
        "type": "Video", "id": post, "name": "fog", "summary": "a film", "content": "she walks", "duration": "PT1S", "width": 320,
        "height": 320, **instrument}), "id": request or f"{who.uri}/requests/{unique('r')}"}


def waiting(scene: Scene) -> dict[str, dict[str, Any]]:
    """What lena is asked and has not answered, by the post to be."""
    scene.jobs_done("render_cameo")
    scene.jobs_done("compare_cameo")
    return {row["object"]: row for row in scene.local.get(f"{OURS}/consent/requests", state="pending", limit=80)}


def refuse_all(scene: Scene) -> None:
    for row in waiting(scene).values():
        scene.local.post(f"{OURS}/consent/requests/{row['id']}/refuse", reason="No.")


def test_requests_that_are_not_the_senders_to_make(scene: Scene, likeness: int, home: Home, third: Home) -> None:
    me, bob = scene.local.actor, home.subject("bob")
    neighbour, stranger = home.subject("nell", key=1), third.subject("eve", key=1)
    post, number = f"{bob.uri}/statuses/1", scene.rows("consent_requests")
    honest = asks(bob, me, post)
    for liar in (neighbour, stranger):
        assert stolen(scene, honest, liar) == 401
    for lie in (asks(bob, me, f"{stranger.uri}/statuses/1"), asks(bob, me, post, request=f"{stranger.uri}/requests/1"),
                asks(bob, me, f"{me}/statuses/1"), asks(bob, me, post, attributedTo=neighbour.uri),
                asks(bob, stranger.uri, post), asks(bob, f"{scene.instance.base}/actor", post), asks(bob, f"{me}/", post),
                asks(bob, f"{me}/characters/1", post), asks(bob, me, post, digestMultibase={"a": 1}),
                asks(bob, me, post, tag=[{"id": f"{me}/characters/{2**70}"}]), asks(bob, me, post, id=None),
                {**asks(bob, me, post), "instrument": post}, {**asks(bob, me, post), "instrument": [{"id": post}, {"id": post}]}):
        scene.deliver(bob, lie, 202, 400, 403)
    assert scene.rows("consent_requests") == number
    # the honest one, and then others about the same post or under the same id
    scene.deliver(bob, honest)
    assert set(waiting(scene)) == {post}
    for lie, by in ((asks(neighbour, me, post), neighbour),
                    (asks(neighbour, me, f"{neighbour.uri}/1", request=honest["id"]), neighbour),
                    (asks(bob, me, f"{bob.uri}/statuses/2", request=honest["id"]), bob)):
        scene.deliver(by, lie, 202, 403)
    for liar in (neighbour, stranger):
        for about in (honest["id"], {"type": "LikenessRequest", "id": honest["id"]}):
            scene.deliver(liar, liar.activity("Undo", about), 202, 403)
            scene.deliver(liar, liar.activity("Delete", about), 202, 403)
        for kind in ("Accept", "Reject"):
            scene.deliver(liar, liar.activity(kind, {"type": "LikenessRequest", "id": honest["id"]}), 202, 403)
    assert set(waiting(scene)) == {post}
    row = waiting(scene)[post]
    assert (row["prompt"], row["use"]) == ("she walks", "a film")
    # answered, it is answered in the same way however often it is sent, and asked no second time
    scene.local.post(f"{OURS}/consent/requests/{row['id']}/refuse", reason="Not in fog.")
    for again in (honest, {**honest, "id": f"{bob.uri}/requests/{unique('r')}"}, asks(bob, me, post, name="other words")):
        scene.deliver(bob, again)
    assert waiting(scene) == {}
    eventually(lambda: len(home.activities("Reject")) >= 3, what="answered again")
    assert {item["summary"] for item in home.activities("Reject")} == {"Not in fog."}
    scene.deliver(bob, bob.activity("Undo", {"type": "LikenessRequest", "id": honest["id"]}))
    scene.deliver(bob, asks(bob, me, f"{bob.uri}/statuses/3"))
    assert set(waiting(scene)) == {f"{bob.uri}/statuses/3"}
    refuse_all(scene)


def test_a_flood_takes_the_places_of_its_own_server_alone(scene: Scene, likeness: int, home: Home, third: Home) -> None:
    me, bob, friend = scene.local.actor, third.subject("bob"), home.subject("friend")
    many = [home.subject("bot", key=1) for _ in range(5)]
    scene.deliver(many[0], asks(many[0], me, f"{many[0].uri}/1"))

    def fill(uow: UnitOfWork) -> None:
        """As if so many accounts of that server had asked."""
        owner = actors.by_uri(uow.session, me)
        assert owner is not None
        for number in range(rules.MOST_OF_A_SERVER - 3):
            account = actors.upsert_remote(uow, from_activitypub(RemoteActor(home.base, f"b{number}").document()))
            uow.session.add(ConsentRequest(
                id=uow.new_id(), uri=f"{home.base}/bots/r/{number}", kind="likeness", owner_id=owner.id, requester_id=account.id,
                target_uri=me, object_uri=f"{home.base}/bots/p/{number}", name="flood", state="pending", created_at=uow.now))

    with support.behind(scene.instance) as house:
        house.db.write_now(fill)
    for bot in many[1:]:
        scene.deliver(bot, asks(bot, me, f"{bot.uri}/1"))
    eventually(lambda: len(home.activities("Reject")) == 2, what="two found no place")
    assert {item["summary"] for item in home.activities("Reject")} == {rules.TOO_MANY_THERE}
    assert scene.rows("consent_requests", "object_uri LIKE :them AND state != 'pending'", them=f"{home.base}%") == 0
    scene.deliver(bob, asks(bob, me, f"{bob.uri}/1"))
    assert f"{bob.uri}/1" in waiting(scene), "another server's"
    account = scene.local.resolve(f"@{friend.name}@{home.host}")
    scene.local.http.put(f"{OURS}/likeness/people/{account['id']}", json={"decision": "approved"}).raise_for_status()
    scene.deliver(friend, asks(friend, me, f"{friend.uri}/1"))
    assert f"{friend.uri}/1" in waiting(scene), "whom she approved"
    # who found no place is heard when there is one
    scene.sql("UPDATE consent_requests SET state = 'withdrawn' WHERE name = 'flood'")
    late = many[-1]
    scene.deliver(late, asks(late, me, f"{late.uri}/1"))
    assert f"{late.uri}/1" in waiting(scene)
    refuse_all(scene)


@pytest.mark.parametrize("lie", ["other bytes", "inward", "to us", "too large", "another video", "no video"])
def test_a_finished_file_that_is_not_what_she_saw_gets_no_stamp(lie: str, scene: Scene, likeness: int, home: Home,
                                                               video: bytes) -> None:
    me, bob = scene.local.actor, home.subject("bob")
    post, url = f"{bob.uri}/statuses/1", f"{home.base}/cameos/finished.mp4"
    scene.deliver(bob, asks(bob, me, post))
    assert post in waiting(scene)
    # as if it had been made here, and she had let it go
    scene.sql("UPDATE consent_requests SET state = 'offered', content_digest = :digest, seen_at = created_at, likeness_id = :row "
              "WHERE object_uri = :post", digest="a" * 64, post=post, row=likeness)
    data = b"no video" * 99 if lie == "no video" else video
    home.answers["/cameos/finished.mp4"] = {
        "other bytes": answer(200, video + b"\0", "video/mp4"), "inward": redirect(f"http://{INWARD}/1.mp4"),
        "to us": redirect(f"{scene.instance.base}/livez"), "too large": _claims(400 << 20)}.get(
            lie) or answer(200, data, "video/mp4")
    scene.deliver(bob, asks(bob, me, post, digestMultibase=digest_of(data), url=url, mediaType="video/mp4"))
    assert post in waiting(scene), "put before her as a new question"
    assert scene.rows("consent_stamps") == 0
    assert home.activities("Accept") == []
    refuse_all(scene)
