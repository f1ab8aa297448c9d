"""One file for download and for HLS: an MP4 in fragments that begin at whole pictures (CMAF), with an index of them in front."""
from __future__ import annotations

import contextlib
from typing import Any, Final

import av

from ..errors import Invalid
from . import source
from .progress import Progress

FRAGMENTED: Final = {"movflags": "+frag_keyframe+delay_moov+default_base_moof+global_sidx+skip_trailer"}
DELAY: Final = 0.2
"""Seconds between decoding and showing a whole picture, the same in every size, whatever its order of coding: the muxer cuts the
sound where a whole picture is decoded, and players that change the size must find it cut at the same moments."""


def fragment(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Write the coded pictures and sound of one of our own MP4s into fragments; nothing is encoded.

    Args:
        request: {"path": MP4, "output": file}.

    Returns:
        {"width", "height", "duration": seconds}

    Raises:
        Invalid: not readable.
    """
    path = str(request["path"])
    container = source.open_video(path, source.kind_of(path), longest=None)
    with contextlib.closing(container):
        streams = [stream for stream in (source.pictures(container), source.sounds(container)) if stream is not None]
        seconds = source.duration(container) or 0.0
        try:
            with contextlib.closing(av.open(str(request["output"]), "w", format="mp4", options=FRAGMENTED)) as output:
                made = {stream.index: output.add_stream_from_template(stream) for stream in streams}
                ahead: int | None = None
                for packet in container.demux(streams):
                    if not packet.size:
                        continue
                    if packet.stream is streams[0] and packet.pts is not None and packet.dts is not None:
                        if ahead is None:
                            ahead = max(0, round(DELAY / packet.time_base) - (packet.pts - packet.dts))
                        packet.dts -= ahead
                    packet.stream = made[packet.stream.index]
                    output.mux(packet)
                    if seconds and packet.is_keyframe and packet.pts is not None:
                        progress(float(packet.pts * packet.time_base) / seconds)
        except (av.error.FFmpegError, ValueError) as error:
            raise Invalid(source.UNREADABLE, cause=error) from error
        context = streams[0].codec_context
        return {"width": context.width, "height": context.height, "duration": round(seconds, 3)}
