"""/settings/likeness: one's own likeness, the characters one invented, and who may ask for them."""
from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...errors import FedisoraError, Invalid, NotFound
from ...models import Actor, Likeness, VerificationCase
from ...services.likenesses import characters, enrolling, people, review
from ...store import actors, likenesses, verification
from .. import likeness_clips, likeness_pictures
from . import verification_clip, views
from .render import page
from .visitor import checked_form, go, text, visitor

if TYPE_CHECKING:
    from ...app import House

HERE: Final = "/settings/likeness"
AUDIENCES: Final = (
    ("nobody", "Nobody", "No requests at all."), ("approved", "People I approve", "Those in the list below."),
    ("mutuals", "Mutuals", "Who follows me and whom I follow."), ("verified", "Verified humans", "Checked by a server we trust."),
    ("everyone", "Everyone", "You are still asked each time."))
DECISIONS: Final = {"approve": likenesses.APPROVED, "always": likenesses.ALWAYS, "block": likenesses.BLOCKED, "forget": ""}
WORDS: Final = {"approved": "may ask", "always": "need not ask each time", "blocked": "blocked"}
DONE: Final = {"approve": "They may ask, whatever you chose above but “nobody”.", "always": "Their requests are rendered without "
               "asking you first. You still see each draft before they do.", "block": "Blocked. They are not told.",
               "forget": "Forgotten."}


@dataclass(frozen=True)
class Own:
    """What the page shows of one's own likeness: the row that counts, its open case, and how the last one ended."""

    row: Likeness | None
    case: VerificationCase | None
    last: str
    reason: str


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


def _own(session: Session, actor: Actor) -> Own:
    row = likenesses.newest(session, actor.id)
    if row is None or row.state in (likenesses.REFUSED, likenesses.WITHDRAWN):
        ended = next((case for case in verification.cases_of(session, actor.id, 20)
                      if row is not None and case.likeness_id == row.id), None)
        return Own(None, None, row.state if row is not None else "", ended.reason if ended is not None else "")
    return Own(row, verification.open_case(session, actor.id, "likeness", row.id), "", "")


async def shown(request: Request, *, problem: str = "", status: int = 200) -> Response:
    """The page as it is now."""
    house = _house(request)
    _, actor = (await visitor(request)).person()

    def read(session: Session) -> dict[str, Any]:
        return {"own": _own(session, actor), "characters": list(likenesses.characters(session, actor.id)),
                "people": [(row, views.account(person, house.uris)) for row, person in likenesses.people(session, actor.id)]}

    response = await page(request, "settings_likeness.html", status=status, problem=problem, audiences=AUDIENCES, words=WORDS,
                          agent=actor.kind != "human", most=characters.MOST, hours=house.settings.clip_hours,
                          today=house.db.clock().date(), **await house.db.read(read))
    response.headers["Permissions-Policy"] = verification_clip.CAMERA
    return response


async def show(request: Request) -> Response:
    """GET /settings/likeness"""
    return await shown(request)


async def _apply(request: Request, use_case: Any, done: str = "", anchor: str = "") -> Response:
    try:
        await _house(request).db.write(use_case)
    except FedisoraError as error:
        if error.status >= 500 or isinstance(error, NotFound):
            raise
        return await shown(request, problem=error.text, status=error.status)
    return go(request, f"{HERE}{anchor}", done)


def ends(given: str) -> dt.datetime | None:
    """The moment of a date field: midnight UTC at its beginning; None for an empty one.

    Raises:
        Invalid: not a date.
    """
    if not given.strip():
        return None
    try:
        return dt.datetime.combine(dt.date.fromisoformat(given.strip()), dt.time(), dt.UTC)
    except ValueError as error:
        raise Invalid("The end is a date such as 2027-11-26.", cause=error) from error


def _choose(uow: UnitOfWork, actor: Actor, row: Likeness, form: FormData) -> None:
    enrolling.choose(uow, actor, row, audience=text(form, "audience"), forbidden=text(form, "forbidden"),
                     agents=bool(text(form, "agents")), until=ends(text(form, "until")))


async def enrol(request: Request) -> Response:
    """POST /settings/likeness/enrol {picture?, clip?, consent}: one of the two at least"""
    form = await checked_form(request, in_memory=likeness_clips.MOST_BYTES + likeness_pictures.MOST_BYTES)
    house, (_, actor) = _house(request), (await visitor(request)).person()
    try:
        if not text(form, "consent"):
            raise Invalid("Tick that it shows you and that a moderator may compare it with a live clip.")
        await house.db.read(lambda session: enrolling.check(session, actor))
        await likeness_clips.keep(house, form.get("picture"), form.get("clip"), lambda uow, picture, clip: enrolling.enrol(
            uow, actors.get(uow.session, actor.id), picture, clip))
    except FedisoraError as error:
        if error.status >= 500:
            raise
        return await shown(request, problem=error.text, status=error.status)
    finally:
        await form.close()
    return go(request, HERE, "It is here, sealed. Now record the live clip that it is compared with.")


async def choose(request: Request) -> Response:
    """POST /settings/likeness/choose {audience, forbidden, agents, until}"""
    form = await checked_form(request)
    _, visiting = (await visitor(request)).person()

    def apply(uow: UnitOfWork) -> None:
        row = likenesses.newest(uow.session, visiting.id)
        if row is None:
            raise NotFound("You have no likeness here.")
        _choose(uow, actors.get(uow.session, visiting.id), row, form)

    return await _apply(request, apply, "Saved. Other servers learn whether requests are taken.", "#who")


async def withdraw(request: Request) -> Response:
    """POST /settings/likeness/withdraw {given: keep or take-back}"""
    form = await checked_form(request)
    _, visiting = (await visitor(request)).person()
    given = text(form, "given")
    if given not in ("keep", "take-back"):
        return await shown(request, problem="Say what becomes of the consents that you gave.", status=422)
    return await _apply(request, lambda uow: enrolling.withdraw(
        uow, actors.get(uow.session, visiting.id), take_back=given == "take-back"),
        "Withdrawn. What you enrolled has lost its key and is being deleted.")


async def add_person(request: Request) -> Response:
    """POST /settings/likeness/people {handle, decision}"""
    form = await checked_form(request)
    _, visiting = (await visitor(request)).person()
    verb = text(form, "decision")
    if verb not in DECISIONS:
        return await shown(request, problem="Choose what you decide about this account.", status=422)

    def apply(uow: UnitOfWork) -> None:
        try:
            person = people.named(uow, text(form, "handle"))
        except NotFound as error:
            raise Invalid(error.text, cause=error) from error
        people.decide_about(uow, actors.get(uow.session, visiting.id), person, DECISIONS[verb])

    return await _apply(request, apply, DONE[verb], "#people")


async def on_person(request: Request) -> Response:
    """POST /settings/likeness/people/ID/approve, always, block, forget"""
    await checked_form(request)
    _, visiting = (await visitor(request)).person()
    wanted, verb = request.path_params["id"], request.path_params["verb"]
    if verb not in DECISIONS:
        raise NotFound("There is nothing at this address.")

    def apply(uow: UnitOfWork) -> None:
        person = uow.session.get(Actor, wanted)
        if person is None or likenesses.person(uow.session, visiting.id, person.id) is None:
            raise NotFound("This account is not in your list.")
        people.decide_about(uow, actors.get(uow.session, visiting.id), person, DECISIONS[verb])

    return await _apply(request, apply, DONE[verb], "#people")


async def add_character(request: Request) -> Response:
    """POST /settings/likeness/characters {picture, name, summary, declared}"""
    form = await checked_form(request)
    house, (_, visiting) = _house(request), (await visitor(request)).person()
    name, summary, declared = text(form, "name"), text(form, "summary"), bool(text(form, "declared"))
    try:
        await house.db.write(lambda uow: characters.check(uow, actors.get(uow.session, visiting.id), name, summary, declared))
        await likeness_pictures.keep(house, form.get("picture"), lambda uow, picture: characters.create(
            uow, actors.get(uow.session, visiting.id), name=name, summary=summary, declared=declared, picture=picture))
    except FedisoraError as error:
        if error.status >= 500:
            raise
        return await shown(request, problem=error.text, status=error.status)
    finally:
        await form.close()
    return go(request, f"{HERE}#characters", "Kept. Nobody may ask for it until you say so.")


async def on_character(request: Request) -> Response:
    """POST /settings/likeness/characters/ID/save, remove"""
    form = await checked_form(request)
    _, visiting = (await visitor(request)).person()
    wanted, verb = request.path_params["id"], request.path_params["verb"]
    if verb not in ("save", "remove"):
        raise NotFound("There is nothing at this address.")

    def apply(uow: UnitOfWork) -> None:
        actor = actors.get(uow.session, visiting.id)
        if verb == "remove":
            characters.remove(uow, actor, wanted)
        else:
            row = characters.describe(uow, actor, wanted, name=text(form, "name"), summary=text(form, "summary"))
            _choose(uow, actor, row, form)

    return await _apply(request, apply, "Saved." if verb == "save" else "Removed. Its picture is being deleted.", "#characters")


async def picture(request: Request) -> Response:
    """GET /settings/likeness/picture: one's own, for oneself alone."""
    house, (_, actor) = _house(request), (await visitor(request)).person()
    row = await house.db.read(lambda session: likenesses.newest(session, actor.id))
    if row is None:
        raise NotFound("There is no such picture.")
    return await likeness_pictures.shown(house, row)


async def clip(request: Request) -> Response:
    """GET /settings/likeness/clip: one's own, for oneself alone."""
    house, (_, actor) = _house(request), (await visitor(request)).person()
    row = await house.db.read(lambda session: likenesses.newest(session, actor.id))
    if row is None:
        raise NotFound("There is no such clip.")
    return await likeness_clips.shown(house, request, row)


async def character_picture(request: Request) -> Response:
    """GET /settings/likeness/characters/ID/picture: of one's own character, for oneself alone."""
    house, (_, actor) = _house(request), (await visitor(request)).person()
    wanted = request.path_params["id"]
    return await likeness_pictures.shown(house, await house.db.read(lambda session: characters.own(session, actor, wanted)))


async def _under_review(request: Request) -> Likeness:
    house, (_, actor) = _house(request), (await visitor(request)).person()
    wanted = request.path_params["id"]
    return await house.db.write(lambda uow: review.look(uow, wanted, actors.get(uow.session, actor.id)))


async def review_picture(request: Request) -> Response:
    """GET /admin/verification/ID/likeness: for the moderator who has the case. The look is written down."""
    return await likeness_pictures.shown(_house(request), await _under_review(request))


async def review_clip(request: Request) -> Response:
    """GET /admin/verification/ID/likeness/clip: as `review_picture`, of the clip beside it."""
    return await likeness_clips.shown(_house(request), request, await _under_review(request))


routes: list[BaseRoute] = [
    Route(HERE, show), Route(f"{HERE}/enrol", enrol, methods=["POST"]), Route(f"{HERE}/choose", choose, methods=["POST"]),
    Route(f"{HERE}/withdraw", withdraw, methods=["POST"]), Route(f"{HERE}/picture", picture), Route(f"{HERE}/clip", clip),
    Route(f"{HERE}/people", add_person, methods=["POST"]),
    Route(f"{HERE}/people/{{id:row}}/{{verb}}", on_person, methods=["POST"]),
    Route(f"{HERE}/characters", add_character, methods=["POST"]),
    Route(f"{HERE}/characters/{{id:row}}/picture", character_picture),
    Route(f"{HERE}/characters/{{id:row}}/{{verb}}", on_character, methods=["POST"]),
    Route("/admin/verification/{id:row}/likeness", review_picture),
    Route("/admin/verification/{id:row}/likeness/clip", review_clip),
]
