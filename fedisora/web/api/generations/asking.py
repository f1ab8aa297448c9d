"""POST generations and POST generations/preview."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ....errors import Invalid, TooManyRequests
from ....generation import submission
from ....generation.intake import Wanted
from ....models import Generation
from ....services.cameos.asking import plan as cameo_plan
from ....services.generations import webhooks
from ... import cameos
from ...auth import Person, person
from ...body import Params, params
from ...borrowing import borrowed
from ...convertors import number
from ...problems import hang_up
from .entity import entity, previewed

if TYPE_CHECKING:
    from ....app import House

N = TypeVar("N", int, float)
POST_MEMBERS = ("text", "visibility", "spoiler_text", "language", "description", "remix_policy", "remix_use")


def _number(given: Params, name: str, kind: type[N]) -> N | None:
    text = given.text(name).strip()
    if not text:
        return None
    try:
        found = kind(text)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"{name} is a {'whole ' if kind is int else ''}number.", cause=error, code="not-a-number") from error
    if found != found or found in (float("inf"), float("-inf")):
        raise Invalid(f"{name} is a number.", code="not-a-number")
    return found


def _row(given: Params, *names: str) -> int | None:
    for name in names:
        if text := given.text(name):
            found = number(text)
            if found is None:
                raise Invalid(f"{name} is the id of something here.", code="no-id")
            return found
    return None


def _post(given: Params) -> dict[str, Any] | None:
    """The member `publish`: false, true, or an object with the members of a post."""
    wanted = given.raw("publish")
    if not isinstance(wanted, dict):
        return {} if given.flag("publish") else None
    inner = Params(list(wanted.items()))
    post: dict[str, Any] = {name: inner.text(name) for name in POST_MEMBERS if name in inner}
    for name in ("sensitive", "show_prompt"):
        if inner.flag(name) is not None:
            post[name] = inner.flag(name)
    return post


def wanted_of(given: Params) -> Wanted:
    """A request as an application sends it.

    Raises:
        Invalid: a number is none.
    """
    seed, size = _number(given, "seed", int), given.text("size")
    if seed is not None and not 0 <= seed < 2**63:
        raise Invalid("The seed is a number from 0 to 2^63 - 1.", code="seed")
    width, height = _number(given, "width", int), _number(given, "height", int)
    if not size and (width or height):
        if not width or not height:
            raise Invalid("Give width and height, or size as WIDTHxHEIGHT.", code="size")
        size = f"{width}x{height}"
    seconds, variants = _number(given, "seconds", float), _number(given, "variants", int)
    return Wanted(
        prompt=given.text("prompt"), negative_prompt=given.text("negative_prompt"), model=given.text("model"),
        task=given.text("task"), orientation=given.text("orientation") or given.text("shape"), size=size,
        seconds=seconds, seed=seed, steps=_number(given, "steps", int),
        guidance=_number(given, "guidance", float), strength=_number(given, "strength", float),
        input_media_id=_row(given, "input_media_id"), remix_of_id=_row(given, "remix_of_id", "fedisora_remix_of"),
        variants=1 if variants is None else variants, people=given.text("input_people"),
        publish=_post(given), webhook_url=given.text("webhook_url"))


def _count(request: Request, house: House, who: Person) -> None:
    """Count a request, before its body is read.

    Raises:
        TooManyRequests: more than a person asks for.
    """
    if house.settings.rate_limits:
        try:
            house.asking.take(who.user.id)
        except TooManyRequests as error:
            hang_up(request)
            raise TooManyRequests(error.text, retry_after=error.retry_after, code="too-often") from error


async def create(request: Request) -> Response:
    """POST generations: 202 with the first one; `batch` lists all when variants were asked for."""
    house: House = request.app.state.house
    who = await person(request, "write:generations")
    _count(request, house, who)
    given = await params(request)
    if given.text("likeness_of") or given.text("character"):
        return await _with_somebody(house, who, given)
    wanted = wanted_of(given)
    secret = None
    if wanted.webhook_url:
        webhooks.check_url(wanted.webhook_url)
        house.client.check_url(wanted.webhook_url)
        secret = webhooks.new_secret()
    wanted = await borrowed(house, who.actor.id, wanted)
    ids = await submission.submit(house.db, house.storage, house.gates, who.actor.id, wanted, webhook_secret=secret)

    def answer(session: Session) -> dict[str, Any]:
        found = entity(session, session.get_one(Generation, ids[0]), house)
        if len(ids) > 1:
            found["batch"] = [str(one) for one in ids]
        if secret is not None:
            found["webhook_secret"] = webhooks.shown(secret)
        return found

    return JSONResponse(await house.db.read(answer), 202)


async def _with_somebody(house: House, who: Person, given: Params) -> Response:
    """A video with the likeness of a person (`likeness_of`), or with a character of theirs (`character`)."""
    character = given.text("character")
    account = given.text("likeness_of") or character.partition("/characters/")[0]
    wish = await cameos.wish(house, who.actor, account, character, given.text("intended_use"),
                             accepts=given.flag("accepts_terms") is True)
    made = cameo_plan(given.text("prompt"), orientation=given.text("orientation") or given.text("shape"),
                      seconds=_number(given, "seconds", float), seed=_number(given, "seed", int))
    row_id = await submission.ask_cameo(house.db, house.storage, house.gates, who.actor.id, wish, made, publish=_post(given))
    return JSONResponse(await house.db.read(lambda session: entity(session, session.get_one(Generation, row_id), house)), 202)


async def preview(request: Request) -> Response:
    """POST generations/preview: what exactly would be made, and what it would cost. Nothing is queued."""
    house: House = request.app.state.house
    who, given = await person(request, "read"), await params(request)
    plan, estimate = await submission.preview(house.db, who.actor.id, wanted_of(given))
    return JSONResponse(previewed(plan, estimate))
