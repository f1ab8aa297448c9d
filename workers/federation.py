"""The federation worker: process the inbox, deliver, fetch what is missing."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fedisora.errors import Refused
from fedisora.federation.delivery import Courier
from fedisora.federation.peers import Peers
from fedisora.models import Delivery, InboxMessage
from fedisora.store import queue

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


async def nodeinfo(house: House, payload: dict[str, Any]) -> None:
    """Ask a server what software it runs."""
    await Peers(house.db, house.client).learn(str(payload["host"]))


async def release(house: House) -> None:
    """Give back what this process holds, so that a restart need not wait for leases to run out."""
    await courier(house).close()

    def give_back(uow: Any) -> None:
        queue.release_all(uow.session, InboxMessage, house.owner("inbox"))
        queue.release_all(uow.session, Delivery, house.owner("delivery"))

    await house.db.write(give_back)


HANDLERS: dict[str, Handler] = {"refresh_actor": refresh_actor, "fetch_status": fetch_status, "nodeinfo": nodeinfo}
