"""What everybody reads: timelines, profiles, posts, tags, search, about."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ...activitypub.negotiation import wants_activity
from ...activitypub.webfinger import parse_handle
from ...errors import FedisoraError
from ...federation import threads
from ...models import Actor, Status, StatusTag
from ...provenance.badge import Narrowing
from ...provenance.dial import Sieve
from ...serializers.mastodon import claims
from ...services import generations as generate
from ...services import instance, viewing
from ...services.verification.methods import vouching
from ...store import actors, deliveries, relations, statuses
from ...store import media as media_rows
from ...store.paging import Page
from ..pagination import page_of
from . import addressed, cards, lineage, recovered, views
from .agent_view import AgentView, agent_view
from .remix import POLICIES
from .render import page
from .visitor import visitor
from .who import Behind, behind

if TYPE_CHECKING:
    from ...app import House

PER_PAGE = 20


def _older(request: Request, rows: list[Status]) -> str | None:
    """The address of the next page, when there may be one."""
    if len(rows) < PER_PAGE:
        return None
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "max_id"]
    return f"{request.url.path}?{urlencode([*kept, ('max_id', str(rows[-1].id))])}"


Loader = Callable[[Session, Page, int | None, Sieve | None], list[Status]]
"""Loads a page of a list, as (session, page, viewer, what the viewer's AI dial leaves out)."""


async def _timeline(request: Request, load: Loader, *, heading: str, empty: str, tabs: list[dict[str, Any]],
                    shown: bool = False, feed: str = "") -> Response:
    house: House = request.app.state.house
    who, wanted = await visitor(request), page_of(request, default=PER_PAGE)
    sieve = viewing.public(who.user, house.settings)

    def read(session: Session) -> tuple[list[views.PostView], list[Status]]:
        rows = load(session, wanted, who.actor_id, sieve)
        return views.posts(session, rows, who.actor_id, house.uris), rows

    posts, rows = await house.db.read(read)
    videos = [post for post in posts if post.main is not None and post.main.kind in ("video", "image")]
    notes = [post for post in posts if post not in videos]
    if shown:
        videos, notes = [], posts
    return await page(request, "feed.html", heading=heading, heading_shown=shown, tabs=tabs, videos=videos,
                      notes=notes, empty=empty, more=_older(request, rows), feed=feed)


def _tabs(here: str, *, logged_in: bool) -> list[dict[str, Any]]:
    names = ([("/", "Following")] if logged_in else []) + [("/local", "Local"), ("/public", "Everyone")]
    return [{"href": href, "name": name, "here": href == here} for href, name in names]


async def start(request: Request) -> Response:
    """GET /: whom the person follows; for everybody else what is public here."""
    who = await visitor(request)
    if who.user is None or who.actor is None:
        return await local(request)
    me, own = who.actor.id, viewing.home(who.user)
    return await _timeline(request, lambda session, wanted, _, __: statuses.home(session, me, wanted, sieve=own), heading="Watch",
                           empty="Nothing here yet. Make a video, or follow somebody on this or any other server.",
                           tabs=_tabs("/", logged_in=True))


async def local(request: Request) -> Response:
    """GET /local"""
    who = await visitor(request)
    return await _timeline(
        request, lambda session, wanted, me, sieve: statuses.public(session, wanted, viewer_id=me, local=True, sieve=sieve),
        heading="Watch",
        empty="Nobody has published anything here yet.", tabs=_tabs("/local", logged_in=who.actor is not None))


async def public(request: Request) -> Response:
    """GET /public"""
    who = await visitor(request)
    return await _timeline(
        request, lambda session, wanted, me, sieve: statuses.public(session, wanted, viewer_id=me, sieve=sieve),
        heading="Everything public", empty="Nothing has arrived yet.", tabs=_tabs("/public", logged_in=who.actor is not None))


async def tag(request: Request) -> Response:
    """GET /tags/NAME"""
    house: House = request.app.state.house
    name = request.path_params["name"].lstrip("#")
    return await _timeline(
        request, lambda session, wanted, me, sieve: statuses.tag(session, name, wanted, viewer_id=me, sieve=sieve),
        heading=f"#{name}", empty=f"Nobody has used #{name} yet.", tabs=[], shown=True,
        feed=house.uris.tag_feed(name))


async def profile(request: Request) -> Response:
    """GET /@NAME and /@NAME@HOST"""
    house: House = request.app.state.house
    name, wanted = request.path_params["name"], page_of(request, default=PER_PAGE)
    who = await visitor(request)

    narrowing = Narrowing.of(who.user.verifiers if who.user is not None else None)

    def read(session: Session) -> tuple[Actor, list[Status], list[views.PostView], Any, bool, Behind,
                                        AgentView | None]:
        actor = addressed.account(session, name, house.uris.host)
        vouchable = vouching.offers(session, who.actor, actor, house.db.clock())
        rows = statuses.account(session, actor.id, wanted, viewer_id=who.actor_id)
        relation = relations.relationships(session, who.actor_id, [actor.id])[actor.id] if who.actor_id else None
        return (actor, rows, views.posts(session, rows, who.actor_id, house.uris), relation, vouchable,
                behind(session, actor, house.uris, narrowing), agent_view(session, house, actor, who.actor_id))

    actor, rows, posts, relation, vouchable, known, agent = await house.db.read(read)
    if actor.local and wants_activity(request.headers.get("accept")):
        return RedirectResponse(actor.uri, 302, {"Vary": "Accept"})
    videos = [post for post in posts
              if post.boosted_by is None and post.main is not None and post.main.kind in ("video", "image")]
    return await page(request, "profile.html", account=views.account(actor, house.uris, narrowing), behind=known, videos=videos,
                      notes=[post for post in posts if post not in videos], mine=actor.id == who.actor_id, relation=relation,
                      vouchable=vouchable, agent=agent, more=_older(request, rows))


async def post(request: Request) -> Response:
    """GET /@NAME/ID and /@NAME@HOST/ID"""
    house: House = request.app.state.house
    name, status_id = request.path_params["name"], request.path_params["id"]
    who = await visitor(request)

    def read(session: Session) -> tuple[Status, Actor, views.PostView, list[views.PostView], list[views.PostView], Any,
                                        cards.Card | None]:
        actor, status = addressed.post(session, house.uris, name, status_id, who.actor_id)
        above, below = statuses.context(session, status, who.actor_id)
        card = cards.cards(session, [status], house.uris)[0] if addressed.offered(session, status) else None
        shown = views.posts(session, [status, *above, *below], who.actor_id, house.uris)
        relation = relations.relationships(session, who.actor_id, [actor.id])[actor.id] if who.actor_id else None
        return status, actor, shown[0], shown[1:1 + len(above)], shown[1 + len(above):], relation, card

    status, actor, shown, above, below, relation, share = await house.db.read(read)
    if status.reblog_of_id is not None:
        return RedirectResponse(shown.page, 302)
    if status.local and wants_activity(request.headers.get("accept")):
        return RedirectResponse(status.uri, 302, {"Vary": "Accept"})
    if who.actor_id:
        await threads.opened(house.db, status.id)
    reply_start = "" if actor.id == who.actor_id else f"@{actor.acct} "
    reach = None
    if status.local and who.user is not None and (actor.id == who.actor_id or who.user.admin):
        reach = await house.db.read(lambda session: deliveries.state_of(session, status.uri))
    opening = await house.db.read(lambda session: _opening(session, house, status)) if actor.id == who.actor_id else None
    found = await house.db.read(lambda session: claims.of_page(
        session, shown.main.id if shown.main else None, who.actor_id, request.headers.get("accept-language", "")))
    return await page(request, "watch.html", post=shown, above=above, below=below, relation=relation, uri=status.uri, reach=reach,
                      claims=found, opening=opening, policies=POLICIES,
                      origin=house.uris.base, lineage=await lineage.of_post(request, status),
                      matches=await house.db.read(lambda session: recovered.of_post(
                          session, status.id, who.actor_id, house.uris)),
                      share=share, oembed=house.uris.oembed(house.uris.post_page(actor.acct, status.id)), reply_start=reply_start)


def _opening(session: Session, house: House, status: Status) -> generate.Opening | None:
    """How its author can prove the private prompt of a post's first file."""
    files = media_rows.of_statuses(session, [status.id]).get(status.id, [])
    return generate.opening(session, house.vault, files[0]) if files else None


async def search(request: Request) -> Response:
    """GET /search?q= : known accounts and tags; a handle or address is looked up on its own server."""
    house: House = request.app.state.house
    who, text = await visitor(request), request.query_params.get("q", "").strip()[:400]
    people: list[Actor] = []
    rows: list[Status] = []
    problem = ""
    is_address = text.startswith(("https://", "http://")) or parse_handle(text) is not None
    if is_address and who.actor is not None:
        try:
            actor, status = await house.resolver.find(text)
            people, rows = [actor] if actor else [], [status] if status else []
        except FedisoraError as error:
            problem = error.text
    elif is_address:
        problem = "Log in to look things up on other servers."

    def read(session: Session) -> tuple[list[Actor], list[views.PostView], list[str]]:
        found = people or ([] if is_address or text.startswith("#") else actors.search(session, text, 20))
        word = text.lstrip("#").lower()
        names = session.scalars(select(StatusTag.key).where(StatusTag.key.like(f"{word}%")).distinct().limit(12)).all() \
            if word.isalnum() else []
        shown = [row for row in rows if statuses.visible(session, row, who.actor_id)]
        return found, views.posts(session, shown, who.actor_id, house.uris), list(names)

    found, posts, tags = await house.db.read(read)
    narrowing = Narrowing.of(who.user.verifiers if who.user is not None else None)
    return await page(request, "search.html", q=text, posts=posts, tags=tags,
                      people=[views.account(actor, house.uris, narrowing) for actor in found], problem=problem)


async def about(request: Request) -> Response:
    """GET /about"""
    house: House = request.app.state.house
    counts = await house.db.read(instance.usage)
    return await page(request, "about.html", counts=counts, description=house.settings.instance_description,
                      email=house.settings.contact_email, promise=viewing.PROMISES[house.settings.ai_policy])
