"""Real diffusion pipelines with tiny random weights, the whole way from a request to a post that verifies."""
from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.instances import Api, InstanceProcess, eventually
from tests.support.pictures import png

SIZES = """
fps = 8
max_seconds = 4.0
steps = 2
sizes = { portrait = [[64, 96]], landscape = [[96, 64]], square = [[64, 64]] }
"""


@pytest.fixture(scope="module")
def models(tiny_pipelines: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name → a folder as an operator would have it: the pipeline, and what it can make."""
    folder, found = tmp_path_factory.mktemp("models"), {}
    for name in ("wan", "ltx", "cogvideox"):
        found[name] = folder / f"tiny-{name}"
        shutil.copytree(tiny_pipelines[name], found[name])
        (found[name] / "preset.toml").write_text(SIZES)
    return found


@pytest.fixture(scope="module")
def instance(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceProcess]:
    """An instance that offers them all."""
    running = InstanceProcess(
        tmp_path_factory.mktemp("makers"), generation_backend="diffusers", generation_model=str(models["wan"]),
        generation_models=f"{models['ltx']},{models['cogvideox']}").start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def ada(instance: InstanceProcess) -> Api:
    return instance.user("ada")


def finished(api: Api, job: dict[str, Any]) -> dict[str, Any]:
    """A generation once nothing happens any more."""
    def look() -> dict[str, Any] | None:
        now = api.get(f"/api/fedisora/v1/generations/{job['id']}")
        return now if now["state"] in ("draft", "done", "failed", "rejected", "cancelled") else None

    return eventually(look, seconds=120, what=f"generation {job['id']} ends")


def verified(instance: InstanceProcess, url: str, folder: Path) -> dict[str, Any]:
    """What `fedisora verify` says of a published file, by its bytes alone."""
    file = folder / "file.mp4"
    file.write_bytes(instance.http.get(url).content)
    done = instance.cli("verify", str(file), "--json")
    verdict: dict[str, Any] = json.loads(done.stdout)
    return verdict


def published(ada: Api, job: dict[str, Any], **how: Any) -> dict[str, Any]:
    """The post of a draft, once its file is signed."""
    assert job["state"] == "draft", job
    status: dict[str, Any] = ada.post(f"/api/fedisora/v1/generations/{job['id']}/publish", **how)
    return status


def asked(ada: Api, prompt: str, **how: Any) -> dict[str, Any]:
    """A request carried through to its end."""
    return finished(ada, ada.post("/api/fedisora/v1/generations", prompt=prompt, seconds=1, orientation="square", **how))


def test_words_become_a_signed_video(instance: InstanceProcess, ada: Api, tmp_path: Path) -> None:
    job = asked(ada, "a red kite", seed=7)
    assert (job["model"], job["width"], job["height"], job["frames"], job["fps"], job["steps"]) == ("tiny-wan", 64, 64, 9, 8, 2)
    assert any("9 frames" in sentence or "1.1" in sentence for sentence in job["adjusted"]) or job["seconds"] == 9 / 8
    assert job["gpu_seconds"] > 0
    status = published(ada, job, text="it flies")
    verdict = verified(instance, status["media_attachments"][0]["url"], tmp_path)
    assert verdict["verdict"] == "verified"
    assert verdict["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    made = verdict["record"]["generator"]
    assert (made["model"], made["prompt"], made["seed"]) == ("tiny-wan", "a red kite", "7")
    assert made["revision"].startswith("sha256-")
    assert made["parameters"]["num_inference_steps"] == 2
    assert "torch" in made["parameters"]["software"]


def test_a_picture_and_a_video_are_what_it_starts_from(instance: InstanceProcess, ada: Api, tmp_path: Path) -> None:
    answer = ada.http.post("/api/v2/media", files={"file": ("start.png", png(96, 96), "image/png")})
    picture = answer.json()
    eventually(lambda: ada.http.get(f"/api/v1/media/{picture['id']}").status_code == 200, what="the picture is processed")
    moved = published(ada, asked(ada, "it moves", input_media_id=picture["id"], input_people="nobody"), text="from a picture")
    verdict = verified(instance, moved["media_attachments"][0]["url"], tmp_path)
    assert (verdict["verdict"], verdict["record"]["generator"]["parameters"]["task"]) == ("verified", "image")

    video = moved["media_attachments"][0]["id"]
    changed = asked(ada, "it changes", input_media_id=video, strength=0.5)
    assert (changed["task"], changed["strength"]) == ("video", 0.5)
    status = published(ada, changed, text="from a video")
    verdict = verified(instance, status["media_attachments"][0]["url"], tmp_path)
    parameters = verdict["record"]["generator"]["parameters"]
    assert (verdict["verdict"], parameters["task"], parameters["steps_run"]) == ("verified", "video", 1)


@pytest.mark.parametrize("model", ["tiny-ltx", "tiny-cogvideox"])
def test_another_model_is_loaded_when_it_is_asked_for(instance: InstanceProcess, ada: Api, tmp_path: Path, model: str) -> None:
    status = published(ada, asked(ada, "waves", model=model), text=model)
    verdict = verified(instance, status["media_attachments"][0]["url"], tmp_path)
    assert (verdict["verdict"], verdict["record"]["generator"]["model"]) == ("verified", model)
