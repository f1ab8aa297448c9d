"""What survives of fingerprints and watermark when a video is changed, what is taken for another one, and what a look-up costs.

Clips are made here (the procedural generator and some moving patterns), encoded, attacked by real encodes through PyAV, and read
by the media child as an instance would. `BENCH_CLIPS=4` makes fewer, `BENCH_CODES=100000` a smaller index.
"""
from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from fedisora.generation.backends.base import Request
from fedisora.generation.backends.procedural import Procedural
from fedisora.media import watermark
from fedisora.media.process import run_media_sync

WIDTH, HEIGHT, FPS, SECONDS = 360, 640, 24, 6.0
PROMPTS = ("aurora over a mountain lake", "waves of the ocean at sunset", "a forest with fireflies", "a neon city at night",
           "a galaxy and a planet", "desert dunes", "a thought of silk")
CRF, FILTER, START, RATE = "crf", "filter", "start", "rate"
ATTACKS: dict[str, dict[str, Any]] = {
    "none": {}, "crf 30": {CRF: 30}, "crf 36": {CRF: 36},
    "scale 50 %": {FILTER: [("scale", "iw/2:ih/2")], CRF: 28}, "scale 33 %": {FILTER: [("scale", "120:214")], CRF: 30},
    "crop 5 %": {FILTER: [("crop", "iw*0.95:ih*0.95")]}, "crop 10 %": {FILTER: [("crop", "iw*0.9:ih*0.9")]},
    "trim 1 s": {START: 1.0}, "trim half": {START: SECONDS / 2},
    "overlay": {FILTER: [("drawbox", "x=10:y=ih*0.85:w=iw*0.9:h=ih*0.1:color=black:t=fill")]},
    "pillarbox": {FILTER: [("pad", "ih:ih:(ow-iw)/2:0")]}, "fps 15": {RATE: 15}, "mirror": {FILTER: [("hflip", "")]},
    "brighter": {FILTER: [("lutyuv", "y=clip((val-110)*1.3+135\\,16\\,235)")]},
}


def patterns(seed: int) -> Iterator[Any]:
    """(height, width, 3) uint8 pictures of textures and shapes that move, unlike those of any other seed."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32) / HEIGHT
    waves = [(rng.uniform(-9, 9, 2), rng.uniform(0, 6), rng.uniform(-2, 2), rng.uniform(5, 22)) for _ in range(6)]
    discs = [(rng.uniform(0, 1, 2), rng.uniform(-.15, .15, 2), rng.uniform(.03, .2), rng.uniform(-90, 90, 3)) for _ in range(9)]
    grain = rng.normal(0, 10, (HEIGHT, WIDTH * 2, 1)).astype(np.float32)
    for number in range(int(FPS * SECONDS)):
        at = number / FPS
        light = sum(size * np.sin(6.28 * (k[0] * across + k[1] * down) + phase + speed * at) for k, phase, speed, size in waves)
        picture = np.repeat((110 + light)[..., None], 3, axis=2) + grain[:, int(at * 30):int(at * 30) + WIDTH]
        for middle, speed, radius, colour in discs:
            y, x = middle + speed * at
            picture += (((across - x) ** 2 + (down - y) ** 2) < radius ** 2)[..., None] * colour
        yield np.clip(picture, 0, 255).astype(np.uint8)


def make(folder: Path, number: int, key: bytes, mark: int) -> tuple[Path, Path]:
    """A clip without and one with a watermark."""
    plain, marked = folder / f"{number}.mp4", folder / f"{number}-marked.mp4"
    if number % 3 < 2:
        request = Request(id="bench", prompt=PROMPTS[number % len(PROMPTS)], seed=number, width=WIDTH, height=HEIGHT,
                          seconds=SECONDS, fps=FPS, output=str(plain))
        Procedural().render(request, lambda *_: None, lambda: False)
    else:
        frames = (av.VideoFrame.from_ndarray(picture, format="rgb24") for picture in patterns(number))
        _encode(plain, (frame.reformat(format="yuv420p") for frame in frames), 19, FPS)
    marker = watermark.Marker(key, mark, WIDTH, HEIGHT)
    _encode(marked, _marked(plain, marker), 19, FPS)
    return plain, marked


def _marked(path: Path, marker: watermark.Marker) -> Iterator[Any]:
    for frame in _decode(path):
        marker.frame(frame)
        yield frame


def _decode(path: Path) -> Iterator[Any]:
    with av.open(str(path)) as container:
        yield from container.decode(video=0)


def _encode(path: Path, frames: Iterator[Any], crf: int, rate: int) -> None:
    with av.open(str(path), "w", format="mp4") as output:
        stream: Any = None
        for number, frame in enumerate(frames):
            if stream is None:
                stream = output.add_stream("libx264", rate=Fraction(rate), options={"preset": "veryfast", "crf": str(crf)})
                stream.width, stream.height, stream.pix_fmt = frame.width // 2 * 2, frame.height // 2 * 2, "yuv420p"
            frame.pts, frame.time_base, frame.pict_type = number, Fraction(1, rate), av.video.frame.PictureType.NONE
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def attack(source: Path, target: Path, how: dict[str, Any]) -> Path:
    """Encode a clip again, changed."""
    def changed() -> Iterator[Any]:
        graph: Any = None
        rate = how.get(RATE, FPS)
        due = 0
        for number, frame in enumerate(_decode(source)):
            if number / FPS < how.get(START, 0.0) or (number / FPS) * rate < due:
                continue
            due += 1 if START not in how else 0
            if how.get(FILTER):
                if graph is None:
                    graph = av.filter.Graph()
                    nodes = [graph.add_buffer(width=frame.width, height=frame.height, format=frame.format,
                                              time_base=Fraction(1, FPS))]
                    nodes += [graph.add(name, options) if options else graph.add(name) for name, options in how[FILTER]]
                    nodes += [graph.add("format", "yuv420p"), graph.add("buffersink")]
                    graph.link_nodes(*nodes).configure()
                graph.push(frame)
                frame = graph.pull()
            yield frame

    _encode(target, changed(), how.get(CRF, 26), how.get(RATE, FPS))
    return target


def read(path: Path) -> tuple[dict[str, Any], float]:
    """What the media child says of a clip, and the seconds it took."""
    started = time.perf_counter()
    found = run_media_sync("fingerprint", {"path": str(path), "watermark": True}, timeout=300)
    return found, time.perf_counter() - started


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """A temporary folder."""
    with tempfile.TemporaryDirectory(prefix="fedisora-bench-") as name:
        yield Path(name)


def psnr(path: Path, marker: watermark.Marker) -> tuple[float, float]:
    """(decibels between the luma before and after marking, milliseconds a frame that marking takes)"""
    errors, spent = [], 0.0
    for frame in _decode(path):
        before = np.frombuffer(frame.planes[0], np.uint8).astype(np.int16)
        started = time.perf_counter()
        marker.frame(frame)
        spent += time.perf_counter() - started
        errors.append(float(((np.frombuffer(frame.planes[0], np.uint8) - before) ** 2).mean()))
    return float(10 * np.log10(255 ** 2 / np.mean(errors))), spent / len(errors) * 1000


CLIPS = int(os.environ.get("BENCH_CLIPS", "9"))
CODES = int(os.environ.get("BENCH_CODES", "1000000"))
KEY = secrets.token_bytes(32)
