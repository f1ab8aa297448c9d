"""Remote actors' credentials: looked at when named, daily, and when they run out; weighed again when the trusted list changes."""
from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from fedisora.federation.attestations import Attestations
from fedisora.services import verifiers
from fedisora.store import attestations

from .rows import Handler

if TYPE_CHECKING:
    from fedisora.app import House

PER_SWEEP = 500
"""Looks per hour at most; who is not looked at now is first in the next hour."""
SPREAD = dt.timedelta(minutes=54)


def looker(house: House) -> Attestations:
    """The process's one (it remembers how often which hosts were asked)."""
    found: Attestations | None = house.__dict__.get("_attestations")
    if found is None:
        found = house.__dict__["_attestations"] = Attestations(house.db, house.fetcher, house.resolver)
    return found


async def check_attestation(house: House, payload: dict[str, Any]) -> None:
    """Look at the credentials that a remote actor names."""
    await looker(house).check(int(payload["actor_id"]), due=bool(payload.get("due")))


async def judge_people(house: House, payload: dict[str, Any]) -> None:
    """Weigh what a server says of people again: it came on the list of trusted verifiers, or left it."""
    await house.db.write(lambda uow: verifiers.judge(uow, str(payload["host"]), int(payload.get("after", 0))))


async def plan(house: House) -> None:
    """Every hour: looks that are due, spread over the hour; status lists that nobody believes any more go."""
    await house.db.write(lambda uow: attestations.plan_due(uow, PER_SWEEP, SPREAD))
    await house.db.write(attestations.sweep_lists)


FEDERATION: dict[str, Handler] = {"check_attestation": check_attestation}
HOUSEKEEPING: dict[str, Handler] = {"judge_people": judge_people}
