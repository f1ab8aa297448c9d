"""The instance itself: its domain (fixed at the first start), its actor, its certificate authority, the set-up link."""
from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, func, or_, select, text
from sqlalchemy.orm import Session

from ..activitypub import keys as crypto
from ..db import Database, Instance, UnitOfWork
from ..errors import ConfigurationError, Gone
from ..models import Actor, InstanceFact, OneTimeToken, User
from ..provenance import certificates
from ..schema import migrate
from ..settings import Settings
from ..uris import Uris
from ..vault import Vault
from . import local_actors
from .tokens import digest
from .verification import status_lists

SETUP_LIFETIME = dt.timedelta(days=7)
AUTHORITY = ("ca_intermediate", "ca_root")
"""Facts with the present certificates and their keys; former ones have the serial after an underscore."""


def open_database(settings: Settings, *, vault: Vault | None = None, meanwhile: Callable[[], None] | None = None) -> Database:
    """The instance's database with its vault and addresses, migrated, and initialised at the first start.

    Args:
        vault: that of the data folder, where it was opened already.
        meanwhile: see `schema.migrate`.

    Raises:
        ConfigurationError: one line that says what to mend.
    """
    db = Database(Instance(settings, Uris(settings.base_url), vault or Vault.open(settings.data_dir)))
    try:
        db.check()
        migrate(db.engine, meanwhile=meanwhile)
        db.read_now(lambda session: check_domain(session, settings))
        db.write_now(initialise)
    except BaseException:
        db.close()
        raise
    return db


def check_domain(session: Session, settings: Settings) -> None:
    """Refuse to start under another origin than the first time: every id contains it.

    Raises:
        ConfigurationError: FEDISORA_BASE_URL changed.
    """
    fact = session.get(InstanceFact, "base_url")
    if fact is not None and fact.value != settings.base_url:
        raise ConfigurationError(f"This data was made for {fact.value}, but FEDISORA_BASE_URL says {settings.base_url}. The "
                                 f"address is part of every id and cannot change: set FEDISORA_BASE_URL={fact.value}, or "
                                 "start a new instance in another data folder.")


def initialise(uow: UnitOfWork) -> None:
    """First start: remember the origin, make the certificate authority and the instance actor. Later: nothing."""
    session = uow.session
    if session.get(InstanceFact, "base_url") is not None:
        return
    if session.get_bind().dialect.name == "postgresql":  # two processes at their first start: the second waits, then finds it
        session.execute(text("SELECT pg_advisory_xact_lock(776655002)"))
        if session.get(InstanceFact, "base_url") is not None:
            return
    session.add(InstanceFact(name="base_url", value=uow.uris.base))
    root = certificates.create_root(uow.uris.host, uow.now)
    intermediate = certificates.create_intermediate(uow.uris.host, root, uow.now)
    for name, (key, certificate) in (("ca_root", root), ("ca_intermediate", intermediate)):
        session.add(InstanceFact(name=name, value=certificates.certificate_pem(certificate),
                                 sealed=uow.vault.seal_key(crypto.private_der(key))))
    session.flush()
    status_lists.begin(uow)
    local_actors.create(uow, local_actors.new_keys(), username=uow.uris.host, uri=uow.uris.instance_actor,
                        url=uow.uris.base + "/about", type="Application", name=uow.settings.instance_name)


def certificate_authority(uow: UnitOfWork) -> certificates.Issued:
    """The intermediate that signs the actors' leaves: (key, certificate)."""
    fact = uow.session.get(InstanceFact, "ca_intermediate")
    if fact is None or fact.sealed is None:
        raise ConfigurationError("The certificate authority is missing from the database. Restore a backup.")
    key = uow.vault.private_key(fact.sealed)
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError("The certificate authority's key is of the wrong kind. Restore a backup.")
    return key, x509.load_pem_x509_certificate(fact.value.encode())


def authority_ends(session: Session) -> dt.datetime:
    """When the signing CA runs out. A leaf cannot outlive it, so leaves are shorter than ten years once it has less."""
    fact = session.get_one(InstanceFact, AUTHORITY[0])
    return x509.load_pem_x509_certificate(fact.value.encode()).not_valid_after_utc


def certificate_bundle(session: Session) -> str:
    """PEM of the intermediates and roots, present and former: what `signingCertificates` serves."""
    facts = session.scalars(select(InstanceFact).where(or_(
        InstanceFact.name.in_(AUTHORITY), *(InstanceFact.name.startswith(f"{name}_", autoescape=True) for name in AUTHORITY))))
    return "".join(fact.value for fact in sorted(facts, key=lambda fact: (fact.name not in AUTHORITY, fact.name)))


def replace_authority(uow: UnitOfWork) -> x509.Certificate:
    """Make a new root and signing CA; the new root certificate. The former certificates stay in the bundle, so that what they
    vouch for keeps verifying for its ten years; their keys are gone, so that nothing new can be signed with them."""
    session = uow.session
    root = certificates.create_root(uow.uris.host, uow.now)
    intermediate = certificates.create_intermediate(uow.uris.host, root, uow.now)
    for name, (key, certificate) in zip(AUTHORITY, (intermediate, root), strict=True):
        present = session.get(InstanceFact, name)
        if present is None:
            raise ConfigurationError("The certificate authority is missing from the database. Restore a backup.")
        serial = certificates.serial_hex(x509.load_pem_x509_certificate(present.value.encode()))
        session.add(InstanceFact(name=f"{name}_{serial[:40]}", value=present.value, sealed=None))
        present.value = certificates.certificate_pem(certificate)
        present.sealed = uow.vault.seal_key(crypto.private_der(key))
    session.flush()
    return root[1]


def needs_setup(session: Session) -> bool:
    """Whether nobody administers this instance yet."""
    return session.scalar(select(User.id).where(User.admin.is_(True)).limit(1)) is None


def setup_link(uow: UnitOfWork) -> str:
    """A fresh one-time link for the first admin; former ones end."""
    uow.session.execute(delete(OneTimeToken).where(OneTimeToken.purpose == "setup"))
    token = secrets.token_urlsafe(24)
    uow.session.add(OneTimeToken(token_hash=digest(token), purpose="setup", created_at=uow.now,
                                 expires_at=uow.now + SETUP_LIFETIME))
    return uow.uris.setup(token)


def check_setup_token(session: Session, token: str, now: dt.datetime) -> OneTimeToken:
    """The unused set-up token.

    Raises:
        Gone: used, expired or unknown.
    """
    row = session.get(OneTimeToken, digest(token))
    if row is None or row.purpose != "setup" or row.used_at is not None or row.expires_at < now:
        raise Gone("This set-up link was used or has expired. Restart the server to get a new one.")
    return row


def use_setup_token(uow: UnitOfWork, token: str) -> None:
    """Spend the set-up link (in the transaction that makes the admin)."""
    check_setup_token(uow.session, token, uow.now).used_at = uow.now


def usage(session: Session) -> dict[str, int]:
    """Counts for NodeInfo and the instance entity: local people and their posts."""
    users = session.scalar(select(func.count()).select_from(User).where(User.state == "active")) or 0
    posts = session.scalar(select(func.coalesce(func.sum(Actor.statuses_count), 0)).where(
        Actor.domain == "", Actor.owner_id.is_(None))) or 0
    domains = session.scalar(select(func.count(func.distinct(Actor.domain))).where(Actor.domain != "")) or 0
    return {"users": int(users), "posts": int(posts), "domains": int(domains)}
