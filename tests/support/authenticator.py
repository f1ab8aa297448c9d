"""An authenticator in software: makes passkeys and signs with them (WebAuthn level 3), honestly or as told."""
from __future__ import annotations

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec


def coded(data: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Bytes of base64url."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """One passkey on one device."""

    def __init__(self, origin: str, rp_id: str, *, verifies: bool = True) -> None:
        self.origin, self.rp_id, self.verifies = origin, rp_id, verifies
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(16)
        self.count = 0

    def _data(self, flags: int, more: bytes = b"") -> bytes:
        self.count += 1
        return (hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags | 1 | (4 if self.verifies else 0)])
                + self.count.to_bytes(4) + more)

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def make(self, options: dict[str, Any]) -> dict[str, Any]:
        """RegistrationResponseJSON."""
        public = self.key.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: public.x.to_bytes(32), -3: public.y.to_bytes(32)})
        data = self._data(0x40, bytes(16) + len(self.id).to_bytes(2) + self.id + cose)
        return {"id": coded(self.id), "rawId": coded(self.id), "type": "public-key", "clientExtensionResults": {}, "response": {
            "clientDataJSON": coded(self._client("webauthn.create", options["challenge"])), "transports": ["internal"],
            "attestationObject": coded(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data}))}}

    def sign(self, options: dict[str, Any]) -> dict[str, Any]:
        """AuthenticationResponseJSON."""
        client, data = self._client("webauthn.get", options["challenge"]), self._data(0)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return {"id": coded(self.id), "rawId": coded(self.id), "type": "public-key", "clientExtensionResults": {}, "response": {
            "clientDataJSON": coded(client), "authenticatorData": coded(data), "signature": coded(signature), "userHandle": None}}
