"""The federation worker: process the inbox, deliver, fetch what is missing."""
from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import structlog

from fedisora.activities import quotes
from fedisora.activitypub import parse
from fedisora.errors import Refused
from fedisora.federation.backfill import Backfill
from fedisora.federation.consent_checks import ConsentChecks
from fedisora.federation.delivery import Courier
from fedisora.federation.follower_sync import FollowerSync
from fedisora.federation.peers import Peers
from fedisora.federation.threads import Threads
from fedisora.models import Actor, Delivery, InboxMessage
from fedisora.serializers.activitypub import actor as actor_serializer
from fedisora.services import consents, migration, polls
from fedisora.store import backfill, queue, statuses

from . import hidden, trust
from .rows import Handler

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()


async def drain_inbox(house: House, owner: str) -> int:
    """Process a batch of received activities; how many there were."""
    return await house.processor.process_batch(owner)


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
    try:
        await house.resolver.actor(str(payload["uri"]), refresh=True)
    except Refused as error:  # what we know of it stays; it is asked again when it acts again
        log.info("an account cannot be fetched again", actor=payload["uri"], reason=str(error))


async def confirm_operator(house: House, payload: dict[str, Any]) -> None:
    """Fetch the account that another server's agent names as its operator, from its own origin. Another agent is not stored: it
    cannot answer for one, and would name the next."""
    agent_id = int(payload["actor_id"])
    agent = await house.db.read(lambda session: session.get(Actor, agent_id))
    if agent is None or agent.local or not agent.operator_uri or house.uris.is_local(agent.operator_uri):
        return
    try:
        document = await house.fetcher.document(agent.operator_uri)
        if parse.id_of(document) == agent.operator_uri and actor_serializer.from_activitypub(document).kind != "agent":
            await house.resolver.store_actor(document)
    except Refused as error:
        log.info("an agent's operator cannot be had", agent=agent_id, reason=str(error))


async def fetch_status(house: House, payload: dict[str, Any]) -> None:
    """Fetch a post we know of only by its id; with `quiet`, nobody is notified of it."""
    try:
        await house.resolver.status(str(payload["uri"]), quiet=bool(payload.get("quiet")))
    except Refused:
        return  # gone or private: a thread with a hole


async def take_over(house: House) -> None:
    """Free what a killed process of this instance held. Only where no other process can be at work: no Redis, one server."""
    def free(uow: Any) -> int:
        return queue.release_others(uow.session, InboxMessage, house.owner("inbox")) + queue.release_others(
            uow.session, Delivery, house.owner("delivery"))

    await house.db.write(free)


async def move(house: House, payload: dict[str, Any]) -> None:
    """Carry out a Move, when its target, as it is now, names the account that moves."""
    actor, target = str(payload["actor"]), str(payload["target"])
    await house.resolver.fresh(target)
    await house.db.write(lambda uow: migration.arrive(uow, actor, target))


async def complete_thread(house: House, payload: dict[str, Any]) -> None:
    """Look for the rest of a conversation."""
    await Threads(house.db, house.fetcher, house.resolver).complete(int(payload["status_id"]))


async def backfill_actor(house: House, payload: dict[str, Any]) -> None:
    """Fetch posts of a followed account."""
    since = payload.get("since")
    await Backfill(house.db, house.fetcher, house.resolver).actor(
        int(payload["actor_id"]), dt.datetime.fromisoformat(since) if since else None)


async def fetch_featured(house: House, payload: dict[str, Any]) -> None:
    """Fetch what a followed account pinned."""
    await Backfill(house.db, house.fetcher, house.resolver).featured(int(payload["actor_id"]))


async def catch_up(house: House, payload: dict[str, Any]) -> None:
    """After an outage: look for what followed accounts posted meanwhile."""
    await house.db.write(lambda uow: backfill.catch_up(uow, str(payload["since"])))


async def sync_followers(house: House, payload: dict[str, Any]) -> None:
    """Agree with another server on who follows its actor."""
    try:
        outcome = await FollowerSync(house.db, house.fetcher).run(
            str(payload["actor_uri"]), str(payload["url"]), str(payload["digest"]))
    except (Refused, TimeoutError) as error:
        outcome = str(error) or "out of time"
    log.info("followers compared", actor=payload["actor_uri"], outcome=outcome)


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
        quoted = await house.resolver.status(status.quote_of_uri, quiet=True, deep=False)
        if status.quote_authorization and not house.uris.is_local(status.quote_authorization):
            stamp = await house.fetcher.document(status.quote_authorization)
    except Refused:
        return  # not to be had: the quote stays as it is, and a later Update is looked at anew
    await house.db.write(lambda uow: quotes.settle(uow, status_id, quoted.id, stamp))


async def check_consent(house: House, payload: dict[str, Any]) -> None:
    """Look at the consent to a remix; one of ours is published with it, or leaves the channel without it."""
    lineage_id = int(payload["lineage_id"])
    await ConsentChecks(house.db, house.fetcher, house.resolver).check(lineage_id)
    child = await house.db.write(lambda uow: consents.looked_at(uow, lineage_id))
    if child is not None and payload.get("hide"):
        await hidden.readdress(house, child)


async def nodeinfo(house: House, payload: dict[str, Any]) -> None:
    """Ask a server what software it runs."""
    await Peers(house.db, house.client).learn(str(payload["host"]))


async def release(house: House) -> None:
    """Give back what this process holds, so that a restart need not wait for leases to run out."""
    await courier(house).close()
    await house.processor.close()

    def give_back(uow: Any) -> None:
        backfill.note_alive(uow)
        queue.release_all(uow.session, InboxMessage, house.owner("inbox"))
        queue.release_all(uow.session, Delivery, house.owner("delivery"))

    await house.db.write(give_back)


HANDLERS: dict[str, Handler] = {
    "refresh_actor": refresh_actor, "confirm_operator": confirm_operator,
    "fetch_status": fetch_status, "move": move, "complete_thread": complete_thread,
    "backfill_actor": backfill_actor, "fetch_featured": fetch_featured, "catch_up": catch_up, "sync_followers": sync_followers,
    "refresh_status": refresh_status, "announce_poll": announce_poll, "end_poll": end_poll, "check_quote": check_quote,
    "check_consent": check_consent, "nodeinfo": nodeinfo, **trust.HANDLERS}
