"""The rules that tests themselves live by."""
from __future__ import annotations

import socket
from pathlib import Path

import psycopg
import pytest
import redis

from tests.support import databases, environment, network


def test_connections_outside_loopback_are_refused_and_noted() -> None:
    with socket.socket() as client, pytest.raises(OSError, match="loopback only"):
        client.connect(("192.0.2.1", 80))
    assert network.attempts == ["192.0.2.1 port 80"]
    network.attempts.clear()  # otherwise this test would fail, which is the point


def test_foreign_names_do_not_resolve() -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("example.org", 443)
    assert socket.getaddrinfo("localhost", 80)


@pytest.mark.parametrize(("host", "local"), [
    ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True), ("localhost", True),
    ("a.localhost", True), ("10.0.0.1", False), ("::ffff:10.0.0.1", False), ("2001:db8::1", False), ("example.org", False)])
def test_loopback(host: str, local: bool) -> None:
    assert network.is_loopback(host) is local


def test_unmet_needs_skip_here_and_fail_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "REQUIRE_ALL", False)
    with pytest.raises(pytest.skip.Exception, match="no moon"):
        environment.require(False, "no moon")
    monkeypatch.setattr(environment, "REQUIRE_ALL", True)
    with pytest.raises(pytest.fail.Exception, match="no moon"):
        environment.require(False, "no moon")
    environment.require(True, "unused")


def test_databases_are_the_tests_own(database_url: str, tmp_path: Path) -> None:
    if database_url.startswith("sqlite"):
        assert str(tmp_path) in database_url
        return
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    with databases.postgres_database(environment.POSTGRES) as another:
        assert another != database_url
    with pytest.raises(psycopg.OperationalError), psycopg.connect(another):
        pass


def test_redis_databases_are_claimed_and_emptied(redis_url: str) -> None:
    with databases.redis_database(environment.REDIS) as another:
        assert another != redis_url
        with redis.Redis.from_url(another) as client:
            client.set("left", "over")
    with redis.Redis.from_url(another) as client:
        assert not client.exists("left")


def test_redis_databases_with_other_keys_are_left_alone(redis_url: str) -> None:
    with databases.redis_database(environment.REDIS) as theirs, redis.Redis.from_url(theirs) as client:
        client.flushdb()
        client.set("somebody", "else")
        with databases.redis_database(environment.REDIS) as another:
            assert another not in (theirs, redis_url)
        assert client.get("somebody") == b"else"
