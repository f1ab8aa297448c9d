"""URLs: what we mint we recognise, and nothing else."""
from __future__ import annotations

import pytest

from fedisora.uris import Uris

URIS = Uris("https://a.example:8443")


def test_what_we_mint_we_recognise() -> None:
    actor = URIS.actor("alice")
    assert URIS.actor_name(actor) == "alice"
    assert URIS.actor_name(URIS.main_key(actor)) == "alice"
    assert URIS.actor_name(URIS.profile("alice")) == "alice"
    assert URIS.status_id(URIS.status(actor, 42)) == 42
    assert URIS.status_id(URIS.video(actor, 42)) == 42
    assert URIS.status_id(URIS.create(URIS.status(actor, 42))) == 42
    assert URIS.status_id(URIS.post_page("alice", 42)) == 42
    assert URIS.followers_of(URIS.followers(actor)) == "alice"
    assert URIS.host == "a.example:8443"


@pytest.mark.parametrize("uri", [
    "https://a.example/users/alice", "https://a.example:8443.evil.example/users/alice", "http://a.example:8443/users/alice",
    "https://a.example:8443evil/users/alice", "acct:alice@a.example", "", "https://b.example/users/alice"])
def test_foreign_uris_are_not_ours(uri: str) -> None:
    assert not URIS.is_local(uri)
    assert URIS.actor_name(uri) is None
    assert URIS.status_id(uri) is None


@pytest.mark.parametrize("path", ["/users/alice/statuses/x", "/users", "/@alice@b.example", "/actor", "/users/a/b/c/d"])
def test_other_paths_name_nothing(path: str) -> None:
    assert URIS.status_id(URIS.base + path) is None
