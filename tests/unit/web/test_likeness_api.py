"""Likenesses, characters and people over the API; what is wrong comes first. No answer has a picture in it."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fedisora.services import tokens
from fedisora.store import likenesses
from tests.support.openapi import Contract
from tests.support.photos import photo

from .test_enrolment import Desk
from .test_openapi import BASE

pytestmark = pytest.mark.xdist_group("likeness_api")  # its tests go through one scene


class Counter(Desk):
    """The desk, asked by applications; every answer is compared with what the OpenAPI document says."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.contract = Contract()
        self.contract._documents[self.house.uris.base] = self.client.get(f"{BASE}/openapi.json").json()

    def token(self, name: str, scopes: str = "read write read:likeness write:likeness") -> dict[str, str]:
        user = self.user(name).id
        return {"Authorization": f"Bearer {self.house.db.write_now(lambda uow: tokens.create(uow, user, None, scopes))}"}

    def ask(self, method: str, path: str, who: dict[str, str], **more: Any) -> httpx.Response:
        answer = self.client.request(method, f"{BASE}{path}", headers=who, **more)
        self.contract(answer)
        return answer


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    made = Counter(tmp_path_factory.mktemp("counter"))
    for name in ("ada", "eva"):
        made.person(name)
    yield made
    made.client.close()


def picture(seed: int = 3) -> dict[str, Any]:
    return {"picture": ("a.jpg", photo(seed), "image/jpeg")}


def test_without_a_token_or_its_scope_there_is_nothing(counter: Counter) -> None:
    reading = counter.token("ada", "read read:likeness")
    for method, path in (("GET", "/likeness"), ("GET", "/characters"), ("GET", "/likeness/people")):
        assert counter.ask(method, path, {}).status_code == 401
    for method, path in (("POST", "/likeness"), ("PATCH", "/likeness"), ("DELETE", "/likeness"), ("POST", "/characters"),
                         ("PUT", "/likeness/people/1"), ("DELETE", "/characters/1")):
        assert counter.ask(method, path, reading).status_code == 403, path


def test_a_likeness_is_enrolled_opened_and_withdrawn(counter: Counter) -> None:
    ada = counter.token("ada")
    assert counter.ask("GET", "/likeness", ada).json()["state"] == "none"
    assert counter.ask("PATCH", "/likeness", ada, json={"audience": "everyone"}).status_code == 404
    assert counter.ask("DELETE", "/likeness", ada, json={"given": "keep"}).status_code == 404
    assert counter.ask("POST", "/likeness", ada).status_code == 422
    answer = counter.ask("POST", "/likeness", ada, files=picture())
    assert answer.status_code == 202 and answer.json()["state"] == "checking" and answer.json()["case_id"]
    assert not any(word in answer.text for word in ("sealed", "picture", "key"))
    for wrong in ({"audience": "all"}, {"until": "soon"}, {"until": "2020-01-01T00:00:00Z"}):
        assert counter.ask("PATCH", "/likeness", ada, json=wrong).status_code == 422
    changed = counter.ask("PATCH", "/likeness", ada, json={"audience": "mutuals", "forbidden": "No ads."}).json()
    assert (changed["audience"], changed["forbidden"], changed["agents"]) == ("mutuals", "No ads.", False)
    assert counter.ask("PATCH", "/likeness", ada, json={"agents": True}).json()["audience"] == "mutuals"
    assert counter.ask("DELETE", "/likeness", ada, json={}).status_code == 422
    assert counter.ask("DELETE", "/likeness", ada, json={"given": "take-back"}).json()["state"] == "withdrawn"


def test_characters_are_ones_own(counter: Counter) -> None:
    ada, eva = counter.token("ada"), counter.token("eva")
    assert counter.ask("POST", "/characters", ada, data={"name": "Milo"}, files=picture()).status_code == 422
    assert counter.ask("POST", "/characters", ada, data={"name": "Milo", "declared": "true"}).status_code == 422
    made = counter.ask("POST", "/characters", ada, data={"name": "Milo", "declared": "true"}, files=picture())
    assert made.status_code == 201 and made.json()["uri"].endswith(f"/users/ada/characters/{made.json()['id']}")
    path = f"/characters/{made.json()['id']}"
    for method in ("PATCH", "DELETE"):
        assert counter.ask(method, path, eva, json={"name": "Mine"}).status_code == 404
    assert counter.ask("PATCH", path, ada, json={"summary": "A cat.", "audience": "verified"}).json()["audience"] == "verified"
    assert [row["summary"] for row in counter.ask("GET", "/characters", ada).json()] == ["A cat."]
    assert counter.ask("GET", "/characters", eva).json() == []
    assert counter.ask("DELETE", path, ada).status_code == 204
    assert counter.ask("DELETE", path, ada).status_code == 404


def test_as_many_characters_as_one_may_have(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    eva = counter.token("eva")
    monkeypatch.setattr("fedisora.services.likenesses.characters.MOST", 1)
    given = {"data": {"name": "One", "declared": "true"}, "files": picture()}
    assert counter.ask("POST", "/characters", eva, **given).status_code == 201
    assert counter.ask("POST", "/characters", eva, **given).status_code == 403


def test_people_are_decided_about(counter: Counter) -> None:
    ada, path = counter.token("ada"), f"/likeness/people/{counter.ids['eva']}"
    assert counter.ask("PUT", path, ada, json={"decision": "marry"}).status_code == 422
    assert counter.ask("PUT", path, ada, json={}).status_code == 422
    assert counter.ask("PUT", "/likeness/people/1", ada, json={"decision": "always"}).status_code == 404
    assert counter.ask("PUT", f"/likeness/people/{counter.ids['ada']}", ada, json={"decision": "always"}).status_code == 422
    for decision in likenesses.DECISIONS:
        assert counter.ask("PUT", path, ada, json={"decision": decision}).json()["decision"] == decision
    assert [row["decision"] for row in counter.ask("GET", "/likeness/people", ada).json()] == ["blocked"]
    assert counter.ask("GET", "/likeness/people", counter.token("eva")).json() == []
    assert counter.ask("DELETE", path, ada).status_code == counter.ask("DELETE", path, ada).status_code == 204
