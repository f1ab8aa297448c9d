"""What becomes of a post that asks an agent, as data."""
from __future__ import annotations

from ...errors import Conflict
from ...models import AgentMention

STATES: dict[str, frozenset[str]] = {
    "received": frozenset({"ignored", "refused", "told", "making", "withdrawn"}),
    "making": frozenset({"held", "answered", "failed", "refused", "withdrawn"}),
    "held": frozenset({"held", "answered", "failed", "refused", "withdrawn"}),
    "answered": frozenset({"failed", "withdrawn"}),
    "failed": frozenset({"answered", "withdrawn"}),
    "refused": frozenset({"answered"}),
    "told": frozenset(),
    "ignored": frozenset(),
    "withdrawn": frozenset(),
}
"""`received`: not looked at yet. `making`: its video is in the making. `held`: a moderator looks at it. `answered`: with the
video. `failed`: it could not be made. `refused`: it was not to be. `told`: answered with words alone (help, being left alone).
`ignored`: no answer, and none will come. `withdrawn`: who asked deleted the post first. One that failed or was refused becomes
`answered` when its video is made after all (tried again by hand, or allowed after an appeal)."""
WAITING = ("making", "held")


def change(mention: AgentMention, state: str, reason: str | None = None) -> None:
    """Write a state.

    Raises:
        Conflict: it cannot go there.
    """
    if state not in STATES[mention.state]:
        raise Conflict(f"This request is {mention.state}: it cannot become {state}.", code="wrong-state")
    mention.state = state
    if reason is not None:
        mention.reason = reason
