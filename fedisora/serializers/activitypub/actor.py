"""Actors: our rows as ActivityPub documents, and others' documents as values."""
from __future__ import annotations

import datetime as dt
from typing import Any

from ...activitypub import markup, parse
from ...activitypub.contexts import context_for
from ...activitypub.vocabulary import ACTOR_TYPES
from ...activitypub.webfinger import parse_handle
from ...errors import Malformed
from ...models import Actor
from ...provenance import humanity
from ...provenance.record import timestamp
from ...store.actors import ActorData
from ...uris import Uris
from .. import humanity as serialized
from . import emoji

ENDS = ("expires", "revoked")
"""When a key was replaced, or became worthless."""
BEGINNING = "1970-01-01T00:00:00Z"
"""For an end that cannot be read: such a key never counts."""
MOST_ATTESTATIONS = 4
KINDS = {"human": "fs:Human", "agent": "fs:AIAgent"}
_KIND_OF = {"fs:Human": "human", "https://w3id.org/fedisora/v1#Human": "human",
            "fs:AIAgent": "agent", "https://w3id.org/fedisora/v1#AIAgent": "agent"}


def to_activitypub(actor: Actor, uris: Uris, *, owner: Actor | None = None, now: dt.datetime | None = None,
                   ) -> dict[str, Any]:
    """The document of a local actor, with its `@context`.

    Args:
        owner: the person a channel belongs to. Only they post in it, and they say what kind of author they are.
        now: given, a credential that has run out is left out, also before the sweep has ended it.
    """
    document: dict[str, Any] = {
        "id": actor.uri, "type": actor.type, "preferredUsername": actor.username,
        "name": actor.name or actor.username, "summary": actor.summary, "url": actor.url, "inbox": actor.inbox,
        "outbox": actor.outbox, "followers": actor.followers_uri, "following": actor.following_uri,
        "featured": actor.featured_uri, "endpoints": {"sharedInbox": uris.shared_inbox},
        "manuallyApprovesFollowers": actor.locked, "discoverable": actor.discoverable, "indexable": actor.indexable,
        "webfinger": f"{actor.username}@{uris.host}",
        "published": timestamp(actor.created_at), "updated": timestamp(actor.updated_at),
        "publicKey": {"id": actor.key_id, "owner": actor.uri, "publicKeyPem": actor.public_key_pem},
        "assertionMethod": [{"id": key["id"], "type": "Multikey", "controller": actor.uri,
                             "publicKeyMultibase": key["multibase"],
                             **{name: key[name] for name in ENDS if name in key}} for key in actor.assertion_keys],
        "signingCertificates": uris.certificates}
    if actor.kind in KINDS:
        document["actorKind"] = KINDS[actor.kind]
    if actor.operator_uri:
        document["operator"] = actor.operator_uri
    if actor.operates:
        document["operates"] = list(actor.operates)
    said = serialized.field(actor, uris, now) if actor.attestation else None
    if said is not None:
        document["attestation"] = list(actor.attestation)
    run = serialized.run_by(actor, uris)
    if fields := [*(item for item in (run, said) if item is not None), *serialized.own_fields(actor)]:
        document["attachment"] = [{"type": "PropertyValue", "name": field["name"], "value": field["value"]} for field in fields]
    if actor.interaction_policy and "canCameo" in actor.interaction_policy:
        document |= {"interactionPolicy": actor.interaction_policy, "cameoTerms": uris.cameo_terms(actor.uri)}
    if actor.also_known_as:
        document["alsoKnownAs"] = list(actor.also_known_as)
    if actor.moved_to:
        document["movedTo"] = actor.moved_to
    avatar = actor.avatar_key or (owner.avatar_key if owner is not None else None)
    for name, key in (("icon", avatar), ("image", actor.header_key)):
        if key:
            document[name] = {"type": "Image", "mediaType": "image/webp", "url": uris.media(key)}
    if owner is not None:
        document["attributedTo"] = [{"type": owner.type, "id": owner.uri}]
        document["postingRestrictedToMods"] = True
    if actor.type == "Application":
        for name in ("followers", "following", "featured", "discoverable", "indexable"):
            document.pop(name)
    return {"@context": context_for(document), **document}


def _picture(document: dict[str, Any], name: str) -> str | None:
    for item in parse.as_list(document.get(name)):
        found = parse.url_of(item)
        if found:
            return found
    return None


def _optional(document: dict[str, Any], name: str, uri: str) -> str | None:
    """A collection or certificate URL, only when it lies on the actor's own origin."""
    found = parse.id_of(document.get(name))
    return found if found is not None and parse.same_origin(found, uri) else None


def claimed_handle(document: dict[str, Any]) -> tuple[str, str] | None:
    """(name, host) that an actor says WebFinger knows it by (FEP-2c59): a claim, until WebFinger says so too."""
    claimed = document.get("webfinger")
    return parse_handle(claimed) if isinstance(claimed, str) else None


def _keys(document: dict[str, Any], uri: str) -> tuple[str | None, str | None, list[dict[str, str]]]:
    key_id = pem = None
    for key in parse.as_list(document.get("publicKey")):
        if (isinstance(key, dict) and isinstance(key.get("id"), str) and isinstance(key.get("publicKeyPem"), str)
                and key.get("owner", uri) == uri and parse.same_origin(key["id"], uri)):
            key_id, pem = key["id"], key["publicKeyPem"]
            break
    proofs = []
    for key in parse.as_list(document.get("assertionMethod"))[:10]:
        if (isinstance(key, dict) and key.get("type") == "Multikey" and key.get("controller") == uri
                and isinstance(key.get("id"), str) and key["id"].partition("#")[0] == uri
                and isinstance(key.get("publicKeyMultibase"), str) and key["publicKeyMultibase"].startswith("z6Mk")):
            proof = {"id": key["id"], "multibase": key["publicKeyMultibase"][:100]}
            for name in ENDS:  # a former key stays listed for what it signed (FEP-521a, Controlled Identifiers §2.2)
                if key.get(name) is not None:
                    moment = parse.datetime_of(key, name)
                    proof[name] = timestamp(moment) if moment is not None else BEGINNING
            proofs.append(proof)
    return key_id, pem, proofs


def from_activitypub(document: dict[str, Any], *, handle: tuple[str, str] | None = None) -> ActorData:
    """What a remote actor's document says.

    Args:
        handle: (name, domain) that WebFinger confirmed; by default preferredUsername at the id's host.

    Raises:
        Malformed: not an actor, or without id, inbox or user name.
    """
    uri, kind = parse.id_of(document), parse.type_of(document)
    if uri is None or not parse.is_http(uri) or kind not in ACTOR_TYPES:
        raise Malformed("This is not an actor.", cause=f"{uri} {kind}")
    host = parse.host_of(uri)
    name = document.get("preferredUsername")
    username = name if isinstance(name, str) and len(name) <= 128 else ""
    domain = host
    if handle is not None:
        username, domain = handle
    claimed = claimed_handle(document)
    if not username and claimed is not None:
        username = claimed[0]
    if parse_handle(f"{username}@{host}") is None and username != host:  # a server's own actor may have its host's name
        raise Malformed("This actor has no usable name.", cause=uri)
    inbox = parse.id_of(document.get("inbox"))
    if inbox is None or not parse.is_http(inbox):
        raise Malformed("This actor has no inbox.", cause=uri)
    endpoints = document.get("endpoints")
    shared = endpoints.get("sharedInbox") if isinstance(endpoints, dict) else None
    key_id, pem, proofs = _keys(document, uri)
    fields = [{"name": markup.clean_line(str(item.get("name", "")), 255), "value": markup.sanitize(item["value"])[:2000]}
              for item in parse.as_list(document.get("attachment"))[:16]
              if isinstance(item, dict) and item.get("type") == "PropertyValue" and isinstance(item.get("value"), str)
              and not humanity.reserved(str(item.get("name", "")))]  # shown is what this server has found out
    declared = _KIND_OF.get(str(document.get("actorKind")))
    if (declared == "human") != (kind == "Person") and declared is not None and kind in ("Person", "Service"):
        declared = None  # Person ↔ Human, Service ↔ AIAgent: a contradiction says nothing
    return ActorData(
        uri=uri, username=username, domain=domain.lower(), type=kind, kind=declared,
        operator_uri=parse.id_of(document.get("operator")), operates=parse.ids_of(document.get("operates"))[:50],
        name=markup.clean_line(parse.text_of(document, "name"), 255),
        summary=markup.sanitize(parse.text_of(document, "summary"))[:20_000], fields=fields,
        url=parse.url_of(document.get("url")) or uri, inbox=inbox,
        shared_inbox=shared if isinstance(shared, str) and parse.is_http(shared) and parse.same_origin(shared, uri) else None,
        outbox=_optional(document, "outbox", uri), followers_uri=_optional(document, "followers", uri),
        following_uri=_optional(document, "following", uri), featured_uri=_optional(document, "featured", uri),
        key_id=key_id, public_key_pem=pem, assertion_keys=proofs,
        signing_certificates=_optional(document, "signingCertificates", uri),
        locked=document.get("manuallyApprovesFollowers") is True, discoverable=document.get("discoverable") is not False,
        indexable=document.get("indexable") is True,
        avatar_url=_picture(document, "icon"), header_url=_picture(document, "image"),
        also_known_as=parse.ids_of(document.get("alsoKnownAs"))[:20], moved_to=parse.id_of(document.get("movedTo")),
        emojis=emoji.read(document), attestation=_attestation(document, uri),
        interaction_policy=policy if isinstance(policy := document.get("interactionPolicy"), dict) else None,
        cameo_terms=_optional(document, "cameoTerms", uri))


def _attestation(document: dict[str, Any], uri: str) -> list[str]:
    """Addresses of the credentials an actor names; who issued them is found out when they are fetched."""
    return [item for item in dict.fromkeys(parse.ids_of(document.get("attestation"))) if parse.is_http(item)][:MOST_ATTESTATIONS]
