"""Who is behind an account: verification cases and their evidence, credentials, and what is known of people elsewhere.

Nothing here holds a face, a voice or a template of either: a live clip lies sealed in the private storage until it is decided.
"""
from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Passkey(Base):
    """A WebAuthn credential of a login (W3C WebAuthn level 3)."""

    __tablename__ = "passkeys"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    """COSE."""
    sign_count: Mapped[int] = mapped_column(default=0)
    transports: Mapped[list[str]] = mapped_column(default=list)
    name: Mapped[str] = mapped_column(String(80), default="")
    created_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]


class VerificationCase(Base):
    """One try of a local account to be recognised as a person. States: services/verification/states.py.

    `method`: `live-clip`, `vouch`, `oidc`, `credential`; `likeness` is a live clip that belongs to a likeness, `other-way` a
    question to the moderators by somebody who records none.
    """

    __tablename__ = "verification_cases"
    __table_args__ = (Index(None, "actor_id", "id"), Index(None, "state", "id"),
                      Index("ix_verification_cases_clip", "clip_purge_at", sqlite_where=text("clip_key IS NOT NULL"),
                            postgresql_where=text("clip_key IS NOT NULL")))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    method: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(12), default="started")
    challenge: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed JSON: what the person has to say and do, or what a method has to remember; gone with the decision."""
    challenge_until: Mapped[dt.datetime | None]
    """Until when it may be answered; NULL once it was."""
    tries: Mapped[int] = mapped_column(default=0)
    clip_key: Mapped[str | None]
    """Key of the sealed clip in the private storage; NULL once its deletion is done."""
    clip_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The clip's own key, itself sealed; NULL from the moment of the decision."""
    clip_digest: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 (hex) of the sealed file, by which its deletion is evidenced."""
    clip_size: Mapped[int | None]
    clip_mime: Mapped[str] = mapped_column(String(80), default="")
    clip_at: Mapped[dt.datetime | None]
    clip_purge_at: Mapped[dt.datetime | None]
    """When it is deleted whatever happens; 72 hours after it came at most."""
    clip_deleted_at: Mapped[dt.datetime | None]
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("actors.id", ondelete="SET NULL"))
    """The moderator to whom it is assigned; nobody else sees the clip."""
    assigned_at: Mapped[dt.datetime | None]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("actors.id", ondelete="SET NULL"))
    decided_at: Mapped[dt.datetime | None]
    reason: Mapped[str] = mapped_column(default="")
    """What the person is told."""
    about: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What a method keeps: nothing about the person (the issuer's address, say)."""
    likeness_id: Mapped[int | None] = mapped_column(index=True)
    created_at: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime]


class AuditEntry(Base):
    """What was done with sensitive things, and by whom: never changed, never with content in it."""

    __tablename__ = "audit_log"
    __table_args__ = (Index(None, "subject_id", "id"), Index(None, "case_id"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[dt.datetime]
    actor_id: Mapped[int | None]
    """Who did it; NULL: the server itself."""
    action: Mapped[str] = mapped_column(String(40))
    """`clip.viewed`, `clip.deleted`, `case.approved`, …: services/audit.py lists them."""
    subject_id: Mapped[int | None]
    """The account it is about."""
    case_id: Mapped[int | None]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Vouch(Base):
    """A verified person says that another is a person."""

    __tablename__ = "vouches"
    __table_args__ = (UniqueConstraint("voucher_id", "subject_id"), Index(None, "subject_id"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    voucher_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    subject_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    created_at: Mapped[dt.datetime]
    revoked_at: Mapped[dt.datetime | None]


class VerificationIdentity(Base):
    """One identity elsewhere stands for one account here. Only a keyed digest of it is kept."""

    __tablename__ = "verification_identities"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    """HMAC (hex) of issuer and subject under the instance's key."""
    method: Mapped[str] = mapped_column(String(12))
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[dt.datetime]


class HumanCredential(Base):
    """A credential that this instance gave one of its people (vocabulary §3); served at `uri` until it ends."""

    __tablename__ = "human_credentials"
    __table_args__ = (Index(None, "actor_id", "id"), Index(None, "valid_until"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    uri: Mapped[str] = mapped_column(unique=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    method: Mapped[str] = mapped_column(String(12))
    list_number: Mapped[int]
    list_index: Mapped[int]
    document: Mapped[bytes] = mapped_column(LargeBinary)
    """As signed."""
    valid_from: Mapped[dt.datetime]
    valid_until: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
    """When it was revoked, replaced by its renewal, or found to have run out."""
    end: Mapped[str] = mapped_column(String(12), default="")
    """`revoked`, `expired` or `renewed`."""
    reason: Mapped[str] = mapped_column(default="")
    """For the person and for administrators; it is not published."""
    reminded_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime]


class StatusIndex(Base):
    """An index of a status list that was given away. It names nobody and stays for ever, so that none is used twice."""

    __tablename__ = "status_indexes"

    list_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    revoked_at: Mapped[dt.datetime | None]


class StatusList(Base):
    """A BitstringStatusList of this instance, as it was signed last."""

    __tablename__ = "status_lists"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    used: Mapped[int] = mapped_column(default=0)
    document: Mapped[bytes] = mapped_column(LargeBinary)
    signed_at: Mapped[dt.datetime]


class Attestation(Base):
    """What is known of another server's word that one of its actors is a person: the best credential the actor names."""

    __tablename__ = "attestations"
    __table_args__ = (Index("ix_attestations_recheck", "recheck_at", sqlite_where=text("recheck_at IS NOT NULL"),
                            postgresql_where=text("recheck_at IS NOT NULL")),)

    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    url: Mapped[str]
    issuer: Mapped[str] = mapped_column(default="")
    list_url: Mapped[str] = mapped_column(default="", index=True)
    list_index: Mapped[int | None]
    named: Mapped[list[str]] = mapped_column(default=list)
    """Addresses that were looked at: the same ones are not fetched again before `recheck_at`, whatever came of it."""
    fetches: Mapped[list[str]] = mapped_column(default=list)
    """When credentials were fetched for this actor in the last 24 hours (RFC 3339), `MOST_FETCHES` at most."""
    reason: Mapped[str] = mapped_column(default="")
    """Why it does not count, in a sentence."""
    failures: Mapped[int] = mapped_column(default=0)
    checked_at: Mapped[dt.datetime | None]
    recheck_at: Mapped[dt.datetime | None]


class RemoteStatusList(Base):
    """Another server's status list, fetched whole and kept for hours."""

    __tablename__ = "remote_status_lists"

    url: Mapped[str] = mapped_column(primary_key=True)
    issuer: Mapped[str]
    document: Mapped[bytes] = mapped_column(LargeBinary)
    fetched_at: Mapped[dt.datetime]
    valid_until: Mapped[dt.datetime]


class TrustedVerifier(Base):
    """Another server whose word about people this instance takes."""

    __tablename__ = "trusted_verifiers"

    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    note: Mapped[str] = mapped_column(default="")
    created_by: Mapped[int | None]
    created_at: Mapped[dt.datetime]
