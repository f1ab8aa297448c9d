"""The federation worker: process the inbox, deliver, fetch what is missing."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fedisora.activities import quotes
from fedisora.errors import Refused
from fedisora.federation.delivery import Courier
from fedisora.models import Delivery, InboxMessage
from fedisora.services import polls
from fedisora.store import queue, statuses

from .rows import Handler

if TYPE_CHECKING:
    from fedisora.app import House


async def drain_inbox(house: House, owner: str) -> int:
    """Process a batch of received activities; how many there were."""
    return await house.inbox.process_batch(owner)


async def drain_deliveries(house: House, owner: str) -> int:
    """Deliver what is due; how many deliveries were tried."""
    return await courier(house).run_once(owner)


def courier(house: House) -> Courier:
    """The process's one courier (it remembers which hosts are slow)."""
    found = house.__dict__.get("_courier")
    if found is None:
        found = house.__dict__["_courier"] = Courier(house.db, house.client)
    return found


async def refresh_actor(house: House, payload: dict[str, Any]) -> None:
    """Fetch an actor again."""
    await house.resolver.actor(str(payload["uri"]), refresh=True)


async def fetch_status(house: House, payload: dict[str, Any]) -> None:
    """Fetch a post we know of only by its id."""
    try:
        await house.resolver.status(str(payload["uri"]))
    except Refused:
        return  # gone or private: a thread with a hole


async def refresh_status(house: House, payload: dict[str, Any]) -> None:
    """Fetch a known remote post again."""
    try:
        await house.resolver.refresh_status(str(payload["uri"]))
    except Refused:
        return  # gone or private by now: what we have stays


async def announce_poll(house: House, payload: dict[str, Any]) -> None:
    """Send the counts of a local poll."""
    await house.db.write(lambda uow: polls.announce(uow, int(payload["status_id"])))


async def end_poll(house: House, payload: dict[str, Any]) -> None:
    """A poll is over; a remote one is looked at once more for its last counts."""
    status_id = int(payload["status_id"])
    status = await house.db.read(lambda session: statuses.get(session, status_id))
    if status is not None and not status.local:
        await refresh_status(house, {"uri": status.uri})
    await house.db.write(lambda uow: polls.end(uow, status_id))


async def check_quote(house: House, payload: dict[str, Any]) -> None:
    """Fetch what a post quotes and the quoted author's stamp, each from its own origin, and decide."""
    status_id = int(payload["status_id"])
    status = await house.db.read(lambda session: statuses.get(session, status_id))
    if status is None or status.quote_of_uri is None or status.quote_state == "accepted":
        return
    stamp = None
    try:
        quoted = await house.resolver.status(status.quote_of_uri, quoted=True)
        if status.quote_authorization and not house.uris.is_local(status.quote_authorization):
            stamp = await house.fetcher.document(status.quote_authorization)
    except Refused:
        return  # not to be had: the quote stays as it is, and a later Update is looked at anew
    await house.db.write(lambda uow: quotes.settle(uow, status_id, quoted.id, stamp))


async def release(house: House) -> None:
    """Give back what this process holds, so that a restart need not wait for leases to run out."""
    await courier(house).close()

    def give_back(uow: Any) -> None:
        queue.release_all(uow.session, InboxMessage, house.owner("inbox"))
        queue.release_all(uow.session, Delivery, house.owner("delivery"))

    await house.db.write(give_back)


HANDLERS: dict[str, Handler] = {
    "refresh_actor": refresh_actor, "fetch_status": fetch_status, "refresh_status": refresh_status,
    "announce_poll": announce_poll, "end_poll": end_poll, "check_quote": check_quote}
