"""Vocabularies at `/ns/…`: as JSON-LD for programs, as a page for people, by `Accept`. Every version that was ever here."""
from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from ...activitypub.contexts import NAMESPACE, vocabulary_context
from ...activitypub.negotiation import wants_page
from ...errors import NotFound
from ...provenance.extension import Extension
from ...store import claims
from ..convertors import number
from ..pages.render import page
from .respond import house_of

HEADERS = {"Cache-Control": "public, max-age=86400", "Vary": "Accept"}


def _json(request: Request, context: Mapping[str, Any]) -> Response:
    response = JSONResponse({"@context": context}, media_type="application/ld+json", headers=HEADERS)
    tag = f'"{hashlib.sha256(response.body).hexdigest()[:32]}"'
    given = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
    if tag in given or "*" in given:
        return Response(status_code=304, headers={**HEADERS, "ETag": tag})
    response.headers["ETag"] = tag
    return response


async def _page(request: Request, **values: Any) -> Response:
    response = await page(request, "vocabulary.html", **values)
    response.headers["Vary"] = "Cookie, Accept"
    return response


async def ours(request: Request) -> Response:
    """GET /ns/v1: the context of https://w3id.org/fedisora/v1, and what extends it here."""
    context = vocabulary_context()["@context"]
    if not wants_page(request.headers.get("accept")):
        return _json(request, context)
    others = await house_of(request).db.read(claims.vocabularies)
    terms: list[tuple[str, str, str, list[tuple[str, str]]]] = [
        (term, _iri(value, NAMESPACE), "", []) for term, value in sorted(context.items()) if term != "fs"]
    return await _page(request, name="Fedisora", namespace=NAMESPACE, version="1", about="", terms=terms, others=others,
                       languages=[], address="/ns/v1")


async def extension(request: Request) -> Response:
    """GET /ns/NAME/vN"""
    name, version = request.path_params["name"], number(request.path_params["version"])
    found = await house_of(request).db.read(
        lambda session: claims.vocabulary(session, name, version) if version is not None else None)
    if found is None:
        raise NotFound("There is no such vocabulary here, or no such version of it.")
    if not wants_page(request.headers.get("accept")):
        return _json(request, found.context)
    return await _page(request, name=found.name, namespace=found.namespace, version=found.version, about=found.about,
                       terms=_rows(found), others=[], languages=sorted(found.labels), address=f"/ns/{name}/v{version}")


async def newest(request: Request) -> Response:
    """GET /ns/NAME: the newest version."""
    name = request.path_params["name"]
    known = await house_of(request).db.read(claims.vocabularies)
    versions = [version for other, version in known if other == name]
    if not versions:
        raise NotFound("There is no such vocabulary here.")
    return RedirectResponse(f"/ns/{name}/v{max(versions)}", 302, {"Cache-Control": "public, max-age=600"})


def _iri(value: Any, namespace: str) -> str:
    iri = str(value["@id"] if isinstance(value, Mapping) else value)
    return namespace + iri.removeprefix("fs:") if iri.startswith("fs:") else iri


def _rows(found: Extension) -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    """(term, IRI, what it may say, labels by language) of every term."""
    rules = {term: rule for model in found.types.values() for term, rule in model.items()}
    rows = []
    for term, value in found.context.items():
        rule, words = rules.get(term), "type" if term in found.types else ""
        if rule is not None:
            words = " · ".join(filter(None, (
                f"node {rule.node}" if rule.kind == "node" else rule.kind, "required" if rule.required else "",
                "several" if rule.many else "", " | ".join(rule.choices))))
        labels = [(language, texts[term]) for language, texts in sorted(found.labels.items()) if term in texts]
        rows.append((term, _iri(value, found.namespace), words, labels))
    return rows
