"""Engines, units of work, the single SQLite writer, group commit, and the thread hop between async and sync.

Async code calls `await db.write(use_case)` or `await db.read(query)`: ONE hop into a thread, one transaction, no I/O
besides the database. On SQLite all writes of a process go through one thread (it has one writer anyway; waiting in our
queue is cheaper than in SQLite's busy loop). `GroupCommit` puts many small inserts into one transaction.

After a commit the doorbells of the queues that got rows are rung (`Database.on_commit`).
"""
from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import QueuePool

from .errors import ConfigurationError
from .ids import new_id
from .settings import Settings
from .uris import Uris
from .vault import Vault

try:
    import fcntl

    LOCKS = True
except ImportError:  # Windows
    LOCKS = False

T = TypeVar("T")
Item = TypeVar("Item")
READERS = 4
POSTGRES_WRITERS = 6
MAX_GROUP = 256
BUSY_MS = 30_000
FORGET_MS = 1000
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


@dataclass(frozen=True)
class Instance:
    """What a use case may know about where it runs."""

    settings: Settings
    uris: Uris
    vault: Vault


class UnitOfWork:
    """One transaction of one use case: a session, the moment it happens, and what to ring once it is committed."""

    def __init__(self, session: Session, instance: Instance, now: dt.datetime) -> None:
        self.session = session
        self.instance = instance
        self.now = now
        self.rings: set[str] = set()
        self.after_commit: list[Callable[[], None]] = []
        self.turn: WriteTurn | None = None
        self.absent: set[str] = set()
        """Ids about which this database knew nothing when the transaction began (no post, no tombstone, no answer to them):
        looked up for many at once. Whoever writes about one of them takes it out."""

    def wanted(self) -> bool:
        """Whether another process waits to write to the same SQLite file."""
        return self.turn is not None and self.turn.wanted()

    @property
    def uris(self) -> Uris:
        return self.instance.uris

    @property
    def vault(self) -> Vault:
        return self.instance.vault

    @property
    def settings(self) -> Settings:
        return self.instance.settings

    def new_id(self) -> int:
        """An id for a row made now."""
        return new_id(self.now)

    def ring(self, queue: str) -> None:
        """Wake the workers of `queue` (`inbox`, `delivery`, `federation`, `media`, `generation`, …) after the commit."""
        self.rings.add(queue)


def utcnow() -> dt.datetime:
    """The current time, aware, in UTC."""
    return dt.datetime.now(dt.UTC)


def _json_for_postgres(value: Any) -> str:
    """JSON without the character NUL, which PostgreSQL does not keep in JSON either. What others send may hold it."""
    return _NUL.sub(r"\1", json.dumps(value))


def make_engine(url: str, *, synchronous: str = "normal") -> Engine:
    """An engine with our pragmas: SQLite in WAL mode, foreign keys on, explicit BEGIN.

    Its errors name no values (but PostgreSQL a key that is there already): they get into logs, and values are prompts,
    addresses of people, and what is sealed.
    """
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=READERS + POSTGRES_WRITERS, max_overflow=4, pool_pre_ping=True,
                             hide_parameters=True, connect_args={"connect_timeout": 10}, json_serializer=_json_for_postgres)
    engine = create_engine(url, poolclass=QueuePool, pool_size=READERS + 2, max_overflow=4, hide_parameters=True,
                           connect_args={"check_same_thread": False, "timeout": 30})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not open transactions behind our back
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous.upper()}", "foreign_keys=ON", f"busy_timeout={BUSY_MS}",
                       "cache_size=-16000", "temp_store=MEMORY", "mmap_size=0",
                       "secure_delete=ON"):  # the key of a clip is overwritten with its row, whatever this SQLite was built with
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


class Database:
    """The database of one instance, for sync use cases and for the async edges."""

    def __init__(self, instance: Instance, *, clock: Callable[[], dt.datetime] = utcnow) -> None:
        self.instance = instance
        self.clock = clock
        self.engine = make_engine(instance.settings.effective_database_url,
                                  synchronous=instance.settings.sqlite_synchronous)
        self.sqlite = self.engine.dialect.name == "sqlite"
        self._turn = WriteTurn(Path(self.engine.url.database)) if self.sqlite and self.engine.url.database else None
        self.on_commit: Callable[[set[str]], None] | None = None
        """Called in the committing thread with the queues that got rows."""
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._writing = sessionmaker(self.engine.execution_options(writing=True), expire_on_commit=False)
        self._readers = ThreadPoolExecutor(READERS, "db-read")
        self._writers = ThreadPoolExecutor(1 if self.sqlite else POSTGRES_WRITERS, "db-write")

    def check(self) -> None:
        """Open a connection.

        Raises:
            ConfigurationError: the database is not reachable.
        """
        try:
            with self.engine.connect():
                pass
        except (OperationalError, SQLAlchemyError) as error:
            reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
            raise ConfigurationError(f"The database cannot be reached: {reason}. Check FEDISORA_DATABASE_URL and that the "
                                     "server runs.", cause=error) from error

    # sync: CLI, workers' threads, tests
    @contextlib.contextmanager
    def unit_of_work(self) -> Iterator[UnitOfWork]:
        """A write transaction: committed at the end, rolled back on any error; rings doorbells after the commit."""
        with self._turn or contextlib.nullcontext(), self._writing() as session:
            uow = UnitOfWork(session, self.instance, self.clock())
            uow.turn = self._turn
            with session.begin():
                yield uow
            if uow.rings and self.on_commit is not None:
                self.on_commit(uow.rings)
            for callback in uow.after_commit:
                callback()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """A read transaction."""
        with self._sessions() as session:
            yield session

    def write_now(self, use_case: Callable[[UnitOfWork], T]) -> T:
        """Run a use case in one write transaction in this thread."""
        with self.unit_of_work() as uow:
            return use_case(uow)

    def read_now(self, query: Callable[[Session], T]) -> T:
        """Run a query in one read transaction in this thread."""
        with self.reading() as session:
            return query(session)

    # async: one hop each
    async def write(self, use_case: Callable[[UnitOfWork], T]) -> T:
        """Run a use case in one write transaction in a writer thread. A cancelled caller does not cut it short."""
        return await asyncio.get_running_loop().run_in_executor(self._writers, self.write_now, use_case)

    async def read(self, query: Callable[[Session], T]) -> T:
        """Run a query in one read transaction in a reader thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, query)

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Run blocking work that is not a transaction (signing in bulk, parsing) in a reader thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, function, *args)

    async def forget(self) -> bool:
        """`forget_now` in the writer thread."""
        return await asyncio.get_running_loop().run_in_executor(self._writers, self.forget_now)

    def forget_now(self) -> bool:
        """What was deleted is overwritten in SQLite's file (`secure_delete`), but stays in its write-ahead log until that is used
        again: put all of the log into the file and cut it to nothing. Writers wait a second at most.

        Returns:
            False when readers held on to the log: try again later. True on PostgreSQL, whose log is not ours to cut.
        """
        if not self.sqlite:
            return True
        with self._turn or contextlib.nullcontext(), contextlib.closing(self.engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={FORGET_MS}")
            try:
                return bool(cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
            finally:
                cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")

    def close(self) -> None:
        """Finish what is running and close every connection."""
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self.engine.dispose()


class WriteTurn:
    """Whose turn it is to write to a SQLite file, among the processes of an instance.

    SQLite has one writer at a time and lets the others poll with growing pauses, up to 100 ms. A lock on a file beside the
    database wakes the next one at once. The next one waits holding a second lock, on which a process that has just had its
    turn waits in line behind it. Where files cannot be locked, SQLite's own way remains.
    """

    def __init__(self, database: Path) -> None:
        self._paths = (database.with_name(database.name + "-next"), database.with_name(database.name + "-turn"))
        self._held = threading.local()

    def __enter__(self) -> None:
        self._held.file = None
        waiting = self._lock(self._paths[0])
        try:
            self._held.file = self._lock(self._paths[1])
        finally:
            if waiting is not None:
                os.close(waiting)  # which also unlocks

    @staticmethod
    def _lock(path: Path) -> int | None:
        if not LOCKS:
            return None
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return None  # the database itself will say what is wrong with the folder
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            os.close(descriptor)
            return None
        return descriptor

    def __exit__(self, *_: object) -> None:
        if self._held.file is not None:
            os.close(self._held.file)
            self._held.file = None

    def wanted(self) -> bool:
        """Whether another process waits for its turn: then whoever writes in bulk makes room soon."""
        if not LOCKS or self._held.file is None:
            return False
        descriptor = os.open(self._paths[0], os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return False


class GroupCommit(Generic[Item, T]):
    """Many concurrent `await put(item)` become few transactions.

    `store(uow, items)` gets everything that waited while the previous transaction ran, and answers one result per item.
    When a group fails, its items are tried one by one, so that a bad one only fails its own caller.
    """

    def __init__(self, db: Database, store: Callable[[UnitOfWork, list[Item]], list[T]], *, linger: float = 0.0) -> None:
        """`linger`: seconds to wait for more before each transaction, for what nobody waits for."""
        self._db = db
        self._linger = linger
        self._store = store
        self._waiting: list[tuple[Item, asyncio.Future[T]]] = []
        self._task: asyncio.Task[None] | None = None

    async def put(self, item: Item) -> T:
        """Store one item; returns after the commit."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            if self._linger:
                await asyncio.sleep(self._linger)
            group, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
            try:
                results = await self._db.write(lambda uow, g=group: self._store(uow, [item for item, _ in g]))  # type: ignore[misc]
            except Exception as error:
                if len(group) == 1:
                    self._settle(group[0][1], error=error)
                    continue
                for item, future in group:
                    try:
                        result = (await self._db.write(lambda uow, i=item: self._store(uow, [i])))[0]  # type: ignore[misc]
                    except Exception as own:
                        self._settle(future, error=own)
                    else:
                        self._settle(future, result)
            else:
                for (_, future), result in zip(group, results, strict=True):
                    self._settle(future, result)

    @staticmethod
    def _settle(future: asyncio.Future[T], result: T | None = None, error: Exception | None = None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(cast("T", result))
