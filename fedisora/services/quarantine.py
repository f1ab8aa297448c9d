"""Deciding about what was put aside: try it again from the start, or drop it."""
from __future__ import annotations

from sqlalchemy import select

from ..db import UnitOfWork
from ..errors import NotFound
from ..models import InboxMessage, Job
from ..store import quarantine

EVERYTHING = "all"


def retry(uow: UnitOfWork, item: str) -> int:
    """Put one item (`inbox:ID` or `job:ID`), or `all`, back into its queue as if it had never been tried; how many.

    Raises:
        NotFound: there is no such item, or it is not put aside.
    """
    if item == EVERYTHING:
        messages = list(uow.session.scalars(select(InboxMessage).where(quarantine.inbox_rows())))
        jobs = list(uow.session.scalars(select(Job).where(quarantine.job_rows()).order_by(Job.id)))
    else:
        messages, jobs = _found(uow, item)
    for message in messages:
        message.state, message.done_at, message.outcome = "pending", None, None
        _fresh(uow, message)
        uow.ring("inbox")
    for job in jobs:
        twin = job.key is not None and uow.session.scalar(
            select(Job.id).where(Job.key == job.key, Job.state == "pending")) is not None
        if twin:  # somebody asked for the same meanwhile: once is enough
            uow.session.delete(job)
        else:
            job.state = "pending"
            _fresh(uow, job)
            uow.ring(job.queue)
        uow.session.flush()
    return len(messages) + len(jobs)


def drop(uow: UnitOfWork, item: str) -> None:
    """Remove one item for good.

    Raises:
        NotFound: there is no such item, or it is not put aside.
    """
    messages, jobs = _found(uow, item)
    for row in (*messages, *jobs):
        uow.session.delete(row)


def _fresh(uow: UnitOfWork, row: InboxMessage | Job) -> None:
    row.attempt, row.run_at, row.lease_owner, row.lease_until, row.last_error = 0, uow.now, None, None, None


def _found(uow: UnitOfWork, item: str) -> tuple[list[InboxMessage], list[Job]]:
    queue, _, number = item.strip().partition(":")
    if number.isascii() and number.isdecimal() and len(number) <= 18:
        if queue == "inbox":
            message = uow.session.get(InboxMessage, int(number))
            if message is not None and message.state in quarantine.ASIDE:
                return [message], []
        elif queue == "job":
            job = uow.session.get(Job, int(number))
            if job is not None and job.state == "dead":
                return [], [job]
    raise NotFound(f"Nothing that is put aside has the id {item[:60]}. `fedisora queue list` shows what is there.")
