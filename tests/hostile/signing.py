"""Signed requests with anything wrong about them, made without the code under test."""
from __future__ import annotations

import base64
import hashlib
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.support.remote import RemoteActor

USUAL = ("(request-target)", "host", "date", "digest", "content-type")
Headers = list[tuple[str, str]]


def sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def raw_signature(key: Any, message: bytes) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    else:
        signature = key.sign(message)
    return base64.b64encode(signature).decode()


@dataclass
class Cavage:
    """A draft-cavage signature; every field left out is what a well-behaved sender writes."""

    covered: tuple[str, ...] = USUAL
    algorithm: str = "rsa-sha256"
    key_id: str = ""
    key: Any = None
    method: str = "post"
    target: str = ""
    """What is signed as (request-target), when not the truth."""
    signed_host: str = ""
    date: str = ""
    age: float = 0
    digest: str | None = ""
    """The Digest header; "" for the right one, None for none."""
    created: int | None = None
    expires: int | None = None
    more: dict[str, str] = field(default_factory=dict)
    """Headers sent beside the usual ones; covered when named."""
    absent: tuple[str, ...] = ()
    """Covered headers that are not sent: signed as if empty."""
    parameters: str = ""
    """Put before the Signature header's own parameters."""
    after: str = ""

    def headers(self, actor: RemoteActor, url: str, body: bytes) -> Headers:
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        values = {"(request-target)": f"{self.method} {self.target or path}", "host": self.signed_host or parts.netloc,
                  "date": self.date or formatdate(time.time() - self.age, usegmt=True),
                  "digest": f"SHA-256={sha256(body)}" if self.digest == "" else self.digest or "",
                  "content-type": "application/activity+json",
                  "(created)": str(self.created), "(expires)": str(self.expires), **self.more,
                  **dict.fromkeys(self.absent, "")}
        text = "\n".join(f"{name}: {values[name]}" for name in self.covered)
        signature = raw_signature(self.key or actor.key, text.encode())
        times = "".join(f",{name}={value}" for name, value in (("created", self.created), ("expires", self.expires))
                        if value is not None)
        header = (f'{self.parameters}keyId="{self.key_id or actor.key_id}",algorithm="{self.algorithm}"{times},'
                  f'headers="{" ".join(self.covered)}",signature="{signature}"{self.after}')
        sent = [("Host", parts.netloc), ("Date", values["date"]), ("Content-Type", values["content-type"]),
                *self.more.items(), ("Signature", header)]
        return sent if self.digest is None else [*sent, ("Digest", values["digest"])]


@dataclass
class Rfc9421:
    """An RFC 9421 signature; every field left out is what a well-behaved sender writes."""

    covered: tuple[str, ...] = ("@method", "@target-uri", "content-digest")
    key_id: str = ""
    key: Any = None
    algorithm: str | None = "rsa-v1_5-sha256"
    age: float = 0
    created: bool = True
    label: str = "sig1"
    signature_label: str = ""
    digest: str = ""
    more: dict[str, str] = field(default_factory=dict)
    broken: bool = False

    def member(self, actor: RemoteActor, url: str, body: bytes) -> tuple[str, str, str]:
        """(value in Signature-Input, value in Signature, Content-Digest)"""
        digest = self.digest or f"sha-256=:{sha256(body)}:"
        values = {"@method": "POST", "@target-uri": url, "@authority": urlsplit(url).netloc, "@path": urlsplit(url).path,
                  "content-digest": digest, **self.more}
        params = "(" + " ".join(f'"{name}"' for name in self.covered) + ")"
        if self.created:
            params += f";created={int(time.time() - self.age)}"
        params += f';keyid="{self.key_id or actor.key_id}"' + (f';alg="{self.algorithm}"' if self.algorithm else "")
        base = "".join(f'"{name}": {values[name]}\n' for name in self.covered) + f'"@signature-params": {params}'
        signature = raw_signature(self.key or actor.key, base.encode() + (b"!" if self.broken else b""))
        return f"{self.label}={params}", f"{self.signature_label or self.label}=:{signature}:", digest

    def headers(self, actor: RemoteActor, url: str, body: bytes) -> Headers:
        given, signature, digest = self.member(actor, url, body)
        return [("Host", urlsplit(url).netloc), ("Content-Type", "application/activity+json"), ("Content-Digest", digest),
                *self.more.items(), ("Signature-Input", given), ("Signature", signature)]
