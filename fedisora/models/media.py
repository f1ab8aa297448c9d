"""Media files, ours and others', with their provenance."""
from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Media(Base):
    """A video, image or sound.

    A local one goes `received` → `processing` → `ready` | `failed`; "ready" means encoded, not yet signed with its post.
    Signing happens last: `signed` once the served bytes carry the manifest that names the post. A remote one is `remote`.
    """

    __tablename__ = "media"
    __table_args__ = (
        Index(None, "digest"), Index(None, "watermark"),
        Index("ix_media_recheck", "recheck_at", sqlite_where=text("recheck_at IS NOT NULL"),
              postgresql_where=text("recheck_at IS NOT NULL")))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"), index=True)
    status_id: Mapped[int | None] = mapped_column(ForeignKey("statuses.id", ondelete="CASCADE"), index=True)
    position: Mapped[int] = mapped_column(default=0)
    kind: Mapped[str] = mapped_column(String(8), default="unknown")
    """`video`, `image`, `audio` or `unknown`."""
    state: Mapped[str] = mapped_column(String(12), default="received")
    error: Mapped[str | None]
    mime: Mapped[str] = mapped_column(String(80), default="")
    width: Mapped[int | None]
    height: Mapped[int | None]
    duration: Mapped[float | None]
    """Seconds."""
    size: Mapped[int | None]
    """Bytes of the served file."""
    blurhash: Mapped[str | None] = mapped_column(String(128))
    description: Mapped[str] = mapped_column(default="")
    """Alternative text."""
    focus_x: Mapped[float] = mapped_column(default=0.0)
    focus_y: Mapped[float] = mapped_column(default=0.0)
    upload_key: Mapped[str | None]
    """Storage key of the file as uploaded (removed once processed)."""
    storage_key: Mapped[str | None]
    """Storage key of the served file."""
    poster_key: Mapped[str | None]
    manifest_key: Mapped[str | None]
    """Storage key of the C2PA manifest as a sidecar."""
    remote_url: Mapped[str | None]
    remote_poster_url: Mapped[str | None]
    manifest_url: Mapped[str | None]
    """Where a remote file's manifest is said to be."""
    digest: Mapped[str | None] = mapped_column(String(64))
    """`digestMultibase` of the served bytes (as claimed, for a remote file)."""
    digital_source_type: Mapped[str | None]
    """IPTC URI; NULL = undeclared."""
    declared: Mapped[bool] = mapped_column(default=False)
    """Whether the source type is only the author's word (an upload), not known from making it here."""
    generator: Mapped[dict[str, Any] | None]
    """What made it: {"name","model","revision","licence","backend","parameters","seed","prompt"|"promptCommitment"}."""
    record: Mapped[dict[str, Any] | None]
    """The in-file assertion (`org.fedisora.provenance`) of a local file (before it is signed only who made it, as of then), or
    the federated node of a remote one."""
    prompt_nonce: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed nonce of a hidden prompt's commitment."""
    verdict: Mapped[dict[str, Any] | None]
    """The verdict object of vocabulary §5; NULL = not checked yet."""
    verdict_at: Mapped[dt.datetime | None]
    recheck_at: Mapped[dt.datetime | None]
    """When the verdict is looked at again (keys change, servers come back); NULL: when its origin says that keys changed."""
    label_source: Mapped[str | None] = mapped_column(String(12))
    """Where `digital_source_type` is known from: `made` (made here), `declared` (the author's word), `record` (a signed object),
    `manifest` (in the file), `peertube` (its level), `hashtag`."""
    ingredients: Mapped[list[Any]] = mapped_column(default=list)
    """What it was made from: [{"kind": "upload"|"remix"|"cameo", "relationship", "title", "object"?, "mime"?, "verdict"?,
    "summary"?, "signer"?, "digitalSourceType"?}] (vocabulary §2)."""
    edits: Mapped[list[Any]] = mapped_column(default=list)
    """Edit history: [{"action": "c2pa.…", "when"?, "softwareAgent"?, "parameters"?}]"""
    soft_binding: Mapped[list[Any]] = mapped_column(default=list)
    """`ISCC:…`, `fs-wm:…`"""
    watermark: Mapped[int | None]
    """The 32-bit id that the invisible watermark carries."""
    fingerprinted_at: Mapped[dt.datetime | None]
    matched: Mapped[dict[str, Any] | None]
    """A known file this one looks like: {"media_id", "object", "distance", "frames"?, "watermark"?}"""
    generation_id: Mapped[int | None]
    audio: Mapped[bool | None]
    """Whether it has sound; NULL: not known."""
    loudness: Mapped[float | None]
    """Integrated loudness of the sound, in LUFS (EBU R 128), as encoded."""
    storyboard_key: Mapped[str | None]
    """Storage key of the strip of small pictures."""
    storyboard: Mapped[dict[str, Any] | None]
    """{"width", "height": of one picture, "columns", "rows", "count", "interval": seconds}"""
    created_at: Mapped[dt.datetime]

    @property
    def poster_jpeg_key(self) -> str | None:
        """Where the poster's copy as JPEG is kept once somebody asked for it: PeerTube takes no other kind."""
        return f"{self.poster_key.rpartition('.')[0]}.jpg" if self.poster_key else None


class Rendition(Base):
    """Another encoding of a local video: a smaller rung of the ladder, or the fragmented file that HLS reads by byte range."""

    __tablename__ = "renditions"
    __table_args__ = (Index(None, "media_id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    media_id: Mapped[int] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(8), default="mp4")
    """`mp4` (faststart) or `fmp4` (fragmented, with `playlist`)."""
    width: Mapped[int]
    height: Mapped[int]
    bitrate: Mapped[int]
    """Bits per second."""
    codecs: Mapped[str] = mapped_column(String(64), default="")
    """RFC 6381."""
    size: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    storage_key: Mapped[str]
    playlist: Mapped[str | None]
    """HLS media playlist with byte ranges into the file; URIs are written when it is served."""
    signed: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[dt.datetime]


class Caption(Base):
    """Captions of a local video in one language, WebVTT."""

    __tablename__ = "captions"
    __table_args__ = (Index(None, "media_id", "language", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    media_id: Mapped[int] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"))
    language: Mapped[str] = mapped_column(String(16))
    """BCP 47."""
    label: Mapped[str] = mapped_column(String(80), default="")
    automatic: Mapped[bool] = mapped_column(default=False)
    """Drafted by a program, not yet read by a person."""
    text: Mapped[str]
    """Cleaned WebVTT."""
    created_at: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime]


class Upload(Base):
    """A resumable upload (tus 1.0.0) that is not complete yet. Its bytes lie in the data folder under `part`."""

    __tablename__ = "uploads"
    __table_args__ = (Index(None, "expires_at"),)

    id: Mapped[str] = mapped_column(String(43), primary_key=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"), index=True)
    length: Mapped[int]
    offset: Mapped[int] = mapped_column(default=0)
    about: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Upload-Metadata, decoded."""
    part: Mapped[str]
    media_id: Mapped[int | None]
    """The file that it became."""
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
