"""The ActivityPub side: what other servers read and where they post."""
from __future__ import annotations

from starlette.routing import BaseRoute, Route

from . import actors, discovery, inboxes, objects, provenance

routes: list[BaseRoute] = [
    Route("/.well-known/webfinger", discovery.finger),
    Route("/.well-known/host-meta", discovery.host_meta),
    Route("/.well-known/host-meta.json", discovery.host_meta_json),
    Route("/.well-known/nodeinfo", discovery.nodeinfo_links),
    Route("/.well-known/fedisora-revoked", provenance.revoked),
    Route("/nodeinfo/{version}", discovery.nodeinfo_document),
    Route("/ns/v1", discovery.namespace),
    Route("/inbox", inboxes.shared_inbox, methods=["POST"]),
    Route("/actor", actors.instance_actor),
    Route("/actor/inbox", inboxes.shared_inbox, methods=["POST"]),
    Route("/actor/outbox", actors.instance_outbox),
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
    Route("/users/{name}/quote_authorizations/{id:row}", objects.quote_authorization),
    Route("/records/{id:row}", provenance.record),
    Route("/c2pa.pem", provenance.certificates),
]
