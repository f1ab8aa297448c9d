"""Keeping leases while their work goes on: short leases, renewed, so that a killed process's work is taken over soon."""
from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable
from typing import Any

import structlog
from sqlalchemy import update

from ..db import Database, UnitOfWork
from ..models.base import Claimable

log = structlog.get_logger()
LEASE = dt.timedelta(seconds=15)
RENEW = 5.0


class Heartbeat:
    """Renews the leases of the rows one worker holds. Lives in the event loop; sleeps while nothing is held."""

    def __init__(self, db: Database, table: type[Claimable]) -> None:
        self._db = db
        self._table: Any = table
        self._held: dict[int, str] = {}
        self._task: asyncio.Task[None] | None = None

    def hold(self, ids: Iterable[int], owner: str) -> None:
        """These rows are being worked on."""
        self._held.update(dict.fromkeys(ids, owner))
        if self._held and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._beat())

    def drop(self, ids: Iterable[int]) -> None:
        """These are finished."""
        for row_id in ids:
            self._held.pop(row_id, None)

    async def _beat(self) -> None:
        while self._held:
            await asyncio.sleep(RENEW)
            if self._held:
                try:
                    await self._db.write(lambda uow, held=dict(self._held): self._renew(uow, held))  # type: ignore[misc]
                except Exception:  # the database is away: the leases run out, and others may go on
                    log.exception("leases were not renewed", rows=len(self._held))

    def _renew(self, uow: UnitOfWork, held: dict[int, str]) -> None:
        for owner in set(held.values()):
            ids = sorted(row_id for row_id, who in held.items() if who == owner)
            uow.session.execute(
                update(self._table).where(self._table.id.in_(ids), self._table.lease_owner == owner)
                .values(lease_until=uow.now + LEASE), execution_options={"synchronize_session": False})

    def close(self) -> None:
        """Stop renewing."""
        if self._task is not None:
            self._task.cancel()
