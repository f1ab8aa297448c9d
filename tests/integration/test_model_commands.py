"""`fedisora model …` as an operator types it."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fedisora import model_check, model_fetch
from fedisora.app import build_house
from fedisora.cli import app
from fedisora.errors import FedisoraError
from fedisora.settings import load_settings
from tests.support import environment, hub
from tests.support.pipelines import tiny_pipelines
from tests.unit.generation.test_catalogue import model

__all__ = ["tiny_pipelines"]
REPOSITORY = "somebody/Tiny-Wan"


class Instance:
    """A data folder and a hub's cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"

    def run(self, *arguments: str, answer: str = "") -> str:
        """What a command prints, its white space made even."""
        done = CliRunner().invoke(app, ["model", *arguments, "--data-dir", str(self.data)], input=answer)
        if done.exception is not None:
            raise done.exception
        return done.output if "--json" in arguments else " ".join(done.output.split())

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))

    def refused(self, *arguments: str, answer: str = "") -> str:
        """The one line that a command fails with."""
        with pytest.raises(FedisoraError) as refusal:
            self.run(*arguments, answer=answer)
        assert "\n" not in refusal.value.text
        return refusal.value.text

    def states(self) -> dict[str, str]:
        return {row["name"]: row["state"] for row in self.json("list")}


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return Instance(tmp_path)


@pytest.fixture
def gpu_extra() -> None:
    environment.require(not environment.without_torch(), environment.without_torch())


def test_models_are_listed_with_what_is_in_the_way(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    found = instance.states()
    assert found["procedural"] == "ready"
    assert found["hunyuanvideo-1.5-480p"] == "licence not accepted"
    assert found["wan2.2-ti2v-5b"] == ("needs extra gpu" if environment.without_torch() else "not fetched")
    assert not instance.data.exists()  # looking makes no instance
    monkeypatch.setenv("FEDISORA_GENERATION_MODELS", "nowhere/nothing")
    text = instance.run("list")
    assert "wan2.2-ti2v-5b *" in text
    assert "nowhere/nothing is not on this machine. Run: fedisora model fetch nowhere/nothing" in text
    monkeypatch.setenv("FEDISORA_GENERATION_BACKEND", "diffusers")
    text = instance.run("list")
    assert "The diffusers backend needs a model" in text
    assert "wan2.2-ti2v-5b *" in text


def test_all_about_a_model(instance: Instance) -> None:
    text = instance.run("show", "hunyuanvideo-1.5-480p")
    for wanted in ("not in the European Union, the United Kingdom and South Korea", "4 n + 1 of them", "848x480", "14-40 GB",
                   "FEDISORA_GENERATION_MODEL=hunyuanvideo-1.5-480p", "to be accepted before the first use"):
        assert wanted in text
    assert instance.json("show", "procedural")["sizes"]["square"] == [[960, 960]]
    assert "it is no preset (see fedisora model list)" in instance.refused("show", "nothing")


def test_a_licence_is_accepted_by_somebody_who_was_asked(instance: Instance) -> None:
    name = "hunyuanvideo-1.5-480p"
    assert "cannot be fetched: its licence" in instance.refused("fetch", name)
    assert instance.refused("check", name) == (
        "HunyuanVideo 1.5 (480p) does not work here: licence not accepted. Read it and run: fedisora model accept-licence "
        "hunyuanvideo-1.5-480p")
    assert instance.refused("accept-licence", name, answer="n\n") == "Not accepted: the model is not used."
    text = instance.run("accept-licence", name, "--as", "Ada", answer="y\n")
    for wanted in ("https://github.com/Tencent-Hunyuan/HunyuanVideo-1.5/blob/master/LICENSE", "not in the European Union",
                   "Accepted by Ada."):
        assert wanted in text
    assert instance.states()[name] != "licence not accepted"
    assert "Tencent Hunyuan Community License, accepted by Ada on 20" in instance.run("show", name)
    assert "needs no acceptance (Apache-2.0)" in instance.run("accept-licence", "wan2.2-ti2v-5b", "--yes")


@pytest.mark.usefixtures("gpu_extra")
def test_fetching_takes_safetensors_alone_and_pins_the_commit(instance: Instance, tmp_path: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    source = model(tmp_path / "source")
    for name in ("transformer/pytorch_model.bin", "evil.py", "transformer/evil.py", "single.safetensors", "README.md",
                 "vae/diffusion_pytorch_model.fp16.safetensors"):
        (source / name).write_bytes(b"no")
    (source / "tokenizer").mkdir()
    (source / "tokenizer" / "spiece.model").write_bytes(b"table")
    with hub.serve({REPOSITORY: source, "some/gated": source}, gated=frozenset({"some/gated"})) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        text = instance.run("fetch", REPOSITORY)
        assert f"commit {hub.COMMIT} is used from now on" in text
        folder = tmp_path / "hf" / "hub" / "models--somebody--Tiny-Wan" / "snapshots" / hub.COMMIT
        assert text.endswith(str(folder))
        files = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
        assert files == {
            "model_index.json", "tokenizer/spiece.model", "transformer/config.json", "vae/config.json",
            "transformer/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors"}
        half = folder.parents[1] / "blobs" / "0123.abcd.incomplete"
        half.write_bytes(b"half")
        os.utime(half, (0, 0))
        instance.run("fetch", REPOSITORY)  # again: everything is there, and what somebody left behind goes
        assert not half.exists()
        assert "asks for your consent first" in instance.refused("fetch", "some/gated")
        assert instance.refused("fetch", "no/body").startswith("There is no repository no/body")
        assert "has no revision v9" in instance.refused("fetch", REPOSITORY, "--revision", "v9")
    shown = instance.json("show", REPOSITORY)
    assert (shown["name"], shown["revision"], shown["state"]) == ("tiny-wan", hub.COMMIT, "ready")
    monkeypatch.setenv("FEDISORA_GENERATION_BACKEND", "diffusers")
    monkeypatch.setenv("FEDISORA_GENERATION_MODEL", REPOSITORY)
    assert instance.states()["tiny-wan"] == "ready"
    assert instance.json("show", "tiny-wan")["repository"] == REPOSITORY  # by the name that the list shows
    with hub.serve({REPOSITORY: source}) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        (folder / "vae" / "config.json").unlink()
        assert instance.states()["tiny-wan"] == "incomplete"
        instance.run("fetch", "tiny-wan")
    assert (folder / "vae" / "config.json").exists()


@pytest.mark.usefixtures("gpu_extra")
def test_the_doctor_has_a_line_for_every_model(instance: Instance) -> None:
    def told(**settings: Any) -> list[tuple[bool, str]]:
        house = build_house(load_settings(instance.data, **settings))
        try:
            return [(fine, f"{what}: {text}") for fine, what, text in
                    house.db.read_now(lambda session: model_check.findings(session, house.settings))]
        finally:
            house.db.close()

    assert told() == [(True, "model procedural: ready")]
    models = {"generation_models": "nothing,wan2.2-ti2v-5b,ltx-video-0.9.5"}
    found = told(**models)
    assert [fine for fine, _ in found] == [False, False, True, False]
    assert "model nothing: There is no model nothing" in found[0][1]
    assert "accept-licence ltx-video-0.9.5" in found[1][1]
    assert found[3][1] == "model wan2.2-ti2v-5b: not fetched. Run: fedisora model fetch wan2.2-ti2v-5b"
    assert told(**models, redis_url="redis://127.0.0.1:1")[3] == (
        True, "model wan2.2-ti2v-5b: not fetched on this machine. Its generation workers need it. Run: fedisora model fetch "
              "wan2.2-ti2v-5b")
    assert told(generation_backend="diffusers")[0][0] is False


@pytest.mark.usefixtures("gpu_extra")
def test_what_cannot_be_fetched_is_one_line(instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pickled/model_index.json", "pickled/unet/pytorch_model.bin", "other/vae/config.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    with hub.serve({"some/pickles": tmp_path / "pickled", "some/other": tmp_path / "other"}) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        assert "has no safetensors, and pickled weights are never loaded" in instance.refused("fetch", "some/pickles")
        assert "has no model_index.json" in instance.refused("fetch", "some/other")
        monkeypatch.setattr(model_fetch, "SPARE", 1 << 60)
        shutil.copytree(model(tmp_path / "large"), tmp_path / "pickled", dirs_exist_ok=True)
        assert "Make room, or set HF_HOME to a folder on a larger disk" in instance.refused("fetch", "some/pickles")
    assert "there is nothing to fetch" in instance.run("fetch", "procedural")


@pytest.mark.usefixtures("gpu_extra")
def test_a_machine_without_a_network_is_told_so(instance: Instance) -> None:
    command = [sys.executable, "-m", "fedisora", "model", "fetch", "wan2.1-t2v-1.3b", "--data-dir", str(instance.data)]
    done = subprocess.run(command, env={**os.environ, "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, timeout=60,
                          check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip() == (
        "fedisora: HF_HUB_OFFLINE is set, so nothing can be fetched. Unset it for this command.")


def test_a_check_renders_a_clip(instance: Instance) -> None:
    found = instance.json("check", "procedural")
    assert (found["model"], found["device"], found["frames"]) == ("Aurora (a program, no AI)", "cpu", 12)
    assert 0 < found["render_seconds"] < 60
    assert found["peak_main_memory_mb"] > 30


@pytest.mark.usefixtures("gpu_extra")
def test_a_check_says_what_is_missing(instance: Instance, tmp_path: Path) -> None:
    assert instance.refused("check", "wan2.1-t2v-1.3b") == (
        "Wan 2.1 T2V-1.3B does not work here: not fetched. Run: fedisora model fetch wan2.1-t2v-1.3b")
    folder = model(tmp_path / "torn")
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    assert instance.refused("check", str(folder)) == f"torn does not work here: incomplete. vae in {folder} has no weights."


@pytest.mark.usefixtures("gpu_extra")
def test_a_check_loads_a_model_and_renders_a_clip(instance: Instance, tiny_pipelines: dict[str, Path], tmp_path: Path,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "My Wan"
    shutil.copytree(tiny_pipelines["wan"], folder)
    (folder / "preset.toml").write_text("sizes = {landscape = [[96, 64]], portrait = [[64, 96]]}\n")
    found = instance.json("check", str(folder))
    assert (found["size"], found["frames"], found["device"]) == ("96x64", 13, "CPU")
    assert found["revision"].startswith("sha256-")
    assert (found["dtype"], found["offload"]) == ("float32", "none")
    monkeypatch.setenv("FEDISORA_GENERATION_DTYPE", "float16")
    assert instance.refused("check", str(folder)) == (
        "My Wan does not work here: float16 needs a GPU, and torch finds none. Set FEDISORA_GENERATION_DTYPE=auto.")
