"""A draft with somebody's likeness becomes a post: it says whom it shows, and waits for the stamp over its finished file."""
from __future__ import annotations

from dataclasses import replace

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import Session

from ...activities import consents as rules
from ...activitypub import markup
from ...db import UnitOfWork
from ...errors import Conflict, Invalid
from ...models import Actor, ConsentRequest, Generation, Status
from ...store import actors, consents, lineage
from ..publish import Draft

POST = "post"
"""Member of `Generation.options`: the row id that was promised to the post to be (its id is in the request)."""


def is_render(row: Generation) -> bool:
    """Whether a generation was made here for somebody's request, of a likeness that its account owns. It is nobody's draft: it
    goes to whoever asked, or away."""
    return row.consent_request_id is not None and row.likeness_id is not None


def own() -> ColumnElement[bool]:
    """Whether a generation is its account's own, as a condition: no `is_render`."""
    return or_(Generation.consent_request_id.is_(None), Generation.likeness_id.is_(None))


def waits(row: Generation) -> bool:
    """Whether a generation shows somebody's likeness and is made on that person's instance."""
    return row.consent_request_id is not None and row.likeness_id is None


def request_of(session: Session, row: Generation) -> ConsentRequest | None:
    """The request for a likeness that a generation is about."""
    return consents.get(session, row.consent_request_id) if row.consent_request_id is not None else None


def given_up(uow: UnitOfWork, row: Generation) -> None:
    """Whoever asked throws the draft of a cameo away: its owner hears that, and their server keeps it no longer."""
    request = request_of(uow.session, row) if waits(row) else None
    if request is not None and request.state == consents.OFFERED:
        rules.withdraw(uow, request, actors.get(uow.session, request.owner_id), actors.get(uow.session, request.requester_id))


def promised(session: Session, row: Generation, draft: Draft) -> Draft:
    """The draft of a post with a likeness, under the id that its owner was told.

    Raises:
        Conflict: it is not agreed to any more.
        Invalid: it would be a remix as well.
    """
    request = request_of(session, row)
    if request is None or request.state not in (consents.OFFERED, consents.ACCEPTED):
        raise Conflict("The person in this video has not agreed to it (any more).", code="no-consent")
    if draft.remix_of_id is not None:
        raise Invalid("A video with somebody's likeness cannot be a remix as well.")
    return replace(draft, reserved_id=int(row.options[POST]))


def attach(uow: UnitOfWork, status: Status, row: Generation) -> None:
    """Name in a new post whom it shows, and write the second request, over the finished file: it is sent once that is signed."""
    first = request_of(uow.session, row)
    if first is None:
        return
    owner = actors.get(uow.session, first.owner_id)
    known = lineage.add(uow, status, owner.uri, None, kind=lineage.CAMEO,
                        consent="own" if owner.id == status.actor_id else "pending")
    if known.consent == "own":
        return
    request_id, actor = uow.new_id(), actors.get(uow.session, status.actor_id)
    uow.session.add(ConsentRequest(
        id=request_id, uri=uow.uris.consent_request(actor.uri, request_id), kind="likeness", owner_id=owner.id,
        requester_id=actor.id, target_uri=owner.uri, object_uri=status.uri, status_id=status.id,
        name=markup.clean_line(status.text or first.name, 200), use=first.use, likeness_id=first.likeness_id,
        character_uri=first.character_uri, state=consents.DRAFT, created_at=uow.now))
    uow.session.flush()


def handle_of(actor: Actor, host: str) -> str:
    """`@name@host` of an account."""
    return f"@{actor.username}@{actor.domain or host}"
