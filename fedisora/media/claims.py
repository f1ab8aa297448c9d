"""Claims of files: those in a manifest are asked about for its verdict, those of our own files are made by hooks."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from ..db import Database, UnitOfWork
from ..errors import Transient
from ..models import Media
from ..provenance import claims
from ..provenance.extension import Problem
from ..provenance.record import plain
from ..provenance.registry import row
from ..store import claims as claim_rows
from .extension_host import ExtensionHost, Fault

log = structlog.get_logger()


async def judged(db: Database, record: Mapping[str, Any] | None, *, host: ExtensionHost | None = None) -> list[dict[str, Any]]:
    """What the installed extensions say about the claims of an `org.fedisora.provenance` assertion (vocabulary §5 `claims`).

    Their code runs in a child process; when none can be had, the claims are shown as not known.
    """
    given = (record or {}).get("claims")
    nodes = [node for node, _ in claims.kept(given)] if isinstance(given, list) else []
    if not nodes:
        return []
    known = await db.read(claim_rows.registry)
    named = [known.name(node) for node in nodes]
    items = [{"id": number, "node": node} for number, node in enumerate(nodes) if named[number].extension is not None]
    found: dict[int, dict[str, Any]] = {}
    if items:
        names = sorted({item.extension.name for item in named if item.extension is not None})
        try:
            answer = await (host or ExtensionHost()).judge(items, names)
        except Transient as error:
            log.warning("claims not judged", reason=str(error))
        else:
            found = {int(result["id"]): result for result in answer.results}
            if answer.faults:
                await db.write(lambda uow: claim_rows.note_faults(uow, answer.faults))
    shown = []
    for number, one in enumerate(named):
        result = found.get(number, {"status": "failed", "problems": []})
        problems = [Problem(item["path"], item["message"]) for item in result["problems"]]
        shown.append(row(one, problems=problems, failed=result["status"] not in ("valid", "invalid")))
    return shown


def keep_claims(uow: UnitOfWork, media: Media, verdict: Mapping[str, Any]) -> None:
    """Keep the claims that a remote file's manifest makes; those of our own files are kept since they were made."""
    record = verdict.get("record")
    given = record.get("claims") if isinstance(record, Mapping) else None
    if media.storage_key is None and isinstance(given, list):
        claim_rows.replace(uow, media, given, None, source="file")


Made = tuple[list[Any], list[Fault]]
"""Claims that hooks made, and what went wrong meanwhile."""


async def from_generation(db: Database, request: Mapping[str, Any], result: Mapping[str, Any]) -> Made:
    """What the installed extensions claim about a generated file; an extension that fails claims nothing."""
    return await _ask_hooks(db, "claim_from_generation", request, result)


async def from_upload(db: Database, upload: Mapping[str, Any]) -> Made:
    """What the installed extensions claim about an upload."""
    return await _ask_hooks(db, "claim_from_upload", upload)


async def _ask_hooks(db: Database, hook: str, *arguments: Mapping[str, Any]) -> Made:
    names = await db.read(lambda session: claim_rows.with_hook(session, hook))
    if not names:
        return [], []
    try:
        answer = await ExtensionHost().hook(hook, *[plain(item) for item in arguments], only=names)
    except Transient as error:
        log.warning("no claims made", hook=hook, reason=str(error))
        return [], []
    return [result["claim"] for result in answer.results][:claims.MOST], answer.faults


def keep_made(uow: UnitOfWork, media: Media, made: Made) -> bool:
    """Keep the claims of a new file of ours, in the transaction that makes its row; always True."""
    claim_rows.note_faults(uow, made[1])
    claim_rows.add(uow, media, made[0])
    return True
