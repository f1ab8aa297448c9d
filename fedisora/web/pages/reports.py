"""Reporting a post from its page, and /admin/reports, where moderators work through what was reported."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...db import UnitOfWork
from ...errors import Invalid, NotFound
from ...models import Report, User
from ...services import reports
from ...store import actors, statuses
from ...store import reports as rows
from ...uris import Uris
from ..pagination import page_of
from . import views
from .render import page
from .verification_review import moderator
from .visitor import checked_form, go, text, visitor

if TYPE_CHECKING:
    from ...app import House

HERE: Final = "/admin/reports"
PER_PAGE: Final = 20
WORDS: Final = {"likeness": "Somebody says that their likeness is used", "spam": "Spam", "legal": "Against the law",
                "violation": "Against the rules", "other": "Something else"}


@dataclass(frozen=True)
class Item:
    """A report on the page. `posts`: (title, page; "" when it is not here any more, row id; 0 when it cannot be taken down)."""

    row: Report
    words: str
    target: views.AccountView
    reporter: views.AccountView
    posts: list[tuple[str, str, int]]


def _items(session: Session, found: Sequence[Report], uris: Uris, me: int) -> list[Item]:
    people = actors.many(session, [person for row in found for person in (row.actor_id, row.target_id)])
    posts = statuses.by_uris(session, [uri for row in found for uri in row.status_uris])
    items = []
    for row in found:
        target = people[row.target_id]
        shown = [(views.title_of(posts[uri]) or uri, f"{views.account_page(target)}/{posts[uri].id}",
                  posts[uri].id if posts[uri].actor_id != me else 0)
                 if uri in posts and (target.local or posts[uri].published) else (uri, "", 0) for uri in row.status_uris]
        items.append(Item(row, WORDS.get(row.category, WORDS["other"]), views.account(target, uris),
                          views.account(people[row.actor_id], uris), shown))
    return items


async def waiting(request: Request) -> Response:
    """GET /admin/reports: the urgent ones first; with `?resolved=1` those that are done."""
    house: House = request.app.state.house
    me = await moderator(request)
    resolved, wanted = bool(request.query_params.get("resolved")), page_of(request, default=PER_PAGE)

    def read(session: Session) -> tuple[list[Item], int, int | None]:
        found = rows.page(session, wanted, resolved=resolved)
        last = found[-1].id if len(found) == PER_PAGE else None
        if not resolved:  # all urgent ones stand on the first page, and on no other
            first = rows.urgent(session) if wanted.max_id is None else []
            found = [*first, *(row for row in found if not row.urgent)]
        return _items(session, found, house.uris, me.id), rows.count(session), last

    items, count, last = await house.db.read(read)
    more = f"{HERE}?{'resolved=1&' if resolved else ''}max_id={last}" if last is not None else None
    return await page(request, "admin_reports.html", items=items, count=count, more=more, resolved=resolved)


async def decide(request: Request) -> Response:
    """POST /admin/reports/ID/resolve, reopen"""
    house: House = request.app.state.house
    await checked_form(request)
    await moderator(request)
    user, _ = (await visitor(request)).person()
    wanted, verb = request.path_params["id"], request.path_params["verb"]
    if verb not in ("resolve", "reopen"):
        raise NotFound("There is nothing at this address.")
    use_case = reports.resolve if verb == "resolve" else reports.reopen
    await house.db.write(lambda uow: use_case(uow, uow.session.get_one(User, user.id), wanted))
    return go(request, HERE, "Resolved." if verb == "resolve" else "It is open again.")


async def take_down(request: Request) -> Response:
    """POST /admin/reports/ID/posts/POST: hide a post of another server here; delete one of ours, and tell its author."""
    house: House = request.app.state.house
    await checked_form(request)
    await moderator(request)
    user, _ = (await visitor(request)).person()
    wanted, post = request.path_params["id"], request.path_params["post"]
    done = await house.db.write(lambda uow: reports.take_down(uow, uow.session.get_one(User, user.id), wanted, post))
    return go(request, HERE, "Hidden here, and resolved. It is among the held posts." if done == "hidden" else
              "Deleted, and resolved. Its author is told what for.")


async def report(request: Request) -> Response:
    """POST /posts/ID/report {category, comment, forward}"""
    house: House = request.app.state.house
    form = await checked_form(request)
    _, visiting = (await visitor(request)).person()
    wanted, category = request.path_params["id"], text(form, "category")
    if category not in WORDS:
        raise Invalid("Choose what is wrong with it.")

    def apply(uow: UnitOfWork) -> str:
        post = statuses.get(uow.session, wanted)
        if post is None:
            raise NotFound("This post is not here any more.")
        reports.create(uow, actors.get(uow.session, visiting.id), post.actor_id, status_ids=[post.id],
                       comment=text(form, "comment"), category=category, forward=bool(text(form, "forward")))
        return f"{views.account_page(actors.get(uow.session, post.actor_id))}/{post.id}"

    return go(request, await house.db.write(apply), "Reported. The moderators of this server look at it.")


routes: list[BaseRoute] = [
    Route(HERE, waiting), Route(f"{HERE}/{{id:row}}/{{verb}}", decide, methods=["POST"]),
    Route(f"{HERE}/{{id:row}}/posts/{{post:row}}", take_down, methods=["POST"]),
    Route("/posts/{id:row}/report", report, methods=["POST"])]
