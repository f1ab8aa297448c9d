"""Live clips: what is kept of one, how it loses its key, and the evidence that its file is gone.

A clip is gone twice: its key is dropped in the transaction of the decision, which makes the file worthless at once; then a job
removes the file, looks whether it is really gone, and writes that down.
"""
from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

from ...db import UnitOfWork
from ...models import VerificationCase
from ...store import jobs, verification
from .. import audit

MOST_BYTES: Final = 20 << 20
MOST_SECONDS: Final = 20.0
LONGEST_HOURS: Final = 72


@dataclass(frozen=True)
class Clip:
    """A sealed clip in the private storage (`storage.private.Sealed`), and what kind of video it is."""

    key: str
    secret: bytes
    digest: str
    size: int
    mime: str


def keep(uow: UnitOfWork, case: VerificationCase, clip: Clip) -> None:
    """Write down where the clip of a case lies, and when it goes at the latest."""
    case.clip_key, case.clip_secret = clip.key, clip.secret
    case.clip_digest, case.clip_size, case.clip_mime = clip.digest, clip.size, clip.mime
    case.clip_at, case.clip_deleted_at = uow.now, None
    kept = dt.timedelta(hours=min(uow.settings.clip_hours, LONGEST_HOURS))
    case.clip_purge_at = uow.now + kept
    # To the minute; the hourly sweep is for what this job misses.
    jobs.enqueue(uow, "purge_clip", {"case_id": case.id}, key=str(case.id), delay=kept)


def drop(uow: UnitOfWork, case: VerificationCase, cause: str) -> None:
    """Forget the key of a case's clip and what was to be said in it; the file is removed by a job. Nothing when there is none.

    Args:
        cause: `decided`, `purged`, `withdrawn`, `erased` or `orphan`.
    """
    case.challenge, case.challenge_until, case.clip_secret = None, None, None
    if case.clip_key is None:
        return
    jobs.enqueue(uow, "delete_clip", {"case_id": case.id, "subject": case.actor_id, "key": case.clip_key,
                                      "digest": case.clip_digest, "size": case.clip_size, "cause": cause}, key=str(case.id))


def deleted(uow: UnitOfWork, payload: dict[str, Any]) -> None:
    """Write down that a clip's file is gone; once, however often the job runs. The case itself may be gone as well."""
    case_id, digest = int(payload["case_id"]), str(payload.get("digest") or "")
    if not verification.evidenced(uow.session, case_id, digest):
        audit.note(uow, "clip.deleted", subject=payload.get("subject"), case=case_id, digest=digest, size=payload.get("size"),
                   cause=payload.get("cause"))
    case = verification.case(uow.session, case_id)
    if case is not None and case.clip_key == payload["key"]:
        case.clip_key, case.clip_deleted_at = None, uow.now
