"""What an operator decides about a model, from settings and its preset."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ....errors import ConfigurationError
from ...presets import find

DTYPES = ("auto", "bfloat16", "float16", "float32")
OFFLOADS = ("auto", "none", "model", "sequential", "group")
TILINGS = ("auto", "on", "off")
QUANTISATIONS = ("none", "fp8", "int8")


@dataclass(frozen=True)
class Options:
    """How a model is loaded and run. Settings of the same names are described in docs/operate/configuration.md.

    Attributes:
        name: what the model is called in results.
        source: a folder, or a repository whose files were fetched.
        fetched_as: what `fedisora model fetch` is called with.
        revision: commit of the repository; "" = whichever was fetched.
        pipelines: task → class of diffusers, for a model whose own index says too little.
        arguments: what the pipeline is called with besides the request, as the model's card advises.
        preset_dtype: what `auto` means on a GPU.
        memory_gb: GPU memory that the model wants without offloading; 0 = not known.
        steps, guidance: for requests that name none.
    """

    name: str
    source: str
    fetched_as: str = ""
    revision: str = ""
    licence: str = ""
    pipelines: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    preset_dtype: str = "bfloat16"
    memory_gb: float = 0
    steps: int | None = None
    guidance: float | None = None
    dtype: str = "auto"
    offload: str = "auto"
    tiling: str = "auto"
    quantisation: str = "none"
    compile: bool = False
    attention: str = ""


def read(model: str | None, given: Mapping[str, Any]) -> Options:
    """Options of a model: the preset's values where nothing else is given.

    Args:
        model: name of a preset, a folder, or a repository id.
        given: members of `Options`; others are for other backends and ignored. `None` counts as not given.

    Raises:
        ConfigurationError: no model, or a value that is none of those offered.
    """
    if not model:
        raise ConfigurationError("The diffusers backend needs a model: set FEDISORA_GENERATION_MODEL to a preset, a folder or a "
                                 "repository id.")
    preset = find(model)
    known: dict[str, Any] = {"name": model.rstrip("/").rsplit("/", 1)[-1], "source": model, "fetched_as": model}
    if preset is not None:
        known = {"name": preset.name, "source": preset.repository or model, "fetched_as": preset.name,
                 "revision": preset.revision,
                 "licence": preset.licence_url or preset.licence, "pipelines": preset.pipelines, "arguments": preset.arguments,
                 "preset_dtype": preset.dtype, "memory_gb": preset.memory_gb, "steps": preset.steps, "guidance": preset.guidance}
    members = {name: value for name, value in given.items()
               if name in Options.__dataclass_fields__ and value is not None
               and name not in ("name", "source", "fetched_as", "preset_dtype")}
    options = Options(**known | members)
    for name, value, offered in (("dtype", options.dtype, DTYPES), ("offload", options.offload, OFFLOADS),
                                 ("tiling", options.tiling, TILINGS),
                                 ("quantisation", options.quantisation, QUANTISATIONS)):
        if value not in offered:
            raise ConfigurationError(f"FEDISORA_GENERATION_{name.upper()} is {value!r}; it can be {', '.join(offered)}.")
    return options
