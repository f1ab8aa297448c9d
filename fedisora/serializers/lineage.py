"""The lineage of a post as JSON (`GET /api/fedisora/v1/statuses/:id/lineage`)."""
from __future__ import annotations

import datetime as dt
from typing import Any

from ..activitypub import markup
from ..models import Actor
from ..provenance import digital_source, label_lines
from ..store.lineage_graph import Edge, Graph, Node
from ..uris import Uris

TITLE = 90


def kind_of(node: Node) -> str | None:
    """How what a node shows was made: `human`, `mixed`, `machine`, `procedural` or `undeclared`; None without a file."""
    if node.status is None or node.media is None:
        return None
    return node.status.made or digital_source.kind_of(node.media.digital_source_type)


def verdict_of(node: Node) -> str | None:
    """The verdict on a node's file (vocabulary §5); None when it was not checked yet, or there is none."""
    verdict = (node.media.verdict or {}).get("verdict") if node.media is not None else None
    return verdict if isinstance(verdict, str) else None


def title_of(node: Node) -> str:
    """The first words of a post (of its warning, when it has one), or an account's name; "" when it is missing."""
    if node.status is None:
        return (node.author.name or node.author.username) if node.author is not None else ""
    text = node.status.spoiler_text or node.status.text or markup.plain_text(label_lines.without(node.status.content))
    line = markup.clean_line(text, TITLE + 1)
    return line if len(line) <= TITLE else f"{line[:TITLE]}…"


def document(graph: Graph, uris: Uris) -> dict[str, Any]:
    """{"root": id, "nodes": [...], "edges": [...], "truncated": bool}; what each holds: docs/federate/lineage.md."""
    return {"root": graph.root, "nodes": [_node(node, uris) for node in graph.nodes.values()],
            "edges": [_edge(edge) for edge in graph.edges], "truncated": graph.truncated}


def _node(node: Node, uris: Uris) -> dict[str, Any]:
    status, media = node.status, node.media
    return {
        "id": node.uri, "type": node.kind, "depth": node.depth, "missing": node.missing,
        "status_id": str(status.id) if status is not None else None,
        "url": (status.url or status.uri) if status is not None else None,
        "page": uris.post_page(node.author.acct, status.id) if status is not None and node.author is not None else None,
        "title": title_of(node) or None,
        "account": _account(node.author) if node.author is not None else None,
        "created_at": status.created_at.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        if status is not None else None,
        "made": kind_of(node),
        "label": digital_source.label_for(media.digital_source_type) if media is not None else None,
        "digitalSourceType": media.digital_source_type if media is not None else None,
        "verdict": verdict_of(node),
    }


def _account(actor: Actor) -> dict[str, Any]:
    return {"id": str(actor.id), "uri": actor.uri, "acct": actor.acct, "display_name": actor.name or actor.username,
            "kind": actor.kind}


def _edge(edge: Edge) -> dict[str, Any]:
    return {"child": edge.child, "parent": edge.parent, "kind": edge.kind, "consent": edge.consent, "loop": edge.loop}
