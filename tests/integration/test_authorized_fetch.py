"""FEDISORA_AUTHORIZED_FETCH: no ActivityPub document without a signature of somebody we talk to, except the instance actor."""
from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from fedisora.web.activitypub import ALWAYS, OPEN, routes
from tests.support.instances import Api, InstanceProcess, eventually, unique
from tests.support.remote import RemoteActor
from tests.support.world import ACTIVITY, World

HEADERS = {"Accept": ACTIVITY}


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("authorized"), authorized_fetch="true")
    running.folder.mkdir(parents=True, exist_ok=True)
    running.cli("domain", "block", "127.0.0.2")
    running.start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def lena(instance: InstanceProcess) -> Api:
    return instance.user("lena")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as found:
        yield found


@pytest.fixture(scope="module")
def fan(instance: InstanceProcess, lena: Api, world: World) -> RemoteActor:
    """A follower of Lena's."""
    found = world.actor(unique("fan"))
    assert found.send(f"{instance.base}/inbox", found.activity("Follow", lena.actor)).status_code == 202
    eventually(lambda: world.activities("Accept"), what="Accept")
    return found


@pytest.fixture(scope="module")
def post(lena: Api) -> str:
    return str(lena.post("/api/v1/statuses", status="for everybody")["uri"])


@pytest.fixture(scope="module")
def private(lena: Api, fan: RemoteActor) -> str:
    """A post for followers only."""
    return str(lena.post("/api/v1/statuses", status="for followers", visibility="private")["uri"])


def documents() -> list[str]:
    """The path of every ActivityPub document that is not open to everybody."""
    return [route.path for route in routes if "GET" in (getattr(route, "methods", None) or ())  # type: ignore[attr-defined]
            and route.path not in ALWAYS and not route.path.startswith(OPEN)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", documents())
@pytest.mark.parametrize("there", [True, False], ids=["there", "absent"])
def test_nothing_without_a_signature(instance: InstanceProcess, lena: Api, post: str, path: str, there: bool) -> None:
    """Every route, also those that come later: the same 401 whether there is something or not."""
    number = post.rpartition("/")[2] if there else "1"
    url = instance.base + re.sub(r"\{\w+\}", "lena", re.sub(r"\{\w+:row\}", number, path))
    answer = httpx.get(url, headers=HEADERS)
    assert answer.status_code == 401
    assert answer.headers["cache-control"] == "no-store"
    assert "for everybody" not in answer.text


def test_what_is_needed_to_check_us_is_open(instance: InstanceProcess, lena: Api) -> None:
    for path in ("/actor", "/c2pa.pem", "/.well-known/nodeinfo", "/ns/v1", "/.well-known/fedisora-revoked",
                 f"/.well-known/webfinger?resource=acct:lena@{instance.host}"):
        assert httpx.get(instance.base + path, headers=HEADERS).status_code == 200, path


def test_not_with_a_wrong_signature(instance: InstanceProcess, world: World, post: str) -> None:
    liar = world.actor(unique("liar"))
    liar.key = RemoteActor(world.base, "x", key=1).key
    for url in (post, f"{instance.base}/users/lena/statuses/1"):
        assert liar.get(url).status_code == 401


def test_not_for_a_blocked_domain(instance: InstanceProcess, lena: Api, fan: RemoteActor, post: str) -> None:
    """BI-175: also not when somebody else has just read it."""
    with World("127.0.0.2") as place:
        blocked = place.actor(unique("mallory"))
        for url in (post, f"{post}/activity", f"{post}/replies", lena.actor, f"{lena.actor}/outbox?page=1",
                    f"{lena.actor}/collections/featured"):
            first = fan.get(url)
            assert first.status_code == 200
            assert first.headers["cache-control"] == "private, no-cache"
            assert first.headers["vary"].replace(" ", "").lower() == "accept,signature"
            assert blocked.get(url).status_code == 403
        assert place.requests == []


def test_a_page_is_still_a_page(instance: InstanceProcess, lena: Api, post: str) -> None:
    answer = httpx.get(post, headers={"Accept": "text/html"})
    assert answer.status_code == 302
    assert httpx.get(answer.headers["location"]).status_code == 200


def test_a_private_post_is_absent_for_everybody_but_its_audience(
        instance: InstanceProcess, lena: Api, world: World, fan: RemoteActor, private: str) -> None:
    """BI-173, BI-174: status, body and headers of "not for you" are those of "not there"."""
    stranger = world.actor(unique("stranger"))
    for suffix in ("", "/activity", "/replies"):
        assert fan.get(private + suffix).status_code == 200
        absent = f"{lena.actor}/statuses/1{suffix}"
        answer, nothing = stranger.get(private + suffix), stranger.get(absent)
        assert answer.status_code == nothing.status_code == 404
        assert answer.content == nothing.content
        assert {k: v for k, v in answer.headers.items() if k != "date"} == {
            k: v for k, v in nothing.headers.items() if k != "date"}
    assert private not in fan.get(f"{lena.actor}/outbox?page=1").text
    assert private not in stranger.get(f"{lena.actor}/outbox?page=1").text


def test_two_such_instances_understand_each_other(
        instance: InstanceProcess, lena: Api, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = InstanceProcess(tmp_path_factory.mktemp("authorized-too"), authorized_fetch="true").start()
    try:
        bob = other.user("bob")
        bob.follow(f"@lena@{instance.host}")
        status = lena.post("/api/v1/statuses", status="hello over there", visibility="private")
        assert "hello over there" in eventually(lambda: bob.find(status["uri"]), what="the post")["content"]
    finally:
        other.close()


def test_without_the_setting_private_posts_are_absent_for_strangers_too(tmp_path_factory: pytest.TempPathFactory,
                                                                        world: World) -> None:
    running = InstanceProcess(tmp_path_factory.mktemp("open")).start()
    try:
        person = running.user("ada")
        uri = person.post("/api/v1/statuses", status="for followers", visibility="private")["uri"]
        stranger, absent = world.actor(unique("stranger")), f"{person.actor}/statuses/1"
        for get in (lambda url: httpx.get(url, headers=HEADERS), stranger.get):
            answer, nothing = get(uri), get(absent)
            assert answer.status_code == nothing.status_code == 404
            assert answer.content == nothing.content
            assert dict(answer.headers, date="") == dict(nothing.headers, date="")
    finally:
        running.close()
