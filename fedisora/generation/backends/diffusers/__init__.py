"""Videos from diffusion models on this machine's GPU (or CPU), through diffusers. Nothing else in Fedisora names torch.

    options.py    what the operator decides     weights.py    the model's files, checked before they are loaded
    pipelines.py  which class for which task    loading.py    files → pipeline, number format, 8 bits, attention
    memory.py     offloading, tiles, OOM        watching.py   stages, steps and cancelling, by hooks
    inputs.py     what a video starts from      encoding.py   pictures and sound → MP4
    rendering.py  one model, one job at a time  statement.py  what a result says about how it was made
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....errors import ConfigurationError
from ..base import Backend
from . import weights
from .options import read


def make(model: str | None, options: Mapping[str, Any]) -> Backend:
    """The backend of the entry point `diffusers`: the model's files are checked, nothing is loaded yet.

    Args:
        model: name of a preset, a folder, or a repository id whose files are on this machine.
        options: see `options.Options`.

    Raises:
        ConfigurationError: the extra `gpu` is not installed, or the model or an option cannot be used.
    """
    chosen = read(model, options)
    try:
        import diffusers  # noqa: F401
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise ConfigurationError("The diffusers backend needs torch and diffusers: pip install 'fedisora[gpu]'.",
                                 cause=error) from error
    found = weights.look(chosen.name, chosen.source, chosen.revision, fetched_as=chosen.fetched_as)
    from .rendering import Diffusers

    return Diffusers(chosen, found)
