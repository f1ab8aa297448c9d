"""What becomes of every kind of file that a stranger may upload: the table of docs/operate/media.md, line by line."""
from __future__ import annotations

import contextlib
import struct
import sys
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from fedisora.errors import Invalid
from fedisora.media.picture import turn_of
from fedisora.media.probe import probe
from fedisora.media.transcode import transcode
from tests.support.odd_videos import corners, quarters, tone, video


def quiet(share: float) -> None:
    """Nobody watches the progress."""


def made(source: Path, **more: Any) -> tuple[dict[str, Any], Path]:
    """Probe and encode, as an upload goes."""
    target = source.with_name(f"{source.stem}-made.mp4")
    probe({"path": str(source)}, quiet)
    return transcode({"path": str(source), "output": str(target), **more}, quiet), target


def look(path: Path) -> dict[str, Any]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        context = stream.codec_context
        return {"size": (context.width, context.height), "frames": len(frames), "format": context.pix_fmt,
                "colours": (int(frames[0].colorspace), int(frames[0].color_primaries), int(frames[0].color_trc)),
                "full": int(frames[0].color_range) == 2, "rotation": frames[0].rotation, "rate": stream.average_rate,
                "side": [data.type.name for data in frames[0].side_data],
                "lumas": [frame.to_ndarray(format="gray").astype(int) for frame in (frames[0], frames[-1])],
                "tracks": [(item.type, item.codec_context.name) for item in container.streams]}


ONE = 1 << 16
TURNS = {"90": (0, ONE, -ONE, 0, "brwg"), "180": (-ONE, 0, 0, -ONE, "wbgr"), "270": (0, -ONE, ONE, 0, "gwrb"),
         "mirrored": (-ONE, 0, 0, ONE, "grwb"), "upside down": (ONE, 0, 0, -ONE, "bwrg"),
         "transposed": (0, ONE, ONE, 0, "rbgw"), "transversed": (0, -ONE, -ONE, 0, "wgbr")}


@pytest.mark.parametrize("name", TURNS)
def test_a_turned_or_mirrored_video_stands_upright(tmp_path: Path, name: str) -> None:
    a, b, c, d, wanted = TURNS[name]
    source = video(tmp_path / "in.mp4", frames=2, matrix=(a, b, 0, c, d, 0, 0, 0, 1 << 30))
    found, path = made(source, repackage=True)
    assert (found["turned"], found["repackaged"]) == (True, False)
    assert corners(path) == wanted
    assert look(path)["size"] == ((48, 64) if a == 0 else (64, 48))
    assert look(path)["rotation"] == 0


@pytest.mark.parametrize(("codec", "pix_fmt", "suffix"), [
    ("libx264", "yuv444p", "mkv"), ("libx264", "yuv420p10le", "mp4"), ("libx264", "yuvj420p", "mp4"), ("libx264", "gray", "mp4"),
    ("libx264rgb", "rgb24", "mkv"), ("libvpx-vp9", "yuv420p", "webm"), ("libsvtav1", "yuv420p", "mkv"),
    ("libx265", "yuv422p10le", "mkv"), ("prores_ks", "yuv422p10le", "mov"), ("mjpeg", "yuvj422p", "mov"),
    ("ffv1", "gbrp16le", "mkv"), ("mpeg2video", "yuv420p", "mkv"), ("gif", "rgb8", "gif")])
def test_every_way_of_coding_a_picture_keeps_its_colours(tmp_path: Path, codec: str, pix_fmt: str, suffix: str) -> None:
    if codec == "libx264rgb" and codec not in av.codecs_available:
        pytest.skip("no libx264rgb in this build")
    source = video(tmp_path / f"in.{suffix}", codec=codec, pix_fmt=pix_fmt, frames=3, fps=25,
                   options={"crf": "10"} if codec.startswith("lib") else {})
    _, path = made(source)
    shown = look(path)
    assert (shown["format"], shown["full"]) == ("yuv420p", False)
    if pix_fmt != "gray":
        assert corners(path) == "rgbw"
    assert shown["lumas"][0][40, 60] == pytest.approx(230, abs=20)  # white stays white: the range was understood


def pq(nits: float) -> float:
    """SMPTE ST 2084: the signal of a luminance."""
    power = (nits / 10_000) ** (2610 / 16384)
    return float(((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32))


def hlg(share: float) -> float:
    """ARIB STD-B67: the signal of a share of the scene's brightest light."""
    return float((3 * share) ** 0.5 if share <= 1 / 12 else 0.17883277 * np.log(12 * share - 0.28466892) + 0.55991073)


@pytest.mark.parametrize(("transfer", "levels"), [
    (16, [pq(nits) for nits in (0.005, 1, 26, 203, 1000)]), (18, [hlg(share) for share in (0, 0.01, 0.05, 0.265, 1)])])
def test_hdr_is_brought_to_sdr_with_blacks_and_whites(tmp_path: Path, transfer: int, levels: list[float]) -> None:
    planes = np.full((64 * 3 // 2, 160), 512, np.uint16)
    for number, level in enumerate(levels):
        planes[:64, number * 32:(number + 1) * 32] = round(64 + 876 * level)
    source = video(tmp_path / "in.mp4", codec="libx264", pix_fmt="yuv420p10le", size=(160, 64), frames=2,
                   colours=(9, 9, transfer, 1), options={"crf": "4"},
                   picture=lambda number: av.VideoFrame.from_ndarray(planes, format="yuv420p10le"))
    found, path = made(source, repackage=True)
    shown = look(path)
    assert found["hdr"] and shown["format"] == "yuv420p" and shown["colours"] == (1, 1, 1)
    black, dark, grey, white, bright = (int(shown["lumas"][0][32, number * 32 + 16]) for number in range(5))
    assert black <= 12 and 12 < dark < 70 and 60 < grey < 135 and 140 < white < 235 and bright > 195
    assert black < dark < grey < white < bright


@pytest.mark.parametrize(("codec", "pix_fmt", "suffix"), [("libvpx-vp9", "yuva420p", "webm"), ("ffv1", "bgra", "mkv"),
                                                          ("png", "rgba", "mov")])
def test_transparent_pictures_are_laid_on_black(tmp_path: Path, codec: str, pix_fmt: str, suffix: str) -> None:
    picture = np.dstack([quarters(), np.full((48, 64), 255, np.uint8)])
    picture[24:, 32:, 3] = 0  # the white quarter is not there
    source = video(tmp_path / f"in.{suffix}", codec=codec, pix_fmt=pix_fmt, frames=2, picture=lambda number: picture,
                   tagged={"alpha_mode": "1"} if suffix == "webm" else {},
                   options={"auto-alt-ref": "0", "crf": "10", "b": "0"} if suffix == "webm" else {})
    _, path = made(source)
    assert corners(path) == "rgbk"


def test_odd_sides_and_oblong_pixels(tmp_path: Path) -> None:
    odd = video(tmp_path / "odd.mkv", codec="ffv1", size=(65, 49), frames=2)
    assert look(made(odd)[1])["size"] in ((64, 48), (66, 50))
    oblong = video(tmp_path / "oblong.mp4", size=(64, 48), frames=2, aspect=Fraction(64, 45))
    found, path = made(oblong, repackage=True)
    assert (found["width"], found["height"], found["repackaged"]) == (92, 48, False)
    assert corners(path) == "rgbw"


def test_interlaced_pictures_lose_their_combs(tmp_path: Path) -> None:
    def comb(number: int) -> Any:  # a bar that moves between the two fields
        picture = np.zeros((48, 64, 3), np.uint8)
        for line in range(48):
            at = number * 8 + (line % 2) * 4
            picture[line, at:at + 16] = 235
        return picture

    source = video(tmp_path / "in.mkv", codec="libx264", frames=5, picture=comb,
                   options={"crf": "5", "x264-params": "tff=1:interlaced=1:log-level=none"})
    _, path = made(source, repackage=True)
    shown = look(path)["lumas"][0]
    assert look(path)["frames"] == 5
    assert np.abs(shown[1:-1] - (shown[:-2] + shown[2:]) / 2).mean() < 6  # combs would make it 15 and more


def test_pictures_at_uneven_times_get_even_ones(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mkv", codec="ffv1", times=[0, 0.04, 0.08, 0.5, 0.54, 1.2],
                   picture=lambda number: np.full((48, 64, 3), 40 * number, np.uint8))
    found, path = made(source)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        shown = {round(float(frame.time), 3): int(frame.to_ndarray(format="gray")[20, 20]) for frame in container.decode(stream)}
    times = sorted(shown)
    assert np.ptp(np.diff(times)) < 0.002
    for moment, number in ((0.3, 2), (0.45, 2), (0.9, 4), (1.1, 4)):
        nearest = max(time for time in times if time <= moment + 0.001)
        assert shown[nearest] == pytest.approx(40 * number, abs=8), moment
    assert found["duration"] == pytest.approx(1.25, abs=0.1)


def test_clocks_that_make_no_sense(tmp_path: Path) -> None:
    late = video(tmp_path / "late.mkv", codec="ffv1", times=[50.0, 50.1, 50.2, 50.3])
    assert made(late)[0]["duration"] == pytest.approx(0.4, abs=0.15)
    back = video(tmp_path / "back.mkv", codec="ffv1", times=[0.0, 0.1, 0.2, 0.3])
    data = back.read_bytes()
    assert made(back)[0]["frames"] >= 4 and len(data) > 0
    jump = video(tmp_path / "jump.mkv", codec="ffv1", times=[0.0, 0.1, 0.2, 3000.0])
    with pytest.raises(Invalid, match="The most is 180 seconds"):
        made(jump)
    lone = video(tmp_path / "lone.mkv", codec="ffv1", frames=1)
    assert made(lone)[0]["frames"] >= 1


@pytest.mark.parametrize(("seconds", "wanted"), [(0.3, 1.0), (2.5, 2.5)])
def test_sound_that_is_shorter_or_longer_than_the_picture(tmp_path: Path, seconds: float, wanted: float) -> None:
    source = video(tmp_path / "in.mkv", frames=12, sounds=[tone(seconds)])
    found, _ = made(source, repackage=True)
    assert found["audio"] and found["duration"] == pytest.approx(wanted, abs=0.15)


def heard(path: Path) -> Any:
    """(2, samples) at 48 kHz."""
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


def test_sound_that_begins_later_stays_in_step(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mkv", frames=24, sounds=[tone(1.0, amplitude=0.5)], sound_starts=1.0)
    wave = np.abs(heard(made(source)[1])[0])
    begins = int(np.argmax(wave > 0.1)) / 48_000
    assert begins == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize(("rate", "layout", "channels", "codec"), [
    (8_000, "mono", 1, "aac"), (48_000, "5.1", 6, "aac"), (44_100, "stereo", 2, "libmp3lame"), (96_000, "stereo", 2, "pcm_s16le"),
    (48_000, "mono", 1, "libopus")])
def test_any_sound_becomes_stereo_at_48_khz(tmp_path: Path, rate: int, layout: str, channels: int, codec: str) -> None:
    source = video(tmp_path / "in.mkv", frames=6, sounds=[tone(1.0, rate, channels)], sound_rate=rate, layout=layout,
                   sound_codec=codec)
    found, path = made(source)
    with av.open(str(path)) as container:
        context = container.streams.audio[0].codec_context
        assert (context.name, context.sample_rate, context.layout.name) == ("aac", 48_000, "stereo")
    assert found["loudness"] is not None and -30 < found["loudness"] < -12


def test_numbers_that_are_none_and_silence(tmp_path: Path) -> None:
    wave = tone(0.5, 48_000)
    wave[:, 3000:3100], wave[:, 9000] = np.nan, 1e30
    broken = video(tmp_path / "nan.mkv", frames=6, sounds=[wave], sound_rate=48_000, sound_codec="pcm_f32le")
    found, path = made(broken)
    assert found["audio"] and found["loudness"] is not None and np.isfinite(heard(path)).all()
    silent = video(tmp_path / "silent.mkv", frames=6, sounds=[tone(0.5) * 0])
    for more in ({}, {"loudness_target": -16.0}, {"repackage": True}):
        found, _ = made(silent, **more)
        assert (found["audio"], found["loudness"]) == (True, None)


def test_the_default_track_is_heard_and_other_tracks_are_left_out(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mkv", frames=12, sounds=[tone(1.0, amplitude=0.4), tone(1.0, amplitude=0.01)])
    found, path = made(source)
    assert look(path)["tracks"] == [("video", "h264"), ("audio", "aac")]
    assert found["loudness"] > -15


def test_a_cover_is_not_the_video(tmp_path: Path) -> None:
    source, target = video(tmp_path / "in.mkv", frames=2, sounds=[tone(0.3)]), tmp_path / "song.m4a"
    with av.open(str(source)) as container, av.open(str(target), "w", format="mp4") as out:
        track = out.add_stream_from_template(container.streams.audio[0])
        for packet in container.demux(container.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = track
                out.mux(packet)
    with pytest.raises(Invalid, match="sound alone"):
        probe({"path": str(target)}, quiet)


@pytest.mark.parametrize("head", [b"ID3\x04" + bytes(80), b"RIFF\x00\x01\x00\x00WAVEfmt " + bytes(64), b"fLaC" + bytes(80),
                                  b"OggS" + bytes(80), b"\xff\xfb\x90" + bytes(80)])
def test_sound_alone_is_refused_in_words(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "song.mp4"
    path.write_bytes(head)
    with pytest.raises(Invalid, match="sound alone"):
        probe({"path": str(path)}, quiet)


@pytest.mark.parametrize("content", [
    b"", b"#EXTM3U\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile /etc/passwd\n", b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
    b"<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'/>", b"\x1a\x45\xdf\xa3" + bytes(90), b"GIF89a" + bytes(60),
    bytes.fromhex("00000014667479706d703432") + bytes(200), b"%PDF-1.7\n", b"MZ" + bytes(90), b"FWS\x0a" + bytes(90)])
def test_what_is_no_video_is_refused_whatever_it_is_called(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "holiday.mp4"
    path.write_bytes(content)
    with pytest.raises(Invalid):
        made(path)


def test_the_name_says_nothing(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mkv", frames=2)
    odd = source.rename(tmp_path / "picture.jpg")
    assert probe({"path": str(odd)}, quiet)["mime"] == "video/x-matroska"


def test_more_than_we_take(tmp_path: Path) -> None:
    huge = video(tmp_path / "huge.mov", codec="png", size=(8192, 8192), pix_fmt="gray", frames=1,
                 picture=lambda number: av.VideoFrame(8192, 8192, "gray"))
    with pytest.raises(Invalid, match="too large: 8192×8192"):
        probe({"path": str(huge)}, quiet)
    many = tmp_path / "many.mkv"
    with av.open(str(many), "w") as out:
        for _ in range(120):
            stream = out.add_stream("ffv1", rate=10)
            stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        frame = av.VideoFrame(16, 16, "yuv420p")
        for stream in out.streams.video:
            frame.pts = 0
            out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    with pytest.raises(Invalid, match="too many tracks"):
        probe({"path": str(many)}, quiet)
    fast = video(tmp_path / "fast.mkv", codec="ffv1", fps=240, frames=24)
    with pytest.raises(Invalid, match="240 frames a second"):
        probe({"path": str(fast)}, quiet)
    long = video(tmp_path / "long.mkv", codec="ffv1", fps=Fraction(1, 10), frames=3)
    with pytest.raises(Invalid, match="The most is 12 seconds"):
        probe({"path": str(long), "longest": 12}, quiet)
    with pytest.raises(Invalid, match="12 seconds"):
        transcode({"path": str(long), "output": str(tmp_path / "x.mp4"), "longest": 12}, quiet)


def test_a_picture_that_grows_behind_a_small_header_is_refused(tmp_path: Path) -> None:
    """The container says 64×48, the pictures are 8192×8192."""
    source = video(tmp_path / "in.mov", codec="png", size=(64, 48), pix_fmt="gray", frames=1)
    big = video(tmp_path / "big.mov", codec="png", size=(8192, 8192), pix_fmt="gray", frames=1,
                picture=lambda number: av.VideoFrame(8192, 8192, "gray"))
    target = tmp_path / "bomb.mov"
    with av.open(str(source)) as small, av.open(str(big)) as large, av.open(str(target), "w") as out:
        stream = out.add_stream_from_template(small.streams.video[0])
        at = 0
        for packet in [*small.demux(video=0), *large.demux(video=0)]:
            if packet.dts is None:
                continue
            packet.stream, packet.pts, packet.dts = stream, at, at
            at += 100
            out.mux(packet)
    with pytest.raises(Invalid):
        transcode({"path": str(target), "output": str(tmp_path / "out.mp4")}, quiet)


def test_half_a_file_is_damaged(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mkv", codec="ffv1", frames=60)
    data = source.read_bytes()
    for share, taken in ((0.3, False), (0.8, True)):
        cut = tmp_path / "cut.mkv"
        cut.write_bytes(data[:int(len(data) * share)])
        if taken:
            assert made(cut)[0]["frames"] < 60
        else:
            with pytest.raises(Invalid, match="damaged"):
                made(cut)
    whole = video(tmp_path / "in.mp4", frames=12)
    (tmp_path / "half.mp4").write_bytes(whole.read_bytes()[:len(whole.read_bytes()) // 2])  # the index stands at the end
    with pytest.raises(Invalid, match="cannot be read"):
        made(tmp_path / "half.mp4")


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", frames=4, container={
        "encryption_scheme": "cenc-aes-ctr", "encryption_key": "00" * 16, "encryption_kid": "11" * 16})
    with pytest.raises(Invalid, match="encrypted"):
        probe({"path": str(source)}, quiet)


def test_a_file_that_begins_in_the_middle_starts_with_its_first_whole_picture(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mkv", frames=24, options={"g": "8", "bf": "0", "sc_threshold": "0"},
                   picture=lambda number: np.full((48, 64, 3), number * 10, np.uint8))
    target = tmp_path / "middle.mkv"
    with av.open(str(source)) as container, av.open(str(target), "w") as out:
        stream = out.add_stream_from_template(container.streams.video[0])
        for number, packet in enumerate(container.demux(video=0)):
            if packet.dts is not None and number >= 5:
                packet.stream = stream
                out.mux(packet)
    found, path = made(target, repackage=True)
    assert not found["repackaged"]
    assert look(path)["lumas"][0][20, 20] == pytest.approx(80, abs=10)


def test_a_picture_that_changes_its_shape_gets_borders(tmp_path: Path) -> None:
    first, second = (video(tmp_path / f"{name}.mkv", codec="ffv1", size=size, frames=3, fps=10)
                     for name, size in (("a", (64, 48)), ("b", (48, 64))))
    target = tmp_path / "both.mkv"
    with av.open(str(first)) as one, av.open(str(second)) as two, av.open(str(target), "w") as out:
        stream = out.add_stream_from_template(one.streams.video[0])
        at = 0
        for packet in [*one.demux(video=0), *two.demux(video=0)]:
            if packet.dts is not None:
                packet.stream, packet.pts, packet.dts = stream, at, at
                at += 100
                out.mux(packet)
    found, _ = made(target)
    assert (found["width"], found["height"]) == (64, 48)


def test_a_gif_that_does_not_move_is_a_picture_with_the_limits_of_pictures(tmp_path: Path) -> None:
    Image.new("P", (4200, 16)).save(tmp_path / "still.gif")
    assert probe({"path": str(tmp_path / "still.gif")}, quiet) == {
        "kind": "image", "mime": "image/gif", "width": 4200, "height": 16}


def test_a_picture_behind_a_bomb_is_called_too_large(tmp_path: Path) -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    size = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(9)))
                                        + chunk(b"IEND", b""))
    with pytest.raises(Invalid, match="too large. The most is 64 megapixels"):
        probe({"path": str(tmp_path / "bomb.png")}, quiet)


def test_a_moving_gif_that_ends_in_the_middle_of_its_second_picture_is_no_fault_of_ours(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / "whole.gif", save_all=True, append_images=frames[1:], duration=200)
    whole = (tmp_path / "whole.gif").read_bytes()
    for end in range(20, len(whole)):  # at no place another error than a refusal
        (tmp_path / "cut.gif").write_bytes(whole[:end])
        with contextlib.suppress(Invalid):
            probe({"path": str(tmp_path / "cut.gif")}, quiet)


def test_a_picture_that_was_looked_at_is_let_go(tmp_path: Path) -> None:
    """A circle of references would keep hundreds of decoded pictures until the collector comes by."""
    with av.open(str(video(tmp_path / "a.mp4"))) as container:
        frame = next(container.decode(video=0))
        before = sys.getrefcount(frame)
        turn_of(frame)
        assert sys.getrefcount(frame) == before
