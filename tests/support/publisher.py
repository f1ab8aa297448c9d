"""Another server that signs its posts and files as the vocabulary says: actor, certificates, revocation list, files."""
from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedisora.activitypub.integrity_proofs import sign_document
from fedisora.activitypub.multibase import ed25519_multibase
from fedisora.models import RevokedCertificate
from fedisora.provenance.digital_source import ALGORITHMIC
from fedisora.serializers.activitypub import revocations
from tests.hostile.scene import Peer, answer
from tests.support.remote import AS2, RemoteActor
from tests.support.signed import Issuer, digest_of, sign

PEM = "application/pem-certificate-chain"
CONTEXT = [AS2, {"fs": "https://w3id.org/fedisora/v1#"}]


class Publisher(Peer):
    """Use as a context manager, like any `Peer`."""

    def __init__(self) -> None:
        super().__init__()
        self.issuer = Issuer(self.host, scheme="http")
        self.anchors = self.issuer.anchors
        self._keys: dict[str, Ed25519PrivateKey] = {}
        self.instance = self._actor("system")
        self.ada = self._actor("ada")
        self.leaf = self.issuer.leaf("ada")
        self.publish_anchors()
        self.revoke()

    def _actor(self, name: str) -> RemoteActor:
        actor = self.actor(name)
        key = self._keys[actor.uri] = Ed25519PrivateKey.generate()
        self.documents[f"/users/{name}"] |= {
            "signingCertificates": f"{self.base}/c2pa.pem", "assertionMethod": [
                {"id": f"{actor.uri}#ed25519", "type": "Multikey", "controller": actor.uri,
                 "publicKeyMultibase": ed25519_multibase(key.public_key())}]}
        return actor

    def proven(self, actor: RemoteActor, document: dict[str, Any]) -> dict[str, Any]:
        """A document with its author's proof."""
        return sign_document(document, self._keys[actor.uri], f"{actor.uri}#ed25519", dt.datetime.now(dt.UTC))

    def publish_anchors(self, status: int = 200) -> None:
        """Serve the anchors, or refuse to."""
        self.answers["/c2pa.pem"] = answer(status, self.anchors.encode(), PEM)

    def revoke(self, *serials: str, status: int = 200) -> None:
        """Serve a list of revoked certificates."""
        now = dt.datetime.now(dt.UTC)
        rows = [RevokedCertificate(serial=serial, since=now, reason="keyCompromise") for serial in serials]
        listed = revocations.to_activitypub(rows, self.instance.uri, now)
        self.answers["/.well-known/fedisora-revoked"] = answer(
            status, self.proven(self.instance, {"@context": CONTEXT, **listed}), "application/json")

    def serve(self, name: str, path: Path) -> str:
        """Serve a file; its address."""
        self.answers[f"/{name}"] = answer(200, path.read_bytes(), "video/mp4")
        return f"{self.base}/{name}"

    def attachment(self, number: int, path: Path, **more: Any) -> dict[str, Any]:
        """A video attachment with its record, served with its sidecar."""
        sidecar = self.serve(f"{number}.c2pa", Path(f"{path}.c2pa")) if Path(f"{path}.c2pa").exists() else None
        record = {"type": "ProvenanceRecord", "id": f"{self.base}/records/{number}", "digestMultibase": digest_of(path),
                  "digitalSourceType": ALGORITHMIC, **({"manifest": sidecar} if sidecar else {})}
        return {"type": "Video", "mediaType": "video/mp4", "url": self.serve(f"{number}.mp4", path),
                "digestMultibase": digest_of(path), "digitalSourceType": ALGORITHMIC, "provenance": record, **more}

    def post(self, number: int, attachment: dict[str, Any], *, kind: str = "statuses", **more: Any) -> dict[str, Any]:
        """A post of Ada's with a proof, served at its id."""
        note = {"@context": CONTEXT, "id": f"{self.ada.uri}/{kind}/{number}", "type": "Note", "attributedTo": self.ada.uri,
                "content": "<p>made</p>", "published": "2026-11-20T00:00:00Z", "to": [f"{AS2}#Public"],
                "cc": [f"{self.ada.uri}/followers"], "attachment": [attachment], **more}
        note = self.proven(self.ada, note)
        self.documents[urlsplit(note["id"]).path] = note
        return note

    def signed(self, source: Path, target: Path, number: int, **changes: Any) -> Path:
        """A file signed for Ada's post of this number."""
        return sign(source, target, self.leaf, self.issuer.record("ada", number, **changes))
