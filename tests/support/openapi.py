"""Every answer of our own API that any test gets is compared with what the OpenAPI document says about it."""
from __future__ import annotations

import re
from typing import Any

import httpx
import jsonschema

BASE = "/api/fedisora/v1"


class Contract:
    """A hook for `httpx.Client`: raises AssertionError when an answer is not as documented."""

    def __init__(self) -> None:
        self._documents: dict[str, dict[str, Any]] = {}

    def __call__(self, response: httpx.Response) -> None:
        path = response.request.url.path
        streaming = not response.headers.get("content-type", "").startswith("application/json")
        if not path.startswith(f"{BASE}/") or path.endswith("/openapi.json") or response.status_code >= 500 or streaming:
            return
        said = self._operation(response.request, path.removeprefix(BASE))
        if said is None:
            return
        where = f"{response.request.method} {path} → {response.status_code}"
        answer = said["responses"].get(str(response.status_code))
        assert answer is not None, f"{where} is not in the OpenAPI document"
        response.read()
        schema = answer["content"]["application/json"]["schema"]
        document = self._documents[_origin(response.request)]
        validator = jsonschema.Draft202012Validator({**schema, "components": document["components"]})
        problems = [f"{'/'.join(map(str, error.path))}: {error.message[:200]}"
                    for error in validator.iter_errors(response.json())]
        assert not problems, f"{where}: {problems}"

    def _operation(self, request: httpx.Request, path: str) -> dict[str, Any] | None:
        """What the document says about a request; None for addresses that are none of the API's (ids that are no ids)."""
        origin = _origin(request)
        if origin not in self._documents:
            self._documents[origin] = httpx.get(f"{origin}{BASE}/openapi.json", timeout=30).json()
        for template, operations in self._documents[origin]["paths"].items():
            if re.fullmatch(re.sub(r"\\?\{\w+\\?\}", r"[0-9]+", re.escape(template)), path):
                found: dict[str, Any] | None = operations.get(request.method.lower())
                return found
        return None


def _origin(request: httpx.Request) -> str:
    url = request.url
    return f"{url.scheme}://{url.netloc.decode()}"
