"""Looking at the consent to a remix or a cameo: whose it is, and the owner's stamp, each fetched from its own origin.

The stamp counts when it lies on the owner's origin at the address that is its id, carries a proof by one of the owner's own
keys, and names this post, this parent (or this person), the digest of this file, and a time that is not over (vocabulary §4).
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy.orm import Session

from ..activities import cameos, lineages, remote_posts
from ..activities.lineages import Finding
from ..activitypub.parse import id_of, is_http, same_origin, type_of
from ..db import Database, UnitOfWork
from ..errors import Forbidden, Gone, Malformed, NotFound, NotOwner, Refused, RemoteUnavailable, Unsupported
from ..models import Actor, ConsentStamp, Lineage, Status
from ..provenance import consent
from ..provenance.record import parse_time
from ..serializers.activitypub.note import from_activitypub
from ..store import actors, consents, lineage, statuses
from ..store import media as media_rows
from .fetch import Fetcher
from .resolve import Resolver

MOST_STAMPS = 4
"""Stamps fetched in one look."""
_WEIGHT = ("missing", "invalid", "unreachable", "expired", "revoked")
"""Of several stamps that do not hold, what is said."""
_STAMP = {lineage.REMIX: consent.REMIX, lineage.CAMEO: consent.LIKENESS}
_KIND = {lineage.REMIX: "remix", lineage.CAMEO: "likeness"}
_UNNAMED = {lineage.REMIX: "It names no consent of the original's author.",
            lineage.CAMEO: "It names no consent of the person it shows."}
SILENT = "The owner's server does not answer."


@dataclass(frozen=True)
class _Case:
    """What is stored about one parent of a post.

    Attributes:
        digests: `digestMultibase` of every file of the child that is made from this parent; None for one without.
        stamps: addresses that are said to be its stamps.
        owner_uri: whose consent is needed; None while the parent is not known.
    """

    row: Lineage
    child: Status
    author: Actor
    digests: frozenset[str | None]
    stamps: tuple[str, ...]
    owner_uri: str | None
    owner: Actor | None


class ConsentChecks:
    """Finds out whether owners agreed, and keeps what it found."""

    def __init__(self, db: Database, fetcher: Fetcher, resolver: Resolver) -> None:
        self._db = db
        self._fetcher = fetcher
        self._resolver = resolver

    async def check(self, lineage_id: int) -> str:
        """Look at one parent of a post, or one person it shows, and let what was found take effect; the state in a word."""
        case = await self._db.read(lambda session: _case(session, lineage_id))
        if case is None:
            return "ignored: not there"
        if case.owner_uri is None:
            cameo = case.row.kind == lineage.CAMEO
            missing = await (self._person(case) if cameo else self._parent(case.row.parent_uri))
            case = await self._db.read(lambda session: _case(session, lineage_id))
            if case is None:  # a cameo: another row stands for the same person
                return "ignored: not there"
            if case.owner_uri is None:
                finding = missing or Finding("missing", "The original is not a post.")
                return await self._db.write(lambda uow: lineages.settle(uow, lineage_id, finding))
        if case.row.kind == lineage.CAMEO and case.child.local and not (case.child.published or case.stamps):
            if case.owner is None:
                return await self._meet(case)
            if not case.owner.local:
                return "ignored: not answered yet"
        if case.owner_uri == case.author.uri:
            return await self._db.write(lambda uow: lineages.settle(uow, lineage_id, Finding("own")))
        found: Finding | None = None
        if case.row.kind == lineage.CAMEO and case.owner is not None and case.owner.suspended_at is not None:
            # deleted, or of a server that we do not hear: they could not take it back any more
            found = Finding("revoked", lineages.PERSON_GONE)
        elif not self._db.instance.uris.is_local(case.owner_uri):
            found = await self._look(case)

        def settle(uow: UnitOfWork) -> str:
            return lineages.settle(uow, lineage_id, found or _own_stamps(uow.session, case, uow.now))

        return await self._db.write(settle)

    async def _person(self, case: _Case) -> Finding | None:
        """Ask a stamp of a likeness whose it is; why not, when that cannot be told."""
        uri = case.row.stamp_uri or case.row.parent_uri
        if self._db.instance.uris.is_local(uri):
            owner = await self._db.read(lambda session: _giver(session, uri))
            if owner is None:
                return Finding("invalid", "There is no consent at the address that is named.")
        else:
            document = await self._document(uri)
            if isinstance(document, Finding):
                return document
            owner = id_of(document.get("attributedTo"))
            if owner is None or not same_origin(owner, uri):
                return Finding("invalid", "The consent does not say whose it is.")
        standing = await self._db.write(lambda uow: cameos.owned(uow, case.row.id, owner))
        if standing is not None and standing != case.row.id:
            await self.check(standing)
        return None

    async def _meet(self, case: _Case) -> str:
        """Somebody whom an upload here shows was not known yet: look them up, so that they can be asked."""
        try:
            owner = await self._resolver.actor(case.row.parent_uri)
            problem = None if owner.type in ("Person", "Service") and owner.cameo_terms is not None else Finding(
                "missing", cameos.UNASKABLE)
        except RemoteUnavailable:
            problem = Finding("unreachable", SILENT)
        except (Gone, NotFound):
            problem = Finding("missing", lineages.PERSON_GONE)
        except Refused as error:
            problem = Finding("missing", f"They cannot be asked: {error.text}")

        def keep(uow: UnitOfWork) -> str:
            row = lineage.get(uow.session, case.row.id)
            child = statuses.get(uow.session, case.child.id)
            if problem is not None or row is None or child is None:
                return lineages.settle(uow, case.row.id, problem or Finding("missing"))
            cameos.ask(uow, child, row, actors.get(uow.session, owner.id))
            return row.consent

        return await self._db.write(keep)

    async def _parent(self, uri: str) -> Finding | None:
        """Fetch the parent post; why not, when it cannot be had."""
        if self._db.instance.uris.is_local(uri):
            return Finding("missing", "The original is not here any more.")
        try:
            await self._resolver.status(uri, quiet=True, deep=False)
        except RemoteUnavailable:
            return Finding("unreachable", SILENT)
        except (Gone, NotFound):
            return Finding("missing", "The original is gone; whose consent it needs cannot be told.")
        except Refused as error:
            return Finding("missing", f"The original cannot be had: {error.text}")
        return None

    # ---- stamps of owners elsewhere
    async def _look(self, case: _Case) -> Finding:
        stamps = [uri for uri in case.stamps if same_origin(uri, case.owner_uri or "")][:MOST_STAMPS]
        if not stamps:
            return Finding("invalid", "The consent is not on the owner's server.") if case.stamps else Finding(
                "missing", _UNNAMED[case.row.kind])
        left, good, bad, end = set(case.digests), None, Finding("missing"), None
        for uri in stamps:
            finding, document = await self._stamp(case, uri, left)
            if finding.consent != "valid":
                bad = max(bad, finding, key=lambda item: _WEIGHT.index(item.consent))
                continue
            good = good or uri
            end = min((item for item in (end, finding.end) if item is not None), default=None)
            left = left - {document.get("digestMultibase")} if "digestMultibase" in document else set()
            if not left:
                return Finding("valid", "", good, end)
        return bad if good is None else Finding("invalid", "Not every file of it is covered by a consent.")

    async def _stamp(self, case: _Case, uri: str, digests: set[str | None]) -> tuple[Finding, dict[str, Any]]:
        """What one stamp says about any of some files."""
        document = await self._document(uri)
        if isinstance(document, Finding):
            return document, {}
        problems = _problems(case, document, uri, digests, self._db.clock())
        if problems:
            state = "expired" if problems == ["has run out"] else "invalid"
            return Finding(state, f"The consent {problems[0]}."), {}
        try:
            signed = await self._signed(case, document)
        except RemoteUnavailable:
            return Finding("unreachable", SILENT), {}
        if not signed:
            return Finding("invalid", "The consent is not signed by the owner."), {}
        return Finding("valid", "", uri, parse_time(document.get("endTime"))), document

    async def _document(self, uri: str) -> dict[str, Any] | Finding:
        """What lies at a stamp's address, or why that gives no consent."""
        try:
            document = await self._fetcher.document(uri)
        except RemoteUnavailable:
            return Finding("unreachable", SILENT)
        except (Gone, NotFound):
            return Finding("revoked", "The owner took the consent back.")
        except NotOwner:
            return Finding("invalid", "The consent was found at another address than its id.")
        except (Malformed, Unsupported):
            return Finding("invalid", "There is no consent at the address that is named.")
        except Forbidden:
            return Finding("unreachable", SILENT)
        if type_of(document) == "Tombstone":
            return Finding("revoked", "The owner took the consent back.")
        return document

    async def _signed(self, case: _Case, document: dict[str, Any]) -> bool:
        """Whether the owner signed a stamp.

        Raises:
            RemoteUnavailable: it needs a key that the owner's server does not tell now.
        """
        try:
            owner = case.owner or await self._resolver.actor(case.owner_uri or "")
            state = remote_posts.proof_state(document, owner)
            if state == "invalid":  # perhaps by a key that is newer than what we know of the owner
                state = remote_posts.proof_state(document, await self._resolver.fresh(owner.uri))
        except Refused:
            return False
        return state == "valid"


def _case(session: Session, lineage_id: int) -> _Case | None:
    row = lineage.get(session, lineage_id)
    child = statuses.get(session, row.child_id) if row is not None else None
    if row is None or child is None:
        return None
    if row.kind == lineage.CAMEO:
        uri = cameos.owner_of(row)
        digests, stamps = _shown(session, row, child)
        return _Case(row, child, session.get_one(Actor, child.actor_id), digests, stamps, uri,
                     actors.by_uri(session, uri) if uri is not None else None)
    parent = statuses.by_uri(session, row.parent_uri)
    grave = statuses.is_tombstoned(session, row.parent_uri) if parent is None else None
    owner = session.get_one(Actor, parent.actor_id) if parent is not None else actors.by_uri(
        session, grave.actor_uri) if grave is not None else None
    uri = owner.uri if owner is not None else grave.actor_uri if grave is not None else None
    digests, stamps = _claims(session, row, child)
    return _Case(row, child, session.get_one(Actor, child.actor_id), digests, stamps, uri, owner)


def _claims(session: Session, row: Lineage, child: Status) -> tuple[frozenset[str | None], tuple[str, ...]]:
    """(digests of the files made from this parent, addresses of stamps) as the child says."""
    known = [row.stamp_uri] if row.stamp_uri else []
    if child.local or child.document is None:
        files = media_rows.of_statuses(session, [child.id]).get(child.id, [])
        return frozenset(media.digest for media in files), tuple(known)
    digests, stamps = set(), []
    for item in from_activitypub(orjson.loads(child.document)).media:
        if row.parent_uri in item.based_on or any(
                (parent := statuses.by_uri(session, uri)) is not None and parent.uri == row.parent_uri for uri in item.based_on):
            digests.add(item.digest)
            stamps += [uri for uri in item.remix_authorizations if is_http(uri)]
    return frozenset(digests), tuple(dict.fromkeys(known + stamps))


def _shown(session: Session, row: Lineage, child: Status) -> tuple[frozenset[str | None], tuple[str, ...]]:
    """(digests of the files that show a person, addresses of the stamps): those that name a stamp of this person's server, and
    those that say so themselves, in their manifest; every file of the post where none does. A file without a digest is
    covered by no stamp."""
    known = [row.stamp_uri] if row.stamp_uri else []
    files = media_rows.of_statuses(session, [child.id]).get(child.id, [])
    if child.local or child.document is None:
        return frozenset(media.digest for media in files), tuple(known)
    named = from_activitypub(orjson.loads(child.document)).media
    theirs = [item for item in named if any(same_origin(uri, row.parent_uri) for uri in item.likeness_authorizations)]
    stamps = [uri for item in theirs for uri in item.likeness_authorizations if same_origin(uri, row.parent_uri)]
    digests = {item.digest for item in theirs} | {media.digest for media in files if row.parent_uri in cameos.people_in(
        media.verdict or {})}
    return frozenset(digests or {item.digest for item in named}), tuple(dict.fromkeys(known + stamps))


def _giver(session: Session, uri: str) -> str | None:
    row = consents.stamp(session, uri)
    return row.target_uri if row is not None and row.kind == "likeness" else None


def _problems(case: _Case, document: dict[str, Any], uri: str, digests: set[str | None], now: Any) -> list[str]:
    """Why a stamp covers none of some files; [] when it covers one, or none is shown any more (what ended has ended still)."""
    found: list[str] = []
    named = document.get("digestMultibase")
    for digest in digests or {named if isinstance(named, str) else None}:
        found = consent.stamp_problems(
            document, kind=_STAMP[case.row.kind], owner=case.owner_uri or "", new_object=case.child.uri,
            target=case.row.parent_uri, digest=digest, now=now, stamp_id=uri)
        if not found:
            return []
    return found


# ---- stamps of owners here
def _own_stamps(session: Session, case: _Case, now: Any) -> Finding:
    """What our own table says: no document is asked, nobody can forge it."""
    rows = [row for row in consents.stamps_for(session, case.row.parent_uri, case.child.uri)
            if case.owner is not None and row.actor_id == case.owner.id and row.kind == _KIND[case.row.kind]]
    # its server shows no file any more: what was taken back or ran out did so for the file that was there
    fitting = [row for row in rows if row.digest is None or row.digest in case.digests or not case.digests]
    standing = [row for row in fitting if row.revoked_at is None]
    if not standing:
        if fitting:
            return Finding("revoked", "The owner took the consent back.")
        return Finding("invalid", "The consent is for another file.") if rows else Finding(
            "missing", _UNNAMED[case.row.kind])
    lasting: list[ConsentStamp] = [row for row in standing if row.end_at is None or row.end_at > now]
    if not lasting:
        return Finding("expired", "The consent has run out.")
    covered = {row.digest for row in lasting}
    if None not in covered and not case.digests <= covered:
        return Finding("invalid", "Not every file of it is covered by a consent.")
    ends = [row.end_at for row in lasting if row.end_at is not None]
    return Finding("valid", "", lasting[-1].uri, min(ends, default=None))
