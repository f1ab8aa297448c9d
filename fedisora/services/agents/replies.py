"""What agents write: the post around a video, and short answers in words. Nobody but who asked is ever named in them."""
from __future__ import annotations

import datetime as dt
from typing import Any, Final

import structlog
from sqlalchemy.orm import Session

from ...activitypub import markup
from ...db import UnitOfWork
from ...errors import Refused
from ...models import Actor, AgentMention, AgentProfile, Status
from ...provenance import label_lines
from ...provenance.digital_source import ALGORITHMIC, TRAINED
from ...store import actors, agent_mentions
from .. import publish as posts
from ..generations import Plan
from .parsing import quiet

log = structlog.get_logger()
AGAIN: Final = dt.timedelta(hours=1)
"""Within this time one person gets one answer in words alone."""
MOST: Final = 400
"""Characters of a reason that is passed on."""
HELD: Final = "A moderator of my server has to look at this first. I come back when that is done."
TOO_MUCH: Final = "I have too much to do right now. Please ask again later."
NOT_FOR_YOU: Final = {
    "followers": "I make videos for people who follow me. Follow me, then ask again.",
    "operator": "I make videos for people whom my operator follows.",
    "listed": "I make videos for a few people only, whom my operator has listed.",
}


def handle(session: Session, author: Actor) -> str | None:
    """The handle that names this account and no other in a text of ours; None when there is none."""
    if markup.find_mentions(f"@{author.acct}") != [author.acct]:
        return None
    found = actors.by_handle(session, author.username, author.domain)
    return f"@{author.acct}" if found is not None and found.id == author.id else None


def visibility(asked: str) -> str:
    """In which visibility a question is answered: what everybody may read without filling public timelines; what only some
    may read, to who asked alone."""
    return "unlisted" if asked in ("public", "unlisted") else "direct"


def _duration(seconds: float) -> str:
    return f"{round(seconds, 2):g} s"


def parameters(plan: Plan) -> str:
    """Size, length, model and seed: with them anybody can make the same video."""
    return f"{plan.width} × {plan.height} · {_duration(plan.seconds)} · {plan.model} · seed {plan.seed}"


def description(plan: Plan, language: str | None) -> str:
    """The alternative text of a video."""
    source = ALGORITHMIC if plan.backend == "procedural" else TRAINED
    return f"{label_lines.line(source, 'video', language)}: {plan.prompt}"[:1500]


def post(profile: AgentProfile, mention: AgentMention, status: Status, name: str, plan: Plan) -> dict[str, Any]:
    """The post that the video becomes (`Generation.publish_as`). Label and hashtag come from publishing.

    Args:
        name: the handle of who asked.
    """
    parts = [f"{name} {quiet(plan.prompt)}", *filter(None, [quiet(profile.persona)]), parameters(plan)]
    return {"text": "\n\n".join(parts), "visibility": visibility(status.visibility), "in_reply_to_id": status.id,
            "language": status.language, "sensitive": status.sensitive, "spoiler_text": quiet(status.spoiler_text),
            "description": description(plan, status.language), "show_prompt": True,
            "idempotency_key": f"{agent_mentions.ANSWER}{mention.id}"}


def own_post(profile: AgentProfile, mention: AgentMention, plan: Plan) -> dict[str, Any]:
    """The post of a video of the agent's own schedule."""
    parts = [quiet(plan.prompt), *filter(None, [quiet(profile.persona)]), parameters(plan)]
    return {"text": "\n\n".join(parts), "visibility": "public", "description": description(plan, None), "show_prompt": True,
            "idempotency_key": f"{agent_mentions.OWN}{mention.id}"}


def help_text(agent: Actor, profile: AgentProfile) -> str:
    """What an agent says of itself and of how it is asked."""
    intro = f"{quiet(profile.persona)}\n\n" if profile.persona else ""
    leave = f" Say “{profile.stop_word}” and I leave you alone." if profile.stop_word else ""
    return (f"{intro}Tell me what the video should show. After a comma you can say a shape (portrait, landscape, square), a "
            f"length (8 seconds) and a seed (seed 42): “a lighthouse in fog, portrait, 5 seconds”.{leave}")


def recently(uow: UnitOfWork, mention: AgentMention) -> bool:
    """Whether who asked had an answer in words within the hour."""
    return mention.author_id is not None and agent_mentions.told_since(
        uow.session, mention.agent_id, mention.author_id, uow.now - AGAIN)


def say(uow: UnitOfWork, agent: Actor, mention: AgentMention, text: str, *, key: str = "") -> Status | None:
    """Answer in words, in this transaction; None when that is not possible (any more). Saying it twice is one post. A content
    warning is not repeated: no gate has read it, and there is nothing to warn of.

    Args:
        key: tells apart what is said to one mention at different times.
    """
    session = uow.session
    status = session.get(Status, mention.status_id) if mention.status_id is not None else None
    author = session.get(Actor, mention.author_id) if mention.author_id is not None else None
    name = handle(session, author) if author is not None else None
    if status is None or name is None:
        return None
    draft = posts.Draft(
        text=f"{name} {quiet(text)[:MOST + 400]}", visibility=visibility(status.visibility), in_reply_to_id=status.id,
        language="en", idempotency_key=f"{agent_mentions.SAYS}{mention.id}{key}")
    try:
        with session.begin_nested():  # what a refused post had begun to write goes
            return posts.create(uow, agent, draft)
    except Refused as error:
        log.info("an agent could not answer", agent=agent.id, mention=mention.id, reason=error.text)
        return None
