"""What somebody's lists leave out: the person's AI dial, and what the instance is for."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Follow, User
from ..provenance import dial
from ..settings import Settings
from ..store import dial as rows
from ..store import statuses
from ..store.paging import Page

NAMES = ("None", "Little", "As it comes", "Mostly", "Only")
SENTENCES = (
    "None: nothing that was generated or changed by AI. Everything filmed or drawn stays, and so does what nobody labelled.",
    "Little: AI videos only from accounts you follow. Everything filmed or drawn stays.",
    "As it comes: nothing is left out for being AI, and nothing for not being AI.",
    "Mostly: AI videos from everybody, videos without AI only from accounts you follow.",
    "Only: nothing but what was generated or changed by AI. Posts without a video or picture are left out too.")
"""What a stop of the dial does, in words."""
PROMISES = {
    "open": "Everything may be shown here, whoever or whatever made it; each person decides how much AI to see.",
    "labelled": "A video is published here only if its author says how it was made.",
    "ai-free": "This server is AI-free: nothing is generated here, nothing generated or changed by AI is published here, and "
               "public lists show AI of other servers only to who follows its authors."}
"""What an instance is for (FEDISORA_AI_POLICY), in words."""


def dial_of(user: User | None) -> dial.Dial:
    """A person's setting; as it comes for everybody else."""
    return dial.parse(user.dial if user is not None else None)


def set_dial(uow: UnitOfWork, user: User, wanted: dial.Dial) -> dial.Dial:
    """Keep a person's setting."""
    user.dial = dial.stored(wanted)
    uow.session.flush()
    return wanted


def home(user: User) -> dial.Sieve | None:
    """What is left out of the person's own timeline."""
    return dial.sieve(dial_of(user)) if user.dial is not None else None


def public(user: User | None, settings: Settings) -> dial.Sieve | None:
    """What is left out of the public timelines and those of hashtags."""
    ai_free = settings.ai_policy == "ai-free"
    kept = user.dial if user is not None else None
    return dial.sieve(dial.parse(kept), ai_free=ai_free) if kept is not None or ai_free else None


@dataclass(frozen=True)
class Lately:
    """What a setting does to the last videos and pictures: counts by how they were made."""

    feed: str
    shown: Counter[str] = field(default_factory=Counter)
    hidden: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many were looked at."""
        return self.shown.total() + self.hidden.total()


def lately(session: Session, user: User, settings: Settings) -> Lately:
    """The last videos and pictures of the person's own timeline, or of the public one for who follows nobody."""
    follows = session.scalar(select(Follow.id).where(Follow.actor_id == user.actor_id, Follow.state == "accepted").limit(1))
    page = Page(limit=rows.LOOKED_AT)
    if follows is not None:
        posts, sieve = statuses.home(session, user.actor_id, page, only_media=True), home(user)
    else:
        posts, sieve = statuses.public(session, page, viewer_id=user.actor_id, only_media=True), public(user, settings)
    return Lately("home" if follows is not None else "public", *rows.tally(session, posts, sieve, user.actor_id))
