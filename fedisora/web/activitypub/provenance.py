"""Provenance on the wire: records, the instance's certificates, the list of revoked ones."""
from __future__ import annotations

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from ...activities import outbox
from ...activitypub.contexts import context_for
from ...activitypub.integrity_proofs import sign_document
from ...activitypub.negotiation import wants_activity
from ...db import UnitOfWork
from ...errors import NotFound
from ...models import Actor, Media, Status
from ...serializers.activitypub import revocations
from ...serializers.activitypub.attachment import record_of
from ...services import instance
from ...store import actors, keys, records, statuses, trust
from .respond import activity_json, house_of, reader


async def record(request: Request) -> Response:
    """GET /records/ID: the ProvenanceRecord of a published file, signed by its author."""
    house = house_of(request)
    media_id = int(request.path_params["id"])
    as_page = not wants_activity(request.headers.get("accept")) and "json" not in request.headers.get("accept", "")
    who = None if as_page else await reader(request)
    viewer_id = who.id if who else None

    def build(session: Session) -> tuple[dict[str, object], str]:
        media = session.get(Media, media_id)
        status = session.get(Status, media.status_id) if media is not None and media.status_id else None
        if media is None or status is None or not status.local or not statuses.visible(session, status, viewer_id):
            raise NotFound("There is no such record.")
        found = record_of(media, house.uris, records.beside(session, [media]).get(media_id, records.NOTHING))
        if found is None:
            raise NotFound("There is no such record.")
        author, node = session.get_one(Actor, status.actor_id), found.to_attachment_node()
        key, method = keys.proof_key(session, house.vault, house.uris, author)
        return sign_document({"@context": context_for(node, proof=True), **node}, key, method, house.db.clock()), status.url

    document, page = await house.db.read(build)
    if as_page:
        return RedirectResponse(f"{page}#made", 302, {"Vary": "Accept"})
    return activity_json(document)


async def certificates(request: Request) -> Response:
    """GET /c2pa.pem: the CA certificates that signed our actors' leaves."""
    pem = await house_of(request).db.read(instance.certificate_bundle)
    return PlainTextResponse(pem, media_type="application/pem-certificate-chain",
                             headers={"Cache-Control": "public, max-age=3600"})


async def revoked(request: Request) -> Response:
    """GET /.well-known/fedisora-revoked: serials of certificates that count no more, signed by the instance actor."""
    house = house_of(request)

    def build(uow: UnitOfWork) -> dict[str, object]:
        issuer = actors.instance_actor(uow.session)
        document = revocations.to_activitypub(trust.revoked_here(uow.session), issuer.uri, uow.now)
        return outbox.sign(uow, issuer, {"@context": context_for(document, proof=True), **document})

    return activity_json(await house.db.write(build), cache=300)
