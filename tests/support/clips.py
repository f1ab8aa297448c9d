"""Small moving pictures that are the same on every machine (whole numbers only), and clips of them."""
from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np


def luma(seed: int, number: int, width: int, height: int) -> Any:
    """(height, width) uint8: picture `number` of a moving pattern, unlike that of any other seed."""
    down, across = np.mgrid[0:height, 0:width].astype(np.int64)
    down, across = down * 1024 // max(height, width), across * 1024 // max(height, width)
    total = np.zeros((height, width), np.int64)
    for wave in range(4):
        word = (seed * 7919 + wave * 104729 + 12345) * 2654435761 % 2 ** 32
        a, b, c, speed = (word >> shift & 255 for shift in (0, 8, 16, 24))
        phase = ((a % 13 - 6) * across + (b % 13 - 6) * down) // 4 + c * 8 + number * (speed % 23 - 11)
        total += np.abs(phase % 510 - 255)
        radius = 60 + a % 90
        inside = (across - (c * 4 + number * (b % 7)) % 1024) ** 2 + (down - speed * 4 % 1024) ** 2 < radius ** 2
        total += inside * (a - 128) * 3
    return np.clip(total // 4, 0, 255).astype(np.uint8)


def clip(path: Path, seed: int = 1, *, width: int = 128, height: int = 128, seconds: float = 2.0, fps: int = 10, crf: int = 20,
         change: Callable[[Any], Any] | None = None, start: int = 0, said: str = "") -> Path:
    """Encode a pattern as H.264.

    Args:
        change: what becomes of every picture before it is encoded.
        start: number of the first picture.
        said: written into the file's metadata; a tone goes with it.
    """
    with av.open(str(path), "w", format="mp4") as output:
        stream: Any = None
        if said:
            output.metadata["comment"] = said
        for number in range(int(seconds * fps)):
            picture = luma(seed, number + start, width, height)
            picture = np.ascontiguousarray(change(picture) if change else picture)
            if stream is None:
                stream = output.add_stream("libx264", rate=Fraction(fps), options={"preset": "ultrafast", "crf": str(crf)})
                stream.height, stream.width = picture.shape
                stream.pix_fmt = "yuv420p"
                tone: Any = output.add_stream("aac", rate=48_000, layout="mono") if said else None
            frame = av.VideoFrame.from_ndarray(picture, format="gray").reformat(format="yuv420p")
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if tone is not None:
            wave = np.sin(np.arange(int(seconds * 48_000)) / 20).astype(np.float32)
            sound = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
            sound.sample_rate, sound.pts = 48_000, 0
            output.mux(tone.encode(sound))
            output.mux(tone.encode(None))
    return path


def reduced(source: Path, target: Path, side: int, crf: int = 30) -> Path:
    """A clip encoded again, `side` pixels square, with a black bar over it: nothing of its record is left."""
    with av.open(str(source)) as container, av.open(str(target), "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=container.streams.video[0].average_rate, options={"crf": str(crf)})
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        for number, frame in enumerate(container.decode(video=0)):
            picture = frame.reformat(side, side, "gray").to_ndarray()
            picture[-side // 8:] = 0
            small = av.VideoFrame.from_ndarray(picture, format="gray").reformat(format="yuv420p")
            small.pts = number
            output.mux(stream.encode(small))
        output.mux(stream.encode(None))
    return target
