"""What a person typed to have a video made: read without losing a word, and turned into a request."""
from __future__ import annotations

import math
from collections.abc import Mapping

from starlette.datastructures import FormData

from ...errors import Invalid
from ...generation import presets
from ...generation.intake import Wanted
from ...generation.presets.preset import Preset
from ...models import Generation
from .consents import row_of
from .visitor import text

FIELDS = ("prompt", "model", "task", "orientation", "seconds", "size", "negative_prompt", "steps", "guidance", "strength",
          "variants", "seed", "drawn", "remix", "input", "people")
"""Names in the form. `drawn` is a seed that was chosen for the preview, `input` the file that was sent before; an
empty `orientation` is that of the file."""
BLANK: Mapping[str, str] = dict.fromkeys(FIELDS, "") | {
    "task": "text", "orientation": "portrait", "seconds": "5", "variants": "1"}
LENGTHS = (2, 3, 5, 8, 10, 15, 20, 30, 60)
"""Seconds that are offered, as far as the model goes."""
TASKS = {"text": "My words", "image": "A picture", "video": "A video"}
STRENGTHS = {"": "As the model likes", "0.3": "A little", "0.5": "Half", "0.7": "Much", "0.9": "Nearly all"}
PEOPLE = (("nobody", "No real person"), ("me", "Me"), ("agreed", "Somebody who agreed to a cameo of mine"))
"""What an author says about people in the file."""
MOST_DIGITS = 19


def typed(form: FormData) -> dict[str, str]:
    """Every field as it was typed."""
    return {name: text(form, name, BLANK[name]) for name in FIELDS}


def like(row: Generation) -> dict[str, str]:
    """The form filled with what another video was made from, but for the seed."""
    options = row.options or {}
    kept = {"prompt": row.prompt, "model": row.model, "task": row.task, "seconds": f"{row.seconds:g}",
            "orientation": str(options.get("orientation") or "portrait"), "size": f"{row.width}x{row.height}",
            "remix": str(options.get("remix_of") or ""), "input": str(row.input_media_id or "")}
    model = presets.find(row.model)
    for name in ("negative_prompt", "steps", "guidance", "strength"):
        value = options.get(name)
        if value is not None and (model is None or value != getattr(model, name)):  # the model's own go without saying
            kept[name] = f"{value:g}" if isinstance(value, float) else str(value)
    return dict(BLANK) | kept


def _whole(given: str, what: str) -> int | None:
    if not given.strip():
        return None
    if not given.strip().isdecimal() or len(given.strip()) > MOST_DIGITS:
        raise Invalid(f"{what} is a whole number.")
    return int(given)


def _number(given: str, what: str) -> float | None:
    if not given.strip():
        return None
    try:
        value = float(given.replace(",", "."))
    except ValueError as error:
        raise Invalid(f"{what} is a number.", cause=error) from error
    if not math.isfinite(value):
        raise Invalid(f"{what} is a number.")
    return value


def wanted(given: Mapping[str, str], input_media_id: int | None) -> Wanted:
    """The request.

    Raises:
        Invalid: a field that holds a number holds something else; the text says which.
    """
    seed, seconds = _whole(given["seed"], "The seed"), _number(given["seconds"], "The length")
    if seed is None:
        seed = _whole(given["drawn"], "The seed")
    return Wanted(
        prompt=given["prompt"], negative_prompt=given["negative_prompt"], model=given["model"], task=given["task"],
        orientation=given["orientation"], size=given["size"], seconds=seconds, seed=seed,
        steps=_whole(given["steps"], "The number of steps"), guidance=_number(given["guidance"], "The guidance"),
        strength=_number(given["strength"], "The strength") if given["task"] == "video" else None,
        input_media_id=input_media_id if given["task"] != "text" else None,
        remix_of_id=row_of(given["remix"]) if given["remix"] else None,
        variants=_whole(given["variants"], "The number of variants") or 1,
        people=given["people"] if given["task"] != "text" else "")


def lengths(model: Preset, most: float) -> list[int]:
    """Seconds to choose from for a model; `most` is the instance's limit."""
    longest = min(model.max_seconds, most)
    found = [value for value in LENGTHS if math.ceil(model.min_seconds) <= value <= longest]
    return found or [max(1, int(longest))]


def fitting(given: Mapping[str, str], model: Preset, most: float) -> dict[str, str]:
    """The same with a shape, length, size and start that can be chosen for this model: what was chosen for another one may
    not be offered any more, and what is not shown must not be sent."""
    kept = dict(given)
    if kept["task"] not in model.tasks:
        kept["task"] = model.tasks[0]
    if kept["orientation"] not in model.sizes and (kept["orientation"] or kept["task"] == "text"):
        kept["orientation"] = next(iter(model.sizes))
    offered = lengths(model, most)
    try:
        asked = float(kept["seconds"].replace(",", "."))
    except ValueError:
        asked = 5.0
    if asked not in offered:
        kept["seconds"] = str(min(offered, key=lambda value: abs(value - asked)))
    if kept["size"] not in [f"{width}x{height}" for width, height in model.sizes.get(kept["orientation"], ())]:
        kept["size"] = ""
    return kept
