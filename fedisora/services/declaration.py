"""What the author of an uploaded file says about how it was made, weighed against what the file itself says.

A word that admits to more machine can always be given; one that admits to less cannot be, once a label is signed. Where the
upload's own record and its author disagree, the one that admits to more counts, and both are shown.
"""
from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from ..activities import local_posts
from ..db import UnitOfWork
from ..errors import Conflict, Invalid, NotFound
from ..models import Actor, Job, Lineage, Media, Status
from ..provenance import digital_source
from ..provenance.verdict import GOOD
from ..store import actors, jobs, statuses
from ..store import media as media_rows
from . import channels

KEPT = dt.timedelta(days=1)
"""How long a replaced file stays, for who is watching it and servers that have not heard of the new one."""


def original(verdict: Mapping[str, Any], mime: str) -> dict[str, Any] | None:
    """The row of `Media.ingredients` for an upload with Content Credentials of its own; None for one without.

    Args:
        verdict: the verdict object on the upload.
    """
    if verdict["verdict"] in ("unsigned", "unreadable", "recovered"):
        return None
    record, source = verdict.get("record"), digital_source.find(verdict.get("digitalSourceType"))
    found: dict[str, Any] = {
        "kind": "upload", "relationship": "parentOf", "title": "upload", "mime": mime, "verdict": verdict["verdict"],
        "summary": verdict["summary"], "signer": verdict.get("signer"), "digitalSourceType": source.uri if source else None}
    if verdict["verdict"] in GOOD and isinstance(record, Mapping) and isinstance(record.get("object"), str):
        found["object"] = record["object"]
    return found


def upload_of(media: Media) -> dict[str, Any] | None:
    """The row of an upload's own record, when it had one."""
    return next((item for item in media.ingredients or () if item.get("kind") == "upload"), None)


def say(media: Media, choice: str) -> None:
    """Write down what the author says about a file that is not signed yet.

    Args:
        choice: a key of `digital_source.CHOICES`; "" and "undeclared": nothing.

    Raises:
        Invalid: an unknown choice, or a file that was made here, of which more is known than anybody could say.
    """
    uri = digital_source.declare(choice)
    if media.generation_id is not None or media.generator:
        raise Invalid("This was made here: how is known, and its label cannot be changed.")
    media.digital_source_type = uri
    media.label_source = "declared" if choice not in ("", "undeclared") else None
    media.declared = media.label_source is not None
    if upload_of(media) is not None:
        media.ingredients = [{name: value for name, value in item.items() if name != "overruled"} for item in media.ingredients]
    weigh(media)


def weigh(media: Media) -> None:
    """Let the upload's own record count where it admits to more than its author does. Doing it twice changes nothing.

    Who said nothing is not made a photographer by a signer nobody knows: such a record counts only where it names a machine.
    """
    upload = upload_of(media)
    found = upload.get("digitalSourceType") if upload else None
    if upload is None or found is None or media.label_source == "manifest":
        return
    said = media.digital_source_type
    if said is None and digital_source.kind_of(found) in ("human", "undeclared") and (
            media.declared or upload.get("verdict") not in GOOD):
        return
    if digital_source.stricter(said, found) == said:
        return
    changed = {**upload, "overruled": said} if media.declared else upload
    media.ingredients = [changed if item is upload else item for item in media.ingredients]
    media.digital_source_type, media.label_source, media.declared = found, "manifest", False


def later(uow: UnitOfWork, actor: Actor, media_id: int, choice: str) -> Media:
    """Let an author say how a published file was made: a job signs it again and tells everybody.

    Raises:
        NotFound: not a file of this author's, or not published.
        Invalid: it was made here; the choice is unknown, says nothing, or admits to less than the label does.
        Conflict: it is being signed right now, or somebody's consent names exactly these bytes.
    """
    media = uow.session.get(Media, media_id)
    status = uow.session.get(Status, media.status_id) if media is not None and media.status_id is not None else None
    if media is None or media.actor_id != actor.id or status is None or not status.local:
        raise NotFound
    if media.state != "signed" or not status.published:
        raise Conflict("This file is being signed. Please try again in a minute.")
    allowed(media, choice)
    key = f"declare:{media_id}"
    if uow.session.scalar(select(Job.id).where(Job.key == key, Job.state == "pending")) is not None:
        raise Conflict("This file is being signed again. Please try again in a minute.")
    if uow.session.scalar(select(Lineage.id).where(Lineage.child_id == status.id, Lineage.stamp_uri.is_not(None))) is not None:
        raise Conflict("Somebody agreed to exactly this file, and a new label makes it another. Delete the post, ask again and "
                       "publish it anew.")
    jobs.enqueue(uow, "declare", {"media_id": media_id, "choice": choice}, key=str(media_id))
    return media


def allowed(media: Media, choice: str) -> None:
    """Raises Invalid when this cannot be said of a signed file."""
    uri = digital_source.declare(choice)
    if choice in ("", "undeclared"):
        raise Invalid("Choose how it was made: a label that was given cannot be taken back.")
    if media.generation_id is not None or media.generator:
        raise Invalid("This was made here: how is known, and its label cannot be changed.")
    now = media.digital_source_type
    if uri == now and (uri is not None or media.label_source == "declared"):
        raise Invalid("It is labelled so already.")
    if now is not None and not digital_source.admits_more(uri, now):
        raise Invalid("A signed label can only be changed to one that admits to more machine.")


def changed(uow: UnitOfWork, media: Media, old_keys: list[str]) -> None:
    """After a file was signed anew: tell everybody who has its post, and let go of the old file in a day."""
    status = statuses.get(uow.session, media.status_id or 0)
    if status is None:
        return
    actor = actors.get(uow.session, status.actor_id)
    status.edited_at = uow.now
    uow.session.flush()
    media_rows.note_made(status, media_rows.of_statuses(uow.session, [status.id]).get(status.id, []))
    local_posts.send_update(uow, status, actor, channels.inboxes(uow, status))
    channels.after_edit(uow, status)
    jobs.enqueue(uow, "delete_files", {"keys": old_keys}, delay=KEPT)
    uow.ring(f"status:{status.id}")
