"""Text to video with a diffusers pipeline on this machine's GPU (or CPU). The only module that names torch.

Facts behind the calls: safetensors only (the default would load pickles), no custom code, progress through
`progress_bar` (not every pipeline has callbacks), cancel by raising from forward-pre-hooks (`_interrupt` still decodes).
"""
from __future__ import annotations

import contextlib
import inspect
import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ConfigurationError, Invalid
from ...provenance.digital_source import BASE
from ..presets import find
from .base import Cancelled, Progress, Request

TRAINED = BASE + "trainedAlgorithmicMedia"
DENOISE = 0.9
"""Part of the progress that denoising takes; decoding and encoding take the rest."""


class Diffusers:
    """One warm pipeline.

    Args:
        model: a folder, a repository id that is in the local cache, or the name of a preset.

    Raises:
        ConfigurationError: the extra `gpu` is not installed, or the model cannot be loaded.
    """

    def __init__(self, model: str) -> None:
        if not model:
            raise ConfigurationError("The diffusers backend needs a model: set FEDISORA_GENERATION_MODEL to a folder, a "
                                     "repository id or a preset.")
        try:
            import diffusers
            import torch
        except ImportError as error:
            raise ConfigurationError("The diffusers backend needs torch and diffusers: pip install 'fedisora[gpu]'.",
                                     cause=error) from error
        self._torch = torch
        self._preset = find(model)
        source = self._preset.repository if self._preset else model
        local = Path(source).is_dir()
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        diffusers.utils.logging.set_verbosity_error()
        try:
            self._pipe = diffusers.DiffusionPipeline.from_pretrained(
                source, dtype=torch.bfloat16 if self._device == "cuda" else torch.float32, use_safetensors=True,
                trust_remote_code=False, local_files_only=local)
        except Exception as error:  # hub, file and model errors are of many types
            raise ConfigurationError(f"The model {source} cannot be loaded: {type(error).__name__}: {str(error)[:200]}",
                                     cause=error) from error
        self._pipe.to(self._device)
        self._name = self._preset.name if self._preset else Path(source).name
        self._revision = _revision(Path(source)) if local else str(getattr(self._pipe.config, "_commit_hash", "") or "unknown")
        self._version = f"diffusers {diffusers.__version__}, torch {torch.__version__}"
        self._stop: Callable[[], bool] = lambda: False
        self._install_hooks()

    def _install_hooks(self) -> None:
        def check(*_: Any) -> None:
            if self._stop():
                raise Cancelled

        for part in self._pipe.components.values():
            if isinstance(part, self._torch.nn.Module):
                for module in part.modules():
                    module.register_forward_pre_hook(check)

    def render(self, request: Request, progress: Progress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """See `backends.base.Backend`. Records the EFFECTIVE parameters: pipelines round sizes and frame counts."""
        wanted = inspect.signature(self._pipe.__call__).parameters
        steps = (self._preset.steps if self._preset else None) or 30
        frames = max(1, round(request.seconds * request.fps) // 4 * 4 + 1)
        block = 32
        arguments: dict[str, Any] = {
            "prompt": request.prompt, "width": request.width // block * block, "height": request.height // block * block,
            "num_frames": frames, "num_inference_steps": steps, "output_type": "np",
            "generator": self._torch.Generator(device=self._device).manual_seed(request.seed % 2**63)}
        if "num_frames" not in wanted:
            raise Invalid("The configured model makes no videos.")
        self._stop = cancelled
        self._pipe.progress_bar = _bar(progress)
        try:
            video = np.asarray(self._pipe(**{name: value for name, value in arguments.items() if name in wanted}).frames[0])
        finally:
            self._stop = lambda: False
            with contextlib.suppress(Exception):
                self._pipe.maybe_free_model_hooks()
        progress("encode", DENOISE)
        count, height, width = video.shape[:3]
        _encode(video, request)
        progress("encode", 1.0)
        return {"width": width - width % 2, "height": height - height % 2, "seconds": count / request.fps, "fps": request.fps,
                "parameters": {"num_inference_steps": steps, "num_frames": count, "width": width, "height": height,
                               "fps": request.fps, "software": self._version},
                "generator": {"name": "diffusers", "model": self._name, "revision": self._revision,
                              "licence": self._preset.licence_url if self._preset else "unknown", "backend": self._device},
                "digital_source_type": TRAINED}


def _revision(folder: Path) -> str:
    """What a local folder says it is; its index's content hash when it says nothing."""
    import hashlib

    index = folder / "model_index.json"
    try:
        data = index.read_bytes()
    except OSError:
        return "unknown"
    with contextlib.suppress(ValueError):
        said = json.loads(data).get("_commit_hash")
        if isinstance(said, str):
            return said
    return "sha256-" + hashlib.sha256(data).hexdigest()[:16]


class _Bar:
    """Stands in for tqdm."""

    def __init__(self, progress: Progress, iterable: Any, total: int | None) -> None:
        self._progress, self._items, self._total, self._done = progress, iterable, total or 1, 0

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def __iter__(self) -> Iterator[Any]:
        for item in self._items:
            yield item
            self.update()

    def update(self, count: int = 1) -> None:
        """Another step is done."""
        self._done += count
        self._progress("denoise", min(1.0, self._done / self._total) * DENOISE)


def _bar(progress: Progress) -> Callable[..., _Bar]:
    def make(iterable: Any = None, total: int | None = None) -> _Bar:
        return _Bar(progress, iterable, total if total is not None else len(iterable) if iterable is not None else None)

    return make


def _encode(video: Any, request: Request) -> None:
    """(frames, height, width, 3) floats in 0 … 1 to H.264."""
    import av

    count, height, width = video.shape[:3]
    with av.open(request.output, "w", format="mp4", options={"movflags": "+faststart"}) as output:
        stream = output.add_stream("libx264", rate=Fraction(request.fps), options={"preset": "medium", "crf": "17"})
        stream.width, stream.height, stream.pix_fmt = width - width % 2, height - height % 2, "yuv420p"
        stream.codec_context.gop_size = request.fps * 2
        mark = request.marker(stream.width, stream.height)
        for number in range(count):
            pixels = np.clip(video[number] * 255, 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame = frame.reformat(width=stream.width, height=stream.height, format="yuv420p")
            mark(frame)
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
