"""Issuers and holders of W3C Verifiable Credentials, with an independent implementation of eddsa-jcs-2022 and did:key."""
from __future__ import annotations

import datetime as dt
import gzip
import hashlib
from base64 import urlsafe_b64encode
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

V2 = "https://www.w3.org/ns/credentials/v2"
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def multibase(data: bytes) -> str:
    """base58btc with its `z`."""
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return "z" + "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def stamp(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Wallet:
    """A key with its did:key: somebody who issues or holds credentials."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.multibase = multibase(b"\xed\x01" + self.key.public_key().public_bytes_raw())
        self.did = f"did:key:{self.multibase}"
        self.method = f"{self.did}#{self.multibase}"

    def sign(self, document: dict[str, Any], *, method: str = "", now: dt.datetime, **options: Any) -> dict[str, Any]:
        """A copy with a proof; `method` when it is not the did:key's."""
        proof = {"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "proofPurpose": "assertionMethod",
                 "@context": document["@context"], "verificationMethod": method or self.method, "created": stamp(now), **options}
        data = hashlib.sha256(rfc8785.dumps(proof)).digest() + hashlib.sha256(rfc8785.dumps(document)).digest()
        return {**document, "proof": {**proof, "proofValue": multibase(self.key.sign(data))}}

    def present(self, credential: dict[str, Any], challenge: str | None, domain: str, now: dt.datetime,
                **options: Any) -> dict[str, Any]:
        """A presentation of one credential."""
        document = {"@context": [V2], "type": ["VerifiablePresentation"], "holder": self.did,
                    "verifiableCredential": [credential]}
        return self.sign(document, now=now, **{
            "proofPurpose": "authentication", "challenge": challenge, "domain": domain, **options})


def credential(issuer: str, subject: str, now: dt.datetime, /, **more: Any) -> dict[str, Any]:
    """A credential without proof, valid for a month; what is None is left out."""
    document = {"@context": [V2], "type": ["VerifiableCredential"], "issuer": issuer,
                "validFrom": stamp(now - dt.timedelta(days=1)), "validUntil": stamp(now + dt.timedelta(days=30)),
                "credentialSubject": {"id": subject, "person": True}, **more}
    return {name: value for name, value in document.items() if value is not None}


def status_list(url: str, issuer: str, now: dt.datetime, *revoked: int) -> dict[str, Any]:
    """A status list without proof."""
    bits = bytearray(131_072 // 8)
    for index in revoked:
        bits[index // 8] |= 0x80 >> index % 8
    encoded = "u" + urlsafe_b64encode(gzip.compress(bytes(bits))).rstrip(b"=").decode()
    return {"@context": [V2], "id": url, "type": ["VerifiableCredential", "BitstringStatusListCredential"], "issuer": issuer,
            "validFrom": stamp(now), "validUntil": stamp(now + dt.timedelta(days=7)),
            "credentialSubject": {"id": f"{url}#list", "type": "BitstringStatusList", "statusPurpose": "revocation",
                                  "encodedList": encoded}}


def status_entry(url: str, index: int) -> dict[str, Any]:
    """What a credential says about its place in a list."""
    return {"id": f"{url}#{index}", "type": "BitstringStatusListEntry", "statusPurpose": "revocation",
            "statusListIndex": str(index), "statusListCredential": url}
