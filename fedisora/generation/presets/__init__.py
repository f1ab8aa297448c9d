"""Models as data: what each can make, what it needs, what its licence says. One TOML file a model lies beside this module."""
from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Preset:
    """A model.

    Attributes:
        name: what people and settings call it.
        title: what is shown.
        backend: `procedural`, `diffusers` or one of another package.
        repository: id in the model hub, or a folder; "" for a program.
        revision: 40 hexadecimal digits of the commit that was looked at; "" when it is a folder.
        licence, licence_url, card_url: as the model card says.
        territory: where the licence does not apply, in words; "" for everywhere.
        needs_acceptance: an operator must accept the licence before the first use.
        tasks: of `text`, `image`, `video`.
        pipelines: task → class of diffusers; left out: what the model's own index says.
        gpu_class: the workers that can make it; names the arq queue. `cpu`, `gpu-16`, `gpu-24`, …
        memory_gb: GPU memory that it wants without offloading.
        frame_step: frames are `frame_step * n + 1`; 1: any number.
        multiple: width and height are multiples of it.
        sizes: orientation → (width, height) that it was trained for, the default first.
        fps: of the made video. max_seconds: longest.
        steps, guidance: defaults. max_steps: most.
        dtype: on a GPU.
        negative_prompt: used when the person gives none.
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
    pipelines: dict[str, str] = field(default_factory=dict)
    memory_gb: int = 0
    frame_step: int = 1
    multiple: int = 2
    min_seconds: float = 1.0
    steps: int | None = None
    max_steps: int = 100
    guidance: float | None = None
    dtype: str = "bfloat16"
    negative_prompt: str = ""
    note: str = ""


PROCEDURAL = Preset(
    "procedural", "Aurora (a program, no AI)", "procedural", ("text",),
    {"portrait": ((720, 1280),), "landscape": ((1280, 720),), "square": ((960, 960),)}, fps=24, max_seconds=10.0, gpu_class="cpu",
    licence="AGPL-3.0-or-later", licence_url="https://www.gnu.org/licenses/agpl-3.0.html")
PRESETS: tuple[Preset, ...] = (PROCEDURAL,)


def find(name: str) -> Preset | None:
    """The preset of a name or of a repository."""
    return next((preset for preset in PRESETS if name and name in (preset.name, preset.repository)), None)
