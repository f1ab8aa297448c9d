"""Preferences about machines that read: IETF AI Preferences (draft-ietf-aipref-vocab-08) and TDMRep (W3C community group)."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fedisora.provenance.extension import Extension, Term, from_package

from .validate import validate

WISHES = {"train-ai": "trainAi", "ai-use": "aiUse", "search": "searchUse", "tdm-reservation": "tdmReservation",
          "tdm-policy": "tdmPolicy"}
"""What an author sends → term. The names are those of the two specifications."""


def claim_from_upload(upload: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """What the author chose while uploading; nothing when they said nothing: silence is no permission and no refusal."""
    wishes = upload.get("wishes") or {}
    terms = {term: wishes[wish] for wish, term in WISHES.items() if wishes.get(wish)}
    return [EXTENSION.claim("UsagePreferences", terms)] if terms else []


EXTENSION: Extension = from_package(
    __name__, name="training_optout", namespace="https://w3id.org/fedisora/training_optout#", version="1.0",
    about="What its author allows machines to do with a file: training, other use by AI, search, text and data mining.",
    types={"UsagePreferences": {
        "trainAi": Term(choices=("y", "n")), "aiUse": Term(choices=("y", "n")), "searchUse": Term(choices=("y", "n")),
        "tdmReservation": Term(choices=("0", "1")), "tdmPolicy": Term("iri")}},
    validate=validate, claim_from_upload=claim_from_upload)
