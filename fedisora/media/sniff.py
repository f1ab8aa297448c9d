"""What a file is by its first bytes. Names and Content-Types are claims; these bytes choose the parser."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

HEAD: Final = 64
_MP4_BOXES: Final = (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip")
_STILL_BRANDS: Final = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


@dataclass(frozen=True)
class Kind:
    """A format we read.

    Attributes:
        media: `video` or `image`.
        mime: media type.
        demuxer: libav's name, the only one that may open the file; None for still images.
        pillow: Pillow's format name, None for video.
    """

    media: str
    mime: str
    demuxer: str | None = None
    pillow: str | None = None


_JPEG: Final = Kind("image", "image/jpeg", pillow="JPEG")
_PNG: Final = Kind("image", "image/png", pillow="PNG")
_WEBP: Final = Kind("image", "image/webp", pillow="WEBP")
_GIF: Final = Kind("image", "image/gif", demuxer="gif", pillow="GIF")
_MP4: Final = Kind("video", "video/mp4", demuxer="mov")
_MOV: Final = Kind("video", "video/quicktime", demuxer="mov")
_WEBM: Final = Kind("video", "video/webm", demuxer="matroska")
_MKV: Final = Kind("video", "video/x-matroska", demuxer="matroska")


def sniff(head: bytes) -> Kind | None:
    """The kind of a file that begins with `head` (64 bytes suffice), None when it is none of ours."""
    if head.startswith(b"\xff\xd8\xff"):
        return _JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _PNG
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return _WEBP
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _GIF
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return _WEBM if b"webm" in head else _MKV
    if head[4:8] in _MP4_BOXES:
        brand = head[8:12] if head[4:8] == b"ftyp" else b"qt  "
        if brand in _STILL_BRANDS:
            return None
        return _MOV if brand == b"qt  " else _MP4
    return None


def sniff_file(path: str | Path) -> Kind | None:
    """`sniff` of a file's first bytes."""
    with Path(path).open("rb") as file:
        return sniff(file.read(HEAD))


def is_sound(path: str | Path) -> bool:
    """Whether a file begins like MP3, AAC, WAV, FLAC or Ogg: it is not taken, and its uploader is told why."""
    with Path(path).open("rb") as file:
        head = file.read(HEAD)
    return (head.startswith((b"ID3", b"fLaC", b"OggS", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\xff\xf1", b"\xff\xf9"))
            or (head.startswith((b"RIFF", b"RF64")) and head[8:12] == b"WAVE"))
