"""Sealed files that never leave this instance: live clips and the pictures of likenesses.

Each file has a key of its own (AES-256-GCM); the key lies, itself sealed under `secret.key`, in the database. So neither a
copy of the files nor a copy of the database shows anything, and what lost its key is gone even where its bytes are not.
"""
from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..errors import ConfigurationError, FedisoraError
from ..vault import Vault
from .store import LocalStore, Store, Stored, open_store

CLIPS, LIKENESSES = "clips", "likenesses"
KINDS = (CLIPS, LIKENESSES)
PURPOSE = "private file"
SETTING = "FEDISORA_PRIVATE_STORAGE_URL"
CACHEDIR = "Signature: 8a477f597d28d172789f06886806bc55\n# Live clips are never backed up. See bford.info/cachedir.\n"
"""CACHEDIR.TAG: programs that make backups (borg, restic, tar) leave such folders out when they are told to."""


@dataclass(frozen=True)
class Sealed:
    """A stored file. `secret` is its sealed key, for the database; `digest` the SHA-256 (hex) of the sealed bytes."""

    key: str
    secret: bytes
    digest: str
    size: int


class PrivateStore:
    """Files by key, each sealed with a key of its own. All methods block: call them in a thread."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    def put(self, kind: str, row_id: int, data: bytes, scratch: Path) -> Sealed:
        """Seal and store bytes; `kind` is one of `KINDS`, `scratch` a folder for the write."""
        if kind not in KINDS:
            raise ValueError(f"{kind} is not a kind of private file")
        own, nonce = AESGCM.generate_key(bit_length=256), secrets.token_bytes(12)
        key = f"{kind}/{row_id}-{secrets.token_hex(8)}.sealed"
        sealed = nonce + AESGCM(own).encrypt(nonce, data, key.encode())
        if kind == CLIPS:
            self._tag()
        self._store.put_bytes(key, sealed, scratch)
        return Sealed(key, self._vault.seal(own, PURPOSE), hashlib.sha256(sealed).hexdigest(), len(data))

    def get(self, key: str, secret: bytes) -> bytes:
        """The bytes of a file.

        Raises:
            NotFound: it is gone.
            FedisoraError: it was changed, or is another's.
        """
        sealed = self._store.read(key)
        try:
            return AESGCM(self._vault.unseal(secret, PURPOSE)).decrypt(sealed[:12], sealed[12:], key.encode())
        except InvalidTag as error:
            raise FedisoraError(cause=f"the private file {key} does not open with its key") from error

    def delete(self, key: str) -> None:
        """Remove a file; a missing one is no error."""
        self._store.delete([key])

    def exists(self, key: str) -> bool:
        """Whether the sealed file is still there."""
        return any(found.key == key for found in self._store.list(key))

    def keys(self, kind: str) -> list[str]:
        """Every file of a kind."""
        return [found.key for found in self.files(kind)]

    def files(self, kind: str) -> list[Stored]:
        """Every file of a kind, with its size (sealed) and when it was written; not the tag of the folder."""
        return [found for found in self._store.list(f"{kind}/") if found.key.endswith(".sealed")]

    def sweep_partial(self, before: dt.datetime) -> int:
        """Remove what a killed process left half written (sealed as well) before a moment; how many files that were."""
        return self._store.sweep_partial(before)

    def _tag(self) -> None:
        if isinstance(self._store, LocalStore):
            folder = self._store.root / CLIPS
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            tag = folder / "CACHEDIR.TAG"
            if not tag.exists():
                tag.write_text(CACHEDIR)


def open_private(url: str, vault: Vault, served: str = "") -> PrivateStore:
    """The private storage at an address (FEDISORA_PRIVATE_STORAGE_URL).

    Args:
        served: address of the storage whose files anybody may get.

    Raises:
        ConfigurationError: it cannot be used, or lies in what is served.
    """
    store = open_store(url, SETTING)
    public = open_store(served) if served and ("://" not in served or served.startswith("file://")) else None
    inside = bool(served) and f"{url.rstrip('/')}/".startswith(f"{served.rstrip('/')}/")  # of one bucket
    if inside or (isinstance(store, LocalStore) and isinstance(public, LocalStore)
                  and store.root.resolve().is_relative_to(public.root.resolve())):
        raise ConfigurationError("FEDISORA_PRIVATE_STORAGE_URL lies in the storage that is served. Choose another folder or "
                                 "bucket.")
    if isinstance(store, LocalStore):
        with contextlib.suppress(OSError):  # another's folder: its owner says who may read it
            store.root.chmod(0o700)
    return PrivateStore(store, vault)
