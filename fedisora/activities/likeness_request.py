"""LikenessRequest: somebody asks whether a video may show one of our people, or a character that they invented (vocabulary §4).

The first request says what is to be rendered, and no file; the second one names the finished file. Who may ask is decided in a
job, by the owner's own rules; the answer to a person is never given without the owner.
"""
from __future__ import annotations

from typing import Any

from ..activitypub import markup
from ..activitypub.parse import as_list, duration_seconds, id_of, text_of
from ..db import UnitOfWork
from ..errors import Malformed
from ..models import Actor
from ..store import actors, likenesses
from . import remix_request
from .received import Received

needs = remix_request.needs
MOST_PROMPT = 1000
LARGEST = 4096


def receive(uow: UnitOfWork, activity: dict[str, Any], got: Received) -> str:
    """Put it before the person.

    Raises:
        Malformed, NotOwner: as for a RemixRequest; or it is for a character that is not this person's.
    """
    name = uow.uris.actor_name(id_of(activity.get("object")) or "")
    owner = actors.local_active(uow.session, name) if name else None
    if owner is None or owner.uri != id_of(activity.get("object")) or owner.type not in ("Person", "Service"):
        return "ignored: nobody here"
    instrument = activity.get("instrument")
    details = _details(uow, owner, instrument) if isinstance(instrument, dict) else {}
    return remix_request.take(uow, activity, got, "likeness", owner, owner.uri, None, **details)


def _details(uow: UnitOfWork, owner: Actor, instrument: dict[str, Any]) -> dict[str, Any]:
    prompt = markup.clean_line(text_of(instrument, "content"), MOST_PROMPT)
    wanted: dict[str, Any] = {"seconds": duration_seconds(instrument.get("duration"))}
    wanted |= {side: value for side in ("width", "height")
               if isinstance(value := instrument.get(side), int) and not isinstance(value, bool) and 0 < value <= LARGEST}
    character = next((uri for item in as_list(instrument.get("tag"))[:8] if (uri := id_of(item))), None)
    likeness_id = None
    if character is not None:
        found = likenesses.character(uow.session, row_of(owner, character))
        if found is None or found.actor_id != owner.id:
            raise Malformed("There is no such character of this person's.")
        likeness_id = found.id
    return {"prompt": prompt, "parameters": {name: value for name, value in wanted.items() if value}, "likeness_id": likeness_id,
            "character_uri": character}


def row_of(owner: Actor, character: str) -> int:
    """The row id in a character's address; 0, which no row has, when it is none of this owner's."""
    head, _, tail = character.rpartition("/")
    return int(tail) if head == f"{owner.uri}/characters" and tail.isascii() and tail.isdecimal() and len(tail) < 20 else 0
