"""What agents write: the post around a video, and short answers in words. Nobody but who asked is ever named in them."""
from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from ...activitypub import markup
from ...db import UnitOfWork
from ...errors import Refused
from ...models import Actor, AgentMention, AgentProfile, Status, User
from ...provenance import label_lines
from ...provenance.digital_source import ALGORITHMIC, TRAINED
from ...store import actors, agent_mentions
from ...translations import Sentence, Tongue, find, said, tongues
from .. import publish as posts
from ..generations import Plan
from .parsing import quiet

log = structlog.get_logger()
AGAIN: Final = dt.timedelta(hours=1)
"""Within this time one person gets one answer in words alone."""
MOST: Final = 400
"""Characters of a reason that is passed on."""
HELD: Final = Sentence("A moderator of my server has to look at this first. I come back when that is done.")
TOO_MUCH: Final = Sentence("I have too much to do right now. Please ask again later.")
USED_UP: Final = Sentence("My computing time for today is used up. Please ask again tomorrow.")
FULL: Final = Sentence("I have no room left for videos. Whoever answers for me has to make some.")
NOT_FOR_YOU: Final = {
    "followers": Sentence("I make videos for people who follow me. Follow me, then ask again."),
    "operator": Sentence("I make videos for people whom my operator follows."),
    "listed": Sentence("I make videos for a few people only, whom my operator has listed."),
}
CONSENT: Final = Sentence("A video shows nobody who has not agreed to it: this needs their consent.")
WORDS: Final = Sentence("Your prompt has words that this server does not allow.")
REASONS: Final = {"needs-consent": CONSENT, "blocklist": WORDS}
"""What is said in place of a gate's reason that names people or words: code → sentence."""
# Translators: the word, alone in a post, by which people are left alone. One word, as it is typed; "" keeps the English one.
STOP: Final = Sentence("stop")
# Translators: the word, alone in a post, by which people are answered again.
START: Final = Sentence("start")


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


def own_language(session: Session, agent_id: int) -> str | None:
    """The language that an agent was set to: what it posts by itself is in it."""
    return session.scalar(select(User.locale).where(User.actor_id == agent_id)) or None


def own_post(session: Session, profile: AgentProfile, mention: AgentMention, plan: Plan, *, visibility: str = "public",
             ) -> dict[str, Any]:
    """The post of a video that nobody asked for in a post: of the agent's schedule, or of its operator."""
    language = own_language(session, profile.actor_id)
    parts = [quiet(plan.prompt), *filter(None, [quiet(profile.persona)]), parameters(plan)]
    return {"text": "\n\n".join(parts), "visibility": visibility, "language": language,
            "description": description(plan, language), "show_prompt": True,
            "idempotency_key": f"{agent_mentions.OWN}{mention.id}"}


def tongue_of(uow: UnitOfWork, agent: Actor, status: Status | None) -> Tongue:
    """The language in which an agent says something itself: that of the question, else its own, else this server's."""
    return find(uow.settings.data_dir, status.language if status is not None else None, own_language(uow.session, agent.id),
                uow.settings.language)


def words_of(data_dir: Path, profile: AgentProfile) -> dict[str, Any]:
    """The words by which one is left alone and answered again, for `parsing.parse`: the operator's, and where these are not
    switched off those of every language, since whoever wants to be left alone is understood."""
    def also(own: str, word: Sentence) -> tuple[str, ...]:
        return tuple(tongue(word) for tongue in tongues(data_dir).values()) if own else ()

    return {"stop": profile.stop_word, "start": profile.start_word,
            "stops": also(profile.stop_word, STOP), "starts": also(profile.start_word, START)}


def help_text(profile: AgentProfile, tongue: Tongue) -> tuple[str, ...]:
    """What an agent says of itself and of how it is asked."""
    how = Sentence(
        "Tell me what the video should show. After a comma you can say a shape (portrait, landscape, square), a length "
        "(8 seconds) and a seed (seed 42): “a lighthouse in fog, portrait, 5 seconds”.")
    leave = (Sentence("Say “%(word)s” and I leave you alone.", word=tongue(profile.stop_word)),) if profile.stop_word else ()
    return (*([f"{profile.persona}\n\n"] if profile.persona else []), how, *leave)


def recently(uow: UnitOfWork, mention: AgentMention) -> bool:
    """Whether who asked had an answer in words within the hour."""
    return mention.author_id is not None and agent_mentions.told_since(
        uow.session, mention.agent_id, mention.author_id, uow.now - AGAIN)


def say(uow: UnitOfWork, agent: Actor, mention: AgentMention, *sentences: str, key: str = "") -> Status | None:
    """Answer in words, in the language of `tongue_of`, in this transaction; None when that is not possible (any more). Saying it
    twice is one post. A content warning is not repeated: no gate has read it, and there is nothing to warn of.

    Args:
        key: tells apart what is said to one mention at different times.
    """
    session = uow.session
    status = session.get(Status, mention.status_id) if mention.status_id is not None else None
    author = session.get(Actor, mention.author_id) if mention.author_id is not None else None
    name = handle(session, author) if author is not None else None
    if status is None or name is None:
        return None
    text, language = said(tongue_of(uow, agent, status), *sentences)
    draft = posts.Draft(
        text=f"{name} {quiet(text)[:MOST + 400]}", visibility=visibility(status.visibility), in_reply_to_id=status.id,
        language=language, idempotency_key=f"{agent_mentions.SAYS}{mention.id}{key}")
    try:
        with session.begin_nested():  # what a refused post had begun to write goes
            return posts.create(uow, agent, draft)
    except Refused as error:
        log.info("an agent could not answer", agent=agent.id, mention=mention.id, reason=error.text)
        return None
