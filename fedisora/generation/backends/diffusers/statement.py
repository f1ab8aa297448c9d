"""What a result says about how it was made: enough to make it again, and no more than is true."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import diffusers
import torch

REPRODUCIBLE = ("The same request, seed, software and hardware give the same video. With other software, hardware or another "
                "number of threads it may differ.")
NOT_REPRODUCIBLE = ("On this hardware some operations are not exactly repeatable: the same request and seed, with the same "
                    "software and hardware, give a very similar video, not always the same one.")


def software() -> str:
    """Versions of what computes."""
    parts = [f"diffusers {diffusers.__version__}", f"torch {torch.__version__}"]
    if torch.version.cuda:
        parts.append(f"CUDA {torch.version.cuda}")
    return ", ".join(parts)


def hardware(device: torch.device) -> str:
    """The device's name."""
    return str(torch.cuda.get_device_name(device)) if device.type == "cuda" else "CPU"


def is_exact(device: torch.device) -> bool:
    """Whether a second run gives the same bytes: measured on CPUs; on a GPU only where torch enforces it."""
    return device.type == "cpu" or bool(torch.are_deterministic_algorithms_enabled())


def parameters(called: Mapping[str, Any], *, seed: int, steps: int, size: tuple[int, int], frames: int, fps: int,
               device: torch.device, dtype: torch.dtype, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The EFFECTIVE parameters of a run.

    Args:
        called: what the pipeline was called with.
        steps: denoising steps that ran.
        settings: offloading, tiles and the like, as they were.
    """
    exact = is_exact(device)
    told = {name: called[name] for name in ("num_inference_steps", "guidance_scale", "strength") if name in called}
    if "conditions" in called:
        told["strength"] = round(1 - called["conditions"].strength, 6)
    return {"seed": str(seed), **told, "steps_run": steps, "width": size[0], "height": size[1], "num_frames": frames, "fps": fps,
            "dtype": str(dtype).removeprefix("torch."), **settings, "software": software(), "hardware": hardware(device),
            "threads": torch.get_num_threads(), "deterministic": exact,
            "reproducible": REPRODUCIBLE if exact else NOT_REPRODUCIBLE}
