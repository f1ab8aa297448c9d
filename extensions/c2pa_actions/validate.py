"""What the model of an edit history cannot say."""
from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from fedisora.provenance.extension import Claim, Problem

FIRST = ("c2pa.created", "c2pa.opened")


def validate(claim: Claim) -> Sequence[Problem]:
    """A history begins with `c2pa.created` (with its source type) or `c2pa.opened`, and goes forward in time."""
    steps = claim.terms["steps"]
    steps = steps if isinstance(steps, list) else [steps]
    if not steps:
        return [Problem("steps", "A history has one step at least.")]
    found, last = [], None
    for number, step in enumerate(steps):
        where = f"steps[{number}]"
        if (step["action"] in FIRST) != (number == 0):
            found.append(Problem(f"{where}.action", "The first step, and no other, is c2pa.created or c2pa.opened."))
        if step["action"] == "c2pa.created" and "sourceType" not in step:
            found.append(Problem(f"{where}.sourceType", "c2pa.created says where the picture came from."))
        moment = dt.datetime.fromisoformat(step["when"]) if "when" in step else None
        if moment is not None and last is not None and moment < last:
            found.append(Problem(f"{where}.when", "It is earlier than the step before."))
        last = moment or last
    return found
