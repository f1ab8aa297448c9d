"""All gates of an instance, asked one after the other."""
from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from importlib.metadata import entry_points

import structlog

from ...errors import ConfigurationError
from .base import ALLOW, Gate, Stage, Subject, Surroundings, Verdict

log = structlog.get_logger()
GROUP = "fedisora.safety"


class Gates:
    """The gates of one instance."""

    def __init__(self, gates: Iterable[Gate]) -> None:
        self._gates = tuple(gates)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(gate.name for gate in self._gates)

    async def run(self, stage: Stage, subject: Subject) -> Verdict:
        """Ask every gate of a stage: the first denial ends it, a hold counts when nobody denies."""
        held = ALLOW
        for gate in self._gates:
            if stage not in gate.stages:
                continue
            verdict = await self._ask(gate, stage, subject)
            if verdict.decision == "deny":
                return verdict
            if verdict.decision == "hold" and held.decision == "allow":
                held = verdict
        return held

    async def _ask(self, gate: Gate, stage: Stage, subject: Subject) -> Verdict:
        try:
            verdict = await gate.check(stage, subject)
        except Exception as error:  # a gate of another package may fail in any way
            log.exception("a safety gate failed", gate=gate.name, stage=stage)
            if gate.when_broken == "open":
                return ALLOW
            return Verdict("hold", "gate-failed", "A check could not be made. A moderator will look at it.",
                           {"error": f"{type(error).__name__}: {error}"[:500]}, gate.name)
        return dataclasses.replace(verdict, gate=gate.name)


def load(surroundings: Surroundings) -> Gates:
    """Every gate that is installed, by name.

    Raises:
        ConfigurationError: one cannot be loaded: an instance does not start with a gate missing.
    """
    gates = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            gates.append(entry.load()(surroundings))
        except Exception as error:
            raise ConfigurationError(f"The safety gate {entry.name} ({entry.value}) cannot be loaded: {error}. Mend or "
                                     "remove the package that brings it.", cause=error) from error
    return Gates(gates)
