"""base58btc and the multibase forms we use: Multikey public keys (FEP-521a) and multihash digests.

Sources: draft-msporny-base58, W3C Controlled Identifiers (Multikey, `z6Mk…` = 0xed01 ‖ 32 bytes).
"""
from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ..errors import Malformed

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
VALUES = {character: value for value, character in enumerate(ALPHABET)}
MAX_ENCODED = 1024
"""Longest text decoded. base58 costs the square of its length; a key has 48 characters, a signature 88."""

ED25519_PREFIX = b"\xed\x01"


def b58encode(data: bytes) -> str:
    """base58btc without the multibase `z`."""
    number, out = int.from_bytes(data, "big"), []
    while number:
        number, digit = divmod(number, 58)
        out.append(ALPHABET[digit])
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + "".join(reversed(out))


def b58decode(text: str) -> bytes:
    """Bytes of base58btc without the multibase `z`.

    Raises:
        Malformed: a character outside the alphabet, or longer than `MAX_ENCODED`.
    """
    if len(text) > MAX_ENCODED:
        raise Malformed("A base58 value is too long.")
    number = 0
    try:
        for character in text:
            number = number * 58 + VALUES[character]
    except KeyError:
        raise Malformed("A base58 value has a character that is not base58.") from None
    return b"\0" * (len(text) - len(text.lstrip("1"))) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def multibase_encode(data: bytes) -> str:
    """`z` + base58btc."""
    return "z" + b58encode(data)


def multibase_decode(text: object) -> bytes:
    """Bytes of a `z…` value.

    Raises:
        Malformed: not a string, another base, or not base58.
    """
    if not isinstance(text, str) or not text.startswith("z"):
        raise Malformed("A multibase value must be base58btc and start with z.")
    return b58decode(text[1:])


def ed25519_multibase(key: Ed25519PublicKey) -> str:
    """`publicKeyMultibase` of an Ed25519 key (`z6Mk…`)."""
    return multibase_encode(ED25519_PREFIX + key.public_bytes_raw())


def ed25519_from_multibase(text: object) -> Ed25519PublicKey:
    """The Ed25519 key of a `publicKeyMultibase`.

    Raises:
        Malformed: not base58btc, another key type, or the wrong length.
    """
    data = multibase_decode(text)
    if not data.startswith(ED25519_PREFIX) or len(data) != 34:
        raise Malformed("This is not an Ed25519 Multikey.")
    return Ed25519PublicKey.from_public_bytes(data[2:])
