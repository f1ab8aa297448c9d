"""An operator's own model: a folder, or a repository that was fetched. Its class says what it can do, `preset.toml` the rest."""
from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from ...errors import ConfigurationError
from . import weights
from .preset import TASKS, Preset
from .reading import build, table

FILE = "preset.toml"
"""May lie beside `model_index.json`; its members win over what the class says."""
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
GPU_CLASSES = (16, 24, 32, 48, 80)
SMALL = 1_000_000_000
"""Bytes of weights up to which a model is made on a processor."""
# Class of the index → (preset whose rules it follows, task → class). All classes of a family take the same parts.
_WAN_TEXT = {"text": "WanPipeline", "video": "WanVideoToVideoPipeline"}
_LTX = {"text": "LTXConditionPipeline", "image": "LTXConditionPipeline", "video": "LTXConditionPipeline"}
_LTX_TEXT = {**_LTX, "text": "LTXPipeline", "image": "LTXImageToVideoPipeline"}
_COG_TEXT = {"text": "CogVideoXPipeline", "video": "CogVideoXVideoToVideoPipeline"}
CLASSES: dict[str, tuple[str, dict[str, str]]] = {
    "WanPipeline": ("wan2.1-t2v-1.3b", _WAN_TEXT),
    "WanVideoToVideoPipeline": ("wan2.1-t2v-1.3b", _WAN_TEXT),
    "WanImageToVideoPipeline": ("wan2.1-t2v-1.3b", {"image": "WanImageToVideoPipeline"}),
    "LTXPipeline": ("ltx-video-0.9.5", _LTX_TEXT),
    "LTXImageToVideoPipeline": ("ltx-video-0.9.5", _LTX_TEXT),
    "LTXConditionPipeline": ("ltx-video-0.9.5", _LTX),
    "CogVideoXPipeline": ("cogvideox-5b", _COG_TEXT),
    "CogVideoXVideoToVideoPipeline": ("cogvideox-5b", _COG_TEXT),
    "CogVideoXImageToVideoPipeline": ("cogvideox-5b", {"image": "CogVideoXImageToVideoPipeline"}),
    "HunyuanVideo15Pipeline": ("hunyuanvideo-1.5-480p", {"text": "HunyuanVideo15Pipeline"}),
    "HunyuanVideo15ImageToVideoPipeline": ("hunyuanvideo-1.5-480p", {"image": "HunyuanVideo15ImageToVideoPipeline"}),
}


def short_name(text: str) -> str:
    """A name for commands and pages, from a folder's or a repository's."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.rstrip("/").rpartition("/")[2].lower()).strip("-._")[:58] or "model"


def from_folder(path: Path, *, repository: str = "", revision: str = "") -> Preset:
    """The preset of a folder that holds a diffusers model.

    Args:
        repository, revision: of the hub, when the folder lies in its cache.

    Raises:
        ConfigurationError: there is no model, its name is taken, or neither its class nor a `preset.toml` says what it can do.
    """
    from . import find

    path = path.absolute()
    if not path.is_dir():
        raise ConfigurationError(f"There is no folder {path}.")
    members = weights.index(path)
    if not members:
        raise ConfigurationError(weights.without_index(path))
    given = table(path / FILE) if (path / FILE).is_file() else {}
    title = repository or path.name
    name = short_name(title)
    own = {"name": f"{name}-own" if find(name) is not None else name, "title": title, "backend": "diffusers",
           "repository": repository or str(path), "revision": revision, **given}
    base = _of_class(str(members.get("_class_name")), members, path)
    if base is None and not given:
        raise ConfigurationError(
            f"Fedisora does not know what {members.get('_class_name')} in {path} can make. Say it in {path / FILE} "
            "(docs/operate/models.md).")
    if base is None:
        own = {"gpu_class": _gpu_class(weights.size(path)), **own}
    preset = build(own, where=str(path / FILE), base=base)
    if find(preset.name) is not None:
        raise ConfigurationError(f"{path / FILE}: {preset.name} is the name of a model that comes with Fedisora. Choose another.")
    return preset


def of_package(backend: str, name: str) -> Preset:
    """A model of another package's backend: a name that it knows, or a folder whose `preset.toml` says what it can make.

    Raises:
        ConfigurationError: that file is wrong.
    """
    from . import PROCEDURAL

    place = Path(name).expanduser().absolute() if name else None
    file = place / FILE if place is not None else None
    title = place.name if file is not None and file.is_file() and place is not None else name or backend
    given: dict[str, Any] = {"name": short_name(title), "title": title, "backend": backend, "repository": name}
    if file is not None and file.is_file():
        given |= {"repository": str(place), **table(file)}
    base = dataclasses.replace(PROCEDURAL, licence="", licence_url="", note="")
    return build(given, where=str(file or backend), base=base)


def _of_class(name: str, members: dict[str, Any], path: Path) -> Preset | None:
    from . import find

    family, pipelines = CLASSES.get(name, ("", {}))
    scale = int(_json(path / "vae" / "config.json").get("scale_factor_spatial") or 8) if name.startswith("Wan") else 0
    if name == "WanPipeline" and members.get("expand_timesteps"):  # Wan 2.2 TI2V: text and image in one
        family, pipelines = "wan2.2-ti2v-5b", {**_WAN_TEXT, "image": "WanImageToVideoPipeline"}
    if scale > 8:  # what diffusers' WanVideoToVideoPipeline takes for granted
        pipelines = {task: kind for task, kind in pipelines.items() if task != "video"}
    base = find(family)
    if base is None:
        return None
    held = weights.size(path)
    gigabytes = -(-held // 10**9)
    multiple = max(base.multiple, 2 * scale)
    sizes = {orientation: tuple((width // multiple * multiple, height // multiple * multiple) for width, height in sizes)
             for orientation, sizes in base.sizes.items()}
    return dataclasses.replace(
        base, pipelines=pipelines, tasks=tuple(task for task in TASKS if task in pipelines), sizes=sizes, multiple=multiple,
        recommended=False, licence="", licence_url="", card_url="", territory="", needs_acceptance=False, note="", download_gb=0,
        memory_gb=gigabytes and gigabytes + 2, low_memory_gb=0, gpu_class=_gpu_class(held))


def _gpu_class(held: int) -> str:
    if held <= SMALL:
        return "cpu"
    return f"gpu-{next((size for size in GPU_CLASSES if held * 1.2 <= size * 10**9), GPU_CLASSES[-1])}"


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
