"""Where the weights of a model lie on this machine, found without importing anything that could load them.

The hub's cache is laid out as its documentation says: `HF_HUB_CACHE/models--OWNER--NAME/snapshots/REVISION/…`.
"""
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .preset import Preset

INDEX = "model_index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def cache() -> Path:
    """The folder of the hub's cache: HF_HUB_CACHE, HF_HOME/hub, or the user's own."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if named:
        return Path(os.path.expandvars(named)).expanduser()
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    return Path(os.path.expandvars(home)).expanduser() / "hub"


def folder(preset: Preset) -> Path | None:
    """The folder with the weights of the pinned revision; None when it is not here, or the model is a program."""
    if not preset.repository:
        return None
    own = Path(preset.repository)
    found = own if own.is_absolute() or not preset.revision else (
        cache() / f"models--{preset.repository.replace('/', '--')}" / "snapshots" / preset.revision)
    return found if (found / INDEX).is_file() else None


def index(path: Path) -> dict[str, Any]:
    """The members of a folder's `model_index.json`; empty when it is not one."""
    try:
        found = json.loads((path / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def without_index(path: Path) -> str:
    """What is wrong with a folder whose `index` is empty."""
    if (path / INDEX).is_file():
        return f"{path / INDEX} is damaged: it does not say what the model consists of. Copy the folder here again, whole."
    return f"There is no {INDEX} in {path}: it is not a diffusers model."


def missing(path: Path) -> str:
    """What keeps a folder from being loaded, as a sentence; "" when nothing that can be seen from outside does."""
    members = index(path)
    if not members:
        return without_index(path)
    for part, kind in members.items():
        if part.startswith("_") or not isinstance(kind, list) or not kind or kind[0] is None:
            continue
        files = {file.name for file in (path / part).glob("*")} if (path / part).is_dir() else set()
        if not files:
            return f"The folder {part} is missing in {path}."
        if any(name.endswith(".safetensors") for name in files):
            lacking = sorted((_shards(path / part) | {"config.json"}) - files)
            if lacking:
                return f"{part}/{lacking[0]} is missing in {path}."
        elif any(name.endswith(PICKLES) for name in files):
            return (f"{part} in {path} has pickled weights only, and those are never loaded. Save the model anew with "
                    "safetensors.")
        elif "config.json" in files and "tokenizer_config.json" not in files:
            return f"{part} in {path} has no weights."
    return ""


def _shards(part: Path) -> set[str]:
    """File names that the part's own list of shards names."""
    names: set[str] = set()
    for listing in part.glob("*.safetensors.index.json"):
        try:
            names |= {str(name) for name in json.loads(listing.read_text(encoding="utf-8"))["weight_map"].values()}
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            names.add(listing.name.removesuffix(".index.json"))
    return names


def size(path: Path) -> int:
    """Bytes of all safetensors below a folder."""
    return sum(file.stat().st_size for file in path.rglob("*.safetensors") if file.is_file())
