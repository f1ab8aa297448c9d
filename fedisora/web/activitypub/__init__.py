"""The ActivityPub side: what other servers read and where they post."""
from __future__ import annotations

from starlette.routing import BaseRoute, Route

from . import actors, cameos, consents, credentials, discovery, inboxes, objects, provenance, videos, vocabularies
from .respond import gated

OPEN = ("/.well-known/", "/nodeinfo/", "/ns/", "/c2pa.pem")
"""Beginnings of paths that everybody may always read: needed to find out who we are and to check what we sign."""
ALWAYS = frozenset({"/actor"})
"""The instance actor too: without its key nobody could check the signatures of our requests."""


def _behind_the_door(route: Route) -> BaseRoute:
    everybody = route.path in ALWAYS or route.path.startswith(OPEN) or "GET" not in (route.methods or ())
    return route if everybody else gated(route)


routes: list[BaseRoute] = [_behind_the_door(route) for route in [
    Route("/.well-known/webfinger", discovery.finger),
    Route("/.well-known/host-meta", discovery.host_meta),
    Route("/.well-known/host-meta.json", discovery.host_meta_json),
    Route("/.well-known/nodeinfo", discovery.nodeinfo_links),
    Route("/.well-known/fedisora-revoked", provenance.revoked),
    Route("/nodeinfo/{version}", discovery.nodeinfo_document),
    Route("/ns/v1", vocabularies.ours), Route("/ns/{name}", vocabularies.newest),
    Route("/ns/{name}/v{version}", vocabularies.extension),
    Route("/inbox", inboxes.shared_inbox, methods=["POST"]),
    Route("/actor", actors.instance_actor),
    Route("/actor/inbox", inboxes.shared_inbox, methods=["POST"]),
    Route("/actor/outbox", actors.instance_outbox),
    Route("/actor/follows/{id:row}", objects.of_instance),
    Route("/actor/announces/{id:row}", objects.of_instance),
    Route("/users/{name}", actors.actor),
    Route("/users/{name}/inbox", inboxes.actor_inbox, methods=["POST"]),
    Route("/users/{name}/outbox", actors.outbox),
    Route("/users/{name}/followers", actors.followers),
    Route("/users/{name}/following", actors.following),
    Route("/users/{name}/collections/featured", actors.featured),
    Route("/users/{name}/follows/{id:row}", objects.follow),
    Route("/users/{name}/statuses/{id:row}", objects.status),
    Route("/users/{name}/statuses/{id:row}/activity", objects.activity),
    Route("/users/{name}/statuses/{id:row}/replies", objects.replies),
    Route("/users/{name}/statuses/{id:row}/announce", videos.boost),
    Route("/users/{name}/videos/{id:row}", videos.video),
    Route("/users/{name}/videos/{id:row}/likes", videos.likes),
    Route("/users/{name}/videos/{id:row}/dislikes", videos.dislikes),
    Route("/users/{name}/videos/{id:row}/announces", videos.shares),
    Route("/users/{name}/videos/{id:row}/comments", videos.comments),
    Route("/users/{name}/videos/{id:row}/poster.jpg", videos.poster),
    Route("/users/{name}/videos/{id:row}/{verb}", videos.activity),
    Route("/contexts/{id:row}", objects.context),
    Route("/users/{name}/followers_synchronization", actors.followers_synchronization),
    Route("/users/{name}/stamps/{id:row}", consents.stamp),
    Route("/users/{name}/quote_authorizations/{id:row}", objects.quote_authorization),
    Route("/records/{id:row}", provenance.record),
    Route("/c2pa.pem", provenance.certificates), *credentials.routes, *cameos.routes,
]]
