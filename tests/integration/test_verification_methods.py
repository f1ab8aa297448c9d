"""Becoming a verified human over HTTP with forms alone: an issuer that misbehaves in every way first, then one that does not;
then three of those who came that way vouch for a fourth."""
from __future__ import annotations

import datetime as dt
import json
import re
import sqlite3
from collections.abc import Iterator

import httpx
import pytest

from tests.support.instances import PASSWORD, InstanceProcess, unique
from tests.support.oidc_issuer import OidcIssuer
from tests.support.wallet import Wallet, credential
from tests.support.world import World

from .test_accounts_web import Browser

pytestmark = pytest.mark.xdist_group("verification_methods")  # its tests go through one scene

OIDC, VOUCH, CREDENTIAL = "/settings/human/oidc", "/settings/human/vouch", "/settings/human/credential"


@pytest.fixture(scope="module")
def running() -> Iterator[OidcIssuer]:
    with OidcIssuer() as found:
        yield found


@pytest.fixture
def issuer(running: OidcIssuer) -> OidcIssuer:
    """The issuer on its best behaviour, with a new person."""
    running.wrong, running.person, running.algorithm = "", unique("person"), "RS256"
    return running


@pytest.fixture(scope="module")
def wallet() -> Wallet:
    """An issuer that the instance lists."""
    return Wallet()


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory, running: OidcIssuer, wallet: Wallet) -> Iterator[InstanceProcess]:
    found = InstanceProcess(tmp_path_factory.mktemp("methods"), registrations="open", credential_issuers=wallet.did,
                            **running.settings).start()
    yield found
    found.close()


@pytest.fixture
def browsers(instance: InstanceProcess) -> Iterator[list[Browser]]:
    opened: list[Browser] = []
    yield opened
    for found in opened:
        found.http.close()


def somebody(instance: InstanceProcess, browsers: list[Browser], prefix: str = "ann") -> tuple[str, Browser]:
    """A new person who is logged in."""
    name, found = unique(prefix), Browser(instance.base)
    browsers.append(found)
    assert found.post("/signup", username=name, email=f"{name}@example.org", password=PASSWORD, kind="human").status_code == 303
    return name, found


def there(browser: Browser) -> str:
    """To the issuer and signed in there: the address to which it sends the browser back."""
    start = browser.post(f"{OIDC}/start", OIDC)
    assert start.status_code == 303, start.text
    assert start.headers["cache-control"] == "no-store"
    return httpx.get(start.headers["location"]).headers["location"]


def verified(instance: InstanceProcess, name: str) -> bool:
    actor = instance.http.get(f"/users/{name}", headers={"Accept": "application/activity+json"}).json()
    return bool(actor.get("attestation"))


WRONG = ["nonce", "audience", "expired", "issuer", "alg none", "public key as secret", "another key", "iss parameter",
         "no iss parameter"]


def test_an_issuer_that_misbehaves_verifies_nobody(instance: InstanceProcess, issuer: OidcIssuer,
                                                   browsers: list[Browser]) -> None:
    name, browser = somebody(instance, browsers)
    for wrong in WRONG:
        issuer.wrong = wrong
        answer = browser.http.get(there(browser))
        assert (answer.status_code, answer.headers["location"]) == (303, OIDC), wrong  # an address without the code
        assert "does not prove who you are" in browser.http.get(OIDC).text, wrong
    issuer.wrong = "claim"
    browser.http.get(there(browser))
    assert "does not say about you" in browser.http.get(OIDC).text
    issuer.wrong = "denied"
    browser.http.get(there(browser))
    assert "did not finish signing in" in browser.http.get(OIDC).text
    issuer.wrong = "state"
    assert browser.http.get(there(browser)).headers["location"] == OIDC
    assert not verified(instance, name)
    assert issuer.person not in instance.log.read_text()


def test_another_browser_cannot_finish_a_sign_in(instance: InstanceProcess, issuer: OidcIssuer, browsers: list[Browser]) -> None:
    name, browser = somebody(instance, browsers)
    other_name, other = somebody(instance, browsers)
    back = there(browser)
    assert other.http.get(back).headers["location"] == OIDC
    assert not verified(instance, other_name)
    with Browser(instance.base) as nobody:
        location = nobody.http.get(back).headers["location"]
        assert location == f"/login?next={OIDC}"
    assert browser.http.get(back).headers["location"] == "/settings/human"
    assert verified(instance, name)
    assert browser.http.get(back).headers["location"] == OIDC  # once
    assert browser.http.post(f"{OIDC}/start", data={}).status_code == 403  # no form of ours


def test_signing_in_elsewhere_verifies_one_account(instance: InstanceProcess, issuer: OidcIssuer,
                                                   browsers: list[Browser]) -> None:
    issuer.algorithm = "EdDSA"
    name, browser = somebody(instance, browsers)
    assert browser.http.get(there(browser)).headers["location"] == "/settings/human"
    assert verified(instance, name)
    second, other = somebody(instance, browsers)
    other.http.get(there(other))
    page = other.http.get(OIDC).text
    assert "already stands for another account" in page
    assert name not in page
    assert not verified(instance, second)
    for private in (issuer.person, "code="):
        assert private not in instance.log.read_text()


def aged(instance: InstanceProcess) -> None:
    """All accounts and credentials become ten days older."""
    with sqlite3.connect(instance.folder / "fedisora.sqlite3") as database:
        before = (dt.datetime.now(dt.UTC) - dt.timedelta(days=10)).strftime("%Y-%m-%d %H:%M:%S.000000")
        database.execute("UPDATE actors SET created_at = ?", (before,))
        database.execute("UPDATE human_credentials SET valid_from = ?", (before,))


def test_three_people_vouch_for_a_fourth(instance: InstanceProcess, issuer: OidcIssuer, browsers: list[Browser]) -> None:
    vouchers = [somebody(instance, browsers, prefix) for prefix in ("ann", "ben", "cat")]
    for _, browser in vouchers:
        issuer.person = unique("person")
        browser.http.get(there(browser))
    aged(instance)
    name, dan = somebody(instance, browsers, "dan")
    aged(instance)
    link = f"{VOUCH}/{name}"
    first, ann = vouchers[0]
    assert ann.http.get(link).status_code == 404  # who does not ask has no such page
    assert link not in ann.http.get(f"/@{name}").text
    assert dan.post(f"{VOUCH}/ask", VOUCH).status_code == 303
    assert link in dan.http.get(VOUCH).text
    assert dan.post(f"{VOUCH}/invite", VOUCH, handle="nobody-here").status_code == 404
    assert dan.post(f"{VOUCH}/invite", VOUCH, handle=f"@{first}").status_code == 303
    assert name in ann.http.get(VOUCH).text
    assert "asks you to vouch" in ann.http.get("/notifications").text
    assert link in ann.http.get(f"/@{name}").text
    stranger_name, stranger = somebody(instance, browsers, "eve")
    assert "Only verified humans" in stranger.http.get(link).text
    assert link not in stranger.http.get(f"/@{name}").text
    for _, browser in vouchers:
        give = browser.http.get(link).text.partition("/settings/human/vouch/for/")[2].partition("/give")[0]
        assert browser.post(f"{VOUCH}/for/{give}/give", link).status_code == 422  # without saying so
        assert browser.post(f"{VOUCH}/for/{give}/give", link, sure="1").status_code == 303
    assert verified(instance, name)
    for reader in (stranger.http, instance.http):
        page = reader.get(f"/@{name}").text
        assert not any(voucher in page for voucher, _ in vouchers)
    assert not any(voucher in stranger.http.get(VOUCH).text for voucher, _ in vouchers)
    assert stranger.post(f"{VOUCH}/for/{give}/take-back", VOUCH).status_code == 404
    assert first in dan.http.get(VOUCH).text
    assert "Vouching for others" in ann.http.get("/settings/human").text
    assert "Vouching for others" not in stranger.http.get("/settings/human").text
    assert ann.post(f"{VOUCH}/for/{give}/take-back", VOUCH).status_code == 303
    assert not verified(instance, name)
    assert stranger_name not in dan.http.get(VOUCH).text
    assert moderators_see(instance, browsers, stranger, name, [voucher for voucher, _ in vouchers])
    assert "looked at the vouches" in dan.http.get("/settings/human").text


def moderators_see(instance: InstanceProcess, browsers: list[Browser], stranger: Browser, name: str, vouchers: list[str]) -> bool:
    """Moderators, and nobody else, can look up who vouched."""
    where = f"/admin/verification/vouches?account={name}"
    assert stranger.http.get(where).status_code == 404
    boss, browser = somebody(instance, browsers, "boss")
    with sqlite3.connect(instance.folder / "fedisora.sqlite3") as database:
        database.execute("UPDATE users SET moderator = 1 WHERE email = ?", (f"{boss}@example.org",))
    page = browser.http.get(where).text
    return all(voucher in page for voucher in vouchers)


def test_a_credential_that_is_none_is_refused_in_words(instance: InstanceProcess, browsers: list[Browser]) -> None:
    _, browser = somebody(instance, browsers)
    assert "Paste the credential" in browser.post(CREDENTIAL, CREDENTIAL).text
    answer = browser.post(CREDENTIAL, CREDENTIAL, document='{"type": "Person"}')
    assert answer.status_code == 422
    assert "neither a Verifiable Credential" in answer.text
    token = browser.token(CREDENTIAL)
    answer = browser.http.post(CREDENTIAL, data={"csrf_token": token}, files={"file": ("it.json", b" " * 65_537)})
    assert answer.status_code == 413
    assert browser.post(f"{CREDENTIAL}/challenge", CREDENTIAL).status_code == 303
    assert "<dt>Challenge</dt>" in browser.http.get(CREDENTIAL).text


def test_a_credential_about_the_persons_other_account(instance: InstanceProcess, wallet: Wallet, browsers: list[Browser]) -> None:
    name, browser = somebody(instance, browsers)
    now = dt.datetime.now(dt.UTC)
    with World() as world:
        other = world.actor("elsewhere")
        made = json.dumps(wallet.sign(credential(wallet.did, other.uri, now), now=now))
        assert "about another account" in browser.post(CREDENTIAL, CREDENTIAL, document=made).text
        assert "handle of your account" in browser.post(f"{CREDENTIAL}/alias", CREDENTIAL, handle=f"@{name}@{instance.host}").text
        assert browser.post(f"{CREDENTIAL}/alias", CREDENTIAL, handle=f"@elsewhere@{world.host}").status_code == 303
        assert "does not name this one back" in browser.post(CREDENTIAL, CREDENTIAL, document=made).text
        assert not verified(instance, name)
        world.documents["/users/elsewhere"] |= {"alsoKnownAs": [f"{instance.base}/users/{name}"]}
        token = browser.token(CREDENTIAL)
        answer = browser.http.post(CREDENTIAL, data={"csrf_token": token}, files={"file": ("it.json", made.encode())})
        assert answer.headers["location"] == "/settings/human"
        assert verified(instance, name)
        assert browser.post(f"{CREDENTIAL}/alias", CREDENTIAL, remove=other.uri).status_code == 303


def test_a_credential_bound_to_a_key(instance: InstanceProcess, wallet: Wallet, browsers: list[Browser]) -> None:
    name, browser = somebody(instance, browsers)
    holder, now = Wallet(), dt.datetime.now(dt.UTC)
    made = wallet.sign(credential(wallet.did, holder.did, now), now=now)
    assert "bound to a key" in browser.post(CREDENTIAL, CREDENTIAL, document=json.dumps(made)).text
    browser.post(f"{CREDENTIAL}/challenge", CREDENTIAL)
    found = re.search(r"<dt>Challenge</dt><dd[^>]*>([^<]+)</dd>", browser.http.get(CREDENTIAL).text)
    assert found
    shown = json.dumps(holder.present(made, found[1], instance.host, now))
    answer = browser.post(CREDENTIAL, CREDENTIAL, document=shown)
    assert answer.headers["location"] == "/settings/human"
    assert verified(instance, name)
    assert holder.did not in instance.log.read_text()
