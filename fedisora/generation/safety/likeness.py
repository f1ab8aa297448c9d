"""The gate for likenesses: who is named in a prompt has agreed, or it is not made; whose enrolled picture it starts from made it.

A person is named by handle (`@name@host`; `@name` for accounts here), by the address of an account that is known here, or in
`likenesses`; a character by its address. Names in plain words are not looked for: nobody can tell who is meant.
"""
from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal
from urllib.parse import quote

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ...models import Actor
from ...store import actors, consents
from .base import ALLOW, Stage, Subject, Surroundings, Verdict
from .portraits import Portraits

_HANDLE: Final = re.compile(r"(?<![\w@/.])@([a-z0-9_](?:[\w.-]*\w)?)(?:@((?:[\w-]+\.)*[\w-]+(?::\d{1,5})?))?", re.I)
CAMEO: Final = "/create/with"
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"']+", re.I)


def named(prompt: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Who a prompt names: handles as (name, host or ""), and addresses. Look-alike signs and invisible characters are undone."""
    text = "".join(char for char in unicodedata.normalize("NFKC", prompt) if unicodedata.category(char) != "Cf")
    handles = [(name.lower(), host.lower()) for name, host in _HANDLE.findall(text)]
    addresses = [found.rstrip(".,;:!?)]}") for found in _ADDRESS.findall(text)]
    return list(dict.fromkeys(handles)), list(dict.fromkeys(addresses))


class Likeness:
    """Fails closed: whose consent is not known has not given it. A cameo that is being asked for is let pass: it is made on the
    home instance of whoever is shown, once they have agreed.

    A consent (LikenessAuthorization) names the finished video that it was given for. Who gave one to the asker is taken to know
    them: another draft may be made. Each published video still needs its own.
    """

    name: Final = "likeness"
    stages: Final[frozenset[Stage]] = frozenset({"inputs", "likeness"})
    when_broken: Final[Literal["open", "closed"]] = "closed"

    def __init__(self, surroundings: Surroundings) -> None:
        self._db = surroundings.db
        self._host, self._base = surroundings.db.instance.uris.host, surroundings.db.instance.uris.base
        self._portraits = Portraits(surroundings.db, surroundings.settings.denylist_distance)

    async def check(self, stage: Stage, subject: Subject) -> Verdict:
        """Deny when somebody who is named has not agreed, or when an input is a picture that somebody else enrolled."""
        if stage == "inputs":
            return await self._portraits.check(subject)
        asked = (*subject.likenesses, *_strings(subject.options.get("likenesses")))
        handles, addresses = named(subject.prompt)
        if not asked and not handles and not addresses:
            return ALLOW
        missing = await self._db.read(lambda session: self._missing(session, subject.actor_id, asked, handles, addresses,
                                                                       subject.generation_id))
        if not missing:
            return ALLOW
        whose = " and ".join(f"{name}'s" for name in missing)
        return Verdict("deny", "needs-consent",
                       f"This needs {whose} consent: a video shows nobody who has not agreed to it. Leave them out, or ask "
                       f"them for a cameo: {self._base}{CAMEO}?account={quote(missing[0], safe='@:')}", {"people": missing})

    def _missing(self, session: Session, asker_id: int, uris: tuple[str, ...], handles: list[tuple[str, str]],
                 addresses: list[str], generation_id: int | None) -> list[str]:
        """Handles or addresses of those who have not agreed, in the order in which they are named."""
        asker, now = actors.get(session, asker_id), self._db.clock()
        people: dict[str, Actor | None] = {}
        for uri in uris:
            people[uri] = actors.by_uri(session, uri)
        for name, host in handles:
            found = actors.by_handle(session, name, "" if host in ("", self._host) else host)
            if host or found is not None:  # `@name` is a word like any other when nobody here is called so
                people[f"@{name}@{host or self._host}"] = found
        for address in addresses:
            found = session.scalar(select(Actor).where(
                or_(Actor.uri == address, Actor.url == address), Actor.type.in_(("Person", "Service"))).limit(1))
            owner, mark, number = address.rpartition("/characters/")
            if found is None and mark and number.isascii() and number.isdecimal():
                found = actors.by_uri(session, owner)
            if found is not None:
                people[address] = found
        being_asked = consents.asked_by(session, generation_id)
        return [self._called(shown, person) for shown, person in people.items()
                if person is None or (person.id not in {asker.id, *being_asked}
                                      and not consents.likeness_given(session, person.uri, asker.uri, now))]

    def _called(self, shown: str, person: Actor | None) -> str:
        return f"@{person.username}@{person.domain or self._host}" if person is not None else shown


def _strings(given: object) -> tuple[str, ...]:
    return tuple(one for one in given if isinstance(one, str)) if isinstance(given, list | tuple) else ()
