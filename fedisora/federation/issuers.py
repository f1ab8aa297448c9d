"""Who issues credentials elsewhere: the instance actor of an origin, its proofs, and its status lists, fetched whole and kept.

Source: W3C Bitstring Status List 1.0; W3C VC Data Integrity EdDSA §3.3; vocabulary.md §3.
"""
from __future__ import annotations

import datetime as dt
from typing import Any, Final

import orjson
import structlog

from ..activitypub import parse
from ..activitypub.integrity_proofs import proof_created, verification_method_of, verify_document
from ..activitypub.keys import held
from ..activitypub.multibase import ed25519_from_multibase
from ..db import Database
from ..errors import Forbidden, Refused, RemoteUnavailable
from ..models import Actor
from ..provenance.credentials import is_revoked
from ..provenance.record import parse_time
from ..store import attestations
from .fetch import Fetcher
from .resolve import Resolver

log = structlog.get_logger()
MAX_LIST: Final = 64 << 10
SHORTEST, USUAL, LONGEST = dt.timedelta(hours=1), dt.timedelta(hours=12), dt.timedelta(hours=24)
"""How long a status list is used before it is fetched again: what its `ttl` says, within these bounds."""
SKEW: Final = dt.timedelta(minutes=5)
KEYS_AGAIN: Final = dt.timedelta(minutes=5)
"""When a proof does not fit, the issuer's keys are fetched anew, unless they are younger than this."""
SILENT: Final = "The server that vouches does not answer."


class Issuers:
    """Checks what instance actors elsewhere have signed."""

    def __init__(self, db: Database, fetcher: Fetcher, resolver: Resolver) -> None:
        self._db = db
        self._fetcher = fetcher
        self._resolver = resolver

    async def status_list(self, url: str, issuer: str, life: dt.timedelta | None) -> tuple[dict[str, Any] | None, str]:
        """(a status list whose proof was checked, or None; why not)."""
        now = self._db.clock()
        row = await self._db.read(lambda session: attestations.status_list(session, url, issuer, now))
        kept: dict[str, Any] | None = orjson.loads(row.document) if row is not None else None
        if row is not None and kept is not None and row.fetched_at > now - (life or _life(kept)):
            return kept, ""
        try:
            document = await self._fetcher.statement(url, max_bytes=MAX_LIST)
        except (RemoteUnavailable, Forbidden) as error:
            log.info("a status list cannot be had", list=url, reason=str(error))
            return kept, SILENT
        except Refused as error:
            return None, f"The issuer's list of revoked credentials cannot be had: {error.text}"
        problem = _list_problem(document, issuer, now)
        if not problem:
            proof = await self.proof(document, issuer)
            if proof == SILENT:
                return kept, SILENT
            problem = "" if proof == "valid" else "The issuer's list of revoked credentials is not signed by the issuer."
        end = parse_time(document.get("validUntil"))
        if problem or end is None:
            return None, problem or "The issuer's list of revoked credentials does not say until when it counts."
        try:
            is_revoked(document, 0, now=now)  # whether it can be read at all, before it takes the place of one that can
        except Refused as error:
            return None, error.text
        await self._db.write(lambda uow: attestations.keep_list(uow, url, issuer, document, end))
        return document, ""

    async def proof(self, document: dict[str, Any], issuer: str) -> str:
        """`valid`, or in a sentence why the proof of an instance actor does not hold."""
        created = proof_created(document)
        if created is None or created > self._db.clock() + SKEW:
            return "The credential does not say when it was signed, or that was in the future."
        try:
            who = await self._resolver.actor(issuer)
            if who.type != "Application" or who.suspended_at is not None:
                return "The credential is not issued by a server."
            good = _signed(document, who, self._db.clock())
            if not good and (who.fetched_at is None or who.fetched_at < self._db.clock() - KEYS_AGAIN):
                good = _signed(document, await self._resolver.fresh(issuer), self._db.clock())
        except RemoteUnavailable:
            return SILENT
        except Refused as error:
            return f"Who issued the credential cannot be had: {error.text}"
        return "valid" if good else "The credential is not signed by its issuer."


def _signed(document: dict[str, Any], issuer: Actor, now: dt.datetime) -> bool:
    """Whether a document carries the proof of a key that the issuer listed for that when it was signed."""
    method = verification_method_of(document)
    for key in issuer.assertion_keys:
        if key.get("id") == method and held(key, proof_created(document), None):
            try:
                verify_document(document, ed25519_from_multibase(key["multibase"]), now)
            except Refused:
                return False
            return True
    return False


def _life(document: dict[str, Any]) -> dt.timedelta:
    """How long a status list is used, by its `ttl` (milliseconds; Bitstring Status List §2.2)."""
    about = document.get("credentialSubject")
    ttl = about.get("ttl") if isinstance(about, dict) else None
    if isinstance(ttl, bool) or not isinstance(ttl, int) or ttl <= 0:
        return USUAL
    return max(SHORTEST, min(dt.timedelta(milliseconds=min(ttl, 1 << 40)), LONGEST))


def _list_problem(document: dict[str, Any], issuer: str, now: dt.datetime) -> str:
    """Why a document is not the status list of an issuer; "" when it is (its proof is checked separately)."""
    start = parse_time(document.get("validFrom")) if "validFrom" in document else None
    if "BitstringStatusListCredential" not in parse.as_list(document.get("type")):
        return "There is no status list where the credential says."
    if document.get("issuer") != issuer:
        return "The status list has another issuer than the credential."
    if "validFrom" in document and (start is None or start > now + SKEW):
        return "The status list is not valid yet."
    return ""
