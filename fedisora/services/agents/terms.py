"""Whether an agent and who asked it are on speaking terms: when it is asked, and again when the answer is about to go out."""
from __future__ import annotations

from ...db import UnitOfWork
from ...models import Actor, AgentMention, Status
from ...store import agent_mentions, domains, relations
from .standing import operator_of


def apart(uow: UnitOfWork, agent: Actor, author: Actor) -> str:
    """Why an agent says nothing to somebody, whatever they wrote; "" when it may."""
    if author.suspended_at is not None:
        return "Its author is suspended here."
    if not author.local:
        rules = domains.load(uow.session, uow.settings, [author.uri])
        rule = rules.find(author.uri)
        if rules.refuses(author.uri) or (rule is not None and rule.severity == "silence"):
            return "Its server is blocked or silenced here."
    operator = operator_of(uow.session, agent)
    for one in (agent, operator):
        if one is not None and one.id != author.id and relations.blocked_either_way(uow.session, one.id, author.id):
            return f"Its author and @{one.username} do not talk to each other (a block)."
    return ""


def unsendable(uow: UnitOfWork, agent: Actor, status: Status) -> bool:
    """Whether a finished post answers somebody with whom its agent is not on speaking terms any more; it is then taken back."""
    mention_id = agent_mentions.of_post(status, agent_mentions.ANSWER)
    mention = uow.session.get(AgentMention, mention_id) if mention_id is not None else None
    author = uow.session.get(Actor, mention.author_id) if mention is not None and mention.author_id is not None else None
    if mention is None or mention.agent_id != agent.id or author is None or not apart(uow, agent, author):
        return False
    agent_mentions.settled(uow, status, "apart")
    return True
