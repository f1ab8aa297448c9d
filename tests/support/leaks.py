"""Looking for what must not be anywhere: texts and files in every usual spelling, in any bytes."""
from __future__ import annotations

import base64
import contextlib
import html
import json
import re
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

from starlette.routing import BaseRoute, Mount

from fedisora.app import House
from fedisora.web.routes import build

WINDOW = 64
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{172,}")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){128,}")


def _telling(window: bytes) -> bool:
    """Whether bytes are this file's alone: neither padding nor words that every file of an encoder has."""
    return len(set(window)) > 36 and sum(32 <= byte < 127 for byte in window) < 52


class Marks:
    """What is looked for, by name."""

    def __init__(self) -> None:
        self._texts: dict[str, set[bytes]] = {}
        self._windows: dict[bytes, str] = {}

    def text(self, name: str, *texts: str) -> None:
        """Words, in the spellings of JSON, HTML, addresses, base64 and hex."""
        found = self._texts.setdefault(name, set())
        for text in texts:
            plain = text.encode()
            # of base64 the letters in the middle: what stands beside the text changes those at its ends
            shifted = (base64.b64encode(bytes(before) + plain)[4:-4] for before in range(3))
            found |= {plain, json.dumps(text)[1:-1].encode(), quote(text).encode(), quote_plus(text).encode(),
                      html.escape(text).encode(), plain.hex().encode(), *(item for item in shifted if len(item) > 11)}

    def key(self, name: str, *keys: bytes) -> None:
        """Short secret bytes."""
        self._texts.setdefault(name, set()).update(form for key in keys for form in (
            key, key.hex().encode(), base64.b64encode(key)[:-4], base64.urlsafe_b64encode(key)[:-4]))

    def blob(self, name: str, data: bytes) -> None:
        """A file: each of its 64-byte windows counts. A part of 127 bytes or more is found wherever it lies."""
        windows = (data[at:at + WINDOW] for at in range(len(data) - WINDOW + 1))
        before = len(self._windows)
        self._windows.update((window, name) for window in windows if _telling(window))
        assert len(self._windows) > before + 1000, f"{name} has too little of its own"

    def found(self, data: bytes, names: Collection[str] | None = None) -> set[str]:
        """The names of what is in some bytes, base64, hex and compressed streams opened; `names`: only look for these."""
        seen = {name for name, texts in self._texts.items() if any(text in data for text in texts)}
        for part in (data, *_inside(data)):
            seen |= {name for at in range(0, len(part) - WINDOW + 1, WINDOW)
                     if (name := self._windows.get(part[at:at + WINDOW])) is not None}
        return seen if names is None else seen & set(names)


def _inside(data: bytes) -> Iterator[bytes]:
    for match in _BASE64.finditer(data):
        run = match[0].translate(bytes.maketrans(b"-_", b"+/"))
        for start in range(4):
            yield base64.b64decode(run[start:start + (len(run) - start) // 4 * 4])
    for match in _HEX.finditer(data):
        yield bytes.fromhex(match[0].decode())
    if data[:2] in (b"\x1f\x8b", b"\x78\x9c"):
        with contextlib.suppress(zlib.error):
            yield zlib.decompress(data, 47)


def files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below a folder, with what is in it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path, path.read_bytes()


def addresses(house: House, names: Collection[str], rows: Collection[int]) -> list[str]:
    """Every GET route of an instance, its parameters filled in with each of some names and row ids."""
    found: dict[str, None] = {}
    for route in build(house):
        path = _path(route)
        if path is None or path.endswith("/events"):  # streams do not end
            continue
        for name in names if "{name}" in path else ("",):
            for row in rows if re.search(r"\{\w+(:row)?\}", path.replace("{name}", "")) else ("",):
                filled = path.replace("{name}", name).replace("{version}", "2.1").replace("{language}", "en")
                found[re.sub(r"\{\w+(:\w+)?\}", str(row), filled)] = None
    return list(found)


def _path(route: BaseRoute) -> str | None:
    if isinstance(route, Mount):
        return None
    methods = getattr(route, "methods", None)
    return getattr(route, "path", None) if methods is None or "GET" in methods else None
