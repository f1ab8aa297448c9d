"""Asking for consent and answering: the side of the owner, and what an answer from elsewhere means for our request.

Whoever asks lives here or elsewhere, and so does the owner. The rules are the same; only where both live here nothing is
sent. A request goes `draft` → `pending` → `accepted` | `rejected` | `withdrawn` (`store.consents.TRANSITIONS`); one for a
likeness first gets a yes to its rendering (`agreed`), then its owner lets the draft go (`offered`).
"""
from __future__ import annotations

import datetime as dt
from typing import Any

import orjson
from sqlalchemy.orm import Session

from ..activitypub import markup
from ..activitypub.parse import id_of, same_origin, text_of, type_of
from ..activitypub.vocabulary import PUBLIC
from ..db import UnitOfWork
from ..errors import Conflict, NotOwner
from ..models import Actor, ConsentRequest, ConsentStamp, Lineage, Status
from ..provenance import consent, policy
from ..provenance.record import timestamp
from ..serializers.activitypub.attachment import duration_text
from ..store import consents, jobs, likenesses, lineage, notifications, relations, statuses
from . import lineages, outbox
from .received import Received

STAMP_OF = {"remix": consent.REMIX, "likeness": consent.LIKENESS}
KIND_OF = {consent.REQUESTS[stamp]: kind for kind, stamp in STAMP_OF.items()}
"""RemixRequest → remix, LikenessRequest → likeness"""
MOST_PENDING = 20
"""Unanswered requests that one account may have with another."""
MOST_OF_A_SERVER = 100
"""Unanswered requests that all accounts of another server may have with one person together."""
NOT_ALLOWED = "The author does not allow remixes of this post."
DELETED = "The original was deleted."
TAKEN_BACK = "The author took back the consent to this remix."
NOT_TAKEN = "They take no requests for this."
"""What whoever asks for a likeness reads when nobody may ask, and when a consent was taken back."""
TOO_MANY = "Too many of your requests wait for an answer already."
TOO_MANY_THERE = "Too many requests from your server wait for an answer already. Please ask again later."


def move(request: ConsentRequest, state: str) -> None:
    """Raises Conflict when a request cannot go there from where it is."""
    if state not in consents.TRANSITIONS[request.state]:
        raise Conflict(f"This request is {request.state}; that cannot be done now.")
    request.state = state


# ---- the owner's side
def consider(uow: UnitOfWork, request: ConsentRequest, owner: Actor, requester: Actor, parent: Status | None) -> str:
    """A request has reached its owner, who lives here: answer at once what the policy decides, else put it into the inbox."""
    session, likeness = uow.session, request.kind == "likeness"
    if relations.blocked_either_way(session, owner.id, requester.id):
        return refuse(uow, owner, requester, request, NOT_TAKEN if likeness else NOT_ALLOWED)
    if any(row.revoked_at is not None for row in consents.stamps_for(session, request.target_uri, request.object_uri)):
        return refuse(uow, owner, requester, request, NOT_TAKEN if likeness else TAKEN_BACK)
    decision = "ask"  # a likeness is never given unasked
    if request.kind == "remix" and parent is not None:
        decision = policy.decide(
            parent.interaction_policy, requester.uri, owner=owner.uri, followers=owner.followers_uri or "",
            is_follower=relations.is_follower(session, requester.id, owner.id))
    if decision == "no":
        return refuse(uow, owner, requester, request, NOT_ALLOWED)
    if decision == "yes" and request.digest:
        give(uow, owner, requester, request)
        return "accepted"
    offered = consents.offered(session, request.target_uri, request.object_uri, requester.id) if (
        likeness and request.digest) else None
    reason = "" if offered is not None else _crowded(session, owner, requester)
    if reason:
        refuse(uow, owner, requester, request, reason)
        if not requester.local:  # nothing is kept of it: a flood leaves no rows, and who asks again later is heard
            session.delete(request)
            session.flush()
        return "rejected"
    if likeness:  # who may ask, and for what, is decided by the home of the likeness, in a job
        look(uow, request, "compare_cameo" if offered is not None else "render_cameo")
        return "to be looked at"
    notifications.notify(uow, owner.id, requester.id, "consent.request", about=request.id)
    return "waiting for the owner"


def _crowded(session: Session, owner: Actor, requester: Actor) -> str:
    """Why somebody cannot ask now: too much of theirs waits already, or of their server's; "" when they can. Whom the owner
    follows or approved finds a place whatever others on the same server do."""
    own, of_server = consents.crowd(session, owner.id, requester)
    if own > MOST_PENDING:
        return TOO_MANY
    if requester.local or of_server <= MOST_OF_A_SERVER:
        return ""
    known = relations.is_follower(session, owner.id, requester.id) or likenesses.decided_about(
        session, owner.id, requester.id) in (likenesses.APPROVED, likenesses.ALWAYS)
    return "" if known else TOO_MANY_THERE


def give(uow: UnitOfWork, owner: Actor, requester: Actor, request: ConsentRequest, *,
         until: dt.datetime | None = None) -> ConsentStamp:
    """Give consent: the stamp is signed once and kept as it is; whoever asked elsewhere gets its address.

    Raises:
        Conflict: the request cannot be accepted any more.
        Invalid: a likeness without the finished file.
    """
    stamp_id = uow.new_id()
    kind, uri = STAMP_OF[request.kind], uow.uris.stamp(owner.uri, stamp_id)
    document = consent.build_stamp(kind, stamp_id=uri, owner=owner.uri, new_object=request.object_uri,
                                   target=request.target_uri, digest=request.digest, end=until)
    move(request, consents.ACCEPTED)
    stamp = ConsentStamp(
        id=stamp_id, uri=uri, kind=request.kind, actor_id=owner.id, request_id=request.id, target_uri=request.target_uri,
        object_uri=request.object_uri, requester_uri=requester.uri, digest=request.digest, end_at=until,
        document=orjson.dumps(outbox.sign(uow, owner, document)), created_at=uow.now)
    uow.session.add(stamp)
    request.stamp_uri, request.answered_at, request.reason = uri, uow.now, ""
    if request.kind == "likeness":
        _close(uow, request)
    uow.session.flush()
    if requester.local:
        row = row_of(uow, request)
        if row is not None:
            lineages.settle(uow, row.id, lineages.Finding("valid", "", uri, until))
        lineages.told(uow, request, "consent.answer")
    else:
        consents.drop_preview(uow, request)
        send_answer(uow, owner, requester, request)
    return stamp


def refuse(uow: UnitOfWork, owner: Actor, requester: Actor, request: ConsentRequest, reason: str) -> str:
    """Say no, with the reason; `rejected`.

    Raises:
        Conflict: the request was answered already.
    """
    move(request, consents.REJECTED)
    request.reason, request.answered_at = markup.clean_line(reason, 500), uow.now
    uow.session.flush()
    if requester.local:
        row = row_of(uow, request)
        if row is not None:
            lineages.settle(uow, row.id, lineages.Finding("missing", request.reason))
        consents.end_generation(uow, request)
        lineages.told(uow, request, "consent.answer")
    else:
        consents.drop_preview(uow, request)
        send_answer(uow, owner, requester, request)
    if request.render_id is not None:
        look(uow, request)
    return "rejected"


def agree(uow: UnitOfWork, owner: Actor, requester: Actor, request: ConsentRequest) -> None:
    """The owner of a likeness lets a video with it be made, on this instance; whoever asked hears that it was begun.

    Raises:
        Conflict: it was answered already.
    """
    move(request, consents.AGREED)
    request.answered_at, request.reason = uow.now, ""
    uow.session.flush()
    if requester.local:
        lineages.told(uow, request, "consent.answer")
    else:
        send_answer(uow, owner, requester, request)
    look(uow, request)


def look(uow: UnitOfWork, request: ConsentRequest, kind: str = "render_cameo") -> None:
    """Let the job of the owner's instance look at a request for a likeness: what follows depends on its state alone."""
    jobs.enqueue(uow, kind, {"request_id": request.id}, key=f"{request.id}:{request.state}")


def _close(uow: UnitOfWork, request: ConsentRequest) -> None:
    """A stamp of a likeness was given: what was rendered for it is not needed here any more."""
    first = consents.offered(uow.session, request.target_uri, request.object_uri, request.requester_id)
    consents.close_offers(uow, request)
    if first is not None:
        look(uow, first)


def send_answer(uow: UnitOfWork, owner: Actor, requester: Actor, request: ConsentRequest) -> None:
    """Accept with the stamp's address, or Reject with the reason; an Accept without one lets a likeness be rendered. The id is
    new each time: who asks again is answered again."""
    stamp = consents.stamp(uow.session, request.stamp_uri) if request.stamp_uri is not None else None
    begun = request.state in (consents.AGREED, consents.OFFERED)
    accepted = begun or (request.state == consents.ACCEPTED and stamp is not None and stamp.revoked_at is None)
    reason = TAKEN_BACK if stamp is not None and not accepted else request.reason
    kind = "Accept" if accepted else "Reject"
    about = {"id": request.uri, "type": consent.REQUESTS[STAMP_OF[request.kind]], "actor": requester.uri,
             "object": request.target_uri, "instrument": request.object_uri}
    activity: dict[str, Any] = {"id": f"{owner.uri}#{kind.lower()}s/consent/{uow.new_id()}", "type": kind,
                                "actor": owner.uri, "to": [requester.uri], "object": about}
    if accepted and not begun:
        activity["result"] = request.stamp_uri
    elif reason:
        activity["summary"] = reason
    outbox.send(uow, owner, activity, outbox.inbox_of(requester, shared=False), object_uri=request.uri)


def take_back(uow: UnitOfWork, owner: Actor, stamp: ConsentStamp, requester: Actor | None) -> None:
    """Revoke a stamp: whoever asked and everybody who follows the owner hears of it; its address answers 410 from now on."""
    if stamp.revoked_at is not None:
        return
    stamp.revoked_at = uow.now
    uow.session.flush()
    activity = {"id": uow.uris.delete(stamp.uri), "type": "Delete", "actor": owner.uri, "to": [PUBLIC],
                "cc": [stamp.requester_uri],
                "object": {"id": stamp.uri, "type": "Tombstone", "formerType": STAMP_OF[stamp.kind],
                           "deleted": timestamp(uow.now)}}
    inboxes = [*(outbox.inbox_of(requester) if requester is not None else ()),
               *relations.follower_inboxes(uow.session, owner.id), *consents.reader_inboxes(uow.session, stamp.id)]
    outbox.send(uow, owner, activity, inboxes, object_uri=stamp.uri)
    for row in lineage.by_stamp(uow.session, stamp.uri):
        lineages.settle(uow, row.id, lineages.Finding("revoked", "The owner took the consent back."))


# ---- the side of whoever asks
def ask(uow: UnitOfWork, request: ConsentRequest, owner: Actor, requester: Actor, *, url: str | None = None, mime: str = "",
        icon: str | None = None) -> None:
    """Put a request before the owner: here at once, elsewhere as a RemixRequest or LikenessRequest.

    Args:
        url: where the owner can look at the finished file that is asked about; its digest is in the request. None: it is to be
            rendered with a likeness yet.
    """
    move(request, consents.PENDING)
    uow.session.flush()
    if owner.local:
        consider(uow, request, owner, requester, statuses.by_uri(uow.session, request.target_uri))
        return
    activity = consent.build_request(
        STAMP_OF[request.kind], request_id=request.uri, actor=requester.uri, owner=owner.uri, target=request.target_uri,
        new_object=request.object_uri, name=request.name, use=request.use, published=uow.now, digest=request.digest)
    if url is not None:
        activity["instrument"] |= {"mediaType": mime, "url": url} | ({"icon": {"type": "Image", "url": icon}} if icon else {})
    else:
        activity["instrument"] |= render_details(request)
    outbox.send(uow, requester, activity, outbox.inbox_of(owner, shared=False), object_uri=request.object_uri)


def withdraw(uow: UnitOfWork, request: ConsentRequest, owner: Actor, requester: Actor) -> None:
    """Whoever asked thinks better of it: an Undo takes the request out of the owner's inbox."""
    sent = request.state in (consents.PENDING, consents.AGREED, consents.OFFERED)
    move(request, consents.WITHDRAWN)
    request.answered_at = uow.now
    if sent and not owner.local:
        send_undo(uow, request, owner, requester)
    for kind in ("consent.request", "cameo.request", "cameo.draft"):
        notifications.remove(uow, owner.id, requester.id, kind, request.id)
    if request.render_id is not None:
        look(uow, request)


def send_undo(uow: UnitOfWork, request: ConsentRequest, owner: Actor, requester: Actor) -> None:
    """Take a request back from an owner elsewhere."""
    about = {"id": request.uri, "type": consent.REQUESTS[STAMP_OF[request.kind]], "actor": requester.uri,
             "object": request.target_uri}
    outbox.send(uow, requester, {"id": uow.uris.undo(request.uri), "type": "Undo", "actor": requester.uri,
                                 "to": [owner.uri], "object": about},
                outbox.inbox_of(owner, shared=False), object_uri=request.uri)


def unanswered(uow: UnitOfWork, request: ConsentRequest, reason: str) -> None:
    """The server of whom we asked says nothing: as good as a no. What waited for the answer ends, and whoever asked is told.

    Raises:
        Conflict: it was answered.
    """
    move(request, consents.REJECTED)
    request.reason, request.answered_at = reason, uow.now
    consents.end_generation(uow, request)
    lineages.told(uow, request, "consent.answer")


def row_of(uow: UnitOfWork, request: ConsentRequest) -> Lineage | None:
    """What is known of the consent that a request of ours is about, once there is a post."""
    rows = lineage.parents_of(uow.session, [request.status_id]).get(request.status_id, []) if request.status_id else []
    kind = lineage.CAMEO if request.kind == "likeness" else lineage.REMIX
    return next((row for row in rows if row.parent_uri == request.target_uri and row.kind == kind), None)


def is_request(uow: UnitOfWork, activity: dict[str, Any]) -> bool:
    """Whether an Accept or Reject is about a request for consent."""
    reference = activity.get("object")
    uri = id_of(reference)
    return type_of(reference) in KIND_OF or (
        uri is not None and uow.uris.is_local(uri) and consents.by_uri(uow.session, uri) is not None)


def answered(uow: UnitOfWork, activity: dict[str, Any], got: Received, *, accepted: bool) -> str:
    """An Accept or Reject of a request of ours. An Accept is only the address of a stamp: that is what is looked at.

    Raises:
        NotOwner: not by whom we asked.
    """
    request = consents.by_uri(uow.session, id_of(activity.get("object")) or "")
    if request is None or request.state in (consents.DRAFT, consents.WITHDRAWN):
        return "ignored: no such request of ours"
    if request.owner_id != got.actor.id:
        raise NotOwner(cause=f"{got.actor.uri} answers {request.uri}")
    if request.status_id is None and request.generation_id is not None:
        return _begun(uow, activity, request, accepted=accepted)
    row = row_of(uow, request)
    if row is None:
        return "ignored: no such request of ours"
    if not accepted:
        if request.state != consents.PENDING:
            lineages.check_later(uow, row)  # too late for a no: what counts is whether the stamp is still there
            return "to be checked" if request.state == consents.ACCEPTED else "ignored: known"
        move(request, consents.REJECTED)
        request.reason, request.answered_at = markup.clean_line(text_of(activity, "summary"), 500), uow.now
        lineages.settle(uow, row.id, lineages.Finding("missing", request.reason))
        lineages.told(uow, request, "consent.answer")
        return "consent refused"
    stamp = id_of(activity.get("result"))
    if stamp is None or not same_origin(stamp, got.actor.uri):
        return "ignored: no stamp of the owner's"
    if request.state == consents.REJECTED:
        request.state = consents.PENDING
    row.stamp_uri = stamp
    uow.session.flush()
    lineages.check_later(uow, row)
    return "stamp to be checked"


def _begun(uow: UnitOfWork, activity: dict[str, Any], request: ConsentRequest, *, accepted: bool) -> str:
    """An answer to our first request for a likeness: it is rendered on its owner's instance, or it is not."""
    if accepted:
        if request.state != consents.PENDING:
            return "ignored: known"
        move(request, consents.AGREED)
        request.answered_at = uow.now
        lineages.told(uow, request, "consent.answer")
        uow.ring(f"generation:{request.generation_id}")
        return "agreed, to be rendered"
    if request.state not in (consents.PENDING, consents.AGREED, consents.OFFERED):
        return "ignored: known"
    move(request, consents.REJECTED)
    request.reason, request.answered_at = markup.clean_line(text_of(activity, "summary"), 500), uow.now
    consents.end_generation(uow, request)
    lineages.told(uow, request, "consent.answer")
    return "consent refused"


def render_details(request: ConsentRequest) -> dict[str, Any]:
    """What is to be rendered with a likeness, for the `instrument` of a request: `content` (the prompt), `duration`, `width`,
    `height`, and in `tag` the character, when it is for one."""
    wanted = request.parameters
    found: dict[str, Any] = {"content": request.prompt}
    if wanted.get("seconds"):
        found["duration"] = duration_text(float(wanted["seconds"]))
    found |= {name: wanted[name] for name in ("width", "height") if wanted.get(name)}
    if request.character_uri:
        found["tag"] = [{"type": "Object", "id": request.character_uri}]
    return found
