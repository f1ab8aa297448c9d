"""Small real files for uploads."""
from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image


def png(width: int, height: int) -> bytes:
    """A gradient."""
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    pixels = np.stack([across, down, 255 - across], axis=2).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def clip(path: Path, *, width: int = 160, height: int = 90, frames: int = 24, fps: int = 24, sound: bool = False) -> Path:
    """A short H.264 clip of a moving gradient."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=Fraction(fps), options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = out.add_stream("aac", rate=48000, layout="mono") if sound else None
        base = np.frombuffer(Image.open(io.BytesIO(png(width, height))).tobytes(), np.uint8).reshape(height, width, 3)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.roll(base, number * 4, axis=1)), format="rgb24")
            frame.pts = number
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if audio is not None:
            for number in range(frames * 48000 // fps // 1024):
                tone = np.sin(np.arange(1024) * 0.05).astype(np.float32)[None] * 0.1
                block = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
                block.sample_rate, block.pts = 48000, number * 1024
                out.mux(audio.encode(block))
            out.mux(audio.encode(None))
    return path
