"""Templates to pages."""
from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ...services import consents
from ...services.storage_quota import in_mb
from ...store import notifications
from .visitor import FLASH_COOKIE, Visitor, keep_visitor, visitor

if TYPE_CHECKING:
    from ...app import House

FOLDER = Path(__file__).resolve().parents[2]
STATIC = FOLDER / "static"
TITLES = {400: "That did not work", 401: "Please log in", 403: "Not allowed", 404: "Nothing here", 405: "Not possible here",
          409: "That has changed meanwhile", 410: "This is gone", 413: "Too large", 422: "Please check what you wrote",
          429: "A little slower, please", 500: "Our mistake", 503: "Not right now"}


def _short(number: int) -> str:
    """1,204 as 1.2k."""
    if number < 1000:
        return str(number)
    return f"{number / 1000:.1f}k".replace(".0k", "k") if number < 1_000_000 else f"{number / 1_000_000:.1f}M"


def _ago(moment: dt.datetime) -> str:
    """How long ago, in few characters."""
    seconds = max(0, (dt.datetime.now(dt.UTC) - moment).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return moment.strftime("%-d %b %Y") if unit == "d" and seconds > 30 * 86_400 else f"{int(seconds // size)} {unit}"
    return "now"


SPOKEN: ContextVar[tuple[str, ...]] = ContextVar("spoken", default=())
"""Languages of whoever looks, while their page is made: macros of templates do not see the page's values."""


def spoken(request: Request, who: Visitor) -> tuple[str, ...]:
    """The languages of a visitor, the dearest first: their account's, else their browser's."""
    if who.user is not None:
        return (who.user.locale.lower(),)
    wishes = [item.partition(";")[0].strip().lower() for item in request.headers.get("accept-language", "").split(",")[:10]]
    return tuple(wish for wish in wishes if wish and wish != "*")


def _preferred(tracks: Sequence[Any]) -> int | None:
    """The id of the captions that are shown at first: those in the visitor's language, checked ones before automatic ones."""
    for language in SPOKEN.get():
        for wide in (False, True):
            fitting = [track for track in tracks if track.language.lower() == language or (
                wide and track.language.lower().partition("-")[0] == language.partition("-")[0])]
            if fitting:
                return int(min(fitting, key=lambda track: track.automatic).id)
    return None


def _span(seconds: float) -> str:
    """A span for people: "8 s", "about 3 min", "about 2 h"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min" if seconds < 5400 else f"about {round(seconds / 3600)} h"


def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True,
                       undefined=StrictUndefined, extensions=["jinja2.ext.i18n"])
    made.install_null_translations(newstyle=True)  # type: ignore[attr-defined]  # added by the i18n extension
    made.filters.update(preferred=_preferred, megabytes=in_mb)
    made.filters.update(short=_short, ago=_ago, span=_span, day=lambda moment: moment.strftime("%-d %B %Y, %H:%M UTC"),
                        iso=lambda moment: moment.astimezone(dt.UTC).isoformat(timespec="seconds"))
    return made


ENVIRONMENT = _environment()


async def page(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """A page for whoever looks, with what every page needs."""
    house: House = request.app.state.house
    who = await visitor(request)
    unread = asked = 0
    if who.actor is not None:
        actor = who.actor
        unread, asked = await house.db.read(lambda session: (notifications.unread(session, actor.id),
                                                             consents.waiting(session, actor)))
    flash = unquote(request.cookies.get(FLASH_COOKIE, ""))[:300]
    SPOKEN.set(spoken(request, who))
    body = ENVIRONMENT.get_template(template).render(
        visitor=who, csrf_token=who.csrf_token, flash=flash, unread=unread, asked=asked, site=house.settings.instance_name,
        host=house.uris.host, path=request.url.path, registrations=house.settings.registrations, **values)
    control = "private, no-store" if who.user else "no-cache"
    response = HTMLResponse(body, status, {"Cache-Control": control, "Vary": "Cookie, Accept, Accept-Language"})
    return keep_visitor(request, response)


def error_page(request: Request, status: int, text: str) -> Response:
    """An error as a page; asks neither the database nor who looks."""
    house: House = request.app.state.house
    nobody = Visitor("", "")
    body = ENVIRONMENT.get_template("error.html").render(
        visitor=nobody, csrf_token="", flash="", unread=0, asked=0, site=house.settings.instance_name, host=house.uris.host,
        path=request.url.path, registrations=house.settings.registrations, status=status,
        title=TITLES.get(status, TITLES[500] if status >= 500 else TITLES[400]), text=text)
    return HTMLResponse(body, status, {"Cache-Control": "no-store"})
