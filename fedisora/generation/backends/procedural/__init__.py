"""The procedural backend: a program draws, no model is involved (IPTC algorithmicMedia). Needs no GPU and no weights.

A picture to start from is moved over slowly, in the light of a palette (IPTC composite)."""
from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Protocol

import av
import numpy as np

from ....errors import Invalid
from ....provenance.digital_source import ALGORITHMIC, COMPOSITE
from ..base import Cancelled, Progress, Request
from .drift import Drift
from .palette import Field, choose, generator_for, stops_of, words_of
from .silk import Silk, Space
from .vista import LOOKS, Vista

PIXELS = 768 * 432
"""The size at which scenes are drawn; the encoder's scaler makes the rest."""
CALM = 4.0
"""Seconds in which a scene may go around its loop at the fastest."""
SCENES: dict[str, str] = {
    "space": "space galaxy galaxies nebula planet planets cosmos cosmic universe comet orbit saturn jupiter",
    "city": "city town skyline street streets skyscraper skyscrapers tokyo york metropolis neon downtown",
    "forest": "forest tree trees jungle wood woods spruce pine fern firefly fireflies moss clearing",
    "sea": "sea ocean waves wave beach surf sail boat whale horizon coast tide",
    "dunes": "desert dune dunes sand sahara canyon mars",
    "vista": "mountain mountains sky night star stars aurora moon sun sunset sunrise dawn lake river fjord valley winter snow "
             "landscape evening morning island hills",
}
"""Scene → words; "silk" is for everything else."""


def make(model: str | None, options: Mapping[str, Any]) -> Procedural:
    """The backend of the entry point `procedural`; there is one program, and nothing to choose."""
    return Procedural()


class Scene(Protocol):
    """Draws (height, width, 3) linear light at u in 0 … 1."""

    def frame(self, u: float) -> Field: ...


def scene_for(words: frozenset[str]) -> str:
    """The scene that most words ask for, "silk" when none does."""
    scores = {name: len(words & frozenset(keys.split())) for name, keys in SCENES.items()}
    best = max(scores.values())
    return "silk" if best == 0 else next(name for name in SCENES if scores[name] == best)


def moment(share: float, seconds: float) -> float:
    """Where in its loop a scene is, 0 … 1, after a share of a video.

    A video of `CALM` seconds or more goes around once. A shorter one goes a part of the way and back, no faster than that: whole
    loops in a second would flash (WCAG 2.3.1), and our own gate would hold them.
    """
    if seconds >= CALM:
        return share
    return seconds / (math.pi * CALM) * (1 - math.cos(2 * math.pi * share)) / 2


def _drawing_size(width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, (PIXELS / (width * height)) ** 0.5)
    return max(2, round(width * scale)), max(2, round(height * scale))


class Procedural:
    """Renders any prompt. The same prompt, seed and size give the same pictures."""

    def render(self, request: Request, progress: Progress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """See `backends.base.Backend`."""
        if request.width % 2 or request.height % 2 or not 32 <= min(request.width, request.height) <= 2160:
            raise Invalid("The size of the video must be even and between 32 and 2160 pixels.")
        progress("denoise", 0.0)
        words, rng = words_of(request.prompt), generator_for(request.prompt, request.seed)
        name, palette = scene_for(words), choose(words, rng)
        width, height = _drawing_size(request.width, request.height)
        scene: Scene
        if request.task == "image" and request.image is not None:
            name, scene = "picture", Drift(request.image, stops_of(palette), rng, width, height)
        else:
            kind = Vista if name in LOOKS else Space if name == "space" else Silk
            scene = kind(name, words, stops_of(palette), rng, width, height)
        frames = max(1, round(request.seconds * request.fps))
        finish = _Finish(rng, width, height)
        encoder = _Encoder(request)
        with contextlib.closing(encoder):
            for number in range(frames):
                if cancelled():
                    raise Cancelled
                encoder.add(finish(scene.frame(moment(number / frames, frames / request.fps)), number))
                progress("denoise", (number + 1) / frames)
            encoder.finish()
        return {"width": request.width, "height": request.height, "seconds": frames / request.fps, "fps": request.fps,
                "parameters": {"scene": name, "palette": palette, "width": request.width, "height": request.height,
                               "frames": frames, "fps": request.fps},
                "generator": {"name": "Fedisora procedural", "model": "Aurora", "revision": "3",
                              "licence": "AGPL-3.0-or-later", "backend": "cpu"},
                "digital_source_type": COMPOSITE if name == "picture" else ALGORITHMIC}


class _Finish:
    """Light to pixels: vignette, filmic curve, gamma, grain against banding."""

    def __init__(self, rng: np.random.Generator, width: int, height: int) -> None:
        yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
        away = ((xx - width / 2) / width * 2) ** 2 + ((yy - height / 2) / height * 2) ** 2
        self._vignette = (1 - .28 * np.clip(away / 1.8, 0, 1) ** 1.3).astype(np.float32)[..., None]
        self._grain = rng.normal(0, .8, (8, height, width, 1)).astype(np.float32)

    def __call__(self, light: Field, number: int) -> Any:
        light = light * self._vignette
        light *= 1.3 / (light * .6 + .8)
        np.clip(light, 0, 1, out=light)
        np.sqrt(light, out=light)
        light *= 255
        light += self._grain[number & 7]
        return np.clip(light, 0, 255).astype(np.uint8)


class _Encoder:
    """H.264 in MP4 with the index in front."""

    def __init__(self, request: Request) -> None:
        self._size = (request.width, request.height)
        self._out = av.open(request.output, "w", format="mp4", options={"movflags": "+faststart"})
        # x264's macroblock tree gives other bytes for the same pictures now and then.
        self._stream = self._out.add_stream("libx264", rate=Fraction(request.fps), options={
            "preset": "veryfast", "crf": "21", "tune": "film", "x264-params": "mbtree=0", "colorprim": "bt709",
            "colormatrix": "bt709", "transfer": "bt709"})
        self._stream.width, self._stream.height, self._stream.pix_fmt = request.width, request.height, "yuv420p"
        self._stream.codec_context.gop_size = request.fps * 2
        self._stream.codec_context.thread_count = 1
        self._number = 0
        self._mark = request.marker(request.width, request.height)

    def add(self, pixels: Any) -> None:
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame = frame.reformat(width=self._size[0], height=self._size[1], format="yuv420p", dst_colorspace="ITU709",
                               interpolation="LANCZOS")
        self._mark(frame)
        frame.pts = self._number
        self._number += 1
        self._out.mux(self._stream.encode(frame))

    def finish(self) -> None:
        self._out.mux(self._stream.encode(None))

    def close(self) -> None:
        self._out.close()
