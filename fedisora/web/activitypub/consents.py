"""Stamps of consent, on the owner's origin (vocabulary §4)."""
from __future__ import annotations

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ...activitypub.vocabulary import AS2
from ...errors import NotFound
from ...models import Actor
from ...store import consents
from .respond import activity_json, house_of, reader


async def stamp(request: Request) -> Response:
    """GET /users/NAME/stamps/ID: a RemixAuthorization or LikenessAuthorization, the same bytes each time; 410 with a Tombstone
    once it was taken back. Which server asked, by its signature, is kept: it hears when the stamp is taken back."""
    house = house_of(request)
    uri = house.uris.absolute(request.url.path)
    who = await reader(request)

    def find(session: Session) -> tuple[bytes | None, str, int]:
        row = consents.stamp(session, uri)
        if row is None:
            raise NotFound("There is no such consent.")
        owner = session.get_one(Actor, row.actor_id)
        kind = "RemixAuthorization" if row.kind == "remix" else "LikenessAuthorization"
        known = who is None or row.revoked_at is not None or not consents.to_note(session, row.id, who, house.db.clock())
        return (None if row.revoked_at is not None or owner.suspended_at is not None else row.document, kind,
                0 if known else row.id)

    document, kind, noted = await house.db.read(find)
    if noted and who is not None:
        await house.db.write(lambda uow: consents.note_reader(uow, noted, who))
    if document is None:
        return activity_json({"@context": AS2, "id": uri, "type": "Tombstone", "formerType": kind}, status=410)
    return activity_json(document, cache=0)
