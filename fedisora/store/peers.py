"""Other servers as a whole: which there are, and what software they run."""
from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..activitypub.nodeinfo import Software
from ..db import UnitOfWork
from ..models import Actor, RemoteHost
from ..settings import Settings
from . import domains, jobs

ASK_AGAIN = dt.timedelta(days=1)


def met(uow: UnitOfWork, host: str) -> None:
    """Somebody of a server became known: plan to ask what it is, when that was not done within a day."""
    if not due(uow.session.get(RemoteHost, host), uow.now):
        return
    # under a lock: of two who meet a server at the same moment one asks (a job's key is unique, a clash would fail both)
    row = _row(uow, host, lock=True)
    if due(row, uow.now):
        jobs.enqueue(uow, "nodeinfo", {"host": host}, key=host)


def due(row: RemoteHost | None, now: dt.datetime) -> bool:
    """Whether a server may be asked for its NodeInfo: once a day, whatever came of it."""
    return row is None or row.nodeinfo_at is None or row.nodeinfo_at < now - ASK_AGAIN


def learned(uow: UnitOfWork, host: str, software: Software | None) -> None:
    """Keep what a server's NodeInfo says; None: it has none that can be used, and what was known before stays."""
    row = _row(uow, host)
    row.nodeinfo_at = uow.now
    if software is not None:
        row.software, row.software_version, row.node_name = software.name, software.version, software.node_name


def _row(uow: UnitOfWork, host: str, *, lock: bool = False) -> RemoteHost:
    """The row of a server, made when there is none (deliveries make it too, in another transaction)."""
    session = uow.session
    row = session.get(RemoteHost, host, with_for_update=lock)
    if row is None:
        try:
            with session.begin_nested():
                row = RemoteHost(host=host)
                session.add(row)
        except IntegrityError:
            row = session.get_one(RemoteHost, host, with_for_update=lock)
    return row


def hosts(session: Session, settings: Settings) -> list[str]:
    """Domains of known accounts elsewhere that we talk to, sorted."""
    rules = domains.load(session, settings)
    found = session.scalars(select(Actor.domain).where(Actor.domain != "").distinct().order_by(Actor.domain))
    return [host for host in found if not rules.refuses(host)]


def known(session: Session, *, limit: int = 500) -> list[RemoteHost]:
    """What we know about servers, by name."""
    return list(session.scalars(select(RemoteHost).order_by(RemoteHost.host).limit(limit)))
