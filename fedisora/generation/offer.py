"""Which models a worker makes videos with, and how each is held in memory."""
from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy.orm import Session

from ..errors import ConfigurationError, Invalid
from ..settings import Settings
from .presets import Preset, find
from .presets.catalogue import current
from .process import Spec


def offered(session: Session, settings: Settings, wanted: Collection[str] = ()) -> dict[str, Preset]:
    """Name → model, of all that the instance offers now or of those that are `wanted`.

    Raises:
        ConfigurationError: one of the wanted is not offered, or the settings contradict each other.
    """
    catalogue = current(session, settings)
    try:
        models = [catalogue.find(name) for name in wanted] if wanted else catalogue.models
    except Invalid as error:
        raise ConfigurationError(error.text) from error
    return {preset.name: preset for preset in models}


def spec(settings: Settings, preset: Preset) -> Spec:
    """What the child is started for: a model and the operator's decisions about it."""
    if preset.backend == "procedural":
        return Spec("procedural")
    options: dict[str, Any] = {
        "dtype": settings.generation_dtype, "offload": settings.generation_offload, "tiling": settings.generation_tiling,
        "quantisation": settings.generation_quantisation, "compile": settings.generation_compile,
        "attention": settings.generation_attention, "revision": preset.revision, "pipelines": dict(preset.pipelines),
        "licence": preset.licence_url or preset.licence, "memory_gb": preset.memory_gb, "steps": preset.steps,
        "guidance": preset.guidance, "arguments": dict(preset.arguments)}
    return Spec(preset.backend, preset.name if find(preset.name) is not None else preset.repository, options)


def classes(models: Mapping[str, Preset]) -> list[str]:
    """The GPU classes of some models."""
    return sorted({preset.gpu_class for preset in models.values()})
