"""The AI dial in SQL: a condition on Status, so that pages stay full, and the counts on its page."""
from __future__ import annotations

import functools
from collections import Counter
from typing import Any

from sqlalchemy import BigInteger, BindParameter, ColumnElement, and_, bindparam, exists, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from ..models import Actor, Follow, Mention, Status
from ..provenance.dial import Sieve

AGENTS = ("Service", "Application")
"""Types of actors that are run by a program, whatever else they say."""
LOOKED_AT = 100
VIEWER: BindParameter[int] = bindparam("dial_viewer", type_=BigInteger)


def _no_agent(actor_id: Any, *where: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether an account is not run by a program, looked up for the row at hand; true where there is none."""
    author = aliased(Actor)
    found = select(or_(author.kind == "agent", author.type.in_(AGENTS))).where(author.id == actor_id, *where)
    return func.coalesce(found.correlate(Status).scalar_subquery(), false()).is_(false())


def _made_out(sieve: Sieve, post: Any, *, anonymous: bool, text: bool) -> ColumnElement[bool]:
    """Whether a post (a row of Status, not a boost) is left out for how its files were made."""
    found: list[ColumnElement[bool]] = []
    if sieve.never:
        found.append(post.made.in_(sorted(sieve.never)))
    if sieve.followed:
        made = post.made.in_(sorted(sieve.followed))
        found.append(made if anonymous else and_(made, post.actor_id.not_in(
            select(Follow.target_id).where(Follow.actor_id == VIEWER, Follow.state == "accepted"))))
    if not text:
        found.append(post.made.is_(None))
    return or_(false(), *found)


@functools.lru_cache(maxsize=256)
def passes(sieve: Sieve, *, anonymous: bool) -> ColumnElement[bool]:
    """What stays in a viewer's lists, as a condition on Status; run it with the parameters of `viewer`. Kept, since building it
    costs more than what it asks.

    A boost is judged by what it boosts, and both by what they visibly quote. What the viewer wrote or boosted, and what names
    the viewer, always stays. Every part is a NOT EXISTS of its own, or a scalar: PostgreSQL looks those up row by row, while for
    an EXISTS under an OR it would read the whole table first.
    """
    boosted, quoting, quoted, quoted_too = (aliased(Status) for _ in range(4))
    mine: ColumnElement[bool] = false() if anonymous else Status.actor_id == VIEWER
    named: ColumnElement[bool] = false() if anonymous else exists().where(
        Mention.status_id == Status.id, Mention.actor_id == VIEWER).correlate(Status)  # also inside another EXISTS
    of_others = [] if anonymous else [Status.actor_id != VIEWER, ~named]
    quotes = [quoted.id == Status.quote_of_id, Status.quote_state == "accepted", *of_others]
    boosts = [boosted.id == Status.reblog_of_id, *of_others[:1]]
    through = [quoting.id == Status.reblog_of_id, quoting.quote_state == "accepted", quoted_too.id == quoting.quote_of_id,
               *of_others[:1]]

    def out(post: Any, *, text: bool) -> ColumnElement[bool]:
        made = _made_out(sieve, post, anonymous=anonymous, text=text)
        return made if anonymous else and_(post.actor_id != VIEWER, made)

    stays = [
        or_(Status.reblog_of_id.is_not(None), mine, func.coalesce(
            _made_out(sieve, Status, anonymous=anonymous, text=sieve.text), false()).is_(false()), named),
        ~exists().where(*boosts, out(boosted, text=sieve.text)),
        ~exists().where(*quotes, out(quoted, text=True)),
        ~exists().where(*through, out(quoted_too, text=True))]
    if not sieve.agents:
        def others(post: Any) -> list[ColumnElement[bool]]:
            return [] if anonymous else [post.actor_id != VIEWER]

        stays += [or_(mine, named, _no_agent(Status.actor_id)),
                  or_(mine, _no_agent(boosted.actor_id, boosted.id == Status.reblog_of_id, *others(boosted))),
                  or_(mine, named, Status.quote_state.is_distinct_from("accepted"),
                      _no_agent(quoted.actor_id, quoted.id == Status.quote_of_id, *others(quoted))),
                  or_(mine, _no_agent(quoted_too.actor_id, *through[:3], *others(quoted_too)))]
    return and_(*stays)


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
