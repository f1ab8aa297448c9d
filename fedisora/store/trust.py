"""What we know of the keys that sign files: our own certificates and revocations, and other origins' anchors and lists.

What another origin published is kept as a fact of this instance, so that its processes agree, a restart forgets nothing, and a
server that is away for a while does not turn verified files into unknown ones.
"""
from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..models import Actor, InstanceFact, Lineage, Media, RemoteHost, RevokedCertificate
from ..provenance import certificates
from ..provenance.verdict import revoke
from . import jobs, keys
from .lineage import CAMEO, TAKEN_BACK

PREFIX = "trust:"
FIRST_PAUSE, LONGEST_PAUSE = dt.timedelta(minutes=10), dt.timedelta(days=1)
_MOMENTS = ("anchors_at", "list_at", "ask_at")


@dataclasses.dataclass(frozen=True)
class Known:
    """What is known of an origin.

    Attributes:
        url: where its certificates are.
        anchors: PEM of its CA certificates, "" for none; fetched at `anchors_at` (None: never, or to be fetched again).
        serials: its revoked certificates, None when its list was never had; fetched at `list_at`.
        failures: how often in a row it could not be asked; it is not asked again before `ask_at`.
    """

    origin: str
    url: str | None = None
    anchors: str = ""
    anchors_at: dt.datetime | None = None
    serials: tuple[str, ...] | None = None
    list_at: dt.datetime | None = None
    failures: int = 0
    ask_at: dt.datetime | None = None

    def failed(self, now: dt.datetime) -> Known:
        """After another failure to ask it."""
        pause = min(FIRST_PAUSE * 2 ** min(self.failures, 20), LONGEST_PAUSE)
        return dataclasses.replace(self, failures=self.failures + 1, ask_at=now + pause)


def _name(origin: str) -> str:
    return PREFIX + hashlib.blake2b(origin.encode(), digest_size=20).hexdigest()


def _read(value: str) -> Known:
    data = json.loads(value)
    for name in _MOMENTS:
        data[name] = dt.datetime.fromisoformat(data[name]) if data[name] else None
    data["serials"] = tuple(data["serials"]) if data["serials"] is not None else None
    return Known(**data)


def load(session: Session, origin: str) -> Known:
    """What is known of an origin."""
    fact = session.get(InstanceFact, _name(origin))
    return _read(fact.value) if fact is not None else Known(origin)


def save(uow: UnitOfWork, known: Known) -> None:
    """Keep what is known of an origin."""
    data: dict[str, Any] = dataclasses.asdict(known)
    for name in _MOMENTS:
        data[name] = data[name].isoformat() if data[name] else None
    session, name, value = uow.session, _name(known.origin), json.dumps(data)
    fact = session.get(InstanceFact, name)
    if fact is None:
        try:
            with session.begin_nested():
                session.add(InstanceFact(name=name, value=value, sealed=None))
            return
        except IntegrityError:  # another process has just met it too
            fact = session.get_one(InstanceFact, name)
    fact.value = value


def met(session: Session, origin: str) -> bool:
    """Whether we have to do with a server, so that something is kept about it; not on the word of a file that somebody sends."""
    return session.get(RemoteHost, urlsplit(origin).netloc) is not None


def due(session: Session, before: dt.datetime, limit: int) -> list[str]:
    """Origins whose list of revoked certificates was not looked at since a moment, the longest ago first."""
    facts = session.scalars(select(InstanceFact.value).where(InstanceFact.name.startswith(PREFIX, autoescape=True)))
    waiting = [known for known in map(_read, facts)
               if (known.list_at is None or known.list_at < before) and (known.ask_at is None or known.ask_at < before)]
    waiting.sort(key=lambda known: known.list_at.timestamp() if known.list_at else 0.0)
    return [known.origin for known in waiting[:limit]]


def certificates_url(session: Session, origin: str) -> str | None:
    """Where the accounts of an origin say that its certificates are; what the one fetched last says."""
    return session.scalar(select(Actor.signing_certificates).where(
        _of_origin(origin), Actor.signing_certificates.is_not(None)).order_by(Actor.fetched_at.desc()).limit(1))


def _of_origin(origin: str) -> ColumnElement[bool]:
    return Actor.uri.startswith(f"{origin}/", autoescape=True)


# ---- files
def batch(session: Session, origin: str, after: int, limit: int, *, actor: str | None = None) -> list[Media]:
    """Checked files of posts of an origin's accounts (or of one), by id."""
    which = Actor.uri == actor if actor is not None else _of_origin(origin)
    return list(session.scalars(select(Media).join(Actor, Actor.id == Media.actor_id).where(
        which, Media.id > after, Media.status_id.is_not(None), Media.verdict_at.is_not(None)).order_by(Media.id).limit(limit)))


def signed_by(session: Session, serials: Collection[str], after: int, limit: int) -> list[Media]:
    """Checked files that one of some certificates signed, whoever shows them, by id."""
    serial = Media.verdict["signer"]["certificateSerial"].as_string()
    return list(session.scalars(select(Media).where(Media.verdict_at.is_not(None), Media.id > after, serial.in_(list(serials)))
                                .order_by(Media.id).limit(limit)))


def cut_off(uow: UnitOfWork, origin: str, serials: Collection[str], after: int, limit: int) -> tuple[list[Media], int | None]:
    """Weigh kept verdicts again after certificates of an origin were revoked; no file is read for it.

    Returns:
        (files whose verdict is another one now, the last id of a full batch or None)
    """
    rows, changed = signed_by(uow.session, serials, after, limit), []
    for media in rows:
        old = media.verdict or {}
        new = revoke(old, uow.now) if (old.get("signer") or {}).get("instance") == origin else old
        if new == old:
            continue
        media.verdict, media.verdict_at = new, uow.now
        uow.ring(f"media:{media.id}")
        changed.append(media)
    return changed, rows[-1].id if len(rows) == limit else None


def due_files(session: Session, now: dt.datetime, limit: int) -> list[int]:
    """Files whose verdict is to be looked at again."""
    return list(session.scalars(select(Media.id).where(and_(Media.recheck_at.is_not(None), Media.recheck_at <= now))
                                .order_by(Media.recheck_at).limit(limit)))


# ---- consents
def consents(session: Session, status_id: int) -> tuple[list[str], list[str]]:
    """(withdrawn or run out, wrong): stamps that a post's files need and do not have; the parent's id where there is no stamp."""
    rows = session.execute(select(Lineage.stamp_uri, Lineage.parent_uri, Lineage.consent).where(
        Lineage.child_id == status_id, or_(
            Lineage.consent.in_(TAKEN_BACK), Lineage.consent == "invalid",
            and_(Lineage.kind == CAMEO, Lineage.consent == "missing")))).all()
    return ([stamp or parent for stamp, parent, consent in rows if consent in TAKEN_BACK],
            [stamp or parent for stamp, parent, consent in rows if consent not in TAKEN_BACK])


def consent_changed(uow: UnitOfWork, status_id: int) -> None:
    """A consent that a post's files rest on was withdrawn or came back: weigh the kept verdicts again.

    A withdrawal is written down at once, without reading the files; otherwise each file is checked anew.
    """
    gone, _ = consents(uow.session, status_id)
    for media in uow.session.scalars(select(Media).where(Media.status_id == status_id, Media.verdict_at.is_not(None))):
        if gone:
            media.verdict, media.verdict_at = revoke(media.verdict or {}, uow.now, consent=True), uow.now
            uow.ring(f"media:{media.id}")
        else:
            jobs.enqueue(uow, "verify_media", {"media_id": media.id}, key=str(media.id))


# ---- our own
def revoked_here(session: Session) -> Sequence[RevokedCertificate]:
    """Our certificates that count no more, in the order in which they were revoked."""
    return session.scalars(select(RevokedCertificate).order_by(RevokedCertificate.since, RevokedCertificate.serial)).all()


def keys_of(session: Session, actor: Actor) -> list[dict[str, str | None]]:
    """An account's keys for people: [{"use", "since", "state", "serial", "until"}], present ones first."""
    revoked = set(session.scalars(select(RevokedCertificate.serial).where(RevokedCertificate.actor_id == actor.id)))
    found = []
    for row in keys.everything(session, actor):
        leaf = certificates.load_certificates(row.certificate_chain)[0] if row.certificate_chain else None
        serial = certificates.serial_hex(leaf) if leaf else None
        state = "revoked" if serial in revoked else "former" if row.retired_at else "present"
        found.append({"use": row.use, "since": row.created_at.date().isoformat(), "state": state, "serial": serial,
                      "until": leaf.not_valid_after_utc.date().isoformat() if leaf else None})
    return found
