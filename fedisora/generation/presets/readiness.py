"""Whether this machine can make videos with a model, and what is in the way. Nothing is loaded for that."""
from __future__ import annotations

import dataclasses
import importlib.util
import shutil
import subprocess
from collections.abc import Mapping

from . import weights
from .preset import Preset, is_accepted

NEEDED = ("torch", "diffusers", "transformers", "accelerate")
"""What the extra `gpu` installs."""


@dataclasses.dataclass(frozen=True)
class Readiness:
    """`state` is one of `ready`, `needs extra gpu`, `licence not accepted`, `not fetched`, `incomplete`, `no GPU found`
    and `too little GPU memory`; `remedy` is a sentence, "" when there is nothing to do."""

    state: str
    remedy: str = ""


def gpu_memory() -> int | None:
    """Bytes of the largest NVIDIA GPU's memory; None when none is found. Asks the driver's tool: torch takes seconds."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    try:
        answer = subprocess.run([program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"], capture_output=True,
                                text=True, timeout=10, check=True).stdout
        return max(int(line) for line in answer.split()) << 20
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def readiness(preset: Preset, accepted: Mapping[str, str], memory: int | None) -> Readiness:
    """What is in the way, the first thing first.

    Args:
        accepted: model → address of the licence that was accepted for it.
        memory: bytes of GPU memory, as `gpu_memory` says.
    """
    if not is_accepted(preset, accepted):
        return Readiness("licence not accepted", f"Read it and run: fedisora model accept-licence {preset.name}")
    if preset.backend != "diffusers":
        return Readiness("ready")
    lacking = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        return Readiness("needs extra gpu", f"{', '.join(lacking)} not installed. Run: pip install 'fedisora[gpu]'")
    folder = weights.folder(preset)
    if folder is None:
        return Readiness("not fetched", f"Run: fedisora model fetch {preset.name}")
    wrong = weights.missing(folder)
    if wrong:
        return Readiness("incomplete", wrong + (f" Run: fedisora model fetch {preset.name}" if preset.revision else ""))
    if preset.gpu_class != "cpu":
        if memory is None:
            return Readiness("no GPU found", "Without one a clip takes hours. Run the generation worker on a machine with a GPU.")
        if preset.low_memory_gb and memory < preset.low_memory_gb * 10**9:
            return Readiness("too little GPU memory", f"It needs {preset.low_memory_gb} GB even with offloading; this GPU has "
                             f"{memory / 10**9:.0f} GB. FEDISORA_GENERATION_QUANTISATION=fp8 may help, or a smaller model.")
    return Readiness("ready")
