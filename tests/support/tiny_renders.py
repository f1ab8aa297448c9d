"""Requests for tiny pipelines, and what they start from."""
from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from fedisora.generation.backends import load
from fedisora.generation.backends.base import Backend, Request

SIZE = 64
FRAMES = 9
"""Fits every family: a multiple of 4 and of 8, plus 1."""


def tiny(folder: Path, **options: Any) -> Any:
    """The backend with a tiny pipeline, warm, on one thread: more only get into each other's way."""
    import torch

    torch.set_num_threads(1)
    return load("diffusers", str(folder), options)


def request(output: Path, **more: Any) -> Request:
    """A small video of noise: 9 frames of 64×64, 3 steps."""
    values: dict[str, Any] = {"id": "1", "prompt": "a fox in the snow", "seed": 5, "width": SIZE, "height": SIZE, "seconds": 1,
                              "frames": FRAMES, "fps": 8, "steps": 3, "guidance": 3.0, "output": str(output)}
    return Request(**values | more)


def digest(backend: Backend, output: Path, **more: Any) -> str:
    """SHA-256 of the file that a request gives."""
    backend.render(request(output, **more), lambda stage, share: None, lambda: False)
    return hashlib.sha256(output.read_bytes()).hexdigest()


def picture(path: Path, size: tuple[int, int] = (100, 70), colour: str = "tomato") -> str:
    """A picture in another size than the video's."""
    Image.new("RGB", size, colour).save(path)
    return str(path)


def clip(path: Path, *, frames: int = 20, fps: int = 12, size: tuple[int, int] = (96, 64)) -> str:
    """A video in which a bright bar wanders from left to right."""
    width, height = size
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            pixels = np.zeros((height, width, 3), np.uint8)
            pixels[:, number * width // frames:][:, :8] = 255
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return str(path)
