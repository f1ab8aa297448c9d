"""Which models an instance offers: presets, an operator's own folders, repositories that were fetched."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fedisora.errors import ConfigurationError, Invalid
from fedisora.generation.presets import PRESETS, weights
from fedisora.generation.presets.catalogue import Catalogue, catalogue
from fedisora.settings import Settings

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def offered(accepted: dict[str, str] | None = None, pinned: dict[str, str] | None = None, **settings: Any) -> Catalogue:
    return catalogue(Settings(**{f"generation_{name}": value for name, value in settings.items()}), accepted or {}, pinned)


def model(folder: Path, kind: str = "WanPipeline", preset: str = "", **members: Any) -> Path:
    """A folder that looks like a diffusers model from outside."""
    for part in ("transformer", "vae"):
        (folder / part).mkdir(parents=True)
        (folder / part / "config.json").write_text("{}")
        (folder / part / "diffusion_pytorch_model.safetensors").write_bytes(b"\0" * 16)
    (folder / "model_index.json").write_text(json.dumps({
        "_class_name": kind, "transformer": ["diffusers", "T"], "vae": ["diffusers", "V"], "image_encoder": [None, None],
        **members}))
    if preset:
        (folder / "preset.toml").write_text(preset)
    return folder


def test_an_instance_without_settings_offers_the_program() -> None:
    found = offered()
    assert [preset.name for preset in found.models] == ["procedural"]
    assert found.default is found.find("procedural") is found.find()


def test_a_model_beside_the_program_and_the_program_beside_a_model() -> None:
    beside = offered(models="wan2.1-t2v-1.3b, ,")
    assert [preset.name for preset in beside.models] == ["procedural", "wan2.1-t2v-1.3b"]
    other = offered(backend="diffusers", model="Wan-AI/Wan2.2-TI2V-5B-Diffusers", models="procedural")
    assert [preset.name for preset in other.models] == ["wan2.2-ti2v-5b", "procedural"]
    assert other.default.backend == "diffusers"
    assert other.find("Wan-AI/Wan2.2-TI2V-5B-Diffusers") is other.default


def test_a_commit_that_was_fetched_wins_over_the_one_of_the_preset() -> None:
    found = offered(backend="diffusers", model="wan2.2-ti2v-5b", pinned={"wan2.2-ti2v-5b": COMMIT})
    assert found.default.revision == COMMIT


def test_a_licence_is_accepted_before_a_model_is_used() -> None:
    found = offered(backend="diffusers", model="hunyuanvideo-1.5-480p", models="procedural")
    assert found.default.name == "hunyuanvideo-1.5-480p"
    with pytest.raises(Invalid, match=r"^HunyuanVideo 1.5 \(480p\) cannot be used here: its licence .* accept-licence hunyuan"):
        found.find()
    assert [one.name for one in found.unavailable] == ["hunyuanvideo-1.5-480p"]
    licence = found.default.licence_url
    assert offered({"hunyuanvideo-1.5-480p": licence}, backend="diffusers", model="hunyuanvideo-1.5-480p").find().territory
    former = offered({"hunyuanvideo-1.5-480p": "https://licences.example/1"}, backend="diffusers", model="hunyuanvideo-1.5-480p")
    assert former.models == ()


@pytest.mark.parametrize(("settings", "sentence"), [
    ({"model": "wan2.2-ti2v-5b"}, "needs FEDISORA_GENERATION_BACKEND=diffusers"),
    ({"backend": "diffusers"}, "The diffusers backend needs a model"),
])
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        offered(**settings)


@pytest.mark.parametrize(("name", "reason"), [
    ("no-such-model", "it is no preset"), ("./nowhere", "it is no preset"),
    ("somebody/something", "somebody/something is not on this machine. Run: fedisora model fetch somebody/something")])
def test_a_model_that_is_not_there_is_no_reason_to_use_another(name: str, reason: str) -> None:
    found = offered(backend="diffusers", model=name, models="procedural")
    with pytest.raises(Invalid) as refusal:
        found.find()
    assert reason in refusal.value.text
    assert found.find("procedural").name == "procedural"


def test_the_model_of_another_package_is_known_to_that_package() -> None:
    found = offered(backend="sora", model="Sora Turbo")
    assert (found.default.backend, found.default.name, found.default.title) == ("sora", "sora-turbo", "Sora Turbo")
    assert offered(backend="sora").default.name == "sora"
    several = offered(backend="sora", model="one", models="two,procedural")
    assert [(preset.name, preset.backend) for preset in several.models] == [
        ("one", "sora"), ("two", "sora"), ("procedural", "procedural")]


def test_what_the_model_of_another_package_can_make_is_said_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "Great Model"
    folder.mkdir()
    (folder / "preset.toml").write_text('tasks = ["text", "image"]\nsteps = 8\ngpu_class = "gpu-24"\n'
                                        "sizes = {landscape = [[640, 360]]}\n")
    preset = offered(backend="sora", model=str(folder)).find("great-model")
    assert (preset.tasks, preset.steps, preset.backend, preset.repository) == (("text", "image"), 8, "sora", str(folder))
    (folder / "preset.toml").write_text("fps = 0\n")
    assert "must be above 0" in offered(backend="sora", model=str(folder)).unavailable[0].reason


@pytest.mark.parametrize(("kind", "tasks", "frame_step", "multiple"), [
    ("WanPipeline", ("text", "video"), 4, 16), ("WanImageToVideoPipeline", ("image",), 4, 16),
    ("LTXPipeline", ("text", "image", "video"), 8, 32), ("LTXConditionPipeline", ("text", "image", "video"), 8, 32),
    ("CogVideoXPipeline", ("text", "video"), 8, 16), ("HunyuanVideo15Pipeline", ("text",), 4, 16)])
def test_the_class_of_a_folder_says_what_it_can_do(tmp_path: Path, kind: str, tasks: tuple[str, ...], frame_step: int,
                                                   multiple: int) -> None:
    folder = model(tmp_path / "My Own_Model", kind)
    preset = offered(backend="diffusers", model=str(folder)).find("my-own_model")
    assert (preset.tasks, preset.frame_step, preset.multiple) == (tasks, frame_step, multiple)
    assert (preset.repository, preset.revision, preset.gpu_class) == (str(folder), "", "cpu")
    assert (preset.licence, preset.needs_acceptance, preset.territory) == ("", False, "")


def test_wan_2_2_is_told_from_2_1_by_its_index_and_its_vae(tmp_path: Path) -> None:
    folder = model(tmp_path / "wan", expand_timesteps=True)
    (folder / "vae" / "config.json").write_text('{"scale_factor_spatial": 16}')
    preset = offered(backend="diffusers", model=str(folder)).default
    assert (preset.tasks, preset.multiple, preset.fps) == (("text", "image"), 32, 24)


def test_an_operator_says_more_in_a_file_beside_the_model(tmp_path: Path) -> None:
    folder = model(tmp_path / "x", preset='name = "tiny"\ntasks = ["text"]\nmax_frames = 17\nsteps = 4\ngpu_class = "gpu-24"\n'
                                          'licence = "CC0-1.0"\nneeds_acceptance = true\nsizes = {square = [[64, 64]]}\n')
    found = offered(backend="diffusers", model=str(folder))
    assert [one.name for one in found.unavailable] == ["tiny"]
    preset = offered({"tiny": ""}, backend="diffusers", model=str(folder)).find("tiny")
    assert (preset.max_seconds, preset.steps, preset.sizes, preset.gpu_class) == (17 / 16, 4, {"square": ((64, 64),)}, "gpu-24")


def test_an_unknown_class_needs_such_a_file(tmp_path: Path) -> None:
    strange = model(tmp_path / "strange", "NewPipeline")
    assert "does not know what NewPipeline" in offered(backend="diffusers", model=str(strange)).unavailable[0].reason
    (strange / "preset.toml").write_text('tasks = ["text"]\nfps = 12\nmax_frames = 24\nsizes = {landscape = [[640, 360]]}\n')
    assert offered(backend="diffusers", model=str(strange)).find().frames(1.5) == 18


@pytest.mark.parametrize(("text", "sentence"), [
    ("frames = 3", "frames is not a member of a preset"), ("fps = 'x'", "fps is 'x', which is not of the right kind"),
    ("steps = 0", "steps must be between 1 and max_steps"), ("tasks = ['smell']", "tasks must be of text, image, video"),
    ("sizes = {square = [[65, 64]]}", "65x64 is not a multiple of 16"), ("sizes = {round = [[64, 64]]}", "sizes must have"),
    ("sizes = [[1, 2]]", "is not a preset"), ("revision = 'main'", "40 hexadecimal digits"),
    ("max_frames = 2", "leaves no number"), ("name = 'A B'", "must be of small letters"),
    ("strength = 2", "strength must be"), ("= 1", "cannot be read")])
def test_a_mistake_in_that_file_is_one_line(tmp_path: Path, text: str, sentence: str) -> None:
    folder = model(tmp_path / "x", preset=text)
    found = offered(backend="diffusers", model=str(folder))
    assert sentence in found.unavailable[0].reason


def test_a_folder_is_not_mistaken_for_the_preset_of_its_name(tmp_path: Path) -> None:
    folder = model(tmp_path / "wan2.2-ti2v-5b")
    found = offered(backend="diffusers", model=str(folder), models="wan2.2-ti2v-5b")
    assert [preset.name for preset in found.models] == ["wan2.2-ti2v-5b-own", "wan2.2-ti2v-5b"]
    (folder / "preset.toml").write_text('name = "wan2.2-ti2v-5b"')
    found = offered(backend="diffusers", model=str(folder))
    assert "is the name of a model that comes with Fedisora" in found.unavailable[0].reason


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    one, two = model(tmp_path / "a" / "wan"), model(tmp_path / "b" / "wan")
    with pytest.raises(ConfigurationError, match=r"Two models are called wan\. Give one of them another name in"):
        offered(backend="diffusers", model=str(one), models=str(two))


def test_a_repository_that_was_fetched_is_found_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    model(tmp_path / "hub" / "models--some-body--Some.Thing" / "snapshots" / COMMIT, "LTXPipeline")
    name = "some-body/Some.Thing"
    preset = offered(backend="diffusers", model=name, pinned={name: COMMIT}).find("some.thing")
    assert (preset.title, preset.repository, preset.revision) == (name, name, COMMIT)
    assert weights.folder(preset) is not None
    assert weights.folder(PRESETS[1]) is weights.folder(PRESETS[0]) is None


def test_what_is_missing_in_a_folder_is_named(tmp_path: Path) -> None:
    folder = model(tmp_path / "x")
    assert weights.missing(folder) == ""
    listing = folder / "transformer" / "diffusion_pytorch_model.safetensors.index.json"
    listing.write_text(json.dumps({"weight_map": {"a": "part-1.safetensors"}}))
    assert weights.missing(folder) == f"transformer/part-1.safetensors is missing in {folder}."
    listing.unlink()
    weight = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weight.rename(weight.with_suffix(".bin"))
    assert "pickled weights only" in weights.missing(folder)
    weight.with_suffix(".bin").unlink()
    assert weights.missing(folder) == f"vae in {folder} has no weights."
    (folder / "vae" / "config.json").unlink()
    assert weights.missing(folder) == f"The folder vae is missing in {folder}."
    assert "it is not a diffusers model" in weights.missing(tmp_path)
    (tmp_path / "model_index.json").write_text("{half")
    assert "model_index.json is damaged" in weights.missing(tmp_path)
