"""GET /api/oembed: how other sites show a post of ours, its label included (oembed.com 1.0, as Mastodon has it)."""
from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...errors import Malformed, NotFound
from ...serializers import humanity
from ...uris import Uris
from ..convertors import number
from ..pages import addressed, cards

if TYPE_CHECKING:
    from ...app import House

CACHE_SECONDS = 3600
BOX = 640
"""A player is no wider and no higher than this unless the site asks for less, in pixels."""
LEAST = 120


async def show(request: Request) -> Response:
    """`url` (a post of this server, published for everybody), `maxwidth`, `maxheight`; JSON only: 501 for another `format`."""
    house: House = request.app.state.house
    given = request.query_params
    if given.get("format", "json").lower() != "json":
        return JSONResponse({"error": "Only format=json is offered."}, 501)
    if not given.get("url"):
        raise Malformed("Give the address of a post as url.")
    named = house.uris.post_named(given["url"])
    if named is None:
        raise NotFound(addressed.NO_POST)
    most = number(given.get("maxwidth")), number(given.get("maxheight"))

    def find(session: Session) -> cards.Card:
        status = addressed.shared(session, house.uris, *named)
        return cards.cards(session, [status], house.uris)[0]

    card = await house.db.read(find)
    return JSONResponse(document(card, house.uris, house.settings.instance_name, *most),
                        headers={"Cache-Control": f"public, max-age={CACHE_SECONDS}"})


def size_of(card: cards.Card, most_wide: int | None, most_high: int | None) -> tuple[int, int]:
    """(width, height) of the player in pixels, the label's bar included, within what the site allows."""
    wide, high = min(most_wide or BOX, BOX), min(most_high or BOX + cards.BAR, BOX + cards.BAR)
    file = card.main
    if file is None:
        return max(wide, 1), max(min(high, 2 * cards.BAR), 1)
    room = max(high - cards.BAR, 1)
    scale = min(wide / (file.width or BOX), room / (file.height or BOX), 1.0)
    return (min(max(round((file.width or BOX) * scale), LEAST * 2), max(wide, 1)),
            min(round((file.height or BOX) * scale) + cards.BAR, max(high, 1)))


def document(card: cards.Card, uris: Uris, site: str, most_wide: int | None = None,
             most_high: int | None = None) -> dict[str, Any]:
    """The oEmbed answer. The label is in the title and the provider's name, since most sites show nothing else; `fedisora`
    has it for machines."""
    width, height = size_of(card, most_wide, most_high)
    frame = (f'<iframe src="{html.escape(card.embed)}" title="{html.escape(card.labelled_title or card.who)}" width="{width}" '
             f'height="{height}" frameborder="0" loading="lazy" allow="fullscreen; picture-in-picture" allowfullscreen></iframe>')
    file = card.main
    found: dict[str, Any] = {
        "version": "1.0", "type": "video" if file is not None and file.kind == "video" else "rich",
        "title": card.labelled_title or card.who, "author_name": card.who, "author_url": uris.profile(card.author.acct),
        "provider_name": f"{site} · {card.label}" if card.label else site, "provider_url": f"{uris.base}/",
        "cache_age": CACHE_SECONDS, "width": width, "height": height, "html": frame}
    if file is not None:
        media = file.media
        verdict = media.verdict or {}
        found["fedisora"] = {
            "label": card.label, "digitalSourceType": file.source,
            "verdict": "recovered" if file.copied else verdict.get("verdict"), "summary": verdict.get("summary"),
            "actor": card.author.uri, "actorKind": card.author.kind,
            "human": humanity.in_short(card.author, card.badge),
            "operator": card.author.operator_uri, "record": uris.record(media.id), "digestMultibase": media.digest}
        if file.poster and not card.covered:
            found |= {"thumbnail_url": file.poster, "thumbnail_width": file.width or BOX, "thumbnail_height": file.height or BOX}
    return found
