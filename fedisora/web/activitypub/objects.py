"""Local posts, the activities about them, and their replies."""
from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ...activitypub.contexts import context_for
from ...activitypub.integrity_proofs import sign_document
from ...activitypub.negotiation import wants_activity
from ...activitypub.vocabulary import AS2
from ...errors import Gone, NotFound
from ...models import Actor, Follow, OutboxActivity, Status
from ...serializers.activitypub import quote
from ...serializers.activitypub.collections import collection, page
from ...store import keys, quotes, statuses, threads
from ..convertors import number
from .respond import activity_json, house_of, reader

PER_PAGE = 40


def _find(session: Session, uri: str, name: str, status_id: int, viewer_id: int | None) -> tuple[Status, Actor]:
    status = statuses.get(session, status_id)
    if status is None or not status.local or not statuses.visible(session, status, viewer_id):
        if statuses.is_tombstoned(session, uri) is not None:
            raise Gone("This post was deleted.")
        raise NotFound("There is no such post.")
    author = session.get_one(Actor, status.actor_id)
    if author.username.lower() != name.lower() or author.suspended_at is not None:
        raise NotFound("There is no such post.")
    return status, author


async def _post(request: Request) -> tuple[Status, Actor]:
    house = house_of(request)
    name, status_id = request.path_params["name"], int(request.path_params["id"])
    who = await reader(request)
    uri = house.uris.status(house.uris.actor(name), status_id)
    return await house.db.read(lambda session: _find(session, uri, name, status_id, who.id if who else None))


async def status(request: Request) -> Response:
    """GET /users/NAME/statuses/ID: the signed Note; 410 with a Tombstone once it is deleted."""
    house = house_of(request)
    if not wants_activity(request.headers.get("accept")):
        name, status_id = request.path_params["name"], int(request.path_params["id"])
        return RedirectResponse(house.uris.post_page(name, status_id), 302, {"Vary": "Accept"})
    try:
        found, _ = await _post(request)
    except Gone:
        return activity_json({"@context": AS2, "id": house.uris.absolute(request.url.path), "type": "Tombstone"}, status=410)
    if found.reblog_of_id is not None or found.document is None:
        raise NotFound("There is no such post.")
    return activity_json(found.document, cache=0 if found.visibility not in statuses.PUBLIC else 30)


async def activity(request: Request) -> Response:
    """GET …/statuses/ID/activity: the Create, or the Announce of a boost."""
    house = house_of(request)
    found, author = await _post(request)
    uri = house.uris.create(house.uris.status(author.uri, found.id))
    body = await house.db.read(lambda session: session.scalar(
        select(OutboxActivity.document).where(OutboxActivity.uri == uri)))
    if body is None:
        raise NotFound("There is no such activity.")
    return activity_json(body)


async def follow(request: Request) -> Response:
    """GET /users/NAME/follows/ID: a Follow of ours."""
    house = house_of(request)
    uri = house.uris.absolute(request.url.path)
    await reader(request)
    body = await house.db.read(lambda session: session.scalar(
        select(OutboxActivity.document).join(Follow, Follow.uri == OutboxActivity.uri).where(OutboxActivity.uri == uri)))
    if body is None:
        raise NotFound("There is no such activity.")
    return activity_json(body)


async def quote_authorization(request: Request) -> Response:
    """GET /users/NAME/quote_authorizations/ID: the stamp of a quote (FEP-044f); 410 once it is revoked or its post gone."""
    house = house_of(request)
    uri = house.uris.absolute(request.url.path)
    await reader(request)

    def find(session: Session) -> dict[str, Any]:
        row = quotes.stamp(session, uri)
        if row is None:
            raise NotFound("There is no such authorisation.")
        quoted, author = statuses.by_uri(session, row.target_uri), session.get_one(Actor, row.actor_id)
        if row.revoked_at is not None or quoted is None or author.suspended_at is not None:
            raise Gone("This authorisation was taken back.")
        document = quote.stamp(row, author.uri)
        key, method = keys.proof_key(session, house.vault, house.uris, author)
        return sign_document({"@context": context_for(document, proof=True), **document}, key, method, row.created_at)

    return activity_json(await house.db.read(find))


async def of_instance(request: Request) -> Response:
    """GET /actor/follows/ID and /actor/announces/ID: what the instance actor sent to a relay."""
    house = house_of(request)
    uri = house.uris.absolute(request.url.path)
    await reader(request)
    body = await house.db.read(lambda session: session.scalar(
        select(OutboxActivity.document).where(OutboxActivity.uri == uri)))
    if body is None:
        raise NotFound("There is no such activity.")
    return activity_json(body)


def _answers(session: Session, status: Status, others: bool, after: int) -> tuple[list[tuple[int, str]], bool]:
    """A page of (row id, id): the author's own answers, then the others'; whether it ends among the others."""
    def load(whose: ColumnElement[bool], after: int, limit: int) -> list[tuple[int, str]]:
        return [(row[0], row[1]) for row in session.execute(select(Status.id, Status.uri).where(
            Status.in_reply_to_id == status.id, Status.visibility.in_(statuses.PUBLIC), Status.published.is_(True),
            Status.id > after, statuses.standing(), whose).order_by(Status.id).limit(limit))]

    rows = [] if others else load(Status.actor_id == status.actor_id, after, PER_PAGE)
    if len(rows) == PER_PAGE:
        return rows, False
    return rows + load(Status.actor_id != status.actor_id, after if others else 0, PER_PAGE - len(rows)), True


async def replies(request: Request) -> Response:
    """GET …/statuses/ID/replies: public answers as ids, the author's own first."""
    house = house_of(request)
    found, _ = await _post(request)
    uri = house.uris.replies(found.uri)
    if request.query_params.get("page") is None:
        return activity_json(collection(uri, found.replies_count, first=f"{uri}?page=1", ordered=False))
    others, after = bool(request.query_params.get("others")), number(request.query_params.get("min_id")) or 0
    rows, others = await house.db.read(lambda session: _answers(session, found, others, after))
    more = f"{uri}?page=1{'&others=1' if others else ''}&min_id={rows[-1][0]}" if len(rows) == PER_PAGE else None
    return activity_json(page(f"{uri}?{request.url.query}", uri, [item for _, item in rows], following=more,
                              ordered=False))


def _conversation(session: Session, root_id: int, uri: str, after: int) -> tuple[str, list[tuple[int, str]]]:
    root = statuses.get(session, root_id)
    if root is None or not root.local or not root.published or root.in_reply_to_uri is not None \
            or root.visibility not in statuses.PUBLIC:
        raise NotFound("There is no such conversation.")
    author = session.get_one(Actor, root.actor_id)
    if author.suspended_at is not None:
        raise NotFound("There is no such conversation.")
    return author.uri, threads.conversation(session, root_id, uri, after, PER_PAGE)


async def context(request: Request) -> Response:
    """GET /contexts/ID: the public posts of a conversation that starts here, as ids, oldest first (FEP-7888)."""
    house = house_of(request)
    await reader(request)
    root_id = int(request.path_params["id"])
    uri, after = house.uris.context(root_id), number(request.query_params.get("min_id")) or 0
    owner, rows = await house.db.read(lambda session: _conversation(session, root_id, uri, after))
    items = [item for _, item in rows]
    more = f"{uri}?page=1&min_id={rows[-1][0]}" if len(rows) == PER_PAGE else None
    if request.query_params.get("page") is None:
        total = await house.db.read(lambda session: threads.conversation_size(session, root_id, uri))
        whole = collection(uri, total, first=f"{uri}?page=1")
        return activity_json({**whole, "attributedTo": owner})
    return activity_json({**page(f"{uri}?{request.url.query}", uri, items, following=more), "attributedTo": owner})
