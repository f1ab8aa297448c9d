"""What people do with posts and accounts: like, boost, answer, edit, delete, follow; notifications."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ...db import UnitOfWork
from ...errors import Conflict, FedisoraError, Invalid, NotFound
from ...models import Actor, Notification, Report, Screening, Status
from ...provenance.badge import Narrowing
from ...services import declaration, follows, interactions, reports
from ...services import publish as writing
from ...services.publish import Draft
from ...store import actors, consents, notifications, relations, statuses
from ...store.paging import Page
from ..convertors import number
from . import views
from .render import page
from .visitor import checked_form, go, local_target, text, visitor

if TYPE_CHECKING:
    from ...app import House

WORDS = {"follow": "follows you.", "follow_request": "wants to follow you.", "favourite": "likes", "reblog": "boosted",
         "mention": "mentioned you in", "status": "posted", "poll": "asked in a poll that is over:",
         "quote": "quoted you in", "admin.sign_up": "asks for an account.",
         "admin.report": "reports something to you.", "consent.request": "asks for your consent.",
         "consent.answer": "answered your request.", "consent.revoked": "took back the consent to a remix of yours.",
         "cameo.request": "wants to show you in a video.", "cameo.draft": "has a draft with a likeness for you to look at.",
         "cameo.used": "published a video with your likeness.",
         "cameo.revoked": "took back the consent to a video of yours that shows them.",
         "post.deleted": "deleted a post of yours that was reported:",
         "generation.held": "has a video that waits for a moderator.",
         "generation.decided": "looked at a video of yours that was held. Its page says what was decided.",
         "human.review": "has handed in something for the moderators.",
         "human.likeness": "has enrolled your likeness. Now say who may ask for it.",
         "human.rejected": "has an answer to your verification.",
         "human.expired": "did not look at your clip in time. It is deleted.",
         "agent.transfer": "asks you to answer for an agent.", "agent.accepted": "answers for an agent of yours from now on.",
         "agent.refused": "does not want to answer for your agent.",
         "agent.paused": "stands still: you are not a verified human at present.",
         "agent.stopped": "was stopped by an administrator.", "agent.started": "was started again by an administrator.",
         "human.approved": "has verified that a person is behind your account.",
         "human.renew": "reminds you: your verification runs out within a month. Do one of the ways again to renew it.",
         "human.ended": "tells you: your verification has run out.",
         "human.revoked": "has taken your verification back.",
         "match.question": "has a video that yours looks like. Is it a remix of it, or yours?",
         "human.vouch": "asks you to vouch that they are a person.", "human.vouched": "vouched that you are a person."}

AGENTS = ("agent.transfer", "agent.accepted", "agent.refused", "agent.paused", "agent.stopped", "agent.started")


def _house(request: Request) -> House:
    found: House = request.app.state.house
    return found


async def on_post(request: Request) -> Response:
    """POST /posts/ID/like, unlike, boost, unboost, delete"""
    house, wanted, verb = _house(request), request.path_params["id"], request.path_params["verb"]
    form = await checked_form(request)
    _, person = (await visitor(request)).person()

    def apply(uow: UnitOfWork) -> None:
        actor = actors.get(uow.session, person.id)
        {"like": interactions.favourite, "unlike": interactions.unfavourite, "boost": interactions.reblog,
         "unboost": interactions.unreblog, "delete": writing.delete}[verb](uow, actor, wanted)

    await house.db.write(apply)
    if verb == "delete":
        return go(request, f"/@{person.username}", "Deleted, here and on the servers that had it.")
    return go(request, local_target(request, text(form, "next", "/")))


async def reply(request: Request) -> Response:
    """POST /posts/ID/reply"""
    house, wanted = _house(request), request.path_params["id"]
    form = await checked_form(request)
    _, person = (await visitor(request)).person()

    def apply(uow: UnitOfWork) -> str:
        parent = statuses.get(uow.session, wanted)
        visibility = parent.visibility if parent is not None else "public"
        writing.create(uow, actors.get(uow.session, person.id),
                       Draft(text=text(form, "text"), in_reply_to_id=wanted, visibility=visibility))
        if parent is None:
            raise NotFound
        return f"{views.account_page(actors.get(uow.session, parent.actor_id))}/{parent.id}#comments"

    return go(request, await house.db.write(apply))


async def edit(request: Request) -> Response:
    """POST /posts/ID/edit"""
    house, wanted = _house(request), request.path_params["id"]
    form = await checked_form(request)
    _, person = (await visitor(request)).person()
    preset = text(form, "remix_policy")

    def apply(uow: UnitOfWork) -> None:
        actor = actors.get(uow.session, person.id)
        if preset:
            writing.set_remix_policy(uow, actor, wanted, preset)
        if "text" in form:
            writing.edit(uow, actor, wanted, text=text(form, "text"))

    await house.db.write(apply)
    return go(request, f"/@{person.username}/{wanted}", "Saved.")


async def declare(request: Request) -> Response:
    """POST /posts/ID/declare: how a published file was made, said later."""
    house, wanted = _house(request), request.path_params["id"]
    form = await checked_form(request)
    _, person = (await visitor(request)).person()
    media_id, page_of_post = number(text(form, "media")), f"/@{person.username}/{wanted}"
    if media_id is None:
        raise NotFound
    try:
        await house.db.write(lambda uow: declaration.later(uow, actors.get(uow.session, person.id), media_id,
                                                           text(form, "source")))
    except (Invalid, Conflict) as error:
        return go(request, page_of_post, error.text)
    return go(request, page_of_post, "It is being signed again. The label appears in a moment.")


async def on_account(request: Request) -> Response:
    """POST /accounts/ID/follow, unfollow, authorize, reject"""
    house, wanted, verb = _house(request), request.path_params["id"], request.path_params["verb"]
    form = await checked_form(request)
    _, person = (await visitor(request)).person()

    def apply(uow: UnitOfWork) -> None:
        actor, target = actors.get(uow.session, person.id), uow.session.get(Actor, wanted)
        if target is None:
            raise NotFound("There is no such account here.")
        if verb in ("follow", "unfollow"):
            (follows.follow if verb == "follow" else follows.unfollow)(uow, actor, target)
        else:
            (follows.authorize if verb == "authorize" else follows.reject)(uow, actor, target.id)

    await house.db.write(apply)
    return go(request, local_target(request, text(form, "next", "/")))


async def _interact_page(request: Request, uri: str, *, handle: str = "", problem: str = "", status: int = 200) -> Response:
    house, who = _house(request), await visitor(request)
    account = None
    try:
        if who.user is not None or house.uris.is_local(uri):
            actor, post = await house.resolver.find(uri)
            if post is not None:
                found: Status = post
                author = await house.db.read(lambda session: session.get_one(Actor, found.actor_id))
                if who.user is not None:
                    return go(request, f"{views.account_page(author)}/{found.id}")
                actor = author
            account = views.account(actor, house.uris) if actor is not None else None
    except FedisoraError as error:
        problem, status = problem or error.text, 404 if status == 200 else status
    return await page(request, "interact.html", status=status, account=account, uri=uri, handle=handle, problem=problem)


async def authorize_interaction(request: Request) -> Response:
    """GET /authorize_interaction?uri= : follow (or open) something, from here or from one's own server."""
    return await _interact_page(request, request.query_params.get("uri", "").removeprefix("acct:")[:2000])


async def follow_elsewhere(request: Request) -> Response:
    """POST /follow: to the follow page of the visitor's own server."""
    house, form = _house(request), await checked_form(request)
    handle, uri = text(form, "handle").strip(), text(form, "uri")
    try:
        return RedirectResponse(await house.resolver.subscribe_url(handle, uri), 303)
    except FedisoraError as error:
        return await _interact_page(request, uri, handle=handle, problem=error.text, status=422)


def _words(session: Session, row: Notification) -> str:
    words = WORDS.get(row.type, row.type)
    return f"{words} {reports.why(session.get(Report, row.about_id))}" if row.type == "post.deleted" else words


def _link(session: Session, row: Notification) -> tuple[str, str] | None:
    """(path, words) of the page on which somebody goes on; None: the post is that page."""
    if row.type == "cameo.draft":
        request = consents.get(session, row.about_id)
        if request is not None and request.requester_id == row.actor_id and request.generation_id is not None:
            return f"/create/jobs/{request.generation_id}", "See the video"
    if row.type.startswith(("consent.", "cameo.")):
        return "/consent", "See Consent"
    if row.type == "human.review":
        return "/admin/verification", "See who waits"
    if row.type == "human.likeness":
        return "/settings/likeness", "See Likeness"
    if row.type in ("human.rejected", "human.expired", "human.approved", "human.renew", "human.ended", "human.revoked"):
        return "/settings/human", "See Verified human"
    if row.type in ("human.vouch", "human.vouched"):
        return "/settings/human/vouch", "See vouches"
    if row.type in AGENTS:
        return "/settings/agents", "See your agents"
    if row.type == "admin.report":
        return "/admin/reports", "See reports"
    if row.type == "generation.held":
        return "/admin/generation/held", "See held videos"
    if row.type == "generation.decided":
        screening = session.get(Screening, row.about_id)
        return (f"/create/jobs/{screening.generation_id}", "See the video") if screening is not None else None
    return None


async def inbox(request: Request) -> Response:
    """GET /notifications"""
    house = _house(request)
    user, person = (await visitor(request)).person()
    narrowing = Narrowing.of(user.verifiers)

    def read(session: Session) -> tuple[list[dict[str, Any]], list[views.AccountView]]:
        rows = notifications.page(session, person.id, Page(limit=40))
        people = actors.many(session, [row.from_actor_id for row in rows])
        posts = list(statuses.many(session, [row.status_id for row in rows if row.status_id is not None]).values())
        shown = {post.id: post for post in views.posts(session, posts, person.id, house.uris)}
        items = [{"person": views.account(people[row.from_actor_id], house.uris, narrowing),
                  "words": _words(session, row),
                  "post": shown.get(row.status_id) if row.status_id is not None else None, "when": row.created_at,
                  "link": _link(session, row)}
                 for row in rows]
        asking = [views.account(actor, house.uris, narrowing)
                  for _, actor in relations.follow_requests(session, person.id, Page(limit=40))]
        return items, asking

    items, asking = await house.db.read(read)
    response = await page(request, "notifications.html", items=items, requests=asking)
    await house.db.write(lambda uow: notifications.mark_read(uow, person.id))
    return response
