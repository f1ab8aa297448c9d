"""The AI dial in SQL: a condition on Status, so that pages stay full, and the counts on its page."""
from __future__ import annotations

import functools
from collections import Counter
from typing import Any

from sqlalchemy import BigInteger, BindParameter, ColumnElement, and_, bindparam, exists, false, or_, select, true
from sqlalchemy.orm import Session, aliased

from ..models import Actor, Follow, Mention, Status
from ..provenance.dial import Sieve

AGENTS = ("Service", "Application")
"""Types of actors that are run by a program, whatever else they say."""
LOOKED_AT = 100
VIEWER: BindParameter[int] = bindparam("dial_viewer", type_=BigInteger)


def _of_agent(actor_id: Any) -> ColumnElement[bool]:
    author = aliased(Actor)
    return exists().where(author.id == actor_id, or_(author.kind == "agent", author.type.in_(AGENTS)))


def _left_out(sieve: Sieve, post: Any, *, anonymous: bool, text: bool) -> ColumnElement[bool]:
    """Whether one post (a row of Status, not a boost) is left out; never NULL."""
    found: list[ColumnElement[bool]] = []
    if sieve.never:
        found.append(and_(post.made.is_not(None), post.made.in_(sorted(sieve.never))))
    if sieve.followed:
        unknown: ColumnElement[bool] = true()
        if not anonymous:
            unknown = ~exists().where(Follow.actor_id == VIEWER, Follow.target_id == post.actor_id, Follow.state == "accepted")
        found.append(and_(post.made.is_not(None), post.made.in_(sorted(sieve.followed)), unknown))
    if not text:
        found.append(post.made.is_(None))
    if not sieve.agents:
        found.append(_of_agent(post.actor_id))
    left_out = or_(false(), *found)
    return left_out if anonymous else and_(post.actor_id != VIEWER, left_out)


@functools.lru_cache(maxsize=256)
def passes(sieve: Sieve, *, anonymous: bool) -> ColumnElement[bool]:
    """What stays in a viewer's lists, as a condition on Status; run it with the parameters of `viewer`. Kept, since building it
    costs more than what it asks.

    A boost is judged by what it boosts, and both by what they visibly quote. What the viewer wrote or boosted, and what names
    the viewer, always stays.
    """
    boosted, quoting, quoted, quoted_too = (aliased(Status) for _ in range(4))
    hidden = [
        and_(Status.reblog_of_id.is_(None), _left_out(sieve, Status, anonymous=anonymous, text=sieve.text)),
        exists().where(boosted.id == Status.reblog_of_id, _left_out(sieve, boosted, anonymous=anonymous, text=sieve.text)),
        and_(Status.quote_state == "accepted",
             exists().where(quoted.id == Status.quote_of_id, _left_out(sieve, quoted, anonymous=anonymous, text=True))),
        exists().where(quoting.id == Status.reblog_of_id, quoting.quote_state == "accepted",
                       quoted_too.id == quoting.quote_of_id, _left_out(sieve, quoted_too, anonymous=anonymous, text=True))]
    if not sieve.agents:
        hidden.append(and_(Status.reblog_of_id.is_not(None), _of_agent(Status.actor_id)))
    # `IS NOT TRUE` where a quote's state is NULL: three-valued logic must not take away what nothing speaks against
    stays = or_(*hidden).is_not(true())
    if anonymous:
        return stays
    named = exists().where(Mention.status_id == Status.id, Mention.actor_id == VIEWER)
    return or_(Status.actor_id == VIEWER, stays, named)


def viewer(viewer_id: int | None) -> dict[str, int]:
    """The parameters of a query with `passes`."""
    return {} if viewer_id is None else {VIEWER.key: viewer_id}


def tally(session: Session, posts: list[Status], sieve: Sieve | None, viewer_id: int) -> tuple[Counter[str], Counter[str]]:
    """How many of some posts with files stay, and how many are left out, by how they were made."""
    ids = [post.id for post in posts]
    kept = set(ids)
    if sieve is not None:
        kept = set(session.scalars(select(Status.id).where(Status.id.in_(ids), passes(sieve, anonymous=False)),
                                   viewer(viewer_id)))
    made = {row[0]: row[1] for row in session.execute(select(Status.id, Status.made).where(
        Status.id.in_([post.reblog_of_id or post.id for post in posts])))}
    shown: Counter[str] = Counter()
    hidden: Counter[str] = Counter()
    for post in posts:
        kind = made.get(post.reblog_of_id or post.id)
        if kind is not None:
            (shown if post.id in kept else hidden)[kind] += 1
    return shown, hidden
