"""Characters: pets, objects and drawn persons that somebody invented and lets others ask for. They need no verification: their
owner declares that no real person is shown."""
from __future__ import annotations

from typing import Final

from sqlalchemy.orm import Session

from ...activitypub import markup
from ...db import UnitOfWork
from ...errors import Forbidden, Invalid, NotFound
from ...models import Actor, Likeness
from ...store import likenesses
from . import enrolling, pictures
from .pictures import Picture

MOST: Final = 20
MOST_NAME: Final = 80
MOST_SUMMARY: Final = 500
DECLARE: Final = "Say that it does not show a real person. For yourself, enrol your likeness."


def check(uow: UnitOfWork, actor: Actor, name: str, summary: str, declared: bool) -> tuple[str, str]:
    """The name and summary of a character to be, before its picture is looked at.

    Raises:
        Invalid: no name, a text that is too long, or it was not declared that nobody real is shown.
        Forbidden: as many as one account may have.
    """
    if not declared:
        raise Invalid(DECLARE, code="not-declared")
    if likenesses.count_characters(uow.session, actor.id) >= MOST:
        raise Forbidden(f"You have {MOST} characters, which is as many as you may have. Remove one first.", code="characters")
    return _texts(name, summary)


def _texts(name: str, summary: str) -> tuple[str, str]:
    called, said = markup.clean_line(name, MOST_NAME + 1), markup.clean_line(summary, MOST_SUMMARY + 1)
    if not called:
        raise Invalid("Give it a name.")
    if len(called) > MOST_NAME or len(said) > MOST_SUMMARY:
        raise Invalid(f"The name may have {MOST_NAME} characters, the description {MOST_SUMMARY}.")
    return called, said


def create(uow: UnitOfWork, actor: Actor, *, name: str, summary: str, declared: bool, picture: Picture) -> Likeness:
    """A new character; nobody may ask for it until its owner says so.

    Raises:
        Invalid, Forbidden: see `check`.
    """
    called, said = check(uow, actor, name, summary, declared)
    row = Likeness(id=uow.new_id(), actor_id=actor.id, kind=likenesses.CHARACTER, state=likenesses.ACTIVE, name=called,
                   summary=said, created_at=uow.now, updated_at=uow.now)
    uow.session.add(row)
    uow.session.flush()
    pictures.take(uow, row, picture)
    return row


def own(session: Session, actor: Actor, character_id: int) -> Likeness:
    """One of somebody's own characters.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    row = likenesses.character(session, character_id)
    if row is None or row.actor_id != actor.id:
        raise NotFound("There is no such character of yours.")
    return row


def describe(uow: UnitOfWork, actor: Actor, character_id: int, *, name: str, summary: str) -> Likeness:
    """Change how a character is called and described.

    Raises:
        NotFound, Invalid: see `own` and `check`.
    """
    row = own(uow.session, actor, character_id)
    row.name, row.summary = _texts(name, summary)
    row.updated_at = uow.now
    return row


def remove(uow: UnitOfWork, actor: Actor, character_id: int) -> None:
    """Withdraw a character; its picture is deleted.

    Raises:
        NotFound: see `own`.
    """
    enrolling.end_character(uow, actor, own(uow.session, actor, character_id))
