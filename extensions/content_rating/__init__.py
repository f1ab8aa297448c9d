"""Content rating: for whom a video is meant, and what in it may trouble people."""
from __future__ import annotations

from fedisora.provenance.extension import Extension, Term, from_package

from .validate import validate

EXTENSION: Extension = from_package(
    __name__, name="content_rating", namespace="https://w3id.org/fedisora/content_rating#", version="1.0",
    about="For whom a video is meant, and what in it may trouble people.",
    types={"ContentRating": {
        "suitableFor": Term(required=True, choices=("everyone", "teens", "adults")),
        "contains": Term(many=True, most=12, choices=(
            "violence", "gore", "frightening", "nudity", "sexual-content", "strong-language", "drugs", "alcohol-tobacco",
            "gambling", "discrimination", "self-harm", "flashing-lights")),
        "ratedBy": Term(required=True, choices=("author", "moderator", "authority")),
        "ratingSystem": Term("iri"), "officialRating": Term(longest=40)}},
    validate=validate)
