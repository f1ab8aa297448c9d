"""What a backup of this instance consists of, and what must never be in one (docs/operate/backup.md).

A live clip is deleted with its decision; one in a backup would not be. So clips are left out, whatever tool makes the backup.
"""
from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from .services.verification.ledger import NAME as STATUS_INDEXES
from .settings import Settings
from .storage import Store, open_store
from .storage.private import CLIPS, LIKENESSES, SETTING

NEVER: Final = ("They are deleted with their decision, after 72 hours at the latest; in a backup they would stay. A backup of "
                "the database holds keys of clips that waited: with the files it would open them.")
REBUILT: Final = "It is made again when it is needed."
LEDGER: Final = ("It has to stay as it is when an older database is restored: it knows what was given and taken back since. "
                 "In another folder it is not needed.")
UNFINISHED: Final = "Parts of uploads that are not complete; their senders begin again."


@dataclass(frozen=True)
class Part:
    """One part of an instance.

    Attributes:
        name: what it is.
        where: path or address, without passwords.
        included: whether it belongs in a backup.
        why: what is lost without it, or why it must not be in a backup.
        bytes, files: None where only the service itself knows (PostgreSQL).
        sealed: keys of the files of the private storage, which are encrypted one by one.
    """

    name: str
    where: str
    included: bool
    why: str
    bytes: int | None = None
    files: int | None = None
    sealed: list[str] = field(default_factory=list)


def manifest(settings: Settings) -> list[Part]:
    """Every part of an instance, those that belong in a backup first. Reads sizes only; blocks.

    Raises:
        ConfigurationError: a storage cannot be used.
    """
    folder = settings.data_dir.absolute()
    private = open_store(settings.effective_private_url, SETTING)
    parts = [
        _database(settings),
        _file("secret.key", folder / "secret.key", "Every private key, credential and likeness is unreadable without it. Keep it "
              "apart from the database: together they open everything."),
        _file("settings", folder / "fedisora.toml", "Settings; those from the environment are not in it."),
        _store("media", settings.effective_storage_url, open_store(settings.effective_storage_url), "", "Posts without videos."),
        _store("likenesses", settings.effective_private_url, private, LIKENESSES, "People enrol their pictures again. Each file "
               "is encrypted; its key lies in the database, sealed under secret.key."),
        _store("live clips", settings.effective_private_url, private, CLIPS, NEVER, included=False),
        _file("cache", folder / "cache", REBUILT, included=False),
        _file("status indexes", folder / STATUS_INDEXES, LEDGER, included=False),
        _file("parts of uploads", folder / "uploads-part", UNFINISHED, included=False),
    ]
    known = {"secret.key", "fedisora.toml", "cache", "uploads-part", STATUS_INDEXES, "media", "private",
             *_database_files(settings)}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name not in known:
            parts.append(_file(path.name, path, "Something of the operator's own."))
    return sorted((part for part in parts if part.included or part.files != 0 or part.name == "live clips"),
                  key=lambda part: not part.included)


def as_json(parts: Iterable[Part]) -> dict[str, Any]:
    """The manifest for scripts."""
    rows = [asdict(part) for part in parts]
    return {"include": [row for row in rows if row["included"]], "exclude": [row for row in rows if not row["included"]]}


def _database_files(settings: Settings) -> list[str]:
    name = Path(urlsplit(settings.effective_database_url).path).name
    return [f"{name}{end}" for end in ("", "-wal", "-shm", "-journal", "-turn", "-next")]


def _database(settings: Settings) -> Part:
    url = settings.effective_database_url
    parts = urlsplit(url)
    why = "Everything is gone."
    if parts.scheme.startswith("sqlite"):
        path = Path(url.partition("///")[2])
        files = [path.with_name(path.name + end) for end in ("", "-wal") if path.with_name(path.name + end).exists()]
        return Part("database", str(path), True, why, sum(file.stat().st_size for file in files), len(files))
    host = parts.hostname or ""
    return Part("database", f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}", True, why)


def _file(name: str, path: Path, why: str, *, included: bool = True) -> Part:
    if path.is_dir():
        found = [Path(at) / file for at, _, files in os.walk(path) for file in files]
        return Part(name, str(path), included, why, sum(item.stat().st_size for item in found if item.is_file()), len(found))
    return Part(name, str(path), included, why, *((path.stat().st_size, 1) if path.is_file() else (0, 0)))


def _store(name: str, url: str, store: Store, kind: str, why: str, *, included: bool = True) -> Part:
    prefix = f"{kind}/" if kind else ""
    found = [item for item in store.list(prefix) if not kind or item.key.endswith(".sealed")]
    where = f"{url.rstrip('/')}/{kind}" if "://" in url else str(Path(url) / kind)
    return Part(name, where, included, why, sum(item.size for item in found),
                len(found), [item.key for item in found] if kind else [])
