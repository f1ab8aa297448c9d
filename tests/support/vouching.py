"""Servers that vouch for people: instance actors, credentials and status lists, with every way to get one wrong."""
from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Collection, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedisora.activitypub.integrity_proofs import sign_document
from fedisora.activitypub.multibase import ed25519_multibase
from fedisora.provenance import credentials
from fedisora.provenance.record import timestamp

from .remote import RemoteActor
from .world import World

LIST_CONTEXT = [credentials.CREDENTIALS_V2]


class Server(World):
    """A server with an instance actor that vouches; answers can be of any status, type and size."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        super().__init__(address)
        self.kinds: dict[str, str] = {}
        """Path → Content-Type."""
        self.statuses: dict[str, int] = {}
        self.bodies: dict[str, bytes] = {}
        self.moved: dict[str, str] = {}
        """Path → where it redirects to."""
        self.silent = False
        """Everything is answered with 503."""
        self.numbers = itertools.count(1)
        self.key = Ed25519PrivateKey.generate()
        self.instance = self.actor("instance")
        self.issuer = self.instance.uri
        self.documents["/users/instance"]["type"] = "Application"
        self.publish_key()

    def publish_key(self, *former: Mapping[str, Any]) -> None:
        """List the instance actor's present key, and former ones."""
        self.documents["/users/instance"]["assertionMethod"] = [
            {"id": f"{self.issuer}#proof", "type": "Multikey", "controller": self.issuer,
             "publicKeyMultibase": ed25519_multibase(self.key.public_key())}, *former]

    def sign(self, document: dict[str, Any], *, key: Ed25519PrivateKey | None = None, method: str = "",
             at: dt.datetime | None = None) -> dict[str, Any]:
        """A document with a proof, by default of the instance actor, now."""
        return sign_document(document, key or self.key, method or f"{self.issuer}#proof", at or dt.datetime.now(dt.UTC))

    def person(self, name: str, *attestation: str, kind: str | None = "fs:Human", type: str = "Person") -> RemoteActor:
        """An actor that names credentials."""
        found = self.actor(name)
        self.documents[f"/users/{name}"] |= {"type": type, "attestation": list(attestation)} | (
            {"actorKind": kind} if kind else {})
        return found

    def credential(self, subject: str, *, path: str = "", index: int = 5, start: dt.datetime | None = None,
                   days: float = 90, status_list: str = "/lists/1", changes: Mapping[str, Any] | None = None,
                   **proof: Any) -> str:
        """Put a credential about somebody here; its address."""
        path, now = path or f"/credentials/{next(self.numbers)}", dt.datetime.now(dt.UTC)
        begin = start or now - dt.timedelta(days=1)
        document = credentials.build_credential(
            credential_id=f"{self.base}{path}", issuer=self.issuer, subject=subject, method="fs:LiveClipReviewed",
            start=begin, end=begin + dt.timedelta(days=days), status_list=f"{self.base}{status_list}", status_index=index)
        self.documents[path] = self.sign({**document, **(changes or {})}, **proof)
        self.kinds.setdefault(path, "application/vc")
        if status_list not in self.documents:
            self.status_list(path=status_list)
        return f"{self.base}{path}"

    def status_list(self, revoked: Collection[int] = (), *, path: str = "/lists/1", days: float = 7,
                    about: Mapping[str, Any] | None = None, changes: Mapping[str, Any] | None = None, **proof: Any) -> str:
        """Put (or replace) a status list here; its address."""
        now, url = dt.datetime.now(dt.UTC), f"{self.base}{path}"
        document = {
            "@context": LIST_CONTEXT, "id": url, "type": ["VerifiableCredential", "BitstringStatusListCredential"],
            "issuer": self.issuer, "validFrom": timestamp(now - dt.timedelta(days=1)),
            "validUntil": timestamp(now + dt.timedelta(days=days)),
            "credentialSubject": {"id": f"{url}#list", "type": "BitstringStatusList", "statusPurpose": "revocation",
                                  "encodedList": credentials.encode_list(revoked), **(about or {})}, **(changes or {})}
        self.documents[path] = self.sign(document, **proof)
        self.kinds[path] = "application/vc"
        return url

    def asked(self, path: str) -> int:
        """How often a path was asked for."""
        return self.requests.count(path)

    def answer_get(self, handler: BaseHTTPRequestHandler) -> None:
        path = urlsplit(handler.path).path
        status = 503 if self.silent else self.statuses.get(path)
        if path in self.moved or status is not None or path in self.bodies or (path in self.kinds and path not in self.gone):
            self.requests.append(handler.path)
            body = self.bodies.get(path) or json.dumps(self.documents.get(path, {})).encode()
            handler.send_response(302 if path in self.moved else status or 200)
            if path in self.moved:
                handler.send_header("Location", self.moved[path])
            handler.send_header("Content-Type", self.kinds.get(path, "application/json"))
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
            return
        super().answer_get(handler)
