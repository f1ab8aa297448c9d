"""Keys of actors: RSA for HTTP signatures, Ed25519 for proofs (and HTTP signatures of peers that have them).

Parsing a private RSA key with all checks costs 31 ms, without them 0.01 ms: keys we made and sealed ourselves are not
checked again.
"""
from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from ..errors import Malformed
from .multibase import ed25519_from_multibase
from .parse import as_list, datetime_of, id_of, same_origin

PublicKey = RSAPublicKey | Ed25519PublicKey
PrivateKey = RSAPrivateKey | Ed25519PrivateKey

RSA_BITS = 2048
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
"""A larger modulus makes one verification slow enough to be an attack."""
MAX_RSA_EXPONENT_BITS = 33
MAX_PEM = 16_384
MAX_KEYS = 10
"""Keys read of one actor; real ones have one or two."""


def generate_rsa() -> RSAPrivateKey:
    """A new 2048-bit RSA key: what every server in the fediverse verifies."""
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)


def generate_ed25519() -> Ed25519PrivateKey:
    """A new Ed25519 key."""
    return Ed25519PrivateKey.generate()


def private_der(key: PrivateKey) -> bytes:
    """PKCS #8 DER, unencrypted: seal it before it is stored."""
    return key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def private_from_der(data: bytes, trusted: bool = True) -> PrivateKey:
    """The key of a PKCS #8 DER.

    Args:
        trusted: we made it ourselves, so RSA consistency need not be proven again.

    Raises:
        Malformed: not a private key, or of a type we do not use.
    """
    try:
        key = serialization.load_der_private_key(data, None, unsafe_skip_rsa_key_validation=trusted)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Malformed("This is not a private key.", cause=error) from None
    if isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        return key
    raise Malformed("Only RSA and Ed25519 keys are used.")


def public_pem(key: PublicKey | PrivateKey) -> str:
    """`publicKeyPem`: SubjectPublicKeyInfo in PEM (of a private key: its public half)."""
    public = key.public_key() if isinstance(key, RSAPrivateKey | Ed25519PrivateKey) else key
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def public_from_pem(pem: object) -> PublicKey:
    """The key of a `publicKeyPem` (SubjectPublicKeyInfo, or PKCS #1 as some servers write).

    Raises:
        Malformed: not a PEM, RSA outside 2048 to 8192 bits or with an odd exponent, or another key type.
    """
    if not isinstance(pem, str) or len(pem) > MAX_PEM:
        raise Malformed("A public key must be a short PEM text.")
    try:
        key = serialization.load_pem_public_key(pem.strip().encode("ascii"))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Malformed("This is not a public key in PEM.", cause=error) from None
    if isinstance(key, Ed25519PublicKey):
        return key
    if not isinstance(key, RSAPublicKey):
        raise Malformed("Only RSA and Ed25519 keys are accepted.")
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        raise Malformed(f"An RSA key must have {MIN_RSA_BITS} to {MAX_RSA_BITS} bits.")
    exponent = key.public_numbers().e
    if exponent < 3 or exponent % 2 == 0 or exponent.bit_length() > MAX_RSA_EXPONENT_BITS:
        raise Malformed("The exponent of this RSA key is not acceptable.")
    return key


@dataclass(frozen=True)
class NamedKey:
    """One key of an actor. `assertion`: a Multikey of its `assertionMethod`, which may also sign documents (FEP-521a)."""

    id: str
    key: PublicKey
    assertion: bool = False


def in_use(key: dict[str, Any], now: dt.datetime) -> bool:
    """Whether a Multikey may still sign: it is neither `revoked` nor past its `expires` (Controlled Identifiers §2.2)."""
    expires = datetime_of(key, "expires")
    return key.get("revoked") is None and (key.get("expires") is None or (expires is not None and now < expires))


def held(key: dict[str, Any], signed: dt.datetime | None, seen: dt.datetime | None) -> bool:
    """Whether what a Multikey signed counts.

    A replaced key (`expires`) vouches for what it signed before, as the proof says; of a worthless one (`revoked`) the proof's
    own date may be forged, so only what was here before counts.

    Args:
        key: the Multikey, or a stored `{"id", "multibase", "expires"?, "revoked"?}`.
        signed: the proof's `created`.
        seen: when the document came here; None: now.
    """
    if key.get("revoked") is not None:
        revoked = datetime_of(key, "revoked")
        return revoked is not None and seen is not None and seen < revoked
    if key.get("expires") is not None:
        expires = datetime_of(key, "expires")
        return expires is not None and signed is not None and signed <= expires
    return True


def keys_of(document: dict[str, Any], now: dt.datetime | None = None) -> dict[str, NamedKey]:
    """The usable keys of an actor's own document, by id: its `publicKey`s (RSA or Ed25519) and its Ed25519 Multikeys.

    A key counts when it names this actor as its owner and its id lies with the actor (a `publicKey` on the actor's origin, a
    Multikey in the actor's own document); what cannot be read is left out, and given `now`, so are former Multikeys.
    """
    uri = id_of(document)
    found: dict[str, NamedKey] = {}
    if uri is None:
        return found
    for item in as_list(document.get("publicKey"))[:MAX_KEYS]:
        key_id = id_of(item)
        if isinstance(item, dict) and key_id and item.get("owner", uri) == uri and same_origin(key_id, uri):
            try:
                found.setdefault(key_id, NamedKey(key_id, public_from_pem(item.get("publicKeyPem"))))
            except Malformed:
                continue  # another of the actor's keys may be usable
    for item in as_list(document.get("assertionMethod"))[:MAX_KEYS]:
        key_id = id_of(item)
        if (isinstance(item, dict) and item.get("type") == "Multikey" and item.get("controller") == uri
                and key_id is not None and key_id.partition("#")[0] == uri and (now is None or in_use(item, now))):
            try:
                found[key_id] = NamedKey(key_id, ed25519_from_multibase(item.get("publicKeyMultibase")), assertion=True)
            except Malformed:
                continue
    return found


def names_key(document: dict[str, Any], key_id: str) -> bool:
    """Whether an actor's document lists a key that has a document of its own."""
    return any(id_of(item) == key_id for item in as_list(document.get("publicKey"))[:MAX_KEYS])
