"""Presenting a W3C Verifiable Credential that a listed issuer or a trusted verifier has given: what is in it, and whose it is.

A credential alone proves nothing about who holds it: it is public, or can be copied. So the holder has to be bound to this
account, in one of two ways. Either the credential is about another account of the person (a HumanCredential of another
instance), and both accounts name each other in `alsoKnownAs`. Or the person signs a presentation with the `did:key` that the
credential is about, over a challenge of ours that is good once, for ten minutes. The network's part is federation/presented.py.
Sources: W3C VC Data Model 2.0; Data Integrity EdDSA Cryptosuites 1.0; did:key 0.9; Bitstring Status List 1.0.
"""
from __future__ import annotations

import datetime as dt
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.orm import Session

from ....activitypub.integrity_proofs import proof_option, verification_method_of, verify_document
from ....activitypub.multibase import ed25519_from_multibase
from ....activitypub.parse import as_list, id_of, is_http, parse_document
from ....db import UnitOfWork
from ....errors import Invalid, Refused
from ....models import Actor, VerificationCase
from ....provenance import credentials as documents
from ....provenance import humanity
from ....provenance.record import parse_time
from ....provenance.verdict import origin
from ....settings import Settings
from ....store import verifiers
from ....vault import Vault
from . import base

MAX_BYTES: Final = 65_536
LASTS: Final = dt.timedelta(minutes=10)
SECOND_HAND: Final = (humanity.METHODS["vouch"], humanity.METHODS["credential"])
"""What a server did not check itself. Counted here, people vouched for elsewhere would be vouchers of the first level, and two
servers could renew each other's word for ever without anybody looking at a person (ADR 0019)."""
DID: Final = "did:key:"
PRESENTATION, CREDENTIAL = "VerifiablePresentation", "VerifiableCredential"
TRANSPLANTED: Final = "This credential is about somebody else: nothing shows that it is yours."


@dataclass(frozen=True)
class Presented:
    """What was handed in, taken apart; nothing of it is proven but what `unpack` says.

    Attributes:
        issuer: an actor's id, or a did:key.
        subject: what the credential is about: an actor's id, or a did:key.
        status: (address of the status list, index) of each entry.
        signed: whether the holder signed it over our challenge with the key of `subject`.
    """

    credential: dict[str, Any]
    issuer: str
    subject: str
    status: tuple[tuple[str, int], ...]
    signed: bool


# ---- the case and its challenge
def begin(uow: UnitOfWork, actor: Actor) -> VerificationCase:
    """A new case with a fresh challenge.

    Raises:
        Forbidden: this account may not.
        TooManyRequests: too many tries.
    """
    return base.begin(uow, actor, "credential", secret={"challenge": secrets.token_urlsafe(24)}, lasts=LASTS)


def waiting(session: Session, actor: Actor, vault: Vault, now: dt.datetime) -> str:
    """The challenge that a presentation has to carry now; "" when there is none."""
    case = base.running(session, actor.id, "credential")
    found = base.secret_of(case, vault, now) if case is not None else None
    return str(found["challenge"]) if found else ""


def hand_in(uow: UnitOfWork, actor: Actor) -> tuple[int, str]:
    """Something is handed in: (case, the challenge, which is used up with this; "" when there is none).

    Raises:
        Forbidden, TooManyRequests: as `begin`.
    """
    base.require(uow, actor, "credential")
    case = base.running(uow.session, actor.id, "credential", lock=True) or base.begin(uow, actor, "credential")
    return case.id, str((base.take(uow, case) or {}).get("challenge", ""))


def complete(uow: UnitOfWork, actor: Actor, case_id: int, subject: str) -> None:
    """Everything was checked.

    Raises:
        Forbidden: this account may not (any more).
        Conflict: the case is over, or this identity stands for another account here.
    """
    base.satisfied(uow, actor, case_id, identity_key(uow.vault, subject))


def identity_key(vault: Vault, subject: str) -> str:
    """The digest under which an identity is remembered, whoever vouched for it."""
    return vault.mac("credential identity", subject)


# ---- what is in it
def unpack(body: bytes, challenge: str, domain: str, now: dt.datetime) -> Presented:
    """Take a credential or a presentation apart, and check the holder's signature of a presentation.

    Args:
        challenge: the one that is good now; "" for none.
        domain: ours, as the presentation has to name it.

    Raises:
        Malformed, TooLarge: no JSON object within limits.
        Invalid: not a current credential, or a presentation that was not made for us now.
    """
    document = parse_document(body, max_bytes=MAX_BYTES)
    kinds = as_list(document.get("type"))
    if PRESENTATION in kinds:
        inner = as_list(document.get("verifiableCredential"))
        if len(inner) != 1 or not isinstance(inner[0], dict):
            raise Invalid("The presentation has to hold exactly one credential.")
        found = _credential(inner[0], now, signed=True)
        _check_presentation(document, found.subject, challenge, domain, now)
        return found
    if CREDENTIAL in kinds:
        return _credential(document, now, signed=False)
    raise Invalid("This is neither a Verifiable Credential nor a Verifiable Presentation.")


def _credential(document: dict[str, Any], now: dt.datetime, *, signed: bool) -> Presented:
    kinds, contexts = as_list(document.get("type")), as_list(document.get("@context"))
    if CREDENTIAL not in kinds or contexts[:1] != [documents.CREDENTIALS_V2]:
        raise Invalid("This is not a Verifiable Credential of version 2.0.")
    issuer = id_of(document.get("issuer"))
    about = as_list(document.get("credentialSubject"))
    subject = about[0].get("id") if len(about) == 1 and isinstance(about[0], dict) else None
    if issuer is None or not isinstance(subject, str) or not subject:
        raise Invalid("The credential has to name its issuer and one subject.")
    start, end = parse_time(document.get("validFrom")), parse_time(document.get("validUntil"))
    for name, moment in (("validFrom", start), ("validUntil", end)):
        if name in document and moment is None:
            raise Invalid(f"The credential has a time that cannot be read ({name}).")
    if start is not None and start > now:
        raise Invalid("The credential is not valid yet.")
    if end is not None and end <= now:
        raise Invalid("The credential has expired. Ask its issuer for a new one.")
    return Presented(document, issuer, subject, _status(document), signed)


def _status(document: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    found = []
    for item in as_list(document.get("credentialStatus")):
        entry = documents.status_entry({"credentialStatus": item})
        if entry is None or not isinstance(item, Mapping) or item.get("type") != "BitstringStatusListEntry":
            raise Invalid("The credential has a status that this server cannot check.")
        found.append(entry)
    return tuple(found)


def _check_presentation(document: dict[str, Any], subject: str, challenge: str, domain: str, now: dt.datetime) -> None:
    if not challenge:
        raise Invalid("There is no challenge any more: each is good once, for ten minutes. Get a new one and sign again.")
    given = proof_option(document, "challenge")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), challenge.encode()):
        raise Invalid("The presentation is not for the challenge shown here. Get a new one and sign again.")
    if proof_option(document, "domain") != domain:
        raise Invalid(f"The presentation is for another place. Its domain has to be {domain}.")
    if "holder" in document and id_of(document["holder"]) != subject:
        raise Invalid(TRANSPLANTED)
    method = verification_method_of(document)
    if not subject.startswith(DID) or method is None or method.partition("#")[0] != subject:
        raise Invalid(TRANSPLANTED)
    check_proof(document, did_key(method), now, "The presentation", purpose="authentication")


def did_key(method: str) -> Ed25519PublicKey:
    """The key of a did:key, or of its verification method `did:key:z6Mk…#z6Mk…`.

    Raises:
        Invalid: not an Ed25519 did:key.
    """
    did, _, fragment = method.partition("#")
    multibase = did.removeprefix(DID)
    try:
        if not did.startswith(DID) or fragment not in ("", multibase):
            raise Invalid
        return ed25519_from_multibase(multibase)
    except Refused as error:
        raise Invalid("This is not a did:key with an Ed25519 key, the only kind that is taken here.", cause=error) from None


def check_proof(document: dict[str, Any], key: Ed25519PublicKey, now: dt.datetime, what: str, *,
                purpose: str = "assertionMethod") -> None:
    """Raise unless a document is signed with a key.

    Raises:
        Invalid: it is not.
    """
    try:
        verify_document(document, key, now, purpose=purpose)
    except Refused as error:
        raise Invalid(f"{what} is not signed by whom it names, or was changed.", cause=error.text) from None


def _method(document: Mapping[str, Any]) -> object:
    about = as_list(document.get("credentialSubject"))
    return about[0].get("assuranceMethod") if about and isinstance(about[0], Mapping) else None


# ---- who may issue
def listed(session: Session, settings: Settings, issuer: str) -> str:
    """Why an issuer counts: `listed` by the operator, `trusted` as another instance whose word is taken, "" when it does not."""
    if issuer in {item.strip() for item in settings.credential_issuers.split(",")} - {""}:
        return "listed"
    home = origin(issuer)
    if home is None:
        return ""
    return "trusted" if home.partition("://")[2] in verifiers.hosts(session) else ""


def check_subject(found: Presented, actor: Actor, why: str, now: dt.datetime) -> None:
    """Check what can be told without the network about whose credential it is.

    Args:
        why: see `listed`.

    Raises:
        Invalid: not this account's, or a trusted verifier's credential that is no HumanCredential about one of its accounts, or
            that rests on the word of others.
    """
    if why == "trusted" or ("HumanCredential" in as_list(found.credential.get("type")) and is_http(found.issuer)):
        problems = documents.credential_problems(found.credential, issuer=found.issuer, subject=found.subject, now=now)
        if problems:
            raise Invalid(f"The credential {problems[0]}.")
        if origin(found.subject) != origin(found.issuer):
            raise Invalid("A server can only say about its own accounts that they are people.")
        if _method(found.credential) in SECOND_HAND:
            raise Invalid("That server goes by what others said about you, and a word passes no further hands. Be verified there "
                          "in another way first, or take another way here.")
    if found.signed:
        return  # `unpack` has checked that the holder's key is the subject
    if not is_http(found.subject):
        raise Invalid("This credential is bound to a key. Put it into a presentation, signed with that key for the challenge "
                      "shown here.")
    if found.subject == actor.uri or found.subject not in actor.also_known_as:
        raise Invalid("The credential is about another account. Name that account as an alias of this one "
                      "(alsoKnownAs), and this one as an alias of that, then try again.")
