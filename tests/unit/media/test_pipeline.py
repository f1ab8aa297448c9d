"""Probe, transcode, poster, images: real files through real child processes."""
from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from fedisora.errors import Invalid
from fedisora.media.process import run_media_sync
from fedisora.media.transcode import fitted


def make_video(path: Path, *, width: int = 320, height: int = 180, frames: int = 36, rate: int = 24, sound: bool = True,
               codec: str = "mpeg4") -> Path:
    with av.open(str(path), "w") as output:
        video = output.add_stream(codec, rate=rate)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = output.add_stream("aac", rate=44100, layout="mono") if sound else None
        for number in range(frames):
            picture = np.zeros((height, width, 3), np.uint8)
            picture[:, :, number % 3] = np.linspace(0, 255, width, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        if audio is not None:
            tone = np.sin(np.arange(44100 * frames // rate) / 20).astype(np.float32)
            for start in range(0, len(tone), 1024):
                piece = av.AudioFrame.from_ndarray(tone[None, start:start + 1024], format="fltp", layout="mono")
                piece.sample_rate, piece.pts, piece.time_base = 44100, start, Fraction(1, 44100)
                output.mux(audio.encode(piece))
            output.mux(audio.encode(None))
    return path


def run(operation: str, **request: object) -> dict[str, object]:
    return run_media_sync(operation, {key: str(value) if isinstance(value, Path) else value
                                      for key, value in request.items()}, timeout=60)


def test_a_video_becomes_h264_and_aac_with_the_index_in_front(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mkv")
    assert run("probe", path=source)["kind"] == "video"
    made = run("transcode", path=source, output=tmp_path / "out.mp4")
    assert (made["width"], made["height"], made["audio"]) == (320, 180, True)
    assert made["duration"] == pytest.approx(1.5, abs=0.1)
    data = (tmp_path / "out.mp4").read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
        assert container.streams.audio[0].codec_context.name == "aac"
    picture = run("poster", path=tmp_path / "out.mp4", output=tmp_path / "poster.webp")
    with Image.open(tmp_path / "poster.webp") as shown:
        assert shown.size == (320, 180)
    assert len(str(picture["blurhash"])) > 10


def test_progress_is_told(tmp_path: Path) -> None:
    source, told = make_video(tmp_path / "in.mp4", frames=60, sound=False), list[float]()
    run_media_sync("transcode", {"path": str(source), "output": str(tmp_path / "out.mp4")}, timeout=60,
                   on_progress=told.append)
    assert told and told == sorted(told) and told[-1] <= 1


@pytest.mark.parametrize(("size", "wanted"), [
    ((3840, 2160), (1920, 1080)), ((2160, 3840), (1080, 1920)), ((1280, 720), (1280, 720)), ((641, 359), (640, 360)),
    ((1, 1), (2, 2)), ((3840, 100), (1920, 50))])
def test_sizes_are_even_and_within_full_hd(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert fitted(*size) == wanted


@pytest.mark.parametrize("content", [b"", b"hello", b"#EXTM3U\nfile:///etc/passwd\n", b"\x00\x00\x00\x18ftypmp42" + b"\0" * 90,
                                     b"\x89PNG\r\n\x1a\n" + b"garbage" * 20, b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_garbage_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.mp4"
    path.write_bytes(content)
    with pytest.raises(Invalid) as caught:
        run("probe", path=path)
    assert "cannot be read" in caught.value.text or "no picture" in caught.value.text


def test_a_truncated_video_is_refused(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mkv", frames=240, sound=False)
    data = source.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[:len(data) // 4])
    with pytest.raises(Invalid):
        run("transcode", path=tmp_path / "cut.mkv", output=tmp_path / "out.mp4")


def test_an_image_loses_its_metadata_and_stands_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "SecretCamera"
    Image.new("RGB", (300, 200), "#336699").save(tmp_path / "in.jpg", exif=exif)
    made = run("image", path=tmp_path / "in.jpg", output=tmp_path / "out")
    assert (made["width"], made["height"], made["mime"]) == (200, 300, "image/jpeg")
    assert b"SecretCamera" not in Path(str(made["path"])).read_bytes()


def test_a_transparent_image_stays_transparent(tmp_path: Path) -> None:
    Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(tmp_path / "in.png")
    made = run("image", path=tmp_path / "in.png", output=tmp_path / "out")
    assert made["mime"] == "image/png"
    with Image.open(str(made["path"])) as shown:
        assert shown.mode == "RGBA"


def test_a_picture_bomb_is_refused(tmp_path: Path) -> None:
    Image.new("1", (16_000, 8_000)).save(tmp_path / "bomb.png")
    with pytest.raises(Invalid, match="too large"):
        run("probe", path=tmp_path / "bomb.png")
