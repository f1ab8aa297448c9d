"""Captions from strangers: what is read, what is thrown away, and which line is blamed."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedisora.errors import FedisoraError, Invalid, TooLarge
from fedisora.media import captions

HEAD = "WEBVTT\n\n00:01.000 --> 00:02.500\n"


def only(text: str) -> str:
    cue, = captions.parse((HEAD + text).encode())
    return cue.text


def test_a_file_is_read_and_written_in_one_form() -> None:
    data = ("\ufeffWEBVTT - a title\r\nKind: x\r\n\r\nNOTE\r\nx\r\n\r\nSTYLE\r\n::cue { color: url(//evil) }\r\n\r\n"
            "REGION\r\nid:x\r\n\r\nfirst\r\n00:01.000 --> 00:00:02.500 align:start position:10% region:x onload:1\r\n"
            "Hello <v Ada>there</v>\r\nsecond line\r\n\r\n00:00:02.500 --> 01:00:04.000\r\nbye").encode()
    cues = captions.parse(data)
    assert cues == [captions.Cue(1000, 2500, "Hello <v Ada>there</v>\nsecond line", "align:start position:10%"),
                    captions.Cue(2500, 3_604_000, "bye")]
    text = captions.to_vtt(cues)
    assert text.startswith("WEBVTT\n\n00:00:01.000 --> 00:00:02.500 align:start position:10%\nHello <v Ada>there</v>\n")
    assert "url(" not in text
    assert captions.parse(text.encode()) == cues


def test_subrip_is_converted() -> None:
    data = (b"1\r\n00:00:01,000 --> 00:00:02,000\r\n{\\an8}<font color=red>Tom & Jerry</font> <i>run\r\n\r\n"
            b"2\r\n0:00:03,500 --> 0:00:04,000\r\n1 < 2\r\n")
    assert [cue.text for cue in captions.parse(data)] == ["Tom &amp; Jerry <i>run</i>", "1 &lt; 2"]


@pytest.mark.parametrize(("given", "kept"), [
    ("<script>alert(1)</script>", "alert(1)"), ("<b onclick=x>bold</b>", "<b>bold</b>"), ("<i>a<b>b</i>c", "<i>a<b>b</b></i>c"),
    ("</b>x", "x"), ("a < b > c", "a &lt; b &gt; c"), ("&lt;b&gt; &amp; &nbsp;x", "&lt;b&gt; &amp; \xa0x"),
    ("<c.red.big>x</c>", "<c.red.big>x</c>"), ("<lang en-GB>x</lang>", "<lang en-GB>x</lang>"), ("<lang>x", "x"),
    ("<ruby>漢<rt>kan</rt></ruby>", "<ruby>漢<rt>kan</rt></ruby>"), ("<v A&amp;B>y", "<v A&amp;B>y</v>"),
    ("<00:00:01.500>sung", "sung"), ("a\0b\x1bc", "abc"), ("<img src=x onerror=y>z", "z")])
def test_only_harmless_tags_stay(given: str, kept: str) -> None:
    assert only(given) == kept


@pytest.mark.parametrize(("data", "line", "why"), [
    (b"hello", 1, "begins with WEBVTT"), (b"", 1, "begins with WEBVTT"), (b"WEBVTTX\n\n", 1, "begins with"),
    (b"WEBVTT\n\n00:01.000 --> 00:02.000\nok\n\ncaf\xe9", 6, "UTF-8"),
    (b"\xff\xfeW\x00E\x00", 1, "UTF-8"),
    (b"WEBVTT\n\n00:02.000 --> 00:01.000\nx", 3, "ends before"), (b"WEBVTT\n\n00:01.000 --> 00:01.000\nx", 3, "ends before"),
    (b"WEBVTT\n\n00:02.000 --> 00:03.000\nx\n\nid\n00:01.000 --> 00:03.000\ny", 7, "order of time"),
    (b"WEBVTT\n\nwords without a time", 3, "a time is missing"), (b"WEBVTT\n\n00:01 --> 00:02\nx", 3, "not a time"),
    (b"WEBVTT\n\n00:01,000 --> 99:99:99,000\nx", 3, "not a time"), (b"WEBVTT\n\n00:00.000 --> 9999:00:00.000\nx", 3, "that long"),
    (b"WEBVTT\n\n00:01.000 --> 00:02.000\nx\n00:03.000 --> 00:04.000\ny", 3, "empty line is missing"),
    (b"WEBVTT\n\n00:01.000 --> 00:02.000\n" + b"x" * 3000, 3, "2000 characters")])
def test_what_is_wrong_is_said_with_its_line(data: bytes, line: int, why: str) -> None:
    with pytest.raises(Invalid) as error:
        captions.parse(data)
    assert f"Line {line} " in error.value.text
    assert why in error.value.text


def test_too_much_is_refused() -> None:
    with pytest.raises(TooLarge):
        captions.parse(b"WEBVTT\n\n" + b"\n" * captions.MAX_BYTES)
    many = "WEBVTT\n\n" + "00:01.000 --> 00:02.000\nx\n\n" * (captions.MAX_CUES + 1)
    with pytest.raises(Invalid, match="10000"):
        captions.parse(many.encode())
    with pytest.raises(Invalid, match="no captions"):
        captions.parse(b"WEBVTT\n\nNOTE nothing\n\n00:01.000 --> 00:02.000\n<x>\n")


@given(st.text(max_size=200))
def test_whatever_comes_what_is_kept_is_a_file_again(text: str) -> None:
    try:
        cues = captions.parse((HEAD + text).encode("utf-8", "surrogatepass"))
    except FedisoraError:
        return
    again = captions.parse(captions.to_vtt(cues).encode())
    assert again == cues
    assert all("<script" not in cue.text and "-->" not in cue.text for cue in again)


def test_what_a_backend_says_is_text_and_put_in_order() -> None:
    cues = captions.from_backend([{"start": 2, "end": 3.5, "text": "<b>two</b> & more"}, {"start": 0, "end": 1, "text": "one"},
                                  {"start": 1, "end": 1, "text": "nothing"}])
    assert [(cue.start, cue.text) for cue in cues] == [(0, "one"), (2000, "&lt;b&gt;two&lt;/b&gt; &amp; more")]
    for wrong in ([{"start": "x"}], ["text"], [{"start": 0, "end": float("inf"), "text": "x"}]):
        with pytest.raises(Invalid, match="backend"):
            captions.from_backend(wrong)
