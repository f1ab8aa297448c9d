"""Mastodon.py as its user would: register, log in through the HTML form, post with media, read timelines."""
from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from mastodon import Mastodon

from tests.support.instances import PASSWORD, InstanceProcess, eventually
from tests.support.pictures import png

OOB = "urn:ietf:wg:oauth:2.0:oob"


def field(html: str, name: str) -> str:
    """Value of a hidden input."""
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', html) or re.search(rf'value="([^"]*)"[^>]*name="{name}"', html)
    assert found, f"no input {name} in {html[:500]}"
    return found[1].replace("&amp;", "&")


def code_from_form(base: str, url: str, name: str) -> str:
    """Open the authorization page in a browser without JavaScript: log in, allow, read the code."""
    with httpx.Client(base_url=base, follow_redirects=True, timeout=30) as browser:
        page = browser.get(url)
        assert "/login" in str(page.url)
        target = re.search(r'<form[^>]*action="([^"]*)"', page.text)
        assert target
        data = {"csrf_token": field(page.text, "csrf_token"), "login": name, "password": PASSWORD}
        query = parse_qs(urlsplit(str(page.url)).query)
        if "next" in query:
            data["next"] = query["next"][0]
        page = browser.post("/login", data=data)
        assert page.status_code == 200, page.text[:500]
        hidden = dict(re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page.text))
        data = {key: value.replace("&amp;", "&") for key, value in hidden.items()}
        page = browser.post("/oauth/authorize", data={**data, "decision": "allow"})
        assert page.status_code == 200, page.text[:500]
        code = re.search(r"<(?:code|output)[^>]*>([A-Za-z0-9_-]{20,})<", page.text)
        assert code, page.text[:1000]
        return code[1]


@pytest.fixture(scope="module")
def client(instances: Callable[..., InstanceProcess]) -> Iterator[Mastodon]:
    instance = instances("m")
    instance.user("carol")
    client_id, secret = Mastodon.create_app("test", api_base_url=instance.base, scopes=["read", "write", "follow"],
                                            redirect_uris=OOB)
    api = Mastodon(client_id=client_id, client_secret=secret, api_base_url=instance.base)
    url = api.auth_request_url(redirect_uris=OOB, scopes=["read", "write", "follow"], allow_http=True)
    api.log_in(code=code_from_form(instance.base, url, "carol"), redirect_uri=OOB, scopes=["read", "write", "follow"],
               allow_http=True)
    yield api
    api.session.close()


def test_who_am_i(client: Mastodon) -> None:
    assert client.account_verify_credentials()["username"] == "carol"
    assert client.instance()["uri" if "uri" in client.instance() else "domain"]


def test_post_with_media_and_read_it_back(client: Mastodon, tmp_path: Path) -> None:
    picture = tmp_path / "square.png"
    picture.write_bytes(png(64, 48))
    media = client.media_post(picture.read_bytes(), "image/png", description="a small square")
    eventually(lambda: client.media(media["id"])["url"], what="the picture is processed")
    status = client.status_post("look #test", media_ids=[media["id"]])
    assert status["media_attachments"][0]["description"] == "a small square"
    assert next(item["id"] for item in client.timeline_home()) == status["id"]
    assert status["id"] in [item["id"] for item in client.timeline_public()]
    assert status["id"] in [item["id"] for item in client.timeline_hashtag("test")]
    assert status["id"] in [item["id"] for item in client.account_statuses(status["account"]["id"])]


def test_reply_favourite_reblog_delete(client: Mastodon) -> None:
    first = client.status_post("one")
    second = client.status_reply(first, "two")
    assert [item["id"] for item in client.status_context(first["id"])["descendants"]] == [second["id"]]
    assert client.status_favourite(first["id"])["favourited"]
    assert client.status_reblog(first["id"])["reblog"]["id"] == first["id"]
    assert client.status_unreblog(first["id"])["reblogged"] is False
    client.status_delete(second["id"])
    assert client.status_context(first["id"])["descendants"] == []


def test_paging_follows_link_headers(client: Mastodon) -> None:
    for number in range(5):
        client.status_post(f"page {number}")
    first = client.timeline_home(limit=2)
    second = client.fetch_next(first)
    assert len(first) == len(second) == 2 and first[-1]["id"] > second[0]["id"]


def test_search_finds_me(client: Mastodon) -> None:
    assert client.search_v2("carol")["accounts"][0]["username"] == "carol"
