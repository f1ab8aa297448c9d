"""Relays this instance takes part in (FEP-ae0c), and who may not speak through them."""
from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import Actor, DomainRule, Relay

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


def unwelcome(session: Session, author: Actor) -> bool:
    """Whether an author may not be heard here, whoever passes it on: suspended, or of a blocked domain (BI-185).

    A rule for a domain holds for everything below it, whatever the port.
    """
    if author.suspended_at is not None:
        return True
    host = (urlsplit(author.uri).hostname or "").rstrip(".")
    parts = host.split(".")
    names = {".".join(parts[start:]) for start in range(len(parts))} | {author.domain}
    return session.scalar(select(DomainRule.domain).where(
        DomainRule.domain.in_(names), DomainRule.severity == "block").limit(1)) is not None
