"""Actors, local and remote, and the private keys of local ones."""
from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Actor(Base):
    """An ActivityPub actor. `domain` is "" for local ones; `uri` is its id."""

    __tablename__ = "actors"
    __table_args__ = (UniqueConstraint("username_key", "domain"), Index(None, "domain"), Index(None, "shared_inbox"),
                      Index(None, "key_id"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    uri: Mapped[str] = mapped_column(unique=True)
    username: Mapped[str] = mapped_column(String(255))
    username_key: Mapped[str] = mapped_column(String(255))
    """The user name in lower case: names differing only in case are one account."""
    domain: Mapped[str] = mapped_column(String(255), default="")
    type: Mapped[str] = mapped_column(String(32), default="Person")
    kind: Mapped[str | None] = mapped_column(String(16))
    """`human`, `agent` or NULL (undeclared): what the account says it is."""
    operator_uri: Mapped[str | None]
    operator_confirmed: Mapped[bool] = mapped_column(default=False)
    """Whether the operator says so too: its own document names this agent in `operates`."""
    operates: Mapped[list[str]] = mapped_column(default=list)
    name: Mapped[str] = mapped_column(default="")
    summary: Mapped[str] = mapped_column(default="")
    """Sanitised HTML."""
    note: Mapped[str] = mapped_column(default="")
    """Source text of a local account's summary."""
    fields: Mapped[list[Any]] = mapped_column(default=list)
    """[{"name": text, "value": sanitised HTML}]"""
    url: Mapped[str] = mapped_column(default="")
    inbox: Mapped[str] = mapped_column(default="")
    shared_inbox: Mapped[str | None]
    outbox: Mapped[str | None]
    followers_uri: Mapped[str | None]
    following_uri: Mapped[str | None]
    featured_uri: Mapped[str | None]
    key_id: Mapped[str | None]
    public_key_pem: Mapped[str | None]
    """RSA (or Ed25519) key that signs HTTP requests."""
    assertion_keys: Mapped[list[Any]] = mapped_column(default=list)
    """[{"id": URL, "multibase": "z6Mk…", "expires"?, "revoked"?}]: FEP-521a keys that sign documents, former ones too."""
    signing_certificates: Mapped[str | None]
    """URL of the PEM bundle with the C2PA anchors of the actor's instance."""
    locked: Mapped[bool] = mapped_column(default=False)
    discoverable: Mapped[bool] = mapped_column(default=True)
    indexable: Mapped[bool] = mapped_column(default=False)
    """FEP-5feb: whether public posts may be found by full-text search."""
    hide_collections: Mapped[bool] = mapped_column(default=False)
    """Followers and followed are shown to nobody else: only how many there are."""
    emojis: Mapped[list[Any]] = mapped_column(default=list)
    """Custom emoji of the name and summary: [{"shortcode", "url"}]"""
    avatar_key: Mapped[str | None]
    """Storage key of a local account's picture; remote ones have `avatar_url`."""
    avatar_url: Mapped[str | None]
    header_key: Mapped[str | None]
    header_url: Mapped[str | None]
    also_known_as: Mapped[list[str]] = mapped_column(default=list)
    moved_to: Mapped[str | None]
    moved_at: Mapped[dt.datetime | None]
    """When the last Move of this account was carried out here."""
    attestation: Mapped[list[str]] = mapped_column(default=list)
    """Addresses of HumanCredentials about this actor, as its document names them (vocabulary §3)."""
    human: Mapped[str | None] = mapped_column(String(32))
    """What is known of them: one of `provenance.humanity.VERDICTS`; NULL: nothing. The next four say by whom, how, until when."""
    human_issuer: Mapped[str | None] = mapped_column(String(255))
    """Host of the server that checked; "" for this one."""
    human_method: Mapped[str | None] = mapped_column(String(24))
    """`assuranceMethod`: `fs:LiveClipReviewed`, …"""
    human_until: Mapped[dt.datetime | None]
    human_checked_at: Mapped[dt.datetime | None]
    interaction_policy: Mapped[dict[str, Any] | None]
    """Of the actor: who may ask for a cameo (`canCameo`)."""
    cameo_terms: Mapped[str | None]
    """Where the actor's server says who may ask for a cameo, and for what (remote actors)."""
    owner_id: Mapped[int | None] = mapped_column(index=True)
    """The account a channel (a local Group) belongs to."""
    backfilled_at: Mapped[dt.datetime | None]
    """When older posts of a followed remote account were fetched."""
    created_at: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime]
    fetched_at: Mapped[dt.datetime | None]
    suspended_at: Mapped[dt.datetime | None]
    followers_count: Mapped[int] = mapped_column(default=0)
    following_count: Mapped[int] = mapped_column(default=0)
    statuses_count: Mapped[int] = mapped_column(default=0)
    last_status_at: Mapped[dt.datetime | None]

    @property
    def local(self) -> bool:
        return self.domain == ""

    @property
    def acct(self) -> str:
        """`name` for local accounts, `name@domain` for remote ones."""
        return self.username if self.local else f"{self.username}@{self.domain}"


class ActorKey(Base):
    """A private key of a local actor, sealed by the vault. `use` is `http` (RSA), `proof` or `c2pa` (Ed25519)."""

    __tablename__ = "actor_keys"
    __table_args__ = (UniqueConstraint("actor_id", "use", "generation"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    use: Mapped[str] = mapped_column(String(8))
    generation: Mapped[int] = mapped_column(default=1)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    certificate_chain: Mapped[str | None]
    """PEM, leaf first (C2PA keys only)."""
    created_at: Mapped[dt.datetime]
    retired_at: Mapped[dt.datetime | None]
