"""What a module of this API says about its routes: one `Operation` for each, collected into the OpenAPI document."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Schema = Mapping[str, Any]
"""JSON Schema 2020-12, which is what OpenAPI 3.1 takes."""
JSON: Final = "application/json"


def ref(name: str) -> Schema:
    """A schema of `schemas.SCHEMAS` by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": items}


@dataclass(frozen=True)
class Answer:
    """One status a route answers with. `schema` None: no body that has one."""

    says: str
    schema: Schema | None = None
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    """Header → what it says."""


@dataclass(frozen=True)
class Parameter:
    """A value in the query."""

    name: str
    says: str
    schema: Schema = field(default_factory=lambda: {"type": "string"})
    required: bool = False


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Attributes:
        method: in lower case.
        path: below `/api/fedisora/v1`, with `{id}` for values in it.
        summary: one sentence.
        answers: by status. `every_answer` adds what all routes of a kind share.
        scope: of the token; "" when a token is welcome but not needed, None when none is looked at.
        body: schema by media type.
        detail: what else one has to know.
    """

    method: str
    path: str
    summary: str
    answers: Mapping[int, Answer]
    scope: str | None = None
    body: Mapping[str, Schema] = field(default_factory=dict)
    query: tuple[Parameter, ...] = ()
    detail: str = ""

    def every_answer(self) -> dict[int, Answer]:
        """By status, in order: also what a token, a body or a query can be refused for anywhere."""
        shared = [401, 403, 429] if self.scope is not None else []
        shared += [400, 413] if self.body else []
        shared += [422] if self.query else []
        return dict(sorted((refused(*shared) | dict(self.answers)).items()))


REFUSALS: Final[Mapping[int, str]] = {
    400: "The request is malformed.", 401: "There is no token, or it is not valid.", 403: "The token does not allow this.",
    404: "There is nothing at this address, or not for you.", 409: "That is not possible in its present state.",
    410: "It was here, and its time is over.", 413: "This is too large.", 415: "This kind of body is not taken here.",
    422: "A value is not acceptable; the text says which.",
    429: "Too often (agents are counted everywhere). `Retry-After` says how many seconds to wait."}


def refused(*statuses: int, **own: str) -> dict[int, Answer]:
    """Refusals in their usual words; `s422="…"` in its own."""
    said = {int(name.removeprefix("s")): words for name, words in own.items()}
    found = {}
    for status in sorted({*statuses, *said}):
        headers = {"Retry-After": "Seconds after which the next one is let through."} if status == 429 else {}
        found[status] = Answer(said.get(status) or REFUSALS[status], ref("Error"), headers=headers)
    return found
