"""At the door: limits → signature → one row, committed in groups → 202. What it says is looked at later (`processing`)."""
from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from ..activities import HANDLERS
from ..activitypub import parse
from ..activitypub.follower_sync import HEADER
from ..activitypub.requests import Request
from ..activitypub.signatures import SignatureInfo, read_signature
from ..db import Database, GroupCommit, UnitOfWork
from ..errors import BadSignature, Forbidden, Gone, Malformed, NotOwner, TooLarge
from ..models import InboxMessage
from ..store import actors, relations, relays
from . import follower_sync
from .authenticate import authenticate, author_of_forwarded
from .fetch import Fetcher
from .key_cache import KeyCache

log = structlog.get_logger()
MAX_BYTES = 1 << 20
REMEMBERED = 20_000
STANDING_SECONDS = 60.0
COMPARE_SECONDS = 600.0
STILL_HEARD = frozenset({"Delete", "Reject", "Undo", "Update"})
"""What a suspended account may still say."""
OPEN_REFERENCES = frozenset({"Follow", "Like", "Announce", "Undo", "Accept", "Reject", "Block", "Flag", "Add", "Remove", "Move",
                             "EmojiReact", "View", "QuoteRequest", "RemixRequest", "LikenessRequest", "Offer"})
"""Types whose object may be anybody's; for the others it must be the sender's own (FEP-fe34)."""
PROVEN = frozenset({"Add", "Announce", "Create", "Delete", "EmojiReact", "Like", "Remove", "Undo", "Update"})
"""What counts by its actor's own proof, whoever delivers it; the others concern two parties only."""
FORWARDED = frozenset({"Create", "Update", "Delete", "Announce"})
"""What others may pass on for an author (ActivityPub §7.1.2, relays): its object is fetched from where it belongs."""


@dataclass(frozen=True)
class _Arrival:
    activity_uri: str
    actor_uri: str
    key_id: str
    type: str
    body: bytes
    via_uri: str | None = None

    @property
    def known_type(self) -> bool:
        return self.type in HANDLERS


@dataclass(frozen=True)
class _Standing:
    """What the door needs to know about a sender."""

    suspended: bool
    trusted: bool
    """Somebody here follows it, or it is a relay of ours: it may pass on what others say."""
    until: float


class Inbox:
    """The instance's one inbox, behind every actor's."""

    def __init__(self, db: Database, keys: KeyCache, fetcher: Fetcher) -> None:
        self._db = db
        self._fetcher = fetcher
        self._keys = keys
        self._commits: GroupCommit[_Arrival, None] = GroupCommit(db, _store)
        self._standing: dict[str, _Standing] = {}
        self._compared: dict[str, tuple[str, float]] = {}

    async def accept(self, request: Request) -> None:
        """Take an activity in; returns once it is committed.

        Raises:
            TooLarge (413), Malformed (400), BadSignature (401), Forbidden and NotOwner (403): nothing is stored.
            RemoteUnavailable (503): the sender's key cannot be fetched now; the sender tries again.
        """
        body = request.body or b""
        if len(body) > MAX_BYTES:
            raise TooLarge(f"An activity may have {MAX_BYTES >> 20} MiB at most.")
        info = read_signature(request)
        activity = parse.parse_document(body)
        actor_uri, kind = parse.id_of(activity.get("actor")), parse.type_of(activity)
        if actor_uri is None or not parse.is_http(actor_uri) or not kind:
            raise Malformed("An activity needs a type and an actor.")
        if not parse.is_http(info.key_id):
            raise BadSignature("The key's id is not an address.", cause=info.key_id)
        if not parse.is_http(info.key_id):
            raise BadSignature("The signature's key has no address.", cause=info.key_id[:200])
        await self._fetcher.admit(actor_uri, info.key_id)
        try:
            sender = await authenticate(self._keys, request, self._db.clock())
        except Gone:
            if kind == "Delete":  # of an account we cannot check any more, and most likely never knew
                return
            raise BadSignature("The key's owner is gone.") from None
        uri = _own_id(activity, actor_uri, body)
        if sender.actor_uri != actor_uri:
            await self._forwarded(activity, uri, actor_uri, kind, sender.actor_uri, sender.key_id, body)
            return
        _check_object(activity, actor_uri, kind)
        if kind == "View":
            return  # PeerTube sends many, and nobody counts them here
        if kind not in STILL_HEARD and (await self._look(actor_uri)).suspended:
            raise Forbidden("This account is suspended here.")
        await self._put(_Arrival(uri, actor_uri, sender.key_id, kind[:48], body))
        await self._compare_followers(request, info, actor_uri)

    async def _compare_followers(self, request: Request, info: SignatureInfo, actor_uri: str) -> None:
        """FEP-8fcf: look at a signed digest of the sender's followers here; the same one not again for a while."""
        text = request.headers.get(HEADER.lower())
        if text is None or HEADER.lower() not in info.covered:
            return
        now = time.monotonic()
        last, until = self._compared.get(actor_uri, ("", 0.0))
        if last == text and until > now:
            return
        if len(self._compared) > REMEMBERED:
            self._compared.clear()
        self._compared[actor_uri] = (text, now + COMPARE_SECONDS)
        if await self._db.read(lambda session: follower_sync.differing(session, text, actor_uri)) is not None:
            await self._db.write(lambda uow: follower_sync.note(uow, request.headers, actor_uri))

    async def _forwarded(self, activity: dict[str, Any], uri: str, actor_uri: str, kind: str, via: str, key_id: str,
                         body: bytes) -> None:
        """Signed by somebody else than its actor.

        It counts as the actor's own when it carries the actor's proof (FEP-8b32). Otherwise only from who is trusted to pass
        things on, and then it is never taken at its word (see `activities.relayed`).
        """
        stranger = BadSignature("The activity is signed by somebody else than its actor.", cause=f"{via} signed for {actor_uri}")
        if self._db.instance.uris.is_local(actor_uri):
            raise stranger
        standing = await self._look(via)
        if not standing.trusted:  # perhaps since a moment ago
            self._standing.pop(via, None)
            standing = await self._look(via)
        if standing.suspended:
            raise stranger
        if (await self._look(actor_uri)).suspended:
            raise Forbidden("This account is suspended here.")
        if "proof" in activity and kind in PROVEN:
            await author_of_forwarded(self._keys, activity, self._db.clock())
            _check_object(activity, actor_uri, kind)
            await self._put(_Arrival(uri, actor_uri, key_id, kind[:48], body))
        elif kind in FORWARDED and standing.trusted:
            # under an id of its own: what somebody passes on must not stand in the way of the activity itself
            await self._put(_Arrival(f"{uri}#via={via}", actor_uri, key_id, kind[:48], body, via))
        else:
            raise stranger

    async def _put(self, arrival: _Arrival) -> None:
        try:
            await self._commits.put(arrival)
        except IntegrityError:
            return  # another process took the same one in at the same moment

    async def _look(self, actor_uri: str) -> _Standing:
        """Looked up once a minute per actor; whoever slips through is refused when the activity is applied."""
        known = self._standing.get(actor_uri)
        if known is None or known.until < time.monotonic():
            if len(self._standing) > REMEMBERED:
                self._standing.clear()
            known = await self._db.read(lambda session: _standing(session, actor_uri))
            self._standing[actor_uri] = known
        return known


def _standing(session: Any, actor_uri: str) -> _Standing:
    actor = actors.by_uri(session, actor_uri)
    until = time.monotonic() + STANDING_SECONDS
    if actor is None:
        return _Standing(False, False, until)
    trusted = relations.has_local_follower(session, actor.id) or relays.accepted(session, actor_uri)
    return _Standing(actor.suspended_at is not None, trusted, until)


def _own_id(activity: dict[str, Any], actor_uri: str, body: bytes) -> str:
    """The activity's id, on its actor's origin; one made from its bytes when it has none (a transient activity)."""
    if activity.get("id") is None:
        return f"{actor_uri}#sha256-{hashlib.sha256(body).hexdigest()}"
    uri = parse.id_of(activity)
    if uri is None or not parse.is_http(uri):
        raise Malformed("The activity's id is not an address.")
    if not parse.same_origin(uri, actor_uri):
        if parse.type_of(activity) == "Flag":  # read all the same, under a name of its own (see activities/flag)
            return f"{actor_uri}#sha256-{hashlib.sha256(body).hexdigest()}"
        raise NotOwner("The activity's id is on another server than its actor.", cause=f"{actor_uri} sends {uri}")
    return uri


def _check_object(activity: dict[str, Any], actor_uri: str, kind: str) -> None:
    uri = next(iter(parse.ids_of(activity.get("object"))), None)
    if uri is None:
        raise Malformed("The activity has no object.")
    if kind in HANDLERS and kind not in OPEN_REFERENCES and not parse.same_origin(uri, actor_uri):
        raise NotOwner("The object is on another server than the actor.", cause=f"{actor_uri} sends {kind} of {uri}")


_KNOWN = select(InboxMessage.actor_uri, InboxMessage.activity_uri).where(
    InboxMessage.activity_uri.in_(bindparam("uris", expanding=True)))


def _store(uow: UnitOfWork, items: list[_Arrival]) -> list[None]:
    """One transaction for many arrivals; a repeated one is a row already. Types nobody here understands are kept, done."""
    known = {(row[0], row[1]) for row in uow.session.execute(_KNOWN, {"uris": list({item.activity_uri for item in items})})}
    rows = []
    for item in items:
        if (item.actor_uri, item.activity_uri) in known:
            continue
        known.add((item.actor_uri, item.activity_uri))
        rows.append({
            "id": uow.new_id(), "activity_uri": item.activity_uri, "actor_uri": item.actor_uri, "key_id": item.key_id,
            "host": parse.host_of(item.via_uri or item.actor_uri)[:255], "via_uri": item.via_uri, "type": item.type,
            "body": item.body, "received_at": uow.now, "run_at": uow.now, "attempt": 0,
            "state": "pending" if item.known_type else "done", "done_at": None if item.known_type else uow.now,
            "outcome": None if item.known_type else "kept: this type is not understood here"})
    if rows:
        uow.session.connection().execute(_INSERT, rows)
        uow.ring("inbox")
    return [None] * len(items)


_INSERT = insert(InboxMessage.__table__)  # type: ignore[arg-type]
