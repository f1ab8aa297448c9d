"""Checking files: read the manifest, fetch the anchors of the claimed origin, weigh it, keep the verdict.

Trust is by origin: a file is `verified` when the certificate chains to a root that the instance it names publishes in its
actors' `signingCertificates`, fetched from that instance itself.
"""
from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ..activities import inbound
from ..activitypub.digest import digest_multibase
from ..activitypub.integrity_proofs import verification_method_of, verify_document
from ..activitypub.multibase import ed25519_from_multibase
from ..db import Database, UnitOfWork
from ..errors import FedisoraError, Invalid, NotFound
from ..models import Actor, Media, Status
from ..provenance import certificates
from ..provenance.reading import read_report
from ..provenance.verdict import ObjectFacts, Verdict, decide, origin
from ..services import instance
from ..storage import Store
from ..store import labels
from .claims import judged, keep_claims
from .digest import file_digest
from .process import run_media

log = structlog.get_logger()
MAX_BYTES = 300 << 20
CACHE_SECONDS = 600.0


class _Answer(Protocol):
    """What the egress client answers."""

    @property
    def status(self) -> int: ...

    @property
    def body(self) -> bytes: ...


class _Client(Protocol):
    """The part of the egress client that is needed here."""

    def get(self, url: str, *, accept: str, max_bytes: int = ...) -> Awaitable[_Answer]: ...

    def download(self, url: str, path: Path, *, max_bytes: int, deadline: float) -> Awaitable[object]: ...


class _Fetcher(Protocol):
    """Fetches ActivityPub documents from their own origin."""

    def document(self, uri: str) -> Awaitable[dict[str, Any]]: ...


@dataclass(frozen=True)
class _Known:
    """A stored file and what its post says."""

    media: Media
    facts: ObjectFacts | None


class Verifier:
    """Verdicts on files, URLs and stored media."""

    def __init__(self, db: Database, client: _Client, fetcher: _Fetcher, storage: Store) -> None:
        self._db = db
        self._client = client
        self._fetcher = fetcher
        self._storage = storage
        self._cache: dict[str, tuple[float, Any]] = {}

    # ---- doors
    async def check_file(self, path: Path) -> dict[str, Any]:
        """The verdict on a file somebody has: compared with its post when the file or the post is known here."""
        digest = digest_multibase((await asyncio.to_thread(file_digest, path))[0])
        known = await self._db.read(lambda session: _by_digest(session, digest))
        facts = known.facts if known else None
        verdict = await self._weigh(path, digest, facts, None)
        return verdict.to_json()

    async def check_claimed(self, path: Path, facts: ObjectFacts, home: str, noun: str = "video") -> dict[str, Any]:
        """The verdict on a file that a post of another server names; `home` is the post's origin."""
        digest = digest_multibase((await asyncio.to_thread(file_digest, path))[0])
        return (await self._weigh(path, digest, facts, home, noun)).to_json()

    async def check_url(self, url: str) -> dict[str, Any]:
        """The verdict on what a URL names: a post (its first video or image) or a file.

        Raises:
            Invalid: nothing that could be checked is there.
            RemoteUnavailable: the other server does not answer.
        """
        known = await self._db.read(lambda session: self._by_url(session, url))
        if known is not None:
            return await self.check_media(known.media.id)
        async with _scratch() as folder:
            path = folder / "file"
            await self._client.download(url, path, max_bytes=MAX_BYTES, deadline=120.0)
            digest = digest_multibase((await asyncio.to_thread(file_digest, path))[0])
            same = await self._db.read(lambda session: _by_digest(session, digest))
            return (await self._weigh(path, digest, same.facts if same else None, None)).to_json()

    async def check_media(self, media_id: int) -> dict[str, Any]:
        """Check a stored media file (a remote one is fetched), keep the verdict and answer it.

        Raises:
            NotFound: there is no such media.
            RemoteUnavailable: the remote file cannot be fetched now.
        """
        known = await self._db.read(lambda session: _by_id(session, media_id))
        if known is None:
            raise NotFound("There is no such file.")
        media = known.media
        async with _scratch() as folder:
            path = folder / "file"
            if media.storage_key:
                await asyncio.to_thread(self._storage.get_to, media.storage_key, path)
                home = self._db.instance.uris.base
            elif media.remote_url:
                await self._client.download(media.remote_url, path, max_bytes=MAX_BYTES, deadline=120.0)
                home = origin(known.facts.object_id if known.facts else media.remote_url) or ""
            else:
                raise NotFound("There is no such file.")
            digest = digest_multibase((await asyncio.to_thread(file_digest, path))[0])
            verdict = await self._weigh(path, digest, known.facts, home, "image" if media.kind == "image" else "video")
        document = verdict.to_json()
        await self._db.write(lambda uow: keep(uow, media_id, document))
        return document

    # ---- weighing
    async def _weigh(self, path: Path, digest: str, facts: ObjectFacts | None, claimed: str | None,
                     noun: str = "video") -> Verdict:
        now = dt.datetime.now(dt.UTC)
        reading: dict[str, Any] = {}
        homes = [claimed] if claimed else []
        if not homes:
            reading = await run_media("read", {"path": str(path), "anchors": {}}, timeout=120)
            parsed = read_report(reading["report"]) if isinstance(reading.get("report"), dict) else None
            if parsed is not None and parsed.record is not None:
                named = {origin(parsed.record.get("provider")), origin(parsed.record.get("actor"))}
                homes = [home for home in named if home]
            if facts is not None and (home := origin(facts.object_id)) is not None and home not in homes:
                homes.append(home)
        anchors: dict[str, str] = {}
        actor_uri = facts.actor if facts else None
        for home in homes:
            pem = await self._anchors(home, reading, actor_uri)
            if pem:
                anchors[home] = pem
        if anchors or not reading:
            reading = await run_media("read", {"path": str(path), "anchors": anchors}, timeout=120)
        parsed = read_report(reading["report"]) if isinstance(reading.get("report"), dict) else None
        revoked: list[str] | None = None
        claims: list[dict[str, Any]] = []
        if parsed is not None:
            issuer = origin(parsed.anchor)
            revoked = await self._revoked(issuer) if issuer else None
            claims = await judged(self._db, parsed.record)
        return decide(reading, claimed_origin=claimed, object_facts=facts, digest=digest, now=now,
                      revoked_serials=revoked, claims=claims, media=noun)

    async def _anchors(self, home: str, reading: dict[str, Any], actor_uri: str | None) -> str | None:
        """PEM of the CA certificates that an instance publishes; None when it publishes none or cannot be reached."""
        if home == self._db.instance.uris.base:
            return await self._db.read(instance.certificate_bundle)
        cached = self._cached(f"anchors {home}")
        if cached is not None:
            return str(cached) or None
        if actor_uri is None or origin(actor_uri) != home:
            report = reading.get("report")
            parsed = read_report(report) if isinstance(report, dict) else None
            named = (parsed.record or {}).get("actor") if parsed else None
            actor_uri = named if isinstance(named, str) and origin(named) == home else None
        pem = ""
        if actor_uri is not None:
            try:
                url = await self._certificates_url(actor_uri)
                if url and origin(url) == home:
                    answer = await self._client.get(url, accept="application/pem-certificate-chain", max_bytes=1 << 18)
                    if answer.status == 200:
                        pem = certificates.anchors(answer.body.decode("ascii", "replace"))
            except FedisoraError as error:
                log.info("no trust anchors", origin=home, reason=str(error))
                if error.retryable:
                    return None
        self._cache[f"anchors {home}"] = (time.monotonic() + CACHE_SECONDS, pem)
        return pem or None

    async def _certificates_url(self, actor_uri: str) -> str | None:
        known = await self._db.read(lambda session: session.scalar(
            select(Actor.signing_certificates).where(Actor.uri == actor_uri)))
        if known:
            return str(known)
        found = (await self._fetcher.document(actor_uri)).get("signingCertificates")
        return found if isinstance(found, str) else None

    async def _revoked(self, home: str) -> list[str] | None:
        """Serials that an instance has revoked; None when its list cannot be had or does not verify."""
        if home == self._db.instance.uris.base:
            return []
        cached = self._cached(f"revoked {home}")
        if cached is not None:
            return list(cached)
        try:
            answer = await self._client.get(f"{home}/.well-known/fedisora-revoked", accept="application/json",
                                            max_bytes=1 << 20)
            document = json.loads(answer.body) if answer.status == 200 else None
            serials = await self._verified_list(home, document) if isinstance(document, dict) else None
        except (FedisoraError, ValueError) as error:
            log.info("no revocation list", origin=home, reason=str(error))
            return None
        if serials is not None:
            self._cache[f"revoked {home}"] = (time.monotonic() + CACHE_SECONDS, serials)
        return serials

    async def _verified_list(self, home: str, document: dict[str, Any]) -> list[str] | None:
        issuer, method = document.get("issuer"), verification_method_of(document)
        if not isinstance(issuer, str) or origin(issuer) != home or method is None:
            return None
        actor = await self._fetcher.document(issuer)
        keys = actor.get("assertionMethod")
        for key in keys if isinstance(keys, list) else [keys]:
            if isinstance(key, dict) and key.get("id") == method and key.get("controller") == issuer:
                verify_document(document, ed25519_from_multibase(str(key.get("publicKeyMultibase"))))
                entries = document.get("revoked")
                listed = entries if isinstance(entries, list) else []
                return [str(item.get("serial", "")).lower() for item in listed if isinstance(item, dict)]
        return None

    def _cached(self, key: str) -> Any:
        found = self._cache.get(key)
        if found is None or found[0] < time.monotonic():
            return None
        return found[1]

    # ---- what is known here
    def _by_url(self, session: Session, url: str) -> _Known | None:
        uris = self._db.instance.uris
        status_id = uris.status_id(url)
        if status_id is not None:
            return _first_of(session, status_id)
        status = session.scalar(select(Status.id).where(or_(Status.uri == url, Status.url == url)).limit(1))
        if status is not None:
            return _first_of(session, status)
        prefix = uris.media("")
        if url.startswith(prefix):
            row = session.scalar(select(Media).where(Media.storage_key == url.removeprefix(prefix).partition("?")[0]))
        else:
            row = session.scalar(select(Media).where(Media.remote_url == url).limit(1))
        return _known(session, row) if row is not None else None


@contextlib.asynccontextmanager
async def _scratch() -> AsyncIterator[Path]:
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fedisora-verify-"))
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, True)


def _known(session: Session, media: Media) -> _Known:
    status = session.get(Status, media.status_id) if media.status_id is not None else None
    if status is None:
        return _Known(media, None)
    actor = session.get_one(Actor, status.actor_id)
    host = actor.domain or actor.uri.split("/")[2]
    return _Known(media, ObjectFacts(
        object_id=status.uri, actor=actor.uri, digest_multibase=media.digest if media.digest else None,
        digital_source_type=labels.stated(media) if media.state == "remote" else media.digital_source_type,
        handle=f"@{actor.username}@{host}"))


def _by_id(session: Session, media_id: int) -> _Known | None:
    media = session.get(Media, media_id)
    return _known(session, media) if media is not None else None


def _by_digest(session: Session, digest: str) -> _Known | None:
    media = session.scalar(select(Media).where(Media.digest == digest, Media.state == "signed").limit(1))
    return _known(session, media) if media is not None else None


def _first_of(session: Session, status_id: int) -> _Known | None:
    media = session.scalar(select(Media).where(Media.status_id == status_id, Media.kind.in_(("video", "image")))
                           .order_by(Media.position).limit(1))
    if media is None:
        raise Invalid("This post has no video or image to check.")
    return _known(session, media)


def keep(uow: UnitOfWork, media_id: int, document: dict[str, Any]) -> None:
    """Store a verdict, and what follows from it: the label in the file, its claims, what the inbound policy says now."""
    media = uow.session.get(Media, media_id)
    if media is not None:
        media.verdict, media.verdict_at = document, uow.now
        labels.from_manifest(media, document)
        keep_claims(uow, media, document)
        inbound.checked(uow, media)
        uow.ring(f"media:{media_id}")
