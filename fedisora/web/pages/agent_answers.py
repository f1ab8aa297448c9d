"""/settings/agents/NAME/answers: how an agent answers mentions, its own posts, what it was asked, and a try without a post."""
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...errors import Invalid, Refused
from ...generation import submission
from ...generation.intake import Wanted
from ...generation.presets import catalogue
from ...models import Actor, User
from ...services.agents import answers, asking, configure, parsing, replies, schedule_lines
from ...store import actors
from ...store.captions import label_of
from ...store.paging import Page
from ...translations import tongues
from .render import page
from .visitor import checked_form, go, text, visitor

if TYPE_CHECKING:
    from ...app import House

SHOWN = 30
AUDIENCES = {"everyone": "Everybody", "followers": "Who follows the agent", "operator": "Whom its operator follows",
             "listed": "Only these people and servers"}
SHAPES = {"": "The model’s own", "portrait": "Portrait", "landscape": "Landscape", "square": "Square"}
STATES = {"received": "waits", "making": "is being made", "held": "a moderator looks at it", "answered": "answered",
          "failed": "could not be made", "refused": "refused", "told": "answered in words", "ignored": "not answered",
          "withdrawn": "deleted by who asked"}
WORDS = {"help": "It would say how it is asked.", "stop": "It would leave this person alone from then on.",
         "start": "It would answer this person again.", "thanks": "It would say nothing."}


@dataclass(frozen=True)
class Tried:
    """What a text would become. `words`: when it is no video; `problem`: why it would be refused."""

    text: str
    words: str = ""
    problem: str = ""
    prompt: str = ""
    parameters: str = ""
    notes: tuple[str, ...] = ()


def _own(session: Session, name: str, user: User, viewer: Actor) -> Actor:
    return configure.visible_to(session, actors.by_handle(session, name), user, viewer)


async def _tried(house: House, agent: Actor, given: str) -> Tried | None:
    """What a text would become now; None when none was given. Nothing is queued, no limit is counted."""
    if not given.strip():
        return None
    profile = await house.db.read(lambda session: configure.profile_of(session, agent))
    asked = parsing.parse(given, own=agent.username, **replies.words_of(house.settings.data_dir, profile))
    if asked.kind != "video":
        return Tried(given, words=WORDS[asked.kind])
    order = answers.order_of(profile, asked)
    try:
        plan, _ = await submission.preview(house.db, agent.id, Wanted(
            prompt=order.prompt, model=order.model, orientation=order.orientation, size=order.size, seconds=order.seconds,
            seed=order.seed))
    except Refused as error:
        return Tried(given, problem=error.text)
    shown = await house.db.read(lambda session: asking.shown(session, house.uris.host, "", asked.people))
    notes = (f"Made only with the consent of {', '.join(shown)}.",) if shown else ()
    return Tried(given, prompt=plan.prompt, parameters=replies.parameters(plan), notes=(*notes, *plan.adjusted))


async def _page(request: Request, *, problem: str = "", status: int = 200, form: FormData | None = None) -> Response:
    house: House = request.app.state.house
    user, viewer = (await visitor(request)).person()

    def read(session: Session) -> tuple[Actor, dict[str, Any], list[configure.Asked], list[str]]:
        agent = _own(session, request.path_params["name"], user, viewer)
        kept = configure.values(session, configure.profile_of(session, agent))
        return (agent, kept, configure.log(session, agent, Page(limit=SHOWN), house.uris.host),
                [preset.name for preset in catalogue.current(session, house.settings).models])

    agent, kept, lines, models = await house.db.read(read)
    shown = {**kept, "allowed": "\n".join(kept["allowed"]), "blocked": "\n".join(kept["blocked"]),
             "schedule": schedule_lines.written(kept["schedule"])}
    if form is not None:  # what was typed stays
        shown |= {name: text(form, name) for name in shown if name not in ("on", "next_post_at")} | {"on": bool(text(form, "on"))}
    spoken = [tongue.code for tongue in tongues(house.settings.data_dir).values()]
    languages = {code: label_of(code) for code in dict.fromkeys((*spoken, kept["language"]))}
    tried = await _tried(house, agent, request.query_params.get("try", "")[:parsing.MAX_TEXT])
    return await page(request, "agent_answers.html", status=status, problem=problem, agent=agent, kept=shown, lines=lines,
                      models=models, audiences=AUDIENCES, shapes=SHAPES, states=STATES, tried=tried, languages=languages,
                      next_post_at=(kept["next_post_at"] or "")[:16].replace("T", " "))


async def show(request: Request) -> Response:
    """GET /settings/agents/NAME/answers; with `try`, what that text would become."""
    return await _page(request)


def _number(form: FormData, name: str) -> int:
    given = text(form, name).strip()
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 9 else -1


def _values(form: FormData) -> dict[str, object]:
    """The form as `services.agents.configure.change` takes it.

    Raises:
        Invalid: the length is no number, or a line of the schedule is none.
    """
    seconds = text(form, "seconds").strip().replace(",", ".")
    try:
        length = float(seconds) if seconds else None
    except ValueError as error:
        raise Invalid("The usual length is a number of seconds, or nothing for the model's own.", cause=error) from error
    wanted: dict[str, object] = {name: text(form, name) for name in (
        "persona", "audience", "style", "model", "orientation", "stop_word", "start_word")}
    wanted |= {"language": text(form, "language")} if text(form, "language") else {}
    wanted |= {name: text(form, name).replace(",", "\n").splitlines() for name in ("allowed", "blocked")}
    wanted |= {name: _number(form, name) for name in ("per_person", "per_domain", "per_day")}
    return wanted | {"on": bool(text(form, "on")), "seconds": length, "schedule": schedule_lines.read(text(form, "schedule"))}


async def save(request: Request) -> Response:
    """POST /settings/agents/NAME/answers"""
    house: House = request.app.state.house
    form = await checked_form(request)
    user, viewer = (await visitor(request)).person()

    def apply(uow: UnitOfWork) -> None:
        agent = _own(uow.session, request.path_params["name"], user, viewer)
        models = [preset.name for preset in catalogue.current(uow.session, house.settings).models]
        configure.change(uow, agent, _values(form), models)

    try:
        await house.db.write(apply)
    except Invalid as error:
        return await _page(request, problem=error.text, status=error.status, form=form)
    return go(request, f"/settings/agents/{request.path_params['name']}/answers", "Saved.")


routes: list[BaseRoute] = [Route("/settings/agents/{name}/answers", show),
                           Route("/settings/agents/{name}/answers", save, methods=["POST"])]
