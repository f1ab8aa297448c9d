"""An issuer that is not what the operator named, or leads elsewhere; what is kept of it, and how often it is asked."""
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import httpx
import pytest

from fedisora.errors import Invalid, RemoteUnavailable
from fedisora.federation import oidc as network
from fedisora.federation.client import Client
from fedisora.services.verification.methods import oidc
from fedisora.settings import Settings
from tests.support.oidc_issuer import OidcIssuer

pytestmark = pytest.mark.xdist_group("oidc_issuer")  # its tests go through one scene

T = TypeVar("T")
BACK = "http://here.example/settings/human/oidc/callback"


@pytest.fixture(scope="module")
def running() -> Iterator[OidcIssuer]:
    with OidcIssuer() as found:
        yield found


@pytest.fixture
def issuer(running: OidcIssuer) -> OidcIssuer:
    running.wrong = ""
    running.requests.clear()
    return running


def asked(issuer: OidcIssuer, what: Callable[[network.Issuer], Awaitable[T]], **change: Any) -> T:
    """What a client of the issuer says."""
    values = {"base_url": "http://here.example", "allow_private_network": "127.0.0.0/8", **issuer.settings, **change}
    settings = Settings(**values)

    async def run() -> T:
        client = Client(settings)
        await client.open()
        try:
            return await what(network.Issuer(settings, client))
        finally:
            await client.close()

    return asyncio.run(run())


def code(issuer: OidcIssuer, verifier: str) -> str:
    """A code of the issuer's."""
    answer = httpx.get(f"{issuer.base}/authorize", params={
        "client_id": issuer.settings["oidc_client_id"], "redirect_uri": BACK, "scope": "openid", "state": "s", "nonce": "n",
        "code_challenge": oidc.challenge(verifier), "code_challenge_method": "S256"})
    return httpx.URL(answer.headers["location"]).params["code"]


def test_an_issuer_by_another_name_or_inside_our_network(issuer: OidcIssuer) -> None:
    issuer.wrong = "issuer document"
    with pytest.raises(RemoteUnavailable, match="identity provider"):
        asked(issuer, lambda found: found.provider())
    issuer.wrong = ""
    for change in ({"oidc_issuer": f"{issuer.base}/"}, {"oidc_issuer": f"{issuer.base}/elsewhere"}, {"allow_private_network": ""},
                   {"oidc_issuer": "http://127.0.0.1:1"}, {"oidc_issuer": "ftp://127.0.0.1"}):
        with pytest.raises(RemoteUnavailable, match="identity provider"):
            asked(issuer, lambda found: found.provider(), **change)


@pytest.mark.parametrize("change", [
    {"token_endpoint": "http://10.0.0.1/token"}, {"token_endpoint": "file:///etc/passwd"}, {"jwks_uri": None},
    {"authorization_endpoint": "javascript:alert(1)"}, {"authorization_endpoint": "http://user:word@127.0.0.1/"}], ids=str)
def test_endpoints_that_lead_elsewhere(issuer: OidcIssuer, change: dict[str, Any]) -> None:
    issuer.endpoints = change
    try:
        with pytest.raises(RemoteUnavailable, match="identity provider"):
            asked(issuer, lambda found: found.provider())
    finally:
        issuer.endpoints = {}


def test_a_code_is_taken_once_with_its_verifier_by_its_client(issuer: OidcIssuer) -> None:
    with pytest.raises(Invalid):
        asked(issuer, lambda found: found.exchange(code(issuer, "right"), "wrong", BACK))
    with pytest.raises(Invalid):
        asked(issuer, lambda found: found.exchange(code(issuer, "right"), "right", "http://here.example/elsewhere"))
    with pytest.raises(Invalid):
        asked(issuer, lambda found: found.exchange(code(issuer, "right"), "right", BACK), oidc_client_secret="another")
    once = code(issuer, "right")
    assert isinstance(asked(issuer, lambda found: found.exchange(once, "right", BACK)), str)
    with pytest.raises(Invalid):
        asked(issuer, lambda found: found.exchange(once, "right", BACK))


def test_documents_are_kept_and_an_unknown_key_is_looked_for_once_a_minute(issuer: OidcIssuer,
                                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    async def look(found: network.Issuer) -> None:
        for _ in range(3):
            assert {key["kid"] for key in await found.keys("RS256")} == {"RS256", "PS256", "ES256", "EdDSA"}
            await found.keys("made up")
        assert issuer.requests.count("/keys") == 1
        monkeypatch.setattr(network, "AGAIN", 0.0)
        await found.keys("RS256")
        assert issuer.requests.count("/keys") == 1
        await found.keys("made up")
        assert issuer.requests.count("/keys") == 2
        assert issuer.requests.count("/.well-known/openid-configuration") == 1

    asked(issuer, look)
