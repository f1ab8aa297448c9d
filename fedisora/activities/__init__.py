"""Activities, one file each. `HANDLERS` is the one table of what we understand."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from . import (
    accept,
    add,
    announce,
    block,
    create,
    delete,
    emoji_react,
    flag,
    follow,
    like,
    likeness_request,
    move,
    offer,
    quote_request,
    reject,
    remix_request,
    remove,
    undo,
    update,
    view,
)
from .received import Handler, Received

__all__ = ["HANDLERS", "Handler", "Received", "table"]


def table(entries: Iterable[tuple[str, object]]) -> Mapping[str, Handler]:
    """A table by type; a second handler for a type is a mistake.

    Raises:
        ValueError: two handlers for one type.
    """
    found: dict[str, Handler] = {}
    for kind, module in entries:
        if kind in found:
            raise ValueError(f"two handlers for {kind}")
        found[kind] = cast(Handler, module)
    return found


HANDLERS = table([
    ("Accept", accept), ("Announce", announce), ("Create", create), ("Delete", delete), ("Follow", follow),
    ("Like", like), ("Reject", reject), ("Undo", undo), ("Update", update),
    ("Add", add), ("Block", block), ("EmojiReact", emoji_react), ("Flag", flag), ("Move", move),
    ("LikenessRequest", likeness_request), ("Offer", offer), ("QuoteRequest", quote_request), ("RemixRequest", remix_request),
    ("Remove", remove), ("View", view),
])
