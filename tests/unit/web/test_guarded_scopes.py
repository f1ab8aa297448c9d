"""How somebody was verified, and who may show them, is in no token that was not made for it. What is wrong comes first."""
from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from fedisora.errors import Invalid
from fedisora.models import AccessToken, ConsentRequest
from fedisora.services import oauth, tokens
from fedisora.services.scopes import GUARDED, SCOPES, TOLD, contains
from fedisora.store import consents

from .test_likeness_api import Counter
from .test_openapi import BASE

pytestmark = pytest.mark.xdist_group("guarded_scopes")  # its tests go through one scene

PLAIN = " ".join(scope for scope in SCOPES if scope not in GUARDED)
ROUTES = (("GET", "/human/data", "read:verification"), ("DELETE", "/human/data", "write:verification"),
          ("DELETE", "/human", "write:verification"), ("GET", "/likeness", "read:likeness"),
          ("POST", "/likeness", "write:likeness"),
          ("PATCH", "/likeness", "write:likeness"), ("DELETE", "/likeness", "write:likeness"),
          ("GET", "/likeness/people", "read:likeness"), ("PUT", "/likeness/people/1", "write:likeness"),
          ("DELETE", "/likeness/people/1", "write:likeness"))


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    folder: Path = tmp_path_factory.mktemp("scopes")
    made = Counter(folder)
    for name in ("ada", "eva"):
        made.person(name)
    made.person("bot", operator="ada")
    yield made
    made.client.close()


@pytest.mark.parametrize("wanted", GUARDED)
def test_nothing_wider_contains_them(wanted: str) -> None:
    others = [scope for scope in (*SCOPES, "read:accounts", "write:accounts", f"{wanted}:more") if scope != wanted]
    assert not contains(others, wanted)
    assert contains([*others, wanted], wanted)


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
def test_every_route_wants_its_own(counter: Counter, method: str, path: str, scope: str) -> None:
    others = " ".join((PLAIN, *(one for one in GUARDED if one != scope)))
    refused = counter.ask(method, path, counter.token("ada", others))
    assert refused.status_code == 403 and scope in refused.json()["error"]
    assert counter.ask(method, path, counter.token("ada", scope)).status_code not in (401, 403)


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
def test_no_agent_comes_through(counter: Counter, method: str, path: str, scope: str) -> None:
    """Not even with a token that says otherwise, from whenever."""
    with pytest.raises(Invalid, match="cannot have the scope"):
        counter.token("bot", scope)
    key = counter.token("bot", "read")
    held = tokens.digest(key["Authorization"].split()[1])
    counter.house.db.write_now(lambda uow: uow.session.execute(
        update(AccessToken).where(AccessToken.token_hash == held).values(scopes=f"read write {scope}")))
    refused = counter.client.request(method, f"{BASE}{path}", headers=key)
    assert (refused.status_code, refused.json()["error"][:8]) == (403, "An agent")


def test_an_app_gets_them_only_by_name(counter: Counter) -> None:
    def app(scopes: str) -> str:
        return str(counter.house.db.write_now(lambda uow: oauth.register(uow, "App", [oauth.OOB], scopes, None)[0].client_id))

    wide, exact, db = app("read write"), app("read read:verification"), counter.house.db
    with pytest.raises(Invalid, match="more than it registered"):
        db.read_now(lambda session: oauth.check_request(session, wide, oauth.OOB, "read:verification"))
    db.read_now(lambda session: oauth.check_request(session, exact, oauth.OOB, "read:verification"))
    asked = {"client_id": exact, "redirect_uri": oauth.OOB, "response_type": "code"}
    ada = counter.browser("ada")
    shown = [html.unescape(ada.get(f"/oauth/authorize?{_query(asked, scope)}").text) for scope in ("read", "read:verification")]
    assert [TOLD["read:verification"] in page for page in shown] == [False, True]
    assert set(GUARDED) <= set(counter.client.get("/.well-known/oauth-authorization-server").json()["scopes_supported"])


def test_a_yes_to_ones_own_face_needs_its_scope(counter: Counter) -> None:
    """A no, and a yes to an invented character, are for every app that answers requests."""
    def asked(character: str | None) -> str:
        def write(uow: object) -> int:
            row = ConsentRequest(id=uow.new_id(), uri=f"https://here.example/r/{uow.new_id()}", kind="likeness",  # type: ignore[attr-defined]
                                 owner_id=counter.ids["ada"], requester_id=counter.ids["eva"], state=consents.PENDING,
                                 target_uri="https://here.example/users/ada", object_uri="https://here.example/users/eva/s/1",
                                 character_uri=character, created_at=uow.now)  # type: ignore[attr-defined]
            uow.session.add(row)  # type: ignore[attr-defined]
            return int(row.id)

        return f"/consent/requests/{counter.house.db.write_now(write)}"

    plain, able = counter.token("ada", PLAIN), counter.token("ada", "write:consents write:likeness")
    face, cat = asked(None), asked("https://here.example/users/ada/characters/1")
    for path, given in ((face, {}), (cat, {"always": True})):
        refused = counter.ask("POST", f"{path}/grant", plain, json=given)
        assert refused.status_code == 403 and "write:likeness" in refused.json()["error"]
        assert counter.ask("POST", f"{path}/grant", able, json=given).status_code != 403
    assert counter.ask("POST", f"{cat}/grant", plain, json={}).status_code != 403
    assert counter.ask("POST", f"{asked(None)}/refuse", plain, json={"reason": "No."}).status_code == 200


def _query(given: dict[str, str], scope: str) -> str:
    return "&".join(f"{name}={value}" for name, value in {**given, "scope": scope}.items())
