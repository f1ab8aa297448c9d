"""Secrets at rest: private keys and nonces sealed with AES-256-GCM under the key file in the data dir.

Losing `secret.key` means losing every actor's identity: back it up together with the database. Parsed private keys are
cached, since parsing one RSA key costs 31 ms and signing with it 0.25 ms.
"""
from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from collections import OrderedDict
from pathlib import Path
from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .activitypub.keys import PrivateKey, private_from_der
from .errors import ConfigurationError

CACHED_KEYS = 4096


class Vault:
    """Seals and opens secrets under one 32-byte key."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise ConfigurationError("secret.key must hold exactly 32 bytes. Restore it from a backup.")
        self._aead = AESGCM(key)
        self._key = key
        self._cache: OrderedDict[bytes, PrivateKey] = OrderedDict()
        self._lock = Lock()

    @classmethod
    def open(cls, data_dir: Path) -> Vault:
        """Read `secret.key`, making it (mode 0600) on the first start.

        Raises:
            ConfigurationError: the folder is not writable or the file is damaged.
        """
        path = data_dir / "secret.key"
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                with contextlib.suppress(FileExistsError):  # another process made it a moment ago
                    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                    with os.fdopen(descriptor, "wb") as file:
                        file.write(secrets.token_bytes(32))
                        file.flush()
                        os.fsync(file.fileno())
            return cls(path.read_bytes())
        except OSError as error:
            raise ConfigurationError(f"{data_dir} cannot be used as data folder: {error.strerror}. Make it writable or set "
                                     "FEDISORA_DATA_DIR to another folder.", cause=error) from error

    def seal(self, plain: bytes, purpose: str) -> bytes:
        """Encrypt and authenticate; the same `purpose` is needed to open."""
        nonce = secrets.token_bytes(12)
        return nonce + self._aead.encrypt(nonce, plain, purpose.encode())

    def unseal(self, sealed: bytes, purpose: str) -> bytes:
        """Open what `seal` made.

        Raises:
            ConfigurationError: sealed under another key file, or damaged.
        """
        try:
            return self._aead.decrypt(sealed[:12], sealed[12:], purpose.encode())
        except InvalidTag as error:
            raise ConfigurationError("A stored key does not open with secret.key. Restore the key file that belongs to "
                                     "this database.", cause=error) from error

    def private_key(self, sealed: bytes) -> PrivateKey:
        """The parsed private key of a sealed PKCS#8 DER, cached."""
        with self._lock:
            key = self._cache.get(sealed)
            if key is not None:
                self._cache.move_to_end(sealed)
                return key
        key = private_from_der(self.unseal(sealed, "private key"))
        with self._lock:
            self._cache[sealed] = key
            if len(self._cache) > CACHED_KEYS:
                self._cache.popitem(last=False)
        return key

    def seal_key(self, der: bytes) -> bytes:
        """Seal a private key's PKCS#8 DER for `private_key`."""
        return self.seal(der, "private key")

    def mac(self, purpose: str, message: str) -> str:
        """A keyed digest (hex) for tokens that must not be guessable or interchangeable between purposes."""
        return hmac.new(self._key, f"{purpose}\0{message}".encode(), hashlib.sha256).hexdigest()


def instance_key(vault: Vault) -> bytes:
    """What this instance's watermarks are made and read with: 32 bytes that nobody else knows, the same as long as `secret.key`
    is. A new `secret.key` makes old marks unreadable."""
    return bytes.fromhex(vault.mac("watermark", "1"))
