"""Cancelling a diffusion model at every stage, and running out of memory: the model stays warm, and is as good as before."""
from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest

from fedisora.errors import ConfigurationError
from fedisora.generation.backends import load
from fedisora.generation.backends.base import Cancelled, OutOfMemory
from tests.support import environment, tiny_renders

FAMILIES = ("wan", "ltx", "cogvideox")


class Stop:
    """Cancelled once a stage has got to a share."""

    def __init__(self, stage: str, share: float = 0.0) -> None:
        self._at = (stage, share)
        self.reached = False

    def progress(self, stage: str, share: float) -> None:
        self.reached = self.reached or (stage == self._at[0] and share >= self._at[1])

    def cancelled(self) -> bool:
        return self.reached


@pytest.mark.parametrize("name", FAMILIES)
def test_cancelled_at_every_stage_and_as_good_as_before(tiny_pipelines: dict[str, Path], tmp_path: Path, name: str) -> None:
    source = tiny_renders.clip(tmp_path / "source.mp4")
    backend = tiny_renders.tiny(tiny_pipelines[name])
    for task in ("text", "video"):
        more = {"task": task, "video": source, "strength": 0.9}
        good = tiny_renders.digest(backend, tmp_path / "a.mp4", **more)
        for stage, share in (("text", 0.0), ("denoise", 0.0), ("denoise", 0.4), ("decode", 0.0), ("encode", 0.5)):
            stop = Stop(stage, share)
            with pytest.raises(Cancelled):
                backend.render(tiny_renders.request(tmp_path / "b.mp4", **more), stop.progress, stop.cancelled)
            assert stop.reached
            assert tiny_renders.digest(backend, tmp_path / "c.mp4", **more) == good


def test_cancelled_in_any_module(tiny_pipelines: dict[str, Path], tmp_path: Path) -> None:
    backend = tiny_renders.tiny(tiny_pipelines["wan"])
    good = tiny_renders.digest(backend, tmp_path / "a.mp4")
    asked = 0

    def count() -> bool:
        nonlocal asked
        asked += 1
        return False

    backend.render(tiny_renders.request(tmp_path / "b.mp4"), lambda stage, share: None, count)
    assert asked > 500, "it is asked before every module"
    for limit in range(1, asked, asked // 12):
        left = iter(range(limit))
        with pytest.raises(Cancelled):
            backend.render(tiny_renders.request(tmp_path / "c.mp4"), lambda stage, share: None,
                           lambda left=left: next(left, None) is None)  # type: ignore[misc]
    assert tiny_renders.digest(backend, tmp_path / "d.mp4") == good


def test_cancelled_while_it_loads(tiny_pipelines: dict[str, Path], tmp_path: Path) -> None:
    for share in (0.0, 0.5):
        stop = Stop("load", share)
        with pytest.raises(Cancelled):
            load("diffusers", str(tiny_pipelines["ltx"]), progress=stop.progress, cancelled=stop.cancelled)
        assert stop.reached
    assert tiny_renders.digest(tiny_renders.tiny(tiny_pipelines["ltx"]), tmp_path / "a.mp4")


@pytest.mark.parametrize("text", ["", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"])
def test_out_of_memory_then_a_second_try_with_less(tiny_pipelines: dict[str, Path], tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    import torch

    backend = tiny_renders.tiny(tiny_pipelines["wan"])
    good = tiny_renders.digest(backend, tmp_path / "a.mp4")
    kept: list[weakref.ref[Any]] = []
    block = backend._main.transformer.blocks[1]

    def full(*arguments: Any, **named: Any) -> Any:
        large = torch.zeros(1000)
        kept.append(weakref.ref(large))
        raise RuntimeError(text) if text else torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    with monkeypatch.context() as patch:
        patch.setattr(block, "forward", full)
        with pytest.raises(OutOfMemory) as caught:
            tiny_renders.digest(backend, tmp_path / "b.mp4")
        assert kept[0]() is None, "the error lets go of what the run held"
        assert caught.value.__context__ is None
    made = backend.render(tiny_renders.request(tmp_path / "c.mp4", low_memory=True), lambda stage, share: None, lambda: False)
    assert made["parameters"]["tiling"] is True
    assert tiny_renders.digest(backend, tmp_path / "d.mp4") == good
    made = backend.render(tiny_renders.request(tmp_path / "e.mp4"), lambda stage, share: None, lambda: False)
    assert made["parameters"]["tiling"] is False


def test_another_error_is_not_out_of_memory(tiny_pipelines: dict[str, Path], tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    backend = tiny_renders.tiny(tiny_pipelines["wan"])

    def wrong(*arguments: Any, **named: Any) -> Any:
        raise RuntimeError("expected scalar type Half but found Float")

    with monkeypatch.context() as patch:
        patch.setattr(backend._main.transformer, "forward", wrong)
        with pytest.raises(RuntimeError, match="scalar type"):
            tiny_renders.digest(backend, tmp_path / "a.mp4")
    assert tiny_renders.digest(backend, tmp_path / "b.mp4")


def test_tiles_and_parts_that_wait_in_memory(tiny_pipelines: dict[str, Path], tmp_path: Path) -> None:
    import torch

    from fedisora.generation.backends.diffusers import memory

    backend = tiny_renders.tiny(tiny_pipelines["wan"], tiling="on")
    told: list[float] = []
    size = {"width": 320, "height": 64, "steps": 1, "guidance": 1.0}
    backend.render(tiny_renders.request(tmp_path / "a.mp4", **size),
                   lambda stage, share: told.append(share) if stage == "decode" else None, lambda: False)
    assert told == sorted(told) and len(set(told)) > 4, "each tile moves the share"
    good = tiny_renders.digest(backend, tmp_path / "b.mp4")
    for kind in ("model", "none", "group"):
        memory.place(backend._main, kind, torch.device("cpu"))
        stop = Stop("denoise")
        with pytest.raises(Cancelled):
            backend.render(tiny_renders.request(tmp_path / "c.mp4"), stop.progress, stop.cancelled)
        assert tiny_renders.digest(backend, tmp_path / "d.mp4") == good


GIB = 1 << 30


@pytest.mark.parametrize(("options", "free", "answer"), [
    ({}, 40, "none"), ({}, 20, "model"), ({}, 12, "sequential"), ({"quantisation": "fp8"}, 24, "none"),
    ({"memory_gb": 45}, 40, "model"), ({"offload": "none"}, 24, "none"), ({"offload": "group"}, 6, "group"),
    ({"offload": "none"}, 18, "FEDISORA_GENERATION_OFFLOAD=model"),
    ({"offload": "none"}, 9, "FEDISORA_GENERATION_OFFLOAD=sequential"),
    ({"offload": "model"}, 9, "FEDISORA_GENERATION_OFFLOAD=sequential")])
def test_offloading_by_what_the_gpu_has_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], free: int,
                                             answer: str) -> None:
    environment.require("torch")
    import torch

    from fedisora.generation.backends.diffusers import memory
    from fedisora.generation.backends.diffusers.options import Options
    from fedisora.generation.backends.diffusers.weights import Weights

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free * GIB, 80 * GIB))  # what the driver says
    weights = Weights(tmp_path, "large", "", "WanPipeline", {"transformer": 5 * GIB, "text_encoder": 5 * GIB, "vae": GIB})
    model = Options("large", "large", **options)
    if answer.startswith("FEDISORA"):
        with pytest.raises(ConfigurationError, match=f"large needs .* GB of GPU memory for its weights, and {free} GB.*{answer}"):
            memory.choose(model, weights, torch.device("cuda"), 2)
    else:
        assert memory.choose(model, weights, torch.device("cuda"), 2) == answer
