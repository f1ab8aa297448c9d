"""What is known about how files were made: parents and consents, claims of extensions, fingerprints, revoked certificates."""
from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class ConsentRequest(Base):
    """Somebody asks whether a video may be made from a post (`remix`) or with a likeness (`likeness`); vocabulary §4.

    One side or both are accounts of this instance. `state`: `pending` → `accepted` | `rejected` | `withdrawn`.
    """

    __tablename__ = "consent_requests"
    __table_args__ = (Index(None, "owner_id", "state"), Index(None, "requester_id", "state"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    uri: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(String(8))
    owner_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    """Who is asked."""
    requester_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    target_uri: Mapped[str]
    """The parent post, or the actor whose likeness it is."""
    target_id: Mapped[int | None]
    """Row of the parent post."""
    object_uri: Mapped[str] = mapped_column(index=True)
    """Id of the post to be (`instrument`)."""
    status_id: Mapped[int | None] = mapped_column(index=True)
    """Row of that post, when it is here."""
    name: Mapped[str] = mapped_column(default="")
    use: Mapped[str] = mapped_column(default="")
    """The intended use in the requester's words."""
    digest: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(12), default="pending")
    reason: Mapped[str] = mapped_column(default="")
    """Why it was refused."""
    stamp_uri: Mapped[str | None]
    likeness_id: Mapped[int | None]
    """The owner's row that is asked for, when the owner lives here."""
    character_uri: Mapped[str | None]
    """Address of the character that is asked for; NULL: the person."""
    prompt: Mapped[str] = mapped_column(default="")
    """What is to be rendered with a likeness, on the owner's instance."""
    parameters: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """{"seconds", "width", "height", "orientation", "seed"}: the rest of a render request."""
    render_id: Mapped[int | None] = mapped_column(index=True)
    """The generation on the owner's instance."""
    generation_id: Mapped[int | None] = mapped_column(index=True)
    """The generation on the instance of whoever asks, which waits for it."""
    content_digest: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 (hex) of what the owner saw and let go: the packets of its streams, which signing does not change."""
    seen_at: Mapped[dt.datetime | None]
    """When the owner looked at the rendered draft and let it go; for one elsewhere, when we heard of it."""
    created_at: Mapped[dt.datetime]
    answered_at: Mapped[dt.datetime | None]


class ConsentStamp(Base):
    """A RemixAuthorization or LikenessAuthorization that a local owner gave; served at `uri` until it is revoked."""

    __tablename__ = "consent_stamps"
    __table_args__ = (Index(None, "target_uri", "object_uri"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    uri: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(String(8))
    """`remix` or `likeness`."""
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"), index=True)
    """The owner."""
    request_id: Mapped[int | None]
    target_uri: Mapped[str]
    object_uri: Mapped[str]
    requester_uri: Mapped[str]
    digest: Mapped[str | None] = mapped_column(String(64))
    end_at: Mapped[dt.datetime | None]
    document: Mapped[bytes] = mapped_column(LargeBinary)
    """As signed."""
    looked_at: Mapped[dt.datetime | None]
    """When the post it allows was last looked for, while that is not known here."""
    created_at: Mapped[dt.datetime]
    revoked_at: Mapped[dt.datetime | None]


class Lineage(Base):
    """A post's video was made from another post (`remix`) or shows somebody's likeness (`cameo`). One row per parent.

    `consent`: `own` (the author's own parent), `pending` (not looked for yet), `valid`, `missing` (no stamp), `invalid`,
    `revoked`, `expired`, `unreachable` (the owner's server does not answer; the last state stands in `reason`).
    """

    __tablename__ = "lineage"
    __table_args__ = (UniqueConstraint("child_id", "parent_uri", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    child_id: Mapped[int] = mapped_column(ForeignKey("statuses.id", ondelete="CASCADE"))
    child_uri: Mapped[str] = mapped_column(index=True)
    parent_uri: Mapped[str] = mapped_column(index=True)
    """Id of the parent post (remix) or of the actor shown (cameo)."""
    parent_id: Mapped[int | None] = mapped_column(index=True)
    """Row of the parent post, NULL while it is not known here."""
    kind: Mapped[str] = mapped_column(String(8))
    stamp_uri: Mapped[str | None] = mapped_column(index=True)
    consent: Mapped[str] = mapped_column(String(12), default="pending")
    reason: Mapped[str] = mapped_column(default="")
    checked_at: Mapped[dt.datetime | None]
    recheck_at: Mapped[dt.datetime | None] = mapped_column(index=True)
    """When the stamp is looked at again; NULL: never."""
    looked_at: Mapped[dt.datetime | None]
    """When an unknown parent was last looked for because somebody opened the lineage."""
    created_at: Mapped[dt.datetime]


class Fingerprint(Base):
    """A code by which a file is recognised without its manifest: `iscc` (256 bits of the whole), `part`, `pdq` (of a frame)."""

    __tablename__ = "fingerprints"
    __table_args__ = (Index(None, "kind", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    media_id: Mapped[int] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(4))
    position: Mapped[int] = mapped_column(default=0)
    """Milliseconds from the start, for a frame."""
    code: Mapped[bytes] = mapped_column(LargeBinary)


class ClaimRow(Base):
    """One extension claim of a file, byte for byte as it came, and what the installed extension says about it.

    `status`: `valid`, `invalid` or `unknown` (no extension for its namespace).
    """

    __tablename__ = "claims"
    __table_args__ = (Index(None, "namespace", "id"), Index(None, "extension", "id"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    media_id: Mapped[int] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), index=True)
    position: Mapped[int] = mapped_column(default=0)
    source: Mapped[str] = mapped_column(String(8), default="object")
    """Where it stood: `object` (the federated record) or `file` (the manifest)."""
    type: Mapped[str]
    """IRI of its type, or the bare word when nothing defines it."""
    namespace: Mapped[str]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    context: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The `@context` of the document it came in, as JSON."""
    extension: Mapped[str | None] = mapped_column(String(64))
    extension_version: Mapped[str | None] = mapped_column(String(32))
    """Version that judged it; another one judges it again."""
    status: Mapped[str] = mapped_column(String(8), default="unknown")
    label: Mapped[str] = mapped_column(default="")
    problems: Mapped[list[Any]] = mapped_column(default=list)
    """[{"path", "message"}]"""
    checked_at: Mapped[dt.datetime | None]


class ExtensionFault(Base):
    """An installed extension misbehaved: it raised, took too long, answered too much or cannot be loaded."""

    __tablename__ = "extension_faults"

    extension: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    """`raised`, `slow`, `huge` or `import`."""
    message: Mapped[str]
    count: Mapped[int] = mapped_column(default=1)
    first_at: Mapped[dt.datetime]
    last_at: Mapped[dt.datetime]


class RevokedCertificate(Base):
    """A signing certificate of ours that counts no more; published in /.well-known/fedisora-revoked."""

    __tablename__ = "revoked_certificates"

    serial: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Lower-case hex."""
    actor_id: Mapped[int | None] = mapped_column(index=True)
    since: Mapped[dt.datetime]
    reason: Mapped[str] = mapped_column(default="")
