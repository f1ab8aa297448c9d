"""Structured Field Values (RFC 8941): the part that `Signature-Input`, `Signature` and `Content-Digest` use.

Strict, in linear time, and with the text of each member kept, because RFC 9421 signs the parameters as they were sent.
"""
from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

from ..errors import Malformed

MAX_FIELD = 16_384

_KEY = re.compile(r"[a-z*][a-z0-9_\-.*]*")
_NUMBER = re.compile(r"-?(?:\d{1,12}\.\d{1,3}|\d{1,15})(?![\d.])")
_STRING = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*")
_BYTES = re.compile(r":([A-Za-z0-9+/=]*):")


class Token(str):
    """An unquoted token, so that it is not confused with a string."""


Bare = str | Token | int | float | bool | bytes


@dataclass(frozen=True)
class Item:
    """A bare item with its parameters."""

    value: Bare
    parameters: dict[str, Bare]
    raw: str = ""


@dataclass(frozen=True)
class InnerList:
    """`(…)` with its parameters; `raw` is the member exactly as sent."""

    items: tuple[Item, ...]
    parameters: dict[str, Bare]
    raw: str = ""
    value: None = field(default=None, repr=False)


Member = Item | InnerList


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self) -> str:
        return self.text[self.at:self.at + 1]

    def skip(self, characters: str) -> None:
        while self.at < len(self.text) and self.text[self.at] in characters:
            self.at += 1

    def take(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise Malformed(f"A structured field has no {what} where one is needed.")
        self.at = match.end()
        return match

    def bare(self) -> Bare:
        first = self.peek()
        if first == '"':
            return re.sub(r"\\(.)", r"\1", self.take(_STRING, "string").group(1))
        if first == ":":
            try:
                return base64.b64decode(self.take(_BYTES, "byte sequence").group(1), validate=True)
            except (binascii.Error, ValueError):
                raise Malformed("A byte sequence of a structured field is not base64.") from None
        if first == "?":
            self.at += 2
            flag = self.text[self.at - 1:self.at]
            if flag not in ("0", "1"):
                raise Malformed("A boolean of a structured field is neither ?0 nor ?1.")
            return flag == "1"
        if first == "-" or "0" <= first <= "9":
            number = self.take(_NUMBER, "number").group()
            return float(number) if "." in number else int(number)
        return Token(self.take(_TOKEN, "value").group())

    def parameters(self) -> dict[str, Bare]:
        found: dict[str, Bare] = {}
        while self.peek() == ";":
            self.at += 1
            self.skip(" ")
            key = self.take(_KEY, "parameter name").group()
            if key in found:
                raise Malformed(f"A structured field has the parameter {key} twice.")
            value: Bare = True
            if self.peek() == "=":
                self.at += 1
                value = self.bare()
            found[key] = value
        return found

    def member(self) -> Member:
        start = self.at
        if self.peek() != "(":
            value = self.bare()
            return Item(value, self.parameters(), self.text[start:self.at])
        self.at += 1
        items: list[Item] = []
        while True:
            self.skip(" ")
            if self.peek() == ")":
                self.at += 1
                return InnerList(tuple(items), self.parameters(), self.text[start:self.at])
            begin = self.at
            bare = self.bare()
            items.append(Item(bare, self.parameters(), self.text[begin:self.at]))
            if self.peek() not in (" ", ")"):
                raise Malformed("An inner list of a structured field is not closed.")


def parse_dictionary(text: str) -> dict[str, Member]:
    """The members of a dictionary field, in order.

    Stricter than RFC 8941: a key given twice is an error, never "the last one wins", since two readers that disagree
    about which one counts are how signatures are forged.

    Raises:
        Malformed: not a dictionary, a key twice, or longer than `MAX_FIELD`.
    """
    if len(text) > MAX_FIELD:
        raise Malformed("A structured field is too long.")
    reader = _Reader(text.strip(" "))
    members: dict[str, Member] = {}
    while reader.at < len(reader.text):
        key = reader.take(_KEY, "name").group()
        if key in members:
            raise Malformed(f"A structured field has the name {key} twice.")
        if reader.peek() == "=":
            reader.at += 1
            members[key] = reader.member()
        else:
            members[key] = Item(True, reader.parameters())
        reader.skip(" \t")
        if reader.at == len(reader.text):
            return members
        reader.take(re.compile(","), "comma")
        reader.skip(" \t")
        if reader.at == len(reader.text):
            raise Malformed("A structured field ends with a comma.")
    return members


def quote(text: str) -> str:
    """A string of a structured field.

    Raises:
        Malformed: a character that such strings cannot hold.
    """
    if any(not " " <= character <= "~" for character in text):
        raise Malformed("A structured field can only hold printable ASCII.")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
