"""What the model of an energy claim cannot say."""
from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from fedisora.provenance.extension import Claim, Problem

TOLERANCE = Decimal("0.02")


def validate(claim: Claim) -> Sequence[Problem]:
    """Energy is power times time: where a claim gives all three, they have to agree within 2 % (or 0.0001 Wh)."""
    power, seconds = claim.terms.get("powerWatts"), claim.terms.get("renderSeconds")
    if power is None or seconds is None:
        return []
    said, computed = Decimal(claim.terms["wattHours"]), Decimal(power) * Decimal(seconds) / 3600
    if abs(said - computed) > max(computed * TOLERANCE, Decimal("0.0001")):
        right = computed.quantize(Decimal("0.0001"))
        return [Problem("wattHours", f"{power} W for {seconds} s is {right} Wh: correct one of them.")]
    return []
