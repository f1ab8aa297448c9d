"""Answering for one's likeness: who may ask, once or always, the draft that its owner sees first, and the stamp over the file."""
from __future__ import annotations

import datetime as dt
from typing import Final

from sqlalchemy.orm import Session

from ...activities import consents as rules
from ...activities import offer
from ...db import UnitOfWork
from ...errors import Conflict, Invalid, NotFound
from ...models import Actor, ConsentRequest, ConsentStamp, Generation, Likeness, Media
from ...store import actors, consents, jobs, likenesses, notifications
from ...uris import Uris
from ...vault import Vault
from .. import generations
from .. import publish as posts
from ..likenesses import Decision, decide
from . import asking

OFFER_LASTS: Final = dt.timedelta(days=7)
"""For so long whoever asked can fetch the draft."""
NO_RENDER: Final = "It could not be made on their server."
NOTHING: Final = "The request does not say what is to be shown."
DENIED: Final = "The person who is to be shown did not agree."
UNHEARD: Final = "not put before the owner, and not answered"
GONE: Final = "The request was taken back, or answered."


def parties(session: Session, request: ConsentRequest) -> tuple[Actor, Actor, Likeness | None]:
    """(owner, whoever asks, the likeness or character)"""
    owner, asker = actors.get(session, request.owner_id), actors.get(session, request.requester_id)
    row = likenesses.get(session, request.likeness_id) if request.likeness_id is not None else asking.local_likeness(
        session, owner, request.character_uri)
    return owner, asker, row


def permitted(session: Session, request: ConsentRequest, now: dt.datetime) -> Decision:
    """Whether whoever asked may (still) have it."""
    owner, asker, row = parties(session, request)
    return decide(session, owner, asker, row, now)


def consider(uow: UnitOfWork, request_id: int) -> str:
    """A request has come in: refuse what the owner's rules do not allow, begin what they always allow, and put the rest before
    them. A word for the log."""
    request = consents.get(uow.session, request_id)
    if request is None or request.kind != "likeness" or request.state != consents.PENDING:
        return "ignored: not waiting"
    owner, asker, likeness = parties(uow.session, request)
    if not owner.local:
        return "ignored: not here"
    decision = decide(uow.session, owner, asker, likeness, uow.now)
    if (not decision.allowed and not decision.unheard) or likeness is None:
        return rules.refuse(uow, owner, asker, request, decision.reason or rules.NOT_TAKEN)
    request.likeness_id = likeness.id
    if request.digest is None and not request.prompt:
        return rules.refuse(uow, owner, asker, request, NOTHING)
    if request.digest is None and likeness.picture_key is None:
        return rules.refuse(uow, owner, asker, request, NO_RENDER)
    if decision.unheard:
        return UNHEARD
    if decision.automatic and request.digest is None:
        rules.agree(uow, owner, asker, request)
        return "agreed"
    notifications.notify(uow, owner.id, asker.id, "cameo.request", about=request.id)
    return "waiting for the owner"


def _mine(uow: UnitOfWork, owner: Actor, request_id: int) -> ConsentRequest:
    request = consents.get(uow.session, request_id)
    if request is None or request.owner_id != owner.id or request.state == consents.DRAFT or request.kind != "likeness":
        raise NotFound("There is no such request.")
    return request


def agree(uow: UnitOfWork, owner: Actor, request_id: int, *, always: bool = False) -> ConsentRequest:
    """Let it be made here. The draft comes back to the owner before anybody else sees it.

    Args:
        always: whatever this person asks for later is begun without asking each time; each draft is still looked at.

    Raises:
        NotFound: no such request of this person's.
        Conflict: it was answered or withdrawn already, or the likeness is not there any more.
    """
    request = _mine(uow, owner, request_id)
    if request.digest is not None:
        raise Conflict("This request is about a finished file: give or refuse it.")
    _, asker, likeness = parties(uow.session, request)
    if not permitted(uow.session, request, uow.now).allowed or likeness is None:
        raise Conflict("This likeness is not open to them any more: refuse the request, or change who may ask.")
    if always:
        likenesses.set_person(uow, owner.id, asker.id, likenesses.ALWAYS)
    rules.agree(uow, owner, asker, request)
    return request


def deny(uow: UnitOfWork, owner: Actor, request_id: int, reason: str = "", *, block: bool = False) -> ConsentRequest:
    """Say no: to the request, to the draft, or to the finished file. Whoever asked hears the reason.

    Args:
        block: nothing is taken from this person any more; all they wait for ends as by any other no, and they do not hear
            that they are blocked.

    Raises:
        NotFound: no such request of this person's.
        Conflict: it was answered or withdrawn already.
    """
    request = _mine(uow, owner, request_id)
    asker = actors.get(uow.session, request.requester_id)
    rules.refuse(uow, owner, asker, request, reason or DENIED)
    if block:
        likenesses.set_person(uow, owner.id, asker.id, likenesses.BLOCKED)
        for other in consents.open_between(uow.session, owner.id, asker.id):
            rules.refuse(uow, owner, asker, other, DENIED)
    return request


def draft_of(session: Session, request: ConsentRequest) -> Media | None:
    """The rendered draft of a request, on its owner's instance."""
    return consents.rendered(session, request)


def let_go(uow: UnitOfWork, owner: Actor, request_id: int) -> ConsentRequest:
    """The owner has looked at the draft and lets whoever asked have it. Published it is only with a stamp over the finished file.

    Raises:
        NotFound: no such request of this person's.
        Conflict: there is no draft yet, or none any more; or the likeness is not open to them any more.
    """
    request = _mine(uow, owner, request_id)
    media = draft_of(uow.session, request)
    if request.state != consents.AGREED or media is None or request.content_digest is None:
        raise Conflict("There is no draft of this to let go (any more).")
    if not permitted(uow.session, request, uow.now).allowed:
        raise Conflict("This likeness is not open to them any more: refuse the request, or change who may ask.")
    asker = actors.get(uow.session, request.requester_id)
    rules.move(request, consents.OFFERED)
    request.seen_at = uow.now.replace(microsecond=0)
    uow.session.flush()
    if asker.local:
        jobs.enqueue(uow, "fetch_cameo", {"request_id": request.id}, key=str(request.id))
    else:
        offer.send(uow, owner, asker, request, media, file_url(uow.uris, uow.vault, request))
    return request


def token(vault: Vault, request: ConsentRequest) -> str:
    """What the address of an offered draft ends with."""
    seen = request.seen_at.isoformat() if request.seen_at is not None else ""
    return vault.mac("cameo", f"{request.id}:{seen}")


def file_url(uris: Uris, vault: Vault, request: ConsentRequest) -> str:
    """Where whoever asked fetches the draft."""
    return uris.cameo_file(request.id, token(vault, request))


def fetchable(session: Session, request_id: int, now: dt.datetime) -> tuple[ConsentRequest, Media] | None:
    """An offered draft that can be fetched now: within its week, and while its owner would still let whoever asked have it."""
    request = consents.get(session, request_id)
    media = draft_of(session, request) if request is not None else None
    if request is None or media is None or request.state != consents.OFFERED or request.seen_at is None \
            or now > request.seen_at + OFFER_LASTS or not permitted(session, request, now).allowed:
        return None
    return request, media


# ---- the stamp
def end_of(likeness: Likeness | None, until: dt.datetime | None) -> dt.datetime | None:
    """When a consent ends: not after the likeness itself."""
    ends = (until, likeness.until if likeness is not None else None)
    return min((moment for moment in ends if moment is not None), default=None)


def give(uow: UnitOfWork, request: ConsentRequest, *, until: dt.datetime | None = None) -> ConsentStamp:
    """Stamp a finished file: the one that its owner saw, or one that they have looked at now.

    Raises:
        Conflict: it cannot be given (any more).
        Invalid: no finished file is named.
    """
    owner, asker, likeness = parties(uow.session, request)
    if not request.digest:
        raise Invalid("A likeness is given for a finished file: its digest is missing.")
    if not decide(uow.session, owner, asker, likeness, uow.now).allowed:
        raise Conflict("This likeness is not open to them any more: refuse the request, or change who may ask.")
    request.seen_at = request.seen_at or uow.now
    stamp = rules.give(uow, owner, asker, request, until=end_of(likeness, until))
    notifications.notify(uow, owner.id, asker.id, "cameo.used", about=request.id)
    if request.status_id is not None:
        posts.finish(uow, request.status_id)
    return stamp


def compared(uow: UnitOfWork, request_id: int, content: str | None) -> str:
    """The finished file was compared with what its owner saw: the same gets its stamp, another one is put before the owner.

    Args:
        content: SHA-256 of its packets, None when it is not the file that is named or cannot be read.
    """
    request = consents.get(uow.session, request_id)
    if request is None or request.state != consents.PENDING or not request.digest:
        return GONE
    owner, asker, likeness = parties(uow.session, request)
    first = consents.offered(uow.session, request.target_uri, request.object_uri, request.requester_id)
    if first is not None:
        request.likeness_id = first.likeness_id
        likeness = likenesses.get(uow.session, first.likeness_id) if first.likeness_id is not None else likeness
    decision = decide(uow.session, owner, asker, likeness, uow.now)
    if decision.unheard:
        return UNHEARD
    if not decision.allowed:
        return rules.refuse(uow, owner, asker, request, decision.reason)
    if first is not None and content is not None and content == first.content_digest and first.seen_at is not None:
        request.seen_at = first.seen_at
        give(uow, request)
        return "given"
    notifications.notify(uow, owner.id, asker.id, "cameo.request", about=request.id)
    return "another file than the owner saw: waiting for them"


# ---- after the answer
def sweep(uow: UnitOfWork, limit: int = 100) -> int:
    """Delete drafts that were let go and can be fetched no more; how many. What they looked like is known by their digest."""
    rows = consents.offered_before(uow.session, uow.now - OFFER_LASTS, limit)
    for request in rows:
        tidy(uow, request)
    return len(rows)


def tidy(uow: UnitOfWork, request: ConsentRequest) -> None:
    """A request is over: what was rendered for it here is deleted, or not made at all."""
    row = uow.session.get(Generation, request.render_id) if request.render_id is not None else None
    if row is None:
        return
    if row.state in generations.UNFINISHED:
        if not row.cancel_requested:
            generations.stop(uow, row, "cancelled-by-author", GONE)
    elif row.state in ("draft", "failed", "cancelled", "rejected"):
        generations.change(uow, row, "discarded")
        generations.delete_file(uow, row)
