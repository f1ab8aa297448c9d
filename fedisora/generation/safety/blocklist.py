"""The gate for words: the built-in list and the operator's. A whole prompt is refused or held, never bent."""
from __future__ import annotations

import asyncio
from typing import Final, Literal

from . import builtin
from .base import ALLOW, Stage, Subject, Surroundings, Verdict
from .folding import readings
from .wordlist import EMPTY, Watched, WordList

PROMPT: Final = "Your prompt has words that this server does not allow: {}."
TEXT: Final = "Your text has words that this server does not allow: {}."
LOOKED_AT: Final = "A moderator has to look at this because of the words: {}."


def judge(text: str, own: WordList = EMPTY, *, refusal: str = PROMPT) -> Verdict:
    """What the lists say about a text; the first denial counts before any hold.

    Args:
        own: the operator's list.
        refusal: the sentence about the operator's words, with a place for them.
    """
    held = ALLOW
    for reading in readings(text):
        denied = own.deny.find(reading)
        if denied:
            return Verdict("deny", "blocklist", refusal.format(", ".join(sorted(denied))), {"words": sorted(denied)})
        found = builtin.look(reading)
        if found is not None:
            decision, code, reason, words = found
            verdict = Verdict("deny" if decision == "deny" else "hold", code, reason, {"words": words, "read_as": reading[:500]})
            if decision == "deny":
                return verdict
            held = verdict
        waits = own.hold.find(reading)
        if waits and held is ALLOW:
            held = Verdict("hold", "blocklist", LOOKED_AT.format(", ".join(sorted(waits))), {"words": sorted(waits)})
    return held


class Blocklist:
    """Prompts before they are queued, and what is published with a video.

    In a text of a post the built-in list holds instead of refusing: somebody may write about what nobody may make. Negative
    prompts are not looked at: they say what shall not be seen.
    """

    name: Final = "blocklist"
    stages: Final[frozenset[Stage]] = frozenset({"prompt", "publish"})
    when_broken: Final[Literal["open", "closed"]] = "closed"

    def __init__(self, surroundings: Surroundings) -> None:
        settings = surroundings.settings
        self._own = Watched(settings.prompt_blocklist, settings.data_dir)

    async def check(self, stage: Stage, subject: Subject) -> Verdict:
        """Look for words. Runs in a thread: the list may have changed on disk."""
        return await asyncio.to_thread(self._check, stage, subject)

    def _check(self, stage: Stage, subject: Subject) -> Verdict:
        own = self._own.now()
        if stage == "prompt":
            return judge(subject.prompt, own)
        verdict = judge(subject.text, own, refusal=TEXT)
        if verdict.decision == "deny" and verdict.code in (builtin.MINORS_CODE, builtin.UNWILLING_CODE):
            return Verdict("hold", verdict.code, "A moderator has to look at the text before this is published.",
                           verdict.evidence)
        return verdict
