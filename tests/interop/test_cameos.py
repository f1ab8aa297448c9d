"""Three real instances: one makes a video, one is the home of the person who is shown, one looks at it."""
from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from fedisora.db import UnitOfWork
from fedisora.models import Actor, ConsentRequest, ConsentStamp, Lineage
from fedisora.store import jobs
from tests.support import cameos as support
from tests.support.instances import Api, InstanceProcess, eventually

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("cameos")]  # its servers start once
OURS = "/api/fedisora/v1"
ACTIVITY = {"Accept": "application/activity+json"}


@dataclass
class Trio:
    """cleo@c makes videos, sue@s may be shown, vic@v follows cleo."""

    cleo: Api
    sue: Api
    vic: Api
    likeness: int

    def allow(self, **columns: Any) -> None:
        """Change who may ask."""
        with support.behind(self.sue.instance) as house:
            support.change(house, self.likeness, **columns)

    def ask(self, **more: Any) -> httpx.Response:
        return self.cleo.http.post(f"{OURS}/generations", json={
            "prompt": "she walks through fog", "likeness_of": f"@{self.sue.handle}", "intended_use": "a short film",
            "accepts_terms": True, "orientation": "square", "seconds": 1, **more})

    def state(self, job: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.cleo.get(f"{OURS}/generations/{job['id']}")
        return found

    def asked(self, state: str = "pending") -> dict[str, Any]:
        """What sue is asked."""
        found: dict[str, Any] = eventually(lambda: self.sue.get(f"{OURS}/consent/requests", state=state),
                                           what=f"a request at sue's that is {state}")[0]
        return found

    def previewed(self) -> dict[str, Any]:
        """A request whose draft sue can look at."""
        def shown() -> dict[str, Any] | None:
            found = self.sue.get(f"{OURS}/consent/requests", state="agreed")
            return found[0] if found and found[0]["preview_url"] else None

        found: dict[str, Any] = eventually(shown, seconds=90, what="the draft at sue's")
        return found

    def published(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """A cameo that is published: (its post at cleo's, its copy at vic's)."""
        job = self.ask().json()
        self.sue.post(f"{OURS}/consent/requests/{self.asked()['id']}/grant")
        request = self.previewed()
        assert self.sue.get("/api/v1/notifications", **{"types[]": "cameo.draft"})
        self.sue.post(f"{OURS}/consent/requests/{request['id']}/grant")
        eventually(lambda: self.state(job)["state"] == "draft", seconds=20, what="the draft at cleo's")
        post = self.cleo.post(f"{OURS}/generations/{job['id']}/publish", text="fog")
        eventually(lambda: self.cleo.get(f"/api/v1/statuses/{post['id']}")["fedisora"]["published"], seconds=60,
                   what="published with sue's stamp")
        copy: dict[str, Any] = eventually(lambda: self.vic.find(post["uri"]), seconds=60, what="the video at vic's")
        return post, copy


@pytest.fixture(scope="module")
def trio(instances: Callable[..., InstanceProcess]) -> Trio:
    c, s, v = (instances(name, retry_seconds="1") for name in ("cc", "cs", "cv"))
    cleo, sue, vic = c.user("cleo"), s.user("sue", scopes="read write read:likeness write:likeness"), v.user("vic")
    with support.behind(s) as house:
        owner = house.db.read_now(lambda session: session.scalars(select(Actor.id).where(Actor.username == "sue")).one())
        with tempfile.TemporaryDirectory() as folder:
            likeness = support.enrol(house, owner, Path(folder), audience="nobody")
    vic.follow(f"@{cleo.handle}")
    return Trio(cleo, sue, vic, likeness)


def test_nobody_is_asked_who_takes_no_requests(trio: Trio) -> None:
    said = trio.cleo.get(f"{OURS}/cameos/check", account=f"@{trio.sue.handle}")
    assert (said["person"]["may_ask"], said["person"]["forbidden"]) == (False, "")
    assert trio.ask().status_code == 403
    trio.allow(audience="mutuals")
    refused = trio.ask()
    assert (refused.status_code, "follow" in refused.json()["error"]) == (403, True)
    trio.allow(audience="everyone")
    said = trio.cleo.get(f"{OURS}/cameos/check", account=f"@{trio.sue.handle}")
    assert (said["person"]["may_ask"], said["person"]["forbidden"], said["renders"]) == (True, "no ads", True)
    assert trio.ask(accepts_terms=False).status_code == 422
    # who is not cleo's server learns nothing of what holds for cleo
    bare = httpx.get(f"{trio.sue.instance.base}/users/sue/cameo", params={"actor": f"{trio.cleo.instance.base}/users/cleo"},
                     headers=ACTIVITY).json()
    assert bare["mayAsk"] is None


def test_approved_people_and_verified_humans_may_ask_across_servers(trio: Trio) -> None:
    """`hugo` is verified by his own server, cleo is not."""
    cleo, home = f"@{trio.cleo.handle}", trio.cleo.instance
    hugo = home.user("hugo")
    home.cli("human", "verify", "hugo", "--method", "live-clip", "--reason", "seen in person")

    def may(who: Api) -> tuple[bool, str]:
        said = who.get(f"{OURS}/cameos/check", account=f"@{trio.sue.handle}")["person"]
        return said["may_ask"], said["reason"]

    trio.allow(audience="verified")
    assert may(trio.cleo) == (False, "Only verified humans may ask.")
    assert may(hugo) == (True, ""), "seen at first contact"
    trio.allow(audience="approved")
    for who in (trio.cleo, hugo):
        assert may(who) == (False, "Only people whom they approved may ask.")
    assert trio.ask().status_code == 403
    person = trio.sue.resolve(cleo)["id"]
    for decision, allowed in (("approved", True), ("blocked", False)):
        assert trio.sue.http.put(f"{OURS}/likeness/people/{person}", json={"decision": decision}).status_code == 200
        assert may(trio.cleo)[0] is allowed
    # at the level of everyone a blocked asker cannot tell: they may ask, and nobody answers
    trio.allow(audience="everyone")
    assert may(trio.cleo) == may(hugo) == (True, "")
    job = trio.ask().json()
    with support.behind(trio.sue.instance) as house:
        eventually(lambda: house.db.read_now(lambda session: session.scalars(select(ConsentRequest.state)).all()) == ["pending"],
                   what="the request at sue's server")
    assert trio.sue.get(f"{OURS}/consent/requests") == []
    assert trio.cleo.http.post(f"{OURS}/generations/{job['id']}/cancel").status_code in (200, 202)
    assert trio.sue.http.delete(f"{OURS}/likeness/people/{person}").status_code in (200, 204)
    eventually(lambda: trio.sue.get(f"{OURS}/consent/requests", state="pending") == [], what="withdrawn at sue's, too")


def test_a_no_comes_back_with_its_reason(trio: Trio) -> None:
    job = trio.ask().json()
    request = trio.asked()
    assert (request["kind"], request["prompt"], request["use"]) == ("likeness", "she walks through fog", "a short film")
    trio.sue.post(f"{OURS}/consent/requests/{request['id']}/refuse", reason="Not for films.")
    eventually(lambda: trio.state(job)["state"] == "rejected", what="the no at cleo's")
    assert trio.state(job)["error"] == "Not for films."


def test_asked_made_at_home_seen_published_and_taken_back_while_the_viewer_is_away(trio: Trio) -> None:
    post, copy = trio.published()
    note = httpx.get(post["uri"], headers=ACTIVITY).json()
    stamp_uri = note["attachment"][0]["likenessAuthorization"][0]
    stamp = httpx.get(stamp_uri, headers=ACTIVITY).json()
    assert (stamp["type"], stamp["attributedTo"], stamp["interactingObject"], stamp["digestMultibase"]) == (
        "LikenessAuthorization", f"{trio.sue.instance.base}/users/sue", post["uri"], note["attachment"][0]["digestMultibase"])
    eventually(lambda: not trio.vic.get(f"/api/v1/statuses/{copy['id']}")["fedisora"]["remix"]["hidden"], seconds=60,
               what="shown at vic's once the stamp was seen")
    eventually(lambda: post["uri"] in [item["uri"] for item in trio.vic.home()], what="in vic's timeline")
    assert "cameo.used" in [item["type"] for item in trio.sue.get("/api/v1/notifications", **{"types[]": "cameo.used"})]
    # the material never left its home: neither sealed nor open, in no file and no row of the others
    needle = support.portrait()[40:140]
    for other in (trio.cleo, trio.vic):
        for path in other.instance.folder.rglob("*"):
            assert not path.is_file() or needle not in path.read_bytes(), path
    # taken back while vic's server is away
    given = trio.sue.get(f"{OURS}/consent/stamps")[0]
    trio.vic.instance.stop()
    trio.sue.post(f"{OURS}/consent/stamps/{given['id']}/revoke")
    eventually(lambda: trio.cleo.get(f"/api/v1/statuses/{post['id']}")["fedisora"]["remix"]["hidden"], what="hidden at cleo's")
    assert httpx.get(stamp_uri, headers=ACTIVITY).status_code == 410
    eventually(lambda: httpx.get(post["uri"], headers=ACTIVITY).json()["attachment"] == [], what="no file in the note any more")
    eventually(lambda: httpx.get(note["attachment"][0]["url"]).status_code == 404, what="the file gone from its address")

    def heard() -> dict[str, str]:
        return {item["host"]: item["state"] for item in trio.sue.get(f"{OURS}/consent/stamps/{given['id']}/deliveries")}

    assert eventually(lambda: heard().get(trio.cleo.instance.host) == "delivered", what="cleo's server has heard")
    assert heard()[trio.vic.instance.host] == "waiting", "vic's server fetched the stamp, so it is told; it is away"
    trio.vic.instance.start()
    eventually(lambda: post["uri"] not in [item["uri"] for item in trio.vic.get("/api/v1/timelines/public")]
               and trio.vic.get(f"/api/v1/statuses/{copy['id']}")["fedisora"]["remix"]["hidden"], seconds=60,
               what="hidden at vic's when it is back")
    eventually(lambda: heard()[trio.vic.instance.host] == "delivered", seconds=60, what="vic's server has heard")
    assert trio.vic.get(f"/api/v1/statuses/{copy['id']}")["media_attachments"] == []


def test_a_stamp_that_is_tampered_with_hides_the_video(trio: Trio) -> None:
    post, copy = trio.published()
    eventually(lambda: not trio.vic.get(f"/api/v1/statuses/{copy['id']}")["fedisora"]["remix"]["hidden"], seconds=60,
               what="shown at vic's")
    with support.behind(trio.sue.instance) as house:
        def tamper(uow: UnitOfWork) -> None:
            row = uow.session.scalars(select(ConsentStamp).where(ConsentStamp.object_uri == post["uri"])).one()
            row.document = json.dumps({**json.loads(row.document), "endTime": "2999-01-01T00:00:00Z"}).encode()

        house.db.write_now(tamper)
    trio.vic.instance.stop()
    with support.behind(trio.vic.instance) as house:  # the daily look, now
        rows = house.db.read_now(lambda session: list(session.scalars(select(Lineage.id).where(Lineage.consent == "valid"))))
        for row in rows:
            house.db.write_now(lambda uow, row=row: jobs.enqueue(uow, "check_consent", {"lineage_id": row}))  # type: ignore[misc]
    trio.vic.instance.start()
    eventually(lambda: trio.vic.get(f"/api/v1/statuses/{copy['id']}")["fedisora"]["remix"]["hidden"], seconds=60,
               what="hidden at vic's")
