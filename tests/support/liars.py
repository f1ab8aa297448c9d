"""Servers whose people may be shown in videos, and which say what they like about it."""
from __future__ import annotations

import datetime as dt
import hashlib
import itertools
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedisora.activitypub.contexts import context_for
from fedisora.activitypub.digest import digest_multibase
from fedisora.activitypub.integrity_proofs import sign_document
from fedisora.activitypub.multibase import ed25519_multibase
from tests.hostile.scene import Peer, Scene, answer
from tests.support.instances import eventually, unique
from tests.support.remote import RemoteActor

OURS = "/api/fedisora/v1"
NOW = dt.datetime.now(dt.UTC)


def digest_of(data: bytes) -> str:
    """`digestMultibase` of some bytes."""
    return digest_multibase(hashlib.sha256(data).digest())


class Home(Peer):
    """A server that takes requests for cameos, made by hand: what it answers is for the test to say."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, Ed25519PrivateKey] = {}
        self.numbers = itertools.count(1)

    def subject(self, name: str = "sue", *, key: int = 0) -> RemoteActor:
        """Somebody who may be asked for their likeness."""
        found = self.actor(unique(name), key=key)
        proof = self.keys[found.uri] = Ed25519PrivateKey.generate()
        self.documents[f"/users/{found.name}"] |= {
            "cameoTerms": f"{found.uri}/cameo", "interactionPolicy": {"canCameo": {"automaticApproval": [], "manualApproval": [
                "https://www.w3.org/ns/activitystreams#Public"]}},
            "assertionMethod": [{"id": f"{found.uri}#ed25519", "type": "Multikey", "controller": found.uri,
                                 "publicKeyMultibase": ed25519_multibase(proof.public_key())}]}
        self.documents[f"/users/{found.name}/cameo"] = {
            "id": f"{found.uri}/cameo", "owner": found.uri, "mayAsk": True, "reason": "", "audience": "Everyone may ask.",
            "forbidden": "", "agents": False, "renders": True, "characters": []}
        return found

    def file(self, data: bytes, **more: Any) -> str:
        """Serve a file; its address."""
        path = f"/cameos/{next(self.numbers)}.mp4"
        self.answers[path] = answer(200, data, "video/mp4", **more)
        return f"{self.base}{path}"

    def stamp(self, signer: RemoteActor | None, document: dict[str, Any],
              keys: dict[str, Ed25519PrivateKey] | None = None) -> str:
        """Put a stamp at an address of this server, with somebody's proof or none; the address."""
        uri = f"{self.base}/stamps/{next(self.numbers)}"
        document = {"@context": context_for(document), "id": uri, "type": "LikenessAuthorization", **document}
        if signer is not None:
            document = sign_document(document, (keys or self.keys)[signer.uri], f"{signer.uri}#ed25519", NOW)
        self.documents[uri.removeprefix(self.base)] = document
        return uri


class Asked:
    """A request for a likeness that a local person has sent to somebody on another server."""

    def __init__(self, scene: Scene, home: Home, sue: RemoteActor, **more: Any) -> None:
        self.scene, self.home, self.sue = scene, home, sue
        self.job = scene.local.post(f"{OURS}/generations", prompt="she walks", likeness_of=f"@{sue.name}@{home.host}",
                                    intended_use="a film", accepts_terms=True, orientation="square", seconds=1, **more)["id"]
        ((uri,),) = scene.sql("SELECT uri FROM consent_requests WHERE generation_id = :job", job=int(self.job))
        self.uri = str(uri)
        eventually(lambda: [item for item in home.activities("LikenessRequest") if item["id"] == uri], what="asked")

    def state(self) -> tuple[str, str]:
        """(of the request, of what waits for it)"""
        ((request, job),) = self.scene.sql(
            "SELECT consent_requests.state, generations.state FROM consent_requests JOIN generations "
            "ON generations.id = consent_requests.generation_id WHERE consent_requests.uri = :uri", uri=self.uri)
        return str(request), str(job)

    def about(self) -> dict[str, Any]:
        return {"type": "LikenessRequest", "id": self.uri}

    def answer(self, kind: str, by: RemoteActor | None = None, **more: Any) -> dict[str, Any]:
        """An Accept or Reject."""
        return (by or self.sue).activity(kind, self.about(), **more)

    def offer(self, url: str, digest: str, by: RemoteActor | None = None, **video: Any) -> dict[str, Any]:
        who = by or self.sue
        return {**who.activity("Offer", {"type": "Video", "id": f"{who.uri}#drafts/1", "mediaType": "video/mp4", "url": url,
                                         "digestMultibase": digest, **video}), "target": self.uri}

    def becomes(self, *state: str) -> None:
        eventually(lambda: self.state() == state, what=f"{state}")
