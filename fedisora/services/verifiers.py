"""Deciding whose word about people this instance takes, and whose a viewer takes."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..activitypub.parse import host_of
from ..db import UnitOfWork
from ..errors import Invalid, Malformed, NotFound
from ..models import TrustedVerifier, User
from ..provenance.badge import AS_HERE, MODES
from ..store import attestations, jobs, verifiers

MOST_LISTED = 200
LONGEST_NOTE = 500


def named(uow: UnitOfWork, text: str) -> str:
    """A server's host, as people write it: a name, with a port where it is not the usual one, or an address.

    Raises:
        Invalid: not a host, or our own.
    """
    given = text.strip()
    try:
        host = host_of(given if "://" in given else f"https://{given}")
    except Malformed as error:
        raise Invalid("Please write the name of a server such as verify.example.org.", cause=error) from error
    if host == uow.uris.host:
        raise Invalid("This server's own word always counts here; it need not be listed.")
    return host


def add(uow: UnitOfWork, text: str, *, note: str = "", by: int | None = None) -> TrustedVerifier:
    """Take a server's word about people of other servers from now on; another note replaces the one before.

    What it said before counts at once: it is weighed again from what is stored.

    Args:
        by: the administrator's actor id; None: the command line.

    Raises:
        Invalid: not a host, or our own.
    """
    host = named(uow, text)
    row = uow.session.get(TrustedVerifier, host)
    if row is None:
        row = TrustedVerifier(host=host, created_by=by, created_at=uow.now)
        uow.session.add(row)
    row.note = note.strip()[:LONGEST_NOTE]
    uow.session.flush()
    judge(uow, host)
    return row


def remove(uow: UnitOfWork, text: str) -> str:
    """Take a server's word no more: who was verified by it is only said to be human. The host.

    Raises:
        Invalid: not a host.
        NotFound: it is not on the list.
    """
    host = named(uow, text)
    row = uow.session.get(TrustedVerifier, host)
    if row is None:
        raise NotFound(f"{host} is not on the list of trusted verifiers.")
    uow.session.delete(row)
    uow.session.flush()
    judge(uow, host)
    return host


def judge(uow: UnitOfWork, host: str, after: int = 0) -> None:
    """Weigh what a server says of other servers' people again, a batch at a time; nothing is fetched for it."""
    last = attestations.judge(uow, host, host in verifiers.hosts(uow.session), after)
    if last is not None:
        jobs.enqueue(uow, "judge_people", {"host": host, "after": last})


def narrow(uow: UnitOfWork, user_id: int, mode: str, hosts: Sequence[str] = ()) -> dict[str, Any]:
    """Whose word about people somebody takes from now on.

    Args:
        mode: one of `badge.MODES`.
        hosts: for `listed`, as people write them.

    Returns:
        What is stored: {"mode", "hosts"}.

    Raises:
        Invalid: no such mode, too many hosts, or one that is none.
    """
    if mode not in MODES:
        raise Invalid(f"Choose one of: {', '.join(MODES)}.")
    given = [item for item in hosts if item.strip()]
    if len(given) > MOST_LISTED:
        raise Invalid(f"At most {MOST_LISTED} servers can be listed.")
    kept = sorted({named(uow, item) for item in given}) if mode == "listed" else []
    user = uow.session.get_one(User, user_id)
    user.verifiers = {"mode": mode, "hosts": kept} if mode != AS_HERE else None
    return {"mode": mode, "hosts": kept}
