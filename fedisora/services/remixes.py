"""Making a remix: which post may be remixed by whom, and the wait for its author's consent.

A remix is signed first and asked about then, because the consent is bound to the finished bytes; until it is there nobody but
its author sees the post. One's own posts need no consent. For a parent of somebody here the same rules hold without network.
"""
from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from ..activities import consents as rules
from ..activities import lineages
from ..activitypub import markup
from ..db import UnitOfWork
from ..errors import Conflict, Forbidden, Invalid, NotFound
from ..models import Actor, ConsentRequest, Media, Status
from ..provenance import digital_source, policy
from ..store import actors, consents, lineage, relations, statuses
from ..store import media as media_rows

AI_KINDS = ("machine", "mixed")


def remixable(session: Session, actor: Actor, parent_id: int, visibility: str = "public") -> Status:
    """The post somebody wants to make a video from; a boost stands for what it boosts.

    Raises:
        NotFound: not there, or not for this person.
        Forbidden: its author does not want that.
        Invalid: it shows nothing, or a private post would be remixed in public.
    """
    parent = statuses.get(session, parent_id)
    if parent is not None and parent.reblog_of_id is not None:
        parent = statuses.get(session, parent.reblog_of_id)
    if parent is None or not parent.published or not statuses.visible(session, parent, actor.id):
        raise NotFound("The post you want to remix is not there any more.")
    if not any(media.kind in ("video", "image") for media in media_rows.of_statuses(session, [parent.id]).get(parent.id, [])):
        raise Invalid("There is no video or picture in this post that could be remixed.")
    if parent.id in lineage.hidden(session, [parent.id]):
        raise Forbidden("This post is itself a remix whose consent was taken back.")
    if any(row.kind == lineage.CAMEO for row in lineage.parents_of(session, [parent.id]).get(parent.id, [])):
        raise Forbidden("This video shows a person, whose consent is for this post alone. Ask them for one of their own.")
    if parent.visibility not in statuses.PUBLIC:
        if parent.actor_id != actor.id or parent.visibility == "direct":
            raise Forbidden("Only public posts can be remixed.")
        if visibility in statuses.PUBLIC:
            raise Invalid("A post for followers can be remixed for followers only.")
    if answer(session, actor, parent) == "no":
        raise Forbidden(rules.NOT_ALLOWED)
    return parent


def answer(session: Session, actor: Actor, parent: Status) -> str:
    """What a post's policy says to somebody who would remix it: `yes`, `ask` or `no`."""
    author = actors.get(session, parent.actor_id)
    if relations.blocked_either_way(session, actor.id, author.id):
        return "no"
    return policy.decide(parent.interaction_policy, actor.uri, owner=author.uri, followers=author.followers_uri or "",
                         is_follower=relations.is_follower(session, actor.id, author.id))


def attach(uow: UnitOfWork, status: Status, parent: Status, files: Sequence[Media], use: str) -> None:
    """Make a new local post a remix: its file says that it is composed, and of AI when anything in it is.

    Raises:
        Invalid: not exactly one file (a consent is for one).
    """
    if len(files) != 1 or files[0].kind == "audio":
        raise Invalid("A remix has exactly one video or picture.")
    source = files[0].digital_source_type
    kinds = [digital_source.kind_of(item.digital_source_type)
             for item in media_rows.of_statuses(uow.session, [parent.id]).get(parent.id, [])]
    files[0].digital_source_type = (
        digital_source.COMPOSITE_TRAINED if any(kind in AI_KINDS for kind in (digital_source.kind_of(source), *kinds))
        else digital_source.COMPOSITE)
    if files[0].digital_source_type != source and files[0].label_source != "made":  # nobody's word: it follows from the parts
        files[0].label_source, files[0].declared = "remix", False
    if lineages.made(uow, status, parent).consent != "own":
        write_request(uow, status, parent, files[0], use)


def write_request(uow: UnitOfWork, status: Status, parent: Status, file: Media, use: str) -> None:
    """Write the request to the parent's author; it is sent by `cleared`, once the file is signed."""
    request_id, actor = uow.new_id(), actors.get(uow.session, status.actor_id)
    title = next((line.strip() for line in status.text.splitlines() if line.strip()), file.description)
    uow.session.add(ConsentRequest(
        id=request_id, uri=uow.uris.consent_request(actor.uri, request_id), kind="remix", owner_id=parent.actor_id,
        requester_id=actor.id, target_uri=parent.uri, target_id=parent.id, object_uri=status.uri, status_id=status.id,
        name=markup.clean_line(title, 200), use=markup.clean_line(use, 1000), state=consents.DRAFT, created_at=uow.now))
    uow.session.flush()


def cleared(uow: UnitOfWork, status: Status, actor: Actor) -> bool:
    """Whether a post whose files are signed may go out; who has to agree is asked, when that has not been done."""
    session = uow.session
    rows = lineage.parents_of(session, [status.id]).get(status.id, [])
    if all(row.consent in lineage.GIVEN for row in rows):
        return True
    request = consents.of_status(session, [status.id]).get(status.id)
    files = media_rows.of_statuses(session, [status.id]).get(status.id, [])
    if request is not None and request.state == consents.DRAFT and files:
        media, owner = files[0], actors.get(session, request.owner_id)
        request.digest = media.digest
        rules.ask(uow, request, owner, actor, url=uow.uris.media(media.storage_key or ""), mime=media.mime,
                  icon=uow.uris.media(media.poster_key) if media.poster_key else None)
        session.flush()
        uow.ring(f"status:{status.id}")
    return all(row.consent in lineage.GIVEN for row in rows)


def is_waiting(session: Session, status_id: int) -> bool:
    """Whether a post waits for an answer, or got a no: it will not appear by itself in a moment."""
    row = consents.of_status(session, [status_id]).get(status_id)
    return row is not None and row.state in (consents.PENDING, consents.REJECTED)


def before_delete(uow: UnitOfWork, status: Status, actor: Actor) -> None:
    """A post is deleted: the request of a remix that was not published is withdrawn, who asked to remix the post hears of it."""
    for asked in consents.unanswered(uow.session, actor.id, target_uri=status.uri):
        rules.refuse(uow, actor, actors.get(uow.session, asked.requester_id), asked, rules.DELETED)
    request = consents.of_status(uow.session, [status.id]).get(status.id) if not status.published else None
    if request is not None and request.state in (consents.DRAFT, consents.PENDING):
        rules.withdraw(uow, request, actors.get(uow.session, request.owner_id), actor)
    if request is not None:
        request.status_id = None
        uow.session.flush()


def set_policy(actor: Actor, status: Status, preset: str) -> None:
    """Who may remix a post: `nobody`, `ask`, `followers` or `anyone`.

    Raises:
        Invalid: another word.
    """
    status.interaction_policy = {**(status.interaction_policy or {}),
                                 **policy.interaction_policy(preset, actor.followers_uri or "")}


def check_open(status: Status) -> None:
    """Raises Conflict when a post was published already."""
    if status.published:
        raise Conflict("This remix is published already; delete the post instead.")
