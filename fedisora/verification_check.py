"""Whether people can be verified here in the ways that the settings name, for `fedisora doctor`.

What would otherwise be noticed by somebody who stands before a page that leads nowhere: nobody to decide, an identity provider
that does not answer, issuers that no credential can have, clips that should be gone.
"""
from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import secrets
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from .activitypub.parse import is_http
from .app import House
from .errors import FedisoraError
from .models import Actor, User
from .provenance.humanity import CHECKED, holds
from .services.agents import standing
from .services.verification.methods.presented import DID, did_key
from .settings import Settings
from .storage.private import LIKENESSES
from .store import agents, verification, verifiers

Finding = tuple[bool, str, str]
SHOWN: Final = 10
LATE: Final = dt.timedelta(hours=3)
"""The sweep runs every hour; so long after its time no clip should be there."""


async def findings(house: House) -> list[Finding]:
    """(fine, what, finding with its remedy): private storage, ways to be verified, what each of them needs."""
    settings = house.settings
    found = [await asyncio.to_thread(_private, house)]
    ways = settings.verification_methods
    found.append((True, "verification", ", ".join(ways) or "no way is offered (FEDISORA_VERIFICATION)"))
    named = {item.strip() for item in settings.verification.split(",")}
    if "oidc" in named - set(ways):
        found.append((False, "identity provider", "oidc is in FEDISORA_VERIFICATION, but is left out: set FEDISORA_OIDC_ISSUER "
                                                  "and FEDISORA_OIDC_CLIENT_ID."))
    elif "oidc" in ways:
        found.append(await _issuer(house))
    elif settings.oidc_issuer:
        found.append((True, "identity provider", "is set but not used. Put oidc into FEDISORA_VERIFICATION to offer it."))
    return found + await house.db.read(lambda session: [*_people(session, settings, house.db.clock()),
                                                        *_agents(session, settings, house.db.clock())])


def _private(house: House) -> Finding:
    """Whether something can be sealed, read and removed again."""
    data, sealed = secrets.token_bytes(16), None
    try:
        sealed = house.private.put(LIKENESSES, 0, data, house.settings.data_dir)
        same = house.private.get(sealed.key, sealed.secret) == data
        house.private.delete(sealed.key)
        same = same and not house.private.exists(sealed.key)
    except Exception as error:  # whatever an object store's client raises
        return (False, "private storage", f"{error}. Clips cannot be kept, or not be deleted, there: mend it, or choose another "
                                          "place with FEDISORA_PRIVATE_STORAGE_URL.")
    where = house.settings.effective_private_url
    return (same, "private storage", f"{where} seals, opens and deletes" if same else
            f"{where} does not give back what was put there, or keeps what was deleted. Choose another place with "
            "FEDISORA_PRIVATE_STORAGE_URL, without versions.")


async def _issuer(house: House) -> Finding:
    """Whether the identity provider answers, with keys."""
    name = house.settings.oidc_issuer
    try:
        await house.client.open()
        keys = await house.issuer.keys()
    except FedisoraError as error:
        return (False, "identity provider", f"{name}: {error.cause or error.text}. People cannot sign in there. Check "
                                            "FEDISORA_OIDC_ISSUER, and that this machine reaches it.")
    finally:
        await house.client.close()
    if not keys:
        return (False, "identity provider", f"{name} answers, but has no keys: no sign-in can be checked.")
    return (True, "identity provider", f"{name} answers, {len(keys)} key{'s' if len(keys) != 1 else ''}")


def _people(session: Session, settings: Settings, now: dt.datetime) -> list[Finding]:
    """What the ways need of this instance itself."""
    ways, found = settings.verification_methods, []
    peopled = session.scalar(select(func.count()).select_from(User)) or 0
    if "live-clip" in ways:
        deciding = len(verification.moderators(session))
        if peopled and not deciding:
            found.append((False, "live clips", "nobody can decide about them. Run: fedisora user role NAME moderator"))
        host = urlsplit(settings.base_url).hostname or ""
        if _is_address(host) or not (settings.https or host == "localhost"):
            found.append((True, "live clips", f"browsers give neither camera nor passkeys to {settings.base_url}: they need "
                                              "https and a host name (or localhost)"))
    late = verification.due(session, now - LATE, 100)
    if late:
        found.append((False, "live clips", f"{len(late)} are past their time and not deleted. Run: fedisora worker "
                                           "housekeeping (fedisora serve does that itself, unless Redis is set)"))
    if ways == ("vouch",) and peopled and not session.scalar(
            select(Actor.id).where(Actor.domain == "", Actor.human.in_(CHECKED)).limit(1)):
        found.append((False, "vouching", "three verified people have to be there first, and nobody can become one. Offer another "
                                         "way too, or: fedisora human verify NAME --method METHOD --reason TEXT"))
    issuers = [item.strip() for item in settings.credential_issuers.split(",") if item.strip()]
    bad = [item for item in issuers if not _can_issue(item)]
    if bad:
        found.append((False, "issuers of credentials", f"FEDISORA_CREDENTIAL_ISSUERS: {', '.join(bad)} can issue nothing: write "
                                                       "a did:key with an Ed25519 key, or the https address of an actor."))
    if "credential" in ways and not issuers and not verifiers.hosts(session):
        found.append((False, "issuers of credentials", "no credential counts yet. Set FEDISORA_CREDENTIAL_ISSUERS, or run: "
                                                       "fedisora verifier add HOST"))
    return found


def _agents(session: Session, settings: Settings, now: dt.datetime) -> list[Finding]:
    """Which agents stand still, and which act by an exception alone: nothing to mend by itself, but to be known."""
    still, exempt = [], []
    for agent, profile in agents.everybody(session):
        reason = standing.may_act(session, settings, agent, now)
        if reason:
            still.append(reason)
        elif profile.exempt and settings.agent_operators == "verified":
            operator = standing.operator_of(session, agent)
            if operator is not None and not holds(operator.human, operator.human_until, now):
                exempt.append(f"@{agent.username} (@{operator.username})")
    found = [(True, "agents", f"stand still: {' '.join(still[:SHOWN])}{_more(still)}")] if still else []
    if exempt:
        found.append((True, "agents", f"act by an exception although who answers for them is not a verified human: "
                                      f"{', '.join(exempt[:SHOWN])}{_more(exempt)}. `fedisora agent exempt NAME off` ends it."))
    return found


def _more(items: list[str]) -> str:
    return f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _can_issue(issuer: str) -> bool:
    """Whether an entry of FEDISORA_CREDENTIAL_ISSUERS can be the issuer of anything."""
    if not issuer.startswith(DID):
        return is_http(issuer)
    try:
        did_key(issuer)
    except FedisoraError:
        return False
    return "#" not in issuer
