"""Content Credentials in files of servers that do not know our vocabulary: looked for, weighed, and never more than they are.

Most such files have none (Mastodon, GoToSocial and Pixelfed encode anew), so only those that mention C2PA cost a child process.
"""
from __future__ import annotations

import asyncio
import datetime as dt
import mmap
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from ..db import UnitOfWork
from ..errors import FedisoraError, Refused
from ..models import Media
from ..provenance import digital_source
from ..provenance.verdict import Check, decide
from . import facts, verdicts
from .scratch import scratch

if TYPE_CHECKING:
    from ..db import Database
    from .recogniser import Recogniser
    from .verifier import Verifier

log = structlog.get_logger()
MARKS: Final = (b"c2pa",)
"""In the label of every C2PA manifest store, whatever the container (ISO 19566-5 description box)."""
FIELD: Final = b"DigitalSourceType"
_VALUE: Final = re.compile(rb"[^<]{0,120}?cv\.iptc\.org/newscodes/digitalsourcetype/([A-Za-z]{1,60})")
"""IPTC's field in XMP, as an attribute or an element: several generators write it without signing anything."""
MOST_FIELDS: Final = 200
DEADLINE: Final = 30.0
AGAIN: Final = dt.timedelta(hours=1)


def mentions_c2pa(path: Path) -> bool:
    """Whether a manifest store may be in a file."""
    with path.open("rb") as file:
        if not file.seek(0, 2):
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            return any(view.find(mark) >= 0 for mark in MARKS)


def metadata_source(path: Path) -> str | None:
    """The source type that a file's own (unsigned) XMP states; of several the one that admits to most machine."""
    with path.open("rb") as file:
        if not file.seek(0, 2):
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            found: list[str] = []
            at = view.find(FIELD)
            while at >= 0 and len(found) < MOST_FIELDS:
                at += len(FIELD)
                match = _VALUE.match(view[at:at + 250])
                found.append(digital_source.BASE + match[1].decode() if match else "")
                at = view.find(FIELD, at)
    return digital_source.stricter(*(uri for uri in found if digital_source.find(uri) is not None))


async def check(db: Database, client: Any, verifier: Verifier, media_id: int,
                recogniser: Recogniser | None = None) -> str | None:
    """Fetch a foreign file, keep the verdict and what it says about itself; the verdict's word, None when nothing was checked.

    A video without a record may be a copy of one that is known here: then it is `recovered`. A file that is too large, gone or
    refused stays unchecked; a server that does not answer is asked again in an hour.
    """
    media = await db.read(lambda session: session.get(Media, media_id))
    if media is None or media.state != "remote" or not media.remote_url:
        return None
    url, noun = media.remote_url, "image" if media.kind == "image" else "video"
    async with scratch("verify") as folder:
        path = folder / "file"
        try:
            await client.download(url, path, max_bytes=db.instance.settings.foreign_media_mb << 20, deadline=DEADLINE)
        except Refused as error:
            log.info("foreign file not checked", media=media_id, reason=str(error))
            await db.write(lambda uow: verdicts.settled(uow, media_id))
            return None
        except FedisoraError as error:
            log.info("foreign file not checked yet", media=media_id, reason=str(error))
            await db.write(lambda uow: _again(uow, media_id))
            return None
        said = await asyncio.to_thread(metadata_source, path)
        match = await recogniser.seen(media, path) if recogniser is not None else None
        document = await verifier.check_file(path) if await asyncio.to_thread(mentions_c2pa, path) else None
        if document is None or (match is not None and document["verdict"] == "unsigned"):
            document = decide({"report": None, "error": {"code": "unsigned"}}, claimed_origin=None, object_facts=None,
                              digest=None, now=db.clock(), media=noun, match=match).to_json()
    await db.write(lambda uow: keep(uow, media_id, document, said))
    return str(document["verdict"])


def keep(uow: UnitOfWork, media_id: int, document: dict[str, Any], metadata: str | None = None) -> None:
    """Store a verdict, and the label that the file itself carries, signed or (`metadata`) not."""
    media = uow.session.get(Media, media_id)
    if media is not None:
        known = facts.known_file(uow.session, media)
        if known.facts is not None and known.facts.withdrawn:
            document["checks"].append(Check("label", False, known.facts.withdrawn).to_json())
        verdicts.keep(uow, media, document, known, metadata=metadata)


def _again(uow: UnitOfWork, media_id: int) -> None:
    media = uow.session.get(Media, media_id)
    if media is not None:
        media.recheck_at = uow.now + AGAIN
