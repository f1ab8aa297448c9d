"""JSON-LD contexts: the terms we emit, inlined only when used, and the bundled documents.

Our `@context` is an array: AS2, the security contexts a document needs, and ONE object with exactly its extension terms.
Nothing of it has to be fetched from anywhere but the well-known W3C addresses, which every peer bundles.
"""
from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any

AS2 = "https://www.w3.org/ns/activitystreams"
SECURITY = "https://w3id.org/security/v1"
MULTIKEY = "https://w3id.org/security/multikey/v1"
DATA_INTEGRITY = DATA_INTEGRITY_V2 = "https://w3id.org/security/data-integrity/v2"
FEDISORA = "https://w3id.org/fedisora/v1"
NAMESPACE = FEDISORA + "#"

PREFIXES: dict[str, str] = {
    "fs": NAMESPACE, "schema": "http://schema.org/", "toot": "http://joinmastodon.org/ns#",
    "gts": "https://gotosocial.org/ns#", "sec": "https://w3id.org/security#", "pt": "https://joinpeertube.org/ns#",
    "lemmy": "https://join-lemmy.org/ns#"}


def _id(iri: str) -> dict[str, str]:
    return {"@id": iri, "@type": "@id"}


TERMS: dict[str, Any] = {
    # Mastodon and friends
    "Hashtag": "as:Hashtag", "sensitive": "as:sensitive", "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
    "movedTo": _id("as:movedTo"), "alsoKnownAs": _id("as:alsoKnownAs"), "discoverable": "toot:discoverable",
    "indexable": "toot:indexable", "featured": _id("toot:featured"), "Emoji": "toot:Emoji", "blurhash": "toot:blurhash",
    "focalPoint": {"@id": "toot:focalPoint", "@container": "@list"},
    "webfinger": "https://purl.archive.org/socialweb/webfinger#webfinger",
    # schema.org
    "PropertyValue": "schema:PropertyValue", "value": "schema:value", "softwareVersion": "schema:softwareVersion",
    "digitalSourceType": _id("schema:digitalSourceType"), "isBasedOn": _id("schema:isBasedOn"),
    # files and keys
    "size": "https://joinpeertube.org/ns#size", "digestMultibase": "sec:digestMultibase",
    "assertionMethod": {"@id": "sec:assertionMethod", "@type": "@id", "@container": "@set"},
    # PeerTube's videos and channels
    "uuid": "schema:identifier", "identifier": "schema:identifier", "category": "schema:category",
    "licence": "schema:license", "language": "schema:inLanguage", "subtitleLanguage": "schema:subtitleLanguage",
    "originallyPublishedAt": "schema:datePublished", "isLiveBroadcast": "schema:isLiveBroadcast",
    "views": "pt:views", "state": "pt:state", "fps": "pt:fps", "aspectRatio": "pt:aspectRatio",
    "commentsEnabled": "pt:commentsEnabled",
    "commentsPolicy": "pt:commentsPolicy", "downloadEnabled": "pt:downloadEnabled", "waitTranscoding": "pt:waitTranscoding",
    "automaticallyGenerated": "pt:automaticallyGenerated", "tileWidth": "pt:tileWidth", "tileHeight": "pt:tileHeight",
    "tileDuration": "pt:tileDuration", "support": "pt:support", "aiUsage": "pt:aiUsage", "dislikes": _id("as:dislikes"),
    "comments": _id("as:comments"), "postingRestrictedToMods": "lemmy:postingRestrictedToMods",
    "votersCount": "toot:votersCount", "quoteUri": "http://fedibird.com/ns#quoteUri",
    "_misskey_quote": "https://misskey-hub.net/ns#_misskey_quote",
    # FEP-044f
    "quote": _id("https://w3id.org/fep/044f#quote"),
    "quoteAuthorization": _id("https://w3id.org/fep/044f#quoteAuthorization"),
    "QuoteRequest": "https://w3id.org/fep/044f#QuoteRequest",
    "QuoteAuthorization": "https://w3id.org/fep/044f#QuoteAuthorization",
    # GoToSocial's interaction policies
    "interactionPolicy": _id("gts:interactionPolicy"), "automaticApproval": _id("gts:automaticApproval"),
    "manualApproval": _id("gts:manualApproval"), "canQuote": _id("gts:canQuote"), "canLike": _id("gts:canLike"),
    "canReply": _id("gts:canReply"), "canAnnounce": _id("gts:canAnnounce"),
    "interactingObject": _id("gts:interactingObject"), "interactionTarget": _id("gts:interactionTarget"),
    # ours
    "actorKind": _id("fs:actorKind"), "operator": _id("fs:operator"), "operates": _id("fs:operates"),
    "attestation": _id("fs:attestation"), "signingCertificates": _id("fs:signingCertificates"),
    "provenance": _id("fs:provenance"), "manifest": _id("fs:manifest"), "claim": _id("fs:claim"),
    "softBinding": "fs:softBinding", "ProvenanceRecord": "fs:ProvenanceRecord", "canRemix": _id("fs:canRemix"),
    "canCameo": _id("fs:canCameo"), "remixAuthorization": _id("fs:remixAuthorization"),
    "likenessAuthorization": _id("fs:likenessAuthorization"), "RemixRequest": "fs:RemixRequest",
    "RemixAuthorization": "fs:RemixAuthorization", "LikenessRequest": "fs:LikenessRequest",
    "LikenessAuthorization": "fs:LikenessAuthorization", "HumanCredential": "fs:HumanCredential",
    "assuranceMethod": _id("fs:assuranceMethod"), "cameoTerms": _id("fs:cameoTerms"),
    "revoked": "fs:revoked", "serial": "fs:serial",
    "since": {"@id": "fs:since", "@type": "http://www.w3.org/2001/XMLSchema#dateTime"}, "reason": "fs:reason",
    "issuer": _id("https://www.w3.org/2018/credentials#issuer"),
    "validUntil": {"@id": "https://www.w3.org/2018/credentials#validUntil",
                   "@type": "http://www.w3.org/2001/XMLSchema#dateTime"},
}
"""Every extension term we emit, with its definition."""
_TYPES = frozenset(term for term in TERMS if term[0].isupper())
_BUNDLED = {AS2: "activitystreams.jsonld", SECURITY: "security-v1.jsonld", MULTIKEY: "multikey-v1.jsonld",
            DATA_INTEGRITY: "data-integrity-v2.jsonld"}


def _used(value: Any, found: set[str]) -> None:
    if isinstance(value, dict):
        if value.get("type") == "Multikey":
            return  # its own context defines its words, `revoked` among them
        for name, item in value.items():
            if name in ("@context", "proof"):
                continue
            if name in TERMS:
                found.add(name)
            if name == "type":
                found.update(kind for kind in (item if isinstance(item, list) else [item]) if kind in _TYPES)
            elif isinstance(item, str):
                prefix = item.partition(":")[0]
                if prefix == "fs":
                    found.add("fs")
            # a claim brings its own `@context`, and is left as it came
            _used([claim for claim in (item if isinstance(item, list) else [item])
                   if not (isinstance(claim, dict) and "@context" in claim)] if name == "claim" else item, found)
    elif isinstance(value, list):
        for item in value:
            _used(item, found)


def _prefix_of(definition: Any) -> str:
    iri = definition["@id"] if isinstance(definition, dict) else definition
    return str(iri).partition(":")[0]


@functools.lru_cache(maxsize=256)
def _object_for(used: frozenset[str]) -> str:
    terms = [term for term in TERMS if term in used]
    needed = {_prefix_of(TERMS[term]) for term in terms} | (used & PREFIXES.keys())
    result: dict[str, Any] = {name: iri for name, iri in PREFIXES.items() if name in needed}
    result |= {term: TERMS[term] for term in terms}
    return json.dumps(result)


def context_for(*documents: dict[str, Any], base: tuple[str, ...] = (AS2,), proof: bool = False) -> list[Any]:
    """The `@context` of some documents: the bases they need and one object with exactly the terms they use.

    Args:
        base: contexts that always come first.
        proof: whether the document will carry a FEP-8b32 proof.
    """
    context: list[Any] = list(base)
    for document in documents:
        if "publicKey" in document and SECURITY not in context:
            context.append(SECURITY)
        if "assertionMethod" in document and MULTIKEY not in context:
            context.append(MULTIKEY)
    if proof and DATA_INTEGRITY not in context:
        context.append(DATA_INTEGRITY)
    found: set[str] = set()
    for document in documents:
        _used(document, found)
    if found:
        context.append(json.loads(_object_for(frozenset(found))))
    return context


def vocabulary_context() -> dict[str, Any]:
    """The context document that every instance serves at /ns/v1."""
    ours = {term: value for term, value in TERMS.items() if _prefix_of(value) == "fs"}
    return {"@context": {"fs": NAMESPACE, "Human": "fs:Human", "AIAgent": "fs:AIAgent", **ours}}


@functools.cache
def load_bundled(url: str) -> dict[str, Any] | None:
    """A bundled context document; None for any other address (they are never fetched)."""
    if url.rstrip("#") in (FEDISORA, FEDISORA + "/"):
        return vocabulary_context()
    name = _BUNDLED.get(url)
    if name is None:
        return None
    document: dict[str, Any] = json.loads(resources.files(__package__).joinpath("contexts", name).read_text())
    return document
