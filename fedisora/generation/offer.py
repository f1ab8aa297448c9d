"""Which models a worker makes videos with, and how each is held in memory."""
from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..errors import ConfigurationError
from ..settings import Settings
from .presets import Preset, find
from .process import Spec


def names(settings: Settings) -> list[str]:
    """The models of an instance, the default first."""
    first = settings.generation_model or settings.generation_backend
    return list(dict.fromkeys([first, *(name.strip() for name in settings.generation_models.split(",") if name.strip())]))


def offered(settings: Settings, wanted: Collection[str] = ()) -> dict[str, Preset]:
    """Name → model, of all that the instance offers or of those that are `wanted`.

    Raises:
        ConfigurationError: one of the wanted is not offered.
    """
    models = {name: find(name) or _own(settings, name) for name in names(settings)}
    for name in wanted:
        if name not in models:
            raise ConfigurationError(f"{name} is not a model of this instance. There are: {', '.join(models)}. Add it to "
                                     "FEDISORA_GENERATION_MODELS.")
    return {name: models[name] for name in (wanted or models)}


def _own(settings: Settings, name: str) -> Preset:
    """The operator's own model: a folder or repository that no preset describes."""
    backend = settings.generation_backend
    return Preset(name, name, backend, ("text",), {}, fps=24, max_seconds=settings.generation_max_seconds, gpu_class="cpu",
                  repository=name)


def spec(settings: Settings, preset: Preset) -> Spec:
    """What the child is started for."""
    if preset.backend == "procedural":
        return Spec("procedural")
    options: dict[str, Any] = {
        "dtype": preset.dtype if settings.generation_dtype == "auto" else settings.generation_dtype,
        "offload": settings.generation_offload, "tiling": settings.generation_tiling,
        "quantisation": settings.generation_quantisation, "compile": settings.generation_compile,
        "attention": settings.generation_attention, "revision": preset.revision, "pipelines": dict(preset.pipelines)}
    return Spec(preset.backend, preset.name if find(preset.name) is not None else preset.repository, options)


def classes(models: Mapping[str, Preset]) -> list[str]:
    """The GPU classes of some models."""
    return sorted({preset.gpu_class for preset in models.values()})
