"""Who looks at a page: the session, the CSRF token of its forms, one-off messages, safe redirects."""
from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ...errors import Forbidden, NotFound, Unauthenticated
from ...models import Actor, User
from ...services import agents, sessions
from ..body import bounded, clean, form_in_memory, too_large

if TYPE_CHECKING:
    from ...app import House

VISITOR_COOKIE = "fedisora_visitor"
FLASH_COOKIE = "fedisora_flash"
SESSION_SECONDS = int(sessions.LIFETIME.total_seconds())
MAX_FORM = 1 << 20


@dataclass(frozen=True)
class Visitor:
    """Somebody at a browser. `token` is the session's, or before log-in the browser's random visitor token."""

    token: str
    csrf_token: str
    user: User | None = None
    actor: Actor | None = None

    def person(self) -> tuple[User, Actor]:
        """The person who is logged in.

        Raises:
            Unauthenticated: nobody is.
        """
        if self.user is None or self.actor is None:
            raise Unauthenticated
        return self.user, self.actor

    @property
    def actor_id(self) -> int | None:
        return self.actor.id if self.actor else None


async def visitor(request: Request) -> Visitor:
    """Who looks, looked up once per request."""
    found = getattr(request.state, "visitor", None)
    if isinstance(found, Visitor):
        return found
    house: House = request.app.state.house
    token = request.cookies.get(sessions.COOKIE, "")
    who = None
    if token:
        pair = await house.db.read(lambda session: sessions.lookup(session, token))
        if pair is not None:
            who = Visitor(token, sessions.csrf_token(house.vault, token), *pair)
    if who is None:
        plain = request.cookies.get(VISITOR_COOKIE) or secrets.token_urlsafe(24)
        who = Visitor(plain, sessions.csrf_token(house.vault, plain))
    request.state.visitor = who
    return who


async def require_admin(request: Request) -> None:
    """Raise unless an administrator looks.

    Raises:
        Unauthenticated: nobody is logged in.
        NotFound: somebody else is: there is nothing to see, not even that there is something.
    """
    user, _ = (await visitor(request)).person()
    if not user.admin:
        raise NotFound("There is nothing at this address.")


async def checked_form(request: Request, *, max_files: int = 4, in_memory: int = 0) -> FormData:
    """The form of a POST, when it carries this visitor's CSRF token.

    Args:
        in_memory: bytes of files at most that never lie on a disk, not for a moment either; 0: files may.

    Raises:
        Forbidden: the token is missing or another visitor's, or an agent that may not act is logged in.
    """
    house: House = request.app.state.house
    who = await visitor(request)
    await _may_act(request, who)
    length = int(request.headers.get("content-length") or 0)
    most = in_memory or house.settings.max_upload_mb << 20
    if length > most + MAX_FORM:
        raise too_large(most)
    sent = bounded(request, most, MAX_FORM)
    form = await form_in_memory(sent, files=max_files) if in_memory else await sent.form(
        max_files=max_files, max_fields=100, max_part_size=MAX_FORM)
    given = form.get("csrf_token")
    header = request.headers.get("x-csrf-token", "")
    if not sessions.check_csrf(house.vault, who.token, given if isinstance(given, str) else header):
        raise Forbidden("This form has expired. Go back, reload the page and send it again.")
    return form


async def _may_act(request: Request, who: Visitor) -> None:
    """An agent with a password of its own that is stopped changes nothing by pages either; it can log out."""
    agent = who.actor
    if agent is None or agent.kind != "agent" or request.url.path == "/logout":
        return
    house: House = request.app.state.house
    reason = await house.db.read(lambda session: agents.may_act(session, house.settings, agent, house.db.clock()))
    if reason:
        raise Forbidden(reason, code=agents.PAUSED)


def text(form: FormData, name: str, default: str = "") -> str:
    """A text field; files and missing ones are the default."""
    value = form.get(name)
    return clean(value) if isinstance(value, str) else default


def keep_visitor(request: Request, response: Response) -> Response:
    """Give a browser without a session its visitor cookie, so that the forms of this page can be sent."""
    who = getattr(request.state, "visitor", None)
    if isinstance(who, Visitor) and who.user is None and request.cookies.get(VISITOR_COOKIE) != who.token:
        _set(request, response, VISITOR_COOKIE, who.token, max_age=None)
    if request.cookies.get(FLASH_COOKIE):
        response.delete_cookie(FLASH_COOKIE, path="/")
    return response


def _set(request: Request, response: Response, name: str, value: str, max_age: int | None) -> None:
    house: House = request.app.state.house
    response.set_cookie(name, value, max_age=max_age, path="/", secure=house.settings.https, httponly=True, samesite="lax")


def log_in(request: Request, response: Response, token: str) -> None:
    """Set the session cookie."""
    _set(request, response, sessions.COOKIE, token, SESSION_SECONDS)
    response.delete_cookie(VISITOR_COOKIE, path="/")


def log_out(response: Response) -> None:
    """Remove the session cookie."""
    response.delete_cookie(sessions.COOKIE, path="/")


def flash(request: Request, response: Response, message: str) -> None:
    """Show a message on the next page."""
    _set(request, response, FLASH_COOKIE, quote(message[:300]), 60)


def local_target(request: Request, target: str, fallback: str = "/") -> str:
    """A path of this instance to go to; anything that could lead elsewhere becomes the fallback (no open redirect)."""
    if not target.startswith("/") or target.startswith(("//", "/\\")) or any(ord(char) < 32 for char in target):
        return fallback
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc else fallback


def go(request: Request, path: str, message: str = "") -> Response:
    """See other: after a POST."""
    response = RedirectResponse(path, status_code=303)
    if message:
        flash(request, response, message)
    return response


def address(request: Request) -> str:
    """The client's address, as the trusted proxies tell it."""
    return request.client.host if request.client else ""
