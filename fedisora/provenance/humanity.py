"""What is known about an account being a person: by whom, how, until when. Never a bare tick.

Source: vocabulary.md §3; notes: "verified human".
"""
from __future__ import annotations

import datetime as dt
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


def holds(verdict: str | None, until: dt.datetime | None, now: dt.datetime) -> bool:
    """Whether an account counts as a verified human now: it was checked, and that has not run out."""
    return verdict in CHECKED and until is not None and until > now
