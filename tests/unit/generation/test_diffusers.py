"""The diffusers backend with real pipelines of random weights: every task, the same bytes again, options, progress."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest

from fedisora.errors import ConfigurationError, Invalid
from fedisora.generation.backends import load
from fedisora.provenance.digital_source import TRAINED
from tests.support import tiny_renders

TASKS = [("wan", "text", "WanPipeline"), ("wan", "image", "WanImageToVideoPipeline"), ("wan", "video", "WanVideoToVideoPipeline"),
         ("wan-i2v", "image", "WanImageToVideoPipeline"), ("wan-v2v", "video", "WanVideoToVideoPipeline"),
         ("wan-v2v", "text", "WanPipeline"), ("ltx", "text", "LTXPipeline"), ("ltx", "image", "LTXImageToVideoPipeline"),
         ("ltx", "video", "LTXConditionPipeline"), ("ltx-i2v", "image", "LTXImageToVideoPipeline"),
         ("cogvideox", "text", "CogVideoXPipeline"), ("cogvideox", "video", "CogVideoXVideoToVideoPipeline"),
         ("cogvideox-v2v", "video", "CogVideoXVideoToVideoPipeline")]
"""Folder, task, the class that makes it."""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("sources")
    return {"image": tiny_renders.picture(folder / "start.png"), "video": tiny_renders.clip(folder / "start.mp4"),
            "strength": 0.7}


@pytest.mark.parametrize(("name", "task", "pipeline"), TASKS)
def test_every_task_renders(tiny_pipelines: dict[str, Path], tmp_path: Path, sources: dict[str, Any], name: str, task: str,
                            pipeline: str) -> None:
    made = tiny_renders.tiny(tiny_pipelines[name]).render(tiny_renders.request(tmp_path / "out.mp4", task=task, **sources),
                                                  lambda stage, share: None, lambda: False)
    assert made["generator"]["pipeline"] == pipeline
    assert (made["width"], made["height"], made["seconds"], made["fps"]) == (64, 64, 9 / 8, 8)
    assert made["parameters"]["num_frames"] == 9
    assert made["digital_source_type"] == TRAINED
    with av.open(str(tmp_path / "out.mp4")) as container:
        frames = list(container.decode(video=0))
        assert (len(frames), frames[0].width, frames[0].height, frames[0].format.name) == (9, 64, 64, "yuv420p")


def test_sound_passes_through(tiny_pipelines: dict[str, Path], tmp_path: Path, sources: dict[str, Any]) -> None:
    backend = tiny_renders.tiny(tiny_pipelines["ltx2"], arguments={"spatio_temporal_guidance_blocks": [1]})
    for task in ("text", "image"):
        made = backend.render(tiny_renders.request(tmp_path / "out.mp4", task=task, **sources), lambda stage, share: None,
                              lambda: False)
        assert made["audio"] is True
        assert made["parameters"]["spatio_temporal_guidance_blocks"] == [1]
        with av.open(str(tmp_path / "out.mp4")) as container:
            sound, picture = container.streams.audio[0], container.streams.video[0]
            assert (sound.codec_context.name, sound.rate, sound.layout.name) == ("aac", 24000, "stereo")
            assert abs(float(sound.duration * sound.time_base) - float(picture.duration * picture.time_base)) < 0.05
            loudest = max(float(abs(frame.to_ndarray()).max()) for frame in container.decode(audio=0))
        assert loudest > 0.001, "there is something to hear"


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tiny_pipelines: dict[str, Path], tmp_path: Path,
                                                                   sources: dict[str, Any]) -> None:
    warm = tiny_renders.tiny(tiny_pipelines["wan"])
    for task in ("text", "image", "video"):
        first = tiny_renders.digest(warm, tmp_path / "a.mp4", task=task, **sources)
        assert first == tiny_renders.digest(warm, tmp_path / "b.mp4", task=task, **sources)
        assert first == tiny_renders.digest(tiny_renders.tiny(tiny_pipelines["wan"]), tmp_path / "c.mp4", task=task, **sources)
        assert first != tiny_renders.digest(warm, tmp_path / "d.mp4", task=task, seed=6, **sources)


def test_what_a_video_starts_from_matters(tiny_pipelines: dict[str, Path], tmp_path: Path, sources: dict[str, Any]) -> None:
    warm = tiny_renders.tiny(tiny_pipelines["wan-i2v"])
    other = tiny_renders.picture(tmp_path / "other.jpg", (64, 90), "navy")
    assert (tiny_renders.digest(warm, tmp_path / "a.mp4", task="image", **sources)
            != tiny_renders.digest(warm, tmp_path / "b.mp4", task="image", image=other))
    warm = tiny_renders.tiny(tiny_pipelines["wan-v2v"])
    other = tiny_renders.clip(tmp_path / "other.mp4", frames=3, size=(48, 80))  # upright, and shorter than what is made
    assert (tiny_renders.digest(warm, tmp_path / "a.mp4", task="video", **sources)
            != tiny_renders.digest(warm, tmp_path / "b.mp4", task="video", **sources | {"video": other})
            != tiny_renders.digest(warm, tmp_path / "c.mp4", task="video", **sources | {"strength": 1.0}))


def test_what_weights_cannot_do_is_refused(tiny_pipelines: dict[str, Path], tmp_path: Path, sources: dict[str, Any]) -> None:
    for name, task, sentence in (("wan-i2v", "text", "cannot make videos from a text alone"),
                                 ("wan-v2v", "image", "cannot start from a picture"),
                                 ("cogvideox", "image", "cannot start from a picture"),
                                 ("wan-i2v", "video", "cannot change a video")):
        with pytest.raises(Invalid, match=sentence):
            tiny_renders.digest(tiny_renders.tiny(tiny_pipelines[name]), tmp_path / "out.mp4", task=task, **sources)


def test_bad_sources_are_refused(tiny_pipelines: dict[str, Path], tmp_path: Path, sources: dict[str, Any]) -> None:
    warm = tiny_renders.tiny(tiny_pipelines["wan"])
    (tmp_path / "playlist.mp4").write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n")
    broken = Path(sources["video"]).read_bytes()
    (tmp_path / "broken.mp4").write_bytes(broken[:40])
    for task, more in (("image", {"image": None}), ("video", {"video": None}),
                       ("image", {"image": str(tmp_path / "playlist.mp4")}), ("video", {"video": str(tmp_path / "playlist.mp4")}),
                       ("video", {"video": str(tmp_path / "broken.mp4")}),
                       ("image", {"image": sources["video"]}), ("video", {"strength": 0.0}), ("video", {"strength": 1.5}),
                       ("video", {"strength": 0.1})):  # 0.1 of 3 steps is none
        with pytest.raises(Invalid):
            tiny_renders.digest(warm, tmp_path / "out.mp4", task=task, **sources | more)


def test_progress_knows_the_true_number_of_steps(tiny_pipelines: dict[str, Path], tmp_path: Path,
                                                 sources: dict[str, Any]) -> None:
    told: list[tuple[str, float]] = []
    warm = load("diffusers", str(tiny_pipelines["wan"]), progress=lambda stage, share: told.append((stage, share)))
    assert {stage for stage, _ in told} == {"load"}
    assert told[0][1] == 0 and told[-1][1] == 1 and len(told) > 3
    told.clear()
    made = warm.render(tiny_renders.request(tmp_path / "out.mp4", task="video", steps=10, **sources | {"strength": 0.5}),
                       lambda stage, share: told.append((stage, share)), lambda: False)
    assert made["parameters"]["num_inference_steps"] == 10
    assert made["parameters"]["steps_run"] == 5
    stages = list(dict.fromkeys(stage for stage, _ in told))
    assert stages == ["text", "denoise", "decode", "encode"]
    for stage in stages:
        shares = [share for name, share in told if name == stage]
        assert shares == sorted(shares) and (shares[0], shares[-1]) == (0, 1)
    assert [share for name, share in told if name == "denoise"] == pytest.approx([0, .2, .4, .6, .8, 1])


def test_the_result_says_what_ran(tiny_pipelines: dict[str, Path], tmp_path: Path) -> None:
    made = tiny_renders.tiny(tiny_pipelines["wan"], licence="https://licence.example/1", steps=2, guidance=4.0).render(
        tiny_renders.request(tmp_path / "out.mp4", steps=None, guidance=None, seed=2**63 + 1), lambda stage, share: None,
        lambda: False)
    told, generator = made["parameters"], made["generator"]
    assert (told["num_inference_steps"], told["guidance_scale"], told["seed"]) == (2, 4.0, str(2**63 + 1))
    assert "diffusers" in told["software"] and "torch" in told["software"]
    assert told["deterministic"] is True and "same" in told["reproducible"]
    assert {"dtype", "hardware", "threads", "offload", "tiling", "quantisation"} <= set(told)
    assert generator["revision"].startswith("sha256-") and generator["model"] == generator["repository"] == "wan"
    assert generator["licence"] == "https://licence.example/1"


def test_number_formats_and_8_bits(tiny_pipelines: dict[str, Path], tmp_path: Path) -> None:
    digests = {}
    for options in ({}, {"dtype": "bfloat16"}, {"quantisation": "fp8"}, {"quantisation": "int8"}, {"tiling": "on"}):
        backend = tiny_renders.tiny(tiny_pipelines["ltx"], **options)
        digests[str(options)] = tiny_renders.digest(backend, tmp_path / "out.mp4")
        assert tiny_renders.digest(backend, tmp_path / "again.mp4") == digests[str(options)]
        assert backend.memory() > 0
        backend.close()
    assert len(set(digests.values())) == 4  # tiles change nothing in so small a picture


def test_eight_bit_weights_are_near_the_real_ones() -> None:
    pytest.importorskip("torch")
    import torch

    from fedisora.generation.backends.diffusers.int8 import Int8Linear

    torch.manual_seed(0)
    layer, value = torch.nn.Linear(64, 32), torch.randn(5, 64)
    narrow = Int8Linear(layer)
    assert narrow.weight.dtype == torch.int8
    with torch.no_grad():
        assert torch.allclose(layer(value), narrow(value), atol=0.02)


@pytest.mark.parametrize(("options", "sentence"), [
    ({"dtype": "float4"}, "FEDISORA_GENERATION_DTYPE is 'float4'; it can be auto, bfloat16"),
    ({"dtype": "float16"}, "needs a GPU"), ({"offload": "model"}, "FEDISORA_GENERATION_OFFLOAD=model needs a GPU"),
    ({"quantisation": "int4"}, "it can be none, fp8, int8"), ({"attention": "flash_hub"}, "would fetch program code"),
    ({"attention": "magic"}, "FEDISORA_GENERATION_ATTENTION=magic cannot be used"),
    ({"pipelines": {"video": "NoSuchPipeline"}}, "has no pipeline NoSuchPipeline"),
    ({"pipelines": {"video": "StableVideoDiffusionPipeline"}}, "cannot use this model's parts")])
def test_an_option_that_cannot_be_used_says_so(tiny_pipelines: dict[str, Path], options: dict[str, Any], sentence: str) -> None:
    import torch

    if torch.cuda.is_available() and "GPU" in sentence:
        pytest.skip("this machine has a GPU")
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        tiny_renders.tiny(tiny_pipelines["wan"], **options)
    assert "\n" not in caught.value.text


def test_a_preset_names_the_class_of_a_task(tiny_pipelines: dict[str, Path], tmp_path: Path, sources: dict[str, Any]) -> None:
    backend = tiny_renders.tiny(tiny_pipelines["ltx"], pipelines={"text": "LTXConditionPipeline"})
    made = backend.render(tiny_renders.request(tmp_path / "out.mp4"), lambda stage, share: None, lambda: False)
    assert made["generator"]["pipeline"] == "LTXConditionPipeline"
