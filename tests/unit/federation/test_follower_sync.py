"""FEP-8fcf: the digest and the header, strictly; what another server may learn and what it may change here."""
from __future__ import annotations

import hashlib
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from fedisora.activitypub import follower_sync
from fedisora.errors import Malformed, NotFound, NotOwner
from fedisora.federation.follower_sync import note
from fedisora.models import Follow, OutboxActivity
from fedisora.store import relations
from fedisora.store.follower_sync import followers_at, followers_digest
from tests.support.remote import RemoteActor
from tests.support.world import World

from .conftest import Place

URI = "https://testing.example.org/users/1"


def test_the_digest_is_the_xor_of_sha256() -> None:
    assert follower_sync.digest([]) == "0" * 64
    assert follower_sync.digest([URI]) == hashlib.sha256(URI.encode()).hexdigest()
    assert follower_sync.digest([URI, URI]) == follower_sync.digest([URI]), "one account counts once"
    assert follower_sync.digest(["a", "b"]) == follower_sync.digest(["b", "a"])


GOOD = follower_sync.build("https://a.example/followers", "https://a.example/sync", "0" * 64)


@pytest.mark.parametrize("text", [
    "", "x", GOOD[:-1], GOOD + ",", GOOD + ', digest="' + "1" * 64 + '"', GOOD.replace("digest", "Digest"),
    GOOD.replace("0" * 64, "0" * 63), GOOD.replace("0" * 64, "G" * 64), GOOD.replace("0" * 64, "A" * 64),
    GOOD.replace("https://a.example/sync", "javascript:alert(1)"), GOOD.replace("https://a.example/sync", "//a.example"),
    GOOD.replace('"', ""), GOOD + ", more=\"1\"", GOOD.replace(", ", " "), GOOD + " " * 5000 + "x", 'collectionId="https://a/x"'])
def test_any_other_header_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        follower_sync.parse(text)


def test_the_header_is_read_as_it_was_built() -> None:
    said = follower_sync.parse(GOOD)
    assert (said.collection_id, said.url, said.digest) == ("https://a.example/followers", "https://a.example/sync", "0" * 64)
    assert follower_sync.parse(GOOD.replace(", ", ",")) == said


def test_a_server_learns_of_its_own_accounts_only(place: Place, world: World, other_world: World) -> None:
    for at, name in ((world, "rem"), (world, "sam"), (other_world, "eve")):
        person = at.actor(name)
        place.go(lambda tools, uri=person.uri: tools.resolver.actor(uri))
        place.follow(person.uri, place.ada)
    waiting = world.actor("waiting")
    place.go(lambda tools: tools.resolver.actor(waiting.uri))
    place.follow(waiting.uri, place.ada, state="pending")
    ada = place.actor(place.ada)

    def listed(host: str) -> list[str]:
        return place.db.read_now(lambda session: followers_at(session, ada, host))

    assert listed(world.host) == [f"{world.base}/users/rem", f"{world.base}/users/sam"]
    assert listed(other_world.host) == [f"{other_world.base}/users/eve"]
    for strange in ("%", "_27.0.0.1", world.host[:-1], "127.0.0.1", "", f"{world.host}/users"):
        assert listed(strange) == []
    ours = follower_sync.digest([f"{world.base}/users/rem", f"{world.base}/users/sam"])
    assert place.db.read_now(lambda session: followers_digest(session, ada, world.host)) == ours


class Peer:
    """Rem's server says who follows Rem."""

    def __init__(self, place: Place, world: World) -> None:
        self.place, self.world = place, world
        self.rem: RemoteActor = world.actor("rem")
        place.go(lambda tools: tools.resolver.actor(self.rem.uri))

    def says(self, listed: list[Any], **more: Any) -> str:
        """Serve a list; the header that announces it."""
        url = f"{self.rem.uri}/sync"
        self.world.documents["/users/rem/sync"] = {"id": url, "type": "OrderedCollection", "orderedItems": listed}
        said = {"collection_id": f"{self.rem.uri}/followers", "url": url, "value": follower_sync.digest(
            [item for item in listed if isinstance(item, str)]), **more}
        return follower_sync.build(**said)

    def note(self, header: str, sender: str | None = None) -> bool:
        return self.place.db.write_now(lambda uow: note(uow, {"collection-synchronization": header}, sender or self.rem.uri))

    def run(self) -> str:
        job = self.place.jobs("sync_followers")[0]
        return self.place.go(lambda tools: tools.sync.run(job["actor_uri"], job["url"], job["digest"]))

    def followed_by(self, who: str) -> str | None:
        ids = self.place.actor(who).id, self.place.actor(self.rem.uri).id
        row = self.place.db.read_now(lambda session: relations.follow(session, *ids))
        return row.state if row is not None else None

    def undone(self) -> list[str]:
        bodies = self.place.db.read_now(lambda session: list(session.scalars(
            select(OutboxActivity.document).where(OutboxActivity.type == "Undo"))))
        return [orjson.loads(body)["object"]["actor"] for body in bodies]


@pytest.fixture
def peer(place: Place, world: World) -> Peer:
    return Peer(place, world)


def test_headers_that_lie_are_ignored(peer: Peer, place: Place, other_world: World) -> None:
    """BI-143, BI-144"""
    place.follow(place.ada, peer.rem.uri)
    other = other_world.actor("eve")
    place.go(lambda tools: tools.resolver.actor(other.uri))
    assert not peer.note("nonsense")
    assert not peer.note(peer.says([], url=f"{other_world.base}/sync")), "a list on another server"
    assert not peer.note(peer.says([], collection_id=f"{other.uri}/followers")), "somebody else's followers"
    assert not peer.note(peer.says([]), sender=other.uri)
    assert not peer.note(peer.says([]), sender="https://unknown.example/users/x")
    assert not peer.note(peer.says([]), sender=place.ada)
    assert not peer.note(peer.says([place.ada])), "it is what we know"
    assert place.jobs("sync_followers") == []


def test_a_list_that_has_not_the_digest_removes_nobody(peer: Peer, place: Place) -> None:
    place.follow(place.ada, peer.rem.uri)
    assert peer.note(peer.says([], value="1" * 64))
    assert "ignored" in peer.run()
    assert peer.followed_by(place.ada) == "accepted"


def test_a_list_of_somebody_else_removes_nobody(peer: Peer, place: Place, other_world: World) -> None:
    place.follow(place.ada, peer.rem.uri)
    assert peer.note(peer.says([]))
    peer.world.documents["/users/rem/sync"]["attributedTo"] = f"{other_world.base}/users/eve"
    with pytest.raises(NotOwner):
        peer.run()
    assert "another server" in place.go(lambda tools: tools.sync.run(peer.rem.uri, f"{other_world.base}/sync", "0" * 64))
    assert other_world.requests == []
    assert peer.followed_by(place.ada) == "accepted"


def test_an_unfinished_list_removes_nobody(peer: Peer, place: Place) -> None:
    bob = place.person("bob")
    place.follow(place.ada, peer.rem.uri)
    place.follow(bob, peer.rem.uri)
    assert peer.note(peer.says([place.ada]))
    peer.world.documents["/users/rem/sync"] = {"id": f"{peer.rem.uri}/sync", "type": "OrderedCollection",
                                               "orderedItems": [place.ada], "first": f"{peer.rem.uri}/missing"}
    with pytest.raises(NotFound):
        peer.run()
    assert peer.followed_by(bob) == "accepted"


def test_follows_the_other_server_does_not_have_are_dropped(peer: Peer, place: Place) -> None:
    bob = place.person("bob")
    place.follow(place.ada, peer.rem.uri)
    place.follow(bob, peer.rem.uri)
    assert peer.note(peer.says([bob]))
    assert peer.run() == "1 removed, 0 taken back"
    assert peer.followed_by(place.ada) is None
    assert peer.followed_by(bob) == "accepted"
    assert peer.undone() == [], "the other server knows"


def test_follows_we_do_not_have_are_taken_back(peer: Peer, place: Place) -> None:
    bob = place.person("bob")
    listed: list[Any] = [place.ada, bob, f"{place.ada}-nobody", "http://127.0.0.1:1/actor", "https://third.example/users/x"]
    place.follow(bob, peer.rem.uri, state="pending")
    assert peer.note(peer.says(listed))
    assert peer.run() == "0 removed, 1 taken back"
    assert peer.undone() == [place.ada]
    assert peer.followed_by(bob) == "accepted", "its Accept was lost"
    assert place.db.read_now(lambda session: len(list(session.scalars(select(Follow))))) == 1
