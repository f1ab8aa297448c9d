"""Looking at what a remote actor names as proof that it is a person: its credentials, who issued them, and their status lists.

Nothing is believed but what lies on the issuer's own origin at its own address and carries the proof of that origin's instance
actor. The addresses come from a stranger: everything goes through the egress client, only so often per actor and per host, and
what was found is kept whatever it was. Status lists are fetched whole: no server learns about whom we ask.

Source: vocabulary.md §3; W3C VC Data Model 2.0; W3C Bitstring Status List 1.0.
"""
from __future__ import annotations

import datetime as dt
from collections import OrderedDict, deque
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog
from sqlalchemy.orm import Session

from ..activitypub import parse
from ..db import Database, UnitOfWork
from ..errors import FedisoraError, Forbidden, Gone, Refused, RemoteUnavailable
from ..models import Actor
from ..provenance.credentials import credential_problems, is_revoked, status_entry
from ..provenance.humanity import CHECKED, CLAIMED, EXPIRED, NONE, OWN, REVOKED, TRUSTED
from ..provenance.record import parse_time
from ..store import actors, attestations, verifiers
from ..store.attestations import Finding
from .fetch import Fetcher
from .issuers import SHORTEST, SILENT, Issuers
from .resolve import Resolver

log = structlog.get_logger()
MAX_CREDENTIAL: Final = 32 << 10
NEWS_AFTER: Final = dt.timedelta(hours=1)
"""An Update that names the same credentials has them looked at again, unless they were less than this ago."""
LIST_AGAIN: Final = dt.timedelta(hours=4)
"""When a status list is asked for again whose server was silent while the kept one is still believed."""
FOREIGN_PER_HOUR: Final = 60
"""Fetches from one host on the word of actors of other hosts, unless it is a trusted verifier."""
HOSTS_REMEMBERED: Final = 2000
_RANK: Final = (OWN, TRUSTED, CLAIMED, REVOKED, EXPIRED, NONE)
TOO_OFTEN: Final = "The server that vouches was asked often enough for now."
NOT_A_PERSON: Final = "Only a person can be a verified human; this account is none."


@dataclass(frozen=True)
class _Case:
    """What is known of an actor before the look.

    Attributes:
        known: the verdict still holds by what was fetched before, even when nobody answers now.
    """

    actor: Actor
    row_url: str
    list_url: str
    list_index: int | None
    issuer: str
    failures: int
    looked: frozenset[str]
    checked_at: dt.datetime | None
    recheck_at: dt.datetime | None
    fetches: list[dt.datetime]
    known: bool
    trusted: frozenset[str]


class Attestations:
    """Finds out whether remote actors are people by the word of others, and keeps what it found."""

    def __init__(self, db: Database, fetcher: Fetcher, resolver: Resolver) -> None:
        self._db = db
        self._fetcher = fetcher
        self._issuers = Issuers(db, fetcher, resolver)
        self._asked: OrderedDict[str, deque[dt.datetime]] = OrderedDict()
        """When hosts were asked on the word of actors of other hosts."""

    async def check(self, actor_id: int, *, due: bool = False) -> str:
        """Look at an actor's credentials and keep the verdict; the verdict, or why nothing was looked at.

        Args:
            due: its time has come; else the actor's document came anew, and what was just looked at is not looked at again.
        """
        case = await self._db.read(lambda session: _case(session, actor_id, self._db.clock()))
        if case is None:
            return "ignored: not there"
        actor, now = case.actor, self._db.clock()
        if not attestations.may_be_human(actor):
            found = Finding(NONE, NOT_A_PERSON)
            return await self._db.write(lambda uow: _settle(uow, case, found, heard=True))
        if not actor.attestation:
            return await self._dropped(case)
        fresh = case.checked_at is not None and case.checked_at > now - NEWS_AFTER
        waiting = case.recheck_at is not None and case.recheck_at > now
        if set(actor.attestation) == case.looked and waiting and not due and (fresh or case.failures > 0):
            return "ignored: just looked at"
        left = attestations.MOST_FETCHES - len(case.fetches)
        if left <= 0:
            again = case.fetches[0] + attestations.DAY
            await self._db.write(lambda uow: attestations.postpone(uow, actor_id, again))
            return "ignored: asked often enough today"
        found, heard = await self._best(case, sorted(actor.attestation, key=lambda url: _place(case, url))[:left])
        return await self._db.write(lambda uow: _settle(uow, case, found, heard=heard))

    async def _best(self, case: _Case, urls: list[str]) -> tuple[Finding, bool]:
        """The best of several credentials, and whether anything was heard of the one that the present verdict rests on."""
        best, silent, heard = Finding(NONE, SILENT), False, False
        for number, url in enumerate(urls):
            found = await self._look(case, url)
            silent = silent or found.silent
            heard = heard or (url == case.row_url and not found.silent)
            if number == 0 or _RANK.index(found.verdict) < _RANK.index(best.verdict):
                best = found
            if best.verdict in CHECKED:
                return best, True
        return replace(best, silent=silent), heard

    # ---- one credential
    async def _look(self, case: _Case, url: str) -> Finding:
        """What one credential says."""
        actor = case.actor
        try:
            await self._fetcher.admit(url)
        except FedisoraError as error:
            return Finding(NONE, error.text, url)
        if not self._may_ask(case, url):
            return Finding(NONE, TOO_OFTEN, url, silent=True)
        await self._db.write(lambda uow: attestations.spend(uow, actor.id, 1))
        try:
            document = await self._fetcher.statement(url, max_bytes=MAX_CREDENTIAL)
        except (RemoteUnavailable, Forbidden) as error:
            log.info("a credential cannot be had", actor=actor.id, reason=str(error))
            return Finding(NONE, SILENT, url, silent=not self._db.instance.uris.is_local(url))
        except Gone:
            return self._gone(case, url)
        except Refused as error:
            return Finding(NONE, error.text, url)
        return await self._weigh(case, url, document)

    def _gone(self, case: _Case, url: str) -> Finding:
        """A credential that its server has removed: of one that counted here, that is a statement."""
        actor = case.actor
        if url != case.row_url or not case.list_url or actor.human_issuer is None:
            return Finding(NONE, "The credential is gone.", url)
        verdict = attestations.ended(actor, self._db.clock())
        return Finding(verdict, "The credential was taken back." if verdict == REVOKED else "The credential has run out.", url,
                       actor.human_issuer, actor.human_method or "", actor.human_until, case.list_url, case.list_index)

    async def _weigh(self, case: _Case, url: str, document: dict[str, Any]) -> Finding:
        """What a fetched credential is worth."""
        now, issuer = self._db.clock(), document.get("issuer")
        if not isinstance(issuer, str) or not parse.is_http(issuer):
            return Finding(NONE, "The credential does not say who issued it.", url)
        problems = credential_problems(document, issuer=issuer, subject=case.actor.uri, now=now)
        late = problems == ["is not valid at this time"]
        if problems and not late:
            return Finding(NONE, f"The credential {problems[0]}.", url)
        proof = await self._issuers.proof(document, issuer)
        if proof != "valid":
            return Finding(NONE, proof, url, silent=proof == SILENT)
        start, end = parse_time(document.get("validFrom")), parse_time(document.get("validUntil"))
        entry = status_entry(document)
        about = document["credentialSubject"]
        if start is None or end is None or entry is None:  # `credential_problems` has seen to that
            return Finding(NONE, "The credential cannot be read.", url)
        host = parse.host_of(issuer)
        own = parse.same_origin(issuer, case.actor.uri)
        found = Finding(attestations.verdict_of(own, host, case.trusted), "", url, host, str(about["assuranceMethod"]), end,
                        entry[0], entry[1])
        if late and end <= now:
            return replace(found, verdict=EXPIRED, reason="The credential has run out.")
        if late:
            return Finding(NONE, "The credential is not valid yet.", url, again=start)
        return await self._status(found, issuer)

    async def _status(self, found: Finding, issuer: str, life: dt.timedelta | None = None) -> Finding:
        """A finding after a look at the status list of its credential."""
        document, problem = await self._issuers.status_list(found.list_url, issuer, life)
        now = self._db.clock()
        if document is None:
            return Finding(NONE, problem, found.url, silent=problem == SILENT)
        try:
            revoked = is_revoked(document, found.index if found.index is not None else -1, now=now)
        except Refused as error:
            return Finding(NONE, error.text, found.url)
        if revoked:
            return replace(found, verdict=REVOKED, reason="The credential was taken back.")
        end, latest = parse_time(document.get("validUntil")), now + attestations.LONGEST_LIST
        return replace(found, believed=min(end, latest) if end is not None else latest,
                       again=now + LIST_AGAIN if problem == SILENT else None)

    # ---- an actor that names none any more
    async def _dropped(self, case: _Case) -> str:
        """Whether its server has taken the credential back that counted, or the actor only does not name it any more."""
        found = Finding(NONE)
        now = self._db.clock()
        told = case.actor.human_issuer is not None and case.actor.human_until is not None and case.actor.human_until > now
        if told and case.actor.human == REVOKED:
            return REVOKED
        if told and case.list_url and len(case.fetches) < attestations.MOST_FETCHES and self._may_ask(case, case.row_url):
            await self._db.write(lambda uow: attestations.spend(uow, case.actor.id, 1))
            try:
                document = await self._fetcher.statement(case.row_url, max_bytes=MAX_CREDENTIAL)
                found = await self._weigh_dropped(case, document)
            except Gone:
                found = self._gone(case, case.row_url)
            except FedisoraError as error:
                log.info("a former credential cannot be had", actor=case.actor.id, reason=str(error))
        if found.verdict == REVOKED:
            return await self._db.write(lambda uow: _settle(uow, case, found, heard=True))
        return await self._db.write(lambda uow: _forget(uow, case))

    async def _weigh_dropped(self, case: _Case, document: dict[str, Any]) -> Finding:
        """A credential that lies there still although its actor names it no more: only a set bit says anything."""
        issuer = document.get("issuer")
        if not isinstance(issuer, str) or not parse.is_http(issuer) or parse.host_of(issuer) != case.issuer:
            return Finding(NONE)
        actor = case.actor
        found = Finding(CLAIMED, "", case.row_url, case.issuer, actor.human_method or "", actor.human_until, case.list_url,
                        case.list_index)
        return await self._status(found, issuer, SHORTEST)

    # ---- how often hosts are asked
    def _may_ask(self, case: _Case, url: str) -> bool:
        """Whether a host may be asked on an actor's word: its own and trusted ones always, others not by everybody at once."""
        host, now = _hosted(url), self._db.clock()
        if host in case.trusted or host == _hosted(case.actor.uri):
            return True
        moments = self._asked.setdefault(host, deque())
        self._asked.move_to_end(host)
        while len(self._asked) > HOSTS_REMEMBERED:
            self._asked.popitem(last=False)
        while moments and moments[0] < now - dt.timedelta(hours=1):
            moments.popleft()
        if len(moments) >= FOREIGN_PER_HOUR:
            return False
        moments.append(now)
        return True


def _hosted(url: str) -> str:
    try:
        return parse.host_of(url)
    except FedisoraError:
        return ""


def _place(case: _Case, url: str) -> tuple[bool, bool, bool]:
    """In which order credentials are looked at: what is known first, then the actor's own server's, then trusted ones."""
    return (not (case.known and url == case.row_url), not parse.same_origin(url, case.actor.uri),
            _hosted(url) not in case.trusted)


def _case(session: Session, actor_id: int, now: dt.datetime) -> _Case | None:
    actor = session.get(Actor, actor_id)
    if actor is None or actor.local or actor.suspended_at is not None:
        return None
    row = attestations.get(session, actor_id)
    known = False
    if row is not None and row.url in actor.attestation and actor.human in (*CHECKED, CLAIMED):
        known = (actor.human_until is not None and actor.human_until > now
                 and attestations.believed(session, row.list_url, now) is not None)
    return _Case(actor, row.url if row else "", row.list_url if row else "", row.list_index if row else None,
                 row.issuer if row else "", row.failures if row else 0, frozenset(row.named if row else ()),
                 row.checked_at if row else None, row.recheck_at if row else None, attestations.recent(row, now), known,
                 verifiers.hosts(session))


def _unchanged(uow: UnitOfWork, case: _Case) -> Actor | None:
    """The actor, when it names what it named before the look; else another look is planned: this one was at something else."""
    actor = actors.get(uow.session, case.actor.id)
    if set(actor.attestation) == set(case.actor.attestation) and attestations.may_be_human(actor) == attestations.may_be_human(
            case.actor):
        return actor
    attestations.check_again(uow, actor)
    return None


def _settle(uow: UnitOfWork, case: _Case, found: Finding, *, heard: bool) -> str:
    """Keep a finding; but what is known stays when nothing was heard of the credential it rests on, until it runs out."""
    actor = _unchanged(uow, case)
    if actor is None:
        return "ignored: it has changed meanwhile"
    if case.known and not heard and found.verdict not in CHECKED:
        attestations.kept(uow, actor, found)
        return actor.human or NONE
    attestations.settle(uow, actor, found)
    return found.verdict


def _forget(uow: UnitOfWork, case: _Case) -> str:
    actor = _unchanged(uow, case)
    if actor is not None:
        attestations.forget(uow, actor)
    return NONE
