"""Models as data: what each can make, what it needs, what its licence says. One TOML file a model lies beside this module."""
from __future__ import annotations

from pathlib import Path

from .preset import ORIENTATIONS, TASKS, Preset, is_accepted
from .reading import read

__all__ = ["ORIENTATIONS", "PRESETS", "PROCEDURAL", "TASKS", "Preset", "find", "is_accepted"]

PROCEDURAL = Preset(
    "procedural", "Aurora (a program, no AI)", "procedural", ("text", "image"),
    {"portrait": ((720, 1280),), "landscape": ((1280, 720),), "square": ((960, 960),)}, fps=24, max_seconds=60.0, gpu_class="cpu",
    licence="AGPL-3.0-or-later", licence_url="https://www.gnu.org/licenses/agpl-3.0.html",
    note="Draws landscapes, cities, space and silk from the words of a prompt. Over a picture it moves slowly. It needs no GPU "
         "and no weights.")
PRESETS: tuple[Preset, ...] = (PROCEDURAL, *sorted(
    (read(path) for path in Path(__file__).parent.glob("*.toml")), key=lambda preset: (not preset.recommended, preset.name)))


def find(name: str) -> Preset | None:
    """The preset of a name or of a repository."""
    return next((preset for preset in PRESETS if name and name in (preset.name, preset.repository)), None)
