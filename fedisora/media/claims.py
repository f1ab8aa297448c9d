"""Claims of files: those in a manifest are asked about for its verdict, those of our own files are made by hooks."""
from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
import structlog

from ..db import Database, UnitOfWork
from ..errors import Transient
from ..models import Media
from ..provenance import claims
from ..provenance.extension import Problem
from ..provenance.record import plain
from ..provenance.registry import Registry, describe, row
from ..store import claims as claim_rows
from ..store import jobs
from .extension_host import Answer, ExtensionHost, Fault

log = structlog.get_logger()
REMEMBERED: Final = 2000
_judged: OrderedDict[bytes, dict[str, Any]] = OrderedDict()
"""What was found lately: the same claim stands in the post and in the file, and a process for each would be a waste."""


def _key(node: Mapping[str, Any], named: claims.Named) -> bytes:
    """What a judgement depends on: the node, what its names stand for, and the version of the extension."""
    claim = claims.resolve(node, named)
    values = [node, claim.type, claim.terms, describe(named.extension) if named.extension else None]
    return hashlib.blake2b(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).digest()


def _remember(key: bytes, result: Mapping[str, Any]) -> None:
    if result["status"] in ("valid", "invalid"):
        _judged[key] = {"status": result["status"], "problems": result["problems"]}
        while len(_judged) > REMEMBERED:
            _judged.popitem(last=False)


async def look(db: Database, host: ExtensionHost | None = None, *, failed: bool = False) -> bool:
    """Find out what is installed, keep the descriptions and the faults; whether anything changed. Then a job goes through all
    claims that another version judged.

    Args:
        failed: go through the claims in any case, and ask again about those that an extension failed on.

    Raises:
        Transient: no child process can be started.
    """
    answer = await (host or ExtensionHost()).describe()

    def keep(uow: UnitOfWork) -> bool:
        claim_rows.note_faults(uow, answer.faults)
        claim_rows.forget_faults(uow)
        # Who was only slow this time is not gone: its claims would lose their meaning until the next start.
        slow = [fault.extension for fault in answer.faults if fault.kind == "slow"]
        changed = claim_rows.keep_installed(uow, [*answer.results, *claim_rows.descriptions(uow.session, slow)])
        if changed or failed:
            jobs.enqueue(uow, "revalidate_claims", {"after": 0, "failed": failed}, key="all")
        return changed

    for fault in answer.faults:
        log.warning("an extension is left out", extension=fault.extension, reason=fault.message)
    return await db.write(keep)


async def installed(db: Database) -> Registry:
    """The installed extensions; looked for when nobody has yet (the command line may come before the first worker).

    Raises:
        Transient: no child process can be started.
    """
    if not await db.read(claim_rows.looked):
        await look(db)
    return await db.read(claim_rows.registry)


async def ask(known: Registry, items: Sequence[Mapping[str, Any]], host: ExtensionHost | None = None) -> Answer:
    """`ExtensionHost.judge` for claims that some installed extension knows, without asking twice about the same claim.

    Raises:
        Transient: no child process can be started.
    """
    answer, left, keys = Answer(), [], dict[int, bytes]()
    names: set[str] = set()
    for item in items:
        named = known.name(item["node"], item.get("context"))
        if named.extension is None:
            answer.results.append({"id": item["id"], "status": "absent", "problems": []})
            continue
        key = keys[int(item["id"])] = _key(item["node"], named)
        if key in _judged:
            answer.results.append({"id": item["id"], **_judged[key]})
        else:
            left.append(item)
            names.add(named.extension.name)
    if left:
        asked = await (host or ExtensionHost()).judge(left, sorted(names))
        for result in asked.results:
            _remember(keys[int(result["id"])], result)
        answer.results += asked.results
        answer.faults, answer.dead = asked.faults, asked.dead
    return answer


async def judged(db: Database, record: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """What the installed extensions say about the claims of an `org.fedisora.provenance` assertion (vocabulary §5 `claims`).

    Their code runs in a child process; when none can be had, the claims are shown as not known.
    """
    given = (record or {}).get("claims")
    nodes = [node for node, _ in claims.kept(given)] if isinstance(given, list) else []
    if not nodes:
        return []
    found: dict[int, dict[str, Any]] = {}
    try:
        known = await installed(db)
        answer = await ask(known, [{"id": number, "node": node} for number, node in enumerate(nodes)])
    except Transient as error:
        log.warning("claims not judged", reason=str(error))
        known = await db.read(claim_rows.registry)
    else:
        found = {int(result["id"]): result for result in answer.results}
        if answer.faults:
            await db.write(lambda uow: claim_rows.note_faults(uow, answer.faults))
    shown = []
    for number, node in enumerate(nodes):
        result = found.get(number, {"status": "failed", "problems": []})
        problems = [Problem(item["path"], item["message"]) for item in result["problems"]]
        shown.append(row(known.name(node), problems=problems, failed=result["status"] not in ("valid", "invalid")))
    return shown


def keep_claims(uow: UnitOfWork, media: Media, verdict: Mapping[str, Any]) -> None:
    """Keep the claims that a remote file's manifest makes; those of our own files are kept since they were made."""
    record = verdict.get("record")
    given = record.get("claims") if isinstance(record, Mapping) else None
    if media.storage_key is None and isinstance(given, list):
        claim_rows.replace(uow, media, given, None, source="file")


Made = tuple[list[dict[str, Any]], list[Fault]]
"""What hooks made, [{"extension", "claim", "status", "problems"}], and what went wrong meanwhile."""


async def from_generation(db: Database, request: Mapping[str, Any], result: Mapping[str, Any],
                          host: ExtensionHost | None = None) -> Made:
    """What the installed extensions claim about a generated file; an extension that fails claims nothing."""
    return await _ask_hooks(db, "claim_from_generation", request, result, host=host)


async def from_upload(db: Database, upload: Mapping[str, Any]) -> Made:
    """What the installed extensions claim about an upload."""
    return await _ask_hooks(db, "claim_from_upload", upload)


async def _ask_hooks(db: Database, hook: str, *arguments: Mapping[str, Any], host: ExtensionHost | None = None) -> Made:
    try:
        known = await installed(db)
        names = await db.read(lambda session: claim_rows.with_hook(session, hook))
        if not names:
            return [], []
        answer = await (host or ExtensionHost()).hook(hook, *[plain(item) for item in arguments], only=names)
    except Transient as error:
        log.warning("no claims made", hook=hook, reason=str(error))
        return [], []
    made = answer.results[:claims.MOST]
    for item in made:
        named = known.name(item["claim"])
        if named.extension is not None:
            _remember(_key(item["claim"], named), item)
    return made, answer.faults


def keep_made(uow: UnitOfWork, media: Media, made: Made, *, after: int = 0) -> bool:
    """Keep the claims of a new file of ours, `after` those that it has; in the transaction that makes its row. Always True."""
    claim_rows.note_faults(uow, made[1])
    claim_rows.add(uow, media, [item["claim"] for item in made[0]],
                   judged={claims.body_of(item["claim"]): item for item in made[0]}, after=after)
    return True
