"""Training data: which datasets a generative model was trained on, as its operator states it."""
from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from fedisora.provenance.extension import Claim, Extension, Problem

NAMESPACE = "https://w3id.org/fedisora/training#"
CONSENT = ("opt-in", "opt-out", "licensed", "public-domain", "none-stated")


def _is_address(value: object) -> bool:
    if not isinstance(value, str) or len(value) > 2048:
        return False
    parts = urlsplit(value)
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def validate(claim: Claim) -> Sequence[Problem]:
    """A `TrainingData` claim names its dataset; licence is an address, consent one of `CONSENT`, count a whole number."""
    if claim.type != "TrainingData":
        return [Problem("", f"This vocabulary has no {claim.type[:80]}.")]
    problems = []
    dataset, licence, consent, count = (claim.terms.get(name) for name in ("dataset", "licence", "consent", "itemCount"))
    if not isinstance(dataset, str) or not dataset.strip():
        problems.append(Problem("dataset", "A training claim names its dataset."))
    if licence is not None and not _is_address(licence):
        problems.append(Problem("licence", "The licence is the address of its text."))
    if consent is not None and consent not in CONSENT:
        problems.append(Problem("consent", f"Consent is one of {', '.join(CONSENT)}."))
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 0):
        problems.append(Problem("itemCount", "The number of items is a whole number."))
    return problems


EXTENSION = Extension(
    name="training",
    namespace=NAMESPACE,
    version="1.0",
    validate=validate,
    labels={
        "en": {"TrainingData": "Training data", "dataset": "Dataset", "licence": "Licence", "consent": "Consent of the authors",
               "itemCount": "Number of items"},
        "de": {"TrainingData": "Trainingsdaten", "dataset": "Datensatz", "licence": "Lizenz",
               "consent": "Einwilligung der Urheber", "itemCount": "Anzahl der Werke"},
    },
    context={
        "TrainingData": f"{NAMESPACE}TrainingData", "dataset": f"{NAMESPACE}dataset",
        "licence": {"@id": f"{NAMESPACE}licence", "@type": "@id"}, "consent": f"{NAMESPACE}consent",
        "itemCount": f"{NAMESPACE}itemCount",
    },
)
