"""The C2PA manifest definition and the only settings with which we build and read manifests.

Source: C2PA 2.x (actions v2, soft binding); CAWG training and data mining assertion 1.1; settings as measured on
libc2pa 0.91.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from .. import __version__, errors
from . import digital_source
from .claims import expand, terms_of
from .record import LABEL, ProvenanceRecord

EKUS: Final = "1.3.6.1.5.5.7.3.4\n1.3.6.1.5.5.7.3.36"
"""emailProtection and documentSigning, the key usages accepted of a signer."""
CREATED_LABELS: Final = ("c2pa.actions", "c2pa.soft-binding", "cawg.training-mining", LABEL)
"""Labels that libc2pa lists as created (attested by the signer), not gathered."""
PREFERENCES: Final = "https://w3id.org/fedisora/training_optout#"
"""Namespace of the bundled vocabulary in which authors say what machines may do with a file."""
_USES: Final = {"trainAi": ("cawg.ai_generative_training", "cawg.ai_training"), "aiUse": ("cawg.ai_inference",),
                "tdmReservation": ("cawg.data_mining",)}
_ALLOWED: Final = {"y": "allowed", "n": "notAllowed", "0": "allowed", "1": "notAllowed"}


@dataclass(frozen=True)
class Ingredient:
    """A file this one was made from.

    Attributes:
        path: where the parent's bytes lie while we sign.
        mime: its media type.
        title: what it is called in the manifest.
        relationship: `parentOf`, `componentOf`, or `inputTo` (a model was given it; C2PA 2.2, "Ingredient").
        kind: `remix` (another post's file), `upload` (the file itself as it came), `input` (what a model was given) or `cameo`
            (a person who is shown, by name alone: `path` is "", nothing of their likeness goes in).
        object: id of the post it belongs to, or of the person; the manifest names it as the place to learn more.
    """

    path: str
    mime: str
    title: str = "parent"
    relationship: str = "parentOf"
    kind: str = "remix"
    object: str | None = None

    def as_component(self) -> Ingredient:
        """The same as one of several parts."""
        return replace(self, relationship="componentOf")


LIKENESS: Final = "org.fedisora.likeness"
"""`description` of an ingredient that stands for a person who is shown: `componentOf`, with their actor id as
`informational_URI`, without any bytes."""


def ingredient_id(index: int) -> str:
    """The name by which an action refers to the ingredient at a place in the list."""
    return f"ingredient-{index}"


def _actions(record: ProvenanceRecord, ingredients: Sequence[Ingredient]) -> list[dict[str, Any]]:
    source_type = record.digital_source_type
    parents = [ingredient_id(i) for i, item in enumerate(ingredients) if item.relationship == "parentOf"]
    parts = [ingredient_id(i) for i, item in enumerate(ingredients) if item.relationship == "componentOf"]
    given = [ingredient_id(i) for i, item in enumerate(ingredients) if item.relationship == "inputTo"]
    inputs = {"parameters": {"ingredientIds": given}} if given else {}
    edits = [dict(edit) for edit in record.edits]
    if source_type and not parents:
        first = [{"action": "c2pa.created", "digitalSourceType": source_type, **_agent(record), **inputs}]
    else:
        # `created` must state a source type, and no IPTC value means "undeclared". So an undeclared upload is what it is: a
        # file that was opened and transcoded here. The signer adds the unsigned bytes as its parent when none is named.
        first = [{"action": "c2pa.opened", "parameters": {"ingredientIds": parents[:1] or [ingredient_id(0)]}}]
        if source_type:
            first.append({"action": "c2pa.edited", "digitalSourceType": source_type, **_agent(record), **inputs})
        elif not edits:
            edits = [{"action": "c2pa.transcoded"}]
    placed = [{"action": "c2pa.placed", "parameters": {"ingredientIds": [part]}} for part in parts]
    return [*first, *placed, *edits]


def _agent(record: ProvenanceRecord) -> dict[str, Any]:
    """What made it, for viewers that know C2PA alone."""
    generator = record.generator
    return {"softwareAgent": {"name": f"{generator.name} {generator.model}".strip(), "version": generator.revision}} \
        if generator else {}


def training_rules(claims: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """The entries of `cawg.training-mining`: what the author said in a claim, else not allowed. They never disagree.

    A reservation with a policy (TDMRep) is `constrained` by it.
    """
    rules = {use: {"use": "notAllowed"} for use in ("cawg.ai_generative_training", "cawg.ai_training", "cawg.data_mining")}
    for claim in claims:
        terms = terms_of(claim.get("@context"))
        said = {expand(str(name), terms).removeprefix(PREFERENCES): value for name, value in claim.items()
                if expand(str(name), terms).startswith(PREFERENCES)}
        for term, uses in _USES.items():
            word = _ALLOWED.get(str(said.get(term)))
            for use in uses if word else ():
                rules[use] = {"use": str(word)}
        policy = said.get("tdmPolicy")
        if said.get("tdmReservation") == "1" and isinstance(policy, str):
            rules["cawg.data_mining"] = {"use": "constrained", "constraint_info": policy}
    return rules


def build(
    record: ProvenanceRecord, *, ingredients: Sequence[Ingredient] = (), title: str = "", version: str = __version__,
) -> dict[str, Any]:
    """The manifest definition of one file, for `media.c2pa.sign`.

    A file with a source type and no parent was created; with a parent it was opened, then edited (vocabulary §2).

    Args:
        ingredients: parents in order; the signer adds them under `ingredient_id(index)`.
        title: shown by C2PA viewers.

    Raises:
        FedisoraError: the source type is not in IPTC's table (libc2pa would sign any text), or two parents.
    """
    source_type = record.digital_source_type
    if source_type is not None and source_type not in digital_source.KNOWN:
        raise errors.FedisoraError(cause=f"unknown digital source type {source_type!r}")
    if sum(item.relationship == "parentOf" for item in ingredients) > 1:
        raise errors.FedisoraError(cause="a C2PA manifest has at most one parentOf ingredient")
    assertions: list[dict[str, Any]] = [
        {"label": "c2pa.actions.v2", "created": True,
         # what was done to an upload before it came here, nobody knows
         "data": {"actions": _actions(record, ingredients), "allActionsIncluded": record.generator is not None}},
        {"label": LABEL, "created": True, "data": record.to_assertion()},
        {"label": "cawg.training-mining", "created": True, "data": {"entries": training_rules(record.claims)}},
    ]
    codes = [binding for binding in record.soft_binding if binding.startswith("ISCC:")]
    if codes:
        blocks = [{"scope": {}, "value": code} for code in codes]
        assertions.append({"label": "c2pa.soft-binding", "created": True,
                           "data": {"alg": "io.iscc.v0", "blocks": blocks}})
    return {
        "claim_generator_info": [{"name": "Fedisora", "version": version}],
        "title": title,
        "assertions": assertions,
    }


def safe_settings(anchors: Mapping[str, str]) -> dict[str, Any]:
    """Settings for libc2pa's Context: no network, bounded memory, only these trust anchors.

    libc2pa's own defaults fetch URLs that a crafted file names; unknown settings are silently ignored, so these are the
    ones that were proven to work.

    Args:
        anchors: PEM of CA certificates by the instance actor's id; the report names the id whose CA signed.

    Raises:
        Invalid: an id that could forge the report's wording.
    """
    for uri in anchors:
        if not uri or any(char in uri for char in "[] \t\r\n"):
            raise errors.Invalid("This is not the id of an instance actor.", cause=uri)
    return {
        "version": 1,
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
        "core": {"allowed_network_hosts": [], "allow_redirects": False, "backing_store_memory_threshold_in_mb": 16},
        "builder": {"thumbnail": {"enabled": False}, "created_assertion_labels": list(CREATED_LABELS),
                    "bmff_hash_exclude_free_and_skip_boxes": False},
        "trust": {"anchors": [
            {"trust_uri": uri, "trust_kind": "manifest", "trust_anchors": pem, "trust_config": EKUS}
            for uri, pem in anchors.items()]},
    }
