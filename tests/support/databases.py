"""Databases of real servers for tests: each one made for its test and removed after it."""
from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql

CLAIM_SECONDS = 900
"""How long a Redis database stays claimed when its test process was killed; no test runs that long."""
MARKER = "fedisora-test"
"""Lies in every Redis database that tests ever claimed, so that leftovers are known to be ours."""
CLAIM = "fedisora-test-claim"


@contextlib.contextmanager
def postgres_database(admin_url: str) -> Iterator[str]:
    """A new, empty PostgreSQL database; its URL. Dropped at the end, with connections that are still open."""
    name = f"fedisora_test_{secrets.token_hex(8)}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name)))
    try:
        yield urlunsplit(urlsplit(admin_url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(admin_url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextlib.contextmanager
def redis_database(server_url: str) -> Iterator[str]:
    """An empty numbered database of a Redis server, claimed for one test; its URL. Emptied at the end.

    A database with keys that are not from tests is never touched. Number 0 is left alone, since everybody uses it.

    Raises:
        RuntimeError: every database is taken.
    """
    base = server_url.rstrip("/")
    for number in range(1, 16):
        url = f"{base}/{number}"
        with redis.Redis.from_url(url) as client:
            if not _claim(client):
                continue
            try:
                yield url
            finally:
                client.flushdb()
            return
    raise RuntimeError(f"{base}: all databases from 1 to 15 hold keys or are in use by other tests")


def _claim(client: redis.Redis) -> bool:
    ours = bool(client.exists(MARKER))
    if not ours and client.dbsize() != 0:
        return False
    if not client.set(CLAIM, "1", nx=True, ex=CLAIM_SECONDS):
        return False
    leftovers = [key for key in client.scan_iter(count=1000) if key != CLAIM.encode()]
    if leftovers:
        client.delete(*leftovers)
    client.set(MARKER, "1")
    return True
