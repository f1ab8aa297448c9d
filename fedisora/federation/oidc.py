"""An OpenID Connect issuer over the network: its discovery document, its keys, and the exchange of a code for an id token.

Everything goes through the one egress client: an issuer cannot send us to addresses inside our own network.
Sources: OpenID Connect Discovery 1.0 §4; RFC 6749 §2.3, §4.1.3.
"""
from __future__ import annotations

import asyncio
import base64
import time
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from ..activitypub.parse import as_list, parse_document
from ..errors import FedisoraError, Invalid, RemoteUnavailable
from ..services.verification.methods.oidc import NOT_PROVEN
from ..settings import Settings
from .client import Client, Response

FRESH: Final = 3600.0
"""Seconds for which documents of the issuer are kept."""
AGAIN: Final = 60.0
"""Seconds between two looks for a key that we do not know: a made-up one must not have us ask for each token."""
MAX_BYTES: Final = 1 << 18
DEADLINE: Final = 10.0
MAX_KEYS: Final = 50
AWAY: Final = "The identity provider does not answer as it should. Please try again later, or choose another way."


@dataclass(frozen=True)
class Provider:
    """What an issuer says about itself."""

    issuer: str
    authorization: str
    token: str
    keys: str
    names_itself: bool
    """Whether its answers carry `iss` (RFC 9207)."""
    secret_in_body: bool


class Issuer:
    """The issuer of this instance's settings. Documents are kept for an hour, in this process."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._settings = settings
        self._client = client
        self._lock = asyncio.Lock()
        self._provider: tuple[float, Provider] | None = None
        self._keys: tuple[float, list[dict[str, Any]]] | None = None

    async def provider(self) -> Provider:
        """Its discovery document.

        Raises:
            RemoteUnavailable: it does not answer, or not with a usable document.
        """
        async with self._lock:
            if self._provider is None or self._provider[0] < time.monotonic() - FRESH:
                self._provider = (time.monotonic(), await self._discover())
            return self._provider[1]

    async def keys(self, key_id: object = None) -> list[dict[str, Any]]:
        """Its JWKs; fetched anew when none has this id.

        Raises:
            RemoteUnavailable: it does not answer, or not with a key set.
        """
        provider = await self.provider()
        async with self._lock:
            age = time.monotonic() - self._keys[0] if self._keys is not None else FRESH
            lacking = key_id is not None and self._keys is not None and all(key.get("kid") != key_id for key in self._keys[1])
            if self._keys is None or age >= FRESH or (lacking and age >= AGAIN):
                document = self._document(await self._get(provider.keys))
                found = [key for key in as_list(document.get("keys"))[:MAX_KEYS] if isinstance(key, dict)]
                self._keys = (time.monotonic(), found)
            return self._keys[1]

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> object:
        """The `id_token` for a code, unchecked.

        Raises:
            RemoteUnavailable: no answer.
            Invalid: the issuer does not take the code.
        """
        provider, settings = await self.provider(), self._settings
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if settings.oidc_client_secret and not provider.secret_in_body:
            pair = f"{quote(settings.oidc_client_id, safe='')}:{quote(settings.oidc_client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = settings.oidc_client_id
            if settings.oidc_client_secret:
                form["client_secret"] = settings.oidc_client_secret
        try:
            answer = await self._client.post(provider.token, urlencode(form).encode(), headers, deadline=DEADLINE)
        except FedisoraError as error:
            raise RemoteUnavailable(AWAY, cause=error) from None
        if 400 <= answer.status < 500:
            raise Invalid(NOT_PROVEN, cause=f"the token endpoint answered {answer.status}")
        return self._document(answer).get("id_token")

    # ---- details
    async def _discover(self) -> Provider:
        issuer = self._settings.oidc_issuer
        document = self._document(await self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
        if document.get("issuer") != issuer:
            raise RemoteUnavailable(AWAY, cause=f"FEDISORA_OIDC_ISSUER is {issuer}, and its document says "
                                                f"{str(document.get('issuer'))[:200]!r}")
        ways = as_list(document.get("token_endpoint_auth_methods_supported")) or ["client_secret_basic"]
        return Provider(
            issuer, self._endpoint(document, "authorization_endpoint"), self._endpoint(document, "token_endpoint"),
            self._endpoint(document, "jwks_uri"),
            document.get("authorization_response_iss_parameter_supported") is True,
            "client_secret_basic" not in ways and "client_secret_post" in ways)

    def _endpoint(self, document: dict[str, Any], name: str) -> str:
        """An address of the issuer's; over https when the issuer is."""
        url = document.get(name)
        try:
            if not isinstance(url, str) or urlsplit(url).scheme not in {"https", urlsplit(self._settings.oidc_issuer).scheme}:
                raise ValueError(name)
            return str(self._client.check_url(url))
        except (FedisoraError, ValueError) as error:
            raise RemoteUnavailable(AWAY, cause=f"{name} of the discovery document: {error}") from None

    async def _get(self, url: str) -> Response:
        try:
            return await self._client.get(url, accept="application/json", max_bytes=MAX_BYTES, deadline=DEADLINE, redirects=0)
        except FedisoraError as error:
            raise RemoteUnavailable(AWAY, cause=error) from None

    @staticmethod
    def _document(answer: Response) -> dict[str, Any]:
        if answer.status != 200:
            raise RemoteUnavailable(AWAY, cause=f"{answer.url} answered {answer.status}")
        try:
            return parse_document(answer.body)
        except FedisoraError as error:
            raise RemoteUnavailable(AWAY, cause=f"{answer.url}: {error.text}") from None
