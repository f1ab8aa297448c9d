"""Resumable uploads (tus 1.0.0), and how much of an account's storage is used."""
from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...errors import Malformed
from ...services import storage_quota
from .. import tus, tus_parts
from ..auth import person
from ..convertors import number
from .operations import Answer, Operation, ref, refused

if TYPE_CHECKING:
    from ...app import House

_OFFSET = {"Upload-Offset": "How many bytes are here.", "Upload-Expires": "Until when it has to be complete.",
           "Tus-Resumable": "1.0.0"}
_WRONG = {"s412": "Tus-Resumable does not say 1.0.0."}
_BYTES = "application/offset+octet-stream"
_PROTOCOL = ("The protocol is tus 1.0.0 (https://tus.io/protocols/resumable-upload) with the extensions creation, expiration, "
             "termination and checksum: use a client library. Every request has the header `Tus-Resumable: 1.0.0`.")
DOCS = (
    Operation("get", "/storage", "How much you keep here, and how much you may.",
              {200: Answer("In bytes.", ref("Storage"))}, scope="read"),
    Operation("options", "/uploads", "What this server can do for resumable uploads.",
              {204: Answer("In headers.", headers={"Tus-Version": "1.0.0", "Tus-Extension": "What it can do beyond the core.",
                                                   "Tus-Max-Size": "Bytes of the largest file."})}, detail=_PROTOCOL),
    Operation("post", "/uploads", "Begin a resumable upload.",
              {201: Answer("It begins.", headers={"Location": "Where the bytes go.", **_OFFSET}),
               **refused(400, 413, 422, 429, **_WRONG)}, scope="write:media",
              detail=_PROTOCOL + " `Upload-Length`: bytes. `Upload-Metadata` may have `filename`, `description` (alternative "
              "text) and `fedisora_source` (how it was made). 413 also when your storage is full."),
    Operation("options", "/uploads/{id}", "The same as of `/uploads`.", {204: Answer("In headers.")}),
    Operation("patch", "/uploads/{id}", "Send the next bytes.",
              {204: Answer("They are kept, and are here also after a crash.", headers={
                  **_OFFSET, "Fedisora-Media-Id": "Once the file is complete: its id, for `media_ids` of a post."}),
               **refused(404, 409, 410, 413, 415, s423="Another connection sends to this upload.",
                         s460="The bytes are not those of `Upload-Checksum`; none were kept.", **_WRONG)},
              scope="write:media", body={_BYTES: {"type": "string", "format": "binary"}},
              detail="409: `Upload-Offset` is not what is here; ask by HEAD, whose answer has the same headers."),
    Operation("post", "/uploads/{id}", "PATCH or DELETE, for proxies that know neither.",
              {200: Answer("As HEAD."), 204: Answer("As PATCH or DELETE."),
               **refused(404, 409, 410, 413, 415, s423="As PATCH.", s460="As PATCH.", **_WRONG)}, scope="write:media",
              body={_BYTES: {"type": "string", "format": "binary"}},
              detail="The header `X-HTTP-Method-Override` says which of them it is."),
    Operation("delete", "/uploads/{id}", "Give an upload up.", {204: Answer("It is gone."), **refused(404, 410, **_WRONG)},
              scope="write:media"),
)


async def storage(request: Request) -> Response:
    """GET storage"""
    house: House = request.app.state.house
    who = await person(request, "read")
    found = await house.db.read(lambda session: storage_quota.storage(session, house.settings, who.actor.id))
    return JSONResponse({"used": found.used, "limit": found.limit, "left": found.left, "files": found.files},
                        headers={"Cache-Control": "private, no-store"})


async def about(request: Request) -> Response:
    """OPTIONS uploads"""
    return tus.options(request.app.state.house)


async def create(request: Request) -> Response:
    """POST uploads"""
    house: House = request.app.state.house
    if (other := tus.speaks(request)) is not None:
        return other
    actor = await tus.uploader(request)
    row = await tus_parts.create(house, actor, number(request.headers.get("upload-length")),
                           tus.metadata(request.headers.get("upload-metadata", "")))
    return tus.answer(201, Location=house.uris.absolute(f"{request.url.path}/{row.id}"), **tus.facts(row, 0))


async def one(request: Request) -> Response:
    """HEAD, PATCH, DELETE uploads/:id; POST with X-HTTP-Method-Override where a proxy lets nothing else through."""
    house: House = request.app.state.house
    if (other := tus.speaks(request)) is not None:
        return other
    method = request.headers.get("x-http-method-override", "").upper() if request.method == "POST" else request.method
    if method not in ("HEAD", "PATCH", "DELETE"):
        raise Malformed("Say in X-HTTP-Method-Override what this is: PATCH, DELETE or HEAD.")
    actor = await tus.uploader(request)
    row = await tus_parts.find(house, actor, request.path_params["id"])
    if method == "PATCH":
        return await tus.append(request, house, row)
    if method == "DELETE":
        await tus_parts.remove(house, row)
        return tus.answer(204)
    have = await tus_parts.offset(house, row)
    if have == row.length and row.media_id is None:  # the server ended between the last byte and what follows it
        row = await tus_parts.finish_later(house, actor, row)
    return tus.answer(200, **tus.facts(row, have), **tus.as_given(row.about))
