"""Parameters of API requests: query, JSON, form or multipart, in the ways that clients send them."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Message

from ..errors import Malformed, TooLarge
from .convertors import number
from .problems import hang_up

MAX_BODY = 1 << 20
TRUE = frozenset({"true", "1", "on", "yes", "t"})
FALSE = frozenset({"false", "0", "off", "no", "f", ""})


def clean(text: str) -> str:
    """A text that every database keeps: without NUL and lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


class Params:
    """Named values; a name may have several (`id[]=1&id[]=2`, `id=1`, JSON lists)."""

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        self._values: dict[str, list[Any]] = {}
        for name, value in pairs:
            self._values.setdefault(name.removesuffix("[]"), []).extend(value if isinstance(value, list) else [value])

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, default: str = "") -> str:
        """The last value as text."""
        values = self._values.get(name)
        if not values or values[-1] is None or isinstance(values[-1], UploadFile | dict):
            return default
        value = values[-1]
        return ("true" if value else "false") if isinstance(value, bool) else clean(str(value))

    def optional(self, name: str) -> str | None:
        """The last value as text, None when it was not given."""
        return self.text(name) if name in self._values and self._values[name][-1] is not None else None

    def flag(self, name: str, default: bool | None = None) -> bool | None:
        """A boolean, also written as text."""
        given = self.text(name, "\0").lower()
        if given in TRUE:
            return True
        return False if given in FALSE and given != "\0" else default

    def many(self, name: str) -> list[str]:
        """All values as texts."""
        return [clean(str(value)) for value in self._values.get(name, ()) if isinstance(value, str | int)]

    def ids(self, name: str) -> list[int]:
        """All values that are ids."""
        return [found for value in self.many(name) if (found := number(value)) is not None]

    def file(self, name: str) -> UploadFile | None:
        """An uploaded file."""
        return next((value for value in self._values.get(name, ()) if isinstance(value, UploadFile)), None)

    def raws(self, name: str) -> list[Any]:
        """All values as they came."""
        return list(self._values.get(name, ()))

    def raw(self, name: str) -> Any:
        """The last value as it came."""
        values = self._values.get(name)
        return values[-1] if values else None


def too_large(most: int) -> TooLarge:
    """What to say about more than `most` bytes."""
    return TooLarge(f"This is more than {most >> 20} MB. Send something smaller.")


def bounded(request: Request, most: int, beside: int = 0) -> Request:
    """The request with a body that ends in `TooLarge` after `most` + `beside` bytes, whatever its Content-Length said, if it had
    one; `beside`: room that a form takes beside its files."""
    receive, taken = request.receive, 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body") or b"")
        if taken > most + beside:
            hang_up(request)
            raise too_large(most)
        return message

    return Request(request.scope, counted)


class _InMemory(MultiPartParser):
    """Files of any size stay in memory: the caller has bounded the body."""

    spool_max_size = 1 << 30


async def form_in_memory(request: Request, *, files: int) -> FormData:
    """The form of a bounded request whose files must not touch the disk: what is deleted there is not wiped.

    Raises:
        Malformed: it cannot be read as a form.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await request.form(max_files=files, max_fields=100, max_part_size=MAX_BODY)
    try:
        return await _InMemory(request.headers, request.stream(), max_files=files, max_fields=100,
                               max_part_size=MAX_BODY).parse()
    except MultiPartException as error:
        raise Malformed("The body is not a form.", cause=error) from error


async def params(request: Request, *, files: int = 0, most: int = MAX_BODY, beside: int = 0, in_memory: bool = False) -> Params:
    """Every parameter of a request.

    Args:
        in_memory: the files of a form never lie on a disk, not for a moment either.

    Raises:
        Malformed: an unreadable body.
        TooLarge: more than `most` bytes, and `beside` for what stands beside the files of a form.
    """
    pairs: list[tuple[str, Any]] = list(request.query_params.multi_items())
    if request.method in ("POST", "PUT", "PATCH", "DELETE"):
        if (number(request.headers.get("content-length")) or 0) > most + beside:
            raise too_large(most)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/json":
            pairs += _from_json(await bounded(request, most, beside).body())
        elif kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
            sent = bounded(request, most, beside)
            form = await form_in_memory(sent, files=files or 4) if in_memory else await sent.form(
                max_files=files or 4, max_fields=200, max_part_size=MAX_BODY)
            pairs += list(form.multi_items())
    return Params(pairs)


def _from_json(body: bytes) -> list[tuple[str, Any]]:
    if len(body) > MAX_BODY:
        raise TooLarge
    if not body.strip():
        return []
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed("The body is not JSON.", cause=error) from error
    if not isinstance(found, dict):
        raise Malformed("The body is not a JSON object.")
    return [(str(name), value) for name, value in found.items()]


def row_id(request: Request) -> int:
    """The row id in the path of a route with `{id:row}`."""
    return int(request.path_params["id"])
