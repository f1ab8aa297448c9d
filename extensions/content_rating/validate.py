"""What the model of a content rating cannot say."""
from __future__ import annotations

from collections.abc import Sequence

from fedisora.provenance.extension import Claim, Problem

NOT_FOR_EVERYONE = ("gore", "sexual-content", "self-harm")


def validate(claim: Claim) -> Sequence[Problem]:
    """An authority's rating names its system; a video for everyone holds nothing that no such system gives to children."""
    terms, found = claim.terms, []
    contains = terms.get("contains", [])
    hard = [item for item in NOT_FOR_EVERYONE if item in (contains if isinstance(contains, list) else [contains])]
    if terms["suitableFor"] == "everyone" and hard:
        found.append(Problem("suitableFor", f"It contains {', '.join(hard)}: choose teens or adults."))
    if terms["ratedBy"] == "authority" and not ("ratingSystem" in terms and "officialRating" in terms):
        found.append(Problem("ratedBy", "An authority's rating names ratingSystem and officialRating."))
    return found
