"""What is known here about a stored file: what its post says, what stands beside the post, and which consents it lacks.

Of a remote post the object itself is asked, not our row: the row keeps the stricter label when an edit takes one back
(BI-205), and shows what the file or a hashtag says where the object says nothing.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..activities import companions
from ..activities.remote_posts import proof_state
from ..activitypub.parse import host_of, type_of
from ..db import UnitOfWork
from ..errors import FedisoraError
from ..models import Actor, Media, Status
from ..provenance import digital_source, foreign_labels
from ..provenance.verdict import Match, ObjectFacts
from ..serializers.activitypub.attachment import MediaData
from ..serializers.activitypub.note import from_activitypub
from ..store import labels, trust

CHECKED: Final = ("video", "image")
_FILES: Final = ("Video", "Image", "Audio")
"""Objects that are a file themselves (PeerTube's way)."""


@dataclass(frozen=True)
class KnownFile:
    """A stored file, what its post says, and what else weighs.

    Attributes:
        proof: what a remote post's own proof is worth by the keys its author has now.
        companion: the same file as the post's other object (Note or Video) shows it.
    """

    media: Media
    facts: ObjectFacts | None
    revoked_stamps: tuple[str, ...] = ()
    invalid_stamps: tuple[str, ...] = ()
    match: Match | None = None
    proof: str | None = None
    companion: Media | None = None


def known_file(session: Session, media: Media) -> KnownFile:
    """What is known about a stored file."""
    match = match_of(media.matched)
    status = session.get(Status, media.status_id) if media.status_id is not None else None
    if status is None:
        return KnownFile(media, None, match=match)
    author = session.get_one(Actor, status.actor_id)
    revoked, invalid = trust.consents(session, status.id)
    handle = f"@{author.username}@{author.domain or host_of(author.uri)}"
    if status.local:
        facts = ObjectFacts(object_id=status.uri, actor=author.uri, digest_multibase=media.digest or None,
                            digital_source_type=labels.stated(media), handle=handle)
        return KnownFile(media, facts, tuple(revoked), tuple(invalid), match)
    document = _document(status)
    said = statement(document, media) if document else None
    proof = proof_state(document, author, media.created_at) if document else "none"
    companion = companions.of(session, status, media)
    differences = _differences(document, said, media, companion)
    facts = ObjectFacts(
        object_id=companions.note_of(status), actor=author.uri, digest_multibase=media.digest or None,
        digital_source_type=_stated(document, media) if said else labels.stated(media),
        record_url=_record_id(said.record) if said else None, handle=handle, proof=proof,
        disagreements=tuple(differences), withdrawn=_withdrawn(said, media, companion))
    return KnownFile(media, facts, tuple(revoked), tuple(invalid), match, proof, companion)


def match_of(value: object) -> Match | None:
    """A kept match (`media.matched`) as the verdict wants it."""
    if isinstance(value, dict) and isinstance(value.get("object"), str) and isinstance(value.get("distance"), int):
        return Match(value["object"], value["distance"])
    return None


def _document(status: Status) -> dict[str, Any] | None:
    if status.document is None:
        return None
    document = orjson.loads(status.document)
    return document if isinstance(document, dict) else None


def statement(document: dict[str, Any], media: Media) -> MediaData | None:
    """What a post says of one of its files, now; None when it names it no more."""
    try:
        files = from_activitypub(document).media
    except FedisoraError:
        return None
    return next((item for item in files if item.url == media.remote_url), None)


def _record_id(record: object) -> str | None:
    found = record.get("id") if isinstance(record, dict) else None
    return found if isinstance(found, str) else None


def _differences(document: dict[str, Any] | None, said: MediaData | None, media: Media, companion: Media | None) -> list[str]:
    found = []
    if companion is not None:
        if companion.digest and media.digest and companion.digest != media.digest:
            found.append("the post and its video object name different files")
        if not digital_source.same(companion.digital_source_type, said.digital_source_type if said else None):
            found.append("the post and its video object say different things about how it was made")
    node = _node(document, media) if document is not None else None
    record = node.get("provenance") if node is not None else None
    if node is not None and isinstance(record, dict):
        for name, text in (("digestMultibase", "the post and its record name different files"),
                           ("digitalSourceType", "the post and its record say different things about how it was made")):
            one, other = node.get(name), record.get(name)
            if isinstance(one, str) and isinstance(other, str) and not digital_source.same(one, other):
                found.append(text)
    return found


def _node(document: dict[str, Any], media: Media) -> dict[str, Any] | None:
    """The attachment of a post that is one file, as it was written."""
    nodes = document.get("attachment")
    for node in nodes if isinstance(nodes, list) else [nodes]:
        if isinstance(node, dict) and media.remote_url is not None and media.remote_url in str(node.get("url")):
            return node
    return document if type_of(document) in _FILES else None


def _stated(document: dict[str, Any] | None, media: Media) -> str | None:
    """The source type that a post states in our vocabulary: of itself and its record the one that admits to more machine."""
    node = (_node(document, media) if document is not None else None) or {}
    record = node.get("provenance")
    return digital_source.stricter(
        foreign_labels.iptc(record.get("digitalSourceType")) if isinstance(record, dict) else None,
        foreign_labels.iptc(node.get("digitalSourceType")))


def _withdrawn(said: MediaData | None, media: Media, companion: Media | None) -> str | None:
    """What the post said first and says no more (our row keeps it, unless it has it from the file or from the companion)."""
    if said is None:
        return None
    own = media.label_source != "manifest" and (companion is None or digital_source.weaker(
        companion.digital_source_type, media.digital_source_type))
    if own and digital_source.weaker(said.digital_source_type, media.digital_source_type):
        return "an edit of the post took its label back; what it said first is kept"
    if media.record is not None and said.record is None:
        return "an edit of the post took its record back; what it said first is kept"
    return None


# ---- finding files
def by_id(session: Session, media_id: int) -> KnownFile | None:
    """A stored file by its row."""
    media = session.get(Media, media_id)
    return known_file(session, media) if media is not None else None


def by_digest(session: Session, digest: str) -> KnownFile | None:
    """A file signed here that has exactly these bytes."""
    media = session.scalar(select(Media).where(Media.digest == digest, Media.state == "signed").limit(1))
    return known_file(session, media) if media is not None else None


def consents_of(session: Session, uri: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(withdrawn or run out, wrong): stamps that the files of a post need, as far as the post is known here."""
    status_id = session.scalar(select(Status.id).where(Status.uri == uri).limit(1))
    gone, wrong = trust.consents(session, status_id) if status_id is not None else ([], [])
    return tuple(gone), tuple(wrong)


def keep_label(uow: UnitOfWork, media: Media, known: KnownFile) -> None:
    """Show the stricter of what post and companion say, and keep what the post's proof is worth now."""
    if known.companion is not None:
        companions.show_stricter(media, known.companion)
    status = uow.session.get(Status, media.status_id) if media.status_id is not None else None
    if status is not None and not status.local and known.proof is not None and status.proof != known.proof:
        status.proof = known.proof
