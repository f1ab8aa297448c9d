"""What becomes of a finished video: a post, or nothing."""
from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from ...db import UnitOfWork
from ...errors import Conflict, Invalid
from ...models import Actor, Generation, Media, Status
from ...provenance.record import prompt_commitment
from ...provenance.secrecy import tells, without
from ...store import jobs, records
from ...store import media as media_rows
from ...vault import Vault
from .. import publish as posts
from ..cameos import publishing as cameos
from .asking import get
from .states import STATES
from .transitions import WORDS, change


def discard(uow: UnitOfWork, actor: Actor, generation_id: int) -> None:
    """Throw a draft (or what is left of a failed job) away, with its files."""
    row = get(uow.session, actor, generation_id)
    change(uow, row, "discarded")
    delete_file(uow, row)
    cameos.given_up(uow, row)


def delete_file(uow: UnitOfWork, row: Generation) -> None:
    """Delete what was rendered, when no post has it."""
    if row.media_id is not None:
        media = uow.session.get(Media, row.media_id)
        if media is not None and media.status_id is None:
            jobs.enqueue(uow, "delete_files", {"keys": media_rows.keys_of(uow.session, [media])}, delay=dt.timedelta(seconds=30))
            uow.session.delete(media)
            row.media_id = None
            uow.session.flush()


DRAFT_MEMBERS = ("text", "visibility", "sensitive", "spoiler_text", "language", "remix_policy", "remix_use", "remix_of_id",
                 "in_reply_to_id", "idempotency_key")


def draft_of(values: dict[str, Any]) -> posts.Draft:
    """The post that `Generation.publish_as` names.

    Raises:
        Invalid: it cannot be posted like that.
    """
    draft = posts.Draft(**{"text": "", **{name: values[name] for name in DRAFT_MEMBERS if name in values}})
    posts.check(replace(draft, media_ids=(0,)))
    return draft


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
    if row.state == "done" and row.status_id is not None:
        status = uow.session.get(Status, row.status_id)
        if status is not None:
            return status
    media = uow.session.get(Media, row.media_id) if row.media_id is not None else None
    if media is None:
        raise Conflict(f"This video {WORDS[row.state]}; it cannot be published.", code="wrong-state")
    if description is None:
        description = row.prompt if show_prompt else ""
    if "done" not in STATES[row.state]:
        raise Conflict(f"This video {WORDS[row.state]}; it cannot be published.", code="wrong-state")
    if row.input_media_id is not None and row.options.get("remix_of"):
        draft = replace(draft, remix_of_id=int(row.options["remix_of"]))  # what was made from somebody's video says so
    if not show_prompt:
        _guard(row.prompt, draft, description)
    if cameos.is_render(row):
        raise Conflict("This was made for somebody who asked for your likeness. Answer the request instead.", code="wrong-state")
    if cameos.waits(row):
        draft = cameos.promised(uow.session, row, draft)
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
    status = posts.create(uow, actor, replace(draft, media_ids=(media.id,), generation_id=row.id))
    if cameos.waits(row):
        cameos.attach(uow, status, row)
    change(uow, row, "done", status_id=status.id, code=None, error=None)
    return status
