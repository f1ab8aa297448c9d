"""Which class of diffusers makes which task, and what it is called with."""
from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ....errors import ConfigurationError, Invalid
from ..base import Request

FAMILIES: tuple[dict[str, str], ...] = (
    {"text": "WanPipeline", "image": "WanImageToVideoPipeline", "video": "WanVideoToVideoPipeline"},
    {"text": "LTXPipeline", "image": "LTXImageToVideoPipeline", "video": "LTXConditionPipeline"},
    {"text": "LTX2Pipeline", "image": "LTX2ImageToVideoPipeline"},
    {"text": "CogVideoXPipeline", "image": "CogVideoXImageToVideoPipeline", "video": "CogVideoXVideoToVideoPipeline"},
)
"""Classes that can run on the same weights, by task."""
ANY_START = ("LTXPipeline", "LTX2Pipeline")
"""Families in which the same weights take a first picture or none."""
SAYING = {"text": "make videos from a text alone", "image": "start from a picture", "video": "change a video"}


def task_of(kind: type[Any]) -> str:
    """What a pipeline class makes, by what it is called with.

    Raises:
        ConfigurationError: no videos.
    """
    for family in FAMILIES:
        for task, name in family.items():
            if name == kind.__name__:
                return task
    wanted = inspect.signature(kind.__call__).parameters
    if "video" in wanted:
        return "video"
    if "num_frames" not in wanted:
        raise ConfigurationError(f"{kind.__name__} makes no videos. Choose another model: fedisora model list")
    return "image" if "image" in wanted else "text"


def class_for(task: str, pipe: Any, named: Mapping[str, str]) -> str:
    """Name of the class that makes a task with the weights of a loaded pipeline.

    Args:
        named: task → class, as a preset says; it counts before everything else.

    Raises:
        Invalid: these weights cannot do that.
    """
    if task in named:
        return named[task]
    own = task_of(type(pipe))
    if task == own:
        return type(pipe).__name__
    family = next((family for family in FAMILIES if type(pipe).__name__ in family.values()), {})
    if task not in family or not _fits(task, pipe, family):
        raise Invalid(f"This model cannot {SAYING.get(task, task)}. Choose another one.")
    return family[task]


def _fits(task: str, pipe: Any, family: Mapping[str, str]) -> bool:
    """Whether the transformer takes what the class of a task gives it: a first picture often needs input channels of its own."""
    latent = getattr(pipe.vae.config, "z_dim", None) or getattr(pipe.vae.config, "latent_channels", 0)
    if pipe.transformer.config.in_channels > latent:
        return task == "image"
    if task == "video":
        return int(getattr(pipe.vae.config, "scale_factor_spatial", None) or 8) <= 8  # WanVideoToVideoPipeline knows no other VAE
    return task != "image" or family["text"] in ANY_START or bool(pipe.config.get("expand_timesteps"))


def sibling(pipe: Any, name: str) -> Any:
    """Another pipeline class on the same weights.

    Built from the parts themselves: `from_pipe` would cast them all to one number format (float32 unless told).

    Raises:
        ConfigurationError: diffusers has no such class, or it needs parts that this model lacks.
    """
    import diffusers

    kind = getattr(diffusers, name, None)
    if not (isinstance(kind, type) and issubclass(kind, diffusers.DiffusionPipeline)):
        raise ConfigurationError(f"diffusers {diffusers.__version__} has no pipeline {name}. Mend the preset, or update "
                                 "diffusers.")
    wanted = inspect.signature(kind).parameters
    parts = {key: value for key, value in {**pipe.config, **pipe.components}.items() if key in wanted}
    try:
        return kind(**parts)
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(f"The pipeline {name} cannot use this model's parts. Mend the preset.", cause=error) from error


def arguments(pipe: Any, request: Request, *, steps: int | None, guidance: float | None, start: Any = None,
              more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a pipeline is called with for a request; only what this class takes.

    Args:
        steps, guidance: None leaves the class's own default.
        start: the first picture, or the list of pictures of a source video, in the effective size.
        more: what the model's card advises; the request wins.

    Raises:
        Invalid: `strength` is not in 0 … 1.
    """
    strength = 0.8 if request.strength is None else request.strength
    if not 0 < strength <= 1:
        raise Invalid("The strength must be above 0 and at most 1.")
    values: dict[str, Any] = {
        "prompt": request.prompt, "negative_prompt": request.negative_prompt or None, "width": request.width,
        "height": request.height, "num_frames": frames_of(request), "frame_rate": request.fps, "num_inference_steps": steps,
        "guidance_scale": guidance, "output_type": "pt"}
    if request.task == "image":
        values["image"] = start
    elif request.task == "video" and type(pipe).__name__ == "LTXConditionPipeline":
        from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition

        # Its strength says how much of the source is kept: tokens start at noise level 1 - strength.
        values["conditions"] = LTXVideoCondition(video=start, frame_index=0, strength=1 - strength)
    elif request.task == "video":
        values |= {"video": start, "strength": strength}
    values = {**(more or {}), **{name: value for name, value in values.items() if value is not None}}
    wanted = inspect.signature(pipe.__call__).parameters
    return {name: value for name, value in values.items() if name in wanted}


def frames_of(request: Request) -> int:
    """The number of frames of a request."""
    return request.frames or max(1, round(request.seconds * request.fps))
