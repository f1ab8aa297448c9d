"""Status lists of this instance: drawing an index, taking a credential back, signing in time.

A list is signed whenever a bit of it is set, in the same transaction, and again when it is three days old: by the hourly sweep,
or by whoever asks for it, so that after a long standstill nobody is served one that has run out.

A database may be restored from a backup. What it forgets then is in the ledger beside it, or a new list is begun (ADR 0020).
"""
from __future__ import annotations

import datetime as dt
from typing import Final

import orjson
import structlog

from ...activities import outbox
from ...db import UnitOfWork
from ...errors import Busy, NotFound
from ...models import StatusList
from ...provenance import credentials as documents
from ...store import actors
from ...store import credentials as rows
from .ledger import Entry, Ledger

log = structlog.get_logger()

SIGNED_EVERY: Final = dt.timedelta(days=3)
"""Well within the seven days that a list holds: a server that is down for some days has not broken its people's credentials."""


FIRST: Final = 1
"""The first list of an instance. Others are numbered by the clock: no list that is begun after a restore was there before it."""


def begin(uow: UnitOfWork) -> None:
    """The first start of an instance: nothing was ever given away, unless the folder knows better."""
    book = Ledger(uow.settings.data_dir)
    if not book.path.exists():
        book.begin(FIRST)


def draw(uow: UnitOfWork) -> tuple[int, int]:
    """(list, index) for a new credential; a new list is begun when the last one is half full, or when nobody knows what was
    given away of it.

    Raises:
        Busy: it cannot be written down beside the database.
    """
    catch_up(uow)
    book = Ledger(uow.settings.data_dir)
    try:
        known = book.since()
        since = book.begin(uow.new_id()) if known is None else known
        found = rows.newest_list(uow.session)
        while found is None or found.number < since or found.used >= rows.FULLEST:
            last = found.number if found is not None else 0
            number = FIRST if last == 0 and since == FIRST else max(uow.new_id(), since, last + 1)
            rows.add_list(uow, number, _signed(uow, number))
            found = rows.newest_list(uow.session)
        position = rows.draw(uow, found)
        book.add(Entry(found.number, position, revoked=False))  # before the commit: one too many does no harm
    except OSError as error:
        raise Busy("This server cannot write to its data folder. Try again later.", cause=error) from error
    return found.number, position


def revoke(uow: UnitOfWork, number: int, position: int) -> None:
    """Set a bit for good and sign the list anew."""
    catch_up(uow)
    found = rows.hold_list(uow.session, number)
    _set(uow, number, position)
    _sign(uow, found)


def catch_up(uow: UnitOfWork) -> int:
    """What the ledger knows and the database does not, since it was restored from a backup: indexes that were given away since
    are revoked, for nobody here knows their credential; those that were taken back are so again. How many.

    Costs one look-up while there is nothing to do.
    """
    session, book, changed = uow.session, Ledger(uow.settings.data_dir), 0
    rows.hold_people(session)
    try:
        last = book.last()
        if last is None or rows.knows(session, last.number, last.position, revoked=last.revoked):
            return 0
        entries = book.entries()
    except OSError as error:  # taking something back does not wait for it; nothing is given away meanwhile
        log.error("the ledger of status indexes cannot be read", error=str(error))
        return 0
    for number in sorted({number for number, _ in entries}, reverse=True):
        if rows.status_list(session, number) is None:
            rows.add_list(uow, number, _signed(uow, number))
        found, before = rows.hold_list(session, number), changed
        known = rows.given(session, number)
        for position, revoked in ((position, revoked) for (other, position), revoked in entries.items() if other == number):
            if position not in known:
                rows.give(uow, found, position)
                changed += 1
            if position not in known or (revoked and not known[position]):
                rows.set_bit(uow, number, position)
                changed += position in known
        if changed > before:
            _sign(uow, found)
    log.warning("the database is older than the status indexes that were given away: it was restored", indexes=changed)
    return changed


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
    catch_up(uow)
    found = rows.unclaimed(uow.session, limit)
    for number in sorted({number for number, _ in found}, reverse=True):  # the order in which a renewal holds them
        held = rows.hold_list(uow.session, number)
        for position in (position for other, position in found if other == number):
            _set(uow, number, position)
        _sign(uow, held)
    return len(found)


def _set(uow: UnitOfWork, number: int, position: int) -> None:
    rows.set_bit(uow, number, position)

    def write_down() -> None:  # after the commit: what was undone is not revoked
        try:
            Ledger(uow.settings.data_dir).add(Entry(number, position, revoked=True))
        except OSError as error:
            log.error("a revocation is not in the ledger: a restored database would forget it", error=str(error))

    uow.after_commit.append(write_down)


def _sign(uow: UnitOfWork, found: StatusList) -> None:
    found.document, found.signed_at = _signed(uow, found.number), uow.now
    uow.session.flush()


def _signed(uow: UnitOfWork, number: int) -> bytes:
    issuer = actors.instance_actor(uow.session)
    document = documents.build_list(list_id=uow.uris.status_list(number), issuer=issuer.uri,
                                    revoked=rows.bits(uow.session, number), start=uow.now)
    return orjson.dumps(outbox.sign(uow, issuer, document))
