"""The AI dial in SQL: a condition on Status, so that pages stay full, and the counts on its page."""
from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, or_, select, true
from sqlalchemy.orm import Session, aliased

from ..models import Actor, Follow, Mention, Status
from ..provenance.dial import Sieve

AGENTS = ("Service", "Application")
"""Types of actors that are run by a program, whatever else they say."""
LOOKED_AT = 100


def _of_agent(actor_id: Any) -> ColumnElement[bool]:
    author = aliased(Actor)
    return exists().where(author.id == actor_id, or_(author.kind == "agent", author.type.in_(AGENTS)))


def _left_out(sieve: Sieve, viewer_id: int | None, post: Any, *, text: bool) -> ColumnElement[bool]:
    """Whether one post (a row of Status, not a boost) is left out; never NULL."""
    found: list[ColumnElement[bool]] = []
    if sieve.never:
        found.append(and_(post.made.is_not(None), post.made.in_(sorted(sieve.never))))
    if sieve.followed:
        unknown: ColumnElement[bool] = true()
        if viewer_id is not None:
            unknown = ~exists().where(Follow.actor_id == viewer_id, Follow.target_id == post.actor_id, Follow.state == "accepted")
        found.append(and_(post.made.is_not(None), post.made.in_(sorted(sieve.followed)), unknown))
    if not text:
        found.append(post.made.is_(None))
    if not sieve.agents:
        found.append(_of_agent(post.actor_id))
    left_out = or_(false(), *found)
    return left_out if viewer_id is None else and_(post.actor_id != viewer_id, left_out)


def passes(sieve: Sieve, viewer_id: int | None) -> ColumnElement[bool]:
    """What stays in a viewer's lists, as a condition on Status.

    A boost is judged by what it boosts, and both by what they visibly quote. What the viewer wrote or boosted, and what names
    the viewer, always stays.
    """
    boosted, quoting, quoted, quoted_too = (aliased(Status) for _ in range(4))
    hidden = [
        and_(Status.reblog_of_id.is_(None), _left_out(sieve, viewer_id, Status, text=sieve.text)),
        exists().where(boosted.id == Status.reblog_of_id, _left_out(sieve, viewer_id, boosted, text=sieve.text)),
        and_(Status.quote_state == "accepted",
             exists().where(quoted.id == Status.quote_of_id, _left_out(sieve, viewer_id, quoted, text=True))),
        exists().where(quoting.id == Status.reblog_of_id, quoting.quote_state == "accepted",
                       quoted_too.id == quoting.quote_of_id, _left_out(sieve, viewer_id, quoted_too, text=True))]
    if not sieve.agents:
        hidden.append(and_(Status.reblog_of_id.is_not(None), _of_agent(Status.actor_id)))
    # `IS NOT TRUE` where a quote's state is NULL: three-valued logic must not take away what nothing speaks against
    stays = or_(*hidden).is_not(true())
    if viewer_id is None:
        return stays
    named = exists().where(Mention.status_id == Status.id, Mention.actor_id == viewer_id)
    return or_(Status.actor_id == viewer_id, stays, named)


def tally(session: Session, posts: list[Status], sieve: Sieve | None, viewer_id: int) -> tuple[Counter[str], Counter[str]]:
    """How many of some posts with files stay, and how many are left out, by how they were made."""
    ids = [post.id for post in posts]
    kept = set(session.scalars(select(Status.id).where(Status.id.in_(ids), passes(sieve, viewer_id)))) if sieve else set(ids)
    made = {row[0]: row[1] for row in session.execute(select(Status.id, Status.made).where(
        Status.id.in_([post.reblog_of_id or post.id for post in posts])))}
    shown: Counter[str] = Counter()
    hidden: Counter[str] = Counter()
    for post in posts:
        kind = made.get(post.reblog_of_id or post.id)
        if kind is not None:
            (shown if post.id in kept else hidden)[kind] += 1
    return shown, hidden
