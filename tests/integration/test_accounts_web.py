"""Accounts over HTTP: sign-up, log-in, CSRF, throttling, sessions, OAuth; what is wrong comes first."""
from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from fedisora.web.verifying import PER_ADDRESS
from tests.support.instances import PASSWORD, InstanceProcess, unique

OOB = "urn:ietf:wg:oauth:2.0:oob"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("accounts"), database_url=module_database_url, registrations="approval",
                              rate_limits="on", trusted_proxies="192.0.2.9")
    running.start()
    yield running
    running.close()


@pytest.mark.bad_input("BI-199")
def test_a_made_up_address_does_not_get_around_a_limit(instance: InstanceProcess) -> None:
    def ask(number: int) -> int:
        headers = {"X-Forwarded-For": f"198.51.100.{number}"}
        return instance.http.post("/api/fedisora/v1/verify", json={}, headers=headers).status_code

    codes = [ask(number) for number in range(PER_ADDRESS + 1)]
    assert codes == [422] * PER_ADDRESS + [429]


class Browser:
    """A browser without JavaScript."""

    def __init__(self, base: str) -> None:
        self.http = httpx.Client(base_url=base, timeout=30, follow_redirects=False)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def token(self, path: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.http.get(path).text)
        assert found, path
        return found[1]

    def post(self, path: str, form: str | None = None, **data: str) -> httpx.Response:
        return self.http.post(path, data={"csrf_token": self.token(form or path), **data})

    def log_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        return self.post("/login", login=name, password=password)


@pytest.fixture
def browser(instance: InstanceProcess) -> Iterator[Browser]:
    with Browser(instance.base) as found:
        yield found


@pytest.fixture(scope="module")
def ada(instance: InstanceProcess) -> str:
    name = unique("ada")
    instance.user(name)
    return name


def test_a_form_without_its_own_token_is_refused(instance: InstanceProcess, browser: Browser, ada: str) -> None:
    assert browser.http.post("/login", data={"login": ada, "password": PASSWORD}).status_code == 403
    with Browser(instance.base) as other:
        stolen = other.token("/login")
        browser.http.get("/login")
        answer = browser.http.post("/login", data={"csrf_token": stolen, "login": ada, "password": PASSWORD})
        assert answer.status_code == 403
        assert "fedisora_session" not in browser.http.cookies


def test_a_wrong_password_says_nothing_about_the_name(browser: Browser, ada: str) -> None:
    wrong, unknown = browser.log_in(ada, "wrong password"), browser.log_in("nobody-at-all", "wrong password")
    assert wrong.status_code == unknown.status_code == 422
    assert "The name or the password is wrong." in wrong.text
    assert "The name or the password is wrong." in unknown.text


def test_logging_in_rotates_the_token_and_leads_only_here(browser: Browser, ada: str) -> None:
    browser.http.cookies.set("fedisora_session", "chosen-by-an-attacker", domain="127.0.0.1")
    answer = browser.post("/login", login=ada, password=PASSWORD, next="https://evil.example/")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert "chosen-by-an-attacker" not in cookie
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()


def test_too_many_failures_are_throttled(instance: InstanceProcess, browser: Browser) -> None:
    name = unique("target")
    instance.user(name)
    for _ in range(10):
        assert browser.log_in(name, "wrong password").status_code == 422
    assert browser.log_in(name).status_code == 429


def test_approval_comes_before_logging_in(instance: InstanceProcess, browser: Browser) -> None:
    name, boss = unique("new"), unique("boss")
    instance.cli("user", "create", boss, "--email", f"{boss}@example.org", "--password", PASSWORD, "--admin")
    answer = browser.post("/signup", username=name, email=f"{name}@example.org", password=PASSWORD, kind="human", reason="hello")
    assert answer.status_code == 303
    assert browser.log_in(name).status_code == 403
    assert httpx.get(f"{instance.base}/@{name}").status_code == 404
    with Browser(instance.base) as admin:
        assert admin.log_in(boss).status_code == 303
        page = admin.http.get("/admin/approvals").text
        assert name in page
        found = re.search(r"/admin/approvals/(\d+)/approve", page)
        assert found
        assert admin.post(f"/admin/approvals/{found[1]}/approve", form="/admin/approvals").status_code == 303
    assert browser.log_in(name).status_code == 303
    assert browser.http.get("/admin/approvals").status_code == 404


@pytest.mark.parametrize(("change", "message"), [
    ({"username": "no spaces"}, "letters, digits"), ({"email": "nothing"}, "e-mail"), ({"password": "short"}, "at least"),
    ({"kind": "agent"}, "operator"), ({"kind": "agent", "operator": "nobody"}, "operator"),
    ({"kind": "robot"}, "human or agent")])
def test_bad_sign_ups_say_what_is_wrong(browser: Browser, change: dict[str, str], message: str) -> None:
    name = unique("x")
    values = {"username": name, "email": f"{name}@example.org", "password": PASSWORD, "kind": "human"} | change
    answer = browser.post("/signup", **values)
    assert answer.status_code == 422
    assert message in answer.text


def test_an_agent_has_an_operator_who_confirms(instance: InstanceProcess, ada: str) -> None:
    name = unique("bot")
    instance.user(name, kind="agent", operator=ada)
    accept = {"Accept": "application/activity+json"}
    agent = httpx.get(f"{instance.base}/users/{name}", headers=accept).json()
    human = httpx.get(f"{instance.base}/users/{ada}", headers=accept).json()
    assert (agent["type"], agent["operator"]) == ("Service", human["id"])
    assert agent["id"] in human["operates"]


def test_changing_the_password_ends_other_sessions(instance: InstanceProcess, browser: Browser) -> None:
    name = unique("pat")
    instance.user(name)
    with Browser(instance.base) as other:
        other.log_in(name)
        browser.log_in(name)
        assert browser.post("/settings/password", form="/settings", old="wrong", new="another fine password").status_code == 422
        assert browser.post("/settings/password", form="/settings", old=PASSWORD, new="another fine password").status_code == 303
        assert browser.http.get("/settings").status_code == 200
        assert other.http.get("/settings").status_code == 303


# ---- OAuth
@pytest.fixture(scope="module")
def app(instance: InstanceProcess) -> dict[str, Any]:
    answer = httpx.post(f"{instance.base}/api/v1/apps/", data={
        "client_name": "Test", "redirect_uris": f"{OOB}\nhttps://app.example/done", "scopes": "read write"})
    found: dict[str, Any] = answer.json()
    return found


def authorize(browser: Browser, app: dict[str, Any], **more: str) -> httpx.Response:
    query = {"client_id": app["client_id"], "redirect_uri": "https://app.example/done", "scope": "read", "response_type": "code",
             "state": "xyz"} | more
    path = "/oauth/authorize?" + str(httpx.QueryParams(query))
    page = browser.http.get(path)
    if page.status_code != 200:
        return page
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    return browser.http.post("/oauth/authorize", data={**hidden, "decision": "allow"})


def exchange(instance: InstanceProcess, app: dict[str, Any], code: str, **more: str) -> httpx.Response:
    return httpx.post(f"{instance.base}/oauth/token", data={
        "grant_type": "authorization_code", "code": code, "client_id": app["client_id"], "client_secret": app["client_secret"],
        "redirect_uri": "https://app.example/done"} | more)


def code_of(answer: httpx.Response) -> str:
    return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


def test_the_code_flow_with_pkce(instance: InstanceProcess, browser: Browser, app: dict[str, Any], ada: str) -> None:
    browser.log_in(ada)
    verifier = "v" * 50
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    answer = authorize(browser, app, code_challenge=challenge, code_challenge_method="S256")
    assert answer.headers["location"].startswith("https://app.example/done?")
    assert "state=xyz" in answer.headers["location"]
    code = code_of(answer)
    assert exchange(instance, app, code, code_verifier="wrong").status_code == 400
    got = exchange(instance, app, code, code_verifier=verifier)
    assert got.status_code == 200
    token = got.json()["access_token"]
    me = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{instance.base}/api/v1/accounts/verify_credentials", headers=me).json()["username"] == ada
    assert httpx.post(f"{instance.base}/api/v1/statuses", headers=me, data={"status": "no"}).status_code == 403
    assert exchange(instance, app, code, code_verifier=verifier).status_code == 400  # a second time ends the first token
    assert httpx.get(f"{instance.base}/api/v1/accounts/verify_credentials", headers=me).status_code == 401


@pytest.mark.parametrize("more", [{"redirect_uri": "https://evil.example/"}, {"client_id": "unknown"}, {"scope": "admin:write"},
                                  {"scope": "nonsense"}])
def test_bad_requests_never_redirect(browser: Browser, app: dict[str, Any], ada: str, more: dict[str, str]) -> None:
    browser.log_in(ada)
    answer = authorize(browser, app, **more)
    assert answer.status_code in (400, 422)
    assert "location" not in answer.headers


def test_a_wrong_secret_and_a_revoked_token(instance: InstanceProcess, browser: Browser, app: dict[str, Any], ada: str) -> None:
    browser.log_in(ada)
    code = code_of(authorize(browser, app))
    assert exchange(instance, app, code, client_secret="wrong").status_code == 401
    token = exchange(instance, app, code).json()["access_token"]
    data = {"token": token, "client_id": app["client_id"], "client_secret": app["client_secret"]}
    assert httpx.post(f"{instance.base}/oauth/revoke", data=data).status_code == 200
    me = httpx.get(f"{instance.base}/api/v1/accounts/verify_credentials", headers={"Authorization": f"Bearer {token}"})
    assert me.status_code == 401
    assert "error" in me.json()


@pytest.mark.parametrize("uris", ["javascript:alert(1)", "", "not an address", "https://"])
def test_dangerous_redirects_cannot_be_registered(instance: InstanceProcess, uris: str) -> None:
    answer = httpx.post(f"{instance.base}/api/v1/apps", data={"client_name": "Bad", "redirect_uris": uris})
    assert answer.status_code == 422


def test_pages_have_a_strict_policy_and_errors_are_json_for_apps(instance: InstanceProcess) -> None:
    page = httpx.get(f"{instance.base}/")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe-inline" not in page.headers["content-security-policy"]
    assert re.search(r"<[^>]+ style=", page.text) is None
    for path, status in (("/api/v1/nothing", 404), ("/api/v1/statuses/1", 404), ("/api/v1/timelines/home", 401)):
        answer = httpx.get(f"{instance.base}{path}")
        assert answer.status_code == status
        assert set(answer.json()) == {"error"}
    assert httpx.options(f"{instance.base}/api/v1/statuses").headers["access-control-allow-origin"] == "*"
    assert httpx.post(f"{instance.base}/api/v1/statuses", content=b"{", headers={
        "Content-Type": "application/json"}).status_code in (400, 401)


def test_a_broken_upload_is_explained_and_nothing_is_published(instance: InstanceProcess, ada: str) -> None:
    with Browser(instance.base) as browser:
        browser.log_in(ada)
        token = browser.token("/create")
        answer = browser.http.post("/create/upload", data={"csrf_token": token, "text": "look at this", "source": "undeclared"},
                                   files={"file": ("film.mp4", b"not a film at all")})
        assert answer.status_code == 422
        assert "cannot be read" in answer.text
        assert "look at this" not in browser.http.get(f"/@{ada}").text
        empty = browser.http.post("/create/upload", data={"csrf_token": token}, files={"file": ("film.mp4", b"")})
        assert empty.status_code == 422
