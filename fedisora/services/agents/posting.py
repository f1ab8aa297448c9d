"""What an operator posts as their agent, by hand: words, or a video with the agent's own defaults. Each is in the audit log."""
from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ...db import UnitOfWork
from ...errors import Invalid, NotFound, TooManyRequests
from ...models import Actor, AgentMention, Generation, Status
from ...store import agent_mentions
from .. import audit, generations
from .. import publish as posts
from . import answers, asking, parsing, replies
from .standing import operator_of, require

VISIBILITIES: Final = ("public", "unlisted", "private")
"""For everybody, for everybody but not listed, for followers. Never for single people: an agent does not write first."""


def _check(uow: UnitOfWork, agent: Actor, by: Actor, visibility: str) -> None:
    operator = operator_of(uow.session, agent)
    if operator is None or operator.id != by.id:
        raise NotFound("You have no such agent.")
    require(uow, agent)
    if visibility not in VISIBILITIES:
        raise Invalid("A post of an agent is for everybody, or for those who follow it.", code="visibility")


def words(uow: UnitOfWork, agent: Actor, by: Actor, text: str, visibility: str) -> Status:
    """Post a text.

    Raises:
        NotFound: `by` does not answer for this agent.
        Invalid: no text, too long, or for single people.
        Forbidden, TooManyRequests: the agent may not act now, writes to somebody first, or posts too often.
    """
    _check(uow, agent, by, visibility)
    status = posts.create(uow, agent, posts.Draft(text=text.replace("\r\n", "\n").strip(), visibility=visibility,
                                                  language=replies.own_language(uow.session, agent.id)))
    audit.note(uow, "agent.posted", subject=agent.id, by=by.id, kind="words", post=str(status.id))
    return status


def video(uow: UnitOfWork, agent: Actor, by: Actor, prompt: str, visibility: str,
          planner: Callable[[answers.Order], generations.Plan]) -> Generation:
    """Queue a video that is posted when it is made, as one of the agent's own posts: it counts towards its limit of a day, and
    stands in its log.

    Raises:
        NotFound: `by` does not answer for this agent.
        Invalid: no prompt, a value that cannot be made, or for single people.
        Forbidden: the agent may not act now, or not have that much.
        TooManyRequests: its limit of a day, or a quota, is used up; the text says when it works again.
    """
    _check(uow, agent, by, visibility)
    profile = agent_mentions.profile(uow, agent.id)
    if profile is None:
        raise NotFound("There is no such agent.")
    line = " ".join(prompt.split())
    if not line:
        raise Invalid("Please say what the video should show.", code="no-prompt")
    no = asking.over_limit(uow, profile, None)
    if no is not None:
        raise TooManyRequests(f"@{agent.username} makes no more videos now. {no.reason} You set it on its page of answers.",
                              code="agent-budget")
    made = planner(answers.order_of(profile, parsing.Asked("video", line)))
    mention = AgentMention(id=uow.new_id(), agent_id=agent.id, created_at=uow.now, state="received")
    uow.session.add(mention)
    own = replies.own_post(uow.session, profile, mention, made, visibility=visibility)
    row = generations.request(uow, agent, made, publish_as=own)[0]
    answers.queued(mention, row)
    audit.note(uow, "agent.posted", subject=agent.id, by=by.id, kind="video", generation=str(row.id))
    return row
