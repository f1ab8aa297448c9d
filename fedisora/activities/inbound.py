"""The inbound policy at work: a remote post is shown, shown with a warning, held for moderators, or not kept.

A post that is held (or rejected) is not `published`: every list, thread, count and answer leaves it out, as it does with a local
post that is still being signed. Of a rejected one nothing is kept but its id, so that an edit with a label can let it in.
"""
from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import orjson
from sqlalchemy import delete, inspect

from ..activitypub.integrity_proofs import verification_method_of
from ..db import UnitOfWork
from ..models import Actor, Media, Notification, Status
from ..provenance import digital_source
from ..provenance.policy_inbound import WAITS, Decision, File, cause_of, decide
from ..settings import Settings
from ..store import actors, agents, labels, notifications, relations, statuses
from ..store import media as media_rows

WARNED, HELD, REJECTED, RELEASED = "warned", "held", "rejected", "released"
HIDDEN = (HELD, REJECTED)
_STATES = {"accept": None, "warn": WARNED, "hold": HELD, "reject": REJECTED}
BY_HAND = "Hidden by a moderator: "
"""How the reason of a post begins that a moderator has hidden: no check and no edit shows it again."""
TOLD_WITHIN = dt.timedelta(days=7)
"""Who is mentioned in a post is told when it is released, unless it is older than this."""


def asks_files(settings: Settings) -> bool:
    """Whether the policy depends on what a file says about itself: then also those of older posts are looked at."""
    return settings.unlabelled_media in WAITS


def _labelled(media: Media) -> bool:
    return digital_source.find(media.digital_source_type) is not None


def _proof_of(status: Status) -> str:
    """`valid`, `invalid` or `none`. A proof of a kind that we cannot check (FEP-8b32 allows others) speaks against nobody."""
    if status.proof != "invalid" or status.document is None:
        return status.proof
    return "none" if verification_method_of(orjson.loads(status.document)) is None else "invalid"


def settle(uow: UnitOfWork, status: Status, files: Sequence[Media], *, fresh: bool = False, ended: int = 0) -> Decision:
    """Note how the files of a post were made, and apply the policy to a remote one.

    Args:
        fresh: the post was not stored before; nothing was counted and nobody told yet.
        ended: the row id of a file whose check ended without a verdict.
    """
    media_rows.note_made(status, files)
    if status.local or (not files and status.review is None) or status.review == RELEASED or by_hand(status):
        return Decision()
    settings = uow.settings
    strict = settings.unlabelled_media in WAITS or settings.badly_signed_media in WAITS
    awaited = labels.awaited(uow.session, files) - {ended} if strict else set()
    facts = [File(media.kind, _labelled(media), (media.verdict or {}).get("verdict"), media.id in awaited) for media in files]
    decision = decide(facts, _proof_of(status), unlabelled=settings.unlabelled_media, badly_signed=settings.badly_signed_media)
    was_shown = not fresh and status.published
    status.review, status.review_reason = _STATES[decision.action], decision.reason or None
    shown = status.review not in HIDDEN
    if status.review == REJECTED:
        _forget(uow, status, files)
    if fresh:
        status.published = shown
    elif was_shown != shown:
        (_show if shown else _hide)(uow, status)
    return decision


def checked(uow: UnitOfWork, media: Media) -> None:
    """The verdict on a file is there, or its check ended without one: what that means for its post."""
    status = statuses.get(uow.session, media.status_id) if media.status_id is not None else None
    if status is not None:
        reconsider(uow, status, ended=media.id if media.recheck_at is None else 0)


def reconsider(uow: UnitOfWork, status: Status, *, ended: int = 0) -> None:
    """Verdicts on files of a post changed: apply the policy again. Of a rejected post there are none left to look at.

    Args:
        ended: see `settle`.
    """
    if status.review != REJECTED:
        settle(uow, status, media_rows.of_statuses(uow.session, [status.id]).get(status.id, []), ended=ended)


def reopen(status: Status) -> None:
    """The author changed the files: what a moderator said of the former ones does not count any more."""
    if status.review == RELEASED:
        status.review = status.review_reason = None


def by_hand(status: Status) -> bool:
    """Whether a moderator has hidden it."""
    return status.review == HELD and (status.review_reason or "").startswith(BY_HAND)


def hide(uow: UnitOfWork, status: Status, reason: str) -> None:
    """A moderator takes a remote post out of everything here, until one releases it or its author deletes it."""
    status.review, status.review_reason = HELD, f"{BY_HAND}{reason}"
    if status.published:
        _hide(uow, status)


def release(uow: UnitOfWork, status: Status) -> None:
    """A moderator lets a held post in; later checks do not hold it again, unless its author changes its files."""
    status.review, status.review_reason = RELEASED, None
    if not status.published:
        _show(uow, status)


def _forget(uow: UnitOfWork, status: Status, files: Sequence[Media]) -> None:
    """Keep nothing of a rejected post but its id."""
    for media in files:
        if inspect(media).persistent:
            uow.session.delete(media)
        else:
            uow.session.expunge(media)
    status.content = status.spoiler_text = ""
    status.document, status.made = None, None


def _hide(uow: UnitOfWork, status: Status) -> None:
    """Take a post that was seen out of everything: counters, and what people were told."""
    status.published = False
    _count(uow, status, -1)
    uow.session.execute(delete(Notification).where(Notification.status_id == status.id))


def _show(uow: UnitOfWork, status: Status) -> None:
    """Put a post where it would have been from the start."""
    status.published = True
    _count(uow, status, 1)
    if status.created_at > uow.now - TOLD_WITHIN:
        tell_mentioned(uow, status, statuses.mentions(uow.session, [status.id]).get(status.id, []))


def _count(uow: UnitOfWork, status: Status, by: int) -> None:
    uow.session.flush()
    statuses.count_reply(uow, status.in_reply_to_id, by)
    if status.quote_of_id is not None and status.quote_state == "accepted":
        statuses.count(uow, status.quote_of_id, quotes=by)
    actors.adjust_counts(uow, status.actor_id, statuses=by)


def tell_mentioned(uow: UnitOfWork, status: Status, people: Sequence[Actor]) -> None:
    """Tell the local people whom a remote post names."""
    for person in people:
        if person.local and not relations.blocked_either_way(uow.session, person.id, status.actor_id):
            notifications.notify(uow, person.id, status.actor_id, "mention", status.id)
            if person.kind == "agent":
                agents.mentioned(uow, person, status)


def outcome(status: Status) -> str | None:
    """What the policy did with a post that just arrived, for the row of its activity; None: nothing."""
    if status.review not in (WARNED, *HIDDEN):
        return None
    if by_hand(status):
        return "held: a moderator has hidden it"
    words = {WARNED: "stored with a warning", HELD: "held", REJECTED: "rejected"}[status.review]
    return f"{words}: {cause_of(status.review_reason or '')} media"
