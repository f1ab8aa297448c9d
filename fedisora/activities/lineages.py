"""What a post was made from, and what became of the consent: the side of whoever shows the remix.

A remix counts as allowed only when the parent's author is its own, or a stamp of that author, fetched from the author's
origin, names exactly this post, this parent and these bytes (vocabulary §4). Whatever the remix claims is looked up.
"""
from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from ..activitypub.parse import is_http, same_origin
from ..db import UnitOfWork
from ..models import Actor, ConsentRequest, Lineage, Media, Status
from ..serializers.activitypub.note import NoteData
from ..store import actors, consents, jobs, lineage, notifications, statuses, trust
from ..store import media as media_rows
from . import inbound, local_posts
from .received import Received

MOST_CHECKED = 4
"""Parents of one arriving post that are looked up."""
AGAIN = dt.timedelta(days=1)
SOON = dt.timedelta(hours=6)
"""When a silent server is asked again."""
SHORTLY = dt.timedelta(seconds=30)
"""The first pause when it was silent at the very first look (with the usual FEDISORA_RETRY_SECONDS, with which it grows and
shrinks); each further pause is twice as long."""
OTHER_BYTES = "The file at its address is not the one that the consent is for."
PERSON_GONE = "The account of the person it shows is gone."
SPREAD = 14_400
"""Seconds over which the daily checks are spread."""
GIVE_UP = dt.timedelta(days=30)
"""For so long after its arrival a revoked stamp is looked at again: a server may have answered 404 by mistake."""
_LOOKED_AT_AGAIN = {"valid": AGAIN, "unreachable": SOON, "revoked": AGAIN}


@dataclass(frozen=True)
class Finding:
    """What looking at a stamp showed. `end`: when it runs out."""

    consent: str
    reason: str = ""
    stamp_uri: str | None = None
    end: dt.datetime | None = None


def attach(uow: UnitOfWork, status: Status, note: NoteData, author: Actor, *, deep: bool = True) -> None:
    """A remote post says what its files were made from: note it, and plan the look-up.

    Rows stay when a later version of the post no longer says so: what was revoked is not undone by leaving it out.

    Args:
        deep: plan the look-up (see `remote_posts.store`).
    """
    named = dict.fromkeys(uri for item in note.media for uri in item.based_on if is_http(uri) and uri != status.uri)
    checked = 0
    for uri in list(named)[:lineage.MOST_PARENTS]:
        parent = statuses.by_uri(uow.session, uri)
        own = parent is not None and parent.actor_id == author.id
        stamps = [stamp for item in note.media for stamp in item.remix_authorizations if same_origin(stamp, uri)]
        row = lineage.add(uow, status, parent.uri if parent is not None else uri, parent,
                          consent="own" if own else "pending", stamp_uri=stamps[0] if stamps and not own else None)
        if row.consent != "own" and deep and checked < MOST_CHECKED:
            checked += 1
            check_later(uow, row)


def check_later(uow: UnitOfWork, row: Lineage, *, hide: bool = False) -> None:
    """Fetch the parent post and the owner's stamp in a job.

    Args:
        hide: the consent to a remix of ours was just taken back: it also leaves the channel, and its files their addresses.
    """
    payload: dict[str, Any] = {"lineage_id": row.id} | ({"hide": True} if hide else {})
    jobs.enqueue(uow, "check_consent", payload, key=f"{row.id}:{'hide' if hide else row.stamp_uri or ''}"[:200])


def made(uow: UnitOfWork, status: Status, parent: Status) -> Lineage:
    """A local post is made from another post."""
    return lineage.add(uow, status, parent.uri, parent, consent="own" if parent.actor_id == status.actor_id else "pending")


def settle(uow: UnitOfWork, lineage_id: int, finding: Finding) -> str:
    """Keep what looking at the stamp showed, and let it take effect here; the state in a word.

    A silent server changes nothing: the last state stays, in `reason`. What was taken back stays so until the owner's server
    answers again.
    """
    row = lineage.get(uow.session, lineage_id)
    child = statuses.get(uow.session, row.child_id) if row is not None else None
    if row is None or child is None:
        return "ignored: gone meanwhile"
    before, held, hid = row.consent, lineage.holds(row), lineage.hides(row)
    consent, reason = finding.consent, finding.reason
    if row.kind == lineage.CAMEO and consent == "valid" and _wrong_file(uow, child):
        consent, reason = "invalid", OTHER_BYTES
    if consent == "revoked" and child.local and not child.published:
        consent, reason = "missing", "There is no consent at the address that its owner named."
    if consent == "unreachable":
        if before in (*lineage.TAKEN_BACK, "own"):
            row.recheck_at = uow.now + SOON
            return before
        reason = row.reason if before == "unreachable" else before
        if reason == "pending":
            _again_shortly(uow, row)
    row.consent, row.reason, row.checked_at = consent, reason[:500], uow.now
    if finding.stamp_uri is not None:
        row.stamp_uri = finding.stamp_uri
    parent = statuses.by_uri(uow.session, row.parent_uri) if row.kind == lineage.REMIX else None
    row.parent_id = parent.id if parent is not None else None
    row.recheck_at = _next_look(row, uow.now, finding.end)
    if finding.end is not None and row.recheck_at is not None and uow.now < finding.end < row.recheck_at:
        # it ends before the next daily look: then, and not when the sweep comes round to it
        jobs.enqueue(uow, "check_consent", {"lineage_id": row.id}, key=f"{row.id}:until {finding.end.isoformat()}",
                     delay=row.recheck_at - uow.now)
    uow.session.flush()
    if consent != before and (hid != lineage.hides(row) or {consent, before} & {*lineage.TAKEN_BACK, "invalid"}):
        trust.consent_changed(uow, child.id)
        inbound.reconsider(uow, child)
    if child.local:
        _tell(uow, child, row, before, held=held, hid=hid)
    return consent


def _wrong_file(uow: UnitOfWork, child: Status) -> bool:
    """Whether a file of a post was found not to be the one that the post names: a face is shown in no other than the agreed."""
    return not child.local and any(map(other_bytes, media_rows.of_statuses(uow.session, [child.id]).get(child.id, [])))


def other_bytes(media: Media) -> bool:
    """Whether a file was found not to be the one that its post names."""
    return any(isinstance(check, dict) and check.get("name") == "digest" and check.get("ok") is False
               for check in (media.verdict or {}).get("checks") or ())


def _again_shortly(uow: UnitOfWork, row: Lineage) -> None:
    """Nobody has seen the stamp yet, and its server is silent (perhaps it starts again): the sweep would come too late."""
    first = SHORTLY * (uow.settings.retry_seconds / 15)
    delay = max(first, 2 * (uow.now - row.checked_at)) if row.checked_at is not None else first
    if delay < SOON:  # a key of its own: the job that runs now still has the last one
        jobs.enqueue(uow, "check_consent", {"lineage_id": row.id}, key=f"{row.id}:after {int(delay.total_seconds())} s",
                     delay=delay)


def _next_look(row: Lineage, now: dt.datetime, end: dt.datetime | None) -> dt.datetime | None:
    after = _LOOKED_AT_AGAIN.get(row.consent)
    if after is None or (row.consent == "revoked" and row.created_at < now - GIVE_UP):
        return None
    # ids are as good as random in their low digits: checks planned together do not come together
    moment = now + after + dt.timedelta(seconds=row.id % SPREAD if after is AGAIN else 0)
    return min(moment, end + dt.timedelta(seconds=1)) if end is not None else moment


def _tell(uow: UnitOfWork, child: Status, row: Lineage, before: str, *, held: bool, hid: bool) -> None:
    """A local remix: its author hears of it, and who has the post gets it as it is now."""
    request = consents.of_status(uow.session, [child.id]).get(child.id)
    owner = actors.get(uow.session, request.owner_id) if request is not None else None
    if request is not None and request.state == consents.PENDING:
        if row.consent == "valid":
            request.state, request.answered_at, request.reason = consents.ACCEPTED, uow.now, ""
            request.stamp_uri = row.stamp_uri
            consents.close_offers(uow, request)
            told(uow, request, "consent.answer")
        else:
            request.reason = row.reason if row.consent not in ("unreachable", "pending") else ""
    elif lineage.hides(row) and not hid and child.published:
        if owner is not None:
            told_of = "cameo.revoked" if row.kind == lineage.CAMEO else "consent.revoked"
            notifications.notify(uow, child.actor_id, owner.id, told_of, about=row.id)
        check_later(uow, row, hide=True)
    if child.published and (held != lineage.holds(row) or hid != lineage.hides(row)):
        local_posts.send_update(uow, child, actors.get(uow.session, child.actor_id))
    uow.ring(f"status:{child.id}")


def told(uow: UnitOfWork, request: ConsentRequest, kind: str) -> None:
    """Tell whoever asked what the owner did."""
    notifications.notify(uow, request.requester_id, request.owner_id, kind, about=request.id)


def owner_uri(uow: UnitOfWork, row: Lineage) -> str | None:
    """Who has to agree: the author of the parent post, also of one that was deleted, or whose likeness it is; None when that is
    not known."""
    if row.kind == lineage.CAMEO:
        return row.parent_uri if row.parent_uri != row.stamp_uri else None
    parent = statuses.by_uri(uow.session, row.parent_uri)
    if parent is not None:
        return actors.get(uow.session, parent.actor_id).uri
    grave = statuses.is_tombstoned(uow.session, row.parent_uri)
    return grave.actor_uri if grave is not None else None


def stamp_deleted(uow: UnitOfWork, uri: str, got: Received) -> str | None:
    """An owner takes a consent back: Delete of its stamp. None when no remix known here rests on it.

    The owner's word counts at once; anybody else of the same origin only makes us look.
    """
    rows = [row for row in lineage.by_stamp(uow.session, uri) if row.consent != "own"]
    for row in rows:
        if owner_uri(uow, row) == got.actor.uri:
            settle(uow, row.id, Finding("revoked", "The owner took the consent back."))
        else:
            check_later(uow, row)
    return ("consent revoked" if any(row.consent == "revoked" for row in rows) else "to be checked") if rows else None


def stamp_changed(uow: UnitOfWork, uri: str) -> str:
    """A stamp is said to be another one now: it is looked at again."""
    rows = lineage.by_stamp(uow.session, uri)
    for row in rows:
        if row.consent != "own":
            check_later(uow, row)
    return "to be checked" if rows else "ignored: no remix rests on it"
