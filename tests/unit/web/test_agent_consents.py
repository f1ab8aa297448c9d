"""What an agent is asked, on its operator's page: nobody else answers, a stopped agent says only no, all is said in its name."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fedisora.models import Actor, AgentProfile, ConsentRequest, ConsentStamp, Status
from fedisora.services import consents as use_cases
from fedisora.store import actors, consents

from .test_enrolment import Desk

pytestmark = pytest.mark.xdist_group("agent_consents")  # its tests go through one scene


class Room(Desk):
    """The desk, where ada answers for bot and eva asks."""

    def asked(self, owner: str, number: int, **more: Any) -> int:
        """A request of eva's to remix a post of somebody; its id."""
        def write(uow: Any) -> int:
            of, by = (actors.get(uow.session, self.ids[name]) for name in (owner, "eva"))
            target = f"{of.uri}/statuses/{number}"
            uow.session.add(Status(id=uow.new_id(), uri=target, actor_id=of.id, local=True, content="<p>a tower</p>",
                                   visibility="public", published=True, created_at=uow.now))
            request = ConsentRequest(**{
                "id": uow.new_id(), "uri": f"{by.uri}/requests/{number}", "kind": "remix", "owner_id": of.id,
                "requester_id": by.id, "target_uri": target, "object_uri": f"{by.uri}/statuses/{number}",
                "digest": "zQm" + "a" * 40, "name": "my tower", "state": consents.PENDING, "created_at": uow.now, **more})
            uow.session.add(request)
            uow.session.flush()
            return request.id

        return self.house.db.write_now(write)

    def request(self, request_id: int) -> ConsentRequest:
        return self.house.db.read_now(lambda session: session.get_one(ConsentRequest, request_id))

    def change(self, kind: type, key: int, **values: Any) -> None:
        def write(uow: Any) -> None:
            row = uow.session.get_one(kind, key)
            for name, value in values.items():
                setattr(row, name, value)

        self.house.db.write_now(write)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    made = Room(tmp_path_factory.mktemp("agents"))
    for name in ("ada", "eva", "ida"):
        made.person(name)
    made.person("bot", operator="ada")
    made.change(AgentProfile, made.ids["bot"], exempt=True)
    yield made
    made.client.close()


def test_nobody_but_the_operator_sees_it_or_answers(room: Room) -> None:
    request_id = room.asked("bot", 1)
    verbs = f"/consent/requests/{request_id}"
    for name in ("eva", "ida"):
        browser = room.browser(name)
        for verb in ("give", "refuse", "once", "always", "go", "block"):
            assert browser.post(f"{verbs}/{verb}").status_code == 404, (name, verb)
        assert "answer in its name" not in browser.get("/consent").text
    assert room.browser("ida").get(f"{verbs}/file").status_code == 404
    assert room.request(request_id).state == "pending"
    page = room.browser("ada").get("/consent").text
    assert "Your agent @bot@here.example is asked. You answer in its name." in page and "my tower" in page
    assert room.house.db.read_now(lambda session: use_cases.waiting(session, actors.get(session, room.ids["ada"]))) == 1
    room.change(Actor, room.ids["bot"], operator_uri="https://here.example/users/ida")
    assert room.browser("ada").post(f"{verbs}/give").status_code == 404, "both sides have to say so"
    assert room.browser("ida").post(f"{verbs}/give").status_code == 404
    room.change(Actor, room.ids["bot"], operator_uri="https://here.example/users/ada")


def test_given_and_taken_back_in_the_agents_name(room: Room) -> None:
    request_id, ada = room.asked("bot", 2), room.browser("ada")
    assert ada.post(f"/consent/requests/{request_id}/give").status_code == 303
    request = room.request(request_id)
    stamp = room.house.db.read_now(lambda session: consents.stamp(session, request.stamp_uri or ""))
    assert request.state == "accepted" and stamp is not None and stamp.actor_id == room.ids["bot"], "the stamp is the agent's"
    assert "in the name of" in ada.get("/consent").text
    assert room.browser("eva").post(f"/consent/stamps/{stamp.id}/revoke").status_code == 404
    assert ada.post(f"/consent/stamps/{stamp.id}/revoke").status_code == 303
    assert room.house.db.read_now(lambda session: session.get_one(ConsentStamp, stamp.id)).revoked_at is not None


def test_a_stopped_agent_gives_nothing_but_says_no(room: Room) -> None:
    request_id, ada = room.asked("bot", 3), room.browser("ada")
    room.change(AgentProfile, room.ids["bot"], stopped_at=room.house.db.clock(), stopped_by=room.ids["ada"])
    answer = ada.post(f"/consent/requests/{request_id}/give")
    assert answer.status_code == 403 and "was stopped" in answer.text
    assert room.request(request_id).state == "pending"
    assert ada.post(f"/consent/requests/{request_id}/refuse", reason="Not now.").status_code == 303
    assert (room.request(request_id).state, room.request(request_id).reason) == ("rejected", "Not now.")
    room.change(AgentProfile, room.ids["bot"], stopped_at=None, stopped_by=None)


def test_ones_own_requests_are_ones_own(room: Room) -> None:
    request_id, ada = room.asked("ada", 4), room.browser("ada")
    assert "Your agent" not in ada.get("/consent").text.partition("my tower")[0]
    assert ada.post(f"/consent/requests/{request_id}/give").status_code == 303
    request = room.request(request_id)
    stamp = room.house.db.read_now(lambda session: consents.stamp(session, request.stamp_uri or ""))
    assert stamp is not None and stamp.actor_id == room.ids["ada"]
