"""Passed on by somebody else than its actor: nothing in it counts but the id of its object."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..activitypub.parse import ids_of
from ..db import UnitOfWork
from ..store import actors
from . import remote_posts


def receive(uow: UnitOfWork, activity: dict[str, Any], fetched: Mapping[str, dict[str, Any]]) -> str:
    uri = next(iter(ids_of(activity.get("object"))), "")
    document = fetched.get(uri)
    if document is None:
        return "ignored: the object cannot be had from its own server"
    author = next((found for name in ids_of(document.get("attributedTo"))
                   if (found := actors.by_uri(uow.session, name)) is not None), None)
    if author is None or author.suspended_at is not None:
        return "ignored: the author is not known, or suspended"
    return "stored" if remote_posts.store(uow, document, author) is not None else "ignored: nobody here asked for it"
