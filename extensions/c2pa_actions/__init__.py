"""Edit history: what was done to a file, in the words of the C2PA actions assertion (C2PA 2.x, `c2pa.actions.v2`)."""
from __future__ import annotations

from fedisora.provenance.extension import Extension, Term, from_package

from .validate import validate

ACTIONS = tuple(f"c2pa.{name}" for name in (
    "addedText", "adjustedColor", "changedSpeed", "color_adjustments", "converted", "created", "cropped", "deleted", "drawing",
    "dubbed", "edited", "edited.metadata", "enhanced", "filtered", "opened", "orientation", "placed", "published", "redacted",
    "removed", "repackaged", "resized", "resized.proportional", "transcoded", "translated", "trimmed", "unknown", "watermarked",
    "watermarked.bound", "watermarked.unbound"))

EXTENSION: Extension = from_package(
    __name__, name="c2pa_actions", namespace="https://w3id.org/fedisora/c2pa_actions#", version="1.0",
    about="What was done to a file before it was published, step by step.",
    types={
        "EditHistory": {"steps": Term("node", node="EditStep", many=True, required=True, most=100)},
        "EditStep": {
            "action": Term(required=True, choices=ACTIONS), "when": Term("time"), "softwareAgent": Term(longest=200),
            "sourceType": Term("iri", pattern=r"https?://cv\.iptc\.org/newscodes/digitalsourcetype/[A-Za-z]+"),
            "change": Term(longest=500)}},
    validate=validate)
