"""Who is shown in a post, and what became of their consent: the side of whoever shows the video.

A post that names a stamp of somebody's likeness, or whose file says that it shows somebody, is hidden until the person's own
server says yes to exactly this post and these bytes (vocabulary §4).
"""
from __future__ import annotations

from typing import Any

from ..activitypub import markup
from ..activitypub.parse import is_http, same_origin
from ..db import UnitOfWork
from ..models import Actor, ConsentRequest, Lineage, Media, Status
from ..serializers.activitypub.note import NoteData
from ..store import actors, consents, lineage, statuses
from ..store import media as media_rows
from . import lineages
from .lineages import Finding

SHOWS = "likeness"
"""Name of the check in a verdict that says whom a file shows; its detail is the person's actor id."""
SEVERAL = "It shows several people, and for one post only one can be asked."
UNASKABLE = "Their server takes no requests for a likeness, so they cannot be asked."
TOO_MANY = "It names more consents than this server looks up."


def attach(uow: UnitOfWork, status: Status, note: NoteData, *, deep: bool = True) -> None:
    """A remote post says whose likeness its files show: note it, hide the post, and plan the look-up.

    Whose stamp it is, only the stamp itself says: until it is there the row goes by the stamp's address. Rows stay when a later
    version of the post no longer names them; a version with other files is looked at anew before it is shown.

    Args:
        deep: look it up at once (see `remote_posts.store`); else the hourly sweep does.
    """
    named = list(dict.fromkeys(uri for item in note.media for uri in item.likeness_authorizations if is_http(uri)))
    rows = [row for row in lineage.parents_of(uow.session, [status.id]).get(status.id, []) if row.kind == lineage.CAMEO]
    for row in rows:
        if _other_files(uow, status, note) or not lineage.holds(row):
            if row.consent in ("valid", "unreachable"):
                row.consent, row.reason = "pending", ""
            _look(uow, row, deep=deep)
    known = {row.stamp_uri for row in rows}
    for number, uri in enumerate(named):
        if uri in known:
            continue
        theirs = next((row for row in rows if same_origin(uri, row.parent_uri) and not lineage.holds(row)
                       and row.consent not in lineage.TAKEN_BACK), None)
        if number >= lineage.MOST_PARENTS:
            row = lineage.add(uow, status, uri, None, kind=lineage.CAMEO, consent="invalid", stamp_uri=uri)
            row.reason = TOO_MANY
            return
        if theirs is not None and theirs.stamp_uri is None:
            theirs.stamp_uri = uri
            _look(uow, theirs, deep=deep)
            continue
        row = lineage.add(uow, status, uri, None, kind=lineage.CAMEO, stamp_uri=uri)
        _look(uow, row, deep=deep and number < lineages.MOST_CHECKED)


def _other_files(uow: UnitOfWork, status: Status, note: NoteData) -> bool:
    before = {(media.remote_url, media.digest) for media in media_rows.of_statuses(uow.session, [status.id]).get(status.id, [])}
    return before != {(item.url, item.digest) for item in note.media}


def _look(uow: UnitOfWork, row: Lineage, *, deep: bool) -> None:
    if deep:
        lineages.check_later(uow, row)
    else:
        row.recheck_at = uow.now


def owned(uow: UnitOfWork, lineage_id: int, owner_uri: str) -> int | None:
    """A stamp's owner is known by now: the row goes by the person. One that is there already takes the stamp over.

    Returns:
        id of the row that stands for this person; None when it is gone.
    """
    row = lineage.get(uow.session, lineage_id)
    if row is None or row.parent_uri == owner_uri:
        return row.id if row is not None else None
    other = next((known for known in lineage.parents_of(uow.session, [row.child_id]).get(row.child_id, [])
                  if known.kind == lineage.CAMEO and known.parent_uri == owner_uri), None)
    if other is None:
        row.parent_uri = owner_uri
        uow.session.flush()
        return row.id
    if not lineage.holds(other) and other.consent not in lineage.TAKEN_BACK:
        other.stamp_uri = row.stamp_uri
    uow.session.delete(row)
    uow.session.flush()
    return other.id


def owner_of(row: Lineage) -> str | None:
    """The person whose consent a row is about; None until the stamp said so."""
    return row.parent_uri if row.parent_uri != row.stamp_uri else None


def people_in(verdict: dict[str, Any]) -> list[str]:
    """Whom a file shows, as its manifest says: actor ids."""
    return list(dict.fromkeys(str(check.get("detail")) for check in verdict.get("checks") or () if isinstance(check, dict)
                              and check.get("name") == SHOWS and is_http(check.get("detail"))))


def _ask_first(uow: UnitOfWork, status: Status, person_uri: str, *, several: bool) -> None:
    """A file that somebody here uploaded says that it shows a person (it was a cameo before): they are asked before it is
    published, over the finished file. Somebody who is not known here is looked up first, in a job."""
    author, owner = actors.get(uow.session, status.actor_id), actors.by_uri(uow.session, person_uri)
    own = author.uri == person_uri
    row = lineage.add(uow, status, person_uri, None, kind=lineage.CAMEO, consent="own" if own else "pending")
    if own:
        return
    if several:  # nobody is asked for what cannot come of it
        row.consent, row.reason = "missing", SEVERAL
    elif owner is None:
        lineages.check_later(uow, row)
    else:
        ask(uow, status, row, owner)


def ask(uow: UnitOfWork, status: Status, row: Lineage, owner: Actor) -> None:
    """Write the request to a person whom an unpublished upload shows; it is sent with the digest of the signed file. When they
    cannot be asked, the row says why, and the post is not published."""
    if owner.suspended_at is not None or owner.uri != row.parent_uri:
        row.consent, row.reason = "missing", lineages.PERSON_GONE
        return
    if consents.of_status(uow.session, [status.id]):
        row.consent, row.reason = "missing", SEVERAL
        return
    request_id, author = uow.new_id(), actors.get(uow.session, status.actor_id)
    uow.session.add(ConsentRequest(
        id=request_id, uri=uow.uris.consent_request(author.uri, request_id), kind="likeness", owner_id=owner.id,
        requester_id=author.id, target_uri=owner.uri, object_uri=status.uri, status_id=status.id,
        name=markup.clean_line(status.text, 200), state=consents.DRAFT, created_at=uow.now))
    uow.session.flush()


def checked(uow: UnitOfWork, media: Media, verdict: dict[str, Any]) -> None:
    """A file was looked at: whom it shows needs consent, whatever the post says; a consent is for the bytes that are there."""
    status = statuses.get(uow.session, media.status_id) if media.status_id is not None else None
    if status is None:
        return
    rows = [row for row in lineage.parents_of(uow.session, [status.id]).get(status.id, []) if row.kind == lineage.CAMEO]
    people = people_in(verdict)[:lineage.MOST_PARENTS]
    alone = len(media_rows.of_statuses(uow.session, [status.id]).get(status.id, [])) < 2
    for uri in people:
        known_as = next((row for row in rows if row.parent_uri == uri), None)
        if uri == status.uri or known_as is not None:
            if known_as is not None and known_as.consent == "valid" and not alone:
                lineages.check_later(uow, known_as)  # the consent may be for another file of the post
            continue
        if status.local and not status.published:
            author = actors.get(uow.session, status.actor_id).uri
            _ask_first(uow, status, uri, several=len({*people} - {author}) > 1)
            continue
        row = lineage.add(uow, status, uri, None, kind=lineage.CAMEO)
        stamp = next((known.stamp_uri for known in rows if same_origin(known.stamp_uri or "", uri)), None)
        row.stamp_uri = stamp
        lineages.check_later(uow, row)
    wrong = lineages.other_bytes(media)
    for row in rows:
        if wrong and lineage.holds(row) and row.consent != "own":
            lineages.settle(uow, row.id, Finding("invalid", lineages.OTHER_BYTES))
        elif not wrong and row.consent == "invalid" and row.reason == lineages.OTHER_BYTES:
            lineages.check_later(uow, row)

