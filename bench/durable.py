"""What survives of fingerprints and watermark when a video is changed, what is taken for another one, and what a look-up costs.

Clips are made here (the procedural generator and some moving patterns), encoded, attacked by real encodes through PyAV, and read
by the media child as an instance would. `BENCH_CLIPS=4` makes fewer, `BENCH_CODES=100000` a smaller index.
"""
from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from rich.console import Console
from rich.table import Table

from fedisora.generation.backends.base import Request
from fedisora.generation.backends.procedural import Procedural
from fedisora.media import likeness, watermark
from fedisora.media.fingerprint_index import CODE, CodeIndex
from fedisora.media.process import clean_environment, run_media_sync

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


def kept(codes: dict[str, Any]) -> dict[str, list[bytes]]:
    """What the database would keep of a clip."""
    return {"iscc": [bytes.fromhex(code) for code in codes["keep"]["iscc"]],
            "part": [bytes.fromhex(code) for code in codes["keep"]["part"]],
            "pdq": [bytes.fromhex(code) for _, code in codes["keep"]["pdq"]]}


def survival(folder: Path, clips: int) -> tuple[list[dict[str, list[bytes]]], list[dict[str, Any]], Table, list[float], int]:
    """(kept codes of the marked clips, codes of the plain ones, the table, milliseconds per second of video, marks misread)"""
    key, originals, plain, spent, misread = secrets.token_bytes(32), [], [], [], 0
    table = Table("attack", "ISCC ≤ 48", "median bits", "frames ≥ 50 %", "part ≤ 16", "recognised", "watermark read")
    marks = [secrets.randbits(32) for _ in range(clips)]
    for number, mark in enumerate(marks):
        unmarked, marked = make(folder, number, key, mark)
        plain.append(read(unmarked)[0])
        misread += watermark.read(plain[-1]["residue"], key, plain[-1]["box"]) is not None
        originals.append(kept(read(marked)[0]))
    for name, how in ATTACKS.items():
        bits, frames, parts, same, marked_too = [], 0, 0, 0, 0
        for number, mark in enumerate(marks):
            codes, seconds = read(attack(folder / f"{number}-marked.mp4", folder / "attacked.mp4", how))
            spent.append(seconds * 1000 / (SECONDS - how.get(START, 0.0)))
            found = likeness.compare(codes, originals[number], SECONDS)
            bits.append(found.distance)
            frames += found.frames >= likeness.SHARE
            parts += found.part <= likeness.PART
            same += found.same
            got = watermark.read(codes["residue"], key, codes["box"])
            marked_too += got == mark
            misread += got not in (mark, None)
        table.add_row(name, *(f"{count}/{clips}" if isinstance(count, int) else f"{count:.0f}" for count in (
            sum(distance <= likeness.CANDIDATE for distance in bits), float(np.median(bits)), frames, parts, same, marked_too)))
    return originals, plain, table, spent, misread


def lookups(codes: int) -> tuple[dict[int, tuple[float, float]], float]:
    """({how many codes are looked for at once: (median, slowest of 20) milliseconds}, megabytes) among random codes."""
    index, chance = CodeIndex(), np.random.default_rng(0)
    data = chance.bytes(CODE * codes)
    index.add(range(codes), range(codes), [data[at:at + CODE] for at in range(0, len(data), CODE)])
    times = {}
    for count in (1, 6, 12):
        queries = [chance.bytes(CODE) for _ in range(count - 1)] + [data[:CODE]]
        taken = []
        for _ in range(20):
            started = time.perf_counter()
            assert index.search(queries, likeness.CANDIDATE)[0].row_id == 0
            taken.append(time.perf_counter() - started)
        times[count] = (float(np.median(taken)) * 1000, max(taken) * 1000)
    return times, index.memory / 1e6


def main() -> None:
    """Print the tables."""
    console = Console(width=110)
    with tempfile.TemporaryDirectory(prefix="fedisora-bench-") as name:
        folder = Path(name)
        originals, plain, table, spent, misread = survival(folder, CLIPS)
        console.print(table)
        pairs = [(one, other) for one in range(CLIPS) for other in range(CLIPS) if one != other]
        found = [likeness.compare(plain[one], originals[other], SECONDS) for one, other in pairs]
        console.print(f"unrelated clips: {sum(item.same for item in found)} of {len(pairs)} pairs taken for the same; nearest "
                      f"ISCC {min(item.distance for item in found)} bits (a candidate from {likeness.CANDIDATE} on), "
                      f"nearest part {min(item.part for item in found)} bits (the same up to {likeness.PART}); "
                      f"{misread} of {CLIPS * (1 + len(ATTACKS))} watermarks misread")
        level, _ = quality(folder / "0.mp4")
        worst, _ = quality(folder / "2.mp4")
    console.print(f"watermark: {level:.1f} dB on a calm clip, {worst:.1f} dB on a busy one, {cost():.2f} ms of CPU for a "
                  "frame of 720×1280")
    console.print(f"fingerprint and watermark reading: {np.median(spent):.0f} ms per second of video of {WIDTH}×{HEIGHT}, with "
                  "the start of the child")
    times, memory = lookups(CODES)
    for count, (median, slowest) in times.items():
        console.print(f"look-up among {CODES:,} codes, {count} at once: median {median:.1f} ms, slowest of 20 {slowest:.1f} ms")
    console.print(f"the index takes {memory:.0f} MB")


def quality(path: Path) -> tuple[float, float]:
    """`psnr` of a fresh mark."""
    return psnr(path, watermark.Marker(secrets.token_bytes(32), secrets.randbits(32), WIDTH, HEIGHT))


def cost() -> float:
    """Milliseconds of CPU that marking a frame of 720×1280 takes, in a process with one thread as the generator's."""
    program = ("import time, numpy as np; from fedisora.media.watermark import Marker\n"
               "marker, picture = Marker(bytes(32), 1, 720, 1280), np.full((1280, 720), 120, np.uint8)\n"
               "marker(picture); started = time.process_time()\n"
               "for _ in range(48): marker(picture)\n"
               "print((time.process_time() - started) / 48 * 1000)")
    done = subprocess.run([sys.executable, "-c", program], env=clean_environment(), capture_output=True, text=True, check=True)
    return float(done.stdout)


CLIPS = int(os.environ.get("BENCH_CLIPS", "9"))
CODES = int(os.environ.get("BENCH_CODES", "1000000"))
