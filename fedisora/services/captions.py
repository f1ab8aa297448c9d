"""Captions of one's own videos. The text comes here cleaned (media/captions.py, at the edge)."""
from __future__ import annotations

from sqlalchemy.orm import Session

from ..activities import local_posts
from ..activitypub import markup
from ..db import UnitOfWork
from ..errors import Invalid, NotFound
from ..models import Actor, Caption, Media, Status
from ..store import actors, lineage, statuses
from ..store import captions as rows
from . import channels

NONE = "There are no captions in this language."


def language_of(given: str) -> str:
    """A language tag in its usual spelling.

    Raises:
        Invalid: it is none.
    """
    found = rows.tag_of(given.strip())
    if found is None:
        raise Invalid("The language is a tag such as en, de or pt-BR.")
    return found


def own(session: Session, actor_id: int, media_id: int) -> Media:
    """A file of this account.

    Raises:
        NotFound: not there, or another account's.
        Invalid: it is no video.
    """
    media = session.get(Media, media_id)
    if media is None or media.actor_id != actor_id or media.state == "remote":
        raise NotFound("There is no such file of yours.")
    if media.kind not in ("video", "audio", "unknown"):  # unknown: not looked at yet
        raise Invalid("Only a video can have captions.")
    return media


def save(uow: UnitOfWork, actor: Actor, media_id: int, language: str, text: str, *, label: str = "",
         automatic: bool = False) -> Caption:
    """Keep a video's captions in a language, in place of former ones; who has the post already is told.

    Args:
        text: cleaned WebVTT.
        automatic: a program drafted them. Never in place of what a person saved: then that is answered.

    Raises:
        NotFound, Invalid: see `own` and `language_of`; Invalid also for too many languages.
    """
    media, tag = own(uow.session, actor.id, media_id), language_of(language)
    row = rows.get(uow.session, media.id, tag)
    if row is not None and automatic and not row.automatic:
        return row
    if row is None:
        if len(rows.of_files(uow.session, [media.id]).get(media.id, [])) >= rows.MOST:
            raise Invalid(f"A video may have captions in {rows.MOST} languages at most.")
        row = Caption(id=uow.new_id(), media_id=media.id, language=tag, created_at=uow.now, updated_at=uow.now, text="")
        uow.session.add(row)
    row.label = markup.clean_line(label, 80) or rows.label_of(tag)
    row.text, row.automatic, row.updated_at = text, automatic, uow.now
    uow.session.flush()
    changed(uow, media)
    return row


def remove(uow: UnitOfWork, actor: Actor, media_id: int, language: str) -> None:
    """Remove a video's captions in a language.

    Raises:
        NotFound: there are none.
    """
    media = own(uow.session, actor.id, media_id)
    row = rows.get(uow.session, media.id, language_of(language))
    if row is None:
        raise NotFound(NONE)
    uow.session.delete(row)
    uow.session.flush()
    changed(uow, media)


def changed(uow: UnitOfWork, media: Media) -> None:
    """What belongs to a published file has changed: tell everybody who has its post. Not an edit of what its author wrote."""
    status = uow.session.get(Status, media.status_id) if media.status_id is not None else None
    if status is None or not status.published or not status.local:
        return
    local_posts.send_update(uow, status, actors.get(uow.session, status.actor_id), channels.inboxes(uow, status))
    channels.after_edit(uow, status)
    uow.ring(f"status:{status.id}")


def readable(session: Session, media: Media, viewer_id: int | None, *, moderator: bool = False) -> bool:
    """Whether a viewer may read a file's captions: who may see its post, and its author."""
    if media.state != "remote" and viewer_id is not None and media.actor_id == viewer_id:
        return True
    status = session.get(Status, media.status_id) if media.status_id is not None else None
    if status is None or lineage.hidden(session, [status.id]):
        return False
    if not status.local and not status.published:  # held back by this instance's policy
        return moderator
    return statuses.visible(session, status, viewer_id)
