"""Making a local actor: its row and its three keys (HTTP signatures, document proofs, C2PA)."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ..activities import update
from ..activitypub import keys as crypto
from ..activitypub.multibase import ed25519_multibase
from ..db import UnitOfWork
from ..models import Actor, ActorKey
from ..provenance import certificates
from ..store import keys as key_rows


@dataclass(frozen=True)
class NewKeys:
    """Freshly made private keys. Making an RSA key takes about 0.1 s: do it outside the transaction."""

    http: RSAPrivateKey
    proof: Ed25519PrivateKey
    c2pa: Ed25519PrivateKey


def new_keys() -> NewKeys:
    """RSA-2048 for HTTP signatures, Ed25519 for document proofs and for C2PA."""
    return NewKeys(crypto.generate_rsa(), crypto.generate_ed25519(), crypto.generate_ed25519())


def create(uow: UnitOfWork, keys: NewKeys, *, username: str, uri: str, url: str, **columns: Any) -> Actor:
    """Insert a local actor and its sealed keys. The C2PA leaf comes with `issue_leaf`."""
    uris = uow.uris
    actor = Actor(
        id=uow.new_id(), uri=uri, url=url, username=username, username_key=username.lower(), domain="",
        inbox=uris.inbox(uri), shared_inbox=uris.shared_inbox, outbox=uris.outbox(uri), followers_uri=uris.followers(uri),
        following_uri=uris.following(uri), featured_uri=uris.featured(uri), key_id=uris.main_key(uri),
        public_key_pem=crypto.public_pem(keys.http),
        assertion_keys=[{"id": uris.proof_key(uri), "multibase": ed25519_multibase(keys.proof.public_key())}],
        signing_certificates=uris.certificates, created_at=uow.now, updated_at=uow.now, **columns)
    uow.session.add(actor)
    for use, key in (("http", keys.http), ("proof", keys.proof)):
        uow.session.add(ActorKey(id=uow.new_id(), actor_id=actor.id, use=use,
                                 sealed=uow.vault.seal_key(crypto.private_der(key)), created_at=uow.now))
    uow.session.flush()
    return actor


def replace_http_key(uow: UnitOfWork, actor: Actor, key: RSAPrivateKey) -> None:
    """Give a local actor a new key for HTTP requests under its old id, retire the old one, and tell its followers' servers.

    The Update is signed with the new key: servers fetch the actor again when a signature does not hold.
    """
    generation = key_rows.retire(uow, actor, "http")
    uow.session.add(ActorKey(id=uow.new_id(), actor_id=actor.id, use="http", generation=generation,
                             sealed=uow.vault.seal_key(crypto.private_der(key)), created_at=uow.now))
    actor.public_key_pem, actor.updated_at = crypto.public_pem(key), uow.now
    uow.session.flush()
    update.send_actor(uow, actor)


def issue_leaf(uow: UnitOfWork, actor: Actor, key: Ed25519PrivateKey, issuer: certificates.Issued) -> None:
    """Give an actor its C2PA key with a leaf certificate of the instance (CN @name@host, ten years), and retire the one that it
    had: what that one signed keeps verifying, since verifiers need only the instance's roots."""
    _, leaf = certificates.create_leaf(f"@{actor.username}@{uow.uris.host}", uow.uris.host, issuer, uow.now, key)
    generation = key_rows.retire(uow, actor, "c2pa")
    uow.session.add(ActorKey(id=uow.new_id(), actor_id=actor.id, use="c2pa", generation=generation,
                             certificate_chain=certificates.bundle(leaf, issuer[1]),
                             sealed=uow.vault.seal_key(crypto.private_der(key)), created_at=uow.now))
    uow.session.flush()
