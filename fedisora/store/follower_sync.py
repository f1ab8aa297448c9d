"""Who of one server follows an actor: what FEP-8fcf compares."""
from __future__ import annotations

from urllib.parse import urlsplit

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ..activitypub.follower_sync import digest
from ..models import Actor, Follow


def followers_at(session: Session, actor: Actor, host: str) -> list[str]:
    """Ids of an actor's followers on one server; `host` is the authority of their ids, with a port when there is one."""
    pattern = host.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = session.scalars(select(Actor.uri).join(Follow, Follow.actor_id == Actor.id).where(
        Follow.target_id == actor.id, Follow.state == "accepted", Actor.domain != "", Actor.suspended_at.is_(None),
        or_(*(Actor.uri.ilike(f"{scheme}://{pattern}/%", escape="\\") for scheme in ("https", "http")))).order_by(Actor.id))
    return [uri for uri in rows if urlsplit(uri).netloc.lower() == host.lower()]


def followers_digest(session: Session, actor: Actor, host: str) -> str:
    """The digest of a local actor's followers on one server: for the header of a delivery to it."""
    return digest(followers_at(session, actor, host))
