"""Asking for a generated video, watching it, cancelling it, and turning the draft into a post."""
from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests
from ..models import Actor, Generation, Media, Status
from ..provenance.record import prompt_commitment
from ..provenance.secrecy import tells, without
from ..store import jobs, records
from ..vault import Vault
from . import publish as posts

OFF = "This server is AI-free: nothing is generated here. You can upload what you filmed or drew yourself."
MAX_PROMPT = 1000
MAX_SECONDS = 10.0
SIZES = {"landscape": (1280, 720), "portrait": (720, 1280), "square": (960, 960)}
UNFINISHED = ("queued", "running")
TRANSITIONS: dict[str, frozenset[str]] = {
    "queued": frozenset({"running", "cancelled", "failed"}),
    "running": frozenset({"queued", "draft", "failed", "cancelled"}),
    "draft": frozenset({"published", "discarded"}),
    "published": frozenset(), "discarded": frozenset(),
    "failed": frozenset({"queued", "discarded"}), "cancelled": frozenset({"queued", "discarded"}),
}
"""States of a generation and where each may go."""


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
        id=uow.new_id(), actor_id=actor.id, prompt=text, seed=str(secrets.randbits(53) if seed is None else seed),
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
        Generation.actor_id == actor.id, Generation.state.not_in(("published", "discarded")))
        .order_by(Generation.id.desc()).limit(limit)).all()


def position(session: Session, generation: Generation) -> int:
    """How many queued generations are ahead of this one."""
    return session.scalar(select(func.count()).select_from(Generation).where(
        Generation.state == "queued", Generation.id < generation.id)) or 0


def _move(uow: UnitOfWork, generation: Generation, state: str) -> None:
    if state not in TRANSITIONS[generation.state]:
        raise Conflict(f"This video is {generation.state}; that cannot be done now.")
    result = uow.session.execute(update(Generation).where(
        Generation.id == generation.id, Generation.state == generation.state).values(state=state),
        execution_options={"synchronize_session": False})
    if getattr(result, "rowcount", 0) != 1:
        raise Conflict("This video has just changed its state. Please look again.")
    uow.session.refresh(generation)


def cancel(uow: UnitOfWork, actor: Actor, generation_id: int) -> Generation:
    """Stop a queued or running generation; a running one stops at its next step."""
    row = get(uow.session, actor, generation_id)
    if row.state not in UNFINISHED:
        raise Conflict(f"This video is {row.state}; there is nothing to cancel.")
    waiting = uow.session.execute(update(Generation).where(
        Generation.id == row.id, Generation.state == "queued", Generation.lease_owner.is_(None))
        .values(state="cancelled", finished_at=uow.now), execution_options={"synchronize_session": False})
    uow.session.refresh(row)
    if getattr(waiting, "rowcount", 0) != 1:  # a worker has it, perhaps since a moment ago
        row.cancel_requested = True
    uow.ring(f"generation:{row.id}")
    uow.ring("generation")
    return row


def retry(uow: UnitOfWork, actor: Actor, generation_id: int) -> Generation:
    """Queue a failed or cancelled generation again.

    Raises:
        Forbidden: this instance makes none (any more).
    """
    if uow.settings.ai_policy == "ai-free":
        raise Forbidden(OFF)
    row = get(uow.session, actor, generation_id)
    _move(uow, row, "queued")
    row.cancel_requested, row.error, row.progress, row.stage = False, None, 0.0, "queued"
    row.attempt, row.run_at, row.finished_at = 0, uow.now, None
    uow.ring("generation")
    return row


def discard(uow: UnitOfWork, actor: Actor, generation_id: int) -> None:
    """Throw a draft (or what is left of a failed job) away, with its files."""
    row = get(uow.session, actor, generation_id)
    _move(uow, row, "discarded")
    if row.media_id is not None:
        media = uow.session.get(Media, row.media_id)
        if media is not None and media.status_id is None:
            keys = [key for key in (media.storage_key, media.poster_key, media.upload_key) if key]
            jobs.enqueue(uow, "delete_files", {"keys": keys}, delay=dt.timedelta(seconds=30))
            uow.session.delete(media)


@dataclass(frozen=True)
class Opening:
    """What an author shows to prove a private prompt: SHA-256 of the nonce (hex, 32 bytes) ‖ the UTF-8 prompt is committed to."""

    prompt: str
    nonce: str
    commitment: str


def opening(session: Session, vault: Vault, media: Media) -> Opening | None:
    """The author's own secret about a file whose prompt is private; None when there is none. For nobody but the author."""
    row = session.get(Generation, media.generation_id) if media.generation_id is not None else None
    commitment = (media.generator or {}).get("promptCommitment")
    if row is None or media.prompt_nonce is None or not isinstance(commitment, str):
        return None
    return Opening(row.prompt, vault.unseal(media.prompt_nonce, "prompt nonce").hex(), commitment)


def _guard(prompt: str, draft: posts.Draft, description: str) -> None:
    """Raises Invalid when a private prompt would be read beside the video."""
    for text, where in ((description, "description"), (draft.text, "text"), (draft.spoiler_text, "content warning")):
        if tells(text, prompt):
            raise Invalid(f"You keep the prompt private, but your {where} repeats it. Say it in other words, or show the prompt.")


def publish(uow: UnitOfWork, actor: Actor, generation_id: int, draft: posts.Draft, *, show_prompt: bool = True,
            description: str | None = "") -> Status:
    """Make the draft a post. Publishing twice answers the same post.

    Args:
        show_prompt: False keeps the prompt private: the record carries a commitment that the author can open later.
        description: alternative text of the video; None: the prompt, unless that is private.

    Raises:
        Invalid: the prompt is to be private, and the text or the description gives it away.
    """
    row = get(uow.session, actor, generation_id)
    if row.state == "published" and row.status_id is not None:
        status = uow.session.get(Status, row.status_id)
        if status is not None:
            return status
    media = uow.session.get(Media, row.media_id) if row.media_id is not None else None
    if media is None:
        raise Conflict(f"This video is {row.state}; it cannot be published.")
    if description is None:
        description = row.prompt if show_prompt else ""
    if not show_prompt:
        _guard(row.prompt, draft, description)
    _move(uow, row, "published")
    generator = {key: value for key, value in (media.generator or {}).items() if key not in ("prompt", "promptCommitment")}
    if show_prompt:
        generator["prompt"] = row.prompt
    else:
        nonce = secrets.token_bytes(32)
        media.prompt_nonce = uow.vault.seal(nonce, "prompt nonce")
        generator["promptCommitment"] = prompt_commitment(nonce, row.prompt)
        records.forget(uow.session, media.id, row.prompt)
        generator["parameters"] = without(generator.get("parameters") or {}, row.prompt)
    media.generator = generator
    media.description = description.strip()[:1500]
    status = posts.create(uow, actor, replace(draft, media_ids=(media.id,)))
    row.status_id = status.id
    return status
