"""Model card: which model made a file, under which licence, in which revision, and what is said about its training data."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fedisora.provenance.extension import Extension, Term, from_package

CONSENT = ("opt-in", "opt-out", "licensed", "public-domain", "none-stated")


def claim_from_generation(request: Mapping[str, Any], result: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """A card for the model that the backend names. A program that computes pictures was trained on nothing, and says so."""
    generator = result.get("generator") or {}
    if not generator.get("model"):
        return []
    computed = str(result.get("digital_source_type") or "").endswith("/algorithmicMedia")
    return [EXTENSION.claim("ModelCard", {
        "model": generator["model"], "revision": generator.get("revision") or None,
        "modelLicence": generator.get("licence") or None,
        "trainingStatement": "A program computes the picture; it was not trained on anything." if computed else None})]


EXTENSION: Extension = from_package(
    __name__, name="model_card", namespace="https://w3id.org/fedisora/model_card#", version="1.0",
    about="Which model made a file, under which licence, and what its makers say about its training data.",
    types={
        "ModelCard": {
            "model": Term(required=True, longest=200), "revision": Term(longest=200), "modelLicence": Term(longest=300),
            "modelSource": Term("iri"), "trainingStatement": Term(longest=2000),
            "trainingData": Term("node", node="TrainingData", many=True, most=20)},
        "TrainingData": {
            "dataset": Term(required=True, longest=200), "datasetSource": Term("iri"), "datasetLicence": Term("iri"),
            "consent": Term(choices=CONSENT), "itemCount": Term("integer", lowest="0")}},
    claim_from_generation=claim_from_generation)
