"""What nobody answers runs out: requests for a likeness, drafts that were let go and drafts that never came."""
from __future__ import annotations

import datetime as dt
from typing import Final

from ...activities import consents as rules
from ...activities import lineages
from ...db import UnitOfWork
from ...models import ConsentRequest
from ...store import actors, consents
from ..generations.reasons import sentence
from . import answering, asking

LASTS: Final = dt.timedelta(days=30)
"""For so long a request waits for its owner; a draft that its owner does not look at, too."""
GRACE: Final = dt.timedelta(days=1)
"""So much longer whoever asked elsewhere waits for the owner's server to say so itself."""
UNANSWERED: Final = "There was no answer within 30 days."


def sweep(uow: UnitOfWork, limit: int = 100) -> int:
    """Let run out what was not answered; how many requests. Whoever asked is told, and what waited for the answer ends.

    On the owner's side a request, or a draft that its owner did not look at, is refused. On the side of whoever asked a server
    that stays silent for longer counts as a no, and a draft that was offered and never came as broken. Drafts that were let
    go and can be fetched no more are deleted.
    """
    session = uow.session
    rows = list(consents.unanswered_since(session, uow.now - LASTS, limit, here=True))
    for request in rows:
        owner, asker = actors.get(session, request.owner_id), actors.get(session, request.requester_id)
        rules.refuse(uow, owner, asker, request, UNANSWERED)
    silent = list(consents.unanswered_since(session, uow.now - LASTS - GRACE, limit, here=False))
    for request in silent:
        _give_up(uow, request)
    for request in consents.never_arrived(session, uow.now - answering.OFFER_LASTS, limit):
        asking.failed(uow, request.id, sentence("cameo-broken"))
    return len(rows) + len(silent) + answering.sweep(uow, limit)


def _give_up(uow: UnitOfWork, request: ConsentRequest) -> None:
    """The owner's server has said nothing. A late yes to a finished file still counts; nothing is rendered for us any more."""
    owner, asker = actors.get(uow.session, request.owner_id), actors.get(uow.session, request.requester_id)
    if request.status_id is None:
        rules.send_undo(uow, request, owner, asker)
    rules.unanswered(uow, request, UNANSWERED)
    row = rules.row_of(uow, request)
    if row is not None:
        lineages.settle(uow, row.id, lineages.Finding("missing", UNANSWERED))
