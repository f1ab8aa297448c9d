"""Another implementation of eddsa-jcs-2022 (W3C VC Data Integrity EdDSA §3.3), by hand: nothing of ours is in it."""
from __future__ import annotations

import hashlib
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58(text: str) -> bytes:
    """Multibase base58btc, by hand."""
    assert text.startswith("z")
    number = 0
    for letter in text[1:]:
        number = number * 58 + ALPHABET.index(letter)
    return b"\0" * (len(text[1:]) - len(text[1:].lstrip("1"))) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def verify(document: dict[str, Any], issuer: dict[str, Any]) -> None:
    """Check a document's proof by the key that it names in its issuer's document.

    Raises:
        InvalidSignature: it does not fit.
    """
    plain = {name: value for name, value in document.items() if name != "proof"}
    options = {name: value for name, value in document["proof"].items() if name != "proofValue"}
    assert options["cryptosuite"] == "eddsa-jcs-2022" and options["proofPurpose"] == "assertionMethod"
    assert options["@context"] == document["@context"]
    (key,) = [key for key in issuer["assertionMethod"] if key["id"] == options["verificationMethod"]]
    raw = base58(key["publicKeyMultibase"])
    assert raw[:2] == b"\xed\x01"
    digest = hashlib.sha256(rfc8785.dumps(options)).digest() + hashlib.sha256(rfc8785.dumps(plain)).digest()
    Ed25519PublicKey.from_public_bytes(raw[2:]).verify(base58(document["proof"]["proofValue"]), digest)
