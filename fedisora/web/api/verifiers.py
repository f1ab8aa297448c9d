"""Whose word about people counts, over the API: the instance's list, and what a viewer makes of it."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...errors import Forbidden, Invalid
from ...models import TrustedVerifier
from ...provenance.badge import MODES, Narrowing
from ...serializers.mastodon.account import when
from ...services import verifiers as use_cases
from ...store import verifiers
from ..auth import Person, person
from ..body import params
from .operations import JSON, Answer, Operation, array, ref, refused

if TYPE_CHECKING:
    from ...app import House

PRIVATE = {"Cache-Control": "private, no-store"}
_HOST = {"type": "string", "description": "`verify.example.org`, with a port where it is not the usual one."}
_MINE = Answer("The setting as it is kept.", ref("Verifiers"))
DOCS = (
    Operation("get", "/verifiers", "Whose word about people the caller takes, and whose this server takes.",
              {200: _MINE, **refused(401)}, scope="read:accounts"),
    Operation("put", "/verifiers", "Narrow it: what counts no more is shown to the caller as a claim.",
              {200: _MINE, **refused(401, s422="No such mode, or a host that is none.")}, scope="write:accounts",
              body={JSON: {"type": "object", "properties": {
                  "mode": {"enum": list(MODES)}, "hosts": array(_HOST)}}}),
    Operation("get", "/admin/verifiers", "Servers whose word about people of any server is taken here.",
              {200: Answer("All of them, by host.", array(ref("TrustedVerifier"))), **refused(401, 403)}, scope="admin:read"),
    Operation("post", "/admin/verifiers", "Take a server's word from now on; what it said before counts at once.",
              {200: Answer("It is on the list.", ref("TrustedVerifier")), **refused(401, 403, 422)}, scope="admin:write",
              body={JSON: {"type": "object", "required": ["host"], "properties": {"host": _HOST, "note": {"type": "string"}}}}),
    Operation("post", "/admin/verifiers/remove", "Take a server's word no more.",
              {200: Answer("It is off the list."), **refused(401, 403, 404, 422)}, scope="admin:write",
              body={JSON: {"type": "object", "required": ["host"], "properties": {"host": _HOST}}}),
)


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


async def _admin(request: Request, scope: str) -> Person:
    who = await person(request, scope)
    if not who.user.admin:
        raise Forbidden("This is for administrators.")
    return who


def _entity(row: TrustedVerifier) -> dict[str, Any]:
    return {"host": row.host, "note": row.note, "created_at": when(row.created_at)}


def _mine(session: Session, kept: Narrowing) -> dict[str, Any]:
    return {"mode": kept.mode, "hosts": sorted(kept.hosts), "instance": {"trusted": sorted(verifiers.hosts(session))}}


async def show(request: Request) -> Response:
    """GET verifiers: {"mode", "hosts", "instance": {"trusted": [hosts]}}"""
    who = await person(request, "read:accounts")
    return JSONResponse(await _house(request).db.read(lambda session: _mine(session, Narrowing.of(who.user.verifiers))),
                        headers=PRIVATE)


async def change(request: Request) -> Response:
    """PUT verifiers {mode, hosts?}"""
    who, given = await person(request, "write:accounts"), await params(request)
    hosts = given.raws("hosts")
    if not all(isinstance(item, str) for item in hosts):
        raise Invalid("`hosts` is a list of servers.")

    def apply(uow: UnitOfWork) -> dict[str, Any]:
        return _mine(uow.session, Narrowing.of(use_cases.narrow(uow, who.user.id, given.text("mode"), hosts)))

    return JSONResponse(await _house(request).db.write(apply), headers=PRIVATE)


async def listing(request: Request) -> Response:
    """GET admin/verifiers"""
    await _admin(request, "admin:read")
    return JSONResponse(await _house(request).db.read(lambda session: [_entity(row) for row in verifiers.every(session)]),
                        headers=PRIVATE)


async def add(request: Request) -> Response:
    """POST admin/verifiers {host, note?}"""
    who, given = await _admin(request, "admin:write"), await params(request)
    return JSONResponse(await _house(request).db.write(lambda uow: _entity(use_cases.add(
        uow, given.text("host"), note=given.text("note"), by=who.actor.id))), headers=PRIVATE)


async def remove(request: Request) -> Response:
    """POST admin/verifiers/remove {host}"""
    await _admin(request, "admin:write")
    given = await params(request)
    await _house(request).db.write(lambda uow: use_cases.remove(uow, given.text("host")))
    return JSONResponse({}, headers=PRIVATE)


def routes(base: str) -> list[BaseRoute]:
    """Routes below `base`."""
    return [Route(f"{base}/verifiers", show), Route(f"{base}/verifiers", change, methods=["PUT"]),
            Route(f"{base}/admin/verifiers", listing), Route(f"{base}/admin/verifiers", add, methods=["POST"]),
            Route(f"{base}/admin/verifiers/remove", remove, methods=["POST"])]
