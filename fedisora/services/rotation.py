"""Keys that change: replacing an account's keys, revoking certificates, renewing them in time, a new certificate authority.

What a former key signed keeps counting, unless the key is worthless: a C2PA leaf is checked against the instance's roots alone,
and a former Multikey stays in `assertionMethod` with `expires` (FEP-521a; vocabulary §2).
"""
from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from sqlalchemy import select

from ..activities import update
from ..activitypub import keys as crypto
from ..activitypub.multibase import ed25519_multibase
from ..db import UnitOfWork
from ..errors import Invalid, NotFound
from ..models import Actor, ActorKey, RevokedCertificate, User
from ..provenance import certificates
from ..provenance.record import timestamp
from ..store import actors, jobs
from ..store import keys as key_rows
from . import instance, local_actors

MOST_KEYS = crypto.MAX_KEYS
"""Multikeys listed of one account: readers look at ten."""
RENEW_AFTER = dt.timedelta(days=365)
"""A file stops verifying when its leaf runs out (there is no time stamp in it), so each is signed with a leaf that has nine of
its ten years left."""
LONGEST_REASON = 200
_PAGE = 500


def named(uow: UnitOfWork, name: str) -> Actor:
    """The local account of a name, disabled ones too; the instance's own actor by its host name.

    Raises:
        NotFound: there is none.
    """
    actor = actors.by_handle(uow.session, name.lstrip("@"))
    if actor is None:
        raise NotFound(f"There is no account @{name.lstrip('@')} here.")
    return actor


def replace_proof_key(uow: UnitOfWork, actor: Actor, *, worthless: bool = False) -> None:
    """Give an account a new key for its documents, keep listing the former one, and tell its followers' servers.

    Args:
        worthless: others may have the former key, so nothing that it signed counts any more; posts are signed anew.
    """
    generation = key_rows.retire(uow, actor, "proof")
    key = crypto.generate_ed25519()
    uow.session.add(ActorKey(id=uow.new_id(), actor_id=actor.id, use="proof", generation=generation,
                             sealed=uow.vault.seal_key(crypto.private_der(key)), created_at=uow.now))
    former = [_ended(item, uow.now, worthless=worthless and number == 0) for number, item in enumerate(actor.assertion_keys)]
    new = {"id": uow.uris.proof_key(actor.uri, generation), "multibase": ed25519_multibase(key.public_key())}
    actor.assertion_keys, actor.updated_at = [new, *former][:MOST_KEYS], uow.now
    uow.session.flush()
    if worthless:
        jobs.enqueue(uow, "sign_again", {"actor_id": actor.id}, key=str(actor.id))
    update.send_actor(uow, actor)


def _ended(key: dict[str, Any], now: dt.datetime, *, worthless: bool) -> dict[str, Any]:
    if worthless:
        return {**key, "revoked": timestamp(now)}
    return key if "expires" in key else {**key, "expires": timestamp(now)}


def replace_leaf(uow: UnitOfWork, actor: Actor) -> str:
    """Give an account a new C2PA key and certificate, which signs from now on; the new certificate's serial."""
    local_actors.issue_leaf(uow, actor, crypto.generate_ed25519(), instance.certificate_authority(uow))
    _, chain = key_rows.c2pa_key(uow.session, uow.vault, actor)
    return certificates.serial_hex(certificates.load_certificates(chain)[0])


def revoke(uow: UnitOfWork, target: str, reason: str) -> list[str]:
    """Revoke a certificate of ours by its serial, or every one that an account has had by its name; the serials.

    The list at `/.well-known/fedisora-revoked` names them from now on, verdicts on files here are looked at again, and an account
    whose present certificate is among them gets another one.

    Raises:
        Invalid: no reason, or all of them are revoked already.
        NotFound: neither a serial of ours nor an account.
    """
    reason = " ".join(reason.split())[:LONGEST_REASON]
    if not reason:
        raise Invalid("Say why: the reason is published with the serial.")
    leaves = _leaves(uow, target)
    known = set(uow.session.scalars(select(RevokedCertificate.serial).where(
        RevokedCertificate.serial.in_([serial for serial, _ in leaves]))))
    fresh = [(serial, row) for serial, row in leaves if serial not in known]
    if not fresh:
        raise Invalid("This is revoked already.")
    for serial, row in fresh:
        uow.session.add(RevokedCertificate(serial=serial, actor_id=row.actor_id, since=uow.now, reason=reason))
    uow.session.flush()
    for row in [row for _, row in fresh if row.retired_at is None]:
        replace_leaf(uow, actors.get(uow.session, row.actor_id))
    serials = [serial for serial, _ in fresh]
    jobs.enqueue(uow, "recheck_origin", {"origin": uow.uris.base, "serials": serials})
    return serials


def _leaves(uow: UnitOfWork, target: str) -> list[tuple[str, ActorKey]]:
    """(serial, key) of the leaves that a serial or an account's name means."""
    session = uow.session
    actor = actors.by_handle(session, target.lstrip("@"))
    query = select(ActorKey).where(ActorKey.use == "c2pa", ActorKey.certificate_chain.is_not(None))
    if actor is not None:
        found = [(_serial(row), row) for row in session.scalars(query.where(ActorKey.actor_id == actor.id))]
        if not found:
            raise NotFound(f"@{actor.username} has no certificate.")
        return found
    serial, after = target.lower().removeprefix("0x").replace(":", "").lstrip("0"), 0
    while rows := session.scalars(query.where(ActorKey.id > after).order_by(ActorKey.id).limit(_PAGE)).all():
        for row in rows:
            if _serial(row) == serial:
                return [(serial, row)]
        after = rows[-1].id
    raise NotFound(f"{target} is neither the serial of a certificate of ours nor an account here. `fedisora keys list NAME` "
                   "shows an account's certificates.")


def _serial(row: ActorKey) -> str:
    return certificates.serial_hex(x509.load_pem_x509_certificate((row.certificate_chain or "").encode()))


def ageing(uow: UnitOfWork, *, before: dt.datetime, limit: int) -> Sequence[Actor]:
    """Accounts in use whose present certificate was issued before a moment, oldest first."""
    return uow.session.scalars(
        select(Actor).join(ActorKey, ActorKey.actor_id == Actor.id).join(User, User.actor_id == Actor.id)
        .where(ActorKey.use == "c2pa", ActorKey.retired_at.is_(None), ActorKey.created_at < before, User.state == "active",
               Actor.suspended_at.is_(None)).order_by(ActorKey.created_at).limit(limit)).all()


def renew(uow: UnitOfWork, *, limit: int = 20) -> int:
    """Replace certificates that are a year old; how many. A few at a time: nobody waits for it."""
    found = ageing(uow, before=uow.now - RENEW_AFTER, limit=limit)
    for actor in found:
        replace_leaf(uow, actor)
    return len(found)
