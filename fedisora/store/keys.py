"""Private keys of local actors, opened by the vault."""
from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..errors import ConfigurationError
from ..models import Actor, ActorKey
from ..uris import Uris
from ..vault import Vault


def _row(session: Session, actor: Actor, use: str) -> ActorKey:
    row = session.scalar(select(ActorKey).where(ActorKey.actor_id == actor.id, ActorKey.use == use,
                                                ActorKey.retired_at.is_(None)).order_by(ActorKey.generation.desc()).limit(1))
    if row is None:
        raise ConfigurationError(f"@{actor.username} has no {use} key in the database. Restore a backup.")
    return row


def retire(uow: UnitOfWork, actor: Actor, use: str) -> int:
    """Retire every key of a use; the generation of the key that follows."""
    newest = 0
    for row in uow.session.scalars(select(ActorKey).where(ActorKey.actor_id == actor.id, ActorKey.use == use)):
        newest = max(newest, row.generation)
        row.retired_at = row.retired_at or uow.now
    return newest + 1


def everything(session: Session, actor: Actor) -> list[ActorKey]:
    """All keys of a local actor, present and former, by use, the newest first."""
    return list(session.scalars(select(ActorKey).where(ActorKey.actor_id == actor.id)
                                .order_by(ActorKey.use, ActorKey.generation.desc())))


def http_key(session: Session, vault: Vault, actor: Actor) -> tuple[RSAPrivateKey, str]:
    """(key, key id) that sign an actor's HTTP requests."""
    key = vault.private_key(_row(session, actor, "http").sealed)
    if not isinstance(key, RSAPrivateKey) or actor.key_id is None:
        raise ConfigurationError(f"The HTTP key of @{actor.username} is of the wrong kind. Restore a backup.")
    return key, actor.key_id


def proof_key(session: Session, vault: Vault, uris: Uris, actor: Actor) -> tuple[Ed25519PrivateKey, str]:
    """(key, verification method) that sign an actor's documents."""
    row = _row(session, actor, "proof")
    key = vault.private_key(row.sealed)
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"The proof key of @{actor.username} is of the wrong kind. Restore a backup.")
    return key, uris.proof_key(actor.uri, row.generation)


def c2pa_key(session: Session, vault: Vault, actor: Actor) -> tuple[Ed25519PrivateKey, str]:
    """(key, certificate chain as PEM, leaf first) that sign an actor's files."""
    row = _row(session, actor, "c2pa")
    key = vault.private_key(row.sealed)
    if not isinstance(key, Ed25519PrivateKey) or not row.certificate_chain:
        raise ConfigurationError(f"The C2PA key of @{actor.username} is of the wrong kind. Restore a backup.")
    return key, row.certificate_chain


def pem(key: Ed25519PrivateKey) -> str:
    """Unencrypted PKCS#8 PEM, for a child process that signs; never stored."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption()).decode()
