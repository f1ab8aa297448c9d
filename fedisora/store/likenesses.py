"""Likenesses and characters of local people, and what their owners decided about whoever may ask."""
from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Actor, Likeness, LikenessHash, LikenessPerson

SELF, CHARACTER = "self", "character"
CHECKING, ACTIVE, REFUSED, WITHDRAWN = "checking", "active", "refused", "withdrawn"
TRANSITIONS: dict[str, frozenset[str]] = {
    CHECKING: frozenset({ACTIVE, REFUSED, WITHDRAWN}), ACTIVE: frozenset({WITHDRAWN}), REFUSED: frozenset(),
    WITHDRAWN: frozenset(),
}
"""States of a likeness. Whoever enrols again after the end gets a new row."""
NOBODY, APPROVED_ONLY, MUTUALS, VERIFIED, EVERYONE = "nobody", "approved", "mutuals", "verified", "everyone"
AUDIENCES = (NOBODY, APPROVED_ONLY, MUTUALS, VERIFIED, EVERYONE)
"""Who may ask."""
APPROVED, ALWAYS, BLOCKED = "approved", "always", "blocked"
DECISIONS = (APPROVED, ALWAYS, BLOCKED)
"""What an owner may decide about somebody."""


def get(session: Session, likeness_id: int) -> Likeness | None:
    """One likeness or character, whatever its state."""
    return session.get(Likeness, likeness_id)


def active(session: Session, actor_id: int) -> Likeness | None:
    """A person's own likeness, when it was checked and not withdrawn; its end (`until`) is not looked at."""
    return session.scalar(select(Likeness).where(
        Likeness.actor_id == actor_id, Likeness.kind == SELF, Likeness.state == ACTIVE).order_by(Likeness.id.desc()).limit(1))


def newest(session: Session, actor_id: int) -> Likeness | None:
    """A person's own likeness as it was enrolled last, whatever became of it."""
    return session.scalar(select(Likeness).where(Likeness.actor_id == actor_id, Likeness.kind == SELF)
                          .order_by(Likeness.id.desc()).limit(1))


def character(session: Session, likeness_id: int) -> Likeness | None:
    """A character that was not withdrawn."""
    found = session.get(Likeness, likeness_id)
    return found if found is not None and found.kind == CHARACTER and found.state == ACTIVE else None


def characters(session: Session, actor_id: int) -> Sequence[Likeness]:
    """Somebody's characters that were not withdrawn, oldest first."""
    return session.scalars(select(Likeness).where(
        Likeness.actor_id == actor_id, Likeness.kind == CHARACTER, Likeness.state == ACTIVE).order_by(Likeness.id)).all()


def over(session: Session, now: dt.datetime) -> Sequence[Actor]:
    """Owners of likenesses and characters whose time is over."""
    return session.scalars(select(Actor).where(Actor.id.in_(select(Likeness.actor_id).where(
        Likeness.state == ACTIVE, Likeness.until <= now)))).all()


def count_characters(session: Session, actor_id: int) -> int:
    """How many characters somebody has."""
    return session.scalar(select(func.count()).select_from(Likeness).where(
        Likeness.actor_id == actor_id, Likeness.kind == CHARACTER, Likeness.state == ACTIVE)) or 0


# ---- people
def person(session: Session, owner_id: int, person_id: int) -> LikenessPerson | None:
    """What an owner decided about somebody."""
    return session.scalar(select(LikenessPerson).where(
        LikenessPerson.owner_id == owner_id, LikenessPerson.person_id == person_id))


def decided_about(session: Session, owner_id: int, person_id: int) -> str:
    """`approved`, `always`, `blocked` or "": nothing was decided."""
    return session.scalar(select(LikenessPerson.decision).where(
        LikenessPerson.owner_id == owner_id, LikenessPerson.person_id == person_id)) or ""


def set_person(uow: UnitOfWork, owner_id: int, person_id: int, decision: str) -> LikenessPerson | None:
    """Write what an owner decides about somebody; "" forgets it."""
    row = person(uow.session, owner_id, person_id)
    if not decision:
        if row is not None:
            uow.session.delete(row)
            uow.session.flush()
        return None
    if row is None:
        row = LikenessPerson(id=uow.new_id(), owner_id=owner_id, person_id=person_id, decision=decision, created_at=uow.now)
        uow.session.add(row)
    row.decision = decision
    uow.session.flush()
    return row


def people(session: Session, owner_id: int) -> list[tuple[LikenessPerson, Actor]]:
    """Everybody an owner decided about, those decided last first."""
    query = (select(LikenessPerson, Actor).join(Actor, Actor.id == LikenessPerson.person_id)
             .where(LikenessPerson.owner_id == owner_id).order_by(LikenessPerson.id.desc()))
    return [(row[0], row[1]) for row in session.execute(query)]


# ---- codes of enrolled pictures
def set_codes(uow: UnitOfWork, likeness_id: int, codes: Sequence[bytes]) -> None:
    """Replace the PDQ codes (32 bytes each) by which an enrolled picture is known again; none forgets them."""
    uow.session.execute(delete(LikenessHash).where(LikenessHash.likeness_id == likeness_id))
    uow.session.add_all(LikenessHash(id=uow.new_id(), likeness_id=likeness_id, code=code) for code in dict.fromkeys(codes))
    uow.session.flush()


def codes_state(session: Session) -> tuple[int, int]:
    """How many codes count, and the highest id: what changes when the list does."""
    count, highest = session.execute(select(func.count(), func.max(LikenessHash.id)).join(
        Likeness, Likeness.id == LikenessHash.likeness_id).where(Likeness.kind == SELF, Likeness.state == ACTIVE)).one()
    return int(count), int(highest or 0)


def codes(session: Session) -> list[tuple[int, int, bytes]]:
    """Every (row id of the likeness, row id of its owner's actor, code) of people. A picture counts once it was checked: nobody
    keeps others from using a picture by saying that it shows them."""
    query = select(Likeness.id, Likeness.actor_id, LikenessHash.code).join(
        LikenessHash, LikenessHash.likeness_id == Likeness.id).where(
        Likeness.kind == SELF, Likeness.state == ACTIVE).order_by(LikenessHash.id)
    return [(row[0], row[1], row[2]) for row in session.execute(query)]


def sealed_keys(session: Session) -> set[str]:
    """Every key of the private storage that a likeness names."""
    return {key for row in session.execute(select(Likeness.picture_key, Likeness.clip_key)) for key in row if key}
