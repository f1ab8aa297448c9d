"""What a video looks like, on its page, and the question to its uploader."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ...db import UnitOfWork
from ...errors import Conflict, Forbidden, Invalid, NotFound
from ...models import Media
from ...services import recognition
from ...store import actors, fingerprints
from ...store import media as media_rows
from ...uris import Uris
from .render import page
from .views import MediaView, account, account_page, media_view
from .visitor import checked_form, go, text, visitor

if TYPE_CHECKING:
    from ...app import House

SAID = {"mine": "Its uploader says that both are theirs.", "remix": "Its uploader says that it is a remix of that one.",
        "different": "Its uploader says that it is not the same video."}
THANKS = {"mine": "Thank you. The page says that both are yours.",
          "remix": "Thank you. The post names the video it is made from, and its author is asked.",
          "different": "Thank you. The page says that you disagree."}


@dataclass(frozen=True)
class MatchView:
    """A known post that a file looks like; `question`: its uploader, who looks at the page, has not answered yet."""

    media_id: int
    page: str
    name: str
    title: str
    known: MediaView
    """The other video, with its label and verdict."""
    how: str
    said: str
    question: bool


def _how(matched: dict[str, Any]) -> str:
    distance, frames = int(matched.get("distance") or 0), float(matched.get("frames") or 0)
    found = ["the invisible mark agrees"] if matched.get("watermark") else []
    if distance < 256:  # a very long video has no code of the whole
        found.append(f"fingerprint {distance} of 256 bits apart")
    if frames == 0 and matched.get("part") is not None:
        return ", ".join([*found, f"that of three quarters of the picture {matched['part']}"])
    return ", ".join([*found, f"{frames:.0%} of the frames looked at are the same"])


def match_views(session: Session, files: Sequence[Media], viewer_id: int | None, uris: Uris) -> list[MatchView]:
    """For the files of a post."""
    found = fingerprints.originals(session, files)
    people = actors.many(session, [status.actor_id for _, status in found.values()])
    mine = [media for media in files if media.actor_id == viewer_id]
    asked = recognition.asked(session, mine) if found and mine else {}
    views = []
    for media in files:
        if media.id not in found:
            continue
        (other, status), matched = found[media.id], media.matched or {}
        author = people[status.actor_id]
        known = media_view(other, author, account(author, uris))
        how = _how(matched)
        said = SAID.get(str(matched.get("answer")), "")
        words = " ".join((status.text or status.spoiler_text).split())
        views.append(MatchView(
            media.id, f"{account_page(author)}/{status.id}", (status.url or status.uri).partition("://")[2],
            words[:60] + ("…" if len(words) > 60 else ""), known, how, said, media.id in asked))
    return views


def of_post(session: Session, status_id: int, viewer_id: int | None, uris: Uris) -> list[MatchView]:
    """`match_views` of a stored post."""
    return match_views(session, media_rows.of_statuses(session, [status_id]).get(status_id, []), viewer_id, uris)


async def answer(request: Request) -> Response:
    """POST /files/ID/match {answer}: back to the post, which says it from now on."""
    house: House = request.app.state.house
    wanted, given = request.path_params["id"], await checked_form(request)
    _, actor = (await visitor(request)).person()
    word = text(given, "answer")

    def apply(uow: UnitOfWork) -> str:
        media = recognition.answer(uow, actors.get(uow.session, actor.id), wanted, word)
        return f"{account_page(actor)}/{media.status_id}#made" if media.status_id is not None else "/create"

    try:
        return go(request, await house.db.write(apply), THANKS[word])
    except (Conflict, Forbidden, Invalid, NotFound) as error:
        return await page(request, "error.html", status=error.status, title="This could not be kept", text=error.text)
