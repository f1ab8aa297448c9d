"""Claims in extension vocabularies: ask the extensions, outside of any transaction and of the event loop."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import structlog

from fedisora.db import UnitOfWork
from fedisora.media.claims import ask, look
from fedisora.models import ClaimRow, Media
from fedisora.provenance.registry import Registry
from fedisora.store import claims, jobs

from .rows import Handler

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
AT_ONCE = 100
"""Claims that one child process is asked about."""


def schedule(uow: UnitOfWork) -> None:
    """At the start of a media worker: look what is installed, and ask about claims that another version judged."""
    jobs.enqueue(uow, "revalidate_claims", {"installed": True}, key="installed")


async def revalidate_claims(house: House, payload: dict[str, Any]) -> None:
    """Have claims judged, a slice at a time.

    Payload: {"installed": true} looks what is installed first, and goes through all claims when that has changed.
    {"after": id}: claims with a higher id that no installed version has judged; the next slice is another job.
    "failed": true with either asks again about claims that an extension failed on.
    """
    if payload.get("installed"):
        await look(house.db, failed=bool(payload.get("failed")))
        return
    after, failed = int(payload.get("after", 0)), bool(payload.get("failed"))
    known, rows = await house.db.read(lambda session: _next(session, after, failed))
    if not rows:
        return
    answer = await ask(known, [_item(row) for row in rows])
    judged = {int(result["id"]): result for result in answer.results}
    last = rows[-1].id

    def keep(uow: UnitOfWork) -> None:
        claims.keep_judged(uow, known, judged)
        claims.note_faults(uow, answer.faults)
        if len(rows) == AT_ONCE:
            jobs.enqueue(uow, "revalidate_claims", {"after": last, "failed": failed}, key=f"after {last}")

    await house.db.write(keep)
    log.info("claims judged", count=len(rows), faults=len(answer.faults))


def _next(session: Any, after: int, failed: bool) -> tuple[Registry, list[ClaimRow]]:
    known = claims.registry(session)
    return known, claims.slice_of(session, known, after, AT_ONCE, failed=failed)


def _item(row: ClaimRow) -> dict[str, Any]:
    item: dict[str, Any] = {"id": row.id, "node": orjson.loads(row.body)}
    if row.context is not None:
        item["context"] = orjson.loads(row.context)
    return item


async def claims_for(house: House, media: Media) -> list[dict[str, Any]]:
    """The claims that go into a file's record and manifest, as they were given: members in their order, values as they are."""
    return await house.db.read(lambda session: claims.nodes_of(session, media.id))


HANDLERS: dict[str, Handler] = {"revalidate_claims": revalidate_claims}
