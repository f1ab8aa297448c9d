"""The pieces that schemas are made of."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .operations import Schema

TEXT: Final[Schema] = {"type": "string"}
WHOLE: Final[Schema] = {"type": "integer"}
MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
ID: Final[Schema] = {"type": "string", "pattern": "^[0-9]+$"}
URI: Final[Schema] = {"type": "string", "format": "uri"}


def maybe(schema: Schema) -> Schema:
    """The schema, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def thing(says: str, needed: Mapping[str, Schema], more: Mapping[str, Schema] | None = None, *, closed: bool = False) -> Schema:
    """An object: members that are always there, members that may be, and whether there are others."""
    made: dict[str, Any] = {"type": "object", "description": says, "required": sorted(needed),
                            "properties": {**needed, **(more or {})}}
    return {**made, "additionalProperties": False} if closed else made
