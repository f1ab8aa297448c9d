"""From files to a pipeline: safetensors only, no foreign code, the number format and the 8-bit weights that were asked for."""
from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import diffusers
import torch
import transformers

from ....errors import ConfigurationError
from ..base import Progress
from . import int8, memory
from .options import Options
from .watching import Bar
from .weights import Weights, mending

FULL_WIDTH = ("AutoencoderKLWan",)
"""VAEs that want float32, as the documentation of their pipelines says: in 16 bits they draw bands."""


def number_format(options: Options, device: torch.device) -> torch.dtype:
    """The dtype of the weights.

    Raises:
        ConfigurationError: this device cannot compute in it.
    """
    name = options.dtype
    if name == "auto":
        name = options.preset_dtype if device.type == "cuda" else "float32"
    if device.type == "cuda" and name == "bfloat16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise ConfigurationError(f"{torch.cuda.get_device_name(device)} cannot compute in bfloat16. Set "
                                 "FEDISORA_GENERATION_DTYPE=float16 (or float32).")
    if device.type != "cuda" and name == "float16":
        raise ConfigurationError("float16 needs a GPU, and torch finds none. Set FEDISORA_GENERATION_DTYPE=auto.")
    dtype: torch.dtype = getattr(torch, name)
    return dtype


@contextlib.contextmanager
def _told(progress: Progress, check: Callable[[], None]) -> Iterator[None]:
    """While diffusers loads: its own progress bar over the parts tells ours, and stops when the job was cancelled."""
    before = diffusers.utils.logging.tqdm
    depth = 0

    def bar(iterable: Any = None, total: int | None = None, **_: Any) -> Bar:
        nonlocal depth
        depth += 1
        count = total if total is not None else len(iterable)
        parts = depth == 1  # the bars after the first are about pieces of one part
        return Bar(lambda share: progress("load", share * 0.9) if parts else None, iterable, max(1, count), check)

    diffusers.utils.logging.tqdm = bar
    try:
        yield
    finally:
        diffusers.utils.logging.tqdm = before


def load(weights: Weights, options: Options, dtype: torch.dtype, progress: Progress, check: Callable[[], None]) -> Any:
    """The pipeline that the folder's index names, in main memory.

    Raises:
        Cancelled: between two parts.
        ConfigurationError: diffusers cannot load it; the text says what to do.
    """
    diffusers.utils.logging.set_verbosity_error()
    transformers.utils.logging.set_verbosity_error()
    check()
    formats: dict[str, torch.dtype] = {"default": dtype}
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if diffusers.DiffusionPipeline.load_config(weights.folder)["vae"][1] in FULL_WIDTH:
            formats["vae"] = torch.float32
    try:
        with _told(progress, check):
            pipe = diffusers.DiffusionPipeline.from_pretrained(
                weights.folder, dtype=formats, use_safetensors=True, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # files, classes and models fail with errors of many types
        if memory.is_full(error):
            raise ConfigurationError(f"{options.name} does not fit into this machine's main memory. Choose a smaller model: "
                                     "fedisora model list", cause=error) from error
        raise ConfigurationError(f"{options.name} cannot be loaded with diffusers {diffusers.__version__}: "
                                 f"{_short(error)}. {mending(options.source, options.fetched_as)} Or choose another model.",
                                 cause=error) from error
    check()
    for model in denoisers(pipe):
        _quantise(model, options.quantisation, dtype)
        _attend(model, options.attention)
    return pipe


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def denoisers(pipe: Any) -> list[Any]:
    """The models that do the work: one, or one for each range of noise."""
    return [part for name, part in pipe.components.items()
            if name.startswith(("transformer", "unet")) and isinstance(part, torch.nn.Module)]


def _quantise(model: Any, kind: str, dtype: torch.dtype) -> None:
    if kind == "int8" and not int8.quantise(model):
        raise ConfigurationError("This model has no layers for int8. Set FEDISORA_GENERATION_QUANTISATION=none.")
    if kind == "fp8":
        model.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=dtype)


def _attend(model: Any, name: str) -> None:
    if not name:
        return
    if "hub" in name:
        raise ConfigurationError(f"FEDISORA_GENERATION_ATTENTION={name} would fetch program code from a hub, which is never run. "
                                 "Leave it empty, or set native.")
    try:
        model.set_attention_backend(name)
    except Exception as error:  # an unknown name, or a package or GPU that is missing: each has its own type
        raise ConfigurationError(f"FEDISORA_GENERATION_ATTENTION={name} cannot be used: {_short(error)}. Leave it empty, "
                                 "or set native.", cause=error) from error


def compile_blocks(pipe: Any) -> None:
    """Compile what the denoisers repeat. The compiler itself runs at the first step of each size.

    Raises:
        ConfigurationError: the model says nothing that repeats.
    """
    for model in denoisers(pipe):
        try:
            model.compile_repeated_blocks()
        except ValueError as error:
            raise ConfigurationError(f"This model cannot be compiled ({error}). Set FEDISORA_GENERATION_COMPILE=false.",
                                     cause=error) from error
