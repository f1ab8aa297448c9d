"""What scopes of the client API hold: Mastodon's, and those of ours that no wider one contains."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Final

GUARDED: Final = ("read:verification", "write:verification", "read:likeness", "write:likeness")
"""How somebody was verified, and who may show their face. Held only by name: an app that asks to `read` timelines or to `write`
posts got no yes to these. No token of an agent has them."""
SCOPES: Final = ("read", "write", "follow", "push", "profile", "admin:read", "admin:write", *GUARDED)
TOLD: Final = {
    "read:verification": "It sees all that this server keeps about your verification: your cases and decisions, your passkeys' "
                         "names, who vouched for you.",
    "write:verification": "It can give your badge back and erase all about your verification. Neither can be undone.",
    "read:likeness": "It sees who may show you in videos, and whom you approved or blocked.",
    "write:likeness": "It can say who may show you in videos, and say yes to such videos for you.",
}
"""What somebody is told who is asked for one of them."""
_FOLLOW: Final = ("read:follows", "write:follows", "read:blocks", "write:blocks")


def contains(held: Iterable[str], wanted: str) -> bool:
    """Whether one of the held scopes is the wanted one or contains it (`read` contains `read:accounts`, `admin:read` its kinds,
    `follow` what Mastodon's does)."""
    held = tuple(held)
    if wanted in GUARDED:
        return wanted in held
    return (wanted in _FOLLOW and "follow" in held) or any(wanted == one or wanted.startswith(f"{one}:") for one in held)
