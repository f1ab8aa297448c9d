"""Captions: WebVTT (and SubRip, converted) from strangers, cleaned until nothing is left that could do anything but be read.

Source: W3C WebVTT, §4 (syntax) and §6.4 (cue text). Ours and not a library's: webvtt-py names no line when a file is wrong and
does not look inside the cues. Pure; the server imports it.
"""
from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from ..errors import Invalid, TooLarge

MAX_BYTES: Final = 1 << 20
MAX_CUES: Final = 10_000
MAX_TEXT: Final = 2000
"""Characters of one cue."""
HOURS: Final = 24
TAGS: Final = frozenset({"b", "i", "u", "v", "c", "lang", "ruby", "rt"})
"""What stays in a cue's text; `rt` is the part of `ruby` that says how it is read."""
_ANNOTATED: Final = ("v", "lang")
_TIME: Final = r"(?:(\d{1,4}):)?([0-5]?\d):([0-5]\d)[.,](\d{3})"
_TIMING: Final = re.compile(rf"\s*{_TIME}[ \t]+-->[ \t]+{_TIME}(?:[ \t]+(.*))?$")
_LOOSE: Final = re.compile(rf"\s*{_TIME}[ \t]*-->[ \t]*{_TIME}(?:[ \t]+(.*))?$")
"""SubRip, which nobody has specified."""
_SETTING: Final = re.compile(
    r"vertical:(rl|lr)|line:(-?\d{1,3}(\.\d{1,3})?%?)(,(start|center|end))?|size:\d{1,3}(\.\d{1,3})?%|align:(start|center|end|left|right)"
    r"|position:\d{1,3}(\.\d{1,3})?%(,(line-left|center|line-right))?")
_TAG: Final = re.compile(r"<(/?)([A-Za-z]+)((?:\.[A-Za-z0-9_-]{1,32}){0,4})(?:\s+([^<>]{0,200}))?>|<[A-Za-z/0-9][^<>]*>")
_OVERRIDE: Final = re.compile(r"\{\\[^{}]{0,100}\}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


@dataclass(frozen=True)
class Cue:
    """One caption: from `start` to `end` in milliseconds, its cleaned WebVTT text, and where it stands."""

    start: int
    end: int
    text: str
    settings: str = ""


def parse(data: bytes) -> list[Cue]:
    """The cues of a WebVTT or SubRip file.

    Comments, styles and regions are left out; of tags those in `TAGS` stay; every other character is shown as it is.

    Raises:
        TooLarge: over `MAX_BYTES`.
        Invalid: not one of the two formats, not UTF-8, or a line breaks its rules; the text names the line.
    """
    if len(data) > MAX_BYTES:
        raise TooLarge(f"Captions may be {MAX_BYTES >> 20} MB at most.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[:error.start].count(b"\n") + 1
        raise Invalid(f"Line {line} of the captions is not UTF-8. Save the file with the encoding UTF-8.", cause=error) from error
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    webvtt = re.match(r"WEBVTT(?:[ \t]|$)", lines[0]) is not None
    if not webvtt and not any(_LOOSE.match(line) for line in lines[:20]):
        raise Invalid("Line 1 of the captions: a WebVTT file begins with WEBVTT, and a SubRip file with a number and a time such "
                      "as 00:00:01,000 --> 00:00:04,000.")
    cues: list[Cue] = []
    for number, block in _blocks(lines, skip_header=webvtt):
        cue = _cue(number, block, webvtt, cues[-1] if cues else None)
        if cue is not None:
            cues.append(cue)
        if len(cues) > MAX_CUES:
            raise Invalid(f"Line {number} of the captions: there may be {MAX_CUES} captions at most.")
    if not cues:
        raise Invalid("There are no captions in this file.")
    return cues


def _blocks(lines: list[str], *, skip_header: bool) -> Iterable[tuple[int, list[str]]]:
    """(number of its first line, lines) of every block between empty lines."""
    start = 0
    block: list[str] = []
    for number, line in enumerate([*lines, ""], 1):
        if line.strip(" \t"):
            start = start if block else number
            block.append(line)
        elif block:
            if not (skip_header and start == 1):
                yield start, block
            block = []


def _cue(number: int, block: list[str], webvtt: bool, before: Cue | None) -> Cue | None:
    if webvtt and re.match(r"(NOTE|STYLE|REGION)\b", block[0]) and "-->" not in block[0]:
        return None
    at = next((index for index, line in enumerate(block[:2]) if "-->" in line), None)
    if at is None:
        raise Invalid(f"Line {number} of the captions: a time is missing, such as 00:00:01.000 --> 00:00:04.000.")
    line, found = number + at, (_TIMING if webvtt else _LOOSE).match(block[at])
    if found is None:
        raise Invalid(f"Line {line} of the captions: this is not a time such as 00:00:01.000 --> 00:00:04.000.")
    start, end = _moment(found.group(1, 2, 3, 4)), _moment(found.group(5, 6, 7, 8))
    if end > HOURS * 3_600_000:
        raise Invalid(f"Line {line} of the captions: no video is that long.")
    if end <= start:
        raise Invalid(f"Line {line} of the captions: it ends before it begins.")
    if before is not None and start < before.start:
        raise Invalid(f"Line {line} of the captions: it begins before the one above it. Put them in the order of time.")
    if any("-->" in rest for rest in block[at + 1:]):
        raise Invalid(f"Line {line} of the captions: an empty line is missing before the next time.")
    text = "\n".join(block[at + 1:])
    if len(text) > MAX_TEXT:
        raise Invalid(f"Line {line} of the captions: one caption may have {MAX_TEXT} characters at most.")
    shown = clean(text if webvtt else _OVERRIDE.sub("", text))
    return Cue(start, end, shown, _settings(found.group(9)) if webvtt else "") if shown else None


def _moment(parts: tuple[str | Any, ...]) -> int:
    hours, minutes, seconds, milliseconds = (int(part or 0) for part in parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds


def _settings(text: str | None) -> str:
    return " ".join([item for item in (text or "").split() if _SETTING.fullmatch(item)][:5])


def clean(text: str) -> str:
    """A cue's text with the tags of `TAGS` closed in order, and everything else as plain characters."""
    text, found, opened, at = _CONTROL.sub("", text), [], [], 0
    for tag in _TAG.finditer(text):
        found.append(_plain(text[at:tag.start()]))
        at = tag.end()
        name = (tag[2] or "").lower()
        if name not in TAGS:
            continue
        if not tag[1]:
            note = _annotation(name, tag[4])
            if note is None:
                continue
            opened.append(name)
            found.append(f"<{name}{tag[3] or ''}{note}>")
        elif name in opened:
            while (inner := opened.pop()) != name:
                found.append(f"</{inner}>")
            found.append(f"</{name}>")
    found.append(_plain(text[at:]))
    found += [f"</{name}>" for name in reversed(opened)]
    lines = "".join(found).split("\n")
    return "\n".join(line.strip() for line in lines if line.strip())


def _annotation(name: str, given: str | None) -> str | None:
    """What follows a tag's name, with its space; None when the tag means nothing as it stands."""
    if name not in _ANNOTATED:
        return ""
    note = " ".join(html.unescape(given or "").split())[:100]
    if not note or (name == "lang" and not re.fullmatch(r"[A-Za-z0-9-]{2,35}", note)):
        return None
    return f" {_plain(note)}"


def _plain(text: str) -> str:
    return html.escape(html.unescape(text), quote=False)


def to_vtt(cues: Iterable[Cue]) -> str:
    """A WebVTT file."""
    return "WEBVTT\n\n" + "\n".join(
        f"{_stamp(cue.start)} --> {_stamp(cue.end)}{' ' + cue.settings if cue.settings else ''}\n{cue.text}\n" for cue in cues)


def _stamp(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"


def from_backend(found: Iterable[Any]) -> list[Cue]:
    """The cues that a captions backend wrote: {"start", "end": seconds, "text"}, plain text; put in order, and cleaned.

    Raises:
        Invalid: they are not that.
    """
    cues = []
    for item in found:
        try:
            start, end, text = float(item["start"]), float(item["end"]), str(item["text"])
            cue = Cue(round(start * 1000), round(end * 1000), clean(html.escape(text[:MAX_TEXT], quote=False)))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise Invalid("The captions backend answered something else than captions.", cause=error) from error
        if 0 <= cue.start < cue.end <= HOURS * 3_600_000 and cue.text:
            cues.append(cue)
    return sorted(cues, key=lambda cue: (cue.start, cue.end))[:MAX_CUES]
