"""One warm model that renders one request after the other."""
from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch

from ....errors import ConfigurationError, Invalid
from ....provenance.digital_source import TRAINED
from ..base import OutOfMemory, Progress, Request
from . import loading, memory, pipelines, statement
from .encoding import AUDIO_RATE, encode
from .inputs import start_of
from .options import Options
from .watching import Watch
from .weights import Weights


class Diffusers:
    """A model of diffusers, with a pipeline for each of its tasks, all on the same weights."""

    def __init__(self, options: Options, weights: Weights) -> None:
        self._options, self._weights = options, weights
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._dtype = loading.number_format(options, self._device)
        self._offload = memory.choose(options, weights, self._device, self._dtype.itemsize)
        self._pipes: dict[str, Any] = {}
        self._main: Any = None
        self._watch = Watch()
        self._placed: tuple[str, str] | None = None
        self._tiled = False

    def prepare(self, progress: Progress, cancelled: Callable[[], bool]) -> None:
        """Load the weights: stage `load`.

        Raises:
            Cancelled: between two parts; it can be called again.
            ConfigurationError: they cannot be loaded, or do not fit.
        """
        if self._main is not None:
            return
        progress("load", 0.0)
        with self._watch.heard(cancelled):
            main = loading.load(self._weights, self._options, self._dtype, progress, self._watch.check)
            self._check_tasks(main)
            if self._options.compile:
                loading.compile_blocks(main)
            self._watch.attach(main)
            self._main, self._pipes = main, {type(main).__name__: main}
            try:
                self._arrange(main, low_memory=False)
            except (RuntimeError, MemoryError) as error:
                self.close()
                if not memory.is_full(error):
                    raise
                raise ConfigurationError(f"{self._options.name} does not fit into this GPU's free memory. Set "
                                         "FEDISORA_GENERATION_OFFLOAD=model (or sequential), or free the GPU.",
                                         cause=error) from error
        progress("load", 1.0)

    def _check_tasks(self, main: Any) -> None:
        pipelines.task_of(type(main))
        for name in self._options.pipelines.values():
            if name != type(main).__name__:
                pipelines.sibling(main, name)

    def _arrange(self, pipe: Any, *, low_memory: bool) -> None:
        """Offloading and tiles for the next run of a pipeline."""
        offload = self._offload
        if low_memory and self._device.type == "cuda" and offload != "group":
            offload = "sequential" if offload in ("model", "sequential") else "model"
        wanted = low_memory or self._options.tiling == "on" or (self._options.tiling == "auto" and offload != "none")
        able = memory.tile(pipe, wanted)
        if self._options.tiling == "on" and not able:
            raise ConfigurationError("This model's VAE cannot work in tiles. Set FEDISORA_GENERATION_TILING=auto.")
        self._tiled = wanted and able
        place = (offload, type(pipe).__name__)
        if self._placed != place and not (offload == "group" and self._placed is not None):
            self._placed = None
            memory.place(pipe, offload, self._device)
        self._placed = place

    def _pipe(self, task: str) -> Any:
        name = pipelines.class_for(task, self._main, self._options.pipelines)
        if name not in self._pipes:
            pipe = pipelines.sibling(self._main, name)
            self._watch.attach(pipe)
            self._pipes[name] = pipe
        return self._pipes[name]

    def render(self, request: Request, progress: Progress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """See `backends.base.Backend`. What really came out is recorded: pipelines round sizes and frames."""
        self.prepare(progress, cancelled)
        full = ""
        try:
            return self._render(request, progress, cancelled)
        except (RuntimeError, MemoryError) as error:
            if not memory.is_full(error):
                raise
            full = " ".join(str(error).split())[:300]
        finally:
            if self._main is not None:
                memory.release(self._pipes.get(self._placed[1] if self._placed else "", self._main))
        # Only here, where the error is gone, do its frames let go of the tensors they hold.
        memory.free()
        raise OutOfMemory(full)

    def _render(self, request: Request, progress: Progress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        pipe = self._pipe(request.task)
        options = self._options
        self._arrange(pipe, low_memory=request.low_memory)
        with self._watch.during(pipe, progress, cancelled):
            start = start_of(request, cancelled)
            called = pipelines.arguments(pipe, request, steps=request.steps or options.steps,
                                         guidance=options.guidance if request.guidance is None else request.guidance, start=start,
                                         more=options.arguments)
            if "num_inference_steps" not in called:
                called["num_inference_steps"] = inspect.signature(pipe.__call__).parameters["num_inference_steps"].default
            if request.task == "video" and int(called["num_inference_steps"] * called.get("strength", 1)) < 1:
                raise Invalid("With so few steps and so little strength nothing would change. Raise one of them.")
            self._watch.plan(-(-pipelines.frames_of(request) // getattr(pipe, "vae_scale_factor_temporal", 1)),
                             memory.tiles(pipe, request.width, request.height))
            # No torch.inference_mode: offloading makes parameters anew while a model runs, and later runs need them.
            made = pipe(**called, generator=torch.Generator("cpu").manual_seed(request.seed % 2**63))
            progress("decode", 1.0)
        video, audio = made.frames[0], getattr(made, "audio", None)
        rate = AUDIO_RATE
        if audio is not None:
            audio = (audio[0] if audio.ndim == 3 else audio).float().cpu().numpy()
            rate = int(getattr(getattr(getattr(pipe, "vocoder", None), "config", None), "output_sampling_rate", AUDIO_RATE))
        progress("encode", 0.0)
        size = encode(video, request, lambda share: progress("encode", share), cancelled, audio=audio, rate=rate)
        result = self._result(request, pipe, called, size, len(video))
        return result | {"audio": True} if audio is not None else result

    def _result(self, request: Request, pipe: Any, called: dict[str, Any], size: tuple[int, int], frames: int) -> dict[str, Any]:
        options = self._options
        settings = {**{name: called[name] for name in options.arguments if name in called},
                    "task": request.task, "offload": self._placed[0] if self._placed else "none", "tiling": self._tiled,
                    "quantisation": options.quantisation, "compiled": options.compile,
                    "attention": options.attention or "default"}
        return {"width": size[0], "height": size[1], "seconds": frames / request.fps, "fps": request.fps,
                "parameters": statement.parameters(called, seed=request.seed, steps=self._watch.steps, size=size, frames=frames,
                                                   fps=request.fps, device=self._device, dtype=self._dtype, settings=settings),
                "generator": {"name": "diffusers", "model": options.name, "repository": self._weights.repository,
                              "revision": self._weights.revision, "licence": options.licence or "unknown",
                              "pipeline": type(pipe).__name__, "backend": self._device.type},
                "digital_source_type": TRAINED}

    def memory(self) -> int:
        """Bytes that are held on the device (of this process in main memory, without a GPU)."""
        return memory.held(self._device)

    def close(self) -> None:
        """Let the model go."""
        self._main, self._pipes, self._placed = None, {}, None
        self._watch = Watch()
        memory.free()
