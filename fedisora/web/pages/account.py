"""Logging in and out, signing up, the first admin's set-up, one's settings."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from ...db import UnitOfWork
from ...errors import FedisoraError, Forbidden, Invalid, Unauthenticated
from ...models import User
from ...services import accounts, channels, instance, local_actors, sessions, storage_quota
from ...services.tokens import digest
from ..uploads import keep_picture
from . import views
from .render import page
from .visitor import Visitor, address, checked_form, go, local_target, log_in, log_out, require_admin, text, visitor

if TYPE_CHECKING:
    from ...app import House

FIELDS = ("username", "email", "kind", "reason")


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


async def login_form(request: Request) -> Response:
    """GET /login"""
    target = local_target(request, request.query_params.get("next", "/"))
    if (await visitor(request)).user is not None:
        return go(request, target)
    return await page(request, "login.html", next=target, login="", problem="")


async def login(request: Request) -> Response:
    """POST /login"""
    house, form = _house(request), await checked_form(request)
    name, password, where = text(form, "login"), text(form, "password"), address(request)
    target = local_target(request, text(form, "next", "/"))
    before = request.cookies.get(sessions.COOKIE) or None

    try:
        await house.db.write(lambda uow: accounts.throttle_check(uow, name, where))
        user = await house.db.read(lambda session: accounts.check_password(session, name, password))
    except FedisoraError as error:
        if isinstance(error, Unauthenticated):
            # in its own transaction: the failure has to be counted although the log-in is refused
            await house.db.write(lambda uow: accounts.note_failure(uow, name, where))
        status = 422 if isinstance(error, Unauthenticated) else error.status
        return await page(request, "login.html", status=status, next=target, login=name, problem=error.text)

    def start(uow: UnitOfWork) -> str:
        accounts.clear_failures(uow, name)
        return sessions.start(uow, uow.session.get_one(User, user.id), request.headers.get("user-agent", ""), where,
                              replaces=before)

    token = await house.db.write(start)
    response = go(request, target)
    log_in(request, response, token)
    return response


async def logout(request: Request) -> Response:
    """POST /logout"""
    house = _house(request)
    await checked_form(request)
    token = request.cookies.get(sessions.COOKIE, "")
    await house.db.write(lambda uow: sessions.end(uow, token))
    response = go(request, "/", "You are logged out.")
    log_out(response)
    return response


async def _signup_page(request: Request, *, setup: str = "", problem: str = "", form: FormData | None = None,
                       status: int = 200) -> Response:
    house = _house(request)
    values = {name: text(form, name) if form is not None else "" for name in FIELDS}
    return await page(request, "signup.html", status=status, setup=setup, problem=problem, form=values,
                      action="/setup" if setup else "/signup", closed=not setup and house.settings.registrations == "closed")


async def signup_form(request: Request) -> Response:
    """GET /signup"""
    return await _signup_page(request)


async def _create(request: Request, form: FormData, *, setup: str = "") -> User:
    house = _house(request)
    values = {name: text(form, name).strip() for name in FIELDS}
    password = text(form, "password")
    if values["kind"] == "agent":
        raise Invalid("An agent is made by its operator: log in as yourself, then open Settings, Agents.")
    await house.db.read(lambda session: accounts.check_new(session, values["username"], values["email"], password,
                                                           admin=bool(setup)))
    keys = await house.db.run(local_actors.new_keys)  # slow: not inside the transaction

    def create(uow: UnitOfWork) -> User:
        if setup:
            instance.use_setup_token(uow, setup)
            return accounts.create(uow, values["username"], values["email"], password, admin=True, keys=keys)
        state = "pending" if house.settings.registrations == "approval" else "active"
        return accounts.create(uow, values["username"], values["email"], password, kind=values["kind"] or "human",
                               state=state, reason=values["reason"], keys=keys)

    return await house.db.write(create)


async def _welcome(request: Request, user: User, message: str) -> Response:
    house, where = _house(request), address(request)
    if user.state != "active":
        return go(request, "/login", "Thank you. An administrator will look at your request.")
    token = await house.db.write(lambda uow: sessions.start(
        uow, uow.session.get_one(User, user.id), request.headers.get("user-agent", ""), where))
    response = go(request, "/", message)
    log_in(request, response, token)
    return response


async def signup(request: Request) -> Response:
    """POST /signup"""
    house, form = _house(request), await checked_form(request)
    if house.settings.registrations == "closed":
        raise Forbidden("This server takes no new accounts at the moment.")
    try:
        user = await _create(request, form)
    except Invalid as error:
        return await _signup_page(request, problem=error.text, form=form, status=422)
    return await _welcome(request, user, f"Welcome, @{text(form, 'username')}.")


async def setup_form(request: Request) -> Response:
    """GET /setup?token= : 410 once it was used."""
    house, token = _house(request), request.query_params.get("token", "")
    await house.db.read(lambda session: instance.check_setup_token(session, token, house.db.clock()))
    return await _signup_page(request, setup=token)


async def setup(request: Request) -> Response:
    """POST /setup"""
    house, form = _house(request), await checked_form(request)
    token = text(form, "token")
    await house.db.read(lambda session: instance.check_setup_token(session, token, house.db.clock()))
    try:
        user = await _create(request, form, setup=token)
    except Invalid as error:
        return await _signup_page(request, setup=token, problem=error.text, form=form, status=422)
    return await _welcome(request, user, "Your server is ready. You administer it.")


async def _settings_page(request: Request, *, problem: str = "", status: int = 200) -> Response:
    house, who = _house(request), await visitor(request)
    user, actor = who.person()
    rows = await house.db.read(lambda session: sessions.of_user(session, user.id))
    here = digest(who.token)
    shown: list[dict[str, Any]] = [
        {"hash": row.token_hash, "agent": row.user_agent[:80] or "A browser", "address": row.address, "seen": row.seen_at,
         "here": row.token_hash == here} for row in rows]
    channel, handle, storage = await house.db.read(lambda session: (
        channels.active(session, actor.id), channels.handle_for(session, actor.username),
        storage_quota.storage(session, house.settings, actor.id)))
    return await page(request, "settings.html", status=status, account=views.account(actor, house.uris), sessions=shown,
                      problem=problem, channel=channel, storage=storage,
                      channel_handle=channel.username if channel else handle)


async def settings(request: Request) -> Response:
    """GET /settings"""
    (await visitor(request)).person()
    return await _settings_page(request)


async def save_profile(request: Request) -> Response:
    """POST /settings/profile"""
    house, form = _house(request), await checked_form(request)
    _, actor = (await visitor(request)).person()
    try:
        picture = form.get("avatar")
        key = await keep_picture(house, picture, "avatar") if isinstance(picture, UploadFile) and picture.filename else None
        await house.db.write(lambda uow: accounts.update_profile(
            uow, actor.id, name=text(form, "name"), note=text(form, "note"), locked=bool(text(form, "locked")),
            discoverable=bool(text(form, "discoverable")), indexable=bool(text(form, "indexable")),
            hide_collections=bool(text(form, "hide_collections")), avatar_key=key))
    except Invalid as error:
        return await _settings_page(request, problem=error.text, status=422)
    return go(request, "/settings", "Saved.")


async def save_channel(request: Request) -> Response:
    """POST /settings/channel: switch the account's channel on or off."""
    house, form = _house(request), await checked_form(request)
    _, actor = (await visitor(request)).person()
    wanted = bool(text(form, "channel"))
    is_on = await house.db.read(lambda session: channels.active(session, actor.id)) is not None
    if wanted == is_on:
        return go(request, "/settings", "Saved.")
    if not wanted:
        await house.db.write(lambda uow: channels.switch_off(uow, actor))
        return go(request, "/settings", "Your channel is off.")
    keys = await house.db.run(local_actors.new_keys)  # slow: not inside the transaction
    try:
        made = await house.db.write(lambda uow: channels.create(uow, actor, keys=keys))
    except Invalid as error:
        return await _settings_page(request, problem=error.text, status=422)
    return go(request, "/settings", f"Your channel is on: @{made.username}.")


async def save_password(request: Request) -> Response:
    """POST /settings/password: ends every other session and gives this one a new token."""
    house, form = _house(request), await checked_form(request)
    who: Visitor = await visitor(request)
    user, _ = who.person()

    def change(uow: UnitOfWork) -> str | None:
        accounts.change_password(uow, user.id, text(form, "old"), text(form, "new"), keep_session=who.token)
        return sessions.rotate(uow, who.token)

    try:
        token = await house.db.write(change)
    except Invalid as error:
        return await _settings_page(request, problem=error.text, status=422)
    response = go(request, "/settings", "Your password is changed.")
    if token:
        log_in(request, response, token)
    return response


async def end_session(request: Request) -> Response:
    """POST /settings/sessions/end"""
    house, form = _house(request), await checked_form(request)
    user, _ = (await visitor(request)).person()
    await house.db.write(lambda uow: sessions.end_by_hash(uow, user.id, text(form, "session")))
    return go(request, "/settings", "That browser is logged out.")


async def approvals(request: Request) -> Response:
    """GET /admin/approvals"""
    house = _house(request)
    await require_admin(request)
    rows = await house.db.read(accounts.pending)
    items = [{"id": user.id, "email": user.email, "reason": user.reason, "created": user.created_at,
              "account": views.account(actor, house.uris)} for user, actor in rows]
    return await page(request, "approvals.html", items=items)


async def decide(request: Request) -> Response:
    """POST /admin/approvals/ID/approve and /refuse"""
    house = _house(request)
    await checked_form(request)
    await require_admin(request)
    use_case = {"approve": accounts.approve, "refuse": accounts.refuse}[request.path_params["verb"]]
    await house.db.write(lambda uow: use_case(uow, request.path_params["id"]))
    return go(request, "/admin/approvals", "Done.")
