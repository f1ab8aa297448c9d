"""A made-up remote actor that signs like a real one, with an independent implementation of the signature."""
from __future__ import annotations

import base64
import functools
import hashlib
import json
import secrets
import time
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

AS2 = "https://www.w3.org/ns/activitystreams"


@functools.cache
def key_number(number: int) -> rsa.RSAPrivateKey:
    """A few keys shared by all made-up actors: making them is slow."""
    return rsa.generate_private_key(65537, 2048)


class RemoteActor:
    """An actor on some server; `send` delivers a signed activity (draft-cavage)."""

    def __init__(self, base: str, name: str, *, key: int = 0) -> None:
        self.base = base
        self.name = name
        self.uri = f"{base}/users/{name}"
        self.key = key_number(key)
        self.key_id = f"{self.uri}#main-key"

    def document(self) -> dict[str, Any]:
        """The actor's own document."""
        pem = self.key.public_key().public_bytes(serialization.Encoding.PEM,
                                                 serialization.PublicFormat.SubjectPublicKeyInfo).decode()
        return {"@context": [AS2, "https://w3id.org/security/v1"], "id": self.uri, "type": "Person",
                "preferredUsername": self.name, "inbox": f"{self.uri}/inbox", "outbox": f"{self.uri}/outbox",
                "followers": f"{self.uri}/followers", "url": self.uri,
                "publicKey": {"id": self.key_id, "owner": self.uri, "publicKeyPem": pem}}

    def activity(self, kind: str, target: Any, **more: Any) -> dict[str, Any]:
        """A minimal activity of this actor."""
        return {"@context": AS2, "id": f"{self.uri}#{kind}/{secrets.token_hex(6)}", "type": kind, "actor": self.uri,
                "object": target, **more}

    def headers(self, url: str, body: bytes, *, age: float = 0, extra: dict[str, str] | None = None) -> dict[str, str]:
        """Headers of a signed POST, dated `age` seconds ago; `extra` ones are covered too."""
        parts = urlsplit(url)
        values = {"(request-target)": f"post {parts.path}", "host": parts.netloc,
                  "date": formatdate(time.time() - age, usegmt=True),
                  "digest": "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode(),
                  "content-type": "application/activity+json",
                  **{name.lower(): value for name, value in (extra or {}).items()}}
        text = "\n".join(f"{name}: {value}" for name, value in values.items())
        signature = base64.b64encode(self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
        return {"Host": values["host"], "Date": values["date"], "Digest": values["digest"],
                "Content-Type": values["content-type"], **(extra or {}),
                "Signature": f'keyId="{self.key_id}",algorithm="rsa-sha256",headers="{" ".join(values)}",'
                             f'signature="{signature}"'}

    def get(self, url: str, accept: str = "application/activity+json") -> httpx.Response:
        """A signed GET."""
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        values = {"(request-target)": f"get {target}", "host": parts.netloc, "date": formatdate(time.time(), usegmt=True)}
        text = "\n".join(f"{name}: {value}" for name, value in values.items())
        signature = base64.b64encode(self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
        return httpx.get(url, timeout=30, headers={
            "Host": values["host"], "Date": values["date"], "Accept": accept,
            "Signature": f'keyId="{self.key_id}",algorithm="rsa-sha256",headers="{" ".join(values)}",signature="{signature}"'})

    def send(self, url: str, activity: dict[str, Any], *, extra: dict[str, str] | None = None) -> httpx.Response:
        """Deliver an activity."""
        body = json.dumps(activity).encode()
        return httpx.post(url, content=body, headers=self.headers(url, body, extra=extra), timeout=30)
