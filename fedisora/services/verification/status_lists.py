"""Status lists of this instance: drawing an index, taking a credential back, signing in time.

A list is signed whenever a bit of it is set, in the same transaction, and again when it is three days old: by the hourly sweep,
or by whoever asks for it, so that after a long standstill nobody is served one that has run out.
"""
from __future__ import annotations

import datetime as dt
from typing import Final

import orjson

from ...activities import outbox
from ...db import UnitOfWork
from ...errors import NotFound
from ...models import StatusList
from ...provenance import credentials as documents
from ...store import actors
from ...store import credentials as rows

SIGNED_EVERY: Final = dt.timedelta(days=3)
"""Well within the seven days that a list holds: a server that is down for some days has not broken its people's credentials."""


def draw(uow: UnitOfWork) -> tuple[int, int]:
    """(list, index) for a new credential; a new list is begun when the last one is half full."""
    found = rows.newest_list(uow.session)
    while found is None or found.used >= rows.FULLEST:
        number = found.number + 1 if found is not None else 1
        rows.add_list(uow, number, _signed(uow, number))
        found = rows.newest_list(uow.session)
    return found.number, rows.draw(uow, found)


def revoke(uow: UnitOfWork, number: int, position: int) -> None:
    """Set a bit for good and sign the list anew."""
    found = rows.hold_list(uow.session, number)
    rows.set_bit(uow, number, position)
    _sign(uow, found)


def sign(uow: UnitOfWork, number: int) -> None:
    """Sign a list anew as it is."""
    _sign(uow, rows.hold_list(uow.session, number))


def stale(found: StatusList, now: dt.datetime) -> bool:
    """Whether it is time to sign a list again, long before it runs out."""
    return found.signed_at < now - SIGNED_EVERY


def fresh(uow: UnitOfWork, number: int) -> bytes:
    """A list to be served, signed again when that is due.

    Raises:
        NotFound: there is no such list.
    """
    if rows.status_list(uow.session, number) is None:
        raise NotFound("There is no such list.")
    found = rows.hold_list(uow.session, number)
    if stale(found, uow.now):  # else somebody else did it while we waited
        _sign(uow, found)
    return found.document


def give_up_unclaimed(uow: UnitOfWork, limit: int = 500) -> int:
    """Revoke what belongs to accounts that were removed without a word to this module; how many."""
    found = rows.unclaimed(uow.session, limit)
    for number in sorted({number for number, _ in found}, reverse=True):  # the order in which a renewal holds them
        held = rows.hold_list(uow.session, number)
        for position in (position for other, position in found if other == number):
            rows.set_bit(uow, number, position)
        _sign(uow, held)
    return len(found)


def _sign(uow: UnitOfWork, found: StatusList) -> None:
    found.document, found.signed_at = _signed(uow, found.number), uow.now
    uow.session.flush()


def _signed(uow: UnitOfWork, number: int) -> bytes:
    issuer = actors.instance_actor(uow.session)
    document = documents.build_list(list_id=uow.uris.status_list(number), issuer=issuer.uri,
                                    revoked=rows.bits(uow.session, number), start=uow.now)
    return orjson.dumps(outbox.sign(uow, issuer, document))
