"""HumanCredentials of our people: given, renewed, ended; and what that does to their actor."""
from __future__ import annotations

from ...db import UnitOfWork
from ...errors import FedisoraError
from ...models import Actor, HumanCredential


def issue(uow: UnitOfWork, actor: Actor, method: str, *, by: int | None = None) -> HumanCredential:
    """Give a local person a credential for six months; a former one ends as `renewed`.

    Args:
        method: a key of `provenance.humanity.METHODS`.
        by: the moderator who decided, for the audit log; None: a method that decides by itself.

    Raises:
        Invalid: an agent, or an unknown method.
    """
    raise FedisoraError(cause="not built yet")


def revoke(uow: UnitOfWork, actor: Actor, reason: str, *, by: int | None = None) -> None:
    """End a person's credential: bit set, 410, Update of the actor. Nothing when there is none.

    Args:
        by: who did it (the person or an administrator); None: the server itself.
    """
    raise FedisoraError(cause="not built yet")
