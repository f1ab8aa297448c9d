"""What is said about a request: refusals, and what is made instead of what was asked for."""
from __future__ import annotations

from typing import Any

import pytest

from fedisora.errors import Invalid
from fedisora.generation.intake import Source, Wanted, plan
from fedisora.generation.presets import PRESETS, find
from fedisora.generation.presets.catalogue import Catalogue
from fedisora.services.generations import Plan
from fedisora.settings import Settings

EVERYTHING = Catalogue(PRESETS, PRESETS[0])
PICTURE = Source("image", 1500, 1000)
CLIP = Source("video", 1920, 1080, 3.0)


def planned(source: Source | None = None, settings: dict[str, Any] | None = None, **wanted: Any) -> Plan:
    return plan(Settings(**(settings or {})), EVERYTHING, Wanted(**{"prompt": "a red fox", **wanted}), source=source)


@pytest.mark.parametrize(("orientation", "size"), [("", (720, 1280)), ("portrait", (720, 1280)), ("landscape", (1280, 720)),
                                                   ("square", (960, 960))])
def test_the_program_makes_what_it_always_made(orientation: str, size: tuple[int, int]) -> None:
    made = planned(orientation=orientation, seconds=2.5)
    assert (made.width, made.height) == size
    assert (made.model, made.backend, made.gpu_class) == ("procedural", "procedural", "cpu")
    assert (made.seconds, made.frames, made.fps, made.steps, made.guidance, made.adjusted) == (2.5, 60, 24, None, None, ())


@pytest.mark.parametrize(("wanted", "sentence"), [
    ({"prompt": "  "}, "Please say what the video should show."),
    ({"prompt": "x" * 1001}, "The prompt may have 1000 characters at most."),
    ({"negative_prompt": "x" * 1001}, "The negative prompt may have 1000 characters at most."),
    ({"model": "sora"}, "There is no model 'sora' here. There are: procedural, wan2.2-ti2v-5b, cogvideox-5b, "
                        "hunyuanvideo-1.5-480p, ltx-video-0.9.5, wan2.1-t2v-1.3b."),
    ({"task": "sound"}, "A video starts from one of text, image, video."),
    ({"task": "image"}, "Please choose a picture to start from."),
    ({"task": "image", "model": "wan2.2-ti2v-5b"}, "Please choose a picture to start from."),
    ({"orientation": "round"}, "The shape is one of portrait, landscape, square."),
    ({"seconds": 10.03}, "A video by Aurora (a program, no AI) may be 1 to 10 seconds long."),
    ({"seconds": 10.5}, "A video by Aurora (a program, no AI) may be 1 to 10 seconds long."),
    ({"seconds": 6.0, "model": "wan2.2-ti2v-5b"}, "A video by Wan 2.2 TI2V-5B may be 1 to 5.042 seconds long."),
    ({"seconds": float("nan")}, "A video by Aurora (a program, no AI) may be 1 to 10 seconds long."),
    ({"size": "big"}, "A size is WIDTHxHEIGHT, such as 1280x720."),
    ({"size": "8x1280"}, "Width and height may be 32 to 4096 pixels."),
    ({"variants": 5}, "You may ask for 1 to 4 variants at once."),
    ({"seed": -1}, "A seed is a whole number from 0 to 9223372036854775807."),
    ({"seed": 2**63 - 2, "variants": 3}, "A seed is a whole number from 0 to 9223372036854775807 (variants count on from it)."),
    ({"guidance": 31.0}, "Guidance may be 0 to 30."),
    ({"strength": 0.0}, "Strength may be above 0 and at most 1: how far the video is changed."),
    ({"steps": 101, "model": "wan2.2-ti2v-5b"}, "Wan 2.2 TI2V-5B takes 1 to 100 steps."),
])
def test_a_refusal_says_what_is_possible(wanted: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        planned(**wanted)
    assert refusal.value.text == sentence


@pytest.mark.parametrize(("source", "wanted", "sentence"), [
    (CLIP, {"model": "wan2.2-ti2v-5b"}, "Wan 2.2 TI2V-5B cannot start from a video. These can: cogvideox-5b, ltx-video-0.9.5, "
                                        "wan2.1-t2v-1.3b."),
    (PICTURE, {"model": "ltx-video-0.9.5", "task": "video"}, "To start from a video, choose a video."),
    (PICTURE, {"model": "ltx-video-0.9.5", "task": "text"},
     "What you chose is a picture: leave it out to start from text alone."),
    (CLIP, {"model": "wan2.1-t2v-1.3b", "steps": 2, "strength": 0.4},
     "With 2 steps and a strength of 0.4 nothing would change. Take more of one of them."),
    (Source("video", 640, 480, 1.0), {"model": "wan2.1-t2v-1.3b"},
     "The video to start from is too short: Wan 2.1 T2V-1.3B needs 1.06 seconds of it."),
    (Source("image", 0, 480), {"model": "wan2.2-ti2v-5b"}, "What you chose to start from has no picture."),
])
def test_a_source_that_does_not_fit_is_refused(source: Source, wanted: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        planned(source, **wanted)
    assert refusal.value.text == sentence


def test_frames_and_sizes_are_fitted_and_it_is_said() -> None:
    made = planned(model="wan2.2-ti2v-5b", size="1280x720")
    assert (made.width, made.height, made.frames, made.steps, made.guidance) == (1280, 704, 121, 50, 5.0)
    assert made.negative_prompt.startswith("Bright tones")
    assert made.adjusted == (
        "1280 × 704 instead of 1280 × 720: the nearest size that Wan 2.2 TI2V-5B makes.",
        "121 frames (5.04 s) instead of 120: Wan 2.2 TI2V-5B makes 4 n + 1 frames.")


def test_a_length_may_be_given_as_it_is_shown_and_left_out() -> None:
    for seconds in (None, 5.0, 5.042, 5.04167):
        assert planned(model="wan2.2-ti2v-5b", seconds=seconds).frames == 121
    assert planned(settings={"generation_max_seconds": 3}).seconds == 3.0
    assert planned(seconds=10.02).frames == 240


def test_the_shape_counts_more_than_the_number_of_pixels() -> None:
    made = planned(model="wan2.2-ti2v-5b", size="480x853")
    assert (made.orientation, made.width, made.height) == ("portrait", 480, 832)


def test_a_model_that_has_one_shape_makes_that() -> None:
    made = planned(model="cogvideox-5b", orientation="portrait")
    assert (made.orientation, made.width, made.height) == ("landscape", 720, 480)
    assert made.adjusted[0] == "Landscape (720 × 480) instead of portrait: CogVideoX-5B makes no other."


def test_the_shape_of_a_source_is_kept_unless_another_is_asked_for() -> None:
    made = planned(PICTURE, model="wan2.2-ti2v-5b")
    assert (made.task, made.orientation, made.width, made.height) == ("image", "landscape", 1280, 704)
    assert made.adjusted[0] == "The picture (1500 × 1000) has another shape: its edges are cut to fit 1280 × 704."
    assert planned(PICTURE, model="wan2.2-ti2v-5b", orientation="square").width == 960


def test_a_video_is_changed_as_far_as_it_goes() -> None:
    made = planned(CLIP, model="wan2.1-t2v-1.3b")
    assert (made.task, made.frames, made.strength) == ("video", 45, 0.8)
    assert "2.81 seconds instead of 5: the video to start from has no more." in made.adjusted


def test_what_a_model_does_not_know_is_left_out_and_it_is_said() -> None:
    made = planned(steps=20, guidance=4.0, negative_prompt="blur", strength=0.5)
    assert (made.steps, made.guidance, made.negative_prompt, made.strength) == (None, None, "", None)
    assert made.adjusted == ("Aurora (a program, no AI) takes no steps and no guidance and no negative prompt: left out.",
                             "Strength is about changing a video: left out.")


def test_a_prompt_that_is_not_read_to_its_end_is_said_to_be() -> None:
    long = " ".join(["fox"] * 170)
    made = planned(model="cogvideox-5b", prompt=long)
    assert "Your prompt has 170 words; CogVideoX-5B reads about the first 160." in made.adjusted
    assert not any("words" in note for note in planned(model="wan2.2-ti2v-5b", prompt=long).adjusted)


def test_a_limit_of_the_instance_that_is_no_number_of_frames_is_rounded_like_a_request() -> None:
    assert planned(model="wan2.2-ti2v-5b", seconds=4.0, settings={"generation_max_seconds": 4}).frames == 97
    with pytest.raises(Invalid, match="1 to 4.042 seconds"):
        planned(model="wan2.2-ti2v-5b", seconds=4.2, settings={"generation_max_seconds": 4})


def test_every_preset_is_complete() -> None:
    assert {preset.name for preset in PRESETS if preset.needs_acceptance} == {
        "cogvideox-5b", "hunyuanvideo-1.5-480p", "ltx-video-0.9.5"}
    assert [preset.name for preset in PRESETS if preset.recommended] == ["wan2.2-ti2v-5b"]
    for preset in PRESETS[1:]:
        assert len(preset.revision) == 40
        assert preset.licence
        assert all(url.startswith("https://") for url in (preset.licence_url, preset.card_url))
        assert set(preset.pipelines) == set(preset.tasks)
        assert 0 < preset.low_memory_gb <= preset.memory_gb
        assert preset.frames(preset.max_seconds) / preset.fps == preset.max_seconds
        assert find(preset.repository) is preset
    assert find("hunyuanvideo-1.5-480p").territory  # type: ignore[union-attr]
