"""Rows of the transactional outbox: every kind of job and its payload, in one readable place (the queue is an API)."""
from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import select

from ..db import UnitOfWork
from ..models import Job

KINDS: dict[str, tuple[str, str]] = {
    # kind: (queue, payload)
    "process_media": ("media", "{media_id}: encode an upload"),
    "publish": ("media", "{status_id}: sign the files of a post, then send its Create"),
    "verify_media": ("media", "{media_id}: fetch a remote file and check its provenance"),
    "refresh_actor": ("federation", "{uri}: fetch an actor again"),
    "fetch_status": ("federation", "{uri}: fetch a post (a thread's parent, a boosted post)"),
    "nodeinfo": ("federation", "{host}: ask a server what software it runs"),
    "delete_files": ("housekeeping", "{keys}: remove files of deleted media from the storage"),
    "sweep": ("housekeeping", "{}: expired sessions, codes, old rows"),
}


def enqueue(uow: UnitOfWork, kind: str, payload: dict[str, Any], *, key: str | None = None,
            delay: dt.timedelta = dt.timedelta()) -> None:
    """Add a job in this transaction and ring its queue after the commit; a pending job with the same `key` is enough."""
    queue, _ = KINDS[kind]
    full_key = f"{kind}:{key}" if key is not None else None
    if full_key is not None and uow.session.scalar(
            select(Job.id).where(Job.key == full_key, Job.state == "pending")) is not None:
        return
    uow.session.add(Job(id=uow.new_id(), queue=queue, kind=kind, key=full_key, payload=payload, run_at=uow.now + delay,
                        created_at=uow.now))
    uow.ring(queue)
