"""The AI dial: how much AI somebody wants to see, as plain values and as the sieve that lists are read through.

It acts on what is declared or verified, never on a guess about pixels. The switches only take away: no switch brings back what
the stop leaves out. Source: design.md ("the AI dial"); docs/guide/dial.md says the same to people.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..errors import Invalid

STOPS: Final = ("none", "little", "as it comes", "mostly", "only")
AS_IT_COMES: Final = 2
SWITCHES: Final = ("bots", "mixed", "undeclared", "procedural")
AI: Final = frozenset({"machine", "mixed"})
NOT_AI: Final = frozenset({"human", "procedural", "undeclared"})
MADE: Final = ("human", "mixed", "machine", "procedural", "undeclared")
"""Every value of `Status.made` but NULL (a post without files)."""


@dataclass(frozen=True)
class Dial:
    """One person's setting.

    Attributes:
        stop: index into `STOPS`.
        bots: show what accounts post that are run by a program.
        mixed: show what was changed by AI.
        undeclared: show files of which nobody said how they were made.
        procedural: show what was drawn by a program without a trained model.
    """

    stop: int = AS_IT_COMES
    bots: bool = True
    mixed: bool = True
    undeclared: bool = True
    procedural: bool = True

    def to_json(self) -> dict[str, Any]:
        """As it is stored and answered."""
        return {"stop": self.stop, **{name: getattr(self, name) for name in SWITCHES}}


@dataclass(frozen=True)
class Sieve:
    """What a list leaves out, by how the files of a post were made.

    Attributes:
        never: kinds that are left out.
        followed: kinds that are shown only from accounts that the viewer follows.
        agents: whether posts and boosts of accounts run by a program stay.
        text: whether posts without files stay.
    """

    never: frozenset[str] = frozenset()
    followed: frozenset[str] = frozenset()
    agents: bool = True
    text: bool = True


def parse(value: Mapping[str, Any] | None) -> Dial:
    """A stored or sent setting; what is missing is as it comes.

    Raises:
        Invalid: no such stop, or a switch that is neither true nor false.
    """
    given = value or {}
    stop = given.get("stop", AS_IT_COMES)
    if not isinstance(stop, int) or isinstance(stop, bool) or not 0 <= stop < len(STOPS):
        raise Invalid("The stop is a number from 0 (no AI) to 4 (only AI).")
    switches = {name: given.get(name, True) for name in SWITCHES}
    for name, on in switches.items():
        if not isinstance(on, bool):
            raise Invalid(f"{name} is true or false.")
    return Dial(stop, **switches)


def sieve(dial: Dial | None, *, ai_free: bool = False) -> Sieve | None:
    """What a list leaves out for this setting; None: nothing, and then it costs nothing.

    Args:
        ai_free: the list is a public one of an AI-free instance: AI only from accounts that the viewer follows.
    """
    dial = dial or Dial()
    never, followed, text = {
        0: (AI, frozenset(), True), 1: (frozenset(), AI, True), 2: (frozenset(), frozenset(), True),
        3: (frozenset(), NOT_AI, True), 4: (NOT_AI, frozenset(), False)}[dial.stop]
    never = never | {name for name in ("mixed", "undeclared", "procedural") if not getattr(dial, name)}
    if ai_free:
        followed = followed | AI
    found = Sieve(frozenset(never), frozenset(followed - never), dial.bots, text)
    return None if found == Sieve() else found


def stored(dial: Dial) -> dict[str, Any] | None:
    """What `users.dial` keeps: nothing for a setting that leaves nothing out."""
    return None if dial == Dial() else dial.to_json()
