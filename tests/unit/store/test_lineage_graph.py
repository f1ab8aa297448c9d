"""The lineage of a post: diamonds, circles, limits, what is missing, and what a viewer must not learn."""
from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, select

from fedisora.db import Database, UnitOfWork
from fedisora.ids import new_id
from fedisora.models import Actor, Block, ConsentStamp, Follow, Job, Lineage, Media, Status, Tombstone, User
from fedisora.provenance import digital_source
from fedisora.serializers import lineage as entities
from fedisora.store import lineage_gaps, lineage_graph
from fedisora.store.lineage_gaps import Gaps
from fedisora.store.lineage_graph import MAX_ANCESTORS, MAX_DEPTH, MAX_NODES, Graph
from fedisora.web.pages import lineage as pages
from fedisora.web.pages.lineage_picture import draw, layers, line_of

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
HERE = "https://here.example"


class House:
    """A database with people and posts in it, written one call at a time."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def person(self, name: str, domain: str = "", **more: Any) -> Actor:
        base = f"https://{domain}" if domain else HERE
        row = Actor(id=new_id(NOW), uri=f"{base}/users/{name}", username=name, username_key=name, domain=domain, kind="human",
                    created_at=NOW, updated_at=NOW, **more)
        self.add(row)
        return row

    def post(self, name: str, author: Actor, **more: Any) -> Status:
        row_id = new_id(NOW)
        row = Status(id=row_id, uri=f"{author.uri}/statuses/{row_id}", url="", actor_id=author.id, local=author.domain == "",
                     text=name, content=f"<p>{name}</p>", created_at=NOW, **more)
        self.add(row)
        return row

    def made(self, child: Status, *parents: Status | str, kind: str = "remix", consent: str = "valid") -> None:
        self.add(*(Lineage(
            id=new_id(NOW), child_id=child.id, child_uri=child.uri, parent_uri=parent if isinstance(parent, str) else parent.uri,
            parent_id=None if isinstance(parent, str) else parent.id, kind=kind, consent=consent, created_at=NOW)
            for parent in parents))

    def add(self, *rows: Any) -> None:
        def apply(uow: UnitOfWork) -> None:
            uow.session.add_all(rows)

        self.db.write_now(apply)

    def graph(self, root: Status, viewer: Actor | None = None) -> Graph:
        return self.db.read_now(lambda session: lineage_graph.load(
            session, self.db.instance.uris, root, viewer.id if viewer is not None else None))

    def names(self, graph: Graph) -> dict[str, int]:
        """Depth by the name of a post, or by id when it is missing."""
        return {node.status.text if node.status else uri: node.depth for uri, node in graph.nodes.items()}


@pytest.fixture
def house(db: Database) -> House:
    return House(db)


@contextmanager
def counted(db: Database) -> Iterator[list[str]]:
    """The statements that run."""
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def test_a_diamond_has_each_post_once(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob", "b.example")
    top, left, right, root, after = (house.post(name, who) for name, who in (
        ("top", ada), ("left", bob), ("right", bob), ("root", ada), ("after", bob)))
    house.made(left, top)
    house.made(right, f"{ada.uri}/videos/{top.id}")  # PeerTube knows it by its Video
    house.made(root, left, right, top)
    house.made(after, root, left, consent="revoked")
    house.add(Media(id=new_id(NOW), actor_id=ada.id, status_id=top.id, kind="video", created_at=NOW,
                    verdict={"verdict": "verified"}, digital_source_type=digital_source.TRAINED))
    graph = house.graph(root)
    assert house.names(graph) == {"root": 0, "left": -1, "right": -1, "top": -1, "after": 1}
    assert {(edge.child, edge.parent, edge.consent) for edge in graph.edges} == {
        (left.uri, top.uri, "valid"), (right.uri, top.uri, "valid"), (root.uri, left.uri, "valid"),
        (root.uri, right.uri, "valid"), (root.uri, top.uri, "valid"), (after.uri, root.uri, "revoked")}
    assert layers(graph) == [[top.uri], [left.uri, right.uri], [root.uri], [after.uri]]
    shown = pages.view(graph, house.db.instance.uris)
    assert shown is not None
    assert [item.title for item in shown.above] == ["left", "right", "top"]
    assert [[inner.title for inner in item.below] for item in shown.above] == [["top"], ["top"], []]
    assert [item.again for item in shown.above] == [False, False, False]
    assert all(inner.again for item in shown.above for inner in item.below)
    assert shown.picture.count("<g class=") == 5
    document = entities.document(graph, house.db.instance.uris)
    found = {node["id"]: node for node in document["nodes"]}[top.uri]
    assert (found["made"], found["label"], found["verdict"]) == ("machine", "AI-generated", "verified")
    assert found["account"]["acct"] == "ada"
    assert found["page"] == f"{HERE}/@ada/{top.id}"


def test_circles_end(house: House) -> None:
    eve = house.person("eve", "e.example")
    one, two, three = (house.post(name, eve) for name in ("one", "two", "three"))
    house.made(one, one, three)
    house.made(two, one)
    house.made(three, two)
    for root in (one, two, three):
        graph = house.graph(root)
        assert set(house.names(graph)) == {"one", "two", "three"}
        assert {(edge.child, edge.parent) for edge in graph.edges} == {
            (one.uri, one.uri), (one.uri, three.uri), (two.uri, one.uri), (three.uri, two.uri)}
        assert 1 < sum(edge.loop for edge in graph.edges) < 4
        assert sum(map(len, layers(graph))) == 3
        shown = pages.view(graph, house.db.instance.uris)
        assert shown is not None
        assert shown.above
        assert shown.below
        assert "×" not in shown.picture


def test_depth_and_number_are_bounded_and_said(house: House) -> None:
    eve = house.person("eve", "e.example")
    chain = [house.post(f"p{number}", eve) for number in range(2 * MAX_DEPTH + 6)]
    for child, parent in zip(chain[1:], chain, strict=False):
        house.made(child, parent)
    middle = chain[MAX_DEPTH + 2]
    with counted(house.db) as statements:
        graph = house.graph(middle)
    assert len([text for text in statements if text.startswith(("SELECT", "WITH"))]) <= 3 * (MAX_DEPTH + 1) + 6
    assert (min(house.names(graph).values()), max(house.names(graph).values())) == (-MAX_DEPTH, MAX_DEPTH)
    assert graph.truncated
    greedy = house.post("greedy", eve)
    house.made(greedy, *(f"https://x.example/{number}" for number in range(MAX_ANCESTORS + 50)))
    children = [Status(id=new_id(NOW), uri=f"https://e.example/c/{number}", actor_id=eve.id, content="", created_at=NOW)
                for number in range(MAX_NODES)]
    house.add(*children)
    house.add(*(Lineage(id=new_id(NOW), child_id=child.id, child_uri=child.uri, parent_uri=greedy.uri, kind="remix",
                        consent="missing", created_at=NOW) for child in children))
    with counted(house.db) as statements:
        graph = house.graph(greedy)
    assert len(statements) < 20
    assert len(graph.nodes) == MAX_NODES
    assert graph.truncated
    assert sum(node.depth < 0 for node in graph.nodes.values()) == MAX_ANCESTORS
    shown = pages.view(graph, house.db.instance.uris, most=pages.NEAR)
    assert shown is not None
    assert (shown.count, shown.hidden) == (MAX_NODES, MAX_NODES - pages.NEAR)
    alone = house.post("alone", eve)
    with counted(house.db) as statements:
        assert house.graph(alone).alone
    assert len([text for text in statements if text.startswith("SELECT")]) <= 5


def test_what_is_hidden_is_not_told_from_what_is_unknown(house: House) -> None:
    ada, bob, cleo = house.person("ada"), house.person("bob"), house.person("cleo")
    secret = house.post("secret", ada, visibility="private")
    held = house.post("held", house.person("mal", "m.example"), review="held")
    draft = house.post("draft", ada, published=False)
    gone_by = house.person("gone", "g.example", suspended_at=NOW)
    gone = house.post("gone", gone_by)
    below = house.post("deep secret", ada)
    house.made(secret, below)
    root = house.post("root", bob)
    deleted, disputed = "https://d.example/posts/1", "https://d.example/posts/2"
    house.add(Tombstone(uri=deleted, actor_uri="https://d.example/users/d", deleted_at=NOW),
              Tombstone(uri=disputed, actor_uri="https://evil.example/users/d", deleted_at=NOW))
    house.made(root, secret, held, draft, gone, "https://x.example/never-seen", deleted, disputed)
    house.made(root, gone_by.uri, ada.uri, kind="cameo")
    house.made(root, f"{HERE}/users/ada/videos/{draft.id}", f"{HERE}/users/ada/videos/12")
    house.add(User(id=new_id(NOW), actor_id=ada.id, email="a@x.example", email_key="a@x.example", password_hash="x",
                   created_at=NOW),
              User(id=new_id(NOW), actor_id=cleo.id, email="c@x.example", email_key="c@x.example", password_hash="x",
                   state="pending", created_at=NOW))
    house.made(root, cleo.uri, kind="cameo")
    for number, (name, more) in enumerate({"private": {"visibility": "private"}, "direct": {"visibility": "direct"},
                                           "unpublished": {"published": False}, "held": {"review": "held"}}.items()):
        house.made(house.post(f"{name} remix {number}", bob if name != "held" else gone_by, **more), root)
    house.made(house.post("by a suspended one", gone_by), root)
    for viewer in (None, cleo):
        graph = house.graph(root, viewer)
        assert all(edge.child == root.uri for edge in graph.edges)
        missing = {uri: node.missing for uri, node in graph.nodes.items() if node.missing}
        assert missing == {secret.uri: "unavailable", held.uri: "unavailable", draft.uri: "unavailable", gone.uri: "unavailable",
                           "https://x.example/never-seen": "unavailable", deleted: "deleted", disputed: "unavailable",
                           gone_by.uri: "unavailable", f"{HERE}/users/ada/statuses/12": "unavailable",
                           cleo.uri: "unavailable"}
        assert "deep secret" not in house.names(graph)
        for node in entities.document(graph, house.db.instance.uris)["nodes"]:
            if node["missing"]:
                assert {name for name, value in node.items() if value is not None} == {"id", "type", "depth", "missing"}
        words = repr(pages.view(graph, house.db.instance.uris))
        assert "secret" not in words
        assert "draft" not in words
    house.add(Follow(id=new_id(NOW), uri="https://here.example/f", actor_id=cleo.id, target_id=ada.id, state="accepted",
                     created_at=NOW))
    assert {"secret", "deep secret"} <= set(house.names(house.graph(root, cleo)))
    mine = house.names(house.graph(root, bob))
    assert {"private remix 0", "unpublished remix 2"} <= set(mine)


def test_a_blocked_author_is_no_descendant(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob", "b.example")
    root = house.post("root", ada)
    house.made(house.post("remix", bob), root)
    assert len(house.graph(root, ada).nodes) == 2
    house.add(Block(id=new_id(NOW), uri="https://here.example/b", actor_id=ada.id, target_id=bob.id, created_at=NOW))
    assert len(house.graph(root, ada).nodes) == 1


def test_an_unsigned_copy_hangs_on_a_dashed_line(house: House) -> None:
    ada, mal = house.person("ada"), house.person("mal", "m.example")
    original, copy = house.post("original", ada), house.post("copy", mal)
    first = Media(id=new_id(NOW), actor_id=ada.id, status_id=original.id, kind="video", created_at=NOW)
    second = Media(id=new_id(NOW), actor_id=mal.id, status_id=copy.id, kind="video", created_at=NOW,
                   verdict={"verdict": "recovered"}, matched={"media_id": first.id, "object": original.uri, "distance": 3})
    house.add(first, second)
    graph = house.graph(copy)
    assert house.names(graph) == {"copy": 0, "original": -1}
    edge, = graph.edges
    assert (edge.kind, edge.consent, line_of(edge)) == ("match", "none", "dash")
    assert house.graph(original).alone

    def hide(uow: UnitOfWork) -> None:
        uow.session.get_one(Status, original.id).visibility = "private"

    house.db.write_now(hide)
    assert house.graph(copy).alone


def test_what_is_missing_is_looked_for_once_in_some_hours(house: House) -> None:
    ada, bob = house.person("ada"), house.person("bob")
    uris = house.db.instance.uris
    root = house.post("root", ada)
    house.made(root, "https://x.example/posts/1", f"{HERE}/users/nobody/statuses/1", "ftp://x.example/1", bob.uri)
    house.made(root, "https://x.example/users/y", kind="cameo")
    allowed = "https://y.example/posts/9"
    house.add(ConsentStamp(id=new_id(NOW), uri=f"{HERE}/stamps/1", kind="remix", actor_id=ada.id, target_uri=root.uri,
                           object_uri=allowed, requester_uri="https://y.example/users/y", document=b"{}", created_at=NOW))
    assert allowed not in house.graph(root, bob).nodes
    graph = house.graph(root, ada)
    assert (graph.nodes[allowed].missing, graph.nodes[allowed].depth) == ("unavailable", 1)

    def due(moment: dt.datetime) -> Gaps:
        return house.db.read_now(lambda session: lineage_gaps.find(session, house.graph(root, ada), uris, moment))

    now = house.db.clock()
    assert due(now) == Gaps(("https://x.example/posts/1", allowed))
    house.db.write_now(lambda uow: lineage_gaps.look_for(uow, due(now)))
    queued = house.db.read_now(lambda session: list(session.scalars(select(Job))))
    assert [(job.kind, job.payload) for job in queued] == [
        ("fetch_status", {"uri": "https://x.example/posts/1", "quiet": True}), ("fetch_status", {"uri": allowed, "quiet": True})]
    assert not due(now)
    assert len(due(now + dt.timedelta(hours=7)).posts) == 2
    mal = house.person("mal", "m.example")
    remix, own = house.post("remix", mal), house.post("own", bob)
    house.made(remix, root, consent="pending")
    house.made(own, root, consent="pending")
    later = due(now)
    assert (later.posts, len(later.rows)) == ((), 1)
    house.db.write_now(lambda uow: lineage_gaps.look_for(uow, later))
    assert not due(now)
    assert house.db.read_now(lambda session: session.scalars(select(Job.payload).where(Job.kind == "check_consent")).all()) == [
        {"lineage_id": later.rows[0]}]


def test_nothing_of_others_gets_into_the_picture(house: House) -> None:
    mal = house.person("mal", "m.example")
    root = house.post('"><script>alert(1)</script>', mal)
    house.made(root, 'https://x.example/"><img src=x>')
    graph = house.graph(root)
    svg = draw(graph, {uri: number for number, uri in enumerate(graph.nodes, 1)}, "<b>&", '"</desc>')
    assert "<b>" not in svg
    assert "<img" not in svg
    assert "<script" not in svg
    assert svg.count("</desc>") == 1
    assert 'style="' not in svg
