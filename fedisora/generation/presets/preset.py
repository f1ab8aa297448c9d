"""One model as data: what it can make, what it needs, what its licence says."""
from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

TASKS = ("text", "image", "video")
"""What a video may start from."""
ORIENTATIONS = ("portrait", "landscape", "square")


@dataclass(frozen=True)
class Preset:
    """A model.

    Attributes:
        name: what people and settings call it.
        title: what is shown.
        backend: `procedural`, `diffusers` or one of another package.
        repository: id in the model hub, or a folder; "" for a program.
        revision: 40 hexadecimal digits of the commit that is used; "" when it is a folder, or not pinned.
        licence, licence_url, card_url: as the model card says.
        territory: where the licence does not apply, in words; "" for everywhere.
        needs_acceptance: an operator must accept the licence before the first use.
        tasks: of `text`, `image`, `video`.
        pipelines: task → class of diffusers; left out: what the model's own index says.
        arguments: what the pipeline is called with besides the request, as the model card advises.
        gpu_class: the workers that can make it; names the arq queue. `cpu`, `gpu-16`, `gpu-24`, …
        memory_gb: GPU memory that it wants without offloading.
        low_memory_gb: GPU memory that it gets by with when parts of it wait in main memory.
        download_gb: about how much `fedisora model fetch` downloads.
        frame_step: frames are `frame_step * n + 1`; 1: any number.
        multiple: width and height are multiples of it.
        sizes: orientation → (width, height) that it was trained for, the default first.
        fps: of the made video. min_seconds, max_seconds: shortest and longest.
        steps, guidance: defaults; None: it knows no such thing. max_steps: most.
        strength: how far a source video is changed when nobody says, 0 … 1.
        dtype: on a GPU.
        negative_prompt: used when the person gives none.
        prompt_words: about so many words of a prompt are read (4 words are 5 to 6 tokens); 0: more than a prompt may have.
        note: what an operator should know before choosing it.
    """

    name: str
    title: str
    backend: str
    tasks: tuple[str, ...]
    sizes: dict[str, tuple[tuple[int, int], ...]]
    fps: int
    max_seconds: float
    gpu_class: str
    repository: str = ""
    revision: str = ""
    licence: str = ""
    licence_url: str = ""
    card_url: str = ""
    territory: str = ""
    needs_acceptance: bool = False
    recommended: bool = False
    pipelines: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, float] = field(default_factory=dict)
    memory_gb: int = 0
    low_memory_gb: int = 0
    download_gb: int = 0
    frame_step: int = 1
    multiple: int = 2
    min_seconds: float = 1.0
    steps: int | None = None
    max_steps: int = 100
    guidance: float | None = None
    strength: float = 0.8
    dtype: str = "bfloat16"
    negative_prompt: str = ""
    prompt_words: int = 0
    note: str = ""

    @property
    def buckets(self) -> tuple[tuple[str, int, int], ...]:
        """Every (orientation, width, height) that it makes."""
        return tuple((orientation, width, height) for orientation, sizes in self.sizes.items() for width, height in sizes)

    def frames(self, seconds: float, *, at_most: bool = False) -> int:
        """The nearest number of frames that it makes, within its own limits; with `at_most`, the nearest that is not longer."""
        step = self.frame_step
        offset = 0 if step == 1 else 1
        low = math.ceil((self.min_seconds * self.fps - 1e-6 - offset) / step)
        high = math.floor((self.max_seconds * self.fps + 1e-6 - offset) / step)
        wanted = (seconds * self.fps - offset) / step
        count = math.floor(wanted + 1e-6) if at_most else math.floor(wanted + 0.5)
        return min(max(count, low), high) * step + offset


def is_accepted(preset: Preset, accepted: Mapping[str, str]) -> bool:
    """Whether a model may be used as far as its licence goes. Another licence than the one that was accepted is asked about anew.

    Args:
        accepted: model → address of the licence that was accepted for it.
    """
    return not preset.needs_acceptance or accepted.get(preset.name) == preset.licence_url
