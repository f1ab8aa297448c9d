"""Asking for a cameo: the side of whoever makes the video. The owner of the likeness lives here or elsewhere; the steps are one.
"""
from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ...activities import consents as rules
from ...activitypub import markup
from ...db import UnitOfWork
from ...errors import Forbidden, Invalid, TooManyRequests
from ...models import Actor, ConsentRequest, Generation, Likeness, Media
from ...store import actors, consents, jobs, likenesses, notifications
from .. import generations
from ..generations import Plan
from ..likenesses import decide
from .publishing import POST, request_of

BACKEND = "cameo"
"""Stands where other generations name what they are made with: this one is made on its owner's instance."""
SIZES = {"portrait": (720, 1280), "landscape": (1280, 720), "square": (960, 960)}
FPS = 24
LONGEST = 60.0
MOST_USE = 1000
MOST_WAITING = 20
"""Requests of one account that wait for an answer at a time."""


@dataclass(frozen=True)
class Wish:
    """Who is to be shown, and for what.

    Attributes:
        owner_id: row of the person, or of whoever invented the character.
        character: address of the character; None: the person.
        use: what the video is for, in words for the owner.
        accepts: whoever asks has read what is forbidden and keeps to it.
        forbidden: what the owner forbids, as it was shown.
    """

    owner_id: int
    use: str
    accepts: bool
    character: str | None = None
    forbidden: str = ""


def plan(prompt: str, *, orientation: str = "", seconds: float | None = None, seed: int | None = None) -> Plan:
    """What is asked for. What the owner's instance can make of it, it decides itself.

    Raises:
        Invalid: no words, too many, or a shape or length that nobody makes.
    """
    words, orientation = " ".join(prompt.split()), orientation or "portrait"
    if not words:
        raise Invalid("Please say what the video should show.", code="no-prompt")
    if len(words) > generations.MAX_PROMPT:
        raise Invalid(f"The prompt may have {generations.MAX_PROMPT} characters at most.", code="long-prompt")
    if orientation not in SIZES:
        raise Invalid(f"The shape is one of {', '.join(SIZES)}.", code="orientation")
    length = 5.0 if seconds is None else seconds
    if not 1 <= length <= LONGEST:
        raise Invalid(f"A video with somebody's likeness may be 1 to {LONGEST:g} seconds long.", code="seconds")
    width, height = SIZES[orientation]
    return Plan(prompt=words, backend=BACKEND, model=BACKEND, gpu_class=BACKEND,
                seed=secrets.randbits(53) if seed is None else seed, width=width, height=height, frames=round(length * FPS),
                fps=FPS, seconds=length, task="image", orientation=orientation)


def local_likeness(session: Session, owner: Actor, character: str | None) -> Likeness | None:
    """The row that is asked for, when its owner lives here."""
    if character is None:
        return likenesses.active(session, owner.id)
    head, _, tail = character.rpartition("/")
    number = int(tail) if head == f"{owner.uri}/characters" and tail.isascii() and tail.isdecimal() and len(tail) < 20 else 0
    return likenesses.character(session, number)


def ask(uow: UnitOfWork, actor: Actor, wish: Wish, wanted: Plan, **options: Any) -> Generation:
    """Write a request for a cameo and the generation that waits for it. It is sent by `screened`, once our own gates let it pass.

    Args:
        options: of `services.generations.request`: `publish_as`, `webhook_url`, `webhook_secret`.

    Raises:
        Forbidden: the owner lets this person not ask, or this instance makes nothing.
        Invalid: the use is not said, or what is forbidden was not accepted.
        TooManyRequests, StorageFull: as for any generation; also for too many requests that nobody has answered yet.
    """
    session, owner = uow.session, actors.get(uow.session, wish.owner_id)
    use = markup.clean_line(wish.use, MOST_USE)
    if not use:
        raise Invalid("Please say what the video is for: the person reads it before they answer.", code="no-use")
    if not wish.accepts:
        raise Invalid("Please read what the person forbids, and say that you keep to it.", code="terms")
    likeness: Likeness | None = None
    if owner.local:
        likeness = local_likeness(session, owner, wish.character)
        decision = decide(session, owner, actor, likeness, uow.now)
        if not decision.allowed and not decision.unheard:
            raise Forbidden(decision.reason, code="no-cameo")
    if owner.id == actor.id:
        raise Invalid("This is your own likeness: choose your own picture to start from.", code="own-likeness")
    row = generations.request(uow, actor, wanted, **options)[0]
    waiting = session.scalar(select(func.count()).select_from(Generation).where(
        Generation.actor_id == actor.id, Generation.state == "asked")) or 0
    if waiting >= MOST_WAITING:
        raise TooManyRequests(f"{waiting} of your requests are not answered yet, and {MOST_WAITING} at a time are the most. Take "
                              "one back, or wait.", retry_after=3600, code="too-many-requests")
    post_id, request_id = uow.new_id(), uow.new_id()
    request = ConsentRequest(
        id=request_id, uri=uow.uris.consent_request(actor.uri, request_id), kind="likeness", owner_id=owner.id,
        requester_id=actor.id, target_uri=owner.uri, object_uri=uow.uris.status(actor.uri, post_id), name=wanted.prompt[:200],
        use=use, prompt=wanted.prompt, character_uri=wish.character, likeness_id=likeness.id if likeness is not None else None,
        parameters={"seconds": wanted.seconds, "width": wanted.width, "height": wanted.height, "orientation": wanted.orientation,
                    "forbidden": wish.forbidden},
        generation_id=row.id, state=consents.DRAFT, created_at=uow.now)
    session.add(request)
    row.consent_request_id, row.options = request_id, {**row.options, POST: str(post_id)}
    session.flush()
    return row


def screened(uow: UnitOfWork, row: Generation) -> None:
    """Our own gates let it pass: put it before the owner."""
    request = request_of(uow.session, row)
    if request is None or request.state != consents.DRAFT:
        generations.change(uow, row, "cancelled", finished_at=uow.now, code="cancelled-by-author", error="It was withdrawn.")
        return
    generations.change(uow, row, "asked", code=None, error=None)
    rules.ask(uow, request, actors.get(uow.session, request.owner_id), actors.get(uow.session, request.requester_id))


def waiting(session: Session, request_id: int) -> tuple[ConsentRequest, Generation] | None:
    """A request whose draft was offered to us and is not here yet, with what waits for it."""
    request = consents.get(session, request_id)
    row = session.get(Generation, request.generation_id) if request is not None and request.generation_id is not None else None
    if request is None or row is None or request.state != consents.OFFERED or row.state != "asked":
        return None
    return request, row


def arrived(uow: UnitOfWork, request_id: int, media: Media) -> bool:
    """The draft that its owner let go is here: whoever asked can publish it. False: nobody waits for it any more."""
    found = waiting(uow.session, request_id)
    if found is None:
        return False
    request, row = found
    uow.session.add(media)
    uow.session.flush()
    state = "publishing" if row.publish_as is not None else "draft"
    generations.change(uow, row, "draft", media_id=media.id, finished_at=uow.now, progress=1.0, width=media.width,
                       height=media.height, seconds=media.duration or row.seconds)
    if state == "publishing":
        generations.change(uow, row, "publishing")
        jobs.enqueue(uow, "publish_generation", {"generation_id": row.id}, key=str(row.id))
    notifications.notify(uow, request.requester_id, request.owner_id, "cameo.draft", about=request.id)
    return True


def failed(uow: UnitOfWork, request_id: int, reason: str) -> None:
    """The draft cannot be had, or is not what was offered: what waited for it ends, and its owner's server hears that nobody
    waits for it any more."""
    found = waiting(uow.session, request_id)
    if found is not None:
        request, row = found
        generations.change(uow, row, "failed", finished_at=uow.now, code="cameo-broken", error=reason)
        rules.withdraw(uow, request, actors.get(uow.session, request.owner_id), actors.get(uow.session, request.requester_id))
