"""A model's folder, looked at before anything in it is loaded: what is missing, unsafe or damaged is said in one line.

Only safetensors are loaded (a pickle runs the code it holds), and no program code that a model brings. Layout of a folder:
`model_index.json` names the pipeline's class and, for each part, a library and a class; a part's files lie in a folder of its
name (https://huggingface.co/docs/diffusers/using-diffusers/write_own_pipeline). Header of a safetensors file: length (8 bytes,
little-endian), JSON (https://github.com/huggingface/safetensors#format).
"""
from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....errors import ConfigurationError

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
MAX_HEADER = 100_000_000
"""Bytes; the format's own limit."""
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Weights:
    """A model that may be loaded.

    Attributes:
        repository: id in the model hub, or the folder's name.
        revision: the commit, or `sha256-` and the beginning of the index's hash for a folder of one's own.
        pipeline: class that the index names.
        sizes: part → how many numbers its weights are.
    """

    folder: Path
    repository: str
    revision: str
    pipeline: str
    sizes: Mapping[str, int]


def mending(source: str, fetched_as: str) -> str:
    """What to do about files that are missing or damaged.

    Args:
        fetched_as: what the operator calls the model: a preset, or the repository itself.
    """
    return ("Copy the folder here again, whole." if Path(source).is_dir()
            else f"Fetch it again: fedisora model fetch {fetched_as}")


def look(name: str, source: str, revision: str = "", *, fetched_as: str = "") -> Weights:
    """Find a model on this machine and check its files. Nothing is fetched, and no weights are read.

    Raises:
        ConfigurationError: not here, incomplete, damaged, pickles only, or with program code of its own.
    """
    folder = _folder(name, source, revision, fetched_as or source)
    again = mending(source, fetched_as or source)
    index = _json(folder / "model_index.json", again)
    kind = index.get("_class_name")
    if not isinstance(kind, str):
        raise ConfigurationError(f"The model {name} needs program code of its own, which is never run. Choose another model.")
    sizes = {}
    for part, entry in index.items():
        if part.startswith("_") or not isinstance(entry, list) or len(entry) != 2 or not entry[0]:
            continue
        home = folder / part
        own = f"{entry[0]}.py"
        if (home / own).exists() or (folder / own).exists() or "auto_map" in _optional(home / "config.json", again):
            raise ConfigurationError(f"The part {part} of the model {name} needs program code of its own, which is never run. "
                                     "Choose another model.")
        if not home.is_dir():
            raise ConfigurationError(f"The model {name} lacks its part {part}. {again}")
        if (home / "config.json").exists():
            sizes[part] = sum(_numbers(path, again) for path in _files(name, part, home, again))
    return Weights(folder, source if not Path(source).is_dir() else folder.name, _revision(folder), kind, sizes)


def _folder(name: str, source: str, revision: str, fetched_as: str) -> Path:
    if Path(source).is_dir():
        return Path(source)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        return Path(snapshot_download(source, revision=revision or None, local_files_only=True))
    except HFValidationError as error:
        raise ConfigurationError(f"There is no model {source}: it is no preset, no folder and no id of a repository. "
                                 "See: fedisora model list", cause=error) from error
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The weights of {name} are not on this machine. "
                                 f"Fetch them: fedisora model fetch {fetched_as}",
                                 cause=error) from error


def _revision(folder: Path) -> str:
    if folder.parent.name == "snapshots" and COMMIT.fullmatch(folder.name):
        return folder.name
    return "sha256-" + hashlib.sha256((folder / "model_index.json").read_bytes()).hexdigest()[:16]


def _json(path: Path, again: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} is missing or damaged: this is no folder of a diffusers model, or an incomplete one. "
                                 f"{again}", cause=error) from error
    return value if isinstance(value, dict) else {}


def _optional(path: Path, again: str) -> dict[str, Any]:
    return _json(path, again) if path.exists() else {}


def _files(name: str, part: str, home: Path, again: str) -> Iterator[Path]:
    """The safetensors files of a part."""
    for index in sorted(home.glob("*.safetensors.index.json")):
        shards = {str(shard) for shard in _json(index, again).get("weight_map", {}).values()}
        missing = sorted(shard for shard in shards if Path(shard).name != shard or not (home / shard).exists())
        if missing:
            raise ConfigurationError(f"The model {name} lacks {part}/{missing[0]}. {again}")
        yield from (home / shard for shard in sorted(shards))
        return
    files = [path for path in sorted(home.glob("*.safetensors")) if path.exists()]
    if not files and any(path.suffix in PICKLES for path in home.iterdir()):
        raise ConfigurationError(f"The part {part} of the model {name} has only pickled weights, which could run any program. "
                                 "Choose a revision with safetensors files, or convert them.")
    if not files:
        raise ConfigurationError(f"The model {name} lacks the weights of its part {part}. {again}")
    yield from files


def _numbers(path: Path, again: str) -> int:
    """How many numbers a safetensors file holds, by its header."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > MAX_HEADER:
                raise ValueError("no header")
            header = json.loads(file.read(length))
        tensors = [entry for key, entry in header.items() if key != "__metadata__"]
        end = max((entry["data_offsets"][1] for entry in tensors), default=0)
        if path.stat().st_size < 8 + length + end:
            raise ValueError("shorter than its header says")
        return sum(math.prod(entry["shape"]) for entry in tensors)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigurationError(f"The file {path} is damaged. {again}", cause=error) from error
