"""RSS: /@NAME.rss and /tags/NAME.rss (RSS 2.0 with Media RSS). Every item says in its title how its file was made."""
from __future__ import annotations

import datetime as dt
import hashlib
import re
from email.utils import format_datetime
from html import escape
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ...activitypub import markup
from ...errors import NotFound
from ...models import Actor
from ...provenance import digital_source
from ...services import viewing
from ...store import statuses
from ...store.paging import Page
from . import addressed, cards, views

if TYPE_CHECKING:
    from ...app import House

ITEMS = 20
CACHE_SECONDS = 300
KIND = "application/rss+xml"
ATOM, MEDIA, DC = "http://www.w3.org/2005/Atom", "http://search.yahoo.com/mrss/", "http://purl.org/dc/elements/1.1/"
for _prefix, _uri in (("atom", ATOM), ("media", MEDIA), ("dc", DC)):
    ET.register_namespace(_prefix, _uri)
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document may have, escaped or not."""


def _add(parent: ET.Element, name: str, text: str | None = None, **attributes: object) -> ET.Element:
    found = ET.SubElement(parent, name, {key: _ILLEGAL.sub("", str(value)) for key, value in attributes.items()
                                         if value is not None})
    if text is not None:
        found.text = _ILLEGAL.sub("", text)
    return found


async def account(request: Request) -> Response:
    """GET /@NAME.rss: what an account of this server publishes for everybody, without boosts and answers."""
    house: House = request.app.state.house
    name = request.path_params["name"]

    def read(session: Session) -> tuple[Actor, list[cards.Card]]:
        actor = addressed.account(session, name, house.uris.host)
        if not actor.local:
            raise NotFound("This account lives on another server, which has its feed.")
        rows = statuses.account(session, actor.id, Page(limit=ITEMS), viewer_id=None, exclude_replies=True, exclude_reblogs=True)
        return actor, cards.cards(session, [row for row in rows if addressed.for_everybody(row)], house.uris)

    actor, posts = await house.db.read(read)
    shown = views.account(actor, house.uris)
    who = posts[0].who if posts else f"{shown.name} ({shown.handle})"
    return _answer(request, feed(
        posts, title=f"{who} · {house.settings.instance_name}", link=house.uris.profile(actor.username),
        own=house.uris.feed(actor.username), text=f"Public posts of {shown.handle}. {_account_kind(shown)}",
        picture=house.uris.absolute(shown.avatar)))


def _account_kind(shown: views.AccountView) -> str:
    kind = {"human": "The account says that a human runs it.", "agent": "A machine runs this account."}.get(
        shown.kind, "The account has not said whether a human or a machine runs it.")
    kind = shown.badge.sentence if shown.badge.checked else kind
    return f"{kind} {shown.operator_handle} answers for it." if shown.operator_handle else kind


async def tag(request: Request) -> Response:
    """GET /tags/NAME.rss: public posts with a hashtag, of this and other servers, as far as they are known here."""
    house: House = request.app.state.house
    name = request.path_params["name"].lstrip("#")
    rules = await house.policy.rules()

    def read(session: Session) -> list[cards.Card]:
        rows = statuses.tag(session, name, Page(limit=ITEMS), sieve=viewing.public(None, house.settings))
        return cards.cards(session, [row for row in rows if addressed.for_everybody(row)], house.uris, rules)

    posts = await house.db.read(read)
    return _answer(request, feed(
        posts, title=f"#{name} · {house.settings.instance_name}", link=house.uris.tag(name), own=house.uris.tag_feed(name),
        text=f"Public posts with #{name}, as far as they are known here."))


def feed(posts: list[cards.Card], *, title: str, link: str, own: str, text: str, picture: str = "") -> bytes:
    """An RSS document. Addresses are absolute; everything else may be any text."""
    root = ET.Element("rss", {"version": "2.0"})
    channel = _add(root, "channel")
    for name, value in (("title", title), ("link", link), ("description", text), ("generator", "Fedisora")):
        _add(channel, name, value)
    _add(channel, f"{{{ATOM}}}link", rel="self", type=KIND, href=own)
    if posts:
        _add(channel, "lastBuildDate", _moment(max(card.status.edited_at or card.status.created_at for card in posts)))
    if picture:
        image = _add(channel, "image")
        for name, value in (("url", picture), ("title", title), ("link", link)):
            _add(image, name, value)
    for card in posts:
        _item(channel, card)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}'.encode()


def _moment(moment: dt.datetime) -> str:
    return format_datetime(moment.astimezone(dt.UTC), usegmt=True)


def _item(channel: ET.Element, card: cards.Card) -> None:
    status = card.status
    item = _add(channel, "item")
    _add(item, "title", card.labelled_title or card.who)
    _add(item, "link", card.page if status.local else status.url or status.uri)
    _add(item, "guid", status.uri, isPermaLink="false")
    _add(item, "pubDate", _moment(status.created_at))
    _add(item, f"{{{DC}}}creator", card.who)
    _add(item, "description", _html(card))
    for file in card.files[:1]:
        source = digital_source.find(file.source)
        _add(item, "category", source.label if source else digital_source.UNDECLARED_LABEL,
             domain=digital_source.BASE if source else None)
    for name in card.tags:
        _add(item, "category", name)
    files = [file for file in card.files if file.url]
    if files:  # RSS has room for one; Media RSS takes them all
        _add(item, "enclosure", url=files[0].url, length=files[0].length or 0, type=files[0].mime)
    for file in files:
        _content(item, card, file)


def _content(item: ET.Element, card: cards.Card, file: cards.File) -> None:
    found = _add(item, f"{{{MEDIA}}}content", url=file.url, type=file.mime, fileSize=file.length,
                 medium=file.kind if file.kind in ("video", "image", "audio") else None, width=file.width, height=file.height,
                 duration=round(file.seconds) if file.seconds else None)
    _add(found, f"{{{MEDIA}}}rating", "adult" if card.covered else "nonadult", scheme="urn:simple")
    _add(found, f"{{{MEDIA}}}title", file.label, type="plain")
    if file.alt:
        _add(found, f"{{{MEDIA}}}description", file.alt, type="plain")
    source = digital_source.find(file.source)
    if source is not None:
        _add(found, f"{{{MEDIA}}}category", source.uri.removeprefix(digital_source.BASE), scheme=digital_source.BASE,
             label=source.label)
    if file.poster and not card.covered:
        _add(found, f"{{{MEDIA}}}thumbnail", url=file.poster, width=file.width, height=file.height)


def _html(card: cards.Card) -> str:
    """The label, the warning when there is one, then the post's own HTML, sanitised again."""
    label = f"<p><strong>{escape(card.label)}</strong></p>" if card.label else ""
    warning = f"<p>Content warning: {escape(card.status.spoiler_text)}</p><hr>" if card.status.spoiler_text else ""
    return label + warning + markup.sanitize(card.status.content)


def _answer(request: Request, body: bytes) -> Response:
    mark = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"Cache-Control": f"public, max-age={CACHE_SECONDS}", "ETag": mark}
    if mark in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=f"{KIND}; charset=utf-8", headers=headers)
