"""What is known about an account being a person: by whom, how, until when. Never a bare tick.

Source: vocabulary.md §3; notes: "verified human".
"""
from __future__ import annotations

import datetime as dt
import functools
import unicodedata
from typing import Final

OWN, TRUSTED, CLAIMED, EXPIRED, REVOKED, NONE = (
    "checked-by-own-host", "checked-by-trusted-issuer", "claimed", "expired", "revoked", "none")
VERDICTS: Final = (OWN, TRUSTED, CLAIMED, EXPIRED, REVOKED, NONE)
CHECKED: Final = (OWN, TRUSTED)
"""What counts as a verified human."""
METHODS: Final = {"live-clip": "fs:LiveClipReviewed", "vouch": "fs:Vouched", "oidc": "fs:OIDC",
                  "credential": "fs:PresentedCredential"}
"""Our name of a method → `assuranceMethod`."""
WORDS: Final = {"fs:LiveClipReviewed": "live clip, seen by a moderator", "fs:Vouched": "vouched for by verified people",
                "fs:OIDC": "signed in with an identity provider", "fs:PresentedCredential": "presented a credential"}
"""`assuranceMethod` → how it was checked, in words."""

SHORT: Final = {"fs:LiveClipReviewed": "live clip", "fs:Vouched": "vouched for", "fs:OIDC": "identity provider",
                "fs:PresentedCredential": "presented credential"}
"""`assuranceMethod` → the word for it in a profile field."""
FIELD: Final = "Verified human"
"""Name of the profile field that other software shows. Only the server writes it."""
_LOOK_ALIKES: Final = str.maketrans({
    **dict.fromkeys("1l|!ıіїιίӏɩɪ", "i"), **dict.fromkeys("0оοօ", "o"), **dict.fromkeys("3еёєεɛ", "e"),
    **dict.fromkeys("4аαɑ", "a"),
    **dict.fromkeys("пηոɴ", "n"), **dict.fromkeys("мμʍ", "m"), **dict.fromkeys("υսцʋ", "u"), **dict.fromkeys("һнհʜ", "h"),
    **dict.fromkeys("ԁժɗđ", "d"), **dict.fromkeys("гŗʀ", "r"), **dict.fromkeys("ѵνʌ", "v"), "ƒ": "f", "ғ": "f", "ſ": "s"})
"""Letters that pass for others in the word "Verified human", folded both there and in what is compared with it."""


def _skeleton(text: str) -> str:
    """Letters only, without case, accents and the commonest look-alikes."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold()).translate(_LOOK_ALIKES)
    return "".join(letter for letter in plain if letter.isalpha()).replace("rn", "m").replace("vv", "w")


_KEPT: Final = tuple(_skeleton(words) for words in (FIELD, "human verified", "verified as human", "verified person"))


@functools.lru_cache(maxsize=4096)  # the fields of a page's people, again and again
def reserved(name: str) -> bool:
    """Whether a profile field of this name could be taken for the server's word that somebody is a person."""
    found = _skeleton(name[:500])
    return any(kept in found for kept in _KEPT)


def field_value(host: str, method: str | None, until: dt.datetime) -> str:
    """Text of the profile field, the same in every language: by whom, how, until when."""
    how = SHORT.get(method or "")
    return f"by {host}{f' ({how})' if how else ''}, until {until.astimezone(dt.UTC):%Y-%m}"


def holds(verdict: str | None, until: dt.datetime | None, now: dt.datetime) -> bool:
    """Whether an account counts as a verified human now: it was checked, and that has not run out."""
    return verdict in CHECKED and until is not None and until > now
