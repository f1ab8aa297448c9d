"""The composition root: builds a House from settings, and the ASGI application on top of it."""
from __future__ import annotations

import contextlib
import importlib
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from starlette.applications import Starlette

from .bells import Bells
from .db import Database
from .federation.client import Client
from .federation.fetch import Fetcher
from .federation.inbox import Inbox
from .federation.key_cache import KeyCache
from .federation.oidc import Issuer
from .federation.presented import PresentedCredentials
from .federation.processing import Processor
from .federation.resolve import Resolver
from .generation import safety as gates
from .generation.safety import Gates
from .media.recogniser import Recogniser
from .media.verifier import Verifier
from .services import instance as instances
from .settings import Settings
from .storage import Store, open_store
from .storage.private import PrivateStore, open_private
from .store.domains import DomainPolicy
from .uris import Uris
from .vault import Vault
from .web.throttle import Throttle
from .web.verifying import Gate

if TYPE_CHECKING:
    from starlette.types import ASGIApp

log = structlog.get_logger()


@dataclass
class House:
    """Everything the edges share. Sync use cases only ever see `db` and what a unit of work gives them."""

    settings: Settings
    db: Database
    uris: Uris
    vault: Vault
    storage: Store
    private: PrivateStore
    bells: Bells
    policy: DomainPolicy
    client: Client
    keys: KeyCache
    fetcher: Fetcher
    resolver: Resolver
    inbox: Inbox
    processor: Processor
    verifier: Verifier
    recogniser: Recogniser
    gates: Gates
    issuer: Issuer
    presented: PresentedCredentials
    name: str
    """Prefix of this process's lease owners."""
    gate: Gate = field(default_factory=Gate)
    """Bounds of the checks that strangers ask for."""
    asking: Throttle = field(default_factory=lambda: Throttle(60, 60, "requests"))
    """How often one account may ask for videos."""
    agents: Throttle = field(default_factory=lambda: Throttle(60, 60, "requests of one agent"))
    """How often one agent may call the API, over all of its tokens."""

    def rename(self) -> None:
        """A name of its own for a forked process."""
        self.name = process_name()

    def owner(self, role: str) -> str:
        """A lease owner for one worker role of this process."""
        return f"{self.name}:{role}"

    async def open(self) -> None:
        """Bind to the running loop. Call once, before the first request or job."""
        self.bells.attach()
        self.db.on_commit = self.bells.ring
        await self.client.open()

    async def close(self) -> None:
        """Let go of connections."""
        await self.client.close()
        self.db.close()


def build_house(settings: Settings, *, meanwhile: Callable[[], None] | None = None) -> House:
    """Open the data folder, the database (migrated) and the storage.

    Args:
        meanwhile: this process has no other thread yet, so that it may migrate in a forked child and do this while it waits (see
            `migrate`).

    Raises:
        ConfigurationError: one line that says what to mend.
    """
    vault = Vault.open(settings.data_dir)  # first of all: its error says what is wrong with the folder
    storage = open_store(settings.effective_storage_url)
    db = instances.open_database(settings, vault=vault, meanwhile=meanwhile)
    uris = db.instance.uris
    policy = DomainPolicy(db)
    client = Client(settings, policy)
    fetcher = Fetcher(db, client)
    resolver = Resolver(db, fetcher, client)
    keys = KeyCache(db, fetcher, resolver)
    recogniser = Recogniser(db)
    verifier = Verifier(db, client, fetcher, storage, recognise=recogniser.look, seen=recogniser.seen)
    private = open_private(settings.effective_private_url, vault, settings.effective_storage_url)
    return House(settings, db, uris, vault, storage, private, Bells(), policy, client, keys, fetcher, resolver,
                 Inbox(db, keys, fetcher), Processor(db, fetcher, resolver), verifier, recogniser,
                 gates.load(gates.Surroundings(settings, db)), Issuer(settings, client),
                 PresentedCredentials(db, client, resolver), process_name(),
                 agents=Throttle(settings.agent_requests_per_minute, 60, "requests of one agent"))


def process_name() -> str:
    """A name no other process of this instance has."""
    return f"{socket.gethostname()[:24]}-{secrets.token_hex(4)}"


def workers_module(name: str = "local") -> Any:
    """A module of the workers. By name, since nothing in the package imports `workers` (see docs/decisions/0001)."""
    return importlib.import_module(f"fedisora.workers.{name}")


def create_app(settings: Settings, *, local_workers: bool | None = None, house: House | None = None,
               worker_process: Any = None) -> ASGIApp:
    """The ASGI application.

    Args:
        settings: see `load_settings`.
        local_workers: run the workers in this process; by default when no Redis is configured.
        house: one that was built before (the CLI does, to report mistakes before the server starts).
        worker_process: a `fedisora.workers.process.WorkerProcess` that runs the workers instead of this process; forked by the
            time the application starts.
    """
    from .web.middleware import wrap
    from .web.routes import build

    home = house or build_house(settings)
    with_workers = (settings.local_workers and not settings.redis_url) if local_workers is None else local_workers

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await home.open()
        runner: Any = None
        doorbell: Any = None
        if settings.redis_url:
            doorbell = importlib.import_module("fedisora.workers.doorbell").Doorbell(home.db)
            home.bells.forward = doorbell.ring
        if worker_process is not None:
            runner = worker_process
        elif with_workers:
            runner = workers_module().LocalWorkers(home)
        if runner is not None:
            await runner.start()
        try:
            yield
        finally:
            if runner is not None:
                await runner.stop()
            if doorbell is not None:
                await doorbell.close()
            await home.close()

    app = Starlette(routes=build(home), lifespan=lifespan)
    app.state.house = home
    return wrap(app, home)
