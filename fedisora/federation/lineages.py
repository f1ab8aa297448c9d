"""Lineages fill in: what is missing of one that a person opens is looked for on its own server."""
from __future__ import annotations

from sqlalchemy.orm import Session

from ..db import Database
from ..models import Status
from ..store import lineage_gaps, lineage_graph


async def opened(db: Database, status: Status, viewer_id: int | None) -> lineage_graph.Graph:
    """The lineage of a post that the viewer may see. For somebody with an account here its missing parts are fetched later,
    each once in some hours; the public makes this server ask nobody."""
    def load(session: Session) -> tuple[lineage_graph.Graph, lineage_gaps.Gaps]:
        graph = lineage_graph.load(session, db.instance.uris, status, viewer_id)
        if viewer_id is None:
            return graph, lineage_gaps.Gaps()
        return graph, lineage_gaps.find(session, graph, db.instance.uris, db.clock())

    graph, wanted = await db.read(load)
    if wanted:
        await db.write(lambda uow: lineage_gaps.look_for(uow, wanted))
    return graph
