"""What libc2pa reported about a file, read into plain values. The report describes hostile bytes: nothing is assumed.

Source: c2pa-rs 0.91 report JSON and C2PA 2.x §15 (validation status codes).
"""
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .record import LABEL

_FOUND_IN: Final = re.compile(r"found in \[([^\[\]\s]+)\] trust anchors\Z")
_CREDENTIAL: Final = ("signingCredential.", "claimSignature.outsideValidity", "timeStamp.")
"""Failures of these say who we do not know, not that bytes changed."""


@dataclass(frozen=True)
class Reading:
    """One file's active manifest.

    Attributes:
        anchor: id of the instance actor whose CA signed, None when no anchor matched.
        common_name, organisation: of the leaf; the signer's own words unless `anchor` is set.
        serial: lower-case hex, "" when unreadable.
        damage: codes of failures that mean changed or broken bytes.
        distrust: codes of failures of the certificate alone.
        bad_ingredients: titles (or labels) of ingredients whose own validation failed.
        digital_source_type: from the attested actions; None = undeclared.
        record: the `org.fedisora.provenance` assertion, None when absent or not attested.
    """

    anchor: str | None
    common_name: str
    organisation: str
    serial: str
    damage: tuple[str, ...]
    distrust: tuple[str, ...]
    bad_ingredients: tuple[str, ...]
    digital_source_type: str | None
    record: dict[str, Any] | None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _codes(results: object, kind: str) -> list[str]:
    return [str(item.get("code", "")) for item in _mappings(_mapping(results).get(kind))]


def _is_credential(code: str) -> bool:
    return code.startswith(_CREDENTIAL)


def _anchor(active: Mapping[str, Any], label: str) -> str | None:
    # The report's own `trustListUri` names the LAST anchor that matched anything, a parent's too. Only the statement on
    # the active manifest's signature says whose CA signed this file.
    for item in _mappings(active.get("success")):
        if item.get("code") == "signingCredential.trusted" and f"/{label}/" in str(item.get("url", "")):
            match = _FOUND_IN.search(str(item.get("explanation", "")))
            return match[1] if match else None
    return None


def _bad_ingredients(manifest: Mapping[str, Any], results: Mapping[str, Any]) -> tuple[str, ...]:
    bad = []
    for item in _mappings(manifest.get("ingredients")):
        validation = _mapping(_mapping(item.get("validation_results")).get("activeManifest"))
        # The remixer need not know the parent's CA, so distrust is no contradiction.
        if any(not _is_credential(code) for code in _codes(validation, "failure")):
            bad.append(str(item.get("title") or item.get("label") or "ingredient")[:80])
    for delta in _mappings(results.get("ingredientDeltas")):
        if any(not _is_credential(code) for code in _codes(delta.get("validationDeltas"), "failure")):
            bad.append(str(delta.get("ingredientAssertionURI", "ingredient")).rsplit("/", 1)[-1][:80])
    return tuple(dict.fromkeys(bad))


def _attested(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Assertions the signer vouches for: in a v2 claim the created ones, not the gathered."""
    assertions = _mappings(manifest.get("assertions"))
    if manifest.get("claim_version") == 1:
        return assertions
    return [item for item in assertions if item.get("created") is True]


def _source_type(assertions: list[Mapping[str, Any]]) -> str | None:
    for assertion in assertions:
        if assertion.get("label") in ("c2pa.actions", "c2pa.actions.v2"):
            for action in _mappings(_mapping(assertion.get("data")).get("actions")):
                value = action.get("digitalSourceType")
                if isinstance(value, str):
                    return value
    return None


def _serial(value: object) -> str:
    text = str(value or "")
    return format(int(text), "x") if text.isdecimal() and len(text) <= 64 else ""


def read_report(report: Mapping[str, Any]) -> Reading | None:
    """Values of a libc2pa report (`Reader.json()`, parsed). None when it has no active manifest."""
    label = report.get("active_manifest")
    manifest = _mapping(_mapping(report.get("manifests")).get(str(label)))
    if not isinstance(label, str) or not manifest:
        return None
    results = _mapping(report.get("validation_results"))
    active = _mapping(results.get("activeManifest"))
    failures = _codes(active, "failure")
    damage = [code for code in failures if not _is_credential(code)]
    state = report.get("validation_state")
    if state not in ("Trusted", "Valid") and not failures:
        damage.append("validation.failed")
    signature = _mapping(manifest.get("signature_info"))
    attested = _attested(manifest)
    records = [item.get("data") for item in attested if item.get("label") == LABEL]
    record = records[0] if len(records) == 1 and isinstance(records[0], dict) else None
    return Reading(
        anchor=_anchor(active, label),
        common_name=str(signature.get("common_name") or "")[:255],
        organisation=str(signature.get("issuer") or "")[:255],
        serial=_serial(signature.get("cert_serial_number")),
        damage=tuple(damage),
        distrust=tuple(code for code in failures if _is_credential(code)),
        bad_ingredients=_bad_ingredients(manifest, results),
        digital_source_type=_source_type(attested),
        record=record,
    )
