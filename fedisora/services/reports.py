"""Reporting accounts and posts to moderators, here and on the other server; and what moderators do with reports."""
from __future__ import annotations

from collections.abc import Sequence

from ..activities import flag as flag_activity
from ..activities import inbound, outbox
from ..db import UnitOfWork
from ..errors import Forbidden, Invalid, NotFound
from ..models import Actor, Report, User
from ..store import actors, notifications, reports, statuses
from . import audit, publish

LIKENESS = "likeness"
"""Somebody says that their likeness is used: such reports go before all others."""
CATEGORIES = ("spam", "legal", "violation", "other", LIKENESS)
WHY = {LIKENESS: "it shows somebody without their consent.", "spam": "it is spam.", "legal": "it is against the law.",
       "violation": "it is against the rules of this server.", "other": "it was reported."}
"""Why a post was taken down, in words for its author: nothing of what the report says, or by whom it is."""
MOST_URGENT = 10
"""Open reports of one account that go first; further ones wait like all others."""
MAX_COMMENT = 1000


def create(uow: UnitOfWork, actor: Actor, target_id: int, *, status_ids: Sequence[int] = (), comment: str = "",
           category: str = "other", forward: bool = False) -> Report:
    """Report an account, with posts of it that the reporter can see.

    Args:
        forward: also tell the account's own server. It learns from which server the report comes, not from whom.

    Raises:
        NotFound: no such account, or one of the posts is not there.
        Invalid: oneself, an unknown category, or a text that is too long.
    """
    session = uow.session
    target = session.get(Actor, target_id)
    if target is None or (target.local and target.type == "Application"):
        raise NotFound
    if target.id == actor.id:
        raise Invalid("You cannot report yourself.")
    if category not in CATEGORIES:
        raise Invalid(f"The category is one of {', '.join(CATEGORIES)}.")
    if len(comment) > MAX_COMMENT:
        raise Invalid(f"The comment may have {MAX_COMMENT:,} characters at most.")
    wanted = list(dict.fromkeys(status_ids))[:flag_activity.MAX_STATUSES]
    posts = statuses.many(session, wanted)
    for status_id in wanted:
        post = posts.get(status_id)
        if post is None or post.actor_id != target.id or not statuses.visible(session, post, actor.id):
            raise NotFound
    row_id = uow.new_id()
    report = Report(id=row_id, uri=uow.uris.flag(row_id), actor_id=actor.id, target_id=target.id, category=category,
                    status_uris=[posts[status_id].uri for status_id in wanted], comment=comment.strip(),
                    urgent=category == LIKENESS and reports.count_urgent(session, actor.id) < MOST_URGENT,
                    forwarded=forward and not target.local, created_at=uow.now)
    session.add(report)
    session.flush()
    reports.tell_admins(uow, report)
    if report.forwarded:
        instance = actors.instance_actor(session)
        outbox.send(uow, instance, flag_activity.build(report, instance, target), outbox.inbox_of(target, shared=False),
                    object_uri=target.uri)
    return report


def _report(uow: UnitOfWork, admin: User, report_id: int) -> Report:
    if not (admin.admin or admin.moderator) or admin.state != "active":
        raise Forbidden("Only moderators can do this.")
    report = uow.session.get(Report, report_id)
    if report is None:
        raise NotFound
    return report


def why(report: Report | None) -> str:
    """Why a post was taken down after a report, for its author."""
    return WHY.get(report.category if report is not None else "", WHY["other"])


def take_down(uow: UnitOfWork, admin: User, report_id: int, status_id: int) -> str:
    """A moderator takes a reported post down, and resolves the report. One of another server is hidden here, and waits among the
    held posts; one of ours is deleted everywhere, and its author is told what for. `hidden` or `deleted`.

    Raises:
        Forbidden: not a moderator, or the post is one's own.
        NotFound: no such report, or the post is not among those that it names (any more).
    """
    report = _report(uow, admin, report_id)
    status = statuses.get(uow.session, status_id)
    if status is None or status.actor_id != report.target_id or status.uri not in report.status_uris or (
            not status.local and not status.published):
        raise NotFound("This post is not here any more.")
    if status.actor_id == admin.actor_id:
        raise Forbidden("Nobody decides about their own posts.")
    resolve(uow, admin, report_id)
    done = "deleted" if status.local else "hidden"
    audit.note(uow, f"post.{done}", subject=status.actor_id, by=admin.actor_id, report=str(report.id), category=report.category)
    if status.local:
        notifications.notify(uow, status.actor_id, actors.instance_actor(uow.session).id, "post.deleted", about=report.id)
        publish.delete(uow, actors.get(uow.session, status.actor_id), status.id)
    else:
        inbound.hide(uow, status, why(report))
    return done


def resolve(uow: UnitOfWork, admin: User, report_id: int) -> Report:
    """A moderator has dealt with a report; resolving twice is no error.

    Raises:
        Forbidden: not a moderator.
        NotFound: no such report.
    """
    report = _report(uow, admin, report_id)
    if report.state != "resolved":
        report.state, report.resolved_at, report.resolved_by = "resolved", uow.now, admin.actor_id
    return report


def reopen(uow: UnitOfWork, admin: User, report_id: int) -> Report:
    """A moderator looks at a report again.

    Raises:
        Forbidden: not a moderator.
        NotFound: no such report.
    """
    report = _report(uow, admin, report_id)
    report.state, report.resolved_at, report.resolved_by = "open", None, None
    return report
