"""From the words of a post to what an agent is asked for. Pure: nothing is looked up, and nothing in a text is ever run.

A text is the prompt, but for what is not part of it: names and hashtags at its edges, addresses, and options. An option is a part
of its own between commas (`a lighthouse in fog, portrait, 8 seconds`), so that "a portrait of a sailor" stays what it is; a
length or a seed may also stand at the end (`a lighthouse for 8 seconds`).
"""
from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from ...activitypub import markup
from . import words

MAX_TEXT: Final = 2000
"""Characters that are read; nobody's prompt is longer."""
MAX_SEED: Final = 2**63 - 1

Kind = Literal["video", "stop", "start", "help", "thanks"]


@dataclass(frozen=True)
class Asked:
    """What a text asks for.

    Attributes:
        kind: `video`, a word to be left alone (`stop`) or not any more (`start`), `help` (also when nothing is asked), or
            `thanks`: words that want no answer.
        prompt: one line without names, addresses and options; "" unless it is a video.
        orientation: `portrait`, `landscape`, `square`, or "" (not said).
        size: `WIDTHxHEIGHT`, or "" (not said).
        seconds: as it was said, not yet checked against what the model can make.
        people: names (`alice`, `alice@x.example`) in the middle of the prompt: they are part of what is to be seen.
    """

    kind: Kind
    prompt: str = ""
    orientation: str = ""
    size: str = ""
    seconds: float | None = None
    seed: int | None = None
    people: tuple[str, ...] = ()


_QUOTED: Final = re.compile(r'(?s)<p class="quote-inline">.*?</p>')
_LINK: Final = re.compile(r'<a href="([^"]{1,2048})"')
_NAMED: Final = re.compile(r'<a href="([^"]{1,2048})"[^>]{0,300}>(?:<[^>]{1,300}>){0,3}@(?:<[^>]{1,300}>){0,3}([\w.-]+)')
_URL: Final = re.compile(r"https?://\S+", re.IGNORECASE)
_NAME: Final = r"@[\w.-]+(?:@[\w.-]+(?::\d{1,5})?)?"
_LEADING: Final = re.compile(rf"(?:\s*(?:{_NAME}|[#＃]\w+)[\s,:;]*)+")
_LONE: Final = re.compile(rf"{_NAME}|[#＃]\w+")
_MENTION: Final = re.compile(rf"(?<![\w/]){_NAME}")
_SHORTCODE: Final = re.compile(r"(?<!\w):(\w{2,40}):(?!\w)")
"""An emoji of its author's server: its name is all that we know of it."""
_TAG: Final = re.compile(r"(?<!\w)[#＃](?=\w)")
_PARTS: Final = re.compile(r",(?!\d)|(?<!\d),|[;|\n()\[\]{}]+")
_SIZE: Final = re.compile(r"(\d{2,4})\s*[x×]\s*(\d{2,4})(?:\s*(?:px|pixels?))?", re.IGNORECASE)
_LENGTH: Final = rf"(\d{{1,4}}(?:[.,]\d{{1,3}})?)[\s-]*(?:{'|'.join(words.SECONDS)})"
_SECONDS: Final = re.compile(rf"(?:(?:{'|'.join(words.FOR)})\s+)?{_LENGTH}(?:\s+(?:{'|'.join(words.LONG)}))?", re.IGNORECASE)
_SEED: Final = re.compile(rf"(?:{'|'.join(words.SEED)})\s*[:=#]?\s*(\d{{1,19}})", re.IGNORECASE)
_FILLER: Final = re.compile(rf"(?:{'|'.join(words.FILLER)})(?!\w)", re.IGNORECASE)
_SHAPE: Final = re.compile(rf"({'|'.join(map(re.escape, sorted(words.SHAPES, key=len, reverse=True)))})(?!\w)", re.IGNORECASE)
_BETWEEN: Final = re.compile(r"[\s.!?+&-]*")
_AT_END: Final = re.compile(rf"[\s,;.!]+(?:(?:{'|'.join(words.FOR)})\s+{_LENGTH}(?:\s+(?:{'|'.join(words.LONG)}))?"
                            rf"|(?:{'|'.join(words.SEED)})\s*[:=#]?\s*(\d{{1,19}}))[\s.!?]*$", re.IGNORECASE)
_OPENING: Final = re.compile(rf"(?:{'|'.join(words.OPENINGS)})\s+(?=\S)", re.IGNORECASE)
_KINDLY: Final = re.compile(rf"^(?:{'|'.join(words.PLEASE)})[\s,]+|[\s,]+(?:{'|'.join(words.PLEASE)})$")
_UNSEEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff\ufffe\uffff]")
"""What the sanitiser takes away: between a sign and a word it would hide a name from us and not from it."""
_EDGES: Final = " \t.,:;!?¡¿-–—…\"'“”„«»"


def text_of(html: str) -> str:
    """The words of a post's sanitised HTML, without the line by which others mark what it quotes."""
    return markup.plain_text(_QUOTED.sub("", html))[:MAX_TEXT]


def first_named(html: str, people: Mapping[int, tuple[str, str, str]]) -> int | None:
    """Which of some accounts a post names first; None when its text names none of them.

    Args:
        people: row id → (actor id, profile address, user name). Links count; names in plain text only where no link is one.
    """
    addresses = {address: row_id for row_id, (uri, url, _) in people.items() for address in (uri, url) if address}
    for match in _LINK.finditer(html):
        found = addresses.get(match[1].replace("&amp;", "&"))
        if found is not None:
            return found
    names = {name.lower(): row_id for row_id, (_, _, name) in people.items()}
    for match in _MENTION.finditer(text_of(html)):
        found = names.get(match.group()[1:].partition("@")[0].lower())
        if found is not None:
            return found
    return None


def linked(html: str) -> dict[str, set[str]]:
    """What the names in a post's sanitised HTML lead to: user name in lower case → addresses."""
    found: dict[str, set[str]] = {}
    for address, name in _NAMED.findall(html):
        found.setdefault(name.lower(), set()).add(address.replace("&amp;", "&"))
    return found


def begins_with(html: str, name: str) -> bool:
    """Whether the first account that a post names has this user name (servers put whom one answers first)."""
    found = _MENTION.search(text_of(html))
    return found is not None and found.group()[1:].partition("@")[0].lower() == name.lower()


def quiet(text: str) -> str:
    """A text in which nobody is named and no hashtag is set: what an agent says again must reach nobody else."""
    seen = _UNSEEN.sub("", text)
    return _TAG.sub("", _MENTION.sub(lambda match: match.group()[1:].partition("@")[0], seen)).replace("@", " ")


def parse(text: str, *, own: str = "", stop: str = "stop", start: str = "start", stops: Collection[str] = (),
          starts: Collection[str] = ()) -> Asked:
    """What a text asks for. Never raises; whatever it is, it ends as words or as nothing.

    Args:
        text: plain text, as `text_of` gives it.
        own: the agent's user name, which is never part of the prompt.
        stop: the word by which one is left alone from then on; "" for none.
        start: the word that takes it back.
        stops, starts: such words in other languages; the two above come before them.
    """
    line = _URL.sub(" ", _UNSEEN.sub("", unicodedata.normalize("NFC", text[:MAX_TEXT])))
    line = _without_last(line[found.end():] if (found := _LEADING.match(line)) else line)
    line = _SHORTCODE.sub(r"\1", _without(line, own) if own else line)
    people = tuple(dict.fromkeys(found.group()[1:].lower() for found in _MENTION.finditer(line)))
    line = quiet(line)
    said = _bare(line)
    kinds: tuple[tuple[Kind, Collection[str]], ...] = (("stop", (stop,)), ("start", (start,)), ("stop", stops), ("start", starts))
    for kind, meant in kinds:
        if _asks_for(said, meant):
            return Asked(kind)
    if said in words.HELP:
        return Asked("help")
    if said in words.THANKS:
        return Asked("thanks")
    return replace(_video(line), people=people)


def _asks_for(said: str, meant: Collection[str]) -> bool:
    """Whether something is one of some words, said kindly or not."""
    bare = _KINDLY.sub("", said)
    return bool(said) and any(word.casefold() in (said, bare) for word in meant if word)


def _without_last(line: str) -> str:
    """Without the names and hashtags at the end."""
    while True:
        line = line.rstrip(" \t\r\n,;.!?")
        last = line.split()[-1] if line and not line.isspace() else ""
        if not _LONE.fullmatch(last):
            return line
        line = line[:-len(last)]


def _without(line: str, own: str) -> str:
    """Without the agent's own name, and a greeting before it ("hey @dreamer, …")."""
    parts = re.split(rf"(?<![\w/])@{re.escape(own)}(?:@[\w.:-]+)?(?![\w])[\s,:]*", line, flags=re.IGNORECASE)
    return " ".join(parts[1:] if len(parts) > 1 and _bare(parts[0]) in words.THANKS else parts)


def _bare(text: str) -> str:
    return " ".join(text.casefold().split()).strip(_EDGES)


def _video(line: str) -> Asked:
    options: dict[str, str] = {}
    parts: list[str] = []
    at = 0
    cuts = [(match.start(), match.end()) for match in _PARTS.finditer(line)] + [(len(line), len(line))]
    for begin, end in cuts:
        part, mark = line[at:begin], line[begin:end]
        at = end
        found = {} if _bare(part) in words.PLEASE else _options(part)
        if found is None:
            parts += [part, mark]
        else:
            for name, value in found.items():
                options.setdefault(name, value)
            parts.append(mark if "\n" in mark or mark.strip() in "()[]{}" else " ")
    prompt = _tidy("".join(parts))
    while (match := _AT_END.search(prompt)) is not None:
        if match[1] is not None:
            options.setdefault("seconds", match[1])
        else:
            options.setdefault("seed", match[2])
        prompt = _tidy(prompt[:match.start()])
    opening = _OPENING.match(prompt)
    if opening is not None:
        prompt = _tidy(prompt[opening.end():])
    if not any(char.isalnum() or unicodedata.category(char) == "So" for char in prompt):
        return Asked("help")
    seed = int(options["seed"]) if "seed" in options else None
    return Asked("video", prompt, options.get("orientation", ""), options.get("size", ""),
                 float(options["seconds"].replace(",", ".")) if "seconds" in options else None,
                 seed if seed is not None and seed <= MAX_SEED else None)


def _options(part: str) -> dict[str, str] | None:
    """The options of a part that is nothing else; None when it has other words (or none at all)."""
    text, at, found = part.strip(_EDGES), 0, dict[str, str]()
    while at < len(text):
        if (match := _SIZE.match(text, at)) is not None:
            found.setdefault("size", f"{match[1]}x{match[2]}")
        elif (match := _SECONDS.match(text, at)) is not None and not text[match.end():match.end() + 1].isalnum():
            found.setdefault("seconds", match[1])
        elif (match := _SEED.match(text, at)) is not None:
            found.setdefault("seed", match[1])
        elif (match := _SHAPE.match(text, at)) is not None:
            found.setdefault("orientation", words.SHAPES[match[1].casefold()])
        elif (match := _FILLER.match(text, at)) is None:
            return None
        rest = _BETWEEN.match(text, match.end())
        at = rest.end() if rest is not None else match.end()
    return found or None


def _tidy(text: str) -> str:
    """One line, without what only the options held together."""
    line = re.sub(r"[(\[{][\s,;|]*[)\]}]", " ", text)
    line = re.sub(r"\s+([,;.])", r"\1", " ".join(line.split()))
    line = re.sub(r"([,;|])(?:\s*[,;|])+", r"\1", line)
    return line.strip(" \t,;:|-–—")
