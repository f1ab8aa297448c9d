"""Local posts, the activities about them, and their replies."""
from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ...activitypub.negotiation import wants_activity
from ...activitypub.vocabulary import AS2
from ...errors import Gone, NotFound
from ...models import Actor, Follow, OutboxActivity, Status
from ...serializers.activitypub.collections import collection, page
from ...store import statuses
from ..convertors import number
from .respond import activity_json, house_of, reader

REPLIES = 40


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


async def replies(request: Request) -> Response:
    """GET …/statuses/ID/replies: public answers, as ids."""
    house = house_of(request)
    found, _ = await _post(request)
    uri = house.uris.replies(found.uri)
    after = number(request.query_params.get("min_id")) or 0
    rows = await house.db.read(lambda session: [(row[0], row[1]) for row in session.execute(
        select(Status.id, Status.uri).where(
            Status.in_reply_to_id == found.id, Status.visibility.in_(statuses.PUBLIC), Status.published.is_(True),
            Status.id > after, statuses.standing()).order_by(Status.id).limit(REPLIES))])
    if request.query_params.get("page") is None:
        return activity_json(collection(uri, found.replies_count, first=f"{uri}?page=1", ordered=False))
    more = f"{uri}?page=1&min_id={rows[-1][0]}" if len(rows) == REPLIES else None
    return activity_json(page(f"{uri}?{request.url.query}", uri, [item for _, item in rows], following=more,
                              ordered=False))
