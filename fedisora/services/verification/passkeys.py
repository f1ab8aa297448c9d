"""Passkeys of a login (W3C WebAuthn level 3): they tie an account to a device of its person before anybody looks at a clip.

The challenge of a registration is random, kept on the server as a digest, good for five minutes and used once.
"""
from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import json
import secrets
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import func, select

from ...db import UnitOfWork
from ...errors import Conflict, Invalid, NotFound
from ...models import Actor, OneTimeToken, Passkey, User
from ...store import verification
from ...uris import Uris

PURPOSE: Final = "passkey"
LIFETIME: Final = dt.timedelta(minutes=5)
MOST: Final = 10
MOST_BYTES: Final = 64 << 10
"""Of the browser's answer."""
NAME: Final = "Passkey"


def relying_party(uris: Uris) -> tuple[str, str]:
    """(RP id: the host without port, origin) of this instance."""
    return urlsplit(uris.base).hostname or "", uris.base


def begin(uow: UnitOfWork, user: User, actor: Actor) -> dict[str, Any]:
    """What the browser is asked for: PublicKeyCredentialCreationOptions as JSON.

    Raises:
        Conflict: the person has `MOST` already.
    """
    # loaded for this alone: the server at rest has no use for it
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    known = verification.passkeys_of(uow.session, user.id)
    if len(known) >= MOST:
        raise Conflict(f"You have {MOST} passkeys. Remove one first.")
    challenge = secrets.token_bytes(32)
    uow.session.add(OneTimeToken(token_hash=digest(challenge), purpose=PURPOSE, user_id=user.id, created_at=uow.now,
                                 expires_at=uow.now + LIFETIME))
    rp_id, _ = relying_party(uow.uris)
    options = generate_registration_options(
        rp_id=rp_id, rp_name=uow.settings.instance_name, user_name=f"{actor.username}@{uow.uris.host}",
        user_display_name=actor.name or actor.username,
        # an id that says nothing outside this instance (WebAuthn §14.6.1)
        user_id=bytes.fromhex(uow.vault.mac("webauthn user", str(user.id))), challenge=challenge,
        timeout=int(LIFETIME.total_seconds() * 1000),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=row.credential_id) for row in known])
    made: dict[str, Any] = json.loads(options_to_json(options))
    return made


def take(uow: UnitOfWork, user: User, answer: dict[str, Any]) -> bytes:
    """The challenge that an answer is for, used up from now on whatever the answer is worth.

    Args:
        answer: RegistrationResponseJSON.

    Raises:
        Invalid: not an answer to an open challenge of this person.
    """
    challenge = challenge_of(answer)
    row = uow.session.get(OneTimeToken, digest(challenge), with_for_update=True)
    if (row is None or row.purpose != PURPOSE or row.user_id != user.id or row.used_at is not None
            or row.expires_at <= uow.now):
        raise Invalid("This took too long, or was sent before. Add the passkey again.")
    row.used_at = uow.now
    return challenge


def finish(uow: UnitOfWork, user: User, answer: dict[str, Any], challenge: bytes, name: str) -> Passkey:
    """Keep what the browser made.

    Args:
        challenge: what `take` gave for this answer.
        name: the person's name for it.

    Raises:
        Invalid: it does not hold for this site and challenge.
        Conflict: this passkey is known already, or there are `MOST`.
    """
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    if len(verification.passkeys_of(uow.session, user.id)) >= MOST:
        raise Conflict(f"You have {MOST} passkeys. Remove one first.")
    rp_id, origin = relying_party(uow.uris)
    try:
        found = verify_registration_response(credential=answer, expected_challenge=challenge, expected_rp_id=rp_id,
                                             expected_origin=origin)
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise Invalid("This passkey could not be checked. Add it again.", cause=error) from error
    if uow.session.scalar(select(Passkey.id).where(Passkey.credential_id == found.credential_id)) is not None:
        raise Conflict("This passkey is known already.")
    response = answer.get("response")
    transports = response.get("transports") if isinstance(response, dict) else None
    passkey = Passkey(
        id=uow.new_id(), user_id=user.id, credential_id=found.credential_id, public_key=found.credential_public_key,
        sign_count=found.sign_count, name=name.strip()[:80] or NAME, created_at=uow.now,
        transports=[str(item)[:16] for item in transports[:8]] if isinstance(transports, list) else [])
    uow.session.add(passkey)
    uow.session.flush()
    return passkey


def rename(uow: UnitOfWork, user: User, passkey_id: int, name: str) -> None:
    """Give one's passkey another name.

    Raises:
        NotFound: not this person's.
    """
    _own(uow, user, passkey_id).name = name.strip()[:80] or NAME


def remove(uow: UnitOfWork, user: User, passkey_id: int) -> None:
    """Forget one's passkey.

    Raises:
        NotFound: not this person's.
    """
    uow.session.delete(_own(uow, user, passkey_id))


def has_one(uow: UnitOfWork, user: User) -> bool:
    """Whether a person has a passkey."""
    return bool(uow.session.scalar(select(func.count()).select_from(Passkey).where(Passkey.user_id == user.id)))


def _own(uow: UnitOfWork, user: User, passkey_id: int) -> Passkey:
    row = uow.session.get(Passkey, passkey_id)
    if row is None or row.user_id != user.id:
        raise NotFound("There is no such passkey.")
    return row


def digest(challenge: bytes) -> str:
    """What is kept of a challenge."""
    return hashlib.sha256(b"passkey" + challenge).hexdigest()


def challenge_of(answer: dict[str, Any]) -> bytes:
    """The challenge that a browser says it answered."""
    try:
        data = json.loads(from_base64(answer["response"]["clientDataJSON"]))
        return from_base64(data["challenge"])
    except (KeyError, TypeError, ValueError, binascii.Error, RecursionError) as error:
        raise Invalid("This is not a passkey.", cause=error) from error


def from_base64(text: str) -> bytes:
    """Bytes of base64url without padding.

    Raises:
        ValueError
    """
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
