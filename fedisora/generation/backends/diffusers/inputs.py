"""The picture or video that a generation starts from. Files come from people: only what `media.source` takes is opened."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import av
from PIL import Image, ImageOps

from ....errors import Invalid
from ....media import images, source
from ....media.limits import MAX_VIDEO_PIXELS, most_frames
from ..base import Cancelled, Request
from .pipelines import frames_of


def start_of(request: Request, cancelled: Callable[[], bool]) -> Any:
    """What a task starts from, in the request's size: None, a picture, or a list of as many pictures as frames are made.

    Raises:
        Invalid: the file is missing, unreadable, or over a limit.
    """
    if request.task == "image":
        if not request.image:
            raise Invalid("This generation starts from a picture, and there is none.")
        return _fit(images.load(request.image), request)
    if request.task == "video":
        if not request.video:
            raise Invalid("This generation changes a video, and there is none.")
        return frames(request.video, request, cancelled)
    return None


def _fit(picture: Image.Image, request: Request) -> Image.Image:
    """Scaled and cropped to the middle; what is transparent becomes black."""
    if picture.mode == "RGBA":
        ground = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        picture = Image.alpha_composite(ground, picture)
    return ImageOps.fit(picture.convert("RGB"), (request.width, request.height), Image.Resampling.LANCZOS)


def frames(path: str, request: Request, cancelled: Callable[[], bool]) -> list[Image.Image]:
    """The beginning of a video at the request's frame rate; its last picture is held when it is shorter."""
    wanted = frames_of(request)
    made: list[Image.Image] = []
    latest: Any = None
    first = 0.0
    container = source.open_video(path, source.kind_of(path))
    with container:
        try:
            for number, frame in enumerate(container.decode(video=0)):
                if cancelled():
                    raise Cancelled
                if number >= most_frames() or frame.width * frame.height > MAX_VIDEO_PIXELS:
                    raise Invalid("This video has too many or too large pictures.")
                at = frame.time if frame.time is not None else number / request.fps
                first = at if number == 0 else first
                due = min(wanted, math.ceil((at - first) * request.fps - 1e-6))
                if latest is not None and due > len(made):
                    made += [_picture(latest, request)] * (due - len(made))
                latest = frame
                if len(made) >= wanted:
                    break
        except (av.error.FFmpegError, ValueError) as error:
            if latest is None:
                raise Invalid(source.UNREADABLE, cause=error) from error
            # a file that breaks off: what came before is used
    if latest is None:
        raise Invalid(source.UNREADABLE, cause="no pictures")
    if len(made) < wanted:
        made += [_picture(latest, request)] * (wanted - len(made))
    return made


def _picture(frame: Any, request: Request) -> Image.Image:
    turn = source.rotation(frame)
    picture = frame.to_image()
    return _fit(picture.rotate(-turn, expand=True) if turn else picture, request)
