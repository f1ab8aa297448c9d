"""Pages of the client API: max_id, since_id, min_id, limit, and the Link header (RFC 8288)."""
from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse

from ..errors import Invalid
from ..store.paging import Page
from ..uris import Uris
from .convertors import number


def page_of(request: Request, *, default: int = 20, most: int = 40) -> Page:
    """The wanted page.

    Raises:
        Invalid: an id or limit that is not a number.
    """
    values: dict[str, int | None] = {}
    for name in ("max_id", "since_id", "min_id", "limit"):
        given = request.query_params.get(name)
        values[name] = number(given)
        if given is not None and values[name] is None:
            raise Invalid(f"{name} is a number.")
    limit = values["limit"] if values["limit"] is not None else default
    return Page(max_id=values["max_id"], since_id=values["since_id"], min_id=values["min_id"], limit=max(1, min(limit, most)))


def paged(request: Request, uris: Uris, items: list[Any], ids: list[int], page: Page) -> JSONResponse:
    """The items with links to the pages before and after; `ids` are those that page them."""
    headers = {}
    if ids:
        kept = [(name, value) for name, value in request.query_params.multi_items()
                if name not in ("max_id", "since_id", "min_id")]
        links = []
        for rel, name, row in (("next", "max_id", ids[-1]), ("prev", "min_id", ids[0])):
            if rel == "next" and len(ids) < page.limit and page.min_id is None:
                continue
            query = urlencode([*kept, (name, str(row))])
            links.append(f'<{uris.absolute(request.url.path)}?{query}>; rel="{rel}"')
        headers["Link"] = ", ".join(links)
    return JSONResponse(items, headers=headers)
