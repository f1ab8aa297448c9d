"""People elsewhere who write to an agent: their accounts and posts, as they are stored when they arrive."""
from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

from sqlalchemy import select

from fedisora.activities import remote_posts
from fedisora.db import Database, UnitOfWork
from fedisora.generation import submission
from fedisora.generation.intake import Wanted
from fedisora.models import Actor, AgentMention, AgentProfile, Generation, Job, Status
from fedisora.services.agents import answers
from fedisora.services.generations import Plan
from fedisora.store import statuses

AS2 = "https://www.w3.org/ns/activitystreams"
_numbers = itertools.count(1)


def elsewhere(uow: UnitOfWork, name: str, host: str = "m.example", **values: Any) -> int:
    """A remote account; its row id."""
    uri = f"https://{host}/users/{name}"
    found = uow.session.scalar(select(Actor.id).where(Actor.uri == uri))
    if found is not None:
        return found
    actor = Actor(id=uow.new_id(), uri=uri, username=name, username_key=name.lower(), domain=host, inbox=f"{uri}/inbox",
                  followers_uri=f"{uri}/followers", url=f"https://{host}/@{name}", created_at=uow.now, updated_at=uow.now,
                  fetched_at=uow.now, **values)
    uow.session.add(actor)
    uow.session.flush()
    return actor.id


def document(author: Actor, agent: Actor, words: str, *, visibility: str = "public", age: float = 0,
             now: dt.datetime | None = None, **more: Any) -> dict[str, Any]:
    """A Note as Mastodon writes it, that mentions an agent. `age`: hours."""
    shown = (f'<p><span class="h-card" translate="no"><a href="{agent.url}" class="u-url mention">@<span>{agent.username}</span>'
             f"</a></span> {words}</p>")
    content = more.pop("content", shown)
    to = {"public": [f"{AS2}#Public"], "unlisted": [author.followers_uri], "private": [author.followers_uri], "direct": []}
    cc = {"public": [author.followers_uri], "unlisted": [f"{AS2}#Public"]}
    when = (now or dt.datetime.now(dt.UTC)) - dt.timedelta(hours=age)
    return {"@context": AS2, "id": f"{author.uri}/statuses/{next(_numbers)}", "type": "Note", "attributedTo": author.uri,
            "content": content, "contentMap": {"en": content}, "published": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "to": [*to[visibility], agent.uri], "cc": cc.get(visibility, []),
            "tag": [{"type": "Mention", "href": agent.uri, "name": f"@{agent.username}@here.example"}], **more}


def planner(db: Database, uow: UnitOfWork) -> answers.Planner:
    """Works out orders as the worker does."""
    def plan(order: answers.Order) -> Plan:
        return submission.planned(uow.session, db, order.agent_id, Wanted(
            prompt=order.prompt, model=order.model, orientation=order.orientation, size=order.size, seconds=order.seconds,
            seed=order.seed))

    return plan


class Asking:
    """A town whose agent is asked; its jobs are run by hand."""

    def __init__(self, db: Database, agent: str = "dreamer", **profile: Any) -> None:
        self.db = db
        self.agent = self.actor(agent)
        self.set(answers=True, **profile)

    def actor(self, name: str) -> Actor:
        return self.db.read_now(lambda session: session.scalars(select(Actor).where(Actor.username == name)).one())

    def set(self, **values: Any) -> None:
        """Change the agent's profile."""
        def write(uow: UnitOfWork) -> None:
            row = uow.session.get_one(AgentProfile, self.agent.id)
            for name, value in values.items():
                setattr(row, name, value)

        self.db.write_now(write)

    def arrives(self, words: str, author: str = "mia", host: str = "m.example", *, kind: dict[str, Any] | None = None,
                quiet: bool = False, **more: Any) -> int:
        """A post arrives; its row id."""
        def store(uow: UnitOfWork) -> int:
            person = uow.session.get_one(Actor, elsewhere(uow, author, host, **(kind or {})))
            status = remote_posts.store(uow, document(person, self.agent, words, now=uow.now, **more), person, quiet=quiet)
            assert status is not None
            uow.session.flush()
            return int(status.id)

        return self.db.write_now(store)

    def mention(self, status_id: int) -> AgentMention | None:
        return self.db.read_now(lambda session: session.scalar(select(AgentMention).where(
            AgentMention.status_id == status_id, AgentMention.agent_id == self.agent.id)))

    def work(self) -> None:
        """Run the agent's jobs that are due until there are none (as often as the worker might: each twice)."""
        while True:
            due = select(Job).where(Job.kind.in_(("answer_mention", "agent_reply")), Job.state == "pending",
                                    Job.run_at <= self.db.clock())
            found = self.db.read_now(lambda session, q=due: [  # type: ignore[misc]
                (job.id, job.kind, job.payload) for job in session.scalars(q)])
            if not found:
                return
            for job_id, kind, payload in found:
                for _ in range(2):
                    self.db.write_now(lambda uow, k=kind, p=payload: self._run(uow, k, p["mention_id"]))  # type: ignore[misc]
                self.db.write_now(lambda uow, i=job_id: uow.session.delete(uow.session.get_one(Job, i)))  # type: ignore[misc]

    def _run(self, uow: UnitOfWork, kind: str, mention_id: int) -> None:
        if kind == "answer_mention":
            answers.answer(uow, mention_id, planner(self.db, uow))
        else:
            answers.settle(uow, mention_id)

    def asks(self, words: str, author: str = "mia", host: str = "m.example", **more: Any) -> AgentMention:
        """A post arrives and is decided about."""
        status_id = self.arrives(words, author, host, **more)
        self.work()
        found = self.mention(status_id)
        assert found is not None
        return found

    def forget(self, status_id: int) -> None:
        """Its author deletes a post."""
        self.db.write_now(lambda uow: statuses.delete(uow, uow.session.get_one(Status, status_id)))
        self.work()

    def generation(self, mention: AgentMention) -> Generation:
        return self.db.read_now(lambda session: session.get_one(Generation, mention.generation_id))

    def said(self) -> list[Status]:
        """The agent's posts, oldest first."""
        return self.db.read_now(lambda session: list(session.scalars(
            select(Status).where(Status.actor_id == self.agent.id).order_by(Status.id))))
