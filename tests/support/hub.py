"""A model hub on loopback: the part of the Hugging Face Hub's protocol that fetching a repository needs, for folders on disk."""
from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

COMMIT = "5" * 40
"""Every repository's only commit; its branch is `main`."""


@contextlib.contextmanager
def serve(repositories: dict[str, Path], *, gated: frozenset[str] = frozenset()) -> Iterator[str]:
    """The hub's address. `gated`: repositories that ask for consent."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            path = urlsplit(self.path).path.lstrip("/")
            name = next((name for name in repositories if f"{name}/" in path), "")
            if not name:
                return self.send({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"}, body)
            if name in gated:
                return self.send({"error": "gated"}, 403, {"X-Error-Code": "GatedRepo"}, body)
            folder, (what, _, rest) = repositories[name], path.partition(f"{name}/")[2].partition("/")
            if what == "revision" and rest in ("main", COMMIT):
                return self.send({"id": name, "sha": COMMIT, "siblings": []}, 200, {}, body)
            if what == "tree" and rest == COMMIT:
                return self.send([entry(folder, file) for file in sorted(folder.rglob("*")) if file.is_file()], 200, {}, body)
            file = folder / rest.removeprefix(f"{COMMIT}/")
            if what == "resolve" and rest.startswith(COMMIT) and file.is_file():
                return self.send(file.read_bytes(), 200, {
                    "ETag": f'"{oid(file)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}, body)
            self.send({"error": "Revision not found"}, 404, {"X-Error-Code": "RevisionNotFound"}, body)

        def send(self, content: object, status: int, headers: dict[str, str], body: bool) -> None:
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(key, value)
            self.end_headers()
            if body:
                self.wfile.write(data)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def oid(file: Path) -> str:
    """What names a file's content."""
    return hashlib.sha1(file.read_bytes()).hexdigest()


def entry(folder: Path, file: Path) -> dict[str, object]:
    """A file as the hub lists it."""
    return {"type": "file", "path": file.relative_to(folder).as_posix(), "size": file.stat().st_size, "oid": oid(file)}
