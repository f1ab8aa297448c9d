"""The gate for flashing videos, which can bring on seizures: WCAG 2.3.1, counted in the finished file (`media.flashes`)."""
from __future__ import annotations

from typing import Final, Literal

from ...media.standing import Standing
from ...translations import Sentence
from .base import ALLOW, Stage, Subject, Surroundings, Verdict

SECONDS: Final = 28.0
REASON: Final = Sentence("This video flashes more than three times a second, which can bring on seizures. Ask for a calmer one, "
                         "without strobes, lightning or quick cuts between light and dark.")


class Flash:
    """Denies or holds, as FEDISORA_FLASH_CHECK says."""

    name: Final = "flash"
    when_broken: Final[Literal["open", "closed"]] = "closed"

    def __init__(self, surroundings: Surroundings) -> None:
        self._child = Standing("flashes")
        self._decision = surroundings.settings.flash_check
        self.stages: frozenset[Stage] = frozenset() if self._decision == "off" else frozenset({"frames"})

    async def check(self, stage: Stage, subject: Subject) -> Verdict:
        """Look at every frame of the whole clip."""
        if subject.output is None or self._decision == "off":
            return ALLOW
        found = await self._child.run({"path": str(subject.output)}, timeout=SECONDS)
        worst = {kind: found[kind] for kind in ("general", "red") if found[kind]}
        return Verdict(self._decision, "flashes", REASON, worst) if worst else ALLOW
