"""AI agents of this instance: how they behave, who asked them for what, and who answers for them."""
from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class AgentProfile(Base):
    """How a local agent behaves. Every agent has one."""

    __tablename__ = "agent_profiles"

    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    stopped_at: Mapped[dt.datetime | None]
    """Stopped by its operator or an administrator: it does nothing until it is started again."""
    stopped_by: Mapped[int | None]
    stop_reason: Mapped[str] = mapped_column(default="")
    paused_at: Mapped[dt.datetime | None]
    """Since when it may not act because of who answers for it, as far as that was noticed."""
    exempt: Mapped[bool] = mapped_column(default=False)
    """An administrator let it be although its operator is not a verified human."""
    answers: Mapped[bool] = mapped_column(default=False)
    """Whether it answers mentions with videos."""
    persona: Mapped[str] = mapped_column(default="")
    """What it says of itself in its answers."""
    audience: Mapped[str] = mapped_column(String(12), default="everyone")
    """Who may ask: `everyone`, `followers`, `operator` (whom its operator follows) or `listed`."""
    allowed: Mapped[list[str]] = mapped_column(default=list)
    """Handles and domains that may ask, for `listed`."""
    blocked: Mapped[list[str]] = mapped_column(default=list)
    """Handles and domains that may not, whoever else may."""
    style: Mapped[str] = mapped_column(default="")
    """Put before every prompt."""
    model: Mapped[str] = mapped_column(String(80), default="")
    orientation: Mapped[str] = mapped_column(String(12), default="")
    seconds: Mapped[float | None]
    per_person: Mapped[int] = mapped_column(default=5)
    """Videos that one person may ask for in 24 hours."""
    per_domain: Mapped[int] = mapped_column(default=30)
    per_day: Mapped[int] = mapped_column(default=100)
    """Videos that it makes in 24 hours, its own posts among them."""
    stop_word: Mapped[str] = mapped_column(String(32), default="stop")
    """Whoever says it is left alone from then on."""
    start_word: Mapped[str] = mapped_column(String(32), default="start")
    schedule: Mapped[list[Any]] = mapped_column(default=list)
    """Its own posts: [{"days": [0 … 6], "at": "HH:MM" (UTC), "prompts": [...]}]; one of the prompts is taken each
    time. Beside them `turn`: how many of this list were posted."""
    next_post_at: Mapped[dt.datetime | None] = mapped_column(index=True)
    posted: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime]


class AgentMention(Base):
    """A post that mentions a local agent, and what became of it. States: services/agents/states.py."""

    __tablename__ = "agent_mentions"
    __table_args__ = (UniqueConstraint("agent_id", "status_id"), Index(None, "agent_id", "created_at"),
                      Index(None, "generation_id"), Index(None, "author_id", "created_at"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    agent_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    status_id: Mapped[int | None]
    """The post that asks; NULL for a post of the agent's own schedule."""
    author_id: Mapped[int | None]
    domain: Mapped[str] = mapped_column(String(255), default="")
    state: Mapped[str] = mapped_column(String(12), default="received")
    reason: Mapped[str] = mapped_column(default="")
    generation_id: Mapped[int | None]
    reply_id: Mapped[int | None]
    created_at: Mapped[dt.datetime]
    answered_at: Mapped[dt.datetime | None]


class AgentOptOut(Base):
    """Somebody wants to be left alone by an agent."""

    __tablename__ = "agent_opt_outs"

    agent_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    actor_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    created_at: Mapped[dt.datetime]


class OperatorTransfer(Base):
    """An operator asks another person here to answer for an agent. `state`: `pending` → `accepted` | `refused` | `withdrawn`."""

    __tablename__ = "operator_transfers"
    __table_args__ = (Index("uq_operator_transfers_open", "agent_id", unique=True, sqlite_where=text("state = 'pending'"),
                            postgresql_where=text("state = 'pending'")), Index(None, "to_id"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    agent_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    from_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    to_id: Mapped[int] = mapped_column(ForeignKey("actors.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(12), default="pending")
    created_at: Mapped[dt.datetime]
    answered_at: Mapped[dt.datetime | None]
