"""Models that are known to work with the diffusers backend, with what an operator must know before choosing one.

Source: model cards and diffusers 0.42 documentation, 2026-11. An operator accepts a model's licence by setting it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """A model. `memory` is GPU memory in GB; `steps` a sensible number of denoising steps."""

    name: str
    repository: str
    licence: str
    licence_url: str
    memory: int
    steps: int
    fps: int
    note: str = ""


PRESETS: tuple[Preset, ...] = (
    Preset(
        "wan2.2-ti2v-5b",
        "Wan-AI/Wan2.2-TI2V-5B-Diffusers",
        "Apache-2.0",
        "https://www.apache.org/licenses/LICENSE-2.0",
        24,
        50,
        24,
        "recommended; 5 s of 720p in under 9 minutes on an RTX 4090",
    ),
    Preset(
        "wan2.1-t2v-1.3b",
        "Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
        "Apache-2.0",
        "https://www.apache.org/licenses/LICENSE-2.0",
        13,
        50,
        16,
        "480p",
    ),
    Preset(
        "ltx-video",
        "Lightricks/LTX-Video",
        "LTX-Video open weights",
        "https://huggingface.co/Lightricks/LTX-Video/blob/main/LTX-Video-Open-Weights-License-0.X.txt",
        10,
        40,
        24,
    ),
    Preset(
        "kandinsky-5-lite",
        "kandinskylab/Kandinsky-5.0-T2V-Lite-sft-5s-Diffusers",
        "MIT",
        "https://opensource.org/license/mit",
        12,
        50,
        24,
    ),
)


def find(name: str) -> Preset | None:
    """The preset of a name or of a repository."""
    return next((preset for preset in PRESETS if name in (preset.name, preset.repository)), None)
