"""Whose signatures count: anchors and revocation lists, fetched from the origin that a file names, by the egress client.

Answers of origins that we have to do with are kept in the database (`store.trust`), so that our processes agree. An origin that
does not answer is asked again after a pause that doubles; until then its last answer counts, and the verdict says that it could
not be asked.
"""
from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections import OrderedDict
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog

from ..activitypub.integrity_proofs import verification_method_of, verify_document
from ..activitypub.keys import in_use
from ..activitypub.multibase import ed25519_from_multibase
from ..db import Database
from ..errors import FedisoraError, RemoteUnavailable
from ..provenance import certificates
from ..provenance.verdict import origin
from ..serializers.activitypub import actor as actor_serializer
from ..serializers.activitypub import revocations
from ..services import instance
from ..store import actors, trust
from ..store.trust import Known

log = structlog.get_logger()
ANCHORS_LIFE = dt.timedelta(hours=6)
ANCHORS_AGAIN = dt.timedelta(minutes=5)
"""When a signature chains to none of the anchors we have, they are fetched again, unless they are younger than this."""
LIST_LIFE = dt.timedelta(minutes=30)
MAX_BUNDLE, MAX_LIST = 1 << 18, 1 << 21
REMEMBERED = 1000


class Answer(Protocol):
    """What the egress client answers."""

    @property
    def status(self) -> int: ...

    @property
    def body(self) -> bytes: ...


class Client(Protocol):
    """The part of the egress client that is needed here."""

    def get(self, url: str, *, accept: str, max_bytes: int = ...) -> Awaitable[Answer]: ...

    def download(self, url: str, path: Path, *, max_bytes: int, deadline: float) -> Awaitable[object]: ...


class Fetcher(Protocol):
    """Fetches ActivityPub documents from their own origin."""

    def document(self, uri: str) -> Awaitable[dict[str, Any]]: ...


@dataclass(frozen=True)
class Anchors:
    """CA certificates of an origin as PEM ("" for none); `silent`: it could not be asked, these are what it last answered."""

    pem: str
    silent: bool = False
    fetched: dt.datetime | None = None


@dataclass(frozen=True)
class Change:
    """What another look at an origin brought: its anchors became others, serials were revoked or taken back."""

    anchors: bool
    revoked: tuple[str, ...]
    restored: tuple[str, ...]


class Trust:
    """Anchors and revocation lists of origins."""

    def __init__(self, db: Database, client: Client, fetcher: Fetcher) -> None:
        self._db = db
        self._client = client
        self._fetcher = fetcher
        self._strangers: OrderedDict[str, Known] = OrderedDict()
        """What is known of origins that only files which people check here name: nothing of it is stored."""

    def _local(self, home: str) -> bool:
        return home == self._db.instance.uris.base

    async def anchors(self, home: str, actor_uri: str | None, *, again: bool = False) -> Anchors:
        """CA certificates that an origin publishes.

        Args:
            actor_uri: an account there, which says where they are.
            again: a signature chains to none of those we have: perhaps there are new ones.
        """
        if self._local(home):
            return Anchors(await self._db.read(instance.certificate_bundle))
        now = self._db.clock()
        known = await self._load(home)
        age = now - known.anchors_at if known.anchors_at else None
        if age is not None and age < (ANCHORS_AGAIN if again else ANCHORS_LIFE):
            return Anchors(known.anchors, fetched=known.anchors_at)
        if known.ask_at is not None and now < known.ask_at:
            return Anchors(known.anchors, silent=True)
        try:
            known = await self._fetch_anchors(known, actor_uri, now)
        except FedisoraError as error:
            log.info("no trust anchors", origin=home, reason=str(error))
            if error.retryable:
                await self._save(known.failed(now))
                return Anchors(known.anchors, silent=True)
            known = dataclasses.replace(known, anchors="", anchors_at=now, failures=0, ask_at=None)
        await self._save(known)
        return Anchors(known.anchors, fetched=known.anchors_at)

    async def _fetch_anchors(self, known: Known, actor_uri: str | None, now: dt.datetime) -> Known:
        """What an origin publishes now.

        Raises:
            FedisoraError: it does not answer (retryable), or not with certificates.
        """
        home, url, pem = known.origin, known.url, ""
        if actor_uri is not None and origin(actor_uri) == home:
            url = await self._certificates_url(actor_uri)
        else:
            url = await self._db.read(lambda session: trust.certificates_url(session, home)) or url
        if url and origin(url) == home:
            answer = await self._client.get(url, accept="application/pem-certificate-chain", max_bytes=MAX_BUNDLE)
            if answer.status >= 500 or answer.status == 429:
                raise RemoteUnavailable(cause=f"{url} answered {answer.status}")
            if answer.status == 200:
                pem = certificates.anchors(answer.body.decode("ascii", "replace"))
        return dataclasses.replace(known, url=url, anchors=pem, anchors_at=now, failures=0, ask_at=None)

    async def _certificates_url(self, actor_uri: str) -> str | None:
        known = await self._db.read(lambda session: actors.by_uri(session, actor_uri))
        if known is not None and known.signing_certificates:
            return known.signing_certificates
        found = (await self._fetcher.document(actor_uri)).get("signingCertificates")
        return found if isinstance(found, str) else None

    async def revoked(self, home: str, *, again: bool = False) -> tuple[str, ...] | None:
        """Serials that an instance has revoked, by what it last said; None when its list was never to be had.

        Args:
            again: ask now, unless it did not answer a moment ago.
        """
        if self._local(home):
            return await self._db.read(lambda session: tuple(row.serial for row in trust.revoked_here(session)))
        now = self._db.clock()
        known = await self._load(home)
        if not again and known.list_at is not None and now - known.list_at < LIST_LIFE:
            return known.serials
        if known.ask_at is not None and now < known.ask_at:
            return known.serials
        try:
            serials = await self._fetch_list(home, now)
        except (FedisoraError, ValueError) as error:
            log.info("no revocation list", origin=home, reason=str(error))
            if isinstance(error, FedisoraError) and error.retryable:
                await self._save(known.failed(now))
                return known.serials
            serials = None
        # A list that is there no more, or does not verify, takes nothing back: what was revoked stays so.
        kept = known.serials if serials is None else tuple(serials)
        await self._save(dataclasses.replace(known, serials=kept, list_at=now, failures=0, ask_at=None))
        return kept

    async def _fetch_list(self, home: str, now: dt.datetime) -> list[str] | None:
        answer = await self._client.get(f"{home}/.well-known/fedisora-revoked", accept="application/json", max_bytes=MAX_LIST)
        if answer.status >= 500 or answer.status == 429:
            raise RemoteUnavailable(cause=f"{home} answered {answer.status}")
        document = json.loads(answer.body) if answer.status == 200 else None
        if not isinstance(document, dict):
            return None
        issuer, method = document.get("issuer"), verification_method_of(document)
        if not isinstance(issuer, str) or origin(issuer) != home or method is None:
            return None
        data = actor_serializer.from_activitypub(await self._fetcher.document(issuer))
        for key in data.assertion_keys:
            if data.uri == issuer and key["id"] == method and in_use(key, now):
                verify_document(document, ed25519_from_multibase(key["multibase"]), now)
                return revocations.serials(document, now)
        return None

    async def refresh(self, home: str) -> Change:
        """Ask an origin anew for its anchors and its list; what changed since the last time."""
        before = await self._load(home)
        await self._save(dataclasses.replace(before, anchors_at=None))
        await self.anchors(home, None)
        await self.revoked(home, again=True)
        after = await self._load(home)
        if after.anchors_at is None:  # not to be had: what was known keeps its age
            await self._save(dataclasses.replace(after, anchors_at=before.anchors_at))
        old, new = set(before.serials or ()), set(after.serials or ())
        return Change(after.anchors != before.anchors, tuple(sorted(new - old)), tuple(sorted(old - new)))

    async def retry_at(self, homes: list[str]) -> dt.datetime | None:
        """When origins that could not be asked may be asked again; None when all could."""
        found = [(await self._load(home)).ask_at for home in homes if not self._local(home)]
        return max((moment for moment in found if moment is not None), default=None)

    async def _load(self, home: str) -> Known:
        stranger = self._strangers.get(home)
        found = await self._db.read(lambda session: trust.load(session, home))
        return stranger if stranger is not None and found == Known(home) else found

    async def _save(self, known: Known) -> None:
        if await self._db.read(lambda session: trust.met(session, known.origin)):
            self._strangers.pop(known.origin, None)
            await self._db.write(lambda uow: trust.save(uow, known))
            return
        self._strangers[known.origin] = known
        while len(self._strangers) > REMEMBERED:
            self._strangers.popitem(last=False)
