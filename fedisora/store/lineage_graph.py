"""The lineage of a post: what it was made from, and what became of it, across instances, as one viewer may see it.

Read by levels, a few queries each, whatever others claim: rows may form loops, name themselves, or fan out without end.
What the viewer may not see is never told from what is not known here; hidden descendants are left out, since nothing that
the viewer may read names them. Source: vocabulary.md (`schema:isBasedOn`, §4 stamps).
"""
from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from ..activitypub import parse
from ..models import Actor, ConsentStamp, Lineage, Media, Status, Tombstone, User
from ..uris import Uris
from . import actors, fingerprints, statuses
from . import media as media_rows
from .lineage import hides

MAX_DEPTH = 12
"""Generations looked at in each direction."""
MAX_NODES = 200
MAX_ANCESTORS = 100
"""Of them, so that a post which claims to be made of everything leaves room for what became of it."""
_ROWS = 400
"""Rows of one generation that are read at all."""

UNAVAILABLE, DELETED = "unavailable", "deleted"


@dataclass(frozen=True)
class Node:
    """A post, or an actor whose likeness a post shows.

    Attributes:
        kind: `post` or `actor`.
        depth: 0 for the post itself, -1 … for what it was made from, 1 … for what became of it (shortest way).
        status, author, media: None when it is missing; `media` is the file a post is about.
        missing: `unavailable` (not known here, or not for this viewer) or `deleted`; None when it is there.
    """

    uri: str
    kind: str
    depth: int
    status: Status | None = None
    author: Actor | None = None
    media: Media | None = None
    missing: str | None = None


@dataclass(frozen=True)
class Edge:
    """`child` was made from `parent` (`remix`), shows it (`cameo`), or looks the same without saying so (`match`, found by
    fingerprint; only for the post itself). `consent`: see `models.Lineage`; `none` for a match, nobody was asked. `loop`: it
    leads back to what the parent itself was made from, which cannot be true of all of them; `row`: id of its row of lineage."""

    child: str
    parent: str
    kind: str
    consent: str
    loop: bool = False
    row: int | None = None
    hides: bool = False
    """Whether the child is not shown for the sake of it."""


@dataclass(frozen=True)
class Graph:
    """Nodes by id, the post itself first; `truncated` when there is more than is shown."""

    root: str
    nodes: dict[str, Node]
    edges: tuple[Edge, ...]
    truncated: bool

    @property
    def alone(self) -> bool:
        """Whether there is no lineage."""
        return not self.edges

    @functools.cached_property
    def parents(self) -> Mapping[str, list[Edge]]:
        """By node, what it was made from."""
        return _grouped((edge.child, edge) for edge in self.edges)

    @functools.cached_property
    def children(self) -> Mapping[str, list[Edge]]:
        """By node, what became of it."""
        return _grouped((edge.parent, edge) for edge in self.edges)


def _grouped(pairs: Iterable[tuple[str, Edge]]) -> Mapping[str, list[Edge]]:
    found: dict[str, list[Edge]] = defaultdict(list)
    for uri, edge in pairs:
        found[uri].append(edge)
    return found


def load(session: Session, uris: Uris, root: Status, viewer_id: int | None) -> Graph:
    """The lineage of a post that the viewer may see (the caller has checked that)."""
    walk = _Walk(session, uris, root, viewer_id)
    walk.up()
    walk.recognised()
    walk.down()
    walk.allowed_but_unknown()
    return walk.graph()


def _video_of(status: Status) -> list[str]:
    """The other id by which a local post is known: its companion Video's."""
    head, mark, tail = status.uri.rpartition("/statuses/")
    return [f"{head}/videos/{tail}"] if status.local and mark else []


def _not_held() -> ColumnElement[bool]:
    return or_(Status.review.is_(None), Status.review != "held")


class _Walk:
    """One reading of a lineage."""

    def __init__(self, session: Session, uris: Uris, root: Status, viewer_id: int | None) -> None:
        self._session = session
        self._uris = uris
        self._root = root
        self._viewer = viewer_id
        self._found: dict[str, Node] = {root.uri: Node(root.uri, "post", 0, root)}
        self._edges: dict[tuple[str, str, str], Edge] = {}
        self._truncated = False

    # ---- up
    def up(self) -> None:
        """Ancestors, one generation after the other."""
        level = [self._root]
        for depth in range(1, MAX_DEPTH + 2):
            rows = self._session.scalars(select(Lineage).where(Lineage.child_id.in_([child.id for child in level]))
                                         .order_by(Lineage.id).limit(_ROWS + 1)).all() if level else []
            if not rows:
                return
            self._truncated |= len(rows) > _ROWS
            names = {child.id: child.uri for child in level}
            known = self._known(rows[:_ROWS])
            level = []
            for row in rows[:_ROWS]:
                parent = known.get(row.id)
                uri = parent.uri if parent is not None else self._one_name(row.parent_uri)
                if uri not in self._found:
                    if depth > MAX_DEPTH or len(self._found) > MAX_ANCESTORS:
                        self._truncated = True
                        continue
                    self._found[uri] = Node(uri, "actor" if row.kind == "cameo" else "post", -depth, parent)
                    level += [parent] if parent is not None else []
                self._add(names[row.child_id], uri, row)

    def _one_name(self, uri: str) -> str:
        """The same id for a post of ours that is hidden and for one that never was, whichever of its ids was named."""
        return (statuses.of_video(uri) if self._uris.is_local(uri) else None) or uri

    def _known(self, rows: Sequence[Lineage]) -> dict[int, Status]:
        """The parents that are here and that the viewer may see, by row of lineage."""
        remixes = [row for row in rows if row.kind != "cameo"]
        ids = {row.parent_id for row in remixes if row.parent_id is not None}
        videos = {row.parent_uri: statuses.of_video(row.parent_uri) for row in remixes}
        uris = {uri for pair in videos.items() for uri in pair if uri is not None}
        if not remixes:
            return {}
        found = self._session.scalars(select(Status).where(
            or_(Status.id.in_(ids), Status.uri.in_(uris)), Status.reblog_of_id.is_(None),
            statuses.readable(self._viewer), _not_held())).all()
        by_id, by_uri = {post.id: post for post in found}, {post.uri: post for post in found}
        known: dict[int, Status] = {}
        for row in remixes:
            post = by_id.get(row.parent_id or 0) or by_uri.get(row.parent_uri)
            if post is None and (of := by_uri.get(videos[row.parent_uri] or "")) is not None and of.local:
                post = of
            if post is not None:
                known[row.id] = post
        return known

    def recognised(self) -> None:
        """The known video that the post's unsigned file looks like: not what it says, what is seen."""
        files = [file for file in media_rows.of_statuses(self._session, [self._root.id]).get(self._root.id, ()) if file.matched
                 and (file.verdict or {}).get("verdict") not in ("verified", "verified-foreign-issuer")]
        for post in fingerprints.matches(self._session, files).values() if files else ():
            if post.actor_id == self._root.actor_id or (self._root.uri, post.uri, "remix") in self._edges:
                continue
            self._found.setdefault(post.uri, Node(post.uri, "post", -1, post))
            self._edges[self._root.uri, post.uri, "match"] = Edge(self._root.uri, post.uri, "match", "none")

    # ---- down
    def down(self) -> None:
        """Descendants the viewer may see, one generation after the other; nobody the viewer blocked, nobody silenced."""
        level = [self._root]
        for depth in range(1, MAX_DEPTH + 2):
            if not level:
                return
            by_uri = {name: post.uri for post in level for name in (post.uri, *_video_of(post))}
            by_id = {post.id: post.uri for post in level}
            query = select(Lineage, Status).join(Status, Status.id == Lineage.child_id).where(
                Lineage.kind == "remix", or_(Lineage.parent_id.in_(list(by_id)), Lineage.parent_uri.in_(list(by_uri))),
                Status.reblog_of_id.is_(None), statuses.readable(self._viewer), _not_held(),
                or_(Status.id == self._root.id, statuses.standing(listed_for=self._viewer, silence=True)))
            if self._viewer is not None:
                query = query.where(statuses.unblocked(self._viewer))
            rows = self._session.execute(query.order_by(Lineage.id).limit(_ROWS + 1)).all()
            self._truncated |= len(rows) > _ROWS
            level = []
            for row, child in rows[:_ROWS]:
                if child.uri not in self._found:
                    if depth > MAX_DEPTH or len(self._found) >= MAX_NODES:
                        self._truncated = True
                        continue
                    self._found[child.uri] = Node(child.uri, "post", depth, child)
                    level.append(child)
                self._add(child.uri, by_id.get(row.parent_id or 0) or by_uri[row.parent_uri], row)

    def allowed_but_unknown(self) -> None:
        """What the viewer gave permission for, and what is not to be seen here: told to nobody else, it may be private."""
        mine = {name: node.uri for node in self._found.values() if node.status is not None and self._viewer is not None
                and node.status.actor_id == self._viewer for name in (node.uri, *_video_of(node.status))}
        if not mine:
            return
        stamps = self._session.execute(select(ConsentStamp.target_uri, ConsentStamp.object_uri).where(
            ConsentStamp.actor_id == self._viewer, ConsentStamp.kind == "remix", ConsentStamp.revoked_at.is_(None),
            ConsentStamp.target_uri.in_(list(mine)), ConsentStamp.object_uri.not_in(list(self._found)))
            .order_by(ConsentStamp.id).limit(MAX_NODES + 1)).all()
        here = set(self._session.scalars(select(Status.uri).where(
            Status.uri.in_([uri for _, uri in stamps]), statuses.readable(self._viewer), _not_held()))) if stamps else set()
        for target, uri in stamps:
            if uri in here:
                continue
            if uri not in self._found:
                if len(self._found) >= MAX_NODES:
                    self._truncated = True
                    return
                self._found[uri] = Node(uri, "post", self._found[mine[target]].depth + 1)
            self._edges.setdefault((uri, mine[target], "remix"), Edge(uri, mine[target], "remix", "valid"))

    def _add(self, child: str, parent: str, row: Lineage) -> None:
        edge = Edge(child, parent, row.kind, row.consent, row=row.id, hides=hides(row))
        self._edges.setdefault((child, parent, row.kind), edge)

    # ---- together
    def graph(self) -> Graph:
        """What was found, with authors and files."""
        there = [node.status for node in self._found.values() if node.status is not None]
        people = actors.many(self._session, [status.actor_id for status in there])
        files = media_rows.of_statuses(self._session, [status.id for status in there])
        shown = self._people([node.uri for node in self._found.values() if node.kind == "actor"])
        gone = _deleted(self._session, [node.uri for node in self._found.values() if node.status is None])
        nodes = {}
        for uri, node in self._found.items():
            if node.status is not None:
                nodes[uri] = replace(node, author=people[node.status.actor_id],
                                     media=next(iter(files.get(node.status.id, ())), None))
            elif uri in shown:
                nodes[uri] = replace(node, author=shown[uri])
            else:
                nodes[uri] = replace(node, missing=DELETED if uri in gone else UNAVAILABLE)
        return Graph(self._root.uri, nodes, mark_loops(nodes, self._edges.values()), self._truncated)

    def _people(self, uris: Sequence[str]) -> dict[str, Actor]:
        """Accounts with a profile that everybody may see."""
        if not uris:
            return {}
        return {actor.uri: actor for actor in self._session.scalars(
            select(Actor).outerjoin(User, User.actor_id == Actor.id).where(
                Actor.uri.in_(uris), Actor.suspended_at.is_(None), or_(Actor.domain != "", User.state == "active")))}


def _deleted(session: Session, uris: Sequence[str]) -> set[str]:
    """Those that somebody of their own origin deleted: a neighbour's word is no tombstone."""
    if not uris:
        return set()
    return {uri for uri, by in session.execute(select(Tombstone.uri, Tombstone.actor_uri).where(Tombstone.uri.in_(uris)))
            if parse.same_origin(uri, by)}


def mark_loops(nodes: Iterable[str], edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """The edges, those that close a loop marked: without them the rest has a beginning and an end."""
    ordered = list(edges)
    below: dict[str, list[int]] = defaultdict(list)
    entered = {edge.child for edge in ordered}
    for number, edge in enumerate(ordered):
        below[edge.parent].append(number)
    loops: set[int] = set()
    state: dict[str, str] = {}
    for start in sorted(nodes, key=lambda uri: uri in entered):  # beginnings first, then what only loops lead to
        if start in state:
            continue
        state[start] = "open"
        stack = [(start, iter(below[start]))]
        while stack:
            uri, rest = stack[-1]
            edge_number = next(rest, None)
            if edge_number is None:
                state[uri] = "done"
                stack.pop()
                continue
            child = ordered[edge_number].child
            if state.get(child) == "open":
                loops.add(edge_number)
            elif child not in state:
                state[child] = "open"
                stack.append((child, iter(below[child])))
    return tuple(replace(edge, loop=number in loops) for number, edge in enumerate(ordered))
