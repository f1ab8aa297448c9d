"""Logging in with a passkey (W3C WebAuthn level 3 §7.2): the authenticator has verified its person, so no password is asked.

The challenge is written down only when it is used: it carries its own end and a keyed digest, so that strangers who ask for
challenges fill no table.
"""
from __future__ import annotations

import datetime as dt
import hmac
import json
import secrets
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ...db import UnitOfWork
from ...errors import Invalid, Unauthenticated
from ...models import OneTimeToken, Passkey, User
from ...uris import Uris
from ...vault import Vault
from .. import accounts
from .passkeys import LIFETIME, challenge_of, digest, from_base64, relying_party

PURPOSE: Final = "passkey login"
_NONCE: Final = 16


def options(vault: Vault, uris: Uris, now: dt.datetime) -> dict[str, Any]:
    """What the browser is asked for: PublicKeyCredentialRequestOptions as JSON. Names no passkey: the browser shows its own."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import UserVerificationRequirement

    rp_id, _ = relying_party(uris)
    made: dict[str, Any] = json.loads(options_to_json(generate_authentication_options(
        rp_id=rp_id, challenge=_challenge(vault, secrets.token_bytes(_NONCE), int((now + LIFETIME).timestamp())),
        timeout=int(LIFETIME.total_seconds() * 1000), user_verification=UserVerificationRequirement.REQUIRED)))
    return made


def use(uow: UnitOfWork, answer: dict[str, Any]) -> bytes:
    """The challenge that an answer is for, used up from now on.

    Args:
        answer: AuthenticationResponseJSON.

    Raises:
        Invalid: not one of ours, run out, or used.
    """
    challenge = challenge_of(answer)
    until = int.from_bytes(challenge[_NONCE:_NONCE + 8])
    if (not hmac.compare_digest(challenge, _challenge(uow.vault, challenge[:_NONCE], until))
            or until < uow.now.timestamp()):
        raise Invalid("This took too long. Try again.")
    uow.session.add(OneTimeToken(token_hash=digest(challenge), purpose=PURPOSE[:16], user_id=None, created_at=uow.now,
                                 expires_at=dt.datetime.fromtimestamp(until, dt.UTC), used_at=uow.now))
    try:
        uow.session.flush()
    except IntegrityError as error:
        raise Invalid("This was sent before. Try again.", cause=error) from error
    return challenge


def check(uow: UnitOfWork, answer: dict[str, Any], challenge: bytes) -> User:
    """The active person whose passkey signed.

    Args:
        challenge: what `use` gave for this answer.

    Raises:
        Unauthenticated: unknown passkey, or the signature, the site, the person's verification or the counter do not hold
            (never says which).
        Forbidden: pending or disabled.
    """
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    row = uow.session.scalar(select(Passkey).where(Passkey.credential_id == _credential(answer)))
    if row is None:
        raise Unauthenticated("This passkey is not known here.")
    rp_id, origin = relying_party(uow.uris)
    try:
        found = verify_authentication_response(
            credential=answer, expected_challenge=challenge, expected_rp_id=rp_id, expected_origin=origin,
            credential_public_key=row.public_key, credential_current_sign_count=row.sign_count, require_user_verification=True)
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise Unauthenticated("This passkey is not known here.", cause=error) from error
    user = accounts.require_active(uow.session.get_one(User, row.user_id))
    row.sign_count, row.used_at = found.new_sign_count, uow.now
    return user


def name_of(answer: dict[str, Any]) -> str:
    """What failed log-ins of a passkey are counted by."""
    return f"passkey {_credential(answer).hex()[:128]}"


def _challenge(vault: Vault, nonce: bytes, until: int) -> bytes:
    seal = bytes.fromhex(vault.mac(PURPOSE, f"{nonce.hex()} {until}"))
    return nonce + until.to_bytes(8) + seal


def _credential(answer: dict[str, Any]) -> bytes:
    try:
        return from_base64(str(answer.get("rawId")))
    except ValueError as error:
        raise Invalid("This is not a passkey.", cause=error) from error
