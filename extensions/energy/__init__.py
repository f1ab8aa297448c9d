"""Energy: what one generation used, measured or estimated, and how that is known."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from fedisora.provenance.extension import Extension, Term, from_package

from .validate import validate

ASSUMED = {"cpu": ("65", "one busy processor"), "cuda": ("400", "one accelerator under load")}
"""Watts by where it ran, and in words, when nothing was measured."""
KNOWN = {"operator": "as its operator set it", "card": "the mean that the graphics card reported"}
"""How an instance knows its power."""


def claim_from_generation(request: Mapping[str, Any], result: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """What the backend measured; else render time times the power that the instance knows, or times a stated assumption; nothing
    where none is known."""
    seconds = Decimal(str(result.get("render_seconds") or 0)).quantize(Decimal("0.001"))
    joules = result.get("energy_joules")
    if joules is not None:
        return [EXTENSION.claim("GenerationEnergy", {
            "wattHours": _text(Decimal(str(joules)) / 3600), "method": "measured", "renderSeconds": _text(seconds),
            "basis": "counted by the device that rendered"})]
    if result.get("power_watts") is not None and seconds > 0:
        power = Decimal(str(result["power_watts"])).quantize(Decimal("0.1"))
        return [EXTENSION.claim("GenerationEnergy", {
            "wattHours": _text(power * seconds / 3600), "method": "estimated", "powerWatts": _text(power),
            "renderSeconds": _text(seconds),
            "basis": f"render time times {_text(power)} W, {KNOWN.get(str(result.get('power_basis')), 'as the instance says')}"})]
    watts, words = ASSUMED.get(str((result.get("generator") or {}).get("backend")), ("", ""))
    if not watts or seconds <= 0:
        return []
    return [EXTENSION.claim("GenerationEnergy", {
        "wattHours": _text(Decimal(watts) * seconds / 3600), "method": "estimated", "powerWatts": watts,
        "renderSeconds": _text(seconds), "basis": f"render time times {watts} W, assumed for {words}"})]


def _text(number: Decimal) -> str:
    """A decimal as text without an exponent: signed JSON has no fractions."""
    return format(number.quantize(Decimal("0.0001")).normalize(), "f")


EXTENSION: Extension = from_package(
    __name__, name="energy", namespace="https://w3id.org/fedisora/energy#", version="1.0",
    about="How much energy making a file took, and whether that was measured or estimated.",
    types={"GenerationEnergy": {
        "wattHours": Term("decimal", required=True, lowest="0", highest="1000000000"),
        "method": Term(required=True, choices=("measured", "estimated")), "basis": Term(required=True, longest=500),
        "powerWatts": Term("decimal", lowest="0", highest="10000000"),
        "renderSeconds": Term("decimal", lowest="0", highest="100000000")}},
    validate=validate, claim_from_generation=claim_from_generation)
