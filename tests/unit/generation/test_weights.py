"""A model's files are looked at before anything in them is loaded: each fault is one line that says what to do."""
from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fedisora.errors import ConfigurationError
from fedisora.generation.backends import load
from fedisora.generation.backends.diffusers import weights


@pytest.fixture
def folder(tiny_pipelines: dict[str, Path], tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return Path(shutil.copytree(tiny_pipelines["wan"], tmp_path / "wan"))


def pickled(folder: Path) -> None:
    (folder / "vae/diffusion_pytorch_model.safetensors").rename(folder / "vae/diffusion_pytorch_model.bin")


def pickled_text(folder: Path) -> None:
    (folder / "text_encoder/model.safetensors").rename(folder / "text_encoder/pytorch_model.bin")


def without_weights(folder: Path) -> None:
    (folder / "transformer/diffusion_pytorch_model.safetensors").unlink()


def half(folder: Path) -> None:
    path = folder / "transformer/diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def garbage(folder: Path) -> None:
    (folder / "vae/diffusion_pytorch_model.safetensors").write_bytes(b"\xff" * 100)


def without_part(folder: Path) -> None:
    shutil.rmtree(folder / "tokenizer")


def without_shard(folder: Path) -> None:
    (folder / "transformer/diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(
        {"weight_map": {"a": "diffusion_pytorch_model.safetensors", "b": "diffusion_pytorch_model-2.safetensors"}}))


def shard_elsewhere(folder: Path) -> None:
    (folder / "transformer/diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(
        {"weight_map": {"a": "../vae/diffusion_pytorch_model.safetensors"}}))


def no_index(folder: Path) -> None:
    (folder / "model_index.json").unlink()


def broken_index(folder: Path) -> None:
    (folder / "model_index.json").write_text("{")


def edited(folder: Path, **members: object) -> None:
    path = folder / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | members))


def own_pipeline(folder: Path) -> None:
    (folder / "pipeline.py").write_text("raise SystemExit('this must never run')")
    edited(folder, _class_name=["pipeline", "Mine"])


def own_part(folder: Path) -> None:
    (folder / "transformer/mine.py").write_text("raise SystemExit('this must never run')")
    edited(folder, transformer=["mine", "Transformer"])


def own_encoder(folder: Path) -> None:
    path = folder / "text_encoder/config.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"auto_map": {"AutoModel": "mine.Model"}}))
    (folder / "text_encoder/mine.py").write_text("raise SystemExit('this must never run')")


def own_module(folder: Path) -> None:
    members = json.loads((folder / "model_index.json").read_bytes()) | {"transformer": ["mine", "Transformer"]}
    (folder / "model_index.json").write_text(json.dumps(members))
    (folder / "mine.py").write_text("raise SystemExit('this must never run')")


def unknown_class(folder: Path) -> None:
    edited(folder, _class_name="PipelineOfTomorrow")


def no_videos(folder: Path) -> None:
    path = folder / "model_index.json"
    index = json.loads(path.read_bytes())
    path.write_text(json.dumps({name: value for name, value in index.items() if name in ("scheduler", "vae")} | {
        "_class_name": "DDPMPipeline", "_diffusers_version": "0.42.1", "unet": index["vae"], "vae": [None, None]}))
    (folder / "vae").rename(folder / "unet")


FAULTS: list[tuple[Callable[[Path], None], str]] = [
    (pickled, "only pickled weights"), (pickled_text, "only pickled weights"),
    (without_weights, "lacks the weights of its part transformer. Copy the folder here again"),
    (half, "is damaged. Copy the folder here again"), (garbage, "is damaged"), (without_part, "lacks its part tokenizer"),
    (without_shard, "lacks transformer/diffusion_pytorch_model-2.safetensors"), (shard_elsewhere, "lacks transformer/../vae"),
    (no_index, "no folder of a diffusers model"), (broken_index, "no folder of a diffusers model"),
    (own_pipeline, "program code of its own, which is never run"), (own_part, "program code of its own"),
    (own_encoder, "program code of its own"), (own_module, "program code of its own"),
    (unknown_class, "cannot be loaded with diffusers"),
    (no_videos, "cannot be loaded|makes no videos")]


@pytest.mark.parametrize(("spoil", "sentence"), FAULTS, ids=[spoil.__name__ for spoil, _ in FAULTS])
def test_a_fault_is_one_line(folder: Path, spoil: Callable[[Path], None], sentence: str) -> None:
    spoil(folder)
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        load("diffusers", str(folder))
    assert "\n" not in caught.value.text


def test_what_is_not_here_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                         tiny_pipelines: dict[str, Path]) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigurationError, match="not on this machine. Fetch them: fedisora model fetch small"):
        weights.look("small", "somebody/small", "0" * 40, fetched_as="small")
    with pytest.raises(ConfigurationError, match="Fetch them: fedisora model fetch somebody/small"):
        load("diffusers", "somebody/small")
    with pytest.raises(ConfigurationError, match="no preset, no folder and no id of a repository"):
        weights.look("x", "/no/such/folder")


def test_a_fetched_repository_is_known_by_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                     tiny_pipelines: dict[str, Path]) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    commit = "0123456789" * 4
    snapshot = tmp_path / "models--somebody--small" / "snapshots" / commit
    shutil.copytree(tiny_pipelines["ltx"], snapshot)
    found = weights.look("small", "somebody/small", commit)
    assert (found.repository, found.revision, found.pipeline) == ("somebody/small", commit, "LTXPipeline")
    assert weights.look("small", str(snapshot)).revision == commit
    assert set(found.sizes) == {"text_encoder", "transformer", "vae"}
    assert sum(found.sizes.values()) * 4 < sum(path.stat().st_size for path in snapshot.rglob("*.safetensors"))
