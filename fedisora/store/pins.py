"""Posts on profiles: how many, and which of a remote account (`statuses.pinned` shows them)."""
from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Status
from . import statuses

MAX_PINNED = 5
"""Of a local account (Mastodon's)."""
MAX_REMOTE = 20
"""Of a remote account; more are not kept."""


def count(session: Session, actor_id: int) -> int:
    """How many posts an account has on its profile."""
    return session.scalar(select(func.count()).select_from(Status).where(
        Status.actor_id == actor_id, Status.pinned_at.is_not(None))) or 0


def replace(uow: UnitOfWork, actor_id: int, uris: Sequence[str]) -> None:
    """Make these (known) posts of a remote account its pinned ones, the first on top, and no others."""
    session = uow.session
    found = statuses.by_uris(session, uris)
    wanted = [found[uri] for uri in dict.fromkeys(uris)
              if uri in found and found[uri].actor_id == actor_id and found[uri].reblog_of_id is None]
    session.execute(update(Status).where(Status.actor_id == actor_id, Status.pinned_at.is_not(None)).values(pinned_at=None),
                    execution_options={"synchronize_session": "fetch"})
    for place, status in enumerate(wanted):
        status.pinned_at = uow.now - dt.timedelta(seconds=place)
    session.flush()
