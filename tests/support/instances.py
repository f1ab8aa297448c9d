"""Real instances as processes on loopback, driven over HTTP only."""
from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx

from fedisora.db import UnitOfWork
from fedisora.services import accounts, tokens
from fedisora.services.instance import open_database
from fedisora.settings import load_settings

from . import commands
from .openapi import Contract

T = TypeVar("T")
PASSWORD = "correct horse battery"
SCOPES = "read write follow push"
START_SECONDS = 60


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(check: Callable[[], T], *, seconds: float = 30, what: str = "condition") -> T:
    """Poll until `check()` is truthy; its value. Fails with `what` and the last value or error after `seconds`."""
    end = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < end:
        try:
            value = check()
            if value:
                return value
            last = value
        except (httpx.HTTPError, AssertionError, LookupError) as error:
            last = error
        time.sleep(0.05)  # between two looks, not instead of one
    raise AssertionError(f"{what}: not within {seconds} s; last: {last!r}")


running: weakref.WeakSet[InstanceProcess] = weakref.WeakSet()
"""Instances that were started and not closed: what their servers said belongs to the report of a test that fails."""


class InstanceProcess:
    """One `fedisora serve` with its own data folder (and, when asked, database, Redis and worker processes)."""

    def __init__(self, folder: Path, *, port: int | None = None, database_url: str = "", redis_url: str = "",
                 **settings: str) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.host = f"127.0.0.1:{self.port}"
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("FEDISORA_")} | {
            "FEDISORA_BASE_URL": self.base, "FEDISORA_DATA_DIR": str(folder),
            "FEDISORA_ALLOW_PRIVATE_NETWORK": "127.0.0.0/8", "FEDISORA_RATE_LIMITS": "off", "PYTHONUNBUFFERED": "1",
            "FEDISORA_DATABASE_URL": database_url, "FEDISORA_REDIS_URL": redis_url,
            **{f"FEDISORA_{key.upper()}": value for key, value in settings.items()}}
        self.processes: list[subprocess.Popen[bytes]] = []
        self.log = folder / "server.log"
        self.seen = 0
        """Bytes of the log that were there when the present test began."""
        self.redis_url = redis_url
        self.contract = Contract()
        self.http = httpx.Client(base_url=self.base, timeout=30, follow_redirects=False,
                                 event_hooks={"response": [self.contract]})
        self.clients: list[httpx.Client] = [self.http]

    def command(self, *arguments: str) -> list[str]:
        """The command line of `fedisora …`."""
        return [sys.executable, "-m", "fedisora", *arguments]

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of this instance to its end (see `commands`)."""
        done = commands.run(arguments, self.env)
        if check and done.returncode != 0:
            raise AssertionError(f"fedisora {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def start(self, *options: str) -> InstanceProcess:
        """Start the server (and workers, when Redis is set) and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        running.add(self)
        self._spawn("serve", "--port", str(self.port), *options)
        self.wait_ready()
        if self.redis_url:
            for role in ("federation", "media", "generation", "housekeeping"):
                self._spawn("worker", role)
        return self

    def _spawn(self, *arguments: str) -> None:
        with self.log.open("ab") as log:
            self.processes.append(subprocess.Popen(self.command(*arguments), env=self.env, stdout=log, stderr=log,
                                                   start_new_session=True))

    def wait_ready(self) -> None:
        """Until /readyz answers 200."""
        def ready() -> bool:
            if self.processes and self.processes[0].poll() is not None:
                raise RuntimeError(f"the server ended: {self.log.read_text()[-2000:]}")
            return self.http.get("/readyz").status_code == 200

        eventually(ready, seconds=START_SECONDS, what=f"{self.base} ready")

    @property
    def setup_link(self) -> str:
        """The one-time admin link of the newest start."""
        found = re.findall(r"https?://\S+/setup\?token=\S+", self.log.read_text())
        if not found:
            raise LookupError("no set-up link in the log")
        return str(found[-1])

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> list[int]:
        """End every process; their exit codes."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(sig)
        codes = []
        for process in self.processes:
            try:
                codes.append(process.wait(20))
            except subprocess.TimeoutExpired:
                process.kill()
                codes.append(process.wait(5))
        self.processes.clear()
        return codes

    def close(self) -> None:
        """End everything for good: processes and clients."""
        running.discard(self)
        self.stop()
        for client in self.clients:
            client.close()

    def kill(self) -> None:
        """SIGKILL to the server's own processes; their children have to notice by themselves."""
        self.stop(signal.SIGKILL)

    def write(self, use_case: Callable[[UnitOfWork], T]) -> T:
        """One transaction on this instance's database, as a command makes one, but without a process of its own."""
        given = {name[9:].lower(): value for name, value in self.env.items() if name.startswith("FEDISORA_")}
        del given["data_dir"]
        database = open_database(load_settings(self.folder, **given))
        try:
            return database.write_now(use_case)
        finally:
            database.close()

    def user(self, name: str, scopes: str = SCOPES, **options: str) -> Api:
        """A new account with a token; `options` are those of `fedisora user create`."""
        if options or not self.processes:
            extra = [part for key, value in options.items() for part in (f"--{key}", value)]
            self.cli("user", "create", name, "--email", f"{name}@example.org", "--password", PASSWORD, *extra)
            return Api(self, name, self.cli("user", "token", name, "--scopes", scopes).stdout.strip())
        # a process of its own for each account would be a quarter of what the whole suite costs
        return Api(self, name, self.write(lambda uow: tokens.create(uow, accounts.create(
            uow, name, f"{name}@example.org", PASSWORD).id, None, scopes)))


class Api:
    """A person's client: the Mastodon API with a token."""

    def __init__(self, instance: InstanceProcess, name: str, token: str) -> None:
        self.instance = instance
        self.name = name
        self.token = token
        self.actor = f"{instance.base}/users/{name}"
        self.handle = f"{name}@{instance.host}"
        self.http = httpx.Client(base_url=instance.base, timeout=60, headers={"Authorization": f"Bearer {token}"},
                                 event_hooks={"response": [instance.contract]})
        instance.clients.append(self.http)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.http.get(path, params=params or None)
        assert answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    def post(self, path: str, **data: Any) -> Any:
        answer = self.http.post(path, json=data)
        assert answer.status_code in (200, 202), f"POST {path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    def me(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/api/v1/accounts/verify_credentials")
        return found

    def resolve(self, query: str) -> dict[str, Any]:
        """The account of a handle or actor URL, fetched when unknown."""
        accounts = self.get("/api/v2/search", q=query, resolve="true", type="accounts")["accounts"]
        assert accounts, f"{query} cannot be resolved"
        found: dict[str, Any] = accounts[0]
        return found

    def follow(self, query: str) -> dict[str, Any]:
        """Follow somebody and wait until it is accepted."""
        account = self.resolve(query)
        self.post(f"/api/v1/accounts/{account['id']}/follow")
        eventually(lambda: self.get("/api/v1/accounts/relationships", **{"id[]": account["id"]})[0]["following"],
                   what=f"{self.handle} follows {query}")
        return account

    def generate(self, prompt: str, *, seconds: float = 1.0, orientation: str = "square", **publish: Any) -> dict[str, Any]:
        """Render a prompt and publish it; the status."""
        job = self.post("/api/fedisora/v1/generations", prompt=prompt, seconds=seconds, orientation=orientation)

        def drafted() -> bool:
            now = self.get(f"/api/fedisora/v1/generations/{job['id']}")
            assert now["state"] not in ("failed", "cancelled"), now
            return bool(now["state"] == "draft")

        eventually(drafted, seconds=120, what=f"generation of {prompt!r}")
        status: dict[str, Any] = self.post(f"/api/fedisora/v1/generations/{job['id']}/publish", **publish)
        return status

    def home(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/api/v1/timelines/home", limit=40)
        return found

    def find(self, uri: str) -> dict[str, Any]:
        """The copy of a post in this person's home timeline, by its id (URI)."""
        for status in self.home():
            if status["uri"] == uri:
                return status
        raise LookupError(f"{uri} is not in the home timeline of {self.handle}")


def unique(prefix: str) -> str:
    """A name nobody used."""
    return f"{prefix}{secrets.token_hex(3)}"
