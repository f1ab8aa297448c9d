"""Where a video comes from and what became of it: on its page, and on a page of its own."""
from __future__ import annotations

import asyncio
import datetime as dt
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ...activitypub import parse
from ...federation import lineages
from ...models import Media, Status
from ...provenance import digital_source
from ...serializers.lineage import kind_of, title_of, verdict_of
from ...store import lineage_graph
from ...store.lineage_graph import DELETED, Edge, Graph, Node
from ...uris import Uris
from . import addressed, views
from .lineage_picture import draw, line_of
from .render import page
from .visitor import visitor

if TYPE_CHECKING:
    from ...app import House

NEAR = 12
"""Nodes that a post's own page shows."""
CONSENT = {
    "own": "by the same author", "valid": "with its owner's permission, checked", "pending": "permission not checked yet",
    "unreachable": "permission could not be checked again: its owner's server does not answer",
    "missing": "without a permission that this server knows of", "invalid": "the permission it names does not hold",
    "expired": "the permission has run out", "revoked": "its owner took the permission back",
    "none": "looks the same: recognised by what it shows, not signed"}
SIGNS = {"ok": "m-verified", "dash": "m-unknown", "broken": "m-unreadable", "broken alarm": "m-revoked"}


@dataclass(frozen=True)
class Item:
    """A line of the list. `again`: it stands elsewhere in the list with what follows from it; `loop`: it closes a circle."""

    number: int
    title: str
    page: str
    outside: bool
    missing: str
    who: views.AccountView | None
    when: dt.datetime | None
    poster: str
    tone: str
    mark: str
    label: str
    verdict: str
    verdict_mark: str
    alarm: bool
    consent: str
    consent_mark: str
    consent_alarm: bool
    again: bool = False
    loop: bool = False
    below: list[Item] = field(default_factory=list)


@dataclass(frozen=True)
class _Words:
    """What entries need to know. `withheld`: posts that a consent was taken back from: no picture of them."""

    numbers: Mapping[str, int]
    uris: Uris
    withheld: frozenset[str]


@dataclass(frozen=True)
class LineageView:
    """A lineage: `above` from the nearest on, each with what it was itself made from; `below` the same downwards.

    `picture` is SVG. `hidden`: how many nodes are left for the lineage's own page; `truncated`: there are more than anybody
    is shown.
    """

    this: Item
    above: list[Item]
    below: list[Item]
    picture: str
    count: int
    hidden: int
    truncated: bool


def near(graph: Graph, most: int) -> Graph:
    """The nodes nearest to the post itself, and what lies between them."""
    kept = sorted(graph.nodes.values(), key=lambda node: abs(node.depth))[:most]
    names = {node.uri for node in kept}
    return replace(graph, nodes={uri: node for uri, node in graph.nodes.items() if uri in names},
                   edges=tuple(edge for edge in graph.edges if edge.child in names and edge.parent in names))


def view(whole: Graph, uris: Uris, *, most: int = lineage_graph.MAX_NODES) -> LineageView | None:
    """A lineage as pages show it; None when there is none."""
    if whole.alone:
        return None
    graph = near(whole, most) if len(whole.nodes) > most else whole
    numbers = {uri: number for number, uri in enumerate(graph.nodes, 1)}
    up = sum(1 for node in whole.nodes.values() if node.depth < 0)
    down = len(whole.nodes) - 1 - up
    text = (f"Made from {up} others, {down} others made from it." if up and down else f"Made from {up} others." if up
            else f"{down} others made from it." if down else "It says that it was made from itself.")
    title = title_of(graph.nodes[graph.root]) or "this post"
    words = _Words(numbers, uris, frozenset(edge.child for edge in whole.edges if edge.hides))
    picture = draw(graph, numbers, f"Lineage of “{title}”", f"{text} The list says the same in words.")
    return LineageView(
        this=_item(graph.nodes[graph.root], None, words), above=_tree(graph, words, up=True),
        below=_tree(graph, words, up=False), picture=picture, count=len(whole.nodes),
        hidden=len(whole.nodes) - len(graph.nodes), truncated=whole.truncated)


def _tree(graph: Graph, words: _Words, *, up: bool) -> list[Item]:
    """The list in one direction. Every node is opened once, where it is nearest to the post, so no circle goes on."""
    tree: dict[str, list[tuple[Edge, str, bool]]] = {}
    opened, waiting = {graph.root}, deque([graph.root])
    while waiting:
        uri = waiting.popleft()
        tree[uri] = []
        for edge in (graph.parents if up else graph.children).get(uri, ()):
            other = edge.parent if up else edge.child
            tree[uri].append((edge, other, other not in opened))
            if other not in opened:
                opened.add(other)
                waiting.append(other)

    def level(uri: str) -> list[Item]:
        return [_item(graph.nodes[other], edge, words, again=not fresh, below=level(other) if fresh else [])
                for edge, other, fresh in tree[uri]]

    return level(graph.root)


def _poster(media: Media | None, status: Status | None) -> str:
    if media is None or status is None or status.sensitive or status.spoiler_text:
        return ""
    if media.poster_key:
        return f"/media/{media.poster_key}"
    return f"/proxy/poster/{media.id}" if media.remote_poster_url else ""


def _item(node: Node, edge: Edge | None, words: _Words, *, again: bool = False, below: list[Item] | None = None) -> Item:
    uris = words.uris
    who = views.account(node.author, uris) if node.author is not None else None
    kind, verdict = kind_of(node), verdict_of(node)
    mark, verdict_words, alarm = views.VERDICTS.get(verdict or "", ("m-unknown", "Not checked yet", False))
    if node.media is None:
        verdict_words = ""
    line = line_of(replace(edge, loop=False)) if edge is not None else "ok"
    consent = "" if edge is None else CONSENT.get(edge.consent, CONSENT["pending"])
    label = digital_source.label_for(node.media.digital_source_type) if node.media is not None else ""
    tone, sign = (views.TONES[kind], views.MARKS[kind]) if kind is not None else ("none", "m-none")
    if node.missing is not None:
        sign = "m-unreadable" if node.missing == DELETED else "m-unknown"
    address, outside = "", False
    if node.status is not None and who is not None:
        address = f"{who.page}/{node.status.id}"
    elif who is not None:
        address, tone, sign, label = who.page, who.tone, who.mark, who.badge.words
    elif node.missing != DELETED and parse.is_http(node.uri) and not uris.is_local(node.uri):
        address, outside = node.uri, True
    return Item(
        number=words.numbers[node.uri], title=title_of(node), page=address, outside=outside,
        missing=_missing(node, uris), who=who, when=node.status.created_at if node.status is not None else None,
        poster="" if node.uri in words.withheld else _poster(node.media, node.status), tone=tone, mark=sign,
        label=label, verdict=verdict_words, verdict_mark=mark, alarm=alarm,
        consent=f"shows a likeness: {consent}" if edge is not None and edge.kind == "cameo" else consent,
        consent_mark=SIGNS[line], consent_alarm="alarm" in line, again=again, loop=edge is not None and edge.loop,
        below=below or [])


def _missing(node: Node, uris: Uris) -> str:
    """Why a node is not there, in words; "" when it is."""
    if node.missing is None:
        return ""
    host = "this server" if uris.is_local(node.uri) else (urlsplit(node.uri).netloc or "another server")
    if node.missing == DELETED:
        return f"Deleted on {host}"
    return f"{'An account' if node.kind == 'actor' else 'A post'} of {host}: not known here, or not for you"


# ---- pages
async def of_post(request: Request, status: Status) -> LineageView | None:
    """The lineage for a post's own page; what is missing is looked for when somebody with an account here looks."""
    return await _read(request, status, NEAR)


async def _read(request: Request, status: Status, most: int) -> LineageView | None:
    house: House = request.app.state.house
    who = await visitor(request)
    graph = await lineages.opened(house.db, status, who.actor_id)
    return await asyncio.to_thread(view, graph, house.uris, most=most)  # tens of milliseconds for 200 nodes


async def show(request: Request) -> Response:
    """GET /@NAME/ID/lineage and /@NAME@HOST/ID/lineage"""
    house: House = request.app.state.house
    who = await visitor(request)
    actor, status = await house.db.read(lambda session: addressed.post(
        session, house.uris, request.path_params["name"], request.path_params["id"], who.actor_id))
    back = f"{views.account_page(actor)}/{status.id}"
    if status.reblog_of_id is not None:
        return RedirectResponse(back, 302)
    lineage = await _read(request, status, lineage_graph.MAX_NODES)
    return await page(request, "lineage.html", lineage=lineage, back=back, author=views.account(actor, house.uris),
                      json=f"/api/fedisora/v1/statuses/{status.id}/lineage")
