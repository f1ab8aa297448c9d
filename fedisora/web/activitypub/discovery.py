"""WebFinger, host-meta, NodeInfo."""
from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ... import __version__
from ...activitypub import nodeinfo, webfinger
from ...errors import Malformed, NotFound
from ...services import instance
from ...store import actors
from .respond import house_of

REPOSITORY = None


async def finger(request: Request) -> Response:
    """GET /.well-known/webfinger?resource=acct:NAME@HOST or an actor's address."""
    house = house_of(request)
    resource = request.query_params.get("resource")
    if not resource:
        raise Malformed("Please say who: ?resource=acct:name@host")
    named = webfinger.parse_resource(resource)
    uris = house.uris
    if isinstance(named, str):
        name = uris.actor_name(named)
        is_instance = named.rstrip("/") in (uris.base, uris.instance_actor)
    else:
        name, is_instance = named[0], named[0].lower() == uris.host.lower()
        if named[1].lower() != webfinger.webfinger_host(uris.host):
            raise NotFound("There is no such account here.")
    if is_instance:
        found = await house.db.read(actors.instance_actor)
    else:
        found_or_none = await house.db.read(lambda session: actors.local_active(session, name or ""))
        if found_or_none is None:
            raise NotFound("There is no such account here.")
        found = found_or_none
    document = webfinger.jrd(f"acct:{found.username}@{uris.host}", found.uri, found.url)
    return JSONResponse(document, media_type="application/jrd+json", headers={"Cache-Control": "public, max-age=600"})


async def host_meta(request: Request) -> Response:
    """GET /.well-known/host-meta"""
    return Response(webfinger.host_meta_xml(house_of(request).uris.base), media_type="application/xrd+xml")


async def host_meta_json(request: Request) -> Response:
    """GET /.well-known/host-meta.json"""
    return JSONResponse(webfinger.host_meta_json(house_of(request).uris.base))


async def nodeinfo_links(request: Request) -> Response:
    """GET /.well-known/nodeinfo"""
    return JSONResponse(nodeinfo.links(house_of(request).uris.base))


async def nodeinfo_document(request: Request) -> Response:
    """GET /nodeinfo/2.0 and 2.1"""
    house = house_of(request)
    version = request.path_params["version"]
    if version not in nodeinfo.VERSIONS:
        raise NotFound("There are NodeInfo 2.0 and 2.1.")
    counts = await house.db.read(instance.usage)
    document = nodeinfo.document(
        version, __version__, house.settings.registrations != "closed", users=counts["users"], posts=counts["posts"],
        metadata={"nodeName": house.settings.instance_name, "nodeDescription": house.settings.instance_description,
                  "aiPolicy": house.settings.ai_policy, "unlabelledMedia": house.settings.unlabelled_media,
                  "badlySignedMedia": house.settings.badly_signed_media},
        repository=REPOSITORY)
    kind = f'application/json; profile="{nodeinfo.SCHEMA}{version}#"; charset=utf-8'
    return JSONResponse(document, headers={"Content-Type": kind})
