"""A preset from its TOML file, checked: ours beside this module, and an operator's own `preset.toml` in a model's folder."""
from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import ConfigurationError
from .preset import ORIENTATIONS, TASKS, Preset

_FIELDS = {field.name for field in dataclasses.fields(Preset)} | {"max_frames"}
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,57}")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "bool": bool, "int": int, "int | None": int, "float": (int, float), "float | None": (int, float), "str": str,
    "dict[str, str]": dict, "dict[str, float]": dict}


def read(path: Path) -> Preset:
    """A complete preset.

    Raises:
        ConfigurationError: what is wrong in which file.
    """
    return build(table(path), where=str(path))


def table(path: Path) -> dict[str, Any]:
    """The members of a TOML file.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}. Mend or remove the file.") from error


def build(given: Mapping[str, Any], *, where: str, base: Preset | None = None) -> Preset:
    """A preset from TOML members, over `base` where there is one.

    `max_frames` may be given instead of `max_seconds`; sizes are lists of [width, height].

    Raises:
        ConfigurationError: a member is unknown, missing, of another type or makes no sense.
    """
    values = dict(given)
    unknown = sorted(set(values) - _FIELDS)
    if unknown:
        raise ConfigurationError(f"{where}: {unknown[0]} is not a member of a preset. There are: {', '.join(sorted(_FIELDS))}.")
    for field in dataclasses.fields(Preset):
        wanted = _TYPES.get(str(field.type))
        value = values.get(field.name)
        if value is not None and wanted is not None and (
                not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool)):
            raise ConfigurationError(f"{where}: {field.name} is {value!r}, which is not of the right kind.")
    try:
        if "tasks" in values:
            values["tasks"] = tuple(str(task) for task in values["tasks"])
        if "sizes" in values:
            values["sizes"] = {str(orientation): tuple((int(width), int(height)) for width, height in sizes)
                               for orientation, sizes in values["sizes"].items()}
        if "max_frames" in values:
            values["max_seconds"] = int(values.pop("max_frames")) / int(values.get("fps", base.fps if base else 0))
        preset = dataclasses.replace(base, **values) if base is not None else Preset(**values)
    except (TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise ConfigurationError(f"{where} is not a preset: {error}.") from error
    _check(preset, where)
    return preset


def _check(preset: Preset, where: str) -> None:
    def must(holds: bool, text: str) -> None:
        if not holds:
            raise ConfigurationError(f"{where}: {text}")

    must(bool(_NAME.fullmatch(preset.name)), f"the name {preset.name!r} must be of small letters, digits, '.', '_' and '-'.")
    must(bool(preset.tasks) and set(preset.tasks) <= set(TASKS), f"tasks must be of {', '.join(TASKS)}.")
    must(bool(preset.sizes) and set(preset.sizes) <= set(ORIENTATIONS) and all(preset.sizes.values()),
         f"sizes must have one or more of {', '.join(ORIENTATIONS)}, each with at least one [width, height].")
    must(preset.fps > 0 and preset.frame_step > 0 and preset.multiple > 0, "fps, frame_step and multiple must be above 0.")
    must(0 < preset.min_seconds <= preset.frames(preset.min_seconds) / preset.fps <= preset.max_seconds + 1e-6,
         "max_seconds (or max_frames) leaves no number of frames from min_seconds on.")
    must(preset.steps is None or 1 <= preset.steps <= preset.max_steps, "steps must be between 1 and max_steps.")
    must(0 < preset.strength <= 1, "strength must be above 0 and at most 1.")
    must(preset.revision == "" or bool(re.fullmatch(r"[0-9a-f]{40}", preset.revision)),
         "a revision is the 40 hexadecimal digits of a commit.")
    for _, width, height in preset.buckets:
        must(min(width, height) > 0 and width % preset.multiple == 0 == height % preset.multiple,
             f"{width}x{height} is not a multiple of {preset.multiple}.")
