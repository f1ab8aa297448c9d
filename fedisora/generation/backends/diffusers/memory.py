"""Fitting a model into a device's memory: offloading, tiles, and what to say when it does not fit."""
from __future__ import annotations

import contextlib
import gc
from typing import Any

import torch

from ....errors import ConfigurationError
from .options import Options
from .weights import Weights

ROOM = 3 << 30
"""Bytes that a run needs besides the weights; less only fails later."""
GIB = 1 << 30


def is_full(error: BaseException) -> bool:
    """Whether an error says that memory is used up. torch raises plain RuntimeErrors in some places."""
    text = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError)
        and any(sign in text for sign in ("out of memory", "alloc_failed", "can't allocate memory", "not enough memory")))


def free() -> None:
    """Give back what nobody uses any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def held(device: torch.device) -> int:
    """Bytes that torch holds on the device; without a GPU, of this process in main memory."""
    if device.type == "cuda":
        return int(torch.cuda.memory_reserved(device))
    import os

    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # not Linux
        import resource
        import sys

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def choose(options: Options, weights: Weights, device: torch.device, width: int) -> str:
    """Which offloading is used.

    Args:
        width: bytes of one number of the weights.

    Raises:
        ConfigurationError: what was set needs a GPU, or more memory than there is.
    """
    if device.type != "cuda":
        if options.offload not in ("auto", "none"):
            raise ConfigurationError(f"FEDISORA_GENERATION_OFFLOAD={options.offload} needs a GPU, and torch finds none. "
                                     "Set it to auto.")
        return "none"
    there, _ = torch.cuda.mem_get_info(device)
    narrow = width if options.quantisation == "none" else 1
    sizes = {part: count * (narrow if part.startswith("transformer") else width) for part, count in weights.sizes.items()}
    needs = {"none": sum(sizes.values()), "model": max(sizes.values(), default=0)}
    if options.offload == "auto":
        fits = [kind for kind, need in needs.items() if need + ROOM <= there]
        if "none" in fits and options.memory_gb * GIB > there and options.quantisation == "none":
            fits.remove("none")  # its makers say that it needs more
        return fits[0] if fits else "sequential"
    if needs.get(options.offload, 0) > there:
        smaller = "model" if options.offload == "none" and needs["model"] + ROOM <= there else "sequential"
        raise ConfigurationError(
            f"{options.name} needs {needs[options.offload] / GIB:.0f} GB of GPU memory for its weights, and "
            f"{there / GIB:.0f} GB are free. Set FEDISORA_GENERATION_OFFLOAD={smaller} (or auto), or "
            "FEDISORA_GENERATION_QUANTISATION=fp8.")
    return options.offload


def place(pipe: Any, offload: str, device: torch.device) -> None:
    """Put a pipeline's parts where they are to be, whatever was before.

    `group` stays for good: diffusers cannot take it back.
    """
    pipe.remove_all_hooks()
    if offload == "none":
        pipe.to(device)
    elif offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    elif offload == "sequential":
        pipe.enable_sequential_cpu_offload(device=device)
    else:
        pipe.enable_group_offload(onload_device=device, offload_type="leaf_level", use_stream=device.type == "cuda")


def release(pipe: Any) -> None:
    """After a run, however it ended: parts that wait in main memory go back there."""
    with contextlib.suppress(Exception):  # what ended the run may have left a part half moved; the next `place` mends it
        pipe.maybe_free_model_hooks()


def tile(pipe: Any, on: bool) -> bool:
    """Let the VAE work in tiles or not; whether it can."""
    vae: Any = getattr(pipe, "vae", None)
    if not hasattr(vae, "enable_tiling"):
        return False
    if on:
        vae.enable_tiling()
    else:
        vae.disable_tiling()
    return True


def tiles(pipe: Any, width: int, height: int) -> int:
    """In how many tiles a picture is decoded."""
    vae = getattr(pipe, "vae", None)
    if not getattr(vae, "use_tiling", False):
        return 1
    count = 1
    for side, name in ((height, "height"), (width, "width")):
        stride = getattr(vae, f"tile_sample_stride_{name}", None) or getattr(vae, f"tile_sample_min_{name}", None) or side
        count *= max(1, -(-side // int(stride)))
    return count
