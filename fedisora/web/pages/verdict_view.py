"""A verdict object (vocabulary §5) in the words and marks of a page."""
from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ...provenance import digital_source
from .views import CHECKS, VERDICTS

CLAIM_STATES = {"valid": ("m-unknown", "only said, not proven"), "invalid": ("m-contradicted", "not as its vocabulary asks"),
                "unknown": ("m-unknown", "kept and shown, not judged")}
FAILED = {"manifest": "The record in it", "signature": "Who signed it", "signer": "Who signed it",
          "digest": "These are other bytes",
          "object": "Post and file disagree", "revocation": "The certificate was revoked", "consent": "A consent is missing",
          "certificate": "Certificate"}
"""Titles of checks that did not hold: a title is read before its mark."""
SAID_BY = {"verified": "checked", "verified-foreign-issuer": "checked", "recovered": "matched"}


@dataclass(frozen=True)
class Row:
    """A row of evidence: what, its value, and how we know (`checked`, `matched` or `only said`)."""

    what: str
    value: str
    how: str


@dataclass(frozen=True)
class Mark:
    """A line with a mark in front: a check, an ingredient or a claim."""

    mark: str
    title: str
    detail: str
    bad: bool = False


@dataclass(frozen=True)
class VerdictView:
    """A verdict on the page /verify."""

    name: str
    word: str
    mark: str
    summary: str
    alarm: bool
    checks: list[Mark]
    rows: list[Row]
    ingredients: list[Mark]
    claims: list[Mark]
    match: str | None
    distance: int | None
    post: str | None
    raw: str


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)][:64] if isinstance(value, list) else []


def _link(value: object) -> str | None:
    return value if isinstance(value, str) and value.startswith(("https://", "http://")) else None


def _text(value: object, most: int = 500) -> str:
    return str(value)[:most] if isinstance(value, str | int | float) else ""


def _rows(document: dict[str, Any], record: dict[str, Any], how: str) -> list[Row]:
    signer, generator = _dict(document.get("signer")), _dict(record.get("generator"))
    made = " ".join(_text(generator[key]) for key in ("name", "model") if generator.get(key))
    source = digital_source.find(document.get("digitalSourceType"))
    kind = {"fs:Human": "a human", "fs:AIAgent": "an AI agent"}.get(_text(record.get("actorKind")), "")
    who = _text(record.get("actor")) + (f", {kind} when it was made" if kind and record.get("actor") else "")
    secret = "Kept private by its author, who can prove it later." if generator.get("promptCommitment") else ""
    rows = [
        Row("Kind", source.label if source else "Nobody has said how this was made.", how if source else ""),
        Row("Signed for", _text(signer.get("actor")), how), Row("Signed by", _text(signer.get("instance")), how),
        Row("Author", who if not signer.get("actor") else "", "only said"),
        Row("Answers for it", _text(record.get("operator")), "only said"),
        Row("Made with", made, how), Row("Revision", _text(generator.get("revision")), how),
        Row("Licence", _text(generator.get("licence")), "only said"), Row("Seed", _text(generator.get("seed")), how),
        Row("Prompt", f"“{_text(generator.get('prompt'))}”" if generator.get("prompt") else secret, "only said"),
        Row("When", _text(record.get("created")), "only said"), Row("Certificate", _text(signer.get("certificateSerial")), "")]
    return [row for row in rows if row.value]


def _ingredients(document: dict[str, Any], record: dict[str, Any]) -> list[Mark]:
    """What it was made from, each with the verdict that was passed on it."""
    found = []
    for item in _dicts(document.get("ingredients")) or _dicts(record.get("ingredients")):
        word = _text(item.get("verdict"))
        mark, words, bad = VERDICTS.get(word, ("m-unknown", "not checked by itself", False))
        title = _text(item.get("title"), 120) or _text(item.get("object"), 200) or "a file"
        found.append(Mark(mark, title, _text(item.get("summary")) or words, bad))
    for check in _dicts(document.get("checks")):
        if _text(check.get("name")).startswith("ingredient"):
            ok = check.get("ok") is True
            title = CHECKS["ingredients"] if check.get("name") == "ingredients" else "A file it was made from"
            detail = _text(check.get("detail"))
            mark = "m-contradicted" if not ok else "m-none" if detail.startswith("carries no") else "m-verified"
            found.append(Mark(mark, title, detail, not ok))
    return found


def _check(item: dict[str, Any], alarm: bool) -> Mark:
    ok, name = item.get("ok") is True, _text(item.get("name"), 80)
    title = (CHECKS if ok else FAILED).get(name) or CHECKS.get(name, name)
    return Mark("m-verified" if ok else "m-tampered" if alarm else "m-none", title, _text(item.get("detail")), alarm and not ok)


def _claims(document: dict[str, Any]) -> list[Mark]:
    found = []
    for item in _dicts(document.get("claims")):
        mark, words = CLAIM_STATES.get(_text(item.get("status")), CLAIM_STATES["unknown"])
        problems = item.get("problems")
        why = "; ".join(_text(problem, 200) for problem in problems[:5]) if isinstance(problems, list) else ""
        by = _text(item.get("extension"), 200)
        found.append(Mark(mark, _text(item.get("label"), 300) or f"A claim from {by or 'somebody'}",
                          " · ".join(part for part in (by, words, why) if part), item.get("status") == "invalid"))
    return found


def verdict_view(document: dict[str, Any]) -> VerdictView:
    """A verdict object in words. Every member comes from a stranger's file: nothing in it is taken for granted."""
    name = str(document["verdict"])
    mark, word, alarm = VERDICTS.get(name, ("m-unknown", name, False))
    record, match = _dict(document.get("record")), _dict(document.get("match"))
    checks = [_check(item, alarm) for item in _dicts(document.get("checks"))
              if not _text(item.get("name")).startswith("ingredient")]
    distance = match.get("distance")
    return VerdictView(
        name=name, word=word, mark=mark, summary=str(document.get("summary") or ""), alarm=alarm, checks=checks,
        rows=_rows(document, record, SAID_BY.get(name, "only said")), ingredients=_ingredients(document, record),
        claims=_claims(document), match=_link(match.get("object")), distance=distance if isinstance(distance, int) else None,
        post=_link(record.get("object")), raw=json.dumps(document, indent=2, ensure_ascii=False))
