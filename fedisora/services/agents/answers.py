"""Answering mentions: what a post asks for is queued, or it is said why not; later the outcome is told. Each once.

Every step is one transaction: what is decided, the video that is queued, and what is written about it stand or fall together, so
that a process that dies in between leaves nothing half done and nothing done twice.
"""
from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ...db import UnitOfWork
from ...errors import Conflict, Refused, StorageFull, TooManyRequests
from ...models import Actor, AgentMention, AgentOptOut, AgentProfile, Generation, Status
from ...store import actors, agent_mentions, jobs
from ...translations import Sentence
from .. import generations
from .. import publish as posts
from . import asking, parsing, replies, terms
from .mention_states import STATES, WAITING, change
from .standing import may_act

WAIT: Final = dt.timedelta(seconds=30)
PATIENCE: Final = dt.timedelta(hours=1)
"""How long a question waits for an agent that has its hands full."""
TAKEN_BACK: Final = "Who asked deleted the post."
LEFT_ALONE: Final = "Its author wants to be left alone."


@dataclass(frozen=True)
class Order:
    """What is to be made, not yet fitted to a model. Members as of `generation.intake.Wanted`."""

    agent_id: int
    prompt: str
    model: str
    orientation: str
    size: str
    seconds: float | None
    seed: int | None


def turn(now: dt.datetime) -> int:
    """Number of the present span of `WAIT`: a job that runs twice in one looks again once."""
    return int(now.timestamp() // WAIT.total_seconds())


Planner = Callable[[Order], generations.Plan]
"""Works out the effective parameters of an order. Raises Refused when it cannot be made as it was asked for."""


def style_of(profile: AgentProfile) -> str:
    """What goes before every prompt, with a comma."""
    return " ".join(profile.style.split()).rstrip(" ,")


def order_of(profile: AgentProfile, asked: parsing.Asked) -> Order:
    """What a text becomes with an agent's own style and defaults."""
    style = style_of(profile)
    return Order(profile.actor_id, f"{style}, {asked.prompt}" if style else asked.prompt, profile.model,
                 asked.orientation or profile.orientation, asked.size,
                 profile.seconds if asked.seconds is None else asked.seconds, asked.seed)


def answer(uow: UnitOfWork, mention_id: int, plan: Planner) -> int | None:
    """Decide about a mention and do what follows: queue the video, answer in words, or stay silent. Safe to repeat.

    Returns:
        the id of the generation that was queued now; None when none was.
    """
    mention = agent_mentions.get(uow, mention_id)
    if mention is None or mention.state != "received":
        return None
    profile = agent_mentions.profile(uow, mention.agent_id)
    agent = actors.get(uow.session, mention.agent_id)
    status = uow.session.get(Status, mention.status_id) if mention.status_id is not None else None
    author = uow.session.get(Actor, mention.author_id) if mention.author_id is not None else None
    if status is None or author is None:
        change(mention, "withdrawn", TAKEN_BACK)
        return None
    if profile is None or not profile.answers:
        change(mention, "ignored", "It does not answer mentions.")
        return None
    reason = asking.silence(uow, agent, mention, status, author)
    if reason:
        change(mention, "ignored", reason)
        return None
    asked = parsing.parse(parsing.text_of(status.content), own=agent.username, **replies.words_of(uow.settings.data_dir, profile))
    mute = may_act(uow.session, uow.settings, agent, uow.now) or asking.thread_over(uow.session, agent, status)
    if mute:  # nothing is said any more, and yet who has had enough is heard
        change(mention, "ignored", mute)
        if asked.kind == "stop":
            _leave_alone(uow, agent, author)
        return None
    return _words(uow, profile, agent, mention, status, author, asked, plan)


def _leave_alone(uow: UnitOfWork, agent: Actor, author: Actor) -> None:
    """Somebody wants to be left alone: that is kept, and what they asked for and have not had is not made."""
    if agent_mentions.opted_out(uow.session, agent.id, author.id) is None:
        uow.session.add(AgentOptOut(agent_id=agent.id, actor_id=author.id, created_at=uow.now))
    for other in agent_mentions.open_of(uow.session, agent.id, author.id):
        _take_back(uow, other, agent_mentions.generation_of(uow.session, other), LEFT_ALONE)


def _words(uow: UnitOfWork, profile: AgentProfile, agent: Actor, mention: AgentMention, status: Status, author: Actor,
           asked: parsing.Asked, plan: Planner) -> int | None:
    left_alone = agent_mentions.opted_out(uow.session, agent.id, author.id)
    if left_alone is not None:
        if asked.kind == "start":
            uow.session.delete(left_alone)
            _tell(uow, agent, mention, "Wants to be answered again.", Sentence("I answer you again."))
        else:
            change(mention, "ignored", LEFT_ALONE)
        return None
    if asked.kind == "stop":
        word = replies.tongue_of(uow, agent, status)(profile.start_word)
        back = (Sentence("Say “%(word)s” when you want me back.", word=word),) if word else ()
        _tell(uow, agent, mention, "Wants to be left alone.", Sentence("I leave you alone from now on."), *back)
        _leave_alone(uow, agent, author)
        return None
    if asked.kind in ("thanks", "start"):
        change(mention, "ignored", "Nothing was asked.")
        return None
    no = asking.not_for(uow, profile, agent, author)
    if no is not None:
        _refuse(uow, agent, mention, status, no)
    elif asked.kind == "help":
        words = replies.help_text(profile, replies.tongue_of(uow, agent, status))
        _tell(uow, agent, mention, "Asked for help, or for nothing.", *words)
    else:
        shown = asking.shown(uow.session, uow.uris.host, status.content, asked.people)
        return _make(uow, profile, agent, mention, status, author, asked, plan, shown)
    return None


def _make(uow: UnitOfWork, profile: AgentProfile, agent: Actor, mention: AgentMention, status: Status, author: Actor,
          asked: parsing.Asked, plan: Planner, shown: list[str]) -> int | None:
    """`shown`: addresses of people whom the prompt names; the gate for likenesses asks for their consent."""
    no = asking.too_long(style_of(profile), asked.prompt) or asking.over_limit(uow, profile, author)
    if no is not None:
        _refuse(uow, agent, mention, status, no)
        return None
    try:
        made = plan(order_of(profile, asked))
        name = replies.handle(uow.session, author) or ""
        row = generations.request(uow, agent, made, publish_as=replies.post(profile, mention, status, name, made))[0]
    except TooManyRequests as error:
        if error.code == "too-many-jobs" and mention.created_at > uow.now - PATIENCE:
            mention.reason = "It has its hands full. This is looked at again soon."
            jobs.enqueue(uow, "answer_mention", {"mention_id": mention.id}, key=f"{mention.id}:{turn(uow.now)}", delay=WAIT)
            return None
        _refuse(uow, agent, mention, status, asking.No(error.text, replies.TOO_MUCH if error.code == "too-many-jobs" else
                                                       replies.USED_UP))
        return None
    except StorageFull as error:  # its text is for who keeps too much
        _refuse(uow, agent, mention, status, asking.No(error.text, replies.FULL))
        return None
    except Refused as error:
        _refuse(uow, agent, mention, status, asking.No(error.text, error.text))
        return None
    queued(mention, row)
    if shown:
        row.options = {**row.options, "likenesses": shown}
    return row.id


def queued(mention: AgentMention, row: Generation) -> None:
    """A video is made for a mention: they know each other."""
    row.options = {**row.options, "mention": str(mention.id)}
    mention.generation_id = row.id
    change(mention, "making", "")


def _tell(uow: UnitOfWork, agent: Actor, mention: AgentMention, reason: str, *sentences: str) -> None:
    if replies.recently(uow, mention):
        change(mention, "ignored", f"{reason} Had an answer in words within the hour.")
        return
    change(mention, "told", reason)
    _said(mention, replies.say(uow, agent, mention, *sentences), uow.now)


def _refuse(uow: UnitOfWork, agent: Actor, mention: AgentMention, status: Status, no: asking.No) -> None:
    """Say no, once: not to what answers a former answer in words, and not twice within the hour."""
    parent = uow.session.get(Status, status.in_reply_to_id) if status.in_reply_to_id is not None else None
    if not no.says or agent_mentions.says(uow.session, agent.id, parent):
        change(mention, "ignored", no.reason)
    elif replies.recently(uow, mention):
        change(mention, "ignored", f"{no.reason} Had an answer in words within the hour.")
    else:
        change(mention, "refused", no.reason)
        _said(mention, replies.say(uow, agent, mention, _sentence(no.says)), uow.now)


def _sentence(text: str) -> Sentence:
    """A reason that was kept as a text, as something to look up."""
    return text if isinstance(text, Sentence) else Sentence(text)


def _said(mention: AgentMention, reply: Status | None, now: dt.datetime) -> None:
    mention.reply_id, mention.answered_at = reply.id if reply is not None else None, now


# ---- what becomes of the video
def settle(uow: UnitOfWork, mention_id: int) -> None:
    """The video of a mention changed its state, or who asked deleted the post: write what it means, and tell them once. Safe to
    repeat."""
    mention = agent_mentions.get(uow, mention_id)
    row = agent_mentions.generation_of(uow.session, mention) if mention is not None else None
    if mention is None or (row is None and mention.state != "received"):
        return
    if mention.status_id is not None and uow.session.get(Status, mention.status_id) is None:
        _take_back(uow, mention, row)
    elif mention.state == "withdrawn":
        _take_back(uow, mention, row, mention.reason)
    elif row is not None and (reason := _apart(uow, mention)):
        _take_back(uow, mention, row, reason)
    elif row is not None:
        _outcome(uow, mention, row)


def _apart(uow: UnitOfWork, mention: AgentMention) -> str:
    """Why who asked is not answered any more, although it was begun; "" for an agent's own posts."""
    author = uow.session.get(Actor, mention.author_id) if mention.author_id is not None else None
    return terms.apart(uow, actors.get(uow.session, mention.agent_id), author) if author is not None else ""


def _outcome(uow: UnitOfWork, mention: AgentMention, row: Generation) -> None:
    agent = actors.get(uow.session, mention.agent_id)
    if row.state == "done":
        status = uow.session.get(Status, row.status_id) if row.status_id is not None else None
        if status is None:
            _failed(uow, agent, mention, "failed", Sentence("The finished video could not be signed or stored."))
        elif status.published and _become(mention, "answered", ""):
            mention.reply_id, mention.answered_at = status.id, uow.now
    elif row.state == "held" and mention.state == "making":
        change(mention, "held", row.error)
        if mention.status_id is not None:
            replies.say(uow, agent, mention, replies.HELD, key="-held")
    elif row.state in ("rejected", "failed", "cancelled", "discarded", "draft"):
        refused = row.state == "rejected"
        _failed(uow, agent, mention, "refused" if refused else "failed", _why(row), _told(row) if refused else None)


def _why(row: Generation) -> str:
    if row.state in ("cancelled", "discarded"):
        return Sentence("It was stopped by whoever answers for me.")
    return row.error or Sentence("It could not be made.")


def _told(row: Generation) -> Sentence:
    """Why a gate refused, for who asked: never the refused words themselves."""
    return replies.REASONS.get(row.code or "") or Sentence(f"{_why(row).partition(': ')[0].rstrip('.')}.")


def _become(mention: AgentMention, state: str, reason: str) -> bool:
    if state not in STATES[mention.state]:
        return False
    change(mention, state, reason)
    return True


def _failed(uow: UnitOfWork, agent: Actor, mention: AgentMention, state: str, reason: str, told: Sentence | None = None) -> None:
    """A video that was promised does not come. A refusal by a gate counts as an answer in words, as any refusal does. `told`:
    what who asked reads in place of the reason."""
    silent = state == "refused" and replies.recently(uow, mention)
    if _become(mention, state, reason) and mention.status_id is not None and not silent:
        reply = replies.say(uow, agent, mention, Sentence("I could not make this."), told or _sentence(reason))
        _said(mention, reply, uow.now)


def _take_back(uow: UnitOfWork, mention: AgentMention, row: Generation | None, reason: str = TAKEN_BACK) -> None:
    """Who asked deleted the post before the answer was out, or does not want it any more: nothing is made, nothing is sent, and
    nothing is kept."""
    agent = actors.get(uow.session, mention.agent_id)
    if row is not None and row.state == "done":
        reply = uow.session.get(Status, row.status_id) if row.status_id is not None else None
        if reply is not None and not reply.published:
            _become(mention, "withdrawn", reason)
            posts.abandon(uow, reply.id)
            generations.delete_file(uow, row)
        return
    if mention.state in ("received", *WAITING):
        change(mention, "withdrawn", reason)
    if row is None:
        return
    with contextlib.suppress(Conflict):  # it changes right now: this is looked at again with its next state
        if row.state in generations.UNFINISHED:
            generations.stop(uow, row, "request-withdrawn", reason)
        elif row.state in ("draft", "failed", "cancelled", "rejected"):
            generations.discard(uow, agent, row.id)
