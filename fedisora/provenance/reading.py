"""What libc2pa reported about a file, read into plain values. The report describes hostile bytes: nothing is assumed.

Source: c2pa-rs 0.91 report JSON and C2PA 2.x §15 (validation status codes).
"""
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .manifest import LIKENESS
from .record import LABEL

_FOUND_IN: Final = re.compile(r"found in \[([^\[\]\s]+)\] trust anchors\Z")
_CREDENTIAL: Final = ("signingCredential.", "claimSignature.outsideValidity", "timeStamp.")
"""Failures of these say who we do not know, not that bytes changed."""
_REVOKED: Final = ("signingCredential.revoked", "signingCredential.ocsp.revoked")
"""The signer's own stapled answer says that the certificate counts no more."""
_FAILED: Final = (".mismatch", ".missing", ".malformed", ".invalid", ".inaccessible", ".multiple", ".notRedacted", ".error")
"""Ends of failure codes in the older, flat `validation_status` of an ingredient, which lists successes too."""
MOST_MANIFESTS: Final = 500
"""Manifests of one file that are looked at: a long chain of remixes has a dozen."""
MOST_PARTS: Final = 8
"""Ingredients that are named one by one."""


@dataclass(frozen=True)
class Reading:
    """One file's active manifest.

    Attributes:
        anchor: id of the instance actor whose CA signed, None when no anchor matched.
        common_name, organisation: of the leaf; the signer's own words unless `anchor` is set.
        serial: lower-case hex, "" when unreadable.
        damage: codes of failures that mean changed or broken bytes.
        distrust: codes of failures of the certificate alone.
        cut_off: a stapled answer of the certificate's issuer says that it is revoked.
        bad_ingredients: titles (or labels) of ingredients whose own validation failed, at whatever depth.
        parts: (title, state) of what this very file was made from; `intact`, `changed` or `unsigned` when it was used.
        shown: actor ids of the people whose likeness the file shows, as its signers say (those of what it was made from too).
        digital_source_type: from the attested actions; None = undeclared.
        record: the `org.fedisora.provenance` assertion, None when absent or not attested.
    """

    anchor: str | None
    common_name: str
    organisation: str
    serial: str
    damage: tuple[str, ...]
    distrust: tuple[str, ...]
    cut_off: bool
    bad_ingredients: tuple[str, ...]
    digital_source_type: str | None
    record: dict[str, Any] | None
    parts: tuple[tuple[str, str], ...] = ()
    shown: tuple[str, ...] = ()


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


def _own_failures(ingredient: Mapping[str, Any]) -> list[str]:
    """What its signer noted as wrong when this ingredient was taken in. That we do not know a parent's signer is no fault:
    the remixer need not know the parent's CA either."""
    results = _mapping(ingredient.get("validation_results"))
    codes = _codes(results.get("activeManifest"), "failure")
    for delta in _mappings(results.get("ingredientDeltas")):
        codes += _codes(delta.get("validationDeltas"), "failure")
    codes += [code for item in _mappings(ingredient.get("validation_status"))
              if (code := str(item.get("code", ""))).endswith(_FAILED)]
    return [code for code in codes if not _is_credential(code)]


def _bad_ingredients(manifests: Mapping[str, Any], active: str) -> tuple[str, ...]:
    """Names of the ingredients that had been changed, those of ingredients too.

    A remix of a tampered parent is itself well signed (libc2pa calls it Trusted), and in a remix of that remix only the
    parent's own manifest tells of it: so every manifest that the active one leads to is looked at.
    """
    bad, seen, waiting = [], {active}, [active]
    while waiting:
        for item in _mappings(_mapping(manifests.get(waiting.pop())).get("ingredients")):
            if _own_failures(item):
                bad.append(str(item.get("title") or item.get("label") or "ingredient")[:80])
            for label in (item.get("active_manifest"), _mapping(item.get("manifest_data")).get("identifier")):
                if isinstance(label, str) and label not in seen and len(seen) < MOST_MANIFESTS:
                    seen.add(label)
                    waiting.append(label)
    return tuple(dict.fromkeys(bad))


def _is_likeness(ingredient: Mapping[str, Any]) -> bool:
    return ingredient.get("relationship") == "componentOf" and ingredient.get("description") == LIKENESS


def _shown(manifests: Mapping[str, Any], active: str) -> tuple[str, ...]:
    """People whom the active manifest or one of its ingredients' names as shown."""
    found, seen, waiting = [], {active}, [active]
    while waiting:
        for item in _mappings(_mapping(manifests.get(waiting.pop())).get("ingredients")):
            uri = item.get("informational_URI")
            if _is_likeness(item) and isinstance(uri, str) and len(uri) <= 2048:
                found.append(uri)
            for label in (item.get("active_manifest"), _mapping(item.get("manifest_data")).get("identifier")):
                if isinstance(label, str) and label not in seen and len(seen) < MOST_MANIFESTS:
                    seen.add(label)
                    waiting.append(label)
    return tuple(dict.fromkeys(found))[:MOST_PARTS]


def _parts(manifest: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The first ingredients of a manifest, and how each was when its signer took it in."""
    found = []
    files = [item for item in _mappings(manifest.get("ingredients")) if not _is_likeness(item)]
    for item in files[:MOST_PARTS]:
        signed = isinstance(item.get("active_manifest"), str) or bool(_mapping(item.get("validation_results")))
        state = "changed" if _own_failures(item) else "intact" if signed else "unsigned"
        found.append((str(item.get("title") or item.get("label") or "a file")[:80], state))
    return tuple(found)


def _changed_since(results: Mapping[str, Any]) -> list[str]:
    """What is wrong now with an ingredient's record inside this file and was not when the file was signed."""
    return [code for delta in _mappings(results.get("ingredientDeltas"))
            for code in _codes(delta.get("validationDeltas"), "failure") if not _is_credential(code)]


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
    damage = [code for code in failures if not _is_credential(code)] + _changed_since(results)
    state = report.get("validation_state")
    if state not in ("Trusted", "Valid") and all(code == "signingCredential.untrusted" for code in failures) and not damage:
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
        cut_off=any(code in _REVOKED for code in failures),
        bad_ingredients=_bad_ingredients(_mapping(report.get("manifests")), label),
        digital_source_type=_source_type(attested),
        record=record,
        parts=_parts(manifest),
        shown=_shown(_mapping(report.get("manifests")), label),
    )
