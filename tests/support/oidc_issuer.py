"""A real OpenID Connect issuer on loopback: discovery, authorization with PKCE, tokens, keys. It can also misbehave.

It checks what a strict issuer checks (client, redirect address, PKCE, one use of a code), and signs whoever comes in as `person`.
"""
from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlencode

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from fedisora.activitypub.keys import public_pem

from .instances import eventually, free_port

CLIENT, SECRET = "fedisora here", "s3cret: with/odd+signs"
KEYS: dict[str, Any] = {"RS256": rsa.generate_private_key(65537, 2048), "ES256": ec.generate_private_key(ec.SECP256R1()),
                        "EdDSA": ed25519.Ed25519PrivateKey.generate()}
KEYS["PS256"] = KEYS["RS256"]
OTHER = rsa.generate_private_key(65537, 2048)
"""A key that is not the issuer's."""


def jwks() -> list[dict[str, Any]]:
    """The public keys, one for each algorithm."""
    return [{**json.loads(jwt.get_algorithm_by_name(name).to_jwk(key.public_key())), "kid": name, "use": "sig", "alg": name}
            for name, key in KEYS.items()]


def encode(claims: dict[str, Any], algorithm: str = "RS256", key: Any = None, **header: Any) -> str:
    """An id token."""
    return jwt.encode(claims, KEYS[algorithm] if key is None else key, algorithm, headers={"kid": algorithm, **header})


def _part(value: dict[str, Any]) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def unsigned(claims: dict[str, Any]) -> str:
    """A token with `alg: none`."""
    return (_part({"alg": "none", "kid": "RS256"}) + b"." + _part(claims) + b".").decode()


def with_public_key_as_secret(claims: dict[str, Any]) -> str:
    """A token signed with HS256, the secret being the public key in PEM: what a careless verifier takes."""
    signed = _part({"alg": "HS256", "kid": "RS256"}) + b"." + _part(claims)
    mac = hmac.new(public_pem(KEYS["RS256"]).encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


class OidcIssuer:
    """The issuer; a context manager. `wrong` names what it does wrong (see `_token` and `_authorize`)."""

    def __init__(self) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.person = "person-1"
        self.claims: dict[str, Any] = {"verified": True}
        self.algorithm = "RS256"
        self.wrong = ""
        self.endpoints: dict[str, Any] = {}
        """What the discovery document says otherwise."""
        self.requests: list[str] = []
        """Paths that were asked for."""
        self._codes: dict[str, dict[str, str]] = {}
        app = Starlette(routes=[
            Route("/.well-known/openid-configuration", self._discovery), Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]), Route("/keys", self._keys)])
        self._server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=self.port, log_level="error", lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> OidcIssuer:
        self._thread.start()
        eventually(lambda: self._server.started, what="the issuer listens")
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    @property
    def settings(self) -> dict[str, str]:
        """What an instance has to be told."""
        return {"verification": "vouch,oidc,credential", "oidc_issuer": self.base, "oidc_client_id": CLIENT,
                "oidc_client_secret": SECRET, "oidc_name": "Test issuer", "oidc_claim": "verified=true"}

    async def _discovery(self, request: Request) -> Response:
        self.requests.append(request.url.path)
        issuer = "http://127.0.0.1:1" if self.wrong == "issuer document" else self.base
        return JSONResponse({
            "issuer": issuer, "authorization_endpoint": f"{self.base}/authorize?tenant=1", "token_endpoint": f"{self.base}/token",
            "jwks_uri": f"{self.base}/keys", "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": list(KEYS), "authorization_response_iss_parameter_supported": True,
            **self.endpoints})

    async def _keys(self, request: Request) -> Response:
        self.requests.append(request.url.path)
        return JSONResponse({"keys": jwks()})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if asked.get("client_id") != CLIENT or asked.get("code_challenge_method") != "S256" or "openid" not in asked["scope"]:
            return JSONResponse({"error": "invalid_request"}, 400)
        back = {"state": asked["state"], "iss": self.base}
        if self.wrong == "denied":
            return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({**back, 'error': 'access_denied'})}")
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        changes: dict[str, dict[str, str]] = {
            "state": {"state": secrets.token_urlsafe(32)}, "iss parameter": {"iss": "https://other.example"}}
        answer = {**back, "code": code, **changes.get(self.wrong, {})}
        if self.wrong == "no iss parameter":
            del answer["iss"]
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}")

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        name, _, secret = base64.b64decode(given).decode().partition(":") if scheme == "Basic" else ("", "", "")
        asked = self._codes.pop(form.get("code", ""), None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if (unquote(name), unquote(secret)) != (CLIENT, SECRET):
            return JSONResponse({"error": "invalid_client"}, 401)
        if asked is None or asked["redirect_uri"] != form.get("redirect_uri") or asked["code_challenge"] != proof:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"access_token": "unused", "token_type": "Bearer", "id_token": self.token(asked["nonce"])})

    def token(self, nonce: str) -> str:
        """An id token for `person`, or a bad one."""
        now = int(time.time())
        claims = {"iss": self.base, "sub": self.person, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce,
                  **self.claims}
        changes: dict[str, dict[str, Any]] = {
            "nonce": {"nonce": "another"}, "audience": {"aud": "somebody else"}, "expired": {"exp": now - 300, "iat": now - 400},
            "issuer": {"iss": "https://other.example"}, "claim": {"verified": False}}
        claims |= changes.get(self.wrong, {})
        makers: dict[str, Callable[[dict[str, Any]], str]] = {
            "alg none": unsigned, "public key as secret": with_public_key_as_secret,
            "another key": lambda found: encode(found, key=OTHER)}
        return makers.get(self.wrong, lambda found: encode(found, self.algorithm))(claims)
