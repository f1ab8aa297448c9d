"""Asking for a cameo and answering over HTTP, without scripts; what strangers get is nothing. What is wrong comes first."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.db import UnitOfWork
from fedisora.models import Actor, ConsentRequest, Generation, Media
from fedisora.services import consents as use_cases
from fedisora.services import screenings, tokens
from fedisora.services.cameos import answering
from fedisora.store import consents
from tests.support import cameos as support

from .test_enrolment import Desk

pytestmark = pytest.mark.xdist_group("cameo_pages")  # its tests go through one scene

HERE = "/create/with"
ACTIVITY = {"Accept": "application/activity+json"}
FORM = {"account": "", "character": "", "prompt": "she walks", "use": "a film", "orientation": "square", "seconds": "2",
        "accepts": "yes"}


class Room(Desk):
    """The desk, where eva may be shown."""

    likeness = 0

    @property
    def request(self) -> ConsentRequest:
        return self.house.db.read_now(lambda session: session.scalars(
            select(ConsentRequest).order_by(ConsentRequest.id.desc())).first())  # type: ignore[return-value]

    def form(self, **fields: str) -> dict[str, str]:
        return {**FORM, "account": self.handle, **fields}

    @property
    def handle(self) -> str:
        return f"@eva@{self.house.uris.host}"

    def considered(self) -> ConsentRequest:
        """The newest request, once the job has looked at it."""
        self.house.db.write_now(lambda uow: answering.consider(uow, self.request.id))
        return self.request

    def rendered(self) -> ConsentRequest:
        """The newest request with a draft, as if it had been rendered."""
        row = self.request
        key = f"drafts/{row.id}.mp4"
        self.house.storage.put_bytes(key, b"\0\0\0\x18ftypisom draft", self.folder)

        def write(uow: UnitOfWork) -> None:
            media = Media(id=uow.new_id(), actor_id=self.ids["eva"], kind="video", state="ready", mime="video/mp4",
                          storage_key=key, digest="zQmdraft", declared=False, created_at=uow.now)
            uow.session.add(media)
            uow.session.flush()
            render = Generation(id=uow.new_id(), actor_id=self.ids["eva"], payer_id=self.ids["eva"], prompt="she walks", seed="1",
                                width=320, height=320, seconds=1.0, fps=24, frames=24, backend="procedural", model="procedural",
                                state="draft", media_id=media.id, likeness_id=self.likeness, consent_request_id=row.id,
                                options={}, run_at=uow.now, created_at=uow.now)
            uow.session.add(render)
            request = uow.session.get_one(ConsentRequest, row.id)
            request.render_id, request.content_digest = render.id, "a" * 64
            uow.session.flush()

        self.house.db.write_now(write)
        return self.request


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder: Path = tmp_path_factory.mktemp("cameos")
    made = Room(folder)
    for name in ("ada", "eva", "ida"):
        made.person(name)
    made.person("boss", admin=True)
    made.likeness = support.enrol(made.house, made.ids["eva"], folder, audience="nobody")
    yield made
    made.client.close()


def opened(room: Room) -> None:
    support.change(room.house, room.likeness, audience="everyone")


def test_what_cannot_be_asked_says_why_and_loses_no_word(room: Room) -> None:
    ada = room.browser("ada")
    assert room.client.get(HERE).status_code in (303, 401)
    assert ada.get(HERE).status_code == 200
    assert ada.get(f"{HERE}?account=@nobody@{room.house.uris.host}").status_code == 404
    support.change(room.house, room.likeness, audience="nobody")
    page = ada.get(f"{HERE}?account={room.handle}")
    assert "They take no requests for this." in page.text
    assert 'name="prompt"' not in page.text
    assert ada.post(HERE, **room.form()).status_code == 403
    opened(room)
    page = ada.get(f"{HERE}?account={room.handle}").text
    assert "no ads" in page and page == ada.get(f"{HERE}?account=@eva").text.replace('value="@eva"', f'value="{room.handle}"')
    for wrong in ({"accepts": ""}, {"use": ""}, {"prompt": " "}, {"seconds": "x"}, {"orientation": "round"}, {"account": ""}):
        answer = ada.post(HERE, **room.form(**wrong))
        assert answer.status_code == 422, wrong
        if "account" not in wrong and "prompt" not in wrong:
            assert "she walks" in answer.text
    assert ada.post(HERE, **room.form(character="https://here.example/users/eva/characters/1")).status_code == 404
    assert ada.post(HERE, **room.form(csrf_token="x")).status_code == 403
    assert room.request is None


def test_terms_say_to_strangers_what_everybody_may_know(room: Room) -> None:
    opened(room)
    path = "/users/eva/cameo"
    bare = room.client.get(f"{path}?actor={room.house.uris.base}/users/ada", headers=ACTIVITY)
    assert (bare.status_code, bare.json()["mayAsk"], bare.json()["renders"]) == (200, None, True)
    assert "private" in bare.headers["cache-control"]
    assert room.client.get("/users/nobody/cameo", headers=ACTIVITY).status_code == 404
    assert room.client.get("/users/eva/characters/77", headers=ACTIVITY).status_code == 404
    fox = support.enrol(room.house, room.ids["eva"], room.folder, kind="character", name="Rusty", audience="everyone")
    assert room.client.get(f"/users/eva/characters/{fox}", headers=ACTIVITY).json()["name"] == "Rusty"
    support.change(room.house, fox, audience="nobody")
    assert room.client.get(f"/users/eva/characters/{fox}", headers=ACTIVITY).status_code == 404


def test_asked_answered_looked_at_and_let_go_on_pages(room: Room) -> None:
    opened(room)
    ada, eva, ida = (room.browser(name) for name in ("ada", "eva", "ida"))
    answer = ada.post(HERE, **room.form())
    assert answer.status_code == 303, answer.text[:300]
    job = answer.headers["location"]
    waiting = ada.get(job).text
    assert "made once they agree" in waiting and room.handle in waiting and 'name="remix_policy"' not in waiting
    request = room.considered()
    verbs = f"/consent/requests/{request.id}"
    assert "wants to show you in a video" in eva.get("/consent").text
    assert "wants to show you" in eva.get("/notifications").text
    for stranger in (ada, ida):
        for verb in ("once", "always", "go", "give", "refuse", "block"):
            assert stranger.post(f"{verbs}/{verb}").status_code == 404, verb
    assert eva.post(f"{verbs}/go").status_code in (303, 409)
    request = room.request
    if request.state == "pending":
        assert eva.post(f"{verbs}/once").status_code == 303
    assert room.request.state == "agreed"
    assert "they see it first" in ada.get(job).text
    # the draft: hers to see, nobody else's
    request = room.rendered()
    shown = eva.get(f"{verbs}/file")
    assert (shown.status_code, shown.headers["cache-control"]) == (200, "private, no-store")
    assert ada.get(f"{verbs}/file").status_code == 404
    assert ida.get(f"{verbs}/file").status_code == 404
    assert "Let it go" in eva.get("/consent").text
    token = answering.token(room.house.vault, request)
    assert room.client.get(f"/cameos/{request.id}/{token}.mp4").status_code == 404, "not let go yet"
    assert eva.post(f"{verbs}/go").status_code == 303
    request = room.request
    token = answering.token(room.house.vault, request)
    good = room.client.get(f"/cameos/{request.id}/{token}.mp4")
    assert (good.status_code, good.headers["cache-control"]) == (200, "private, no-store")
    for wrong in (f"/cameos/{request.id}/{'0' * 64}.mp4", f"/cameos/{request.id + 1}/{token}.mp4",
                  f"/cameos/{request.id}/{token[:-1]}.mp4", f"/cameos/{request.id}/%C3%A9.mp4"):
        assert room.client.get(wrong).status_code == 404
    for closed in ({"audience": "nobody"}, {"state": "withdrawn"}):  # she changed her mind before it was fetched
        support.change(room.house, room.likeness, **closed)
        assert room.client.get(f"/cameos/{request.id}/{token}.mp4").status_code == 404
        support.change(room.house, room.likeness, audience="everyone", state="active")
    clock = room.house.db.clock
    room.house.db.clock = lambda: clock() + answering.OFFER_LASTS * 2
    late = room.client.get(f"/cameos/{request.id}/{token}.mp4")
    room.house.db.clock = clock
    assert late.status_code == 404
    assert eva.post(f"{verbs}/refuse", reason="I think better of it.").status_code == 303
    assert "your post" not in eva.get("/consent").text  # as of a remix, which has one
    assert room.client.get(f"/cameos/{request.id}/{token}.mp4").status_code == 404
    assert "I think better of it." in ada.get(job).text


def test_who_has_heard_of_a_revocation_is_its_givers_to_know(room: Room) -> None:
    opened(room)
    eva = room.house.db.read_now(lambda session: session.get_one(Actor, room.ids["eva"]))

    def given(uow: UnitOfWork) -> Any:
        request_id = uow.new_id()
        uow.session.add(ConsentRequest(
            id=request_id, uri=f"{eva.uri}#{request_id}", kind="likeness", owner_id=eva.id, requester_id=room.ids["ada"],
            target_uri=eva.uri, object_uri=f"{eva.uri}/9", digest="zQmabc", name="fog", state=consents.PENDING,
            created_at=uow.now))
        uow.session.flush()
        return use_cases.grant(uow, uow.session.get_one(Actor, eva.id), request_id).id

    stamp = room.house.db.write_now(given)
    path = f"/api/fedisora/v1/consent/stamps/{stamp}/deliveries"
    assert room.client.get(path).status_code == 401
    assert room.browser("ada").post(f"/consent/stamps/{stamp}/revoke").status_code == 404
    assert room.browser("eva").post(f"/consent/stamps/{stamp}/revoke").status_code == 303
    assert "may no longer publish" in room.browser("eva").get("/consent").text


def test_moderators_see_no_draft_before_the_person_whom_it_shows(room: Room) -> None:
    opened(room)
    assert room.browser("ada").post(HERE, **room.form(use="another film")).status_code == 303
    assert room.browser("eva").post(f"/consent/requests/{room.considered().id}/once").status_code == 303
    render = room.rendered().render_id
    room.house.db.write_now(lambda uow: screenings.note(
        uow, uow.session.get_one(Generation, render), gate="classifier", stage="frames", decision="hold", code="look",
        reason="Somebody should look.", evidence={}))
    token = room.house.db.write_now(lambda uow: tokens.create(uow, room.user("boss").id, None, "admin:read"))
    page = room.browser("boss").get("/admin/generation/held").text
    listed = room.client.get("/api/fedisora/v1/admin/screenings", headers={"Authorization": f"Bearer {token}"})
    assert "Somebody should look." in page and "They see it before anybody else" in page
    assert [item["media"] for item in listed.json()] == [None]
    assert "/media/drafts/" not in page


def test_a_flood_of_refused_requests_hides_none_that_waits(room: Room) -> None:
    opened(room)
    eva, ada = room.ids["eva"], room.ids["ada"]

    def flood(uow: UnitOfWork) -> None:
        for number in range(90):
            uow.session.add(ConsentRequest(
                id=uow.new_id(), uri=f"urn:flood:{number}", kind="likeness", owner_id=eva, requester_id=ada, target_uri="urn:eva",
                object_uri=f"urn:post:{number}", name=f"wish number {number}.", state="pending" if number < 45 else "rejected",
                created_at=uow.now))
            uow.session.flush()

    room.house.db.write_now(flood)
    browser = room.browser("eva")
    first = browser.get("/consent").text
    assert "wish number 44." in first and "wish number 89." in first and "wish number 2." not in first
    older = first.split('href="/consent?older=')[1].split('"')[0]
    second = browser.get(f"/consent?older={older}").text
    assert "wish number 2." in second and "wish number 44." not in second
    assert browser.get("/consent?older=nonsense").status_code == 200
