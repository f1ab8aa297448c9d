"""HumanCredentials and status lists of this instance (vocabulary §3)."""
from __future__ import annotations

from typing import Final

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...activitypub.negotiation import ACTIVITY_JSON, wants_activity
from ...errors import Gone
from ...services.verification import status_lists
from ...store import credentials
from .respond import house_of

VC: Final = "application/vc"
"""Media type of a verifiable credential (W3C VC Data Model 2.0 §6.2)."""
CACHED: Final = 300
"""Seconds for which others may keep a list or a credential: as long as a revocation may go unseen by those who just asked."""


def _media_type(accept: str | None) -> str:
    """The type in which a credential is served: servers of the fediverse take nothing but AS2, a browser shows JSON."""
    if wants_activity(accept):
        return ACTIVITY_JSON
    named = {part.partition(";")[0].strip().lower() for part in (accept or "")[:2048].split(",")}
    if VC in named:
        return VC
    if "application/ld+json" in named:
        return "application/ld+json"
    return "application/json" if named & {"application/json", "text/html"} else VC


def _document(request: Request, body: bytes) -> Response:
    return Response(body, headers={"Vary": "Accept, Signature", "Cache-Control": f"public, max-age={CACHED}"},
                    media_type=_media_type(request.headers.get("accept")))


async def credential(request: Request) -> Response:
    """GET /credentials/ID: a HumanCredential as it was signed.

    Raises:
        Gone: it was revoked, has run out or was renewed, its account is not active, or there never was one: what is erased
            cannot be told from what never was.
    """
    house, wanted = house_of(request), request.path_params["id"]

    def read(session: Session) -> bytes | None:
        row = credentials.served(session, wanted, house.db.clock())
        return row.document if row is not None else None

    body = await house.db.read(read)
    if body is None:
        raise Gone("There is no such credential, or no longer.")
    return _document(request, body)


async def status_list(request: Request) -> Response:
    """GET /credentials/status/NUMBER: the list that takes credentials back, never one that is about to run out.

    Raises:
        NotFound: there is no such list.
    """
    house, number = house_of(request), request.path_params["number"]

    def read(session: Session) -> bytes | None:
        found = credentials.status_list(session, number)
        return found.document if found is not None and not status_lists.stale(found, house.db.clock()) else None

    body = await house.db.read(read)
    if body is None:
        body = await house.db.write(lambda uow: status_lists.fresh(uow, number))
    return _document(request, body)


routes: list[Route] = [
    Route("/credentials/{id:row}", credential), Route("/credentials/status/{number:row}", status_list),
]
