"""Signing in with an OpenID Connect issuer that the operator chose: authorization code flow with PKCE.

What has to be remembered between leaving and coming back (state, nonce, code verifier, which browser) lies sealed in the case, is
good for ten minutes and for one answer. Who the person is at the issuer is never kept: only a keyed digest of it, so that one
identity stands for one account. Sources: OpenID Connect Core 1.0 §3.1; RFC 7636; RFC 9207; RFC 9700.
"""
from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from ....db import UnitOfWork
from ....errors import Conflict, Forbidden, Invalid
from ....models import Actor
from ....settings import Settings
from ....vault import Vault
from ...tokens import digest
from . import base

LASTS: Final = dt.timedelta(minutes=10)
LEEWAY: Final = dt.timedelta(seconds=60)
"""By how much the issuer's clock may differ from ours."""
ALGORITHMS: Final = {"RS256": ("RSA", None), "PS256": ("RSA", None), "ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519")}
"""Signatures that count → type and curve of their keys. Neither `none`, nor anything that shares a secret."""
RSA_BITS: Final = range(2048, 8193)
MAX_TOKEN: Final = 16_384
NOT_PROVEN: Final = "The answer of the identity provider does not prove who you are. Please start again."
CALLBACK: Final = "/settings/human/oidc/callback"


@dataclass(frozen=True)
class Flow:
    """What was remembered: which case, the code verifier and the nonce that the id token has to carry."""

    case_id: int
    verifier: str
    nonce: str


def begin(uow: UnitOfWork, actor: Actor, session_token: str, endpoint: str, redirect_uri: str) -> str:
    """Open a case; the address to which the browser goes.

    Args:
        session_token: of the browser: only this one can come back.
        endpoint: the issuer's `authorization_endpoint`.
        redirect_uri: absolute address of our callback.

    Raises:
        Forbidden: this account may not.
        TooManyRequests: too many tries.
    """
    settings = uow.settings
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    base.begin(uow, actor, "oidc", lasts=LASTS, about={"issuer": settings.oidc_issuer}, secret={
        "state": digest(state), "nonce": nonce, "verifier": verifier, "session": digest(session_token)})
    scopes = settings.oidc_scopes.split()
    query = urlencode({
        "response_type": "code", "client_id": settings.oidc_client_id, "redirect_uri": redirect_uri,
        "scope": " ".join(scopes if "openid" in scopes else ["openid", *scopes]), "state": state, "nonce": nonce,
        "code_challenge": challenge(verifier), "code_challenge_method": "S256"})
    return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{query}"


def challenge(verifier: str) -> str:
    """PKCE S256 of a code verifier (RFC 7636 §4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def come_back(uow: UnitOfWork, actor: Actor, session_token: str, state: str) -> Flow:
    """The browser is back: what was remembered, for the only time.

    Raises:
        Conflict: nothing was begun by this account, in this browser, within ten minutes, with this state; or it was used already.
    """
    case = base.running(uow.session, actor.id, "oidc", lock=True)
    known = base.secret_of(case, uow.vault, uow.now) if case is not None else None
    # Looked at before it is used up: whoever lures the person to our callback must not be able to end their sign-in.
    if case is None or known is None or not (hmac.compare_digest(known["state"], digest(state))
                                             and hmac.compare_digest(known["session"], digest(session_token))):
        raise Conflict(base.EXPIRED)
    base.take(uow, case)
    return Flow(case.id, known["verifier"], known["nonce"])


def complete(uow: UnitOfWork, actor: Actor, flow: Flow, issuer: str, subject: str) -> None:
    """The id token was checked: this account belongs to that person.

    Raises:
        Forbidden: this account may not (any more).
        Conflict: the case is over, or this identity stands for another account here.
    """
    base.satisfied(uow, actor, flow.case_id, identity_key(uow.vault, issuer, subject))


def identity_key(vault: Vault, issuer: str, subject: str) -> str:
    """The digest under which an identity is remembered: nobody without `secret.key` can tell whose it is."""
    return vault.mac("oidc identity", f"{len(issuer)}:{issuer}{subject}")


# ---- the id token
def check_id_token(token: object, keys: Sequence[Mapping[str, Any]], settings: Settings, nonce: str, now: dt.datetime) -> str:
    """The subject of an id token that holds (OpenID Connect Core §3.1.3.7).

    Args:
        keys: the issuer's JWKs.
        nonce: what this sign-in asked for.

    Raises:
        Invalid: it does not hold; the cause says why.
        Forbidden: it holds, and lacks what the operator asks for.
    """
    claims = _signed_claims(token, keys, settings)
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    client, party = settings.oidc_client_id, claims.get("azp")
    if any(not isinstance(item, str) for item in audiences) or (len(audiences) > 1 and party is None):
        raise Invalid(NOT_PROVEN, cause="several audiences and no authorised party")
    if party is not None and party != client:
        raise Invalid(NOT_PROVEN, cause="another authorised party")
    _check_times(claims, now)
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise Invalid(NOT_PROVEN, cause="another nonce")
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise Invalid(NOT_PROVEN, cause="no subject")
    if settings.oidc_claim and not says(claims, settings.oidc_claim):
        raise Forbidden("The identity provider does not say about you what this server asks for. "
                        "Finish your verification there, then start again.")
    return subject


def key_id(token: object) -> object:
    """Which key an id token says it is signed with; None when it does not say."""
    import jwt  # not before somebody signs in: most servers have no issuer

    try:
        return jwt.get_unverified_header(token).get("kid") if isinstance(token, str) and len(token) <= MAX_TOKEN else None
    except jwt.PyJWTError:
        return None  # `check_id_token` says what is wrong with it


def _signed_claims(token: object, keys: Sequence[Mapping[str, Any]], settings: Settings) -> dict[str, Any]:
    import jwt

    if not isinstance(token, str) or len(token) > MAX_TOKEN:
        raise Invalid(NOT_PROVEN, cause="no id token")
    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS or "crit" in header:
            raise Invalid(NOT_PROVEN, cause=f"signed with {str(algorithm)[:20]!r}")
        key = _key(keys, header.get("kid"), algorithm)
        # Times are checked against the instance's clock, below.
        found: dict[str, Any] = jwt.decode(
            token, key, algorithms=[algorithm], audience=settings.oidc_client_id, issuer=settings.oidc_issuer,
            options={"require": ["iss", "sub", "aud", "exp", "iat"], "verify_exp": False, "verify_iat": False,
                     "verify_nbf": False, "verify_sub": False})
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise Invalid(NOT_PROVEN, cause=type(error).__name__) from None  # the text of the error may quote the token
    return found


def _key(keys: Sequence[Mapping[str, Any]], wanted: object, algorithm: str) -> Any:
    """The issuer's key for a signature: the named one, or its only one of that type."""
    import jwt

    fitting = [key for key in keys if (key.get("kty"), key.get("crv")) == ALGORITHMS[algorithm]
               and key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm and "d" not in key
               and (wanted is None or key.get("kid") == wanted)]
    if len(fitting) != 1:
        raise Invalid(NOT_PROVEN, cause=f"{len(fitting)} keys fit")
    key = jwt.PyJWK(dict(fitting[0]), algorithm=algorithm).key
    if ALGORITHMS[algorithm][0] == "RSA" and key.key_size not in RSA_BITS:
        raise Invalid(NOT_PROVEN, cause="an RSA key that is too short or too long")
    return key


def _check_times(claims: Mapping[str, Any], now: dt.datetime) -> None:
    moment = now.timestamp()
    leeway = LEEWAY.total_seconds()
    for name in ("exp", "iat", "nbf"):
        if name in claims and (isinstance(claims[name], bool) or not isinstance(claims[name], int | float)):
            raise Invalid(NOT_PROVEN, cause=f"{name} is no time")
    if claims["exp"] <= moment - leeway:
        raise Invalid(NOT_PROVEN, cause="run out")
    if claims["iat"] > moment + leeway or claims.get("nbf", 0) > moment + leeway:
        raise Invalid(NOT_PROVEN, cause="from the future")
    if claims["iat"] < moment - LASTS.total_seconds() - leeway:
        raise Invalid(NOT_PROVEN, cause="older than this sign-in")


def says(claims: Mapping[str, Any], wanted: str) -> bool:
    """Whether claims have `name=value`: a text, a number, `true` or `false`, or a list with such a one in it."""
    name, _, value = wanted.partition("=")
    found = claims.get(name.strip())
    items = found if isinstance(found, list) else [found]
    return any((("true" if item else "false") if isinstance(item, bool) else str(item)) == value.strip()
               for item in items if isinstance(item, bool | str | int | float))
