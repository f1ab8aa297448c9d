"""What becomes of a remote post whose media nobody labelled, or whose signature does not hold: accept, warn, hold or reject.

A pure decision over facts (settings FEDISORA_UNLABELLED_MEDIA and FEDISORA_BADLY_SIGNED_MEDIA); `activities/inbound.py` asks it
when a post arrives, when it is edited and when the verdict on a file arrives. docs/operate/moderation.md says the same to people.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ACTIONS: Final = ("accept", "warn", "hold", "reject")
"""From the mildest to the strictest."""
WAITS: Final = frozenset({"hold", "reject"})
"""Actions for which a post is kept back until its files are checked: what may have to go is not shown first."""
CHECKED: Final = ("video", "image")
"""Kinds of files whose signature is checked."""
LABELLED: Final = ("video",)
"""Kinds of files that have to say how they were made. Not pictures: hardly any server labels them."""
BROKEN: Final = {
    "tampered": "Its file was changed after it was signed.",
    "contradicted": "Its file and its post say different things about how it was made.",
    "revoked": "The signature of its file was taken back.",
}
"""Verdicts (vocabulary §5) of badly signed files, and the sentence that says why."""
BAD_PROOF: Final = "The signature of the post does not hold."
UNLABELLED: Final = "Nobody says how its video was made."
UNCHECKED: Final = "Its file is being checked."


@dataclass(frozen=True)
class File:
    """What is known of a file.

    Attributes:
        kind: `video`, `image`, `audio` or `unknown`.
        labelled: the post or the file's own manifest says how it was made, in a value we know.
        verdict: of vocabulary §5; None before the check.
        awaited: a check is still to come.
    """

    kind: str
    labelled: bool = False
    verdict: str | None = None
    awaited: bool = False


@dataclass(frozen=True)
class Decision:
    """What becomes of the post.

    Attributes:
        action: one of `ACTIONS`.
        reason: a sentence for people; empty for `accept`.
    """

    action: str = "accept"
    reason: str = ""


def decide(files: Sequence[File], proof: str, *, unlabelled: str, badly_signed: str) -> Decision:
    """The strictest of what the settings ask for; of several equally strict ones the first.

    Args:
        files: of the post.
        proof: the integrity proof of the object: `valid`, `invalid` or `none`.
        unlabelled: what is done with videos that nobody labelled (one of `ACTIONS`).
        badly_signed: what is done with media whose signature, or whose post's, does not hold.
    """
    checked = [file for file in files if file.kind in CHECKED]
    found = [Decision(badly_signed, BAD_PROOF)] if checked and proof == "invalid" else []
    for file in checked:
        silent = file.kind in LABELLED and not file.labelled
        if file.verdict in BROKEN:
            found.append(Decision(badly_signed, BROKEN[file.verdict]))
        if file.awaited and (badly_signed in WAITS or (silent and unlabelled in WAITS)):
            found.append(Decision("hold", UNCHECKED))
        elif silent:
            found.append(Decision(unlabelled, UNLABELLED))
    strictest = max(found, key=lambda one: ACTIONS.index(one.action), default=Decision())
    return strictest if strictest.action != "accept" else Decision()


def cause_of(reason: str) -> str:
    """What is wrong, in a word or two, for the row of the activity in the inbox: `unlabelled`, `unchecked`, `badly signed`."""
    return {UNLABELLED: "unlabelled", UNCHECKED: "unchecked"}.get(reason, "badly signed")
