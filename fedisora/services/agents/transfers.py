"""Another person takes over an agent: the operator asks, they agree. Videos made before keep naming who answered then."""
from __future__ import annotations

import secrets
from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ...activities import update as update_activity
from ...db import UnitOfWork
from ...errors import Conflict, Forbidden, Invalid, NotFound
from ...models import Actor, OperatorTransfer
from ...provenance import humanity
from ...store import actors, notifications
from .. import accounts, audit, sessions
from . import access
from .making import check_operator
from .standing import operator_of
from .states import TRANSFERS
from .stopping import is_admin, look_after, profile_of


def pending(session: Session, agent_id: int) -> OperatorTransfer | None:
    """The request to take over an agent that waits for an answer."""
    return session.scalar(select(OperatorTransfer).where(OperatorTransfer.agent_id == agent_id,
                                                         OperatorTransfer.state == "pending"))


def waiting(session: Session, actor_id: int) -> Sequence[OperatorTransfer]:
    """What somebody is asked, or asks others, and is not answered; oldest first."""
    return session.scalars(select(OperatorTransfer).where(
        or_(OperatorTransfer.to_id == actor_id, OperatorTransfer.from_id == actor_id), OperatorTransfer.state == "pending")
        .order_by(OperatorTransfer.id)).all()


def offer(uow: UnitOfWork, agent: Actor, by: Actor | None, to: str) -> OperatorTransfer:
    """Ask somebody here to answer for an agent.

    Args:
        by: its operator, or an administrator in the operator's name; None: this server (the command line).
        to: the user name of an active person here.

    Raises:
        NotFound: no agent, or not for this account.
        Invalid: not a person of this server, or the one who answers for it already.
        Forbidden: they may not answer for it.
        Conflict: somebody is asked already.
    """
    profile_of(uow, agent)
    operator = operator_of(uow.session, agent)
    if by is not None and not (operator is not None and by.id == operator.id) and not is_admin(uow, by):
        raise NotFound("There is no such agent here.")
    if operator is None:
        raise Conflict(f"Nobody answers for @{agent.username} any more.")
    person = _person(uow, to)
    if person.id == operator.id:
        raise Invalid(f"@{person.username} answers for @{agent.username} already.")
    _check(uow, person)
    if pending(uow.session, agent.id) is not None:
        raise Conflict("Somebody is asked already. Take that back first.")
    row = OperatorTransfer(id=uow.new_id(), agent_id=agent.id, from_id=operator.id, to_id=person.id, state="pending",
                           created_at=uow.now)
    uow.session.add(row)
    try:
        uow.session.flush()
    except IntegrityError as error:
        raise Conflict("Somebody is asked already. Take that back first.", cause=error) from error
    notifications.notify(uow, person.id, operator.id, "agent.transfer", about=row.id)
    return row


def _person(uow: UnitOfWork, name: str) -> Actor:
    handle = name.strip().lstrip("@")
    local, _, domain = handle.partition("@")
    if domain and domain != uow.uris.host:
        raise Invalid("Only somebody of this server can answer for an agent of this server.")
    person = actors.local_active(uow.session, local)
    if person is None or person.kind != "human":
        raise Invalid("There is no person of that name here. Only a human account of this server can answer for an agent.")
    return person


def _check(uow: UnitOfWork, person: Actor) -> None:
    """Raises Forbidden, in words for others, when somebody may not answer for one more agent."""
    try:
        check_operator(uow, person)
    except Forbidden as error:
        if error.code == "not-verified":
            raise Forbidden(f"On this server AI agents are run by verified humans, and @{person.username} is none.",
                            code=error.code) from error
        raise Forbidden(f"@{person.username} cannot answer for one more agent.", code=error.code) from error


def _open(uow: UnitOfWork, transfer_id: int, *, mine: str, actor: Actor) -> OperatorTransfer:
    """A pending request in which somebody has the part `mine` (`to_id` or `from_id`)."""
    row = uow.session.get(OperatorTransfer, transfer_id, with_for_update=True)
    if row is None or getattr(row, mine) != actor.id:
        raise NotFound("There is no such request.")
    if not TRANSFERS[row.state]:
        raise Conflict("This request is answered already.")
    return row


def _answer(uow: UnitOfWork, row: OperatorTransfer, state: str) -> None:
    row.state, row.answered_at = state, uow.now
    uow.session.flush()
    notifications.remove_about(uow, row.to_id, "agent.transfer", row.id)


def withdraw(uow: UnitOfWork, actor: Actor, transfer_id: int) -> OperatorTransfer:
    """Take the question back. Raises NotFound (not one's own), Conflict (answered)."""
    row = _open(uow, transfer_id, mine="from_id", actor=actor)
    _answer(uow, row, "withdrawn")
    return row


def refuse(uow: UnitOfWork, actor: Actor, transfer_id: int) -> OperatorTransfer:
    """Say no. Raises NotFound (somebody else was asked), Conflict (answered)."""
    row = _open(uow, transfer_id, mine="to_id", actor=actor)
    _answer(uow, row, "refused")
    notifications.notify(uow, row.from_id, row.to_id, "agent.refused", about=row.id)
    return row


def accept(uow: UnitOfWork, actor: Actor, transfer_id: int) -> OperatorTransfer:
    """Say yes: from now on this account answers for the agent. Whoever did so before keeps no way into it: tokens and browser
    sessions end and the password goes.

    Raises:
        NotFound: somebody else was asked.
        Conflict: it was answered, or the one who asked does not answer for the agent any more.
        Forbidden: this account may not answer for it.
    """
    row = _open(uow, transfer_id, mine="to_id", actor=actor)
    session = uow.session
    agent, person = actors.get(session, row.agent_id), actors.get(session, row.to_id)
    before = operator_of(session, agent)
    if before is None or before.id != row.from_id:
        raise Conflict("Who asked you does not answer for this agent any more.")
    check_operator(uow, person)
    agent.operator_uri, agent.operator_confirmed = person.uri, True
    before.operates = [uri for uri in before.operates if uri != agent.uri]
    person.operates = [*(uri for uri in person.operates if uri != agent.uri), agent.uri]
    profile = profile_of(uow, agent)
    if humanity.holds(person.human, person.human_until, uow.now):
        profile.exempt = False  # it was let be for the sake of who answered for it
    if profile.stopped_by == before.id:
        profile.stopped_by = person.id
    profile.updated_at = uow.now
    _close_doors(uow, agent)
    _answer(uow, row, "accepted")
    for one in (agent, before, person):
        one.updated_at = uow.now
        session.flush()
        update_activity.send_actor(uow, one)
    audit.note(uow, "agent.transferred", subject=agent.id, by=person.id)
    notifications.notify(uow, before.id, person.id, "agent.accepted", about=row.id)
    look_after(uow, person)
    return row


def _close_doors(uow: UnitOfWork, agent: Actor) -> None:
    access.revoke_all(uow, agent)
    user = accounts.user_of(uow.session, agent.id)
    user.password_hash = accounts.hash_password(secrets.token_urlsafe(32))
    sessions.end_all(uow, user.id)


def set_exempt(uow: UnitOfWork, agent: Actor, exempt: bool) -> None:
    """An administrator lets an agent be although its operator is not verified, or does so no longer.

    Raises:
        NotFound: no agent of this instance.
    """
    profile = profile_of(uow, agent)
    if profile.exempt == exempt:
        return
    profile.exempt, profile.updated_at = exempt, uow.now
    uow.session.flush()
    owner = operator_of(uow.session, agent)
    if owner is not None:
        look_after(uow, owner)

