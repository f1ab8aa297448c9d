"""Storing what others posted: the one place that turns a remote object into rows."""
from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import select

from ..activitypub import addressing, parse
from ..activitypub.integrity_proofs import CRYPTOSUITE, proof_created, verification_method_of, verify_document
from ..activitypub.keys import held
from ..activitypub.multibase import ed25519_from_multibase
from ..activitypub.ownership import check_attribution
from ..activitypub.parse import as_list
from ..db import UnitOfWork
from ..errors import NotOwner, Refused
from ..ids import new_id
from ..models import Actor, Media, Status
from ..provenance import foreign_labels
from ..serializers.activitypub.note import MediaData, NoteData, PollData, from_activitypub
from ..store import actors, captions, claims, domains, labels, polls, relations, statuses, threads
from ..store import quotes as quote_rows
from . import cameos, companions, inbound, lineages, quotes, votes


def proof_state(document: dict[str, Any], author: Actor, seen: dt.datetime | None = None) -> str:
    """`valid`, `invalid` or `none`: the FEP-8b32 proof of a document, by one of its author's own keys.

    Args:
        seen: when the document came here: a key that was revoked later vouched for it then. None: now.
    """
    if "proof" not in document:
        return "none"
    method = verification_method_of(document)
    if method is None and _other_suites(document["proof"]):
        return "none"
    for key in author.assertion_keys:
        if key.get("id") == method:
            if not held(key, proof_created(document), seen):
                return "invalid"
            try:
                verify_document(document, ed25519_from_multibase(key["multibase"]))
            except Refused:
                return "invalid"
            return "valid"
    return "invalid"


def _other_suites(proof: object) -> bool:
    """Whether every proof is of a cryptosuite that we do not know: then nothing is said about it."""
    proofs = as_list(proof)
    return bool(proofs) and all(isinstance(item, dict) and isinstance(item.get("cryptosuite"), str)
                                and item["cryptosuite"] != CRYPTOSUITE for item in proofs)


def wanted(uow: UnitOfWork, note: NoteData, author: Actor) -> bool:
    """Whether somebody here asked for this post: a follower, a mention, a quote, or the thread of a known post."""
    session = uow.session
    if relations.has_local_follower(session, author.id):
        return True
    if any(uow.uris.is_local(uri) for uri in (*note.mentions, *note.audience.everybody)):
        return True
    if note.quote is not None and uow.uris.is_local(note.quote.uri):
        return True
    return note.in_reply_to is not None and statuses.by_uri(session, note.in_reply_to) is not None


def store(uow: UnitOfWork, document: dict[str, Any], author: Actor, *, asked: bool = False,
          quiet: bool = False, deep: bool = True) -> Status | None:
    """Store a remote post of `author`; the known row when it is known, None when nobody here wants it, or its author is
    suspended.

    Args:
        asked: somebody here resolved it by hand, or a boost brought it.
        quiet: it comes from looking around in a thread or an outbox: nobody is notified, and no more is looked for.
        deep: look for what it quotes; not for a post that is itself looked for because another quotes it, or chains of quotes
            would never end.

    Raises:
        NotOwner: the post is not the author's (FEP-fe34).
        Malformed: not a post.
    """
    session = uow.session
    check_attribution(author.uri, document)
    note = from_activitypub(document)
    new = note.uri in uow.absent  # then three look-ups are spared; this runs hundreds of times a second
    if not new:
        known = statuses.by_uri(session, note.uri)
        if known is not None:
            return known
    if author.suspended_at is not None:
        return None
    if not new and statuses.is_tombstoned(session, note.uri, author.uri) is not None:
        return None
    if votes.is_vote(document):
        return None  # never a post, wherever it came from
    if not asked and not wanted(uow, note, author):
        return None
    published = min(note.published or uow.now, uow.now)
    parent = statuses.by_uri(session, note.in_reply_to) if note.in_reply_to else None
    status = Status(
        id=new_id(max(published, dt.datetime(2000, 1, 1, tzinfo=dt.UTC))), uri=note.uri, url=note.url, actor_id=author.id,
        local=False, visibility=addressing.visibility(note.audience, author.followers_uri), content=note.content,
        spoiler_text=note.spoiler, sensitive=note.sensitive, language=note.language, in_reply_to_uri=note.in_reply_to,
        in_reply_to_id=parent.id if parent else None, in_reply_to_actor_id=parent.actor_id if parent else None,
        object_type=note.type, context_uri=note.context, replies_uri=note.replies, emojis=note.emojis,
        interaction_policy=note.interaction_policy, document=orjson.dumps(addressing.strip_blind(document)),
        proof=proof_state(document, author),
        created_at=published, edited_at=note.updated if note.updated and note.updated > published else None)
    session.add(status)
    uow.absent -= {note.uri, note.in_reply_to or ""}
    if note.media:
        session.flush()  # the rows of its files point to the post's
        files = [_add_media(uow, status, author, position, item, quiet=quiet)
                 for position, item in enumerate(_wanted_media(uow, note, author))]
        companions.reconcile(uow, status)
        inbound.settle(uow, status, files, fresh=True)
    shown = status.review not in inbound.HIDDEN
    _details(uow, status, note, author, quiet=quiet or not shown, deep=deep and shown)
    if not new:
        threads.adopt_replies(uow, status)
    if parent is not None and shown:
        statuses.count_reply(uow, parent.id, 1)
    elif parent is None and note.in_reply_to is not None and not quiet and shown:
        threads.look_for_more(uow, status.id)
    if not quiet:
        actors.refresh_when_stale(uow, author)
    author.statuses_count += 1 if shown else 0
    author.last_status_at = max(published, author.last_status_at or published)
    return status  # written at the latest with the end of the transaction, together with others


def _details(uow: UnitOfWork, status: Status, note: NoteData, author: Actor, *, quiet: bool = False,
             deep: bool = True) -> None:
    """Tags, mentions, poll and quote of a post."""
    session = uow.session
    if note.tags or note.poll is not None or note.quote is not None:
        session.flush()  # their rows point to the post's
    if note.tags:
        statuses.set_tags(uow, status.id, note.tags, fresh=True)
    named = actors.by_uris(session, [uri for uri in note.mentions if uow.uris.is_local(uri)]
                           + [uri for uri in note.audience.everybody if uow.uris.actor_name(uri)])
    people = [actor for actor in named.values() if actor.local and actor.type != "Application"]
    if people:
        session.flush()
        statuses.set_mentions(uow, status.id, [actor.id for actor in people], fresh=True)
        if not quiet:
            inbound.tell_mentioned(uow, status, people)
    if note.poll is not None:
        _recount(uow, status, note)
    if note.quote is not None:
        quotes.attach(uow, status, note.quote, author, quiet=quiet, deep=deep)
    if any(item.based_on for item in note.media):
        lineages.attach(uow, status, note, author, deep=deep)
    if any(item.likeness_authorizations for item in note.media):
        cameos.attach(uow, status, note, deep=deep)


def _tally(poll: PollData) -> tuple[list[str], list[int]]:
    return [title for title, _ in poll.options], [votes for _, votes in poll.options]


def _wanted_media(uow: UnitOfWork, note: NoteData, author: Actor) -> list[MediaData]:
    """The files of a post, none from a domain whose media are rejected."""
    files = list(note.media)
    if not files:
        return files
    rules = domains.load(uow.session, uow.settings, [author.uri])
    return [] if rules.rejects_media(author.uri) else files


def _add_media(uow: UnitOfWork, status: Status, author: Actor, position: int, item: MediaData, *,
               quiet: bool = False) -> Media:
    media = Media(
        id=uow.new_id(), actor_id=author.id, status_id=status.id, position=position, kind=item.kind, state="remote",
        mime=item.mime, width=item.width, height=item.height, duration=item.duration, size=item.size,
        blurhash=item.blurhash, description=item.description, focus_x=item.focus[0], focus_y=item.focus[1],
        remote_url=item.url, remote_poster_url=item.poster, manifest_url=item.manifest_url, digest=item.digest,
        digital_source_type=item.digital_source_type, label_source=_known_from(item, status), declared=True,
        generator=item.generator, record=item.record, created_at=uow.now)
    uow.session.add(media)
    claims.replace(uow, media, item.claims, status.document, fresh=True)
    captions.take_remote(uow, media, item.captions, fresh=True)
    labels.plan_check(uow, media, quiet=quiet and not inbound.asks_files(uow.settings))
    return media


def _known_from(item: MediaData, status: Status) -> str | None:
    """A record counts as such only in a post that its author signed."""
    return "declared" if item.label_source == "record" and status.proof != "valid" else item.label_source


def _same_file(media: Media, item: MediaData) -> bool:
    """Whether a post says of a file what it said before; what we found in the file itself does not count."""
    if (media.remote_url, media.description) != (item.url, item.description):
        return False
    if media.label_source == "manifest":
        return foreign_labels.strictest((media.digital_source_type, "manifest"),
                                        (item.digital_source_type, "hashtag"))[1] == "manifest"
    return media.digital_source_type == item.digital_source_type


def edit(uow: UnitOfWork, document: dict[str, Any], author: Actor) -> str:
    """Apply a newer version of a known remote post. New counts of a poll are no edit, and always taken.

    Raises:
        NotOwner: the post is not this author's.
    """
    check_attribution(author.uri, document)
    note = from_activitypub(document)
    status = statuses.by_uri(uow.session, note.uri)
    if status is None:
        return "ignored: unknown post"
    if status.actor_id != author.id:
        raise NotOwner(cause=f"{author.uri} edits {note.uri}")
    moment = min(note.updated or uow.now, uow.now)
    if status.edited_at is not None and note.updated is not None and moment < status.edited_at:
        return "ignored: older than what is known"
    changed = _recount(uow, status, note)
    if note.quote is not None:
        quotes.attach(uow, status, note.quote, author)
    elif status.quote_of_uri is not None:
        quote_rows.forget(uow, status)
    if any(item.based_on for item in note.media):
        lineages.attach(uow, status, note, author)
    cameos.attach(uow, status, note)
    files, wanted_files = _files(uow, status), _wanted_media(uow, note, author)
    same = ((status.content, status.spoiler_text, status.sensitive) == (note.content, note.spoiler, note.sensitive)
            and len(files) == len(wanted_files) and all(map(_same_file, files, wanted_files)))
    status.interaction_policy, status.emojis = note.interaction_policy, note.emojis
    status.context_uri, status.replies_uri = note.context, note.replies
    before, now = companions.spoken(status.document), companions.statements(note)
    status.document, status.proof = orjson.dumps(addressing.strip_blind(document)), proof_state(document, author)
    for media in files:
        if before.get(media.remote_url or "") != now.get(media.remote_url or "", before.get(media.remote_url or "")):
            labels.plan_check(uow, media)  # what it took back, the verdict says
    claims.replace_all(uow, files, wanted_files, status.document)
    captions.take_all(uow, files, {item.url: item.captions for item in wanted_files})
    if same and not changed:
        return _settled(uow, status, files, "refreshed")
    status.content, status.spoiler_text, status.sensitive = note.content, note.spoiler, note.sensitive
    status.language, status.edited_at = note.language, moment
    statuses.set_tags(uow, status.id, note.tags)
    kept = _replace_files(uow, status, author, wanted_files, files)
    if {media.id for media in kept} != {media.id for media in files}:
        inbound.reopen(status)
    companions.reconcile(uow, status)
    return _settled(uow, status, kept, "edited")


def _settled(uow: UnitOfWork, status: Status, files: list[Media], outcome: str) -> str:
    """Ask the inbound policy again; the outcome, or what the policy says instead."""
    if not files and status.review is None:
        status.made = None
        return outcome
    inbound.settle(uow, status, files)
    return inbound.outcome(status) or outcome


def _recount(uow: UnitOfWork, status: Status, note: NoteData) -> bool:
    """Take a Question's counts; whether its options became others."""
    if note.poll is None or status.object_type != "Question":
        return False
    poll, (titles, votes) = polls.get(uow.session, status.id), _tally(note.poll)
    if poll is None:
        polls.add(uow, status.id, titles, multiple=note.poll.multiple, expires_at=note.poll.ends, votes=votes,
                  closed_at=note.poll.closed, voters=note.poll.voters, fetched=True)
        return True
    return polls.recount(uow, poll, titles, votes, multiple=note.poll.multiple, expires_at=note.poll.ends,
                         closed_at=note.poll.closed, voters=note.poll.voters)


def _replace_files(uow: UnitOfWork, status: Status, author: Actor, items: list[MediaData], files: list[Media],
                   ) -> list[Media]:
    """Take the files of an edit; those the post has now."""
    known, kept = {media.remote_url: media for media in files}, []
    for position, item in enumerate(items):
        media = known.pop(item.url, None)
        if media is None:
            media = _add_media(uow, status, author, position, item)
        else:
            media.position, media.description = position, item.description
            # the bytes are the same: an edit may admit to more machine than before, never to less
            media.digital_source_type, media.label_source = foreign_labels.strictest(
                (media.digital_source_type, media.label_source or "declared"),
                (item.digital_source_type, _known_from(item, status) or "declared"))
            # other bytes at the same address; a digest or record that an edit leaves out stays
            media.digest, media.record = item.digest or media.digest, item.record or media.record
            media.manifest_url = item.manifest_url or media.manifest_url
        kept.append(media)
    for media in known.values():
        uow.session.delete(media)
    return kept


def _files(uow: UnitOfWork, status: Status) -> list[Media]:
    return list(uow.session.scalars(select(Media).where(Media.status_id == status.id).order_by(Media.position)))


def embedded_or_fetched(reference: object, actor_uri: str, fetched: Mapping[str, dict[str, Any]]) -> dict[str, Any] | None:
    """The object to trust: what was fetched from its origin, or what its own author embedded (FEP-fe34)."""
    uri = parse.id_of(reference)
    if uri is None:
        return None
    if uri in fetched:
        return fetched[uri]
    if isinstance(reference, dict) and parse.same_origin(uri, actor_uri) and actor_uri in parse.ids_of(
            reference.get("attributedTo")):
        return reference
    return None
