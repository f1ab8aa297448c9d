"""Whom an owner lets ask whatever the audience, who need not be asked about each time, and who is never let."""
from __future__ import annotations

from ...activitypub.webfinger import parse_handle
from ...db import UnitOfWork
from ...errors import Invalid, NotFound
from ...models import Actor
from ...store import actors, likenesses
from .enrolling import refuse_open


def named(uow: UnitOfWork, handle: str) -> Actor:
    """The account of a handle that is known here.

    Raises:
        NotFound: it is not known (yet).
        Invalid: no handle.
    """
    given = handle.strip().lstrip("@")
    if not given:
        raise Invalid("Write the handle of an account, such as @name@example.org.")
    parsed = parse_handle(given if "@" in given else f"{given}@{uow.uris.host}")
    if parsed is None:
        raise Invalid("This is not a handle. Write it as @name@example.org.")
    name, host = parsed
    found = actors.by_handle(uow.session, name, "" if host == uow.uris.host else host)
    if found is None:
        raise NotFound("This account is not known here yet. Look it up with the search first, then try again.")
    return found


def decide_about(uow: UnitOfWork, owner: Actor, person: Actor, decision: str) -> None:
    """Approve somebody, let them always, block them, or ("") forget what was decided. Who is blocked hears a no to what they
    have asked, as if nobody could ask.

    Raises:
        Invalid: oneself, a server's own account, or an unknown decision.
    """
    if decision and decision not in likenesses.DECISIONS:
        raise Invalid(f"The decision is one of: {', '.join(likenesses.DECISIONS)}.")
    if decision and (person.id == owner.id or person.type not in ("Person", "Service")):
        raise Invalid("This is about other people and agents.")
    likenesses.set_person(uow, owner.id, person.id, decision)
    if decision == likenesses.BLOCKED:
        refuse_open(uow, owner, requester_id=person.id)
