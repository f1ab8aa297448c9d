"""Claims of files as API entities: who knows them, whether they hold, and what they say in the reader's language."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from ...models import ClaimRow, User
from ...provenance import claims
from ...provenance.extension import Extension
from ...provenance.registry import Registry
from ...store import claims as claim_rows

MOST_TERMS = 40
LONGEST_VALUE = 500


def language_of(session: Session, viewer_id: int | None) -> str:
    """The language of a reader with an account, else English."""
    found = session.scalar(select(User.locale).where(User.actor_id == viewer_id)) if viewer_id is not None else None
    return found or "en"


def entities(session: Session, media_ids: Iterable[int], viewer_id: int | None = None,
             language: str | None = None) -> dict[int, list[dict[str, Any]]]:
    """Claims by file; only files that have some."""
    rows = claim_rows.of_media(session, media_ids)
    if not rows:
        return {}
    known = claim_rows.registry(session)
    spoken = language or language_of(session, viewer_id)
    return {media_id: [entity(item, known, spoken) for item in items] for media_id, items in rows.items() if items}


def of_page(session: Session, media_id: int | None, viewer_id: int | None, accepted: str) -> list[dict[str, Any]]:
    """The claims of the file that a page is about. `accepted`: Accept-Language, for who has no account."""
    language = None if viewer_id is not None else accepted.partition(",")[0].partition(";")[0].strip().lower()[:16] or "en"
    return entities(session, [media_id] if media_id is not None else [], viewer_id, language).get(media_id or 0, [])


def entity(item: ClaimRow, known: Registry, language: str) -> dict[str, Any]:
    """{"extension", "namespace", "type", "source", "status", "label", "problems", "terms": [{"term", "label", "value"}]}

    `source`: `object` (the post's record) or `file` (its manifest). `value`: a text, or a list of texts. Terms of a
    vocabulary that is not installed here are not taken apart.
    """
    extension = known.get(item.extension) if item.extension is not None else None
    shown: dict[str, Any] = {
        "extension": item.extension or item.namespace, "namespace": item.namespace, "type": item.type, "source": item.source,
        "status": item.status, "label": item.label, "problems": item.problems, "terms": []}
    if extension is not None:
        node = orjson.loads(item.body)
        named = known.name(node, orjson.loads(item.context) if item.context is not None else None)
        if named.extension is extension:
            claim = claims.resolve(node, named)
            shown["label"] = extension.label(claim.type, language)[:claims.LONGEST]
            shown["terms"] = _terms(claim.terms, extension, language)
    return shown


def _terms(terms: Mapping[str, Any], extension: Extension, language: str) -> list[dict[str, Any]]:
    order = [term for model in extension.types.values() for term in model]
    names = sorted(terms, key=lambda term: order.index(term) if term in order else len(order))
    return [{"term": name, "label": extension.label(name, language)[:claims.LONGEST],
             "value": _value(name, terms[name], extension, language)} for name in names[:MOST_TERMS]]


def _value(name: str, value: Any, extension: Extension, language: str) -> Any:
    if isinstance(value, list):
        return [_text(name, item, extension, language) for item in value[:MOST_TERMS]]
    return _text(name, value, extension, language)


def _text(name: str, value: Any, extension: Extension, language: str) -> str:
    """One value as a line of text."""
    if isinstance(value, Mapping):
        parts = [f"{extension.label(inner, language)}: {_text(inner, item, extension, language)}"
                 for inner, item in list(value.items())[:MOST_TERMS] if inner != "type"]
        return " · ".join(parts)[:LONGEST_VALUE]
    if isinstance(value, list):
        return ", ".join(_text(name, item, extension, language) for item in value[:MOST_TERMS])[:LONGEST_VALUE]
    if isinstance(value, bool):
        return "true" if value else "false"
    return extension.words(name, str(value), language)[:LONGEST_VALUE]
