"""Who may ask an agent for what, and when it stays silent. Two machines never get to talk to each other here."""
from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ...db import UnitOfWork
from ...errors import Malformed
from ...models import Actor, AgentMention, AgentProfile, Status
from ...store import actors, agent_mentions, agents, domains, relations, statuses
from ...translations import Sentence
from ..generations import MAX_PROMPT
from . import parsing, terms
from .replies import NOT_FOR_YOU, handle
from .standing import operator_of

THREAD_ANSWERS: Final = 5
"""Posts of one agent in one conversation; after these it is silent there."""
DEPTH: Final = 30
"""Posts above a question; in longer threads no agent answers."""


@dataclass(frozen=True)
class No:
    """Nothing is made. `says`: what who asked is told; "" when nothing is. `reason`: for the operator's log."""

    reason: str
    says: str = ""


def listed(entries: Iterable[str], actor: Actor, host: str) -> str:
    """The entry of a list that names an account: its handle (`@bob`, `@bob@b.example`) or its domain; "" when none does."""
    domain = actor.domain or host
    names = {f"@{actor.username}@{domain}".lower()} | ({f"@{actor.username}".lower()} if actor.local else set())
    try:
        names.update(domains.candidates(domains.domain_of(domain)))
    except Malformed:
        names.add(domain)
    names.add(domain)
    return next((entry for entry in entries if entry.lower() in names), "")


def silence(uow: UnitOfWork, agent: Actor, mention: AgentMention, status: Status, author: Actor) -> str:
    """Why a post is nothing to an agent; "" when it is looked at. Opt-outs and words are looked at later."""
    session = uow.session
    if author.id == agent.id or agents.machine(author):
        return "Its author is a machine, or a group."
    if status.reblog_of_id is not None or not status.published:
        return "The post is not shown here."
    if status.created_at < uow.now - agents.FRESH:
        return "The post is too old."
    reason = terms.apart(uow, agent, author)
    if reason:
        return reason
    if handle(session, author) is None:
        return "Its author cannot be named in a post."
    return _elsewhere(session, agent, status)


def _elsewhere(session: Session, agent: Actor, status: Status) -> str:
    """Whether a post speaks to somebody else: another agent here that it names first, or whom it answers."""
    people = {person.id: (person.uri, person.url, person.username)
              for person in statuses.mentions(session, [status.id]).get(status.id, [])
              if person.local and person.kind == "agent"}
    if len(people) > 1:
        first = parsing.first_named(status.content, people) or min(people)
        if first != agent.id:
            return "The post names another agent first."
    if status.in_reply_to_uri is not None and status.in_reply_to_actor_id != agent.id and not parsing.begins_with(
            status.content, agent.username):
        return "The post answers somebody else."  # apps carry everybody's names along in a thread
    return ""


def thread_over(session: Session, agent: Actor, status: Status) -> str:
    """Why an agent says no more in a conversation; "" when it does."""
    above = agent_mentions.ancestors(session, status, DEPTH)
    if len(above) >= DEPTH:
        return f"The conversation is over {DEPTH} posts deep."
    own = sum(post.actor_id == agent.id for post in above)
    if max(own, agent_mentions.in_context(session, agent.id, status)) >= THREAD_ANSWERS:
        return f"It has answered {THREAD_ANSWERS} times in this conversation."
    return ""


def not_for(uow: UnitOfWork, profile: AgentProfile, agent: Actor, author: Actor) -> No | None:
    """Why somebody may not ask this agent, by its operator's lists; None when they may. Its operator always may."""
    session, host = uow.session, uow.uris.host
    operator = operator_of(session, agent)
    if operator is not None and operator.id == author.id:
        return None
    if listed(profile.blocked, author, host):
        return No("Its author is on the list of those who may not ask.")
    if profile.audience == "everyone" or listed(profile.allowed, author, host):
        return None
    if profile.audience == "followers" and relations.is_follower(session, author.id, agent.id):
        return None
    if profile.audience == "operator" and operator is not None and relations.is_follower(session, operator.id, author.id):
        return None
    return No(f"Its author is not among those who may ask ({profile.audience}).", NOT_FOR_YOU.get(
        profile.audience, Sentence("I cannot do that for you.")))


def shown(session: Session, host: str, content: str, names: Iterable[str]) -> list[str]:
    """Who is meant by the names in a prompt: addresses of accounts, for the gate that asks whether they agreed to be seen. A name
    that its author's server made a link of means whom that leads to; else it means the handle, and without a server somebody
    here. Machines have no likeness, and a name that is nobody's is a word like any other.

    Args:
        content: the post's sanitised HTML.
    """
    links = parsing.linked(content)
    found: dict[str, None] = {}
    for name in names:
        user, _, domain = name.partition("@")
        addresses = links.get(user, set())
        people = list(session.scalars(select(Actor).where(or_(Actor.uri.in_(addresses), Actor.url.in_(addresses)))))
        if not people:
            known = actors.by_handle(session, user, "" if domain in ("", host) else domain)
            people = [known] if known is not None else []
        found.update((one.uri, None) for one in people if not agents.machine(one))
        if not people:  # nobody who is known here has agreed to anything
            found.update(dict.fromkeys([f"@{name}"] if domain else sorted(addresses)))
    return list(found)


def too_long(style: str, prompt: str) -> No | None:
    """Why a prompt is too long together with the agent's own style; None when it is not."""
    most = MAX_PROMPT - (len(f"{style}, ") if style else 0)
    if len(prompt) <= most:
        return None
    return No(f"The prompt has {len(prompt)} characters of {most}.",
              Sentence("Your prompt may have %(most)s characters at most.", most=most))


def over_limit(uow: UnitOfWork, profile: AgentProfile, author: Actor | None) -> No | None:
    """Why no more is made within 24 hours, for this person, their domain or at all; None when more is.

    Args:
        author: None for the agent's own posts.
    """
    session, now, agent_id = uow.session, uow.now, profile.actor_id
    counted: list[tuple[int, list[dt.datetime], str, Sentence]] = []
    if author is not None:
        counted.append((profile.per_person, agent_mentions.made(session, agent_id, now, author_id=author.id), "person",
                        Sentence.plural("I make %(count)s video for one person in 24 hours, and you have had yours.",
                                        "I make %(count)s videos for one person in 24 hours, and you have had yours.",
                                        profile.per_person)))
        counted.append((profile.per_domain, agent_mentions.made(session, agent_id, now, domain=author.domain), "domain",
                        Sentence.plural("I make %(count)s video for people of one server in 24 hours, and yours has had it.",
                                        "I make %(count)s videos for people of one server in 24 hours, and yours has had them.",
                                        profile.per_domain)))
    counted.append((profile.per_day, agent_mentions.made(session, agent_id, now), "day",
                    Sentence.plural("I make %(count)s video in 24 hours, and it is made.",
                                    "I make %(count)s videos in 24 hours, and they are made.", profile.per_day)))
    for most, times, name, sentence in counted:
        if len(times) >= most:
            if not most:
                return No(f"Limit per {name}: none in 24 hours.", Sentence("I make no videos at present."))
            again = f"{times[len(times) - most] + agent_mentions.DAY:%H:%M}"
            return No(f"Limit per {name}: {most} in 24 hours.",
                      Sentence("%(limit)s Ask again after %(time)s UTC.", limit=sentence, time=again))
    return None
