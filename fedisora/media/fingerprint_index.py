"""Finding codes near a code among a million, in memory; the database is the truth.

Every code is four 64-bit words, kept in one array per word. A look-up compares all of them: XOR, count the bits of the first two
words, and only what is near enough there is looked at whole. Measured in docs/operate/durable.md. A process that needs the index
loads it bit by bit by row id; hits are checked against the database by whoever asks, so deleted rows do no harm.
"""
from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

WORDS: Final = 4
CODE: Final = 32
"""Bytes of a code."""
_CHUNK: Final = 1 << 15
"""Rows looked at together: their words stay in the processor's cache while every query passes over them."""
_START: Final = 1024


@dataclass(frozen=True)
class Hit:
    """A stored code near a query. `query` is its place among the queries, `distance` in bits of 256."""

    query: int
    row_id: int
    media_id: int
    distance: int


class CodeIndex:
    """Codes of one kind. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._words = np.empty((WORDS, _START), np.uint64)
        self._rows = np.empty((2, _START), np.int64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def memory(self) -> int:
        """Bytes of the arrays."""
        return self._words.nbytes + self._rows.nbytes

    def add(self, row_ids: Sequence[int], media_ids: Sequence[int], codes: Sequence[bytes]) -> None:
        """Append rows; codes that are not 32 bytes long are left out."""
        fit = [number for number, code in enumerate(codes) if len(code) == CODE]
        if not fit:
            return
        words = np.frombuffer(b"".join(codes[number] for number in fit), np.uint64).reshape(-1, WORDS)
        with self._lock:
            self._grow(self._count + len(fit))
            space = slice(self._count, self._count + len(fit))
            self._words[:, space] = words.T
            self._rows[0, space] = [row_ids[number] for number in fit]
            self._rows[1, space] = [media_ids[number] for number in fit]
            self._count += len(fit)  # last: whoever searches meanwhile sees whole rows only

    def _grow(self, needed: int) -> None:
        size = self._rows.shape[1]
        if needed <= size:
            return
        while size < needed:
            size += max(_START, size // 2)
        for name in ("_words", "_rows"):
            old = getattr(self, name)
            fresh = np.empty((old.shape[0], size), old.dtype)
            fresh[:, :self._count] = old[:, :self._count]
            setattr(self, name, fresh)

    def newest(self, count: int) -> set[int]:
        """Row ids of the last `count` rows."""
        with self._lock:
            return set(self._rows[0, max(0, self._count - count):self._count].tolist())

    def search(self, codes: Sequence[bytes], most: int, limit: int = 64) -> list[Hit]:
        """Stored codes within `most` bits of any of the codes, nearest first, at most `limit`."""
        with self._lock:
            words, rows, count = self._words, self._rows, self._count
        if not codes or not count:
            return []
        queries = np.frombuffer(b"".join(codes), np.uint64).reshape(-1, WORDS)
        xor = np.empty(_CHUNK, np.uint64)
        bits, more = np.empty(_CHUNK, np.uint8), np.empty(_CHUNK, np.uint8)
        found: list[Hit] = []
        for start in range(0, count, _CHUNK):
            size = min(_CHUNK, count - start)
            part: list[Any] = [words[word, start:start + size] for word in range(WORDS)]
            for number, query in enumerate(queries):
                np.bitwise_count(np.bitwise_xor(part[0], query[0], out=xor[:size]), out=bits[:size])
                np.bitwise_count(np.bitwise_xor(part[1], query[1], out=xor[:size]), out=more[:size])
                near = np.flatnonzero(np.add(bits[:size], more[:size], out=more[:size]) <= most)
                if not len(near):
                    continue
                total = more[near].astype(np.int64)
                for word in (2, 3):
                    total += np.bitwise_count(part[word][near] ^ query[word])
                found += [Hit(number, int(rows[0, start + at]), int(rows[1, start + at]), int(bits_))
                          for at, bits_ in zip(near, total, strict=True) if bits_ <= most]
            if len(found) > 50 * limit:  # a code that very many share
                found = sorted(found, key=lambda hit: hit.distance)[:limit]
        return sorted(found, key=lambda hit: (hit.distance, hit.row_id))[:limit]
