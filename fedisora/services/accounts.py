"""Accounts of local people and agents: making them, logging in (with a throttle), approval, profile, password."""
from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..activities import update as update_activity
from ..activitypub import markup
from ..db import UnitOfWork
from ..errors import Forbidden, Invalid, NotFound, TooManyRequests, Unauthenticated
from ..models import Actor, LoginAttempt, User
from ..provenance import humanity
from ..store import actors as actor_rows
from ..store import agents, notifications
from ..uris import USERNAME
from . import audit, instance, local_actors, sessions

EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}\Z")
MIN_PASSWORD = 8
MAX_PASSWORD = 256
KINDS = ("human", "agent")
RESERVED = frozenset({"admin", "administrator", "root", "actor", "instance", "support", "moderator", "abuse", "postmaster",
                      "webmaster", "security", "fedisora", "everyone", "here", "all"})
WINDOW = dt.timedelta(minutes=15)
FAILURES_PER_LOGIN = 10
FAILURES_PER_ADDRESS = 50
_hasher = PasswordHasher()  # argon2id with the library's defaults (RFC 9106 low-memory profile)
_decoy = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$3vX2m8zqZ0uO1cQ6p7Q1Yk3vC0m9e5v5m2y1b7x8n9o"


def check_new(session: Session, username: str, email: str, password: str, *, admin: bool = False) -> None:
    """Whether an account may be made with these values.

    Raises:
        Invalid: with a sentence that says which value and why.
    """
    if not USERNAME.match(username):
        raise Invalid("The user name may have letters, digits and _ only, 30 at most.")
    if username.lower() in RESERVED and not admin:
        raise Invalid("This user name is reserved. Please choose another.")
    if actor_rows.by_handle(session, username) is not None:
        raise Invalid("This user name is taken. Please choose another.")
    if not EMAIL.match(email):
        raise Invalid("This is not an e-mail address.")
    if session.scalar(select(User.id).where(User.email_key == email.lower())) is not None:
        raise Invalid("There is an account with this e-mail address already. Log in instead?")
    check_password_rules(password, username)


def check_password_rules(password: str, username: str = "") -> None:
    """Length only, as NIST SP 800-63B advises, and not the name itself.

    Raises:
        Invalid: too short, too long, or the user name.
    """
    if len(password) < MIN_PASSWORD:
        raise Invalid(f"The password needs at least {MIN_PASSWORD} characters.")
    if len(password) > MAX_PASSWORD:
        raise Invalid(f"The password may have {MAX_PASSWORD} characters at most.")
    if username and password.lower() == username.lower():
        raise Invalid("The password must not be the user name.")


def hash_password(password: str) -> str:
    """argon2id; about 50 ms of CPU: outside the transaction where that matters."""
    return _hasher.hash(password)


def create(uow: UnitOfWork, username: str, email: str, password: str, *, admin: bool = False, kind: str = "human",
           operator: str | None = None, state: str = "active", reason: str = "",
           keys: local_actors.NewKeys | None = None) -> User:
    """Make an account. An agent needs an `operator`: the name of an active local human who answers for it.

    People make their agents with `services.agents.create`, which asks whether they may. Here an administrator does: where agents
    are for verified humans and the operator is none, the agent is let be (`AgentProfile.exempt`).

    Raises:
        Invalid: a value is not acceptable, or taken.
    """
    session = uow.session
    check_new(session, username, email, password, admin=admin)
    if kind not in KINDS:
        raise Invalid("The kind of an account is human or agent.")
    owner = _operator(session, operator) if kind == "agent" else None
    if kind == "agent" and owner is None:
        raise Invalid("An agent needs an operator: the name of a human account on this server that answers for it.")
    actor_uri = uow.uris.actor(username)
    fresh = keys or local_actors.new_keys()
    try:
        actor = local_actors.create(
            uow, fresh, username=username, uri=actor_uri, url=uow.uris.profile(username), kind=kind,
            type="Service" if kind == "agent" else "Person", operator_uri=owner.uri if owner else None,
            operator_confirmed=owner is not None)
        local_actors.issue_leaf(uow, actor, fresh.c2pa, instance.certificate_authority(uow))
        user = User(id=uow.new_id(), actor_id=actor.id, email=email, email_key=email.lower(),
                    password_hash=hash_password(password), admin=admin, state=state, reason=reason[:2000],
                    locale=uow.settings.language, created_at=uow.now)
        session.add(user)
        session.flush()
    except IntegrityError as error:
        raise Invalid("This user name or e-mail address was taken a moment ago.", cause=error) from error
    if owner is not None:
        agents.add_profile(uow, actor.id, exempt=uow.settings.agent_operators == "verified" and not humanity.holds(
            owner.human, owner.human_until, uow.now))
        owner.operates = [*owner.operates, actor_uri]
        _announce_change(uow, owner)
    if state == "pending":
        for admin_actor in session.scalars(select(User.actor_id).where(User.admin.is_(True), User.state == "active")):
            notifications.notify(uow, admin_actor, actor.id, "admin.sign_up")
    return user


def _operator(session: Session, name: str | None) -> Actor | None:
    """The active local human of that name."""
    actor = actor_rows.by_handle(session, name.strip().lstrip("@")) if name else None
    if actor is None or actor.kind != "human":
        return None
    active = session.scalar(select(User.id).where(User.actor_id == actor.id, User.state == "active"))
    return actor if active is not None else None


def user_of(session: Session, actor_id: int) -> User:
    """The login of a local actor.

    Raises:
        NotFound: it has none.
    """
    user = session.scalar(select(User).where(User.actor_id == actor_id))
    if user is None:
        raise NotFound("There is no such local account.")
    return user


def by_login(session: Session, login: str) -> User | None:
    """The user of an e-mail address or a user name."""
    key = login.strip().lstrip("@").lower()
    if "@" in key:
        return session.scalar(select(User).where(User.email_key == key))
    return session.scalar(select(User).join(Actor, Actor.id == User.actor_id)
                          .where(Actor.username_key == key, Actor.domain == ""))


def throttle_check(uow: UnitOfWork, login: str, address: str) -> None:
    """Refuse when too many log-ins failed lately for this login or from this address.

    Raises:
        TooManyRequests
    """
    if not uow.settings.rate_limits:
        return
    since = uow.now - WINDOW
    for key, most in _throttle_keys(uow, login, address):
        count = uow.session.scalar(select(func.count()).select_from(LoginAttempt)
                                   .where(LoginAttempt.key == key, LoginAttempt.at > since)) or 0
        if count >= most:
            raise TooManyRequests("Too many failed log-ins. Please wait a quarter of an hour.",
                                  retry_after=WINDOW.total_seconds())


def _throttle_keys(uow: UnitOfWork, login: str, address: str) -> list[tuple[str, int]]:
    return [(uow.vault.mac("login", login.strip().lower())[:64], FAILURES_PER_LOGIN),
            (uow.vault.mac("address", address)[:64], FAILURES_PER_ADDRESS)]


def note_failure(uow: UnitOfWork, login: str, address: str) -> None:
    """Count a failed log-in."""
    for key, _ in _throttle_keys(uow, login, address):
        uow.session.add(LoginAttempt(id=uow.new_id(), key=key, at=uow.now))


def clear_failures(uow: UnitOfWork, login: str) -> None:
    """A successful log-in forgets this login's failures, not the address's."""
    key = _throttle_keys(uow, login, "")[0][0]
    uow.session.execute(delete(LoginAttempt).where(LoginAttempt.key == key))


def verify_password(user: User | None, password: str) -> bool:
    """Check a password; takes the same time when there is no such user."""
    try:
        return _hasher.verify(user.password_hash if user else _decoy, password[:MAX_PASSWORD]) and user is not None
    except (Argon2Error, InvalidHashError):
        return False


def require_active(user: User) -> User:
    """Raises Forbidden with a sentence for pending and disabled accounts."""
    if user.state == "pending":
        raise Forbidden("Your account is waiting for approval by an administrator.")
    if user.state != "active":
        raise Forbidden("This account is disabled.")
    return user


def check_password(session: Session, login: str, password: str) -> User:
    """The active user behind a login and password.

    Raises:
        Unauthenticated: wrong login or password (never says which).
        Forbidden: pending or disabled.
    """
    user = by_login(session, login)
    if not verify_password(user, password) or user is None:
        raise Unauthenticated("The name or the password is wrong.")
    return require_active(user)


def change_password(uow: UnitOfWork, user_id: int, old: str, new: str, *, keep_session: str | None = None) -> None:
    """Set a new password and log out every other browser.

    Raises:
        Invalid: the old one is wrong, or the new one is not acceptable.
    """
    user = uow.session.get_one(User, user_id)
    if not verify_password(user, old):
        raise Invalid("The current password is wrong.")
    check_password_rules(new)
    user.password_hash = hash_password(new)
    sessions.end_all(uow, user.id, keep=keep_session)


def pending(session: Session) -> Sequence[tuple[User, Actor]]:
    """Accounts waiting for approval, oldest first."""
    rows = session.execute(select(User, Actor).join(Actor, Actor.id == User.actor_id).where(User.state == "pending")
                           .order_by(User.created_at))
    return [(row[0], row[1]) for row in rows]


def approve(uow: UnitOfWork, user_id: int) -> None:
    """Let a pending account in."""
    user = uow.session.get(User, user_id)
    if user is None or user.state != "pending":
        raise NotFound("There is no such request.")
    user.state = "active"


def refuse(uow: UnitOfWork, user_id: int) -> None:
    """Remove a pending account; nothing of it has left this server."""
    user = uow.session.get(User, user_id)
    if user is None or user.state != "pending":
        raise NotFound("There is no such request.")
    actor = uow.session.get_one(Actor, user.actor_id)
    if actor.operator_uri:
        owner = actor_rows.by_uri(uow.session, actor.operator_uri)
        if owner is not None:
            owner.operates = [uri for uri in owner.operates if uri != actor.uri]
    uow.session.delete(actor)


def set_moderator(uow: UnitOfWork, actor_id: int, moderator: bool, *, by: int | None = None) -> None:
    """Let a person decide what waits for a moderator, or no longer.

    Args:
        by: the administrator, for the audit log; None: whoever runs the server.

    Raises:
        NotFound: the account has no login.
        Invalid: an agent.
    """
    user, actor = user_of(uow.session, actor_id), actor_rows.get(uow.session, actor_id)
    if moderator and actor.kind == "agent":
        raise Invalid("An agent decides about nobody. Choose a person.")
    if user.moderator != moderator:
        user.moderator = moderator
        audit.note(uow, "role.changed", subject=actor_id, by=by, role="moderator" if moderator else "none")


def update_profile(uow: UnitOfWork, actor_id: int, *, name: str | None = None, note: str | None = None,
                   locked: bool | None = None, discoverable: bool | None = None, fields: list[dict[str, str]] | None = None,
                   avatar_key: str | None = None, header_key: str | None = None, indexable: bool | None = None,
                   hide_collections: bool | None = None) -> Actor:
    """Change a local profile and tell the followers' servers (Update). None leaves a value as it is.

    Raises:
        Invalid: a value is too long, or a field has the name of the one that only the server writes.
    """
    actor = uow.session.get_one(Actor, actor_id)
    if name is not None:
        actor.name = markup.clean_line(name, 60)
    if note is not None:
        if len(note) > 1000:
            raise Invalid("The text about you may have 1,000 characters at most.")
        actor.note = note
        actor.summary = markup.text_to_html(note, {}, uow.uris.tag)[0]
    if fields is not None:
        actor.fields = [_field(uow, field) for field in fields[:8] if field.get("name")]
    for column, value in (("locked", locked), ("discoverable", discoverable), ("avatar_key", avatar_key),
                          ("header_key", header_key), ("indexable", indexable), ("hide_collections", hide_collections)):
        if value is not None:
            setattr(actor, column, value)
    _announce_change(uow, actor)
    return actor


def _field(uow: UnitOfWork, field: dict[str, Any]) -> dict[str, str]:
    value, name = str(field.get("value", ""))[:255], markup.clean_line(str(field["name"]), 255)
    if humanity.reserved(name):
        raise Invalid(f"Only this server writes the field “{humanity.FIELD}”, for whoever it has checked. "
                      f"Please give “{name[:60]}” another name.")
    return {"name": name, "source": value,
            "value": markup.sanitize(markup.text_to_html(value, {}, uow.uris.tag)[0]).removeprefix("<p>").removesuffix("</p>")}


def _announce_change(uow: UnitOfWork, actor: Actor) -> None:
    actor.updated_at = uow.now
    uow.session.flush()
    update_activity.send_actor(uow, actor)
