"""Credentials of our people as time goes by: reminders, ends, and lists that are signed again long before they run out."""
from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fedisora.services.verification import credentials, status_lists
from fedisora.store import credentials as rows

if TYPE_CHECKING:
    from fedisora.app import House

AT_ONCE: Final = 100


async def sweep(house: House) -> None:
    """At every start and every hour. Each person, and each list, is a transaction of its own: nobody waits long to write."""
    while due := await house.db.read(lambda session: rows.run_out(session, house.db.clock(), AT_ONCE)):
        ended = [await house.db.write(lambda uow, row_id=found: credentials.expire(uow, row_id)) for found in due]  # type: ignore[misc]
        if not any(ended):
            break
    await house.db.write(status_lists.catch_up)
    while await house.db.write(lambda uow: credentials.end_forgotten(uow, AT_ONCE)) == AT_ONCE:
        pass
    while await house.db.write(lambda uow: credentials.remind(uow, AT_ONCE)) == AT_ONCE:
        pass
    while await house.db.write(lambda uow: status_lists.give_up_unclaimed(uow, AT_ONCE)) == AT_ONCE:
        pass
    before = house.db.clock() - status_lists.SIGNED_EVERY
    for number in await house.db.read(lambda session: rows.stale_lists(session, before)):
        await house.db.write(lambda uow, wanted=number: status_lists.fresh(uow, wanted))  # type: ignore[misc]
