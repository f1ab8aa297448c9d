"""Relays this instance takes part in (FEP-ae0c)."""
from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import Relay

MASTODON, LITEPUB = "mastodon", "litepub"
STYLES = (MASTODON, LITEPUB)


def everything(session: Session) -> Sequence[Relay]:
    """All relays, the oldest first."""
    return session.scalars(select(Relay).order_by(Relay.id)).all()


def by_address(session: Session, url: str) -> Relay | None:
    """The relay with this inbox or actor."""
    return session.scalar(select(Relay).where((Relay.inbox == url) | (Relay.actor_uri == url)).limit(1))


def by_follow(session: Session, uri: str) -> Relay | None:
    """The relay that this Follow of ours asked."""
    return session.scalar(select(Relay).where(Relay.follow_uri == uri))


def waiting_at(session: Session, inboxes: Sequence[str]) -> Relay | None:
    """A relay asked in Mastodon's style whose inbox is one of these."""
    return session.scalar(select(Relay).where(Relay.style == MASTODON, Relay.inbox.in_(inboxes)).limit(1))


def accepted(session: Session, actor_uri: str) -> bool:
    """Whether this actor is a relay that took us in: only then may it bring other people's posts (BI-186)."""
    return session.scalar(select(Relay.id).where(Relay.actor_uri == actor_uri, Relay.state == "accepted").limit(1)) is not None


def may_follow_back(session: Session, actor_uri: str) -> bool:
    """Whether this actor is a LitePub relay that we asked: it follows the instance actor to get our posts."""
    return session.scalar(select(Relay.id).where(
        Relay.actor_uri == actor_uri, Relay.style == LITEPUB, Relay.state != "rejected").limit(1)) is not None


def inboxes(session: Session, style: str) -> list[str]:
    """Inboxes of the relays of a style that took us in."""
    return list(session.scalars(select(Relay.inbox).where(Relay.style == style, Relay.state == "accepted")
                                .order_by(Relay.id)))
