"""One switch: an agent is stopped at once, by who answers for it or by an administrator, and started again.

An agent whose operator is gone, or is no verified human any more, is paused in the same way, by itself (`look_after`).
"""
from __future__ import annotations

from sqlalchemy import select, update

from ...activitypub import markup
from ...db import UnitOfWork
from ...errors import Conflict, Forbidden, Invalid, NotFound
from ...models import Actor, AgentMention, AgentProfile, Generation, Status, User
from ...store import agents as rows
from ...store import jobs, notifications
from .. import audit
from .. import generations as generate
from .standing import holds_back, operator_of, stopped_by_operator

STOPPED = "agent-stopped"
OPEN_MENTIONS = ("received", "making", "held")
MOST_REASON = 300


def profile_of(uow: UnitOfWork, agent: Actor) -> AgentProfile:
    """The profile of a local agent; one from before there were profiles gets its own.

    Raises:
        NotFound: it is no agent of this instance.
    """
    if agent.kind != "agent" or not agent.local:
        raise NotFound("There is no such agent here.")
    return rows.profile(uow.session, agent.id) or rows.add_profile(uow, agent.id)


def is_admin(uow: UnitOfWork, actor: Actor) -> bool:
    """Whether an account administers this instance."""
    return bool(uow.session.scalar(select(User.admin).where(User.actor_id == actor.id, User.state == "active")))


def stop(uow: UnitOfWork, agent: Actor, by: Actor | None, reason: str = "") -> AgentProfile:
    """Stop an agent now: what it makes is cancelled, who waits for an answer gets none, its tokens are refused.

    Args:
        by: its operator, or an administrator; None: this server (the command line).
        reason: for the operator and for administrators; an administrator has to give one.

    Raises:
        NotFound: no agent, or not for this account.
        Conflict: it is stopped already (an administrator may still put their own stop over the operator's).
        Invalid: no reason from an administrator, or one that is too long.
    """
    profile, operator = profile_of(uow, agent), operator_of(uow.session, agent)
    own = by is not None and operator is not None and by.id == operator.id
    if by is not None and not own and not is_admin(uow, by):
        raise NotFound("There is no such agent here.")
    words = markup.clean_line(reason, MOST_REASON + 1)
    if len(words) > MOST_REASON:
        raise Invalid(f"The reason may have {MOST_REASON} characters at most.")
    if not own and not words:
        raise Invalid("Please say why: its operator reads it.")
    if profile.stopped_at is not None and (own or not stopped_by_operator(uow.session, agent, profile)):
        raise Conflict(f"@{agent.username} is stopped already.", code=STOPPED)
    profile.stopped_at, profile.stopped_by, profile.stop_reason = uow.now, by.id if by is not None else None, words
    profile.updated_at = uow.now
    uow.session.flush()
    _drop_work(uow, agent, f"@{agent.username} was stopped.")
    audit.note(uow, "agent.stopped", subject=agent.id, by=by.id if by is not None else None)
    if operator is not None and not own:
        notifications.notify(uow, operator.id, agent.id, "agent.stopped", about=int(uow.now.timestamp()))
    return profile


def start(uow: UnitOfWork, agent: Actor, by: Actor | None) -> AgentProfile:
    """Let a stopped agent go on. What an administrator stopped, only an administrator starts.

    Raises:
        NotFound: no agent, or not for this account.
        Forbidden: this server stopped it, and this is its operator.
        Conflict: it is not stopped.
    """
    profile, operator = profile_of(uow, agent), operator_of(uow.session, agent)
    own = by is not None and operator is not None and by.id == operator.id
    admin = by is None or is_admin(uow, by)
    if not own and not admin:
        raise NotFound("There is no such agent here.")
    if profile.stopped_at is None:
        raise Conflict(f"@{agent.username} is not stopped.")
    if not admin and not stopped_by_operator(uow.session, agent, profile):
        raise Forbidden(f"An administrator stopped @{agent.username}. Only an administrator can start it again.")
    profile.stopped_at = profile.stopped_by = None
    profile.stop_reason, profile.updated_at = "", uow.now
    uow.session.flush()
    audit.note(uow, "agent.started", subject=agent.id, by=by.id if by is not None else None)
    if operator is not None and not own:
        notifications.notify(uow, operator.id, agent.id, "agent.started", about=int(uow.now.timestamp()))
    resume(uow, agent)
    return profile


def resume(uow: UnitOfWork, agent: Actor) -> None:
    """Send what an agent wrote before it was held back. Doing it twice changes nothing."""
    for status_id in uow.session.scalars(select(Status.id).where(
            Status.actor_id == agent.id, Status.local.is_(True), Status.published.is_(False), Status.reblog_of_id.is_(None))):
        jobs.enqueue(uow, "publish", {"status_id": status_id}, key=str(status_id))


def look_after(uow: UnitOfWork, operator: Actor | None = None) -> int:
    """Pause agents whose operator cannot answer for them any more, tell the operator once, and let those go on whose operator can
    again. Called when somebody's standing changes, and every hour.

    Args:
        operator: only the agents of this account.

    Returns:
        how many are paused now.
    """
    paused = 0
    for agent, profile in rows.everybody(uow.session, operator.uri if operator is not None else None):
        reason = holds_back(uow.session, uow.settings, agent, profile, uow.now)
        paused += bool(reason)
        if reason and profile.paused_at is None:
            profile.paused_at = uow.now
            uow.session.flush()
            _drop_work(uow, agent, reason)
            owner = operator_of(uow.session, agent)
            if owner is not None:
                notifications.notify(uow, owner.id, agent.id, "agent.paused", about=int(uow.now.timestamp()))
        elif not reason and profile.paused_at is not None:
            profile.paused_at = None
            uow.session.flush()
            if profile.stopped_at is None:
                resume(uow, agent)
    return paused


def _drop_work(uow: UnitOfWork, agent: Actor, text: str) -> None:
    """Cancel what an agent makes, and refuse whom it has not answered."""
    uow.session.execute(update(AgentMention).where(AgentMention.agent_id == agent.id, AgentMention.state.in_(OPEN_MENTIONS))
                        .values(state="refused", reason=text, answered_at=uow.now),
                        execution_options={"synchronize_session": "fetch"})
    for row in uow.session.scalars(select(Generation).where(
            Generation.actor_id == agent.id, Generation.state.in_(generate.UNFINISHED), Generation.cancel_requested.is_(False))
            .order_by(Generation.turn.desc(), Generation.id.desc())).all():
        generate.stop(uow, row, STOPPED, text)
