"""Moving accounts: aliases, leaving for another address, and taking followers along (FEP-7628)."""
from __future__ import annotations

from ..activities import move as move_activity
from ..activities import outbox
from ..activities import update as update_activity
from ..db import UnitOfWork
from ..errors import Forbidden, Invalid, NotFound
from ..models import Actor
from ..store import actors, relations
from . import blocks, follows

MAX_ALIASES = 10


def add_alias(uow: UnitOfWork, actor: Actor, uri: str) -> None:
    """Say that another account is this one too (`alsoKnownAs`), so that it may move here; twice is once.

    Raises:
        Invalid: the account itself, or too many.
    """
    if uri == actor.uri:
        raise Invalid("This is the account itself.")
    if uri in actor.also_known_as:
        return
    if len(actor.also_known_as) >= MAX_ALIASES:
        raise Invalid(f"An account can have {MAX_ALIASES} aliases at most.")
    actor.also_known_as = [*actor.also_known_as, uri]
    _changed(uow, actor)


def remove_alias(uow: UnitOfWork, actor: Actor, uri: str) -> None:
    """Take an alias back.

    Raises:
        NotFound: there is no such alias.
    """
    if uri not in actor.also_known_as:
        raise NotFound(f"{uri} is no alias of @{actor.username}.")
    actor.also_known_as = [known for known in actor.also_known_as if known != uri]
    _changed(uow, actor)


def move(uow: UnitOfWork, actor: Actor, target: Actor) -> None:
    """Leave for another account: followers here follow it at once, those elsewhere are told.

    Args:
        target: as its own server answers it now.

    Raises:
        NotFound: the other account is gone.
        Invalid: it does not name this one as an alias, has moved itself, or this one moved a short time ago.
    """
    if target.id == actor.id:
        raise Invalid("An account cannot move to itself.")
    if target.suspended_at is not None:
        raise NotFound("This account is gone.")
    if actor.uri not in target.also_known_as:
        raise Invalid(f"@{target.acct} has to name {actor.uri} as an alias first.")
    if target.moved_to:
        raise Invalid(f"@{target.acct} has moved itself.")
    if not move_activity.rested(actor, uow.now):
        raise Invalid("This account moved a few days ago. Please wait.")
    actor.moved_to, actor.moved_at = target.uri, uow.now
    uri = uow.uris.move(actor.uri, int(uow.now.timestamp() * 1000))
    outbox.send(uow, actor, move_activity.build(uri, actor, target), relations.follower_inboxes(uow.session, actor.id),
                object_uri=actor.uri)
    _changed(uow, actor)
    _carry_over(uow, actor, target)


def stay(uow: UnitOfWork, actor: Actor) -> None:
    """Take down the sign that an account has moved. Followers do not come back by themselves.

    Raises:
        Invalid: it has not moved.
    """
    if actor.moved_to is None:
        raise Invalid(f"@{actor.username} has not moved.")
    actor.moved_to = None
    _changed(uow, actor)


def arrive(uow: UnitOfWork, actor_uri: str, target_uri: str) -> None:
    """Carry out the Move of a remote account, whose target was fetched a moment ago.

    Raises:
        NotFound: one of the two is not known, or gone.
        Forbidden: the target does not name the old account, or has moved itself.
    """
    actor, target = actors.by_uri(uow.session, actor_uri), actors.by_uri(uow.session, target_uri)
    if actor is None or target is None or target.suspended_at is not None or target.type == "Application":
        raise NotFound("There is no such account.", cause=f"{actor_uri} moves to {target_uri}")
    if actor_uri not in target.also_known_as or target.moved_to:
        raise Forbidden("The other account does not say that it is the same.", cause=f"{actor_uri} moves to {target_uri}")
    if actor.local or actor.suspended_at is not None or not move_activity.rested(actor, uow.now):
        return  # what was true when it arrived is not any more
    actor.moved_to, actor.moved_at = target.uri, uow.now
    _carry_over(uow, actor, target)


def _carry_over(uow: UnitOfWork, old: Actor, new: Actor) -> None:
    """Followers here follow the new account instead of the old one; who blocked the old one blocks the new one."""
    session = uow.session
    for person in relations.local_followers(session, old.id):
        if (person.id != new.id and person.suspended_at is None
                and not relations.blocked_either_way(session, person.id, new.id)):
            follows.follow(uow, person, new)
        follows.unfollow(uow, person, old)
    for person in relations.local_blockers(session, old.id):
        if person.id != new.id and relations.follow(session, person.id, new.id) is None:
            blocks.block(uow, person, new)


def _changed(uow: UnitOfWork, actor: Actor) -> None:
    actor.updated_at = uow.now
    uow.session.flush()
    update_activity.send_actor(uow, actor)
