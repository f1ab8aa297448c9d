"""A running instance with somebody on it, other servers that mean no good, and what came of what they sent."""
from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

import httpx
from sqlalchemy import create_engine, text

from tests.hostile.signing import Cavage, Headers
from tests.support.instances import Api, InstanceProcess, eventually, unique
from tests.support.remote import RemoteActor
from tests.support.world import World

TABLES = ("inbox_messages", "statuses", "follows", "favourites", "notifications", "outbox_activities")
Answer = Callable[[BaseHTTPRequestHandler], None]


class Peer(World):
    """A server whose answers can be anything: `answers[path]` takes the whole request."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Answer] = {}
        self.release = threading.Event()
        """Set by `stop_hanging`: every answer that hangs goes on."""

    def __exit__(self, *exc: object) -> None:
        self.release.set()
        super().__exit__(*exc)

    def answer_get(self, handler: BaseHTTPRequestHandler) -> None:
        path = urlsplit(handler.path).path
        found = self.answers.get(path) or next((answer for prefix, answer in self.answers.items()
                                                if prefix.endswith("*") and path.startswith(prefix[:-1])), None)
        if found is None:
            super().answer_get(handler)
            return
        self.requests.append(handler.path)
        with contextlib.suppress(ConnectionError):
            found(handler)

    def asked(self, path: str) -> int:
        """How often a path (or what begins with it and `*`) was asked for."""
        return sum(urlsplit(item).path == path or (path.endswith("*") and item.startswith(path[:-1]))
                   for item in list(self.requests))


def answer(status: int = 200, body: bytes | dict[str, Any] = b"", kind: str = "application/activity+json",
           **headers: str) -> Answer:
    """A fixed answer."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return send


class Scene:
    """Everything a hostile test needs."""

    def __init__(self, instance: InstanceProcess, local: Api) -> None:
        self.instance = instance
        self.local = local
        self.inbox = f"{instance.base}/inbox"
        url = instance.env["FEDISORA_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
        self.engine = create_engine(url or f"sqlite:///{instance.folder / 'fedisora.sqlite3'}")

    # ---- the database, from outside
    def sql(self, query: str, **values: Any) -> list[Any]:
        """Rows of a query; a change is committed."""
        with self.engine.begin() as connection:
            result = connection.execute(text(query), values)
            return list(result) if result.returns_rows else []

    def rows(self, table: str, where: str = "1=1", **values: Any) -> int:
        return int(self.sql(f"SELECT count(*) FROM {table} WHERE {where}", **values)[0][0])

    def counts(self) -> dict[str, int]:
        return {table: self.rows(table) for table in TABLES}

    @contextlib.contextmanager
    def nothing_changes(self) -> Iterator[None]:
        """Whatever happens inside leaves no row behind."""
        self.settle()
        before = self.counts()
        yield
        self.settle()
        assert self.counts() == before

    def settle(self) -> None:
        """Until the inbox is empty."""
        eventually(lambda: self.rows("inbox_messages", "state = 'pending'") == 0, what="everything processed")

    def jobs_done(self, kind: str) -> None:
        """Until nothing waits in the inbox, nor background jobs of a kind."""
        self.settle()
        eventually(lambda: self.rows("jobs", "state = 'pending' AND kind = :kind", kind=kind) == 0, what=f"jobs {kind} done")

    def status(self, uri: str) -> Any | None:
        """The row of a post, by its id."""
        found = self.sql("SELECT statuses.*, actors.uri AS author FROM statuses JOIN actors ON actors.id = actor_id "
                         "WHERE statuses.uri = :uri", uri=uri)
        return found[0] if found else None

    def follow_state(self, who: str, whom: str) -> str | None:
        found = self.sql("SELECT state FROM follows WHERE actor_id = (SELECT id FROM actors WHERE uri = :who) "
                         "AND target_id = (SELECT id FROM actors WHERE uri = :whom)", who=who, whom=whom)
        return str(found[0][0]) if found else None

    def outcome(self, activity: dict[str, Any]) -> tuple[str, str]:
        """(state, outcome or error) of a delivered activity."""
        found = self.sql("SELECT state, outcome, last_error FROM inbox_messages WHERE activity_uri = :uri", uri=activity["id"])
        assert found, f"{activity['id']} was not taken in"
        return str(found[0][0]), str(found[0][1] or found[0][2] or "")

    # ---- sending
    def post(self, url: str, body: bytes, headers: Headers) -> int:
        """The status of an answer."""
        return httpx.post(url, content=body, headers=headers, timeout=40).status_code

    def raw(self, lines: list[str], body: bytes = b"", *, timeout: float = 20) -> int:
        """A request as text, for what no client library sends; the status, 0 when the connection was closed."""
        with socket.create_connection(("127.0.0.1", self.instance.port), timeout=timeout) as connection:
            connection.sendall("\r\n".join([*lines, f"Content-Length: {len(body)}", "Connection: close", "", ""]).encode() + body)
            head = connection.recv(64)
        return int(head.split()[1]) if head else 0

    def deliver(self, sender: RemoteActor, activity: dict[str, Any], *statuses: int, inbox: str = "") -> int:
        """Send an activity, signed as usual, and wait until it is processed; its status is one of `statuses`."""
        body = json.dumps(activity).encode()
        url = inbox or self.inbox
        found = self.post(url, body, Cavage().headers(sender, url, body))
        assert found in (statuses or (202,)), found
        self.settle()
        return found

    # ---- people
    def followed(self, world: World, name: str = "author", **options: Any) -> RemoteActor:
        """A new remote actor whom the local person follows."""
        actor = world.actor(unique(name), **options)
        account = self.local.resolve(f"@{actor.name}@{world.host}")
        self.local.post(f"/api/v1/accounts/{account['id']}/follow")
        request = eventually(lambda: [item for item in world.activities("Follow") if item["object"] == actor.uri
                                      and item["actor"] == self.local.actor], what="our Follow")[0]
        self.deliver(actor, actor.activity("Accept", request))
        assert self.follow_state(self.local.actor, actor.uri) == "accepted"
        return actor

    def published(self, author: RemoteActor, note: dict[str, Any]) -> dict[str, Any]:
        """A post that has arrived."""
        self.deliver(author, author.activity("Create", note))
        why = self.sql("SELECT outcome, last_error FROM inbox_messages ORDER BY id DESC")[:1]
        assert self.status(note["id"]) is not None, why
        return note


class Pulse:
    """Asks the instance for a sign of life all the time; notes the longest wait, less what this machine itself was late."""

    def __init__(self, base: str) -> None:
        self.worst = 0.0
        self._base = base
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(35)

    def _run(self) -> None:
        with httpx.Client(base_url=self._base, timeout=30) as client:
            late = 0.0
            while not self._end.is_set():
                began = time.monotonic()
                client.get("/livez")
                took = time.monotonic() - began
                self.worst = max(self.worst, took - late)
                began = time.monotonic()
                time.sleep(0.05)  # a beat
                late = (time.monotonic() - began - 0.05) * 4
