"""Posts: by id, timelines, threads, visibility, deletion."""
from __future__ import annotations

import datetime as dt
import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, or_, select, true, update
from sqlalchemy import delete as sql_delete
from sqlalchemy.orm import Session, aliased

from ..db import UnitOfWork
from ..models import Actor, Block, Favourite, Follow, Media, Mention, Status, StatusTag, Tombstone
from ..provenance.dial import Sieve
from . import actors, agent_mentions, dial, domains, jobs, lineage
from . import media as media_rows
from .paging import Page, newest_first, paginate

MAX_THREAD = 200
PUBLIC = ("public", "unlisted")
_VIDEO = re.compile(r"(.+/users/[^/]+)/videos/([0-9]+)")
_BY_URI = select(Status).where(Status.uri == bindparam("uri"))  # built once, see store/actors.py


def get(session: Session, status_id: int) -> Status | None:
    """One post."""
    return session.get(Status, status_id)


def of_video(uri: str) -> str | None:
    """Id of the post that a companion Video of this id would belong to; None when it has another form."""
    video = _VIDEO.fullmatch(uri)
    return f"{video[1]}/statuses/{video[2]}" if video is not None else None


def by_uri(session: Session, uri: str) -> Status | None:
    """The post with this id; the id of a local post's companion Video stands for the post."""
    found = session.scalar(_BY_URI, {"uri": uri})
    if found is None and (of := of_video(uri)) is not None:
        post = session.scalar(_BY_URI, {"uri": of})
        return post if post is not None and post.local else None
    return found


_POSTS = select(Status.uri).where(Status.uri.in_(bindparam("uris", expanding=True)))
_GRAVES = select(Tombstone.uri).where(Tombstone.uri.in_(bindparam("uris", expanding=True)))
_ANSWERED = select(Status.in_reply_to_uri).where(Status.in_reply_to_uri.in_(bindparam("uris", expanding=True)))


def unheard_of(session: Session, uris: Iterable[str]) -> set[str]:
    """Those of these ids about which nothing is stored: no post, no tombstone, no answer to it."""
    wanted = set(uris)
    for query in (_POSTS, _GRAVES, _ANSWERED):
        if wanted:
            wanted -= set(session.scalars(query, {"uris": list(wanted)}))
    return wanted


def by_uris(session: Session, uris: Iterable[str]) -> dict[str, Status]:
    """Known posts among these ids."""
    wanted = list(set(uris))
    if not wanted:
        return {}
    return {status.uri: status for status in session.scalars(select(Status).where(Status.uri.in_(wanted)))}


def many(session: Session, ids: Iterable[int]) -> dict[int, Status]:
    """Posts by row id."""
    wanted = list(set(ids))
    if not wanted:
        return {}
    return {status.id: status for status in session.scalars(select(Status).where(Status.id.in_(wanted)))}


def shown(session: Session, ids: Iterable[int], viewer_id: int | None) -> dict[int, Status]:
    """Those of some posts that a viewer may see, by row id."""
    wanted = list(set(ids))
    if not wanted:
        return {}
    return {status.id: status for status in session.scalars(select(Status).where(
        Status.id.in_(wanted), readable(viewer_id)))}


def standing(*, listed_for: int | None = None, silence: bool = False) -> ColumnElement[bool]:
    """Whether neither the author nor the author of what is boosted is suspended, and what is boosted is not held back, as a
    condition on Status.

    Args:
        silence: also leave out authors of silenced domains, except whom `listed_for` follows.
    """
    if not silence:
        return _standing()
    author = aliased(Actor)
    hidden = domains.silenced(author)
    if listed_for is not None:
        hidden = and_(hidden, ~exists().where(Follow.actor_id == listed_for, Follow.target_id == author.id,
                                              Follow.state == "accepted"))
    return and_(_standing(), ~exists().where(author.id == Status.actor_id, hidden))


@functools.cache
def _standing() -> ColumnElement[bool]:
    """Built once: building it costs more than what it asks."""
    author, original, boosted, shown = aliased(Actor), aliased(Actor), aliased(Status), aliased(Status)
    return and_(~exists().where(author.id == Status.actor_id, author.suspended_at.is_not(None)),
                # Neither an OR with "is no boost", nor EXISTS for the last: PostgreSQL would read the whole table first.
                ~exists().where(boosted.id == Status.reblog_of_id, original.id == boosted.actor_id,
                                original.suspended_at.is_not(None)),
                func.coalesce(select(shown.published).where(shown.id == Status.reblog_of_id).scalar_subquery(), true()))


def readable(viewer_id: int | None) -> ColumnElement[bool]:
    """What a viewer may see, as a condition on Status."""
    if viewer_id is None:
        return and_(Status.visibility.in_(PUBLIC), Status.published.is_(True), standing())
    follows = exists().where(Follow.actor_id == viewer_id, Follow.target_id == Status.actor_id, Follow.state == "accepted")
    mentioned = exists().where(Mention.status_id == Status.id, Mention.actor_id == viewer_id)
    blocked = exists().where(Block.actor_id == Status.actor_id, Block.target_id == viewer_id)
    return or_(Status.actor_id == viewer_id, and_(
        Status.published.is_(True), ~blocked, standing(),
        or_(Status.visibility.in_(PUBLIC), mentioned, and_(Status.visibility == "private", follows))))


def visible(session: Session, status: Status, viewer_id: int | None) -> bool:
    """Whether a viewer may see a post; None is the public."""
    if status.published and status.visibility in PUBLIC and viewer_id is None and status.reblog_of_id is None:
        return session.get_one(Actor, status.actor_id).suspended_at is None
    return session.scalar(select(Status.id).where(Status.id == status.id, readable(viewer_id))) is not None


def _listed(session: Session, query: Select[Any], page: Page, sieve: Sieve | None = None,
            viewer_id: int | None = None) -> list[Status]:
    given: dict[str, int] = {}
    if sieve is not None:
        query, given = query.where(dial.passes(sieve, anonymous=viewer_id is None)), dial.viewer(viewer_id)
    rows: Sequence[Status] = session.scalars(paginate(query, Status.id, page), given).all()
    return newest_first(rows, page)


def _unblocked(viewer_id: int) -> ColumnElement[bool]:
    """Neither by somebody the viewer blocks, nor a boost of what a blocked (or blocking) author wrote."""
    original = aliased(Status)
    blocked = exists().where(Block.actor_id == viewer_id, Block.target_id == Status.actor_id)
    boosted = exists().where(original.id == Status.reblog_of_id, or_(
        and_(Block.actor_id == viewer_id, Block.target_id == original.actor_id),
        and_(Block.actor_id == original.actor_id, Block.target_id == viewer_id)))
    return and_(~blocked, ~boosted)


unblocked = _unblocked


def home(session: Session, viewer_id: int, page: Page, *, sieve: Sieve | None = None, only_media: bool = False) -> list[Status]:
    """Posts and boosts of the viewer and of who the viewer follows; direct ones only when they are named.

    Args:
        sieve: what the viewer's AI dial leaves out.
        only_media: posts with files, and boosts of such.
    """
    followed = select(Follow.target_id).where(Follow.actor_id == viewer_id, Follow.state == "accepted")
    authors = [*session.scalars(followed), viewer_id]
    owners = session.scalars(select(Actor.owner_id).where(Actor.id.in_(authors), Actor.owner_id.not_in(authors))).all()
    by = Status.actor_id.in_(authors)
    mentioned = exists().where(Mention.status_id == Status.id, Mention.actor_id == viewer_id)
    query = select(Status).where(
        or_(by, _in_channel(owners)) if owners else by, _unblocked(viewer_id), standing(), lineage.shown(),
        or_(Status.published.is_(True), Status.actor_id == viewer_id),
        or_(Status.visibility != "direct", Status.actor_id == viewer_id, mentioned))
    if only_media:
        original = aliased(Status)
        query = query.where(or_(Status.made.is_not(None), exists().where(
            original.id == Status.reblog_of_id, original.made.is_not(None))))
    return _listed(session, query, page, sieve, viewer_id)


def _with_media(kinds: tuple[str, ...]) -> ColumnElement[bool]:
    return exists().where(Media.status_id == Status.id, Media.kind.in_(kinds))


def _in_channel(owners: Sequence[int | None]) -> ColumnElement[bool]:
    """What the channels of some local people show: their public videos."""
    return and_(Status.actor_id.in_(owners), Status.visibility == "public", Status.published.is_(True),
                Status.reblog_of_id.is_(None), _with_media(("video",)))


def public(session: Session, page: Page, *, viewer_id: int | None = None, local: bool = False, remote: bool = False,
           only_media: bool = False, only_video: bool = False, sieve: Sieve | None = None) -> list[Status]:
    """Public posts, without boosts and without replies to others; without what the `sieve` leaves out."""
    query = select(Status).where(
        Status.visibility == "public", Status.published.is_(True), Status.reblog_of_id.is_(None),
        standing(listed_for=viewer_id, silence=True), lineage.shown(),
        or_(Status.in_reply_to_uri.is_(None), Status.in_reply_to_actor_id == Status.actor_id))
    if local:
        query = query.where(Status.local.is_(True))
    if remote:
        query = query.where(Status.local.is_(False))
    if only_media or only_video:
        query = query.where(_with_media(("video",) if only_video else ("video", "image", "audio")))
    if viewer_id is not None:
        query = query.where(_unblocked(viewer_id))
    return _listed(session, query, page, sieve, viewer_id)


def account(session: Session, actor_id: int, page: Page, *, viewer_id: int | None, exclude_replies: bool = False,
            exclude_reblogs: bool = False, only_media: bool = False) -> list[Status]:
    """An account's posts and boosts, as far as the viewer may see them; a channel's are its owner's public videos."""
    owner_id = session.scalar(select(Actor.owner_id).where(Actor.id == actor_id))
    query = select(Status).where(readable(viewer_id), Status.actor_id == actor_id if owner_id is None
                                 else _in_channel([owner_id]))
    if viewer_id != actor_id:
        query = query.where(lineage.shown())
    if exclude_replies:
        query = query.where(or_(Status.in_reply_to_uri.is_(None), Status.in_reply_to_actor_id == actor_id))
    if exclude_reblogs:
        query = query.where(Status.reblog_of_id.is_(None))
    if only_media:
        query = query.where(_with_media(("video", "image", "audio")))
    return _listed(session, query, page)


def pinned(session: Session, actor_id: int, viewer_id: int | None) -> list[Status]:
    """What an account put on its profile, newest pin first, as far as the viewer may see it."""
    return list(session.scalars(select(Status).where(
        Status.actor_id == actor_id, Status.pinned_at.is_not(None), readable(viewer_id))
        .order_by(Status.pinned_at.desc(), Status.id.desc())))


def tag(session: Session, name: str, page: Page, *, viewer_id: int | None = None, local: bool = False,
        sieve: Sieve | None = None) -> list[Status]:
    """Public posts with a hashtag; without what the `sieve` leaves out."""
    query = select(Status).join(StatusTag, StatusTag.status_id == Status.id).where(
        StatusTag.key == name.lower(), Status.visibility == "public", Status.published.is_(True),
        standing(listed_for=viewer_id, silence=True), lineage.shown())
    if local:
        query = query.where(Status.local.is_(True))
    if viewer_id is not None:
        query = query.where(_unblocked(viewer_id))
    return _listed(session, query, page, sieve, viewer_id)


def context(session: Session, status: Status, viewer_id: int | None) -> tuple[list[Status], list[Status]]:
    """(ancestors from the root on, descendants depth first) as far as the viewer may see them."""
    ancestors: list[Status] = []
    at, seen = status, {status.id}
    while at.in_reply_to_id is not None and at.in_reply_to_id not in seen and len(ancestors) < MAX_THREAD:
        parent = session.scalar(select(Status).where(Status.id == at.in_reply_to_id, readable(viewer_id)))
        if parent is None:
            break
        seen.add(parent.id)
        ancestors.append(parent)
        at = parent
    answers = [readable(viewer_id)] if viewer_id is None else [readable(viewer_id), _unblocked(viewer_id)]
    children: dict[int, list[Status]] = defaultdict(list)
    level, count = [status.id], 0
    while level and count < MAX_THREAD:
        rows = session.scalars(select(Status).where(Status.in_reply_to_id.in_(level), *answers)
                               .order_by(Status.id).limit(MAX_THREAD - count)).all()
        fresh = [row for row in rows if row.id not in seen]
        for row in fresh:
            seen.add(row.id)
            children[row.in_reply_to_id or 0].append(row)
        level, count = [row.id for row in fresh], count + len(fresh)
    ordered: list[Status] = []
    stack = list(reversed(children[status.id]))
    while stack:
        row = stack.pop()
        ordered.append(row)
        stack.extend(reversed(children[row.id]))
    return list(reversed(ancestors)), ordered


def mentions(session: Session, ids: Iterable[int]) -> dict[int, list[Actor]]:
    """Mentioned actors by post."""
    wanted, found = list(set(ids)), defaultdict(list)
    if wanted:
        for status_id, actor in session.execute(select(Mention.status_id, Actor).join(Actor, Actor.id == Mention.actor_id)
                                                .where(Mention.status_id.in_(wanted)).order_by(Actor.id)):
            found[status_id].append(actor)
    return found


def tags(session: Session, ids: Iterable[int]) -> dict[int, list[StatusTag]]:
    """Hashtags by post."""
    wanted, found = list(set(ids)), defaultdict(list)
    if wanted:
        for row in session.scalars(select(StatusTag).where(StatusTag.status_id.in_(wanted)).order_by(StatusTag.key)):
            found[row.status_id].append(row)
    return found


def set_tags(uow: UnitOfWork, status_id: int, names: Iterable[str], *, fresh: bool = False) -> None:
    """Replace a post's hashtags; a `fresh` post has none yet."""
    if not fresh:
        uow.session.execute(sql_delete(StatusTag).where(StatusTag.status_id == status_id))
    rows = {name.lower()[:128]: name[:128] for name in names}
    for key, name in list(rows.items())[:30]:
        uow.session.add(StatusTag(status_id=status_id, key=key, name=name))


def set_mentions(uow: UnitOfWork, status_id: int, actor_ids: Iterable[int], *, fresh: bool = False) -> None:
    """Replace whom a post mentions; a `fresh` post mentions nobody yet."""
    if not fresh:
        uow.session.execute(sql_delete(Mention).where(Mention.status_id == status_id))
    for actor_id in dict.fromkeys(actor_ids):
        uow.session.add(Mention(status_id=status_id, actor_id=actor_id))


def count_reply(uow: UnitOfWork, parent_id: int | None, by: int) -> None:
    """Add to a post's counter of replies."""
    if parent_id is not None:
        uow.session.execute(update(Status).where(Status.id == parent_id).values(
            replies_count=Status.replies_count + by), execution_options={"synchronize_session": "fetch"})


def count(uow: UnitOfWork, status_id: int, *, favourites: int = 0, reblogs: int = 0, quotes: int = 0) -> None:
    """Add to a post's counters."""
    uow.session.execute(update(Status).where(Status.id == status_id).values(
        favourites_count=Status.favourites_count + favourites, reblogs_count=Status.reblogs_count + reblogs,
        quotes_count=Status.quotes_count + quotes),
        execution_options={"synchronize_session": "fetch"})


def delete(uow: UnitOfWork, status: Status) -> None:
    """Remove a post with what hangs on it; a tombstone stays, files of local media follow later."""
    session = uow.session
    author = session.get_one(Actor, status.actor_id)
    if status.reblog_of_id is not None:
        count(uow, status.reblog_of_id, reblogs=-1)
    elif status.published:
        count_reply(uow, status.in_reply_to_id, -1)
        if status.quote_of_id is not None and status.quote_state == "accepted":
            count(uow, status.quote_of_id, quotes=-1)
    if status.published:
        actors.adjust_counts(uow, status.actor_id, statuses=-1)
    keys = media_rows.keys_of(session, session.scalars(select(Media).where(Media.status_id == status.id)))
    if keys:
        jobs.enqueue(uow, "delete_files", {"keys": keys}, delay=dt.timedelta(seconds=30))
    if status.reblog_of_id is None:
        tombstone(uow, status.uri, author.uri)
        agent_mentions.asker_deleted(uow, status.id)
    session.execute(sql_delete(Favourite).where(Favourite.status_id == status.id))
    session.execute(update(Status).where(Status.in_reply_to_id == status.id).values(in_reply_to_id=None))
    session.execute(update(Status).where(Status.quote_of_id == status.id).values(quote_of_id=None))
    lineage.forget_parent(uow, status.id)
    boosters = select(Status.actor_id).where(Status.reblog_of_id == status.id, Status.published.is_(True))
    session.execute(update(Actor).where(Actor.id.in_(boosters)).values(statuses_count=Actor.statuses_count - 1),
                    execution_options={"synchronize_session": "fetch"})
    session.execute(sql_delete(Status).where(Status.reblog_of_id == status.id))
    session.flush()
    session.execute(sql_delete(Status).where(Status.id == status.id))
    session.expunge(status)


def tombstone(uow: UnitOfWork, uri: str, actor_uri: str) -> None:
    """Remember that something was deleted (or will be, when its Delete came first)."""
    uow.absent.discard(uri)
    if is_tombstoned(uow.session, uri, actor_uri) is None:
        uow.session.add(Tombstone(uri=uri, actor_uri=actor_uri, deleted_at=uow.now))
        uow.session.flush()


def is_tombstoned(session: Session, uri: str, actor_uri: str | None = None) -> Tombstone | None:
    """The tombstone of an object that was deleted, by this actor when one is named."""
    query = select(Tombstone).where(Tombstone.uri == uri)
    return session.scalars(query if actor_uri is None else query.where(Tombstone.actor_uri == actor_uri)).first()
