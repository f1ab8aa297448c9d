"""Asking for a generated video, and looking at one's own."""
from __future__ import annotations

import secrets
from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ...db import UnitOfWork
from ...errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests
from ...models import Actor, Generation
from .states import HIDDEN, STATES, UNFINISHED

OFF = "This server is AI-free: nothing is generated here. You can upload what you filmed or drew yourself."
MAX_PROMPT = 1000
MAX_SECONDS = 10.0
SIZES = {"landscape": (1280, 720), "portrait": (720, 1280), "square": (960, 960)}


def request(uow: UnitOfWork, actor: Actor, prompt: str, *, orientation: str = "portrait", seconds: float = 5.0,
            seed: int | None = None, remix_of_id: int | None = None) -> Generation:
    """Queue a prompt. The safety gate has been asked before (it may await).

    Args:
        remix_of_id: the post that the video is meant as a remix of, for the form in which it is published.

    Raises:
        Invalid: prompt, size or length are not acceptable.
        TooManyRequests: too many unfinished ones of this account.
        Forbidden: this instance makes none (FEDISORA_AI_POLICY).
    """
    if uow.settings.ai_policy == "ai-free":
        raise Forbidden(OFF)
    text = " ".join(prompt.split())
    if not text:
        raise Invalid("Please say what the video should show.")
    if len(text) > MAX_PROMPT:
        raise Invalid(f"The prompt may have {MAX_PROMPT} characters at most.")
    if orientation not in SIZES:
        raise Invalid("The shape is one of landscape, portrait, square.")
    if not 1.0 <= seconds <= MAX_SECONDS:
        raise Invalid(f"A video may be 1 to {MAX_SECONDS:.0f} seconds long.")
    waiting = uow.session.scalar(select(func.count()).select_from(Generation).where(
        Generation.actor_id == actor.id, Generation.state.in_(UNFINISHED))) or 0
    if waiting >= uow.settings.generation_jobs_per_user:
        raise TooManyRequests(f"You have {waiting} unfinished videos. Wait for one, or cancel one.", retry_after=30)
    width, height = SIZES[orientation]
    generation = Generation(
        id=uow.new_id(), actor_id=actor.id, prompt=text,
        state="queued", payer_id=actor.id, model=uow.settings.generation_model or uow.settings.generation_backend,
        queued_at=uow.now, seed=str(secrets.randbits(53) if seed is None else seed),
        width=width, height=height, seconds=float(seconds), backend=uow.settings.generation_backend,
        options={"remix_of": str(remix_of_id)} if remix_of_id is not None else {}, run_at=uow.now, created_at=uow.now)
    uow.session.add(generation)
    uow.session.flush()
    uow.ring("generation")
    return generation


def get(session: Session, actor: Actor, generation_id: int) -> Generation:
    """One of this account's generations.

    Raises:
        NotFound: not there, or another account's.
    """
    row = session.get(Generation, generation_id)
    if row is None or row.actor_id != actor.id:
        raise NotFound("There is no such video in the making.")
    return row


def mine(session: Session, actor: Actor, limit: int = 40) -> Sequence[Generation]:
    """An account's generations that are neither published nor discarded, newest first."""
    return session.scalars(select(Generation).where(
        Generation.actor_id == actor.id, Generation.state.not_in(HIDDEN))
        .order_by(Generation.id.desc()).limit(limit)).all()


def move(uow: UnitOfWork, generation: Generation, state: str) -> None:
    """Change the state, when the table of states lets it.

    Raises:
        Conflict: it cannot go there, or has just changed.
    """
    if state not in STATES[generation.state]:
        raise Conflict(f"This video is {generation.state}; that cannot be done now.")
    result = uow.session.execute(update(Generation).where(
        Generation.id == generation.id, Generation.state == generation.state).values(state=state),
        execution_options={"synchronize_session": False})
    if getattr(result, "rowcount", 0) != 1:
        raise Conflict("This video has just changed its state. Please look again.")
    uow.session.refresh(generation)
