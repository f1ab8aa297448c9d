"""A lineage as a picture: time goes down, from what a post was made from to what became of it.

Shapes as everywhere (human round, machine square, mixed half of each, undeclared dotted); filled = signed and checked,
dashed = open, broken = does not hold. Classes, no style attributes; numbers are those of the list beside it, which says
everything the picture says.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from html import escape

from ...serializers.lineage import kind_of, verdict_of
from ...store.lineage_graph import DELETED, Edge, Graph, Node

PER_ROW = 5
CELL, ROW, HALF = 64, 84, 17
"""Width of a place, height of a row, half the size of a shape, in pixels."""
GOOD = ("verified", "verified-foreign-issuer")
BAD = ("tampered", "contradicted", "revoked")
HOLDS = ("own", "valid")
OPEN = ("pending", "unreachable")


def line_of(edge: Edge) -> str:
    """How the line of an edge is drawn: `ok`, `dash`, `broken` or `broken alarm`."""
    if edge.loop:
        return "broken"
    if edge.kind == "match":
        return "dash"
    if edge.consent in HOLDS:
        return "ok"
    if edge.consent == "revoked":
        return "broken alarm"
    return "broken" if edge.consent in ("missing", "invalid", "expired") else "dash"


def layers(graph: Graph) -> list[list[str]]:
    """Ids by generation: nobody stands above what it was made from. Loops are cut where they close."""
    edges = [edge for edge in graph.edges if not edge.loop]
    waiting = dict.fromkeys(graph.nodes, 0)
    below: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        waiting[edge.child] += 1
        below[edge.parent].append(edge.child)
    rank = {uri: 0 for uri, count in waiting.items() if count == 0}
    ready = list(rank)
    while ready:
        uri = ready.pop()
        for child in below[uri]:
            rank[child] = max(rank.get(child, 0), rank[uri] + 1)
            waiting[child] -= 1
            if waiting[child] == 0:
                ready.append(child)
    found: dict[int, list[str]] = defaultdict(list)
    for uri in graph.nodes:
        found[rank[uri]].append(uri)
    return [found[number] for number in sorted(found)]


def draw(graph: Graph, numbers: Mapping[str, int], title: str, text: str) -> str:
    """SVG to put into a page. `title` and `text` are its name and description for whoever does not see it."""
    rows = [layer[at:at + PER_ROW] for layer in layers(graph) for at in range(0, len(layer), PER_ROW)]
    width = max(len(row) for row in rows) * CELL
    places = {uri: (round(width / 2 + (at - (len(row) - 1) / 2) * CELL), ROW * number + ROW // 2)
              for number, row in enumerate(rows) for at, uri in enumerate(row)}
    height = ROW * len(rows)
    lines = "".join(_line(edge, places) for edge in graph.edges)
    shapes = "".join(_place(node, places[uri], numbers[uri], uri == graph.root) for uri, node in graph.nodes.items())
    return (f'<svg class="lineage" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
            f'aria-labelledby="lineage-t lineage-d"><title id="lineage-t">{escape(title)}</title>'
            f'<desc id="lineage-d">{escape(text)}</desc>{lines}{shapes}</svg>')


def _line(edge: Edge, places: Mapping[str, tuple[int, int]]) -> str:
    (x1, y1), (x2, y2) = places[edge.parent], places[edge.child]
    kind = line_of(edge)
    if edge.parent == edge.child:
        return f'<path class="lk {kind}" d="M{x1 + HALF} {y1}c18-14 18 26 -4 {HALF}"/>'
    if y2 > y1:
        top, end, middle = y1 + HALF, y2 - HALF, (y1 + y2) // 2
        path = f"M{x1} {top}C{x1} {middle} {x2} {middle} {x2} {end}"
        cross = ((x1 + x2) // 2, (top + end) // 2)
    else:  # back up: beside the shapes
        path = f"M{x1 + HALF} {y1}C{x1 + CELL} {y1} {x2 + CELL} {y2} {x2 + HALF} {y2}"
        cross = ((x1 + x2) // 2 + (6 * CELL + 2 * HALF) // 8, (y1 + y2) // 2)
    mark = f'<path class="cut {kind}" d="M{cross[0] - 5} {cross[1] - 5}l10 10m0-10l-10 10"/>' if "broken" in kind else ""
    return f'<path class="lk {kind}" d="{path}"/>{mark}'


def _place(node: Node, place: tuple[int, int], number: int, here: bool) -> str:
    x, y = place
    ring = f'<rect class="this" x="{-HALF - 5}" y="{-HALF - 5}" width="{2 * HALF + 10}" height="{2 * HALF + 10}" rx="12"/>' \
        if here else ""
    shape, tone, surface = _shape(node)
    crack = f'<path class="cut" d="M-5 {-HALF - 3}l7 12-8 9 8 8-4 9"/>' if surface == "broken" else ""
    struck = '<path class="cut" d="M-12 12L12-12"/>' if node.missing == DELETED else ""
    return (f'<g class="ln {tone} {surface}" transform="translate({x} {y})">{ring}{shape}{crack}{struck}'
            f'<text y="5" text-anchor="middle">{number}</text></g>')


def _shape(node: Node) -> tuple[str, str, str]:
    """(outline, tone, how it is drawn)"""
    circle, size = f'<circle r="{HALF}"/>', 2 * HALF
    if node.missing is not None:
        return circle, "gone", "dash"
    if node.kind == "actor":
        return circle, {"human": "human", "agent": "machine"}.get(node.author.kind or "" if node.author else "", "none"), "open"
    kind, verdict = kind_of(node), verdict_of(node)
    surface = "filled" if verdict in GOOD else "broken" if verdict in BAD else "dash" if verdict == "recovered" else "open"
    if kind == "human":
        return circle, "human", surface
    if kind in ("machine", "procedural"):
        return f'<rect x="{-HALF}" y="{-HALF}" width="{size}" height="{size}" rx="3"/>', "machine", surface
    if kind == "mixed":
        return (f'<path class="human" d="M-1 {-HALF}a{HALF} {HALF} 0 0 0 0 {size}z"/>'
                f'<path class="machine" d="M1 {-HALF}h{HALF - 1}v{size}H1z"/>'), "mixed", surface
    return circle, "none", f"dots {surface}"
