"""What renders prompts. Loaded in the child only.

A backend is an entry point of the group `fedisora.generation`: `name = "package:factory"`, where `factory(model, options)`
gives a `base.Backend`. Our own are registered the same way. How to write one: docs/extend/backends.md.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from ...errors import ConfigurationError, FedisoraError
from .base import Backend, Progress

GROUP = "fedisora.generation"


def installed() -> dict[str, EntryPoint]:
    """Name → entry point of every backend that is installed; nothing is imported.

    Raises:
        ConfigurationError: two packages bring the same name.
    """
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        if found.setdefault(entry.name, entry).value != entry.value:
            raise ConfigurationError(f"Two packages bring a generation backend {entry.name!r}: {found[entry.name].value} and "
                                     f"{entry.value}. Remove one.")
    return found


def load(name: str, model: str | None = None, options: Mapping[str, Any] | None = None, *,
         progress: Progress = lambda stage, share: None, cancelled: Callable[[], bool] = lambda: False) -> Backend:
    """The backend of a name, ready to render.

    Args:
        model: which model; None or "" for a backend that has only one.
        options: of settings and preset, as JSON; a backend ignores those it does not know.
        progress, cancelled: told and asked while the model is loaded (stage `load`).

    Raises:
        ConfigurationError: no such backend, or its model cannot be loaded; it never falls back to another one.
        Cancelled: `cancelled()` became true.
    """
    found = installed()
    if name not in found:
        raise ConfigurationError(f"There is no generation backend {name!r}. Installed: {', '.join(sorted(found)) or 'none'}. "
                                 "Set FEDISORA_GENERATION_BACKEND to one of them, or install the package that brings it.")
    try:
        backend: Backend = found[name].load()(model or None, dict(options or {}))
    except FedisoraError:
        raise
    except Exception as error:  # a package of somebody else may fail in any way
        raise ConfigurationError(f"The generation backend {name} ({found[name].value}) cannot be loaded: "
                                 f"{type(error).__name__}: {error}. Mend or remove the package that brings it.",
                                 cause=error) from error
    prepare = getattr(backend, "prepare", None)
    if prepare is not None:
        prepare(progress, cancelled)
    return backend
