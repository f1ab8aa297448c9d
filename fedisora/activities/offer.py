"""Offer: the owner of a likeness lets the rendered draft go to whoever asked for it (docs/federate, cameos)."""
from __future__ import annotations

from typing import Any

from ..activitypub.parse import id_of, is_http, same_origin, text_of, type_of, url_of
from ..db import UnitOfWork
from ..errors import Malformed, NotOwner
from ..models import Actor, ConsentRequest, Media
from ..provenance import digital_source
from ..serializers.activitypub.attachment import duration_text
from ..store import consents, jobs
from . import outbox
from .consents import move
from .received import Received


def build(uow: UnitOfWork, owner: Actor, requester: Actor, request: ConsentRequest, media: Media, url: str) -> dict[str, Any]:
    """The Offer of a rendered draft, which lies at `url` for a while."""
    made = media.generator or {}
    program = {"type": "Application", "name": " ".join(filter(None, (made.get("name"), made.get("model")))) or "Fedisora"}
    if made.get("revision"):
        program["softwareVersion"] = str(made["revision"])
    video: dict[str, Any] = {"type": "Video", "id": f"{owner.uri}#drafts/{request.id}", "mediaType": media.mime,
                             "url": url, "name": request.name, "generator": program}
    for name, value in (("width", media.width), ("height", media.height), ("digestMultibase", media.digest),
                        ("digitalSourceType", media.digital_source_type)):
        if value:
            video[name] = value
    if media.duration:
        video["duration"] = duration_text(media.duration)
    return {"id": f"{owner.uri}#offers/{request.id}", "type": "Offer", "actor": owner.uri, "to": [requester.uri],
            "object": video, "target": request.uri}


def send(uow: UnitOfWork, owner: Actor, requester: Actor, request: ConsentRequest, media: Media, url: str) -> None:
    """Offer it to whoever asked elsewhere."""
    outbox.send(uow, owner, build(uow, owner, requester, request, media, url), outbox.inbox_of(requester, shared=False),
                object_uri=request.uri)


def needs(activity: dict[str, Any]) -> list[str]:
    return []


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    """Fetch the draft that one of ours asked for.

    Raises:
        Malformed: no file, or one without a digest.
        NotOwner: not by whom it was asked of, or the file lies elsewhere.
    """
    request = consents.by_uri(uow.session, id_of(activity.get("target")) or "")
    if request is None or request.kind != "likeness" or request.generation_id is None:
        return "ignored: no such request of ours"
    if request.owner_id != got.actor.id:
        raise NotOwner(cause=f"{got.actor.uri} offers for {request.uri}")
    video = activity.get("object")
    url = url_of(video.get("url")) if isinstance(video, dict) else None
    digest = video.get("digestMultibase") if isinstance(video, dict) else None
    named = isinstance(digest, str) and 0 < len(digest) <= 64
    if not isinstance(video, dict) or type_of(video) != "Video" or url is None or not is_http(url) or not named:
        raise Malformed("This Offer names no file.")
    if not same_origin(url, got.actor.uri):
        raise NotOwner(cause=f"{got.actor.uri} offers {url}")
    if request.state == consents.OFFERED:
        return "ignored: known"
    if request.state == consents.PENDING:  # its Accept is still on the way
        move(request, consents.AGREED)
    if request.state != consents.AGREED:
        return "ignored: not waited for"
    move(request, consents.OFFERED)
    request.seen_at = uow.now
    source = digital_source.find(video.get("digitalSourceType")) if isinstance(video.get("digitalSourceType"), str) else None
    generator = video.get("generator")
    request.parameters = {**request.parameters, "made": {
        "name": text_of(generator, "name")[:80] if isinstance(generator, dict) else "",
        "version": text_of(generator, "softwareVersion")[:80] if isinstance(generator, dict) else "",
        "source": source.uri if source is not None else digital_source.COMPOSITE_TRAINED}}
    jobs.enqueue(uow, "fetch_cameo", {"request_id": request.id, "url": url, "digest": digest}, key=str(request.id))
    uow.ring(f"generation:{request.generation_id}")
    return "draft to be fetched"
