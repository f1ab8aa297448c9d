"""How an agent answers and posts, as its operator sets it: the values, who may change them, and the log of what it was asked."""
from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...activitypub import markup
from ...db import UnitOfWork
from ...errors import Invalid, NotFound
from ...models import Actor, AgentMention, AgentProfile, Status, User
from ...store import actors, agent_mentions, agents, statuses
from ...store.paging import Page
from ...translations import tongues
from . import schedule
from .standing import operator_of

AUDIENCES: Final = ("everyone", "followers", "operator", "listed")
ORIENTATIONS: Final = ("", "portrait", "landscape", "square")
MOST_ENTRIES: Final = 500
MOST_PERSONA, MOST_STYLE = 300, 300
MOST_A_DAY: Final = 10_000
LONGEST: Final = 3600.0
_ENTRY: Final = re.compile(r"@[\w.-]{1,64}(?:@[\w.-]{1,253}(?::\d{1,5})?)?|[\w.-]{1,253}(?::\d{1,5})?")


def visible_to(session: Session, agent: Actor | None, user: User, viewer: Actor) -> Actor:
    """An agent of this instance, for a person who may set how it answers: its operator, or an administrator.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    if agent is not None and agent.local and agent.kind == "agent" and viewer.kind != "agent":
        owner = operator_of(session, agent)
        if user.admin or (owner is not None and owner.id == viewer.id):
            return agent
    raise NotFound("There is no such agent, or it is not yours.")


def values(session: Session, profile: AgentProfile) -> dict[str, Any]:
    """The settings as JSON shows them."""
    return {"on": profile.answers, "persona": profile.persona, "audience": profile.audience, "allowed": list(profile.allowed),
            "blocked": list(profile.blocked), "language": _user(session, profile.actor_id).locale,
            "style": profile.style, "model": profile.model, "orientation": profile.orientation,
            "seconds": profile.seconds, "per_person": profile.per_person, "per_domain": profile.per_domain,
            "per_day": profile.per_day, "stop_word": profile.stop_word, "start_word": profile.start_word,
            "schedule": list(profile.schedule),
            "next_post_at": profile.next_post_at.isoformat(timespec="seconds") if profile.next_post_at else None}


def _user(session: Session, agent_id: int) -> User:
    return session.scalars(select(User).where(User.actor_id == agent_id)).one()


def _one_of(allowed: Collection[str], what: str) -> Callable[[object], Any]:
    def check(value: object) -> str:
        if value not in allowed:
            raise Invalid(f"{what} is one of {', '.join(item or '(empty)' for item in allowed)}.", code="choice")
        return str(value)

    return check


def _text(what: str, most: int) -> Callable[[object], Any]:
    def check(value: object) -> str:
        if not isinstance(value, str):
            raise Invalid(f"{what} is a text.", code="text")
        line = markup.clean_line(value, most + 1)
        if len(line) > most:
            raise Invalid(f"{what} may have {most} characters at most.", code="too-long")
        return line

    return check


def _word(what: str) -> Callable[[object], Any]:
    def check(value: object) -> str:
        word = _text(what, 32)(value)
        if word and not any(char.isalnum() for char in word):
            raise Invalid(f"{what} needs a letter.", code="text")
        return str(word)

    return check


def _number(what: str) -> Callable[[object], Any]:
    def check(value: object) -> int:
        if type(value) is not int or not 0 <= value <= MOST_A_DAY:
            raise Invalid(f"{what} is a whole number from 0 to {MOST_A_DAY}.", code="number")
        return value

    return check


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 < value <= LONGEST:
        raise Invalid("The usual length is a number of seconds, or nothing for the model's own.", code="number")
    return float(value)


def _entries(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Invalid("The people are a list of handles and domains.", code="people")
    found: dict[str, None] = {}
    for item in value:
        entry = item.strip().lower()
        if not entry:
            continue
        if not entry.startswith("@") and "@" in entry:
            entry = f"@{entry}"
        if _ENTRY.fullmatch(entry) is None:
            raise Invalid(f"“{item.strip()[:80]}” is neither a handle (@name@domain, or @name for people here) nor a domain.",
                          code="people")
        found[entry] = None
    if len(found) > MOST_ENTRIES:
        raise Invalid(f"At most {MOST_ENTRIES} handles and domains can be listed.", code="people")
    return list(found)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Invalid("`on` is true or false.", code="flag")
    return value


CHECKS: Final[Mapping[str, Callable[[object], Any]]] = {
    "on": _flag, "persona": _text("The persona", MOST_PERSONA), "audience": _one_of(AUDIENCES, "Who may ask"),
    "allowed": _entries, "blocked": _entries, "style": _text("The style", MOST_STYLE), "model": _text("The model", 80),
    "orientation": _one_of(ORIENTATIONS, "The usual shape"), "seconds": _seconds,
    "per_person": _number("The limit for a person"), "per_domain": _number("The limit for a server"),
    "per_day": _number("The limit for a day"), "stop_word": _word("The stop word"), "start_word": _word("The start word"),
    "schedule": schedule.checked, "language": _text("The language", 16)}
"""Every value that can be set, and its check."""
_COLUMNS: Final = {"on": "answers"}


def change(uow: UnitOfWork, agent: Actor, wanted: Mapping[str, object], models: Collection[str]) -> AgentProfile:
    """Set some of an agent's values; the others stay. A new schedule begins with its next moment.

    Args:
        models: names of the models that this instance offers.

    Raises:
        Invalid: a value is not acceptable, or there is none of that name; nothing is changed.
    """
    unknown = sorted(set(wanted) - set(CHECKS))
    if unknown:
        raise Invalid(f"There is no value {unknown[0][:40]!r}. There are: {', '.join(CHECKS)}.", code="unknown")
    checked = {name: CHECKS[name](value) for name, value in wanted.items()}
    if checked.get("model") and checked["model"] not in models:
        raise Invalid(f"There is no model {checked['model']!r} here. There are: {', '.join(models) or 'none'}.", code="no-model")
    language = checked.pop("language", None)
    spoken = tongues(uow.settings.data_dir)
    user = _user(uow.session, agent.id)
    if language is not None and language.lower() not in (*spoken, user.locale.lower()):
        raise Invalid(f"This server does not speak {language!r}. It speaks: {', '.join(spoken)}.", code="language")
    profile = agent_mentions.profile(uow, agent.id)
    if profile is None:
        raise NotFound("There is no such agent.")
    if language is not None and language.lower() in spoken:
        user.locale = spoken[language.lower()].code
    words = {name: checked.get(name, getattr(profile, name)) for name in ("stop_word", "start_word")}
    if words["stop_word"] and words["stop_word"].casefold() == words["start_word"].casefold():
        raise Invalid("The stop word and the start word have to differ.", code="words")
    replan = "schedule" in checked and checked["schedule"] != profile.schedule
    for name, value in checked.items():
        setattr(profile, _COLUMNS.get(name, name), value)
    profile.updated_at = uow.now
    if replan:
        profile.next_post_at = None
        schedule.plan(uow, profile)
    uow.session.flush()
    return profile


def profile_of(session: Session, agent: Actor) -> AgentProfile:
    """An agent's profile.

    Raises:
        NotFound: it is no agent.
    """
    found = agents.profile(session, agent.id)
    if found is None:
        raise NotFound("There is no such agent.")
    return found


@dataclass(frozen=True)
class Asked:
    """A line of the log.

    Attributes:
        who: the handle of who asked; "" for a post of the agent's own schedule.
        post, answer: addresses of the posts, where they are still here; "" else.
        state, reason: what became of it, and why.
        prompt: of the video that was queued; "" when none was.
    """

    id: int
    who: str
    post: str
    state: str
    reason: str
    prompt: str
    answer: str
    at: dt.datetime


def log(session: Session, agent: Actor, wanted: Page, host: str) -> list[Asked]:
    """What an agent was asked for, newest first."""
    rows = agent_mentions.page(session, agent.id, wanted)
    people = actors.many(session, [row.author_id for row in rows if row.author_id is not None])
    posts = statuses.many(session, [one for row in rows for one in (row.status_id, row.reply_id) if one is not None])

    def address(row_id: int | None) -> str:
        post: Status | None = posts.get(row_id) if row_id is not None else None
        return post.url or post.uri if post is not None else ""

    def line(row: AgentMention) -> Asked:
        author = people.get(row.author_id) if row.author_id is not None else None
        made = agent_mentions.generation_of(session, row)
        who = "" if row.author_id is None else f"@{author.username}@{author.domain or host}" if author else "somebody who is gone"
        return Asked(row.id, who, address(row.status_id), row.state, row.reason, made.prompt if made is not None else "",
                     address(row.reply_id), row.created_at)

    return [line(row) for row in rows]
