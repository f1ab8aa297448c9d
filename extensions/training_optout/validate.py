"""What the model of usage preferences cannot say."""
from __future__ import annotations

from collections.abc import Sequence

from fedisora.provenance.extension import Claim, Problem


def validate(claim: Claim) -> Sequence[Problem]:
    """A claim states at least one preference; a TDM policy means something only where rights are reserved (TDMRep)."""
    if not claim.terms:
        return [Problem("", "It states no preference: add trainAi, aiUse, searchUse or tdmReservation.")]
    if "tdmPolicy" in claim.terms and claim.terms.get("tdmReservation") != "1":
        return [Problem("tdmPolicy", 'A policy needs reserved rights: add tdmReservation "1".')]
    return []
