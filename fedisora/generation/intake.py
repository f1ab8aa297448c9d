"""From what a person asks for to what exactly will be made. The edges (web, command line) call this before anything is queued."""
from __future__ import annotations

import math
import re
import secrets
from dataclasses import dataclass
from typing import Any

from ..errors import Invalid
from ..services.generations import MAX_PROMPT, Plan
from ..settings import Settings
from ..translations import Sentence
from .presets import ORIENTATIONS, TASKS, Preset
from .presets.catalogue import Catalogue

USUAL_SECONDS = 5.0
MAX_SEED = 2**63 - 1
MAX_GUIDANCE = 30.0
SMALLEST, LARGEST = 32, 4096
"""Pixels of a side that may be asked for; what is made is one of the model's own sizes."""
SHAPE_WEIGHT = 4.0
"""How much more the shape counts than the area when the nearest size is looked for: a portrait never becomes a landscape
because that is nearer in pixels."""
LONG_PROMPT = Sentence("The prompt may have %(most)s characters at most.", most=MAX_PROMPT)
LONG_NEGATIVE = Sentence("The negative prompt may have %(most)s characters at most.", most=MAX_PROMPT)
_SIZE = re.compile(r"([0-9]{1,5})\s*[xX×]\s*([0-9]{1,5})", re.ASCII)
_STARTS = {"text": "text", "image": "a picture", "video": "a video"}


@dataclass(frozen=True)
class Wanted:
    """A request as it came, not yet checked.

    Attributes:
        model: name; "" = the instance's default.
        task: what it starts from, of `text`, `image`, `video`; "" = what its source is.
        orientation: `portrait`, `landscape`, `square`; "" = that of its source, and portrait without one.
        size: `WIDTHxHEIGHT`, which wins over the orientation; "" = the model's own for the orientation.
        seconds: None = 5, or the longest that the model makes.
        strength: how far a source video is changed, 0 … 1.
        input_media_id: a picture (task `image`) or video (task `video`) of this account, or a post's that may be remixed.
        people: what its author says about people in the file that it starts from, of `services.likenesses.declaring.PEOPLE`.
        publish: members of `services.publish.Draft` when it is to become a post by itself.
    """

    prompt: str
    negative_prompt: str = ""
    model: str = ""
    task: str = ""
    orientation: str = ""
    size: str = ""
    seconds: float | None = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    strength: float | None = None
    input_media_id: int | None = None
    remix_of_id: int | None = None
    variants: int = 1
    people: str = ""
    publish: dict[str, Any] | None = None
    webhook_url: str = ""


@dataclass(frozen=True)
class Source:
    """What a video starts from: `kind` is `image` or `video`, sizes are pixels as shown, `seconds` the length of a video."""

    kind: str
    width: int
    height: int
    seconds: float | None = None


def plan(settings: Settings, catalogue: Catalogue, wanted: Wanted, *, source: Source | None = None) -> Plan:
    """The effective parameters of a request: everything is checked first, then fitted to what the model can make.

    Pure but for the seed, which is drawn when none was given. Planning a plan's own values again gives the same plan.

    Args:
        source: facts about the media of `wanted.input_media_id`.

    Returns:
        the plan; its `adjusted` says in sentences what differs from what was asked for.

    Raises:
        Invalid: a value is not acceptable; the sentence says which are.
    """
    preset = catalogue.find(wanted.model)
    task = _task(catalogue, preset, wanted, source)
    prompt = " ".join(wanted.prompt.split())
    if not prompt:
        raise Invalid("Please say what the video should show.", code="no-prompt")
    for text, sentence in ((prompt, LONG_PROMPT), (wanted.negative_prompt, LONG_NEGATIVE)):
        if len(text) > MAX_PROMPT:
            raise Invalid(sentence, code="long-prompt")
    if wanted.orientation not in ("", *ORIENTATIONS):
        raise Invalid(f"The shape is one of {', '.join(ORIENTATIONS)}.", code="orientation")
    asked = _asked_size(wanted.size)
    _check_numbers(settings, wanted)
    notes: list[str] = []
    orientation, width, height = _bucket(preset, wanted, asked, source, notes)
    words = len(prompt.split())
    if 0 < preset.prompt_words < words:
        notes.append(f"Your prompt has {words} words; {preset.title} reads about the first {preset.prompt_words}.")
    frames = _frames(settings, preset, wanted, source if task == "video" else None, notes)
    steps, guidance, negative = _sampling(preset, wanted, notes)
    return Plan(
        prompt=prompt, backend=preset.backend, model=preset.name, gpu_class=preset.gpu_class,
        seed=secrets.randbits(53) if wanted.seed is None else wanted.seed, width=width, height=height, frames=frames,
        fps=preset.fps, seconds=frames / preset.fps, task=task, orientation=orientation, negative_prompt=negative,
        steps=steps, guidance=guidance, strength=_strength(preset, wanted, task, steps, notes),
        input_media_id=wanted.input_media_id, remix_of_id=wanted.remix_of_id, variants=wanted.variants, people=wanted.people,
        adjusted=tuple(notes))


def longest(settings: Settings, preset: Preset) -> float:
    """Seconds of the longest video that may be asked for with a model: its own limit and the instance's, whole frames of it."""
    limit = settings.generation_max_seconds
    return min(preset.max_seconds, max(limit, preset.frames(limit) / preset.fps))


def _task(catalogue: Catalogue, preset: Preset, wanted: Wanted, source: Source | None) -> str:
    task = wanted.task or (source.kind if source is not None else "text")
    if task not in TASKS:
        raise Invalid(f"A video starts from one of {', '.join(TASKS)}.", code="task")
    if task not in preset.tasks:
        able = [other.name for other in catalogue.models if task in other.tasks]
        raise Invalid(f"{preset.title} cannot start from {_STARTS[task]}. " + (
            f"These can: {', '.join(able)}." if able else "No model of this server can."), code="task")
    if task != "text" and source is None:
        raise Invalid(f"Please choose {_STARTS[task]} to start from.", code="no-input")
    if source is not None and source.kind != task:
        raise Invalid(f"To start from {_STARTS[task]}, choose {_STARTS[task]}." if task != "text" else
                      f"What you chose is {_STARTS.get(source.kind, 'a file')}: leave it out to start from text alone.",
                      code="input-kind")
    if source is not None and min(source.width, source.height) < 1:
        raise Invalid("What you chose to start from has no picture.", code="input-broken")
    return task


def _asked_size(text: str) -> tuple[int, int] | None:
    if not text.strip():
        return None
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise Invalid("A size is WIDTHxHEIGHT, such as 1280x720.", code="size")
    width, height = int(match[1]), int(match[2])
    if not SMALLEST <= min(width, height) <= max(width, height) <= LARGEST:
        raise Invalid(Sentence("Width and height may be %(least)s to %(most)s pixels.", least=SMALLEST, most=LARGEST),
                      code="size")
    return width, height


def _check_numbers(settings: Settings, wanted: Wanted) -> None:
    if not 1 <= wanted.variants <= settings.generation_variants:
        raise Invalid(f"You may ask for 1 to {settings.generation_variants} variants at once.", code="variants")
    if wanted.seed is not None and not 0 <= wanted.seed <= MAX_SEED - (wanted.variants - 1):
        raise Invalid(f"A seed is a whole number from 0 to {MAX_SEED}" + (
            " (variants count on from it)." if wanted.variants > 1 else "."), code="seed")
    if wanted.guidance is not None and not 0 <= wanted.guidance <= MAX_GUIDANCE:
        raise Invalid(f"Guidance may be 0 to {MAX_GUIDANCE:g}.", code="guidance")
    if wanted.strength is not None and not 0 < wanted.strength <= 1:
        raise Invalid("Strength may be above 0 and at most 1: how far the video is changed.", code="strength")


def _bucket(preset: Preset, wanted: Wanted, asked: tuple[int, int] | None, source: Source | None,
            notes: list[str]) -> tuple[str, int, int]:
    """The size that is made: (orientation, width, height)."""
    if asked is not None:
        found = _nearest(preset, *asked)
        if found[1:] != asked:
            notes.append(f"{found[1]} × {found[2]} instead of {asked[0]} × {asked[1]}: the nearest size that {preset.title} "
                         "makes.")
    elif source is not None and not wanted.orientation:
        found = _nearest(preset, source.width, source.height, area=False)
    else:
        orientation = wanted.orientation or "portrait"
        if orientation in preset.sizes:
            found = (orientation, *preset.sizes[orientation][0])
        else:
            found = preset.buckets[0]
            if wanted.orientation:
                notes.append(f"{found[0].capitalize()} ({found[1]} × {found[2]}) instead of {orientation}: {preset.title} makes "
                             "no other.")
    if source is not None:
        shape = found[1] / found[2] / (source.width / source.height)
        if abs(math.log(shape)) > 0.02:
            what = "picture" if source.kind == "image" else "video"
            notes.append(f"The {what} ({source.width} × {source.height}) has another shape: its edges are cut to fit "
                         f"{found[1]} × {found[2]}.")
    return found


def _nearest(preset: Preset, width: int, height: int, *, area: bool = True) -> tuple[str, int, int]:
    """The size nearest in shape and then in area; without `area` the first of the nearest shape's orientation."""
    def away(bucket: tuple[str, int, int]) -> float:
        _, w, h = bucket
        return SHAPE_WEIGHT * abs(math.log(w / h * height / width)) + (abs(math.log(w * h / (width * height))) if area else 0.0)

    found = min(preset.buckets, key=away)
    return found if area else (found[0], *preset.sizes[found[0]][0])


def _frames(settings: Settings, preset: Preset, wanted: Wanted, source: Source | None, notes: list[str]) -> int:
    most, half = longest(settings, preset), 0.5 / preset.fps
    seconds = min(USUAL_SECONDS, most) if wanted.seconds is None else wanted.seconds
    if not preset.min_seconds - half <= seconds <= most + half:  # as it is said when it is rounded; refuses NaN too
        raise Invalid(Sentence("A video by %(model)s may be %(least)s to %(most)s seconds long.", model=preset.title,
                               least=f"{preset.min_seconds:g}", most=f"{most:.4g}"), code="seconds")
    frames = min(preset.frames(seconds), preset.frames(most))
    if source is not None and source.seconds is not None:
        held = preset.frames(source.seconds, at_most=True)
        if held > source.seconds * preset.fps + 1e-3:
            raise Invalid(f"The video to start from is too short: {preset.title} needs {held / preset.fps:.2f} seconds of it.",
                          code="input-short")
        if held < frames:
            notes.append(f"{held / preset.fps:.2f} seconds instead of {seconds:.4g}: the video to start from has no more.")
            return held
    if abs(frames - seconds * preset.fps) > 0.5:
        notes.append(f"{frames} frames ({frames / preset.fps:.2f} s) instead of {round(seconds * preset.fps)}: "
                     f"{preset.title} makes {preset.frame_step} n + 1 frames.")
    return frames


def _sampling(preset: Preset, wanted: Wanted, notes: list[str]) -> tuple[int | None, float | None, str]:
    """(steps, guidance, negative prompt)."""
    ignored = []
    steps, guidance, negative = wanted.steps, wanted.guidance, " ".join(wanted.negative_prompt.split())
    if preset.steps is None:
        ignored += ["steps"] if steps is not None else []
        steps = None
    elif steps is None:
        steps = preset.steps
    elif not 1 <= steps <= preset.max_steps:
        raise Invalid(f"{preset.title} takes 1 to {preset.max_steps} steps.", code="steps")
    if preset.guidance is None:
        ignored += ["guidance"] if guidance is not None else []
        guidance = None
    elif guidance is None:
        guidance = preset.guidance
    if preset.steps is None:  # a program that draws: there is nothing to keep away from
        ignored += ["negative prompt"] if negative else []
        negative = ""
    else:
        negative = negative or preset.negative_prompt
    if ignored:
        notes.append(f"{preset.title} takes no {' and no '.join(ignored)}: left out.")
    return steps, guidance, negative


def _strength(preset: Preset, wanted: Wanted, task: str, steps: int | None, notes: list[str]) -> float | None:
    if task != "video":
        if wanted.strength is not None:
            notes.append("Strength is about changing a video: left out.")
        return None
    strength = preset.strength if wanted.strength is None else wanted.strength
    if steps is not None and int(steps * strength) < 1:
        raise Invalid(f"With {steps} steps and a strength of {strength:g} nothing would change. Take more of one of them.",
                      code="strength")
    return strength
