"""Whether somebody may be asked for a cameo, before it is tried: here by the owner's own rules, elsewhere by what their server
says when it is asked in the name of whoever asks."""
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from ..activities.consents import NOT_TAKEN
from ..activitypub import markup
from ..errors import Forbidden, Invalid, NotFound, Refused
from ..generation import cameos as rendering
from ..models import Actor
from ..services.cameos import asking
from ..services.cameos.publishing import handle_of
from ..services.likenesses import terms as terms_of
from ..store import likenesses

if TYPE_CHECKING:
    from ..app import House

MOST_CHARACTERS = 50


@dataclass(frozen=True)
class About:
    """One who may be shown: the person, or a character of theirs.

    Attributes:
        id: address of the character; "" for the person.
        may: whether whoever looks may ask; `reason` says why not.
        forbidden: what it must not be used for, in the owner's words.
    """

    id: str
    name: str
    summary: str
    may: bool
    reason: str
    forbidden: str
    until: str = ""


@dataclass(frozen=True)
class Terms:
    """What an owner's server says to one asker. `renders`: it has a model that starts from a picture."""

    owner: Actor
    handle: str
    renders: bool
    person: About
    characters: tuple[About, ...]

    def find(self, character: str) -> About:
        """The person, or one of the characters.

        Raises:
            NotFound: no such character.
        """
        found = self.person if not character else next((item for item in self.characters if item.id == character), None)
        if found is None:
            raise NotFound("There is no such character of theirs.")
        return found


def _about(found: dict[str, Any], name: str) -> About:
    def line(member: str, most: int) -> str:
        value = found.get(member)
        return markup.clean_line(value, most) if isinstance(value, str) else ""

    may = found.get("mayAsk") is True
    uri = found.get("id")
    return About(uri if isinstance(uri, str) and name == "" else "", name or line("name", 80), line("summary", 500), may,
                 "" if may else line("reason", 300) or NOT_TAKEN, line("forbidden", 1000), line("until", 40))


async def terms(house: House, actor: Actor, account: str) -> Terms:
    """What the owner of a likeness (a handle, or an address) lets this account ask.

    Raises:
        NotFound, Invalid: there is no such account.
        Forbidden: its server knows nothing of cameos.
        RemoteUnavailable: its server is silent.
    """
    if not account.strip():
        raise Invalid("Please say who is to be shown: @name@server.")
    wanted = account.strip()
    if wanted.startswith("@") and "@" not in wanted[1:]:
        wanted = f"{wanted}@{house.uris.host}"  # as people here write to each other
    owner, _ = await house.resolver.find(wanted)
    if owner is None or owner.type not in ("Person", "Service") or owner.suspended_at is not None:
        raise NotFound("There is no such person.")
    handle = handle_of(owner, house.uris.host)
    if owner.local:
        def here(session: Session) -> tuple[dict[str, Any], bool]:
            return (terms_of(session, house.uris, owner, actor, house.db.clock()),
                    rendering.model_for(session, house.settings, likenesses.active(session, owner.id)) is not None)

        found, renders = await house.db.read(here)
    else:
        if owner.cameo_terms is None:
            raise Forbidden("Their server takes no requests for cameos.", code="no-cameo")
        try:
            found = await house.fetcher.collection(f"{owner.cameo_terms}?{urlencode({'actor': actor.uri})}")
        except Refused as error:
            raise Forbidden("Their server does not say who may ask for a cameo.", code="no-cameo", cause=error) from error
        renders = found.get("renders") is True
    listed = found.get("characters")
    characters = tuple(_about(item, "") for item in (listed if isinstance(listed, list) else [])[:MOST_CHARACTERS]
                       if isinstance(item, dict))
    return Terms(owner, handle, renders, _about(found, handle), tuple(item for item in characters if item.id))


async def wish(house: House, actor: Actor, account: str, character: str, use: str, *, accepts: bool) -> asking.Wish:
    """A checked wish: whoever is asked lets this account ask now.

    Raises:
        Forbidden: they do not; the text says why.
        NotFound, Invalid, RemoteUnavailable: see `terms`.
    """
    found = await terms(house, actor, account)
    about = found.find(character)
    if not about.may:
        raise Forbidden(about.reason, code="no-cameo")
    if not found.renders:
        raise Forbidden("Their server has no model that makes a video from a picture, so it cannot make one.", code="no-cameo")
    return asking.Wish(found.owner.id, use, accepts, character or None, about.forbidden)
