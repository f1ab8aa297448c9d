"""The player that other sites put into a frame: the video with its label, no cookies, no scripts."""
from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from . import addressed, cards, views
from .render import ENVIRONMENT

if TYPE_CHECKING:
    from ...app import House

POLICY = ("default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; "
          "frame-ancestors *")
"""The only page that may be framed; what is framed can do nothing but play."""


async def show(request: Request) -> Response:
    """GET /@NAME/ID/embed: posts of this server that everybody may see."""
    house: House = request.app.state.house

    def find(session: Session) -> tuple[views.PostView, cards.Card]:
        status = addressed.shared(session, house.uris, request.path_params["name"], request.path_params["id"])
        return (views.posts(session, [status], None, house.uris)[0], cards.cards(session, [status], house.uris)[0])

    post, card = await house.db.read(find)
    body = ENVIRONMENT.get_template("embed.html").render(post=post, card=card, site=house.settings.instance_name)
    return HTMLResponse(body, headers={"Content-Security-Policy": POLICY, "Cache-Control": "public, max-age=300",
                                       "Cross-Origin-Resource-Policy": "cross-origin"})
