"""Checking files: read the manifest, fetch the anchors of the claimed origin, weigh it, keep the verdict.

Trust is by origin: a file is `verified` when the certificate chains to a root that the instance it names publishes in its
actors' `signingCertificates`, fetched from that instance itself.
"""
from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from ..activitypub.digest import digest_multibase
from ..db import Database, UnitOfWork
from ..errors import FedisoraError, NotFound, Refused
from ..models import Media
from ..provenance.reading import Reading, read_report
from ..provenance.verdict import Match, ObjectFacts, Verdict, decide, origin
from ..storage import Store
from . import facts, verdicts
from .claims import judged
from .digest import file_digest
from .facts import KnownFile
from .process import run_media
from .scratch import scratch
from .sidecar import MAX_SIDECAR
from .trust import Client, Fetcher, Trust

log = structlog.get_logger()
MAX_BYTES = 300 << 20
LATER = dt.timedelta(minutes=10)
MOST_HOMES = 3
"""Origins that are asked for certificates on the word of one file."""


class Verifier:
    """Verdicts on files, URLs and stored media."""

    def __init__(self, db: Database, client: Client, fetcher: Fetcher, storage: Store, *,
                 recognise: Callable[[Path], Awaitable[Match | None]] | None = None,
                 seen: Callable[[Media, Path], Awaitable[Match | None]] | None = None) -> None:
        self._db = db
        self._client = client
        self._storage = storage
        self.trust = Trust(db, client, fetcher)
        self.recognise = recognise
        """Looks for a known file that one without a record looks like."""
        self.seen = seen
        """Takes note of what a remote file shows, while it is at hand; the known file that it looks like."""

    # ---- doors
    async def check_file(self, path: Path, *, recognise: bool = False) -> dict[str, Any]:
        """The verdict on a file somebody has: compared with its post when the file or the post is known here. One that cannot
        be judged, for what it costs or because a library breaks on it, is `unreadable`: there is a verdict on every file.

        Args:
            recognise: look for a known video that one without a record looks like (which takes decoding it).
        """
        digest = digest_multibase((await asyncio.to_thread(file_digest, path))[0])
        known = await self._db.read(lambda session: facts.by_digest(session, digest))
        return await self._answer(path, digest, known, None, look=self.recognise if recognise else None)

    async def check_claimed(self, path: Path, said: ObjectFacts, home: str, noun: str = "video") -> dict[str, Any]:
        """The verdict on a file that a post of another server names; `home` is the post's origin."""
        digest = digest_multibase((await asyncio.to_thread(file_digest, path))[0])
        return await self._answer(path, digest, KnownFile(Media(kind=noun, state="remote"), said), home, noun)

    async def _answer(self, path: Path, digest: str, known: KnownFile | None, claimed: str | None, noun: str = "video",
                      look: Callable[[Path], Awaitable[Match | None]] | None = None) -> dict[str, Any]:
        try:
            verdict, *_ = await self._weigh(path, digest, known, claimed, noun, look=look)
        except FedisoraError as error:
            if error.retryable:
                raise
            log.warning("a file cannot be judged", reason=str(error))
            verdict = decide({"report": None, "error": {"code": "unreadable"}}, claimed_origin=None, object_facts=None,
                             digest=digest, now=self._db.clock(), media=noun)
        return verdict.to_json()

    async def check_media(self, media_id: int) -> dict[str, Any]:
        """Check a stored media file (a remote one is fetched), keep the verdict and answer it.

        Raises:
            NotFound: there is no such media.
            Refused: the remote file cannot be had.
            RemoteUnavailable: it cannot be fetched now.
        """
        known = await self._db.read(lambda session: facts.by_id(session, media_id))
        if known is None:
            raise NotFound("There is no such file.")
        media, sidecar = known.media, None
        async with scratch("verify") as folder:
            path = folder / "file"
            if media.storage_key:
                await asyncio.to_thread(self._storage.get_to, media.storage_key, path)
                home = self._db.instance.uris.base
            elif media.remote_url:
                try:
                    await self._client.download(media.remote_url, path, max_bytes=MAX_BYTES, deadline=120.0)
                except Refused:  # it is gone: what was found out stays, and nobody asks for it every day
                    await self._db.write(lambda uow: verdicts.settled(uow, media_id))
                    raise
                home = origin(known.facts.object_id if known.facts else media.remote_url) or ""
                sidecar = await self._sidecar(media.manifest_url, folder / "manifest.c2pa")
                if self.seen is not None:
                    known = replace(known, match=await self.seen(media, path))
            else:
                raise NotFound("There is no such file.")
            digest = digest_multibase((await asyncio.to_thread(file_digest, path))[0])
            verdict, asked, later = await self._weigh(
                path, digest, known, home, "image" if media.kind == "image" else "video", sidecar)
        document = verdict.to_json()
        again = await self.trust.retry_at(asked) or (later if verdict.verdict == "intact-unknown-signer" else None)
        await self._db.write(lambda uow: _keep(uow, media_id, document, known, again))
        return document

    async def _sidecar(self, url: str | None, path: Path) -> Path | None:
        """The manifest that a post links to; None when there is none to be had."""
        if url is None:
            return None
        try:
            await self._client.download(url, path, max_bytes=MAX_SIDECAR, deadline=30.0)
        except FedisoraError as error:
            log.info("no linked manifest", url=url, reason=str(error))
            return None
        return path

    # ---- weighing
    async def _weigh(self, path: Path, digest: str, known: KnownFile | None, claimed: str | None, noun: str = "video",
                     sidecar: Path | None = None, look: Callable[[Path], Awaitable[Match | None]] | None = None,
                     ) -> tuple[Verdict, list[str], dt.datetime | None]:
        """The verdict, the origins whose word it rests on, and when to look again because anchors were too young to be fetched
        anew."""
        said = known.facts if known is not None else None
        asked: list[str] = []
        anchors: dict[str, str] = {}
        ages: dict[str, dt.datetime] = {}
        silent: set[str] = set()
        began, later = self._db.clock(), None

        async def ask(homes: list[str], actor_uri: str | None, *, again: bool = False) -> bool:
            """Fetch anchors of origins; whether there are other ones than before."""
            before = dict(anchors)
            for home in homes:
                found = await self.trust.anchors(home, actor_uri if origin(actor_uri) == home else None, again=again)
                asked.extend([home] if home not in asked else [])
                if found.pem:
                    anchors[home] = found.pem
                if found.silent:
                    silent.add(home)
                if found.fetched is not None:
                    ages[home] = found.fetched
            return anchors != before

        if claimed:
            await ask([claimed], said.actor if said else None)
        reading = await self._read(path, anchors, sidecar)
        parsed = _parsed(reading)
        if parsed is not None and parsed.anchor is None:
            named = (parsed.record or {}).get("actor")
            homes = [claimed, origin((parsed.record or {}).get("provider")), origin(named),
                     origin(said.object_id) if said else None]
            fresh = [home for home in dict.fromkeys(homes) if home and home not in asked][:MOST_HOMES]
            changed = await ask(fresh, named if isinstance(named, str) else None)
            if claimed:  # perhaps its anchors are others by now
                changed = await ask([claimed], said.actor if said else None, again=True) or changed
                later = began + LATER if ages.get(claimed, began) < began else None
            if changed:
                reading = await self._read(path, anchors, sidecar)
                parsed = _parsed(reading)
        revoked: tuple[str, ...] | None = None
        claims: list[dict[str, Any]] = []
        if parsed is not None:
            issuer = origin(parsed.anchor)
            revoked = await self.trust.revoked(issuer) if issuer else None
            claims = await judged(self._db, parsed.record)
        stamps = (known.revoked_stamps, known.invalid_stamps) if known is not None else ((), ())
        if known is None and parsed is not None and parsed.anchor is not None:  # a stray copy of what a post shows
            post = str((parsed.record or {}).get("object") or "")
            if origin(post) == origin(parsed.anchor):
                known = await self._same_signing(post, str(reading["report"].get("active_manifest") or ""))
                said = known.facts if known is not None else None
                stamps = await self._db.read(lambda session: facts.consents_of(session, post))
        match = known.match if known is not None else None
        if match is None and look is not None and (reading.get("error") or {}).get("code") == "unsigned":
            match = await look(path)
        verdict = decide(
            reading, claimed_origin=claimed, object_facts=said, digest=digest, now=dt.datetime.now(dt.UTC),
            revoked_serials=revoked, silent_origins=silent, match=match, claims=claims, media=noun,
            revoked_stamps=stamps[0], invalid_stamps=stamps[1])
        return verdict, asked, later

    async def _same_signing(self, post: str, label: str) -> KnownFile | None:
        """The file of a post here that carries the manifest of this label: another file with it has bytes changed that C2PA does
        not hash. A file that was signed before the post's present one has another label, and is no worse for it."""
        for known in await self._db.read(lambda session: facts.signed_for(session, post)):
            kept = await asyncio.to_thread(self._storage.read, str(known.media.manifest_key))
            if label and label.encode() in kept:
                return known
        return None

    async def _read(self, path: Path, anchors: dict[str, str], sidecar: Path | None) -> dict[str, Any]:
        request = {"path": str(path), "anchors": anchors, "sidecar": str(sidecar) if sidecar else None}
        return await run_media("read", request, timeout=120)


def _parsed(reading: dict[str, Any]) -> Reading | None:
    report = reading.get("report")
    return read_report(report) if isinstance(report, dict) else None


def _keep(uow: UnitOfWork, media_id: int, document: dict[str, Any], known: KnownFile, again: dt.datetime | None) -> None:
    media = uow.session.get(Media, media_id)
    if media is not None:
        verdicts.keep(uow, media, document, known, again=again)
