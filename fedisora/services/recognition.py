"""What an uploader says about a known video that theirs looks like. It is asked, never forced, and nothing waits for it."""
from __future__ import annotations

from sqlalchemy.orm import Session

from ..activities import lineages, local_posts
from ..db import UnitOfWork
from ..errors import Conflict, Invalid, NotFound
from ..models import Actor, Media, Status
from ..store import actors, fingerprints, lineage, notifications, statuses
from ..store import media as media_rows
from . import channels, remixes


def asked(session: Session, files: list[Media]) -> dict[int, Status]:
    """By file, the post that its uploader is asked about: local files without an answer, and not already named as a parent."""
    found = {media.id: media for media in files if media.state != "remote" and not (media.matched or {}).get("answer")}
    named = fingerprints.matches(session, found.values())
    parents = lineage.parents_of(session, [media.status_id for media in found.values() if media.status_id is not None])
    return {key: status for key, status in named.items()
            if status.uri not in {row.parent_uri for row in parents.get(found[key].status_id or 0, ())}}


def tell(uow: UnitOfWork, media_id: int) -> None:
    """Tell an uploader that there is a question on the page of the post; once."""
    media = media_rows.get(uow.session, media_id)
    parent = asked(uow.session, [media]).get(media_id) if media is not None else None
    if media is not None and parent is not None and media.status_id is not None:
        notifications.notify(uow, media.actor_id, parent.actor_id, "match.question", media.status_id)


def answer(uow: UnitOfWork, actor: Actor, media_id: int, word: str) -> Media:
    """Keep an answer: `mine`, `different`, or `remix`, which makes the post a remix of the other and asks its author.

    Answering again changes the answer; a parent that was named stays named.

    Raises:
        NotFound: no such file of this author, or nothing to answer.
        Invalid: another word.
        Conflict: it is not in a post yet; say so when you publish it.
        Forbidden: the other video's author allows no remixes.
    """
    media = media_rows.get(uow.session, media_id)
    if media is None or media.actor_id != actor.id or media.state == "remote":
        raise NotFound("There is no such file of yours.")
    if word not in fingerprints.ANSWERS:
        raise Invalid(f"The answer is one of {', '.join(fingerprints.ANSWERS)}.")
    parent = fingerprints.matches(uow.session, [media]).get(media.id)
    if parent is None:
        raise NotFound("There is no known video that yours looks like.")
    if word == "remix":
        _link(uow, actor, media, parent)
    media.matched = {**(media.matched or {}), "answer": word}
    uow.ring(f"media:{media.id}")
    return media


def _link(uow: UnitOfWork, actor: Actor, media: Media, parent: Status) -> None:
    status = statuses.get(uow.session, media.status_id) if media.status_id is not None else None
    if status is None:
        raise Conflict("Publish the video first, or name the video it is made from when you do.")
    if parent.uri in {row.parent_uri for row in lineage.parents_of(uow.session, [status.id]).get(status.id, ())}:
        return
    remixes.remixable(uow.session, actor, parent.id, status.visibility)
    if media.state != "signed":
        remixes.attach(uow, status, parent, [media], "")
        return
    # What was signed stays as it is; the post names its parent from now on, and the parent's author is asked afterwards.
    if lineages.made(uow, status, parent).consent != "own":
        remixes.write_request(uow, status, parent, media, "")
        remixes.cleared(uow, status, actor)
    if status.published:
        local_posts.send_update(uow, status, actors.get(uow.session, actor.id), channels.inboxes(uow, status))
        channels.after_edit(uow, status)
