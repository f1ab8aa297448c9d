"""/consent: what one was asked, what one asked, what one gave; and the form of a video that is made from a post."""
from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from ...activitypub.digest import digest_multibase
from ...db import UnitOfWork
from ...errors import Conflict, Forbidden, Invalid, NotFound, Unsupported
from ...media.digest import file_digest
from ...models import Actor, ConsentRequest, ConsentStamp, Media
from ...services import agents, remixes
from ...services import consents as use_cases
from ...store import actors, consents, likenesses, lineage, statuses
from ...store.paging import Page
from ...uris import Uris
from ..auth import person
from ..convertors import number
from ..files import PRIVATE, private_file
from . import views
from .proxy import SAFE, VIDEO_BYTES
from .render import page
from .visitor import checked_form, go, text, visitor

if TYPE_CHECKING:
    from ...app import House

SHOWN = 40
DONE = {"give": "Given. You can take it back at any time.", "refuse": "Refused. They hear your reason.",
        "withdraw": "Withdrawn. A remix that was not published is deleted.",
        "once": "Agreed. It is made on this server now, and you see it before anybody else does.",
        "always": "Agreed, and so is what they ask for from now on. You see each video before anybody else does.",
        "go": "They have it. It is published once the finished file is the one that you saw.",
        "block": "Refused. Nothing is taken from them any more; they are not told that."}
LASTS = {"": None, "30": 30, "365": 365}
"""Days for which a consent can be given in the form; "": until it is taken back."""
WORDS = {"draft": "The file is being signed; then its author is asked.",
         "pending": "Waiting for an answer. Nothing is published.",
         "agreed": "Agreed. It is made on the server of the person who is shown; they see it first.",
         "offered": "They let the video go. It is published once the finished file is stamped.",
         "accepted": "Given.", "rejected": "Refused.", "withdrawn": "Withdrawn."}


@dataclass(frozen=True)
class Origin:
    """The post that a new video is made from. `asks`: `own`, `yes` (its policy lets this person), `ask`, or `silent`: its
    server says nothing about remixes and may never answer."""

    id: int
    title: str
    page: str
    handle: str
    asks: str


def row_of(given: str) -> int:
    """The row id that a form field holds; 0, which no row has, for anything else."""
    return number(given) or 0


def origin_of(session: Session, actor: Actor, parent_id: int, host: str) -> Origin:
    """The original, for the form.

    Raises:
        NotFound, Forbidden, Invalid: this person cannot remix it.
    """
    parent = remixes.remixable(session, actor, parent_id, "private")
    author = actors.get(session, parent.actor_id)
    asks = "own" if author.id == actor.id else remixes.answer(session, actor, parent)
    if asks == "ask" and not author.local and "canRemix" not in (parent.interaction_policy or {}):
        asks = "silent"
    return Origin(parent.id, views.title_of(parent) or "a video", f"{views.account_page(author)}/{parent.id}",
                  f"@{author.username}@{author.domain or host}", asks)


@dataclass(frozen=True)
class Entry:
    """A request or a stamp on the page.

    Attributes:
        person: the other side; None when it is not known here any more.
        original, remix: (title, page) of the posts; no page when they are not here.
        bound: whether the consent is for one file only.
        file: "video", "image" or "".
        over: whether it was taken back, or the request withdrawn or answered.
        prompt, character: of a likeness: what is to be made, and the character when it is not the person.
        step: of a likeness: `ask` (may it be made?), `making`, `look` (the draft waits for its owner) or `file` (a finished one).
        heard: which servers have heard that it was taken back.
        agent: whose it is, when it is an agent's of whoever looks; None: their own.
    """

    id: int
    kind: str
    person: views.AccountView | None
    name: str
    use: str
    original: tuple[str, str]
    remix: tuple[str, str]
    state: str
    words: str
    reason: str
    when: dt.datetime
    bound: bool
    file: str = ""
    prompt: str = ""
    character: str = ""
    step: str = ""
    heard: Sequence[consents.Arrival] = ()
    ends: dt.datetime | None = None
    over: bool = False
    agent: views.AccountView | None = None


def _post(session: Session, uri: str, fallback: str) -> tuple[str, str]:
    found = statuses.by_uri(session, uri)
    if found is None:
        return fallback, ""
    author = actors.get(session, found.actor_id)
    return views.title_of(found) or fallback, f"{views.account_page(author)}/{found.id}"


def _requests(session: Session, rows: Sequence[ConsentRequest], uris: Uris, *, mine: bool,
              agent: Actor | None = None) -> list[Entry]:
    people = actors.many(session, [row.owner_id if mine else row.requester_id for row in rows])
    found = []
    for row in rows:
        file = consents.preview(session, row, row.requester_id if mine else row.owner_id)
        words = WORDS[row.state]
        parents = lineage.parents_of(session, [row.status_id]).get(row.status_id, []) if row.status_id else []
        if any(parent.consent in lineage.TAKEN_BACK for parent in parents):
            words = "Given, and taken back since. The remix is not shown any more."
        found.append(Entry(
            row.id, row.kind, views.account(people[row.owner_id if mine else row.requester_id], uris), row.name or "a video",
            row.use, _post(session, row.target_uri, "your post" if not mine else "a post"),
            _post(session, row.object_uri, row.name or "a video") if mine else (row.name or "a video", ""), row.state, words,
            row.reason, row.created_at, row.digest is not None, file.kind if file is not None else "", row.prompt,
            _character(session, row), _step(row, file), agent=views.account(agent, uris) if agent is not None else None))
    return found


def _character(session: Session, row: ConsentRequest) -> str:
    if row.character_uri is None:
        return ""
    known = likenesses.get(session, row.likeness_id) if row.likeness_id is not None else None
    return known.name if known is not None else row.character_uri


def _step(row: ConsentRequest, file: Media | None) -> str:
    if row.kind != "likeness":
        return ""
    if row.state == consents.AGREED:
        return "look" if file is not None and row.content_digest is not None else "making"
    return "file" if row.digest is not None else "ask"


def _given(session: Session, owner: Actor, uris: Uris, agent: Actor | None = None) -> list[Entry]:
    rows = consents.stamps_of(session, owner.id, Page(limit=SHOWN))
    people = actors.by_uris(session, [row.requester_uri for row in rows])
    return [Entry(
        row.id, row.kind, views.account(people[row.requester_uri], uris) if row.requester_uri in people else None, "", "",
        _post(session, row.target_uri, "your post"), _post(session, row.object_uri, "a video that is not here"),
        "revoked" if row.revoked_at else "given", "Taken back." if row.revoked_at else "", "", row.created_at,
        row.digest is not None, ends=row.end_at, over=row.revoked_at is not None,
        heard=consents.arrivals(session, row, uris.delete(row.uri)),
        agent=views.account(agent, uris) if agent is not None else None) for row in rows]


def _newest(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda item: item.id, reverse=True)


async def _page(request: Request, *, problem: str = "", status: int = 200) -> Response:
    house: House = request.app.state.house
    _, actor = (await visitor(request)).person()

    older = row_of(request.query_params.get("older", "")) or None

    def read(session: Session) -> dict[str, Any]:
        found: dict[str, list[Entry]] = {"open": [], "refused": [], "given": []}
        for owner in (actor, *use_cases.agents_of(session, actor)):
            agent = owner if owner is not actor else None
            for kind, state, part in (("open", consents.PENDING, Page(max_id=older, limit=SHOWN + 1)),
                                      ("open", consents.AGREED, Page(max_id=older, limit=SHOWN + 1)),
                                      ("refused", consents.REJECTED, Page(limit=SHOWN))):  # those answered crowd out no other
                found[kind] += _requests(session, consents.inbox(session, owner.id, part, state), house.uris, mine=False,
                                         agent=agent)
            found["given"] += _given(session, owner, house.uris, agent)
        inbox = _newest(found["open"])
        return {"waiting": [item for item in inbox[:SHOWN] if item.state == consents.PENDING or item.step == "look"],
                "making": [item for item in inbox[:SHOWN] if item.step == "making"],
                "more": f"/consent?older={inbox[SHOWN - 1].id}" if len(inbox) > SHOWN else "",
                "count": use_cases.waiting(session, actor), "refused": _newest(found["refused"]),
                "given": _newest(found["given"]),
                "mine": _requests(session, consents.outbox(session, actor.id, Page(limit=SHOWN)), house.uris, mine=True)}

    return await page(request, "consent.html", status=status, problem=problem, **await house.db.read(read))


async def show(request: Request) -> Response:
    """GET /consent"""
    (await visitor(request)).person()
    return await _page(request)


async def on_request(request: Request) -> Response:
    """POST /consent/requests/ID/give, refuse, withdraw; of a likeness also once, always, go and block.

    What an agent is asked its operator answers, in the agent's name. An agent that may not act says no, and nothing else.
    """
    house: House = request.app.state.house
    wanted, verb = request.path_params["id"], request.path_params["verb"]
    form = await checked_form(request)
    _, visiting = (await visitor(request)).person()

    def apply(uow: UnitOfWork) -> None:
        actor, row = actors.get(uow.session, visiting.id), consents.get(uow.session, wanted)
        if row is not None and verb != "withdraw":
            actor = use_cases.in_whose_name(uow.session, actor, row.owner_id)
            if verb not in ("refuse", "block"):
                agents.require(uow, actor)
        if verb == "give":
            days = LASTS.get(text(form, "days"))
            use_cases.grant(uow, actor, wanted, until=uow.now + dt.timedelta(days=days) if days else None)
        elif verb in ("once", "always", "go"):
            use_cases.say_yes(uow, actor, wanted, always=verb == "always")
        elif verb in ("refuse", "block"):
            use_cases.refuse(uow, actor, wanted, text(form, "reason"), block=verb == "block")
        else:
            use_cases.withdraw(uow, actor, wanted)

    try:
        await house.db.write(apply)
    except (Conflict, Forbidden, Invalid) as error:
        return await _page(request, problem=error.text, status=error.status)
    return go(request, "/consent", DONE[verb])


async def revoke(request: Request) -> Response:
    """POST /consent/stamps/ID/revoke"""
    house: House = request.app.state.house
    await checked_form(request)
    _, visiting = (await visitor(request)).person()
    wanted = request.path_params["id"]

    def apply(uow: UnitOfWork) -> None:
        stamp = uow.session.get(ConsentStamp, wanted)
        use_cases.revoke(uow, use_cases.in_whose_name(uow.session, actors.get(uow.session, visiting.id),
                                                      stamp.actor_id if stamp is not None else None), wanted)

    await house.db.write(apply)
    return go(request, "/consent#given", "Taken back, here and on the servers that show the remix.")


async def file(request: Request) -> Response:
    """GET /consent/requests/ID/file: the finished file a request is about, for its two sides only (with a session or a token).

    The operator of an agent is on its side.

    Another server's file is shown only when its bytes are those of the digest that the consent would be bound to.
    """
    house: House = request.app.state.house
    viewer = (await person(request, "read")).actor if "authorization" in request.headers else (
        await visitor(request)).person()[1]

    def find(session: Session) -> tuple[ConsentRequest, Media | None]:
        row = consents.get(session, request.path_params["id"])
        owner = use_cases.in_whose_name(session, viewer, row.owner_id if row is not None else None)
        if row is None or not (row.requester_id == viewer.id or (row.owner_id == owner.id and row.state != consents.DRAFT)):
            raise NotFound("There is no such request.")
        return row, consents.preview(session, row, owner.id)

    row, media = await house.db.read(find)
    if media is None:
        raise NotFound("There is no such file.")
    if media.storage_key:
        return await private_file(request, media.storage_key, media.mime)
    return await _compared(house, media, row.digest or "")


async def _compared(house: House, media: Media, digest: str) -> Response:
    rules = await house.policy.rules()
    if not media.remote_url or rules.rejects_media(media.remote_url):
        raise NotFound("There is no such file.")
    folder = Path(house.settings.data_dir) / "cache"
    path = folder / f"consent-{hashlib.sha256(digest.encode()).hexdigest()}"
    if not await asyncio.to_thread(path.exists):
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        partial = folder / f"{path.name}.{secrets.token_hex(4)}"
        try:
            await house.client.download(media.remote_url, partial, max_bytes=VIDEO_BYTES, deadline=60.0)
            if digest_multibase((await asyncio.to_thread(file_digest, partial))[0]) != digest:
                raise Unsupported("This is not the file that you are asked about: its bytes are others.")
            await asyncio.to_thread(os.replace, partial, path)
        finally:
            await asyncio.to_thread(partial.unlink, missing_ok=True)
    return FileResponse(path, media_type=media.mime if media.mime in SAFE else "application/octet-stream", headers=PRIVATE)
