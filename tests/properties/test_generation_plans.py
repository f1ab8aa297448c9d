"""Whatever is asked for: a plan obeys its model's rules, planning it again changes nothing, and a refusal is a sentence."""
from __future__ import annotations

import dataclasses

from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fedisora.errors import Invalid
from fedisora.generation.intake import MAX_SEED, Source, Wanted, longest, plan
from fedisora.generation.presets import ORIENTATIONS, PRESETS, TASKS, Preset
from fedisora.generation.presets.catalogue import Catalogue
from fedisora.services.generations import Plan
from fedisora.settings import Settings

EVERYTHING = Catalogue(PRESETS, PRESETS[0])
ODD_NUMBERS = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.floats(-1, 40))
SIZES = st.one_of(st.sampled_from(["", "1280x720", "720x1280", "x", "12", "99999x2", "-4x8", "640 × 640"]),
                  st.tuples(st.integers(1, 5000), st.integers(1, 5000)).map(lambda size: f"{size[0]}x{size[1]}"))
SOURCES = st.one_of(st.none(), st.builds(Source, kind=st.sampled_from(["image", "video"]), width=st.integers(1, 4000),
                                         height=st.integers(1, 4000), seconds=st.one_of(st.none(), st.floats(0, 30))))
WANTED = st.builds(
    Wanted, prompt=st.sampled_from(["a  red\nfox", "", "x" * 1001, "aurora"]),
    negative_prompt=st.sampled_from(["", "blurry", "y" * 1001]),
    model=st.sampled_from(["", "no-such-model", *(preset.name for preset in PRESETS)]),
    task=st.sampled_from(["", "sound", *TASKS]), orientation=st.sampled_from(["", "round", *ORIENTATIONS]), size=SIZES,
    seconds=st.one_of(st.floats(0.5, 12), st.none(), st.floats()), seed=st.one_of(st.none(), st.integers(-2, 2**64)),
    steps=st.one_of(st.none(), st.integers(-1, 120)), guidance=ODD_NUMBERS, strength=ODD_NUMBERS, variants=st.integers(0, 6))
LIKELY = st.builds(
    Wanted, prompt=st.just("a red fox"), model=st.sampled_from([preset.name for preset in PRESETS]),
    orientation=st.sampled_from(["", *ORIENTATIONS]), size=st.one_of(st.just(""), SIZES),
    seconds=st.one_of(st.none(), st.floats(1, 11)),
    seed=st.one_of(st.none(), st.integers(0, MAX_SEED)), steps=st.one_of(st.none(), st.integers(1, 100)),
    guidance=st.one_of(st.none(), st.floats(0, 30)), strength=st.one_of(st.none(), st.floats(0.01, 1)))
LIMITS = st.floats(1, 60)
TEXTS = ("{", "Traceback", "None")


def planned(settings: Settings, wanted: Wanted, source: Source | None) -> Plan | str:
    """The plan, or the sentence of its refusal."""
    try:
        return plan(settings, EVERYTHING, wanted, source=source)
    except Invalid as refusal:
        return refusal.text


def preset_of(made: Plan) -> Preset:
    return EVERYTHING.find(made.model)


@given(st.one_of(WANTED, LIKELY), SOURCES, LIMITS)
@hypothesis_settings(max_examples=400, deadline=None)
def test_a_plan_obeys_its_model_or_a_sentence_says_why_there_is_none(wanted: Wanted, source: Source | None, limit: float) -> None:
    settings = Settings(generation_max_seconds=limit)
    made = planned(settings, wanted, source)
    if isinstance(made, str):
        assert made[0].isupper()
        assert made.endswith(".")
        assert not any(odd in made for odd in TEXTS)
        return
    preset = preset_of(made)
    assert (made.backend, made.gpu_class, made.fps) == (preset.backend, preset.gpu_class, preset.fps)
    assert (made.frames - 1) % preset.frame_step == 0
    assert made.seconds == made.frames / made.fps
    assert preset.min_seconds <= made.seconds + 1e-6
    assert made.seconds <= longest(settings, preset) + 1e-6
    assert (made.orientation, made.width, made.height) in preset.buckets
    assert made.task in preset.tasks
    assert (made.steps is None) == (preset.steps is None)
    assert made.steps is None or 1 <= made.steps <= preset.max_steps
    assert (made.strength is not None) == (made.task == "video")
    assert made.strength is None or made.steps is None or int(made.steps * made.strength) >= 1
    assert 0 <= made.seed <= MAX_SEED - (made.variants - 1)
    assert all(note.endswith(".") for note in made.adjusted)
    if made.task == "video" and source is not None and source.seconds is not None:
        assert made.frames <= source.seconds * made.fps + 1e-3


@given(LIKELY, SOURCES, LIMITS)
@hypothesis_settings(max_examples=400, deadline=None)
def test_planning_a_plan_again_changes_nothing(wanted: Wanted, source: Source | None, limit: float) -> None:
    settings = Settings(generation_max_seconds=limit)
    made = planned(settings, wanted, source)
    assume(isinstance(made, Plan))
    assert isinstance(made, Plan)
    again = plan(settings, EVERYTHING, Wanted(
        prompt=made.prompt, negative_prompt=made.negative_prompt, model=made.model, task=made.task, orientation=made.orientation,
        size=f"{made.width}x{made.height}", seconds=made.seconds, seed=made.seed, steps=made.steps, guidance=made.guidance,
        strength=made.strength, variants=made.variants), source=source)
    assert dataclasses.replace(again, adjusted=()) == dataclasses.replace(made, adjusted=())
    assert source is not None or again.adjusted == ()


@given(st.sampled_from(PRESETS), st.floats(0.5, 70))
def test_frames_are_the_nearest_that_a_model_makes(preset: Preset, seconds: float) -> None:
    frames, exact = preset.frames(seconds), seconds * preset.fps
    inside = preset.min_seconds <= seconds <= preset.max_seconds
    assert not inside or abs(frames - exact) <= preset.frame_step
    assert preset.frames(seconds, at_most=True) <= frames
