"""The challenge of a live clip: fresh for each try, good for a minute, used once, and kept sealed."""
from __future__ import annotations

import datetime as dt
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from ...db import UnitOfWork
from ...errors import Conflict, Invalid, NotFound, TooManyRequests
from ...models import Actor, VerificationCase
from ...store import verification
from ...vault import Vault
from . import cases, phrases

LIFETIME: Final = dt.timedelta(seconds=60)
TRIES_PER_HOUR: Final = 5
HOUR: Final = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Challenge:
    """What a person has to say and do. `token` comes back with the clip, so that no clip answers another challenge."""

    phrase: str
    turn: str
    language: str
    token: str
    until: dt.datetime


def ask(uow: UnitOfWork, actor: Actor, case_id: int, locale: str) -> Challenge:
    """A fresh challenge; the former one counts no more.

    Raises:
        NotFound: not this person's case.
        Conflict: nothing is to be recorded for it (any more).
        Forbidden: the clip would lead to nothing (`cases.require`).
        TooManyRequests: over `TRIES_PER_HOUR`, whatever the case.
    """
    case = _own(uow.session, actor, case_id, lock=True)
    if case.method not in cases.WITH_CLIP or case.state != "started":
        raise Conflict("A clip was handed in already, or this try is closed. Reload the page.")
    cases.require(uow, actor, case.method)
    recent = [moment for row in verification.cases_of(uow.session, actor.id, 50) for moment in _asked(row)
              if moment > uow.now - HOUR]
    if len(recent) >= TRIES_PER_HOUR:
        wait = min(recent) + HOUR - uow.now
        raise TooManyRequests("That were many tries in an hour. Rest a little, or take another way.",
                              retry_after=max(1.0, wait.total_seconds()))
    language = phrases.language_of(locale)
    made = Challenge(phrases.phrase(language), phrases.turn(), language, secrets.token_urlsafe(16), uow.now + LIFETIME)
    cases.seal(uow, case, {"phrase": made.phrase, "turn": made.turn, "language": language, "token": made.token})
    case.challenge_until, case.tries, case.updated_at = made.until, case.tries + 1, uow.now
    case.about = {**case.about, "asked": [moment.isoformat() for moment in [*_asked(case), uow.now]
                                          if moment > uow.now - HOUR]}
    uow.session.flush()
    return made


def check(session: Session, vault: Vault, actor: Actor, case_id: int, token: str, arrived: dt.datetime,
          *, lock: bool = False) -> VerificationCase:
    """The case whose challenge an arriving clip answers.

    Args:
        arrived: when the upload began; how long it takes does not count.
        lock: keep others from answering it before this transaction ends.

    Raises:
        NotFound: not this person's case.
        Conflict: the challenge was used, or never made.
        Invalid: it has run out, or the clip answers another one.
    """
    case = _own(session, actor, case_id, lock=lock)
    if case.state != "started" or case.challenge is None or case.challenge_until is None:
        raise Conflict("This was handed in already, or there is nothing to answer. Reload the page.")
    if arrived > case.challenge_until:
        raise Invalid("The minute is over. Get a new phrase and record again.")
    if not hmac.compare_digest(str(unseal(vault, case).get("token", "")).encode(), token.encode()):
        raise Invalid("This clip answers another phrase. Get a new one and record again.")
    return case


def unseal(vault: Vault, case: VerificationCase) -> dict[str, Any]:
    """What is sealed in a case; {} when nothing is."""
    if case.challenge is None:
        return {}
    found: dict[str, Any] = json.loads(vault.unseal(case.challenge, cases.purpose(case.id)))
    return found


def _own(session: Session, actor: Actor, case_id: int, *, lock: bool) -> VerificationCase:
    case = verification.case(session, case_id, lock=lock)
    if case is None or case.actor_id != actor.id:
        raise NotFound("There is no such case.")
    return case


def _asked(case: VerificationCase) -> list[dt.datetime]:
    return [dt.datetime.fromisoformat(moment) for moment in case.about.get("asked", ())]
