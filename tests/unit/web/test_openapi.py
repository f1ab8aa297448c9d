"""The OpenAPI document says what this API does: every route, and every answer as it really comes."""
from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import jsonschema
import pytest
from sqlalchemy import select

from fedisora.app import House, build_house, create_app
from fedisora.models import Generation, User
from fedisora.services import accounts, tokens
from fedisora.settings import load_settings
from fedisora.web import api
from fedisora.web.api import openapi
from fedisora.web.api.operations import Answer, Operation
from fedisora.web.throttle import Throttle
from fedisora.web.verifying import PER_ADDRESS
from tests.support.pictures import png

BASE = api.BASE


class Client:
    """The application without a socket, in a loop of its own."""

    def __init__(self, house: House) -> None:
        self._house, self._runner = house, asyncio.Runner()
        transport = httpx.ASGITransport(app=create_app(house.settings, local_workers=False, house=house))
        self._http = httpx.AsyncClient(transport=transport, base_url=house.uris.base)
        self._runner.run(house.open())

    def request(self, method: str, url: str, **more: Any) -> httpx.Response:
        return self._runner.run(self._http.request(method, url, **more))

    def get(self, url: str, **more: Any) -> httpx.Response:
        return self.request("GET", url, **more)

    def post(self, url: str, **more: Any) -> httpx.Response:
        return self.request("POST", url, **more)

    def close(self) -> None:
        self._runner.run(self._http.aclose())
        self._runner.run(self._house.close())
        self._runner.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    settings = load_settings(tmp_path_factory.mktemp("openapi"), base_url="http://here.example", worker_process=False)
    return build_house(settings)


@pytest.fixture(scope="module")
def client(house: House) -> Iterator[Client]:
    found = Client(house)
    yield found
    found.close()


@pytest.fixture(scope="module")
def ann(house: House, client: Client) -> dict[str, str]:
    def make(uow: Any) -> str:
        accounts.create(uow, "ann", "ann@example.org", "correct horse battery")
        user = uow.session.scalars(select(User)).one()
        return tokens.create(uow, user.id, None, "read write")

    return {"Authorization": f"Bearer {house.db.write_now(make)}"}


@pytest.fixture(scope="module")
def document(client: Client) -> dict[str, Any]:
    answer = client.get(f"{BASE}/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def check(document: dict[str, Any], method: str, path: str, answer: Any) -> Any:
    """The answer, after it was compared with what the document says about it."""
    said = document["paths"][path][method]["responses"]
    assert str(answer.status_code) in said, f"{method} {path} answers {answer.status_code}: {answer.text[:200]}"
    schema = said[str(answer.status_code)]["content"]["application/json"]["schema"]
    validator = jsonschema.Draft202012Validator(
        {**schema, "components": document["components"]}, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    assert [f"{'/'.join(map(str, error.path))}: {error.message[:200]}" for error in validator.iter_errors(answer.json())] == []
    return answer.json()


# ---- the table and the routes
def test_every_route_is_described_and_every_description_is_served() -> None:
    assert {(operation.method, operation.path) for operation in api.OPERATIONS} == openapi.served(api.routes)


def test_describing_a_route_twice_is_refused() -> None:
    module = SimpleNamespace(DOCS=(Operation("get", "/x", "X.", {200: Answer("x")}),))
    with pytest.raises(ValueError, match="GET /x is described twice"):
        openapi.documented([module, module])


def test_the_document_holds_together(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    names = re.findall(r"#/components/schemas/(\w+)", str(document))
    assert set(names) <= document["components"]["schemas"].keys()
    assert set(names) >= document["components"]["schemas"].keys(), "a schema that nobody refers to"
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids))


def test_the_page_shows_every_operation_and_loads_nothing_from_elsewhere(client: Client) -> None:
    for path in (BASE, f"{BASE}/"):
        page = client.get(path)
        assert page.status_code == 200
        assert all(f'id="{openapi.operation_id(operation)}"' in page.text for operation in api.OPERATIONS)
        assert not re.search(r'<(?:script|link|img)[^>]+(?:src|href)="(?:https?:)?//', page.text)


# ---- real answers
def test_generations(client: Client, document: dict[str, Any], ann: dict[str, str], house: House) -> None:
    made = check(document, "post", "/generations", client.post(f"{BASE}/generations", json={"prompt": "a lake"}, headers=ann))
    one = f"{BASE}/generations/{made['id']}"
    check(document, "get", "/generations/{id}", client.get(one, headers=ann))
    assert len(check(document, "get", "/generations", client.get(f"{BASE}/generations", headers=ann))) == 1
    check(document, "post", "/generations/{id}/publish", client.post(f"{one}/publish", json={}, headers=ann))
    assert check(document, "post", "/generations/{id}/cancel", client.post(f"{one}/cancel", headers=ann))["state"] == "cancelled"
    check(document, "post", "/generations/{id}/retry", client.post(f"{one}/retry", headers=ann))
    check(document, "post", "/generations/{id}/discard", client.post(f"{one}/discard", headers=ann))
    house.db.write_now(lambda uow: setattr(uow.session.get_one(Generation, int(made["id"])), "state", "draft"))
    check(document, "post", "/generations/{id}/discard", client.post(f"{one}/discard", headers=ann))
    check(document, "get", "/generations/{id}/events", client.get(f"{BASE}/generations/9/events", headers=ann))
    for method, path in (("get", "/generations"), ("post", "/generations"), ("get", "/generations/{id}")):
        check(document, method, path, client.request(method, BASE + path.replace("{id}", made["id"])))
    check(document, "post", "/generations", client.post(f"{BASE}/generations", json={"prompt": ""}, headers=ann))


def test_who_asks_too_often_is_told_when(client: Client, document: dict[str, Any], ann: dict[str, str], house: House) -> None:
    usual, house.asking = house.asking, Throttle(1, 60, "requests")
    try:
        answers = [client.post(f"{BASE}/generations", json={"prompt": ""}, headers=ann) for _ in range(2)]
    finally:
        house.asking = usual
    assert [answer.status_code for answer in answers] == [422, 429]
    assert check(document, "post", "/generations", answers[1])["code"] == "too-often"
    assert int(answers[1].headers["Retry-After"]) > 50


def test_deliveries(client: Client, document: dict[str, Any], ann: dict[str, str]) -> None:
    status = client.post("/api/v1/statuses", json={"status": "hello"}, headers=ann).json()
    path = "/statuses/{id}/deliveries"
    found = check(document, "get", path, client.get(BASE + path.replace("{id}", status["id"]), headers=ann))
    assert found["failures"] == []
    check(document, "get", path, client.get(BASE + path.replace("{id}", status["id"])))
    check(document, "get", path, client.get(BASE + path.replace("{id}", "1"), headers=ann))


def test_lineage(client: Client, document: dict[str, Any], ann: dict[str, str]) -> None:
    status = client.post("/api/v1/statuses", json={"status": "alone"}, headers=ann).json()
    path = "/statuses/{id}/lineage"
    found = check(document, "get", path, client.get(BASE + path.replace("{id}", status["id"])))
    assert [node["id"] for node in found["nodes"]] == [status["uri"]]
    check(document, "get", path, client.get(BASE + path.replace("{id}", "1")))


def test_dial_and_consents(client: Client, document: dict[str, Any], ann: dict[str, str]) -> None:
    check(document, "get", "/dial", client.get(f"{BASE}/dial", headers=ann))
    assert check(document, "put", "/dial", client.request("PUT", f"{BASE}/dial", json={"stop": 1}, headers=ann))["stop"] == 1
    check(document, "put", "/dial", client.request("PUT", f"{BASE}/dial", json={"stop": 9}, headers=ann))
    for path in ("/consent/requests", "/consent/stamps"):
        assert check(document, "get", path, client.get(BASE + path, headers=ann)) == []
    check(document, "get", "/consent/requests", client.get(f"{BASE}/consent/requests?direction=up", headers=ann))
    check(document, "get", "/media/{id}/match", client.get(f"{BASE}/media/1/match", headers=ann))
    for path in ("/consent/requests/{id}/grant", "/consent/requests/{id}/refuse", "/consent/requests/{id}/withdraw",
                 "/consent/stamps/{id}/revoke", "/media/{id}/match"):
        check(document, "post", path, client.post(BASE + path.replace("{id}", "1"), json={}, headers=ann))


def test_verdicts_and_their_limit(client: Client, document: dict[str, Any], ann: dict[str, str]) -> None:
    url = f"{BASE}/verify"
    found = check(document, "post", "/verify", client.post(url, files={"file": ("x.png", png(4, 4))}))
    assert found["verdict"] == "unsigned"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", "/bin/false")  # the child that reads the file ends without a word
        found = check(document, "post", "/verify", client.post(url, files={"file": ("x.png", png(4, 4))}))
    assert found["verdict"] == "unreadable"
    check(document, "post", "/verify", client.post(url, content=b"{", headers={"Content-Type": "application/json"}))
    for _ in range(PER_ADDRESS - 3):
        assert client.post(url, json={}).status_code == 422
    refused = client.post(url, json={})
    check(document, "post", "/verify", refused)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 601
    assert refused.headers["connection"] == "close"
    assert client.post(url, json={}, headers=ann).status_code == 422, "an account has a limit of its own"
    page = client.post("/verify", data={"url": "https://a.example/"})
    assert page.status_code == 429
    assert int(page.headers["retry-after"]) > 0
