"""Pictures and sound of a pipeline to an MP4: H.264, AAC when there is sound, the index in front."""
from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import numpy as np

from ..base import Cancelled, Request

AUDIO_RATE = 24000
"""Hz, when a pipeline with sound does not say."""
BLOCK = 1024
"""Samples of an AAC frame."""

H264 = {"preset": "medium", "crf": "18", "colorprim": "bt709", "colormatrix": "bt709", "transfer": "bt709",
        "x264-params": "mbtree=0"}
"""With its macroblock tree, x264 gave different bytes for the same pictures now and then, in half of the runs at 320x256."""


def encode(video: Any, request: Request, progress: Callable[[float], None], cancelled: Callable[[], bool], *,
           audio: Any = None, rate: int = AUDIO_RATE) -> tuple[int, int]:
    """Write the request's output.

    Args:
        video: tensor (frames, 3, height, width) of numbers in 0 … 1, on any device; one frame at a time leaves it.
        audio: array (channels, samples) or (samples,) of numbers in -1 … 1, or None.
        rate: of the sound, Hz.

    Returns:
        width and height of the file: even, as yuv420p needs.

    Raises:
        Cancelled: between two frames.
    """
    count, _, height, width = video.shape
    with av.open(request.output, "w", format="mp4", options={"movflags": "+faststart"}) as output:
        stream = output.add_stream("libx264", rate=Fraction(request.fps), options=H264)
        stream.width, stream.height, stream.pix_fmt = width - width % 2, height - height % 2, "yuv420p"
        stream.codec_context.gop_size = request.fps * 2
        sound = None if audio is None else _Sound(output, np.asarray(audio, dtype=np.float32), rate, count / request.fps)
        mark = request.marker(stream.width, stream.height)
        for number in range(count):
            if cancelled():
                raise Cancelled
            pixels = (video[number].float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:stream.height, :stream.width]), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
            mark(frame)
            frame.pts = number
            output.mux(stream.encode(frame))
            if sound is not None:
                sound.until((number + 1) / request.fps)
            progress((number + 1) / count)
        output.mux(stream.encode(None))
        if sound is not None:
            sound.finish()
        return stream.width, stream.height


class _Sound:
    """The sound track, as long as the pictures."""

    def __init__(self, output: Any, samples: Any, rate: int, seconds: float) -> None:
        samples = np.atleast_2d(samples)[:2]
        length = round(seconds * rate)
        samples = np.nan_to_num(samples[:, :length])
        self._samples = np.clip(np.pad(samples, ((0, 0), (0, length - samples.shape[1]))), -1, 1)
        self._output, self._rate, self._at = output, rate, 0
        self._layout = "stereo" if len(samples) == 2 else "mono"
        self._stream = output.add_stream("aac", rate=rate, layout=self._layout)
        self._stream.bit_rate = 96_000 * len(samples)

    def until(self, seconds: float) -> None:
        """Encode what is heard before a time."""
        while self._at + BLOCK <= min(round(seconds * self._rate), self._samples.shape[1]):
            self._add(BLOCK)

    def _add(self, count: int) -> None:
        block = np.ascontiguousarray(self._samples[:, self._at:self._at + count])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts = self._rate, self._at
        frame.time_base = Fraction(1, self._rate)
        self._at += block.shape[1]
        self._output.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Encode the rest."""
        while self._at < self._samples.shape[1]:
            self._add(BLOCK)
        self._output.mux(self._stream.encode(None))
