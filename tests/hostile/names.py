"""A name server of our own under the real client, and listeners that must never be connected to."""
from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

INWARD = "127.0.0.2"
"""Stands for an address that must not be reached; 127.0.0.1 for a public one."""
NAMES: dict[str, list[list[str]]] = {}
"""Answers of the name server: for each name a list of answers, the last one for good."""


@pytest.fixture(autouse=True)
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The operating system's resolver, which the client asks through aiohttp, with names of our own."""
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host not in NAMES:
            return real(host, port, *args, **options)
        answers = NAMES[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET6 if ":" in item else socket.AF_INET, socket.SOCK_STREAM, 6, "",
                 (item, port, 0, 0) if ":" in item else (item, port)) for item in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield
    NAMES.clear()


class Trap:
    """A listener that must never be connected to."""

    def __init__(self, address: str = INWARD, port: int = 0) -> None:
        self._listener = socket.create_server((address, port))
        self.port = int(self._listener.getsockname()[1])
        self.caught = 0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.caught += 1
                connection.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    found = Trap()
    yield found
    found.close()
    assert found.caught == 0, "somebody connected to an address inside"
