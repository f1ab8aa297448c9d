"""Who an object is for: `to` and `cc`, and the four visibilities they stand for (ActivityPub §5.6, §6; Mastodon)."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from .parse import ids_of
from .vocabulary import PUBLIC, PUBLIC_ALIASES

Visibility = Literal["public", "unlisted", "private", "direct"]
MAX_RECIPIENTS = 500
"""Recipients read from each of `to` and `cc`; nobody addresses more people than that."""


@dataclass(frozen=True)
class Audience:
    """Primary and secondary recipients, as ids; `as:Public` in its full form."""

    to: tuple[str, ...]
    cc: tuple[str, ...]

    @property
    def everybody(self) -> frozenset[str]:
        return frozenset(self.to + self.cc)


def audience_of(document: dict[str, Any]) -> Audience:
    """to and cc of a document (bto and bcc are nobody's business)."""
    def read(name: str) -> tuple[str, ...]:
        return tuple(PUBLIC if uri in PUBLIC_ALIASES else uri for uri in ids_of(document.get(name))[:MAX_RECIPIENTS])

    return Audience(read("to"), read("cc"))


def visibility(audience: Audience, followers_uri: str | None) -> Visibility:
    """Mastodon's reading: Public in `to`, in `cc`, the author's followers, or only who is named."""
    if PUBLIC in audience.to:
        return "public"
    if PUBLIC in audience.cc:
        return "unlisted"
    if followers_uri and followers_uri in audience.everybody:
        return "private"
    return "direct"


def audience_for(kind: Visibility, followers_uri: str, mentions: Iterable[str] = ()) -> Audience:
    """to and cc of a post of ours."""
    named = tuple(dict.fromkeys(mentions))
    if kind == "public":
        return Audience((PUBLIC,), (followers_uri, *named))
    if kind == "unlisted":
        return Audience((followers_uri,), (PUBLIC, *named))
    if kind == "private":
        return Audience((followers_uri,), named)
    return Audience(named, ())


def strip_blind(document: Any) -> Any:
    """A copy without bto and bcc, at any depth (ActivityPub §6)."""
    if isinstance(document, dict):
        return {name: strip_blind(value) for name, value in document.items() if name not in ("bto", "bcc")}
    if isinstance(document, list):
        return [strip_blind(item) for item in document]
    return document
