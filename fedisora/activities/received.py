"""What every handler gets, and what it looks like."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..db import UnitOfWork
from ..models import Actor


@dataclass(frozen=True)
class Received:
    """A verified activity's surroundings.

    Attributes:
        actor: the sender, stored; its key signed the request.
        fetched: documents of `needs()`, each fetched from its own origin, by URI.
        body: the bytes as they arrived.
    """

    actor: Actor
    fetched: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    body: bytes = b""


class Handler(Protocol):
    """One activity type's module."""

    def needs(self, activity: dict[str, Any]) -> list[str]:
        """URIs of actors and objects to fetch first, when unknown."""

    def receive(self, uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
        """Apply it; a short outcome. Raises Refused when it never will."""
