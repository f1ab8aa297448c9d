"""View: somebody watched a video (PeerTube). Understood, so that nobody tries again, and not counted: anybody can send any
number of them, and they would tell who watches what."""
from __future__ import annotations

from typing import Any

from ..db import UnitOfWork
from .received import Received


def needs(activity: dict[str, Any]) -> list[str]:
    return []


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    return "ignored: views are not counted"
