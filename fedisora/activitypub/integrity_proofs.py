"""FEP-8b32 object integrity proofs with the cryptosuite eddsa-jcs-2022 (W3C VC Data Integrity EdDSA §3.3).

`proof.@context` is the document's own array, so the proof fits only this document under these definitions.
"""
from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ..errors import BadSignature, Malformed
from .multibase import multibase_decode, multibase_encode
from .parse import datetime_of

CRYPTOSUITE = "eddsa-jcs-2022"
MAX_PROOFS = 10
_KIND = {"type": "DataIntegrityProof", "cryptosuite": CRYPTOSUITE, "proofPurpose": "assertionMethod"}


def _hash(document: dict[str, Any], options: dict[str, Any]) -> bytes:
    """SHA-256 of the canonical proof options, then of the canonical document without its proof."""
    plain = {name: value for name, value in document.items() if name != "proof"}
    try:
        return hashlib.sha256(rfc8785.dumps(options)).digest() + hashlib.sha256(rfc8785.dumps(plain)).digest()
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeError, TypeError) as error:
        raise Malformed("This document cannot be canonicalised (RFC 8785).", cause=error) from None


def sign_document(document: dict[str, Any], key: Ed25519PrivateKey, verification_method: str, created: dt.datetime,
                  ) -> dict[str, Any]:
    """A copy of the document with a `proof` (one that it already has is replaced).

    Args:
        verification_method: id of the Multikey in the signer's `assertionMethod`.
        created: aware; written in whole seconds of UTC.

    Raises:
        Malformed: the document has no `@context`, or a number that JCS cannot write (integers above 2^53).
    """
    if not document.get("@context"):
        raise Malformed("A document without @context cannot be signed.")
    options = {"@context": document["@context"], **_KIND, "verificationMethod": verification_method,
               "created": created.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    plain = {name: value for name, value in document.items() if name != "proof"}
    return {**plain, "proof": {**options, "proofValue": multibase_encode(key.sign(_hash(plain, options)))}}


def _proof_of(document: dict[str, Any]) -> dict[str, Any] | None:
    """The document's proof; of several (a proof set: one per key or cryptosuite) the first of our kind."""
    proof = document.get("proof")
    if isinstance(proof, list):
        proof = next((item for item in proof[:MAX_PROOFS]
                      if isinstance(item, dict) and item.get("cryptosuite") == CRYPTOSUITE), None)
    return proof if isinstance(proof, dict) else None


def verification_method_of(document: dict[str, Any]) -> str | None:
    """Id of the key that a document's proof names; None when it carries no proof of our kind."""
    proof = _proof_of(document)
    if proof is None or proof.get("cryptosuite") != CRYPTOSUITE:
        return None
    method = proof.get("verificationMethod")
    return method if isinstance(method, str) and method else None


def proof_option(document: dict[str, Any], name: str) -> object:
    """What a document's proof says besides the usual: its `challenge` or `domain`."""
    return (_proof_of(document) or {}).get(name)


def proof_created(document: dict[str, Any]) -> dt.datetime | None:
    """When a document's proof says that it was made; None when it does not say."""
    proof = _proof_of(document)
    return datetime_of(proof, "created") if proof is not None else None


def verify_document(document: dict[str, Any], key: Ed25519PublicKey, now: dt.datetime | None = None, *,
                    purpose: str = "assertionMethod") -> None:
    """Check that the document's proof was made over exactly this document with `key`.

    Whose key it is, and whether they may say this, is the caller's question.

    Args:
        now: given, a proof whose `expires` has passed does not hold.
        purpose: what the proof has to be for: `authentication` for a presentation.

    Raises:
        BadSignature: no proof, another kind, purpose or `@context`, expired, or it does not fit.
    """
    proof = _proof_of(document)
    if proof is None:
        raise BadSignature("The document carries no proof.")
    if any(proof.get(name) != value for name, value in {**_KIND, "proofPurpose": purpose}.items()):
        raise BadSignature("The proof is of another kind, cryptosuite or purpose.")
    if not isinstance(proof.get("verificationMethod"), str):
        raise BadSignature("The proof names no key.")
    if "@context" in proof and proof["@context"] != document.get("@context"):
        raise BadSignature("The proof is for another @context.")
    if now is not None and "expires" in proof:
        expires = datetime_of(proof, "expires")
        if expires is None or expires < now:
            raise BadSignature("The proof has expired.")
    options = {name: item for name, item in proof.items() if name != "proofValue"}
    try:
        key.verify(multibase_decode(proof.get("proofValue")), _hash(document, options))
    except (InvalidSignature, Malformed) as error:
        raise BadSignature("The proof does not fit the document.", cause=error) from None
