"""Row ids in paths and parameters: digits that fit the database, and nothing else."""
from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor

DIGITS = 18
"""Enough for ids of some centuries to come (milliseconds and 16 bits), and never over the database's 63 bits."""


class RowId(Convertor[int]):
    """`{id:row}` in a route; anything else does not match, so it is a 404."""

    regex = f"[0-9]{{1,{DIGITS}}}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("row", RowId())


def number(text: str | None) -> int | None:
    """A non-negative number that fits the database; None for everything else."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= DIGITS else None
