"""The vault: sealed under one key and purpose, made once with mode 0600, clear when it does not fit."""
from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fedisora.activitypub.keys import generate_ed25519, private_der
from fedisora.errors import ConfigurationError
from fedisora.vault import Vault


def test_sealed_opens_again_and_only_for_its_purpose(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path)
    sealed = vault.seal(b"secret", "nonce")
    assert b"secret" not in sealed
    assert Vault.open(tmp_path).unseal(sealed, "nonce") == b"secret"
    with pytest.raises(ConfigurationError):
        vault.unseal(sealed, "other")


def test_another_key_file_is_told(tmp_path: Path) -> None:
    sealed = Vault.open(tmp_path / "a").seal(b"x", "p")
    with pytest.raises(ConfigurationError, match=r"secret\.key"):
        Vault.open(tmp_path / "b").unseal(sealed, "p")


def test_the_key_file_is_private(tmp_path: Path) -> None:
    Vault.open(tmp_path)
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


def test_a_damaged_key_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_bytes(b"short")
    with pytest.raises(ConfigurationError, match="32 bytes"):
        Vault.open(tmp_path)


def test_private_keys_are_parsed_once(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path)
    sealed = vault.seal_key(private_der(generate_ed25519()))
    assert vault.private_key(sealed) is vault.private_key(sealed)


def test_macs_differ_by_purpose(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path)
    assert vault.mac("a", "x") != vault.mac("b", "x")
