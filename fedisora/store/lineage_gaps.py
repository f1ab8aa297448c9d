"""What a lineage lacks, and when it is looked for: somebody with an account here opened it, and nobody asked lately."""
from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from ..activitypub import parse
from ..db import UnitOfWork
from ..models import ConsentStamp, Lineage, Status
from ..uris import Uris
from . import jobs
from .lineage_graph import UNAVAILABLE, Graph

AGAIN = dt.timedelta(hours=6)
AT_ONCE = 10


@dataclass(frozen=True)
class Gaps:
    """What a lineage lacks and nobody looked for lately: ids of posts of other servers; rows whose consent was never looked at
    (that look fetches the parent too)."""

    posts: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.posts or self.rows)


def find(session: Session, graph: Graph, uris: Uris, now: dt.datetime) -> Gaps:
    """What is worth a look, at most `AT_ONCE` of each kind. A remix of ours that waits for an answer is not: it is told."""
    missing = [node.uri for node in graph.nodes.values() if node.missing == UNAVAILABLE and node.kind == "post"
               and parse.is_http(node.uri) and not uris.is_local(node.uri)]
    pending = {edge.row: edge.parent for edge in graph.edges if edge.row is not None and edge.consent == "pending"
               and not uris.is_local(edge.child)}
    rows = list(session.scalars(select(Lineage.id).where(
        Lineage.id.in_(list(pending)), or_(Lineage.looked_at.is_(None), Lineage.looked_at < now - AGAIN)))) if pending else []
    posts: list[str] = []
    if missing:
        known = set(session.scalars(select(Status.uri).where(Status.uri.in_(missing)))) | {pending[row] for row in rows}
        due: set[str] = set()
        for name, looked in ((Lineage.parent_uri, Lineage.looked_at), (ConsentStamp.object_uri, ConsentStamp.looked_at)):
            due.update(session.scalars(select(name).where(name.in_(missing), or_(looked.is_(None), looked < now - AGAIN))))
        posts = [uri for uri in missing if uri in due and uri not in known]
    return Gaps(tuple(posts[:AT_ONCE]), tuple(sorted(rows)[:AT_ONCE]))


def look_for(uow: UnitOfWork, wanted: Gaps) -> None:
    """Have what is missing fetched, quietly; not again for some hours, whatever comes of it."""
    looked = (update(Lineage).where(or_(Lineage.parent_uri.in_(wanted.posts), Lineage.id.in_(wanted.rows))),
              update(ConsentStamp).where(ConsentStamp.object_uri.in_(wanted.posts)))
    for statement in looked:
        uow.session.execute(statement.values(looked_at=uow.now), execution_options={"synchronize_session": "fetch"})
    for uri in wanted.posts:
        jobs.enqueue(uow, "fetch_status", {"uri": uri, "quiet": True}, key=uri[:200])
    for row in wanted.rows:
        jobs.enqueue(uow, "check_consent", {"lineage_id": row}, key=f"{row}:lineage")
