"""Posts: writing, reading, threads, likes and boosts (docs.joinmastodon.org/methods/statuses)."""
from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...db import UnitOfWork
from ...errors import Invalid, NotFound
from ...federation import threads
from ...models import Actor, Media, Status
from ...provenance.badge import Narrowing
from ...serializers.mastodon import account as account_entities
from ...serializers.mastodon import status as entities
from ...services import interactions, pins, remixes
from ...services import publish as writing
from ...services.polls import PollDraft
from ...store import actors, relations, statuses, verifiers
from ...store.media import held
from ...store.paging import Page
from .. import claims
from ..auth import Person, person, viewer
from ..body import Params, params, row_id
from ..convertors import number
from ..pagination import page_of, paged

if TYPE_CHECKING:
    from ...app import House

WAIT_SECONDS = 15.0
"""How long an answer waits for the files of a post to be signed."""


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


def visible(session: Session, status_id: int, viewer_id: int | None) -> Status:
    """A post the viewer may see.

    Raises:
        NotFound: not there, or not for the viewer.
    """
    status = statuses.get(session, status_id)
    if status is None or not statuses.visible(session, status, viewer_id):
        raise NotFound
    return status


async def published(house: House, status_id: int, viewer_id: int, media_ids: Sequence[int] = ()) -> dict[str, Any]:
    """A post of the viewer's, once its files are signed (a remix may wait for consent then) or `WAIT_SECONDS` are over.

    Raises:
        Invalid: one of its files could not be processed, so there is no post; the text says why.
    """
    end = time.monotonic() + WAIT_SECONDS
    while True:
        row = await house.db.read(lambda session: statuses.get(session, status_id))
        left = end - time.monotonic()
        if row is None:
            why = await house.db.read(lambda session: writing.failure(session, media_ids))
            raise Invalid(why) if why else NotFound()
        if row.published or left <= 0 or await house.db.read(lambda session: remixes.is_waiting(session, status_id)):
            return await house.db.read(lambda session: entities.one(
                session, session.get_one(Status, status_id), viewer_id, house.uris))
        await house.bells.wait(f"status:{status_id}", min(left, 0.5))


def remix_of(given: Params) -> dict[str, Any]:
    """What a new post says of remixes: `fedisora_remix_of`, `fedisora_remix_use`, `fedisora_remix_policy`, as for a Draft.

    Raises:
        NotFound: it is made from what cannot be the id of a post.
    """
    parent = given.text("fedisora_remix_of")
    if parent and number(parent) is None:
        raise NotFound("The post you want to remix is not there any more.")
    return {"remix_of_id": number(parent), "remix_use": given.text("fedisora_remix_use"),
            "remix_policy": given.text("fedisora_remix_policy") or "ask"}


def _poll(given: Params) -> PollDraft | None:
    """`poll` as a JSON object, or as poll[options][], poll[expires_in], poll[multiple].

    Raises:
        Invalid: half a poll.
    """
    nested = given.raw("poll")
    found = Params((f"poll[{name}]", value) for name, value in nested.items()) if isinstance(nested, dict) else given
    options = found.many("poll[options]")
    if not options:
        return None
    lasts = number(found.text("poll[expires_in]"))
    if lasts is None:
        raise Invalid("Validation failed: Poll has no end (expires_in)")
    return PollDraft(tuple(options), lasts, bool(found.flag("poll[multiple]")))


async def create(request: Request) -> Response:
    """POST statuses"""
    house, who = _house(request), await person(request, "write:statuses")
    given = await params(request)
    reply = given.text("in_reply_to_id")
    if reply and number(reply) is None:
        raise NotFound("The post you answer is not there any more.")
    quoted = given.text("quoted_status_id")
    if quoted and number(quoted) is None:
        raise NotFound("The post you quote is not there any more.")
    if given.text("scheduled_at"):
        raise Invalid("Scheduled posts are not supported here yet.")
    draft = writing.Draft(
        text=given.text("status"), visibility=given.text("visibility") or "public", sensitive=bool(given.flag("sensitive")),
        spoiler_text=given.text("spoiler_text"), language=(given.text("language") or who.user.locale or None),
        in_reply_to_id=number(reply), media_ids=tuple(given.ids("media_ids")),
        poll=_poll(given), quoted_status_id=number(quoted),
        quote_policy=given.text("quote_approval_policy") or "public", **remix_of(given),
        idempotency_key=(request.headers.get("idempotency-key") or "")[:255] or None)
    await claims.keep(house, who.actor.id, draft.media_ids, *await claims.read(house, given))
    status = await house.db.write(lambda uow: writing.create(uow, actors.get(uow.session, who.actor.id), draft))
    return JSONResponse(await published(house, status.id, who.actor.id, draft.media_ids))


async def show(request: Request) -> Response:
    """GET statuses/:id"""
    house, wanted, who = _house(request), row_id(request), await viewer(request)
    me = who.id if who else None
    return JSONResponse(await house.db.read(
        lambda session: entities.one(session, visible(session, wanted, me), me, house.uris)))


async def edit(request: Request) -> Response:
    """PUT statuses/:id"""
    house, wanted = _house(request), row_id(request)
    who, given = await person(request, "write:statuses"), await params(request)

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        status = writing.edit(uow, actors.get(uow.session, who.actor.id), wanted, text=given.text("status"),
                              spoiler_text=given.optional("spoiler_text"), sensitive=given.flag("sensitive"),
                              language=given.optional("language"))
        uow.session.flush()
        return entities.one(uow.session, status, who.actor.id, house.uris)

    return JSONResponse(await house.db.write(apply))


async def delete(request: Request) -> Response:
    """DELETE statuses/:id: answers the post with its source text, for "delete and redraft"."""
    house, wanted, who = _house(request), row_id(request), await person(request, "write:statuses")

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        actor = actors.get(uow.session, who.actor.id)
        status = writing.own(uow, actor, wanted)
        shown = entities.one(uow.session, status, actor.id, house.uris) | {"text": status.text}
        if status.reblog_of_id is not None:
            interactions.unreblog(uow, actor, status.reblog_of_id)
        else:
            writing.delete(uow, actor, wanted)
        return shown

    return JSONResponse(await house.db.write(apply))


async def source(request: Request) -> Response:
    """GET statuses/:id/source"""
    house, wanted, who = _house(request), row_id(request), await person(request, "read:statuses")
    status = await house.db.write(lambda uow: writing.own(uow, actors.get(uow.session, who.actor.id), wanted))
    return JSONResponse({"id": str(status.id), "text": status.text, "spoiler_text": status.spoiler_text})


async def history(request: Request) -> Response:
    """GET statuses/:id/history: the present version (former ones are not kept)."""
    house, wanted, who = _house(request), row_id(request), await viewer(request)
    me = who.id if who else None
    shown = await house.db.read(lambda session: entities.one(session, visible(session, wanted, me), me, house.uris))
    kept = {name: shown[name] for name in ("content", "spoiler_text", "sensitive", "account", "media_attachments", "emojis")}
    return JSONResponse([{**kept, "created_at": shown["edited_at"] or shown["created_at"], "poll": None}])


async def context(request: Request) -> Response:
    """GET statuses/:id/context"""
    house, wanted, who = _house(request), row_id(request), await viewer(request)
    me = who.id if who else None

    def find(session: Session) -> dict[str, Any]:
        above, below = statuses.context(session, visible(session, wanted, me), me)
        shown = entities.many(session, [*above, *below], me, house.uris)
        return {"ancestors": shown[:len(above)], "descendants": shown[len(above):]}

    answer = await house.db.read(find)
    if me is not None:
        await threads.opened(house.db, wanted)
    return JSONResponse(answer)


def _acting(use_case: Callable[[UnitOfWork, Actor, int], Status], scope: str) -> Callable[[Request], Any]:
    async def handler(request: Request) -> Response:
        house, wanted = _house(request), row_id(request)
        who: Person = await person(request, scope)

        def apply(uow: UnitOfWork) -> dict[str, Any]:
            status = use_case(uow, actors.get(uow.session, who.actor.id), wanted)
            uow.session.flush()
            uow.session.refresh(status)
            return entities.one(uow.session, status, who.actor.id, house.uris)

        return JSONResponse(await house.db.write(apply))

    return handler


favourite = _acting(interactions.favourite, "write:favourites")
unfavourite = _acting(interactions.unfavourite, "write:favourites")
reblog = _acting(interactions.reblog, "write:statuses")
unreblog = _acting(interactions.unreblog, "write:statuses")
pin = _acting(pins.pin, "write:accounts")
unpin = _acting(pins.unpin, "write:accounts")


def _by(load: Callable[[Session, int, Page], list[tuple[int, Actor]]]) -> Callable[[Request], Any]:
    async def handler(request: Request) -> Response:
        house, wanted, page, who = _house(request), row_id(request), page_of(request, default=40, most=80), await viewer(request)

        def find(session: Session) -> tuple[list[tuple[int, Actor]], Narrowing]:
            viewer_id = who.id if who else None
            return load(session, visible(session, wanted, viewer_id).id, page), verifiers.narrowing(session, viewer_id)

        rows, narrowing = await house.db.read(find)
        return paged(request, house.uris, [account_entities.account(actor, house.uris, narrowing=narrowing) for _, actor in rows],
                     [row for row, _ in rows], page)

    return handler


favourited_by = _by(relations.favourited_by)
reblogged_by = _by(relations.reblogged_by)


def media_of(session: Session, media_id: int, actor_id: int) -> Media:
    """A file of this author's that belongs to no published post yet, or any of theirs."""
    media = session.scalar(select(Media).where(Media.id == media_id, Media.actor_id == actor_id, Media.state != "remote"))
    if media is None or held(session, media):
        raise NotFound
    return media
