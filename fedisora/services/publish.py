"""Posting, editing and deleting by local people. A post with files is sent once its files are signed."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..activities import create as create_activity
from ..activities import delete as delete_activity
from ..activities import local_posts, outbox
from ..activitypub import markup
from ..activitypub.vocabulary import PUBLIC
from ..db import UnitOfWork
from ..errors import Busy, Forbidden, Invalid, NotFound
from ..models import Actor, Media, Status
from ..provenance import dial, digital_source, policy_inbound
from ..store import actors, agent_mentions, agents, jobs, notifications, statuses
from ..store import media as media_rows
from . import agents as agent_standing
from . import channels, polls, quotes, relays, remixes, renditions
from .agents import conduct, terms

MAX_CHARACTERS = 2000
MAX_MENTIONS = 50
MAX_HTML = 16_384
"""Characters of a post's HTML: what we send stays under the 50 KB that some peers take."""
VISIBILITIES = ("public", "unlisted", "private", "direct")


@dataclass(frozen=True)
class Draft:
    """What a person wants to post."""

    text: str
    visibility: str = "public"
    sensitive: bool = False
    spoiler_text: str = ""
    language: str | None = None
    in_reply_to_id: int | None = None
    media_ids: tuple[int, ...] = ()
    idempotency_key: str | None = None
    remix_policy: str = "ask"
    poll: polls.PollDraft | None = None
    quoted_status_id: int | None = None
    quote_policy: str = "public"
    remix_of_id: int | None = None
    """The post it is made from (see `remixes`)."""
    remix_use: str = ""
    """What the remix is for, in words for the parent's author."""
    reserved_id: int | None = None
    """Row id that was promised for this post before it was written (a request for a likeness names the post to be)."""
    generation_id: int | None = None
    """The generation whose draft becomes this post; `services.generations` alone sets it."""


@dataclass(frozen=True)
class _Written:
    html: str
    tags: list[str]
    mentioned: list[Actor]


def _write(uow: UnitOfWork, text: str) -> _Written:
    """A text as HTML, with the accounts and hashtags it names.

    Raises:
        Invalid: more of them than other servers take.
    """
    found: dict[str, Actor] = {}
    for handle in markup.find_mentions(text):
        name, _, domain = handle.partition("@")
        if domain == uow.uris.host:
            domain = ""
        actor = actors.by_handle(uow.session, name, domain)
        if actor is not None and actor.suspended_at is None:
            found[handle] = actor
    html, tags = markup.text_to_html(text, {handle: actor.url or actor.uri for handle, actor in found.items()}, uow.uris.tag)
    people = list({actor.id: actor for actor in found.values()}.values())
    if len(people) > MAX_MENTIONS or len(html) > MAX_HTML:
        raise Invalid(f"This post has too many mentions, hashtags or links ({MAX_MENTIONS} mentions at most).")
    return _Written(html, tags, people)


def check(draft: Draft) -> None:
    """Raises Invalid when the draft cannot be posted as it stands."""
    if draft.visibility not in VISIBILITIES:
        raise Invalid(f"The visibility is one of {', '.join(VISIBILITIES)}.")
    if not draft.text.strip() and not draft.media_ids:
        raise Invalid("Validation failed: Text can't be blank")
    if draft.remix_of_id is not None and len(draft.media_ids) != 1:
        raise Invalid("A remix has exactly one video or picture.")
    if draft.poll is not None:
        if draft.media_ids:
            raise Invalid("Validation failed: A post has files or a poll, not both")
        polls.check(draft.poll)
    if len(draft.text) + len(draft.spoiler_text) > MAX_CHARACTERS:
        raise Invalid(f"A post may have {MAX_CHARACTERS} characters at most.")


def create(uow: UnitOfWork, actor: Actor, draft: Draft) -> Status:
    """Post. Without files it is sent in this transaction; with files a job signs them first.

    Raises:
        Invalid: nothing to post, too long, or a file cannot be used.
        NotFound: the post it answers is not there, or not for this author.
        Forbidden, TooManyRequests: an agent that may not act now, writes somebody first, or posts too often.
    """
    check(draft)
    session = uow.session
    conduct.may_post(uow, actor)
    if draft.idempotency_key:
        known = session.scalar(select(Status).where(Status.actor_id == actor.id,
                                                    Status.idempotency_key == draft.idempotency_key))
        if known is not None:
            return known
    parent = None
    if draft.in_reply_to_id is not None:
        parent = statuses.get(session, draft.in_reply_to_id)
        if parent is None or not statuses.visible(session, parent, actor.id):
            raise NotFound("The post you answer is not there any more.")
        if parent.reblog_of_id is not None:
            parent = statuses.get(session, parent.reblog_of_id)
    quoted = None
    if draft.quoted_status_id is not None:
        quoted = quotes.quotable(uow, actor, draft.quoted_status_id, draft.visibility)
    origin = None
    if draft.remix_of_id is not None:
        origin = remixes.remixable(session, actor, draft.remix_of_id, draft.visibility)
    written = _write(uow, draft.text)
    conduct.check_addressed(uow, actor, draft.visibility, written.mentioned)
    row_id = draft.reserved_id or uow.new_id()
    status = Status(
        id=row_id, uri=uow.uris.status(actor.uri, row_id), url=uow.uris.post_page(actor.username, row_id),
        actor_id=actor.id, local=True, visibility=draft.visibility, content=written.html, text=draft.text,
        spoiler_text=markup.clean_line(draft.spoiler_text, 500), sensitive=draft.sensitive or bool(draft.spoiler_text),
        language=draft.language, in_reply_to_id=parent.id if parent else None,
        in_reply_to_uri=parent.uri if parent else None, in_reply_to_actor_id=parent.actor_id if parent else None,
        context_uri=_context(uow, parent, row_id),
        proof="valid", idempotency_key=draft.idempotency_key, published=False, created_at=uow.now)
    session.add(status)
    session.flush()
    statuses.set_tags(uow, status.id, written.tags, fresh=True)
    statuses.set_mentions(uow, status.id, [person.id for person in written.mentioned], fresh=True)
    quotes.set_policy(uow, actor, status, draft.quote_policy)
    if draft.poll is not None:
        polls.attach(uow, status, draft.poll)
    if quoted is not None:
        quotes.attach(uow, status, quoted)
    session.flush()
    if draft.media_ids:
        remixes.set_policy(actor, status, draft.remix_policy)
        files = media_rows.attach(uow, draft.media_ids, status, draft.generation_id)
        session.flush()
        if origin is not None:
            remixes.attach(uow, status, origin, files, draft.remix_use)
        media_rows.note_made(status, files)
        check_policy(uow.settings.ai_policy, files)
        jobs.enqueue(uow, "publish", {"status_id": status.id}, key=str(status.id))
    else:
        finish(uow, status.id)
    return status


def check_policy(ai_policy: str, files: Sequence[Media]) -> None:
    """What this instance is for (FEDISORA_AI_POLICY), asked of the files of a new post.

    Raises:
        Invalid: the files may not be published here; the text says what to do.
    """
    if ai_policy == "labelled" and any(
            media.kind in policy_inbound.LABELLED and digital_source.find(media.digital_source_type) is None for media in files):
        raise Invalid("On this server every video says how it was made. Upload it again and choose how on the page Create; apps "
                      "say it with the field fedisora_source of the upload: captured, edited, ai-generated or mixed.")
    if ai_policy == "ai-free" and digital_source.made_of(media.digital_source_type for media in files) in dial.AI:
        raise Invalid("This server is AI-free: what was generated or changed by AI is not published here. Publish it from an "
                      "account on another server.")


def enforce_policy(uow: UnitOfWork, status_id: int) -> bool:
    """Ask `check_policy` again when the files are encoded: only then is it known which are videos. A post that may not be
    published is taken back, and its files say why; whether it may."""
    files = media_rows.of_statuses(uow.session, [status_id]).get(status_id, [])
    try:
        check_policy(uow.settings.ai_policy, files)
    except Invalid as error:
        for media in files:
            if media.state == "ready":
                media.state, media.error = "failed", error.text
        abandon(uow, status_id)
        return False
    return True


def _context(uow: UnitOfWork, parent: Status | None, row_id: int) -> str | None:
    """The conversation a new post belongs to (FEP-7888): one of ours when it starts here, else the parent's, if it has one."""
    if parent is None:
        return uow.uris.context(row_id)
    if parent.context_uri is None and parent.local and parent.in_reply_to_uri is None:
        return uow.uris.context(parent.id)  # from before posts had one
    return parent.context_uri


def finish(uow: UnitOfWork, status_id: int) -> None:
    """Build, sign and send a post whose files are signed. Doing it twice changes nothing.

    A remix waits here until its parent's author agreed; whoever has to be asked is asked now.

    Raises:
        Busy: a file of it is not signed yet.
    """
    session = uow.session
    status = statuses.get(session, status_id)
    if status is None or status.published:
        return
    if not signed(session, status_id):
        raise Busy("A file of this post is not signed yet.")
    actor = actors.get(session, status.actor_id)
    if agent_standing.may_act(session, uow.settings, actor, uow.now):
        return  # it is sent when the agent goes on: services.agents.stopping.resume
    if agent_mentions.unwanted(session, status) or terms.unsendable(uow, actor, status):
        return
    if not remixes.cleared(uow, status, actor):
        return
    files = media_rows.of_statuses(session, [status_id]).get(status_id, [])
    media_rows.note_made(status, files)
    status.published = True
    for media in files:
        renditions.plan(uow, media)
    note = local_posts.document(uow, status, actor)
    activity = create_activity.build(note, uow.uris.create(status.uri))
    outbox.send(uow, actor, activity, local_posts.inboxes(uow, status, actor) + channels.inboxes(uow, status),
                object_uri=status.uri, public=status.visibility in statuses.PUBLIC)
    quotes.sent(uow, status, actor, note)
    statuses.count_reply(uow, status.in_reply_to_id, 1)
    actor.statuses_count += 1
    actor.last_status_at = uow.now
    channels.after_publish(uow, status)
    relays.after_publish(uow, status)
    for person in statuses.mentions(session, [status.id]).get(status.id, []):
        notifications.notify(uow, person.id, actor.id, "mention", status.id)
        if person.local and person.kind == "agent":
            agents.mentioned(uow, person, status)
    agent_mentions.settled(uow, status, "sent")
    session.flush()
    uow.ring(f"status:{status.id}")


def signed(session: Session, status_id: int) -> bool:
    """Whether every file of a post is signed."""
    return session.scalar(select(Media.id).where(Media.status_id == status_id, Media.state != "signed").limit(1)) is None


def abandon(uow: UnitOfWork, status_id: int) -> None:
    """Take back a post that nobody has seen, because one of its files could not be processed: never a post without it.

    The files stay with their author; the broken one says why in `error`.
    """
    session = uow.session
    status = statuses.get(session, status_id)
    if status is None or status.published:
        return
    remixes.before_delete(uow, status, actors.get(session, status.actor_id))
    agent_mentions.settled(uow, status, "abandoned")
    for media in session.scalars(select(Media).where(Media.status_id == status_id)):
        media.status_id = None
    session.flush()
    statuses.delete(uow, status)
    uow.ring(f"status:{status_id}")


def discard_remix(uow: UnitOfWork, actor: Actor, status: Status) -> None:
    """Delete a remix that was not published, because its author gives up asking.

    Raises:
        Conflict: it was published.
    """
    remixes.check_open(status)
    delete(uow, actor, status.id)


def failure(session: Session, media_ids: Sequence[int]) -> str | None:
    """Why the first broken one of these files is broken; None when none is."""
    return session.scalar(select(Media.error).where(Media.id.in_(media_ids), Media.state == "failed").limit(1))


def own(uow: UnitOfWork, actor: Actor, status_id: int) -> Status:
    """One of this author's posts.

    Raises:
        NotFound: not there.
        Forbidden: another author's.
    """
    status = statuses.get(uow.session, status_id)
    if status is None or not statuses.visible(uow.session, status, actor.id):
        raise NotFound
    if status.actor_id != actor.id:
        raise Forbidden("This is not your post.")
    return status


def edit(uow: UnitOfWork, actor: Actor, status_id: int, *, text: str, spoiler_text: str | None = None,
         sensitive: bool | None = None, language: str | None = None) -> Status:
    """Change a post's words and tell everybody who has it. Its files and whom it answers stay.

    Raises:
        NotFound, Forbidden: not this author's post.
        Invalid: empty or too long.
        Forbidden: an agent that may not act now, or writes to somebody first.
    """
    agent_standing.require(uow, actor)
    status = own(uow, actor, status_id)
    has_media = bool(media_rows.of_statuses(uow.session, [status.id]).get(status.id))
    check(Draft(text=text, spoiler_text=spoiler_text or "", media_ids=(0,) if has_media else ()))
    written = _write(uow, text)
    conduct.check_addressed(uow, actor, status.visibility, written.mentioned)
    status.text, status.content = text, written.html
    if spoiler_text is not None:
        status.spoiler_text = markup.clean_line(spoiler_text, 500)
    if sensitive is not None:
        status.sensitive = sensitive
    if language:
        status.language = language
    status.edited_at = uow.now
    before = statuses.mentions(uow.session, [status.id]).get(status.id, [])
    statuses.set_tags(uow, status.id, written.tags)
    statuses.set_mentions(uow, status.id, [person.id for person in (*before, *written.mentioned)])
    uow.session.flush()
    if status.published:
        local_posts.send_update(uow, status, actor, channels.inboxes(uow, status))
        channels.after_edit(uow, status)
    return status


def set_remix_policy(uow: UnitOfWork, actor: Actor, status_id: int, preset: str) -> Status:
    """Change who may remix a post; consents that were given stay.

    Raises:
        NotFound, Forbidden: not this author's post.
        Invalid: no such policy.
    """
    status = own(uow, actor, status_id)
    remixes.set_policy(actor, status, preset)
    uow.session.flush()
    if status.published:
        local_posts.send_update(uow, status, actor, channels.inboxes(uow, status))
    return status


def set_quote_policy(uow: UnitOfWork, actor: Actor, status_id: int, kind: str) -> Status:
    """Change who may quote a post; quotes that are there stay.

    Raises:
        NotFound, Forbidden: not this author's post.
        Invalid: no such policy.
    """
    status = own(uow, actor, status_id)
    quotes.set_policy(uow, actor, status, kind)
    uow.session.flush()
    if status.published:
        local_posts.send_update(uow, status, actor, channels.inboxes(uow, status))
    return status


def delete(uow: UnitOfWork, actor: Actor, status_id: int) -> Status:
    """Delete a post everywhere; its last state, for "delete and redraft".

    Raises:
        NotFound, Forbidden: not this author's post.
    """
    status = own(uow, actor, status_id)
    if status.published:
        activity = delete_activity.build(uow.uris.delete(status.uri), actor, status, uow.now)
        if status.visibility not in statuses.PUBLIC:
            activity["to"] = [uri for uri in activity["to"] if uri != PUBLIC]
        outbox.send(uow, actor, activity, local_posts.inboxes(uow, status, actor) + channels.inboxes(uow, status),
                    object_uri=status.uri)
        channels.before_delete(uow, status)
        relays.before_delete(uow, status)
    remixes.before_delete(uow, status, actor)
    statuses.delete(uow, status)
    return status
