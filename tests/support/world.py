"""Another server: real HTTP on loopback, serving made-up actors and posts and keeping what is delivered to it."""
from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .remote import AS2, RemoteActor

ACTIVITY = "application/activity+json"


class World:
    """One remote server; use it as a context manager. Another loopback address (127.0.0.2) is another domain."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        world = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                world.answer_get(self)

            def do_POST(self) -> None:
                world.answer_post(self)

            def log_message(self, *_: Any) -> None:
                """Silence."""

        self._server = ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True
        self.host = f"{address}:{self._server.server_address[1]}"
        self.base = f"http://{self.host}"
        self.actors: dict[str, RemoteActor] = {}
        self.documents: dict[str, dict[str, Any]] = {}
        self.gone: set[str] = set()
        """Paths answered with 410."""
        self.fingers: dict[str, dict[str, Any]] = {}
        """What WebFinger answers about a name, when not the plain truth."""
        self.received: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.status = 202
        """What inboxes answer."""
        self.refuse: str | None = None
        """Refuse deliveries signed in this way: `cavage` or `rfc9421`."""
        self.hang = threading.Event()
        """Set: inboxes answer at once. Cleared by `with world.hanging()`."""
        self.hang.set()
        self.waiting = 0
        """Deliveries read and not answered yet."""
        self.held: dict[str, threading.Event] = {}
        """GETs of these paths are answered once their event is set."""
        self.requests: list[str] = []
        self.fetches: list[tuple[str, str]] = []
        """(path, `cavage`, `rfc9421` or `none`) of GETs of documents."""
        self.refuse_get: frozenset[str] = frozenset()
        """Kinds of signature whose GETs are answered 401."""

    def __enter__(self) -> World:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hang.set()
        for event in self.held.values():
            event.set()
        self._server.shutdown()
        self._server.server_close()

    def actor(self, name: str, *, key: int = 0) -> RemoteActor:
        """A new actor here."""
        found = self.actors[name] = RemoteActor(self.base, name, key=key)
        self.documents[f"/users/{name}"] = found.document()
        return found

    def note(self, actor: RemoteActor, text: str, **more: Any) -> dict[str, Any]:
        """A public post of an actor, also served at its id."""
        number = len(self.documents)
        note = {"@context": AS2, "id": f"{actor.uri}/notes/{number}", "type": "Note", "attributedTo": actor.uri,
                "content": f"<p>{text}</p>", "published": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "to": [f"{AS2}#Public"], "cc": [f"{actor.uri}/followers"], **more}
        self.documents[urlsplit(note["id"]).path] = note
        return note

    def activities(self, kind: str) -> list[dict[str, Any]]:
        """Delivered activities of a type."""
        return [activity for _, activity in list(self.received) if activity.get("type") == kind]

    def answer_get(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        self.requests.append(handler.path)
        if parts.path in self.held:
            self.held[parts.path].wait(60)
        if parts.path == "/.well-known/webfinger":
            name = parse_qs(parts.query).get("resource", [""])[0].removeprefix("acct:").partition("@")[0]
            if name in self.fingers:
                self._send(handler, 200, "application/jrd+json", self.fingers[name])
                return
            found = self.actors.get(name)
            self._send(handler, 200 if found else 404, "application/jrd+json", {
                "subject": f"acct:{name}@{self.host}",
                "links": [{"rel": "self", "type": ACTIVITY, "href": found.uri}]} if found else {})
            return
        scheme = ("rfc9421" if "Signature-Input" in handler.headers else "cavage" if "Signature" in handler.headers else "none")
        self.fetches.append((parts.path, scheme))
        if scheme in self.refuse_get:
            self._send(handler, 401, "application/json", {"error": "signature"})
            return
        document = self.documents.get(handler.path) or self.documents.get(parts.path)
        status = 410 if parts.path in self.gone else 200 if document else 404
        self._send(handler, status, ACTIVITY, document or {})

    def answer_post(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.waiting += 1
        self.hang.wait(60)
        self.waiting -= 1
        scheme = "rfc9421" if "signature-input" in headers else "cavage"
        if self.refuse == scheme:
            self._send(handler, 401, "application/json", {"error": "signature"})
            return
        if self.status < 300:
            self.received.append((headers, json.loads(body)))
        self._send(handler, self.status, "application/json", {})

    def _send(self, handler: BaseHTTPRequestHandler, status: int, kind: str, document: dict[str, Any]) -> None:
        data = json.dumps(document).encode()
        try:
            handler.send_response(status)
            handler.send_header("Content-Type", kind)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the asker left
