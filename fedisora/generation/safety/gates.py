"""All gates of an instance, asked one after the other."""
from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Any, Final

import structlog

from ...db import Database
from ...errors import ConfigurationError
from ...store import screenings
from ...translations import Sentence
from .base import ALLOW, STAGES, Gate, Stage, Subject, Surroundings, Verdict

log = structlog.get_logger()
GROUP: Final = "fedisora.safety"
TIMEOUT: Final = 30.0
"""Seconds after which a gate counts as broken."""
_FAILED: Final = "A check could not be made. A moderator will look at it."
_SAID_NOTHING: Final = Sentence("This server does not allow this.")
_MOST_EVIDENCE: Final = 20_000


class Gates:
    """The gates of one instance.

    Args:
        gates: in the order in which they are asked.
        db: where decisions of moderators are remembered: what a moderator allowed is not held up again by the same gate.
        timeout: seconds for one answer.

    Raises:
        ConfigurationError: two of one name, or one that does not say what it is.
    """

    def __init__(self, gates: Iterable[Gate], db: Database | None = None, *, timeout: float = TIMEOUT) -> None:
        self._gates = tuple(gates)
        self._db = db
        self._timeout = timeout
        for gate in self._gates:
            problem = _problem(gate)
            if problem:
                raise ConfigurationError(f"The safety gate {getattr(gate, 'name', gate)!r} {problem}.")
        twice = {name for name in self.names if self.names.count(name) > 1}
        if twice:
            raise ConfigurationError(f"Two safety gates have the name {sorted(twice)[0]}. Remove one of their packages.")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(gate.name for gate in self._gates)

    def __iter__(self) -> Any:
        return iter(self._gates)

    async def run(self, stage: Stage, subject: Subject) -> Verdict:
        """Ask every gate of a stage: the first denial ends it, a hold counts when nobody denies.

        Further holds stand in the first one's evidence as `also`. What a moderator allowed for this generation (at stage
        `publish`: for this very text) counts as allowed. The evidence of stage `publish` has the text's SHA-256 as `text`.
        """
        holds: list[tuple[str, Verdict]] = []
        for gate in self._gates:
            if stage not in gate.stages:
                continue
            verdict = await self._ask(gate, stage, subject)
            if verdict.decision == "allow":
                continue
            if stage == "publish":
                verdict = dataclasses.replace(verdict, evidence={**verdict.evidence, "text": fingerprint(subject.text)})
            if await self._allowed_before(stage, subject, gate.name):
                continue
            if verdict.decision == "deny":
                return verdict
            holds.append((stage, verdict))
        return together(holds)

    async def each(self, stage: Stage, subject: Subject) -> list[Verdict]:
        """What every gate of a stage says, for an operator who wants to know."""
        return [await self._ask(gate, stage, subject) for gate in self._gates if stage in gate.stages]

    async def _allowed_before(self, stage: Stage, subject: Subject, gate: str) -> bool:
        wanted = subject.generation_id
        if self._db is None or wanted is None:
            return False
        text = fingerprint(subject.text) if stage == "publish" else None
        return await self._db.read(lambda session: screenings.allowed(session, wanted, gate, stage, text))

    async def _ask(self, gate: Gate, stage: Stage, subject: Subject) -> Verdict:
        task = asyncio.create_task(_answer(gate, stage, subject))
        try:
            # Not asyncio.timeout: a gate that swallows its cancellation would keep us waiting.
            done, _ = await asyncio.wait({task}, timeout=self._timeout)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()
            task.add_done_callback(lambda late: late.cancelled() or late.exception())
            return self._broken(gate, stage, f"no answer after {self._timeout:g} s")
        try:
            verdict = task.result()
        except (Exception, asyncio.CancelledError) as error:  # a gate of another package may fail in any way
            return self._broken(gate, stage, f"{type(error).__name__}: {error}", error)
        return verdict

    @staticmethod
    def _broken(gate: Gate, stage: Stage, why: str, error: BaseException | None = None) -> Verdict:
        log.error("a safety gate failed", gate=gate.name, stage=stage, why=why, when_broken=gate.when_broken, exc_info=error)
        if gate.when_broken == "open":
            return dataclasses.replace(ALLOW, gate=gate.name)
        return Verdict("hold", "gate-failed", _FAILED, {"error": why[:500]}, gate.name)


def fingerprint(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal: whether it is the very text that was decided about."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def together(holds: list[tuple[str, Verdict]]) -> Verdict:
    """One verdict of several holds, each with its stage: the first, with the others in its evidence. None: allow."""
    if not holds:
        return ALLOW
    (_, first), also = holds[0], list(holds[0][1].evidence.get("also", ()))
    for stage, one in holds[1:]:
        evidence = dict(one.evidence)
        nested = evidence.pop("also", ())
        also += [{"gate": one.gate, "stage": stage, "code": one.code, "reason": one.reason, "evidence": evidence}, *nested]
    return dataclasses.replace(first, evidence={**first.evidence, "also": also}) if also else first


async def _answer(gate: Gate, stage: Stage, subject: Subject) -> Verdict:
    try:
        verdict = await gate.check(stage, subject)
    except (SystemExit, KeyboardInterrupt) as error:  # would end the server
        raise RuntimeError(f"{type(error).__name__}: {error}") from error
    if not isinstance(verdict, Verdict) or verdict.decision not in ("allow", "deny", "hold"):
        raise TypeError(f"a gate answers with a Verdict, not {verdict!r}"[:300])
    if verdict.decision == "allow":
        return dataclasses.replace(ALLOW, gate=gate.name)
    evidence = dict(verdict.evidence)
    try:
        if len(json.dumps(evidence)) > _MOST_EVIDENCE:
            evidence = {"left_out": f"more than {_MOST_EVIDENCE} characters"}
    except (TypeError, ValueError):
        evidence = {"left_out": "not JSON"}
    return Verdict(verdict.decision, str(verdict.code or gate.name)[:32], str(verdict.reason or _SAID_NOTHING)[:500], evidence,
                   gate.name)


def _problem(gate: Any) -> str:
    name = getattr(gate, "name", None)
    if not isinstance(name, str) or not 1 <= len(name) <= 40:
        return "needs a `name` of 1 to 40 characters"
    if not set(getattr(gate, "stages", ("?",))) <= set(STAGES):
        return f"has stages other than {', '.join(STAGES)}"
    if getattr(gate, "when_broken", None) not in ("open", "closed"):
        return "says neither `open` nor `closed` as `when_broken`"
    return "" if callable(getattr(gate, "check", None)) else "has no `check`"


def load(surroundings: Surroundings) -> Gates:
    """Every gate that is installed, by name.

    Raises:
        ConfigurationError: one cannot be loaded: an instance does not start with a gate missing.
    """
    gates = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            gates.append(entry.load()(surroundings))
        except ConfigurationError:
            raise  # it says itself what to mend
        except Exception as error:
            raise ConfigurationError(f"The safety gate {entry.name} ({entry.value}) cannot be loaded: {error}. Mend or "
                                     "remove the package that brings it.", cause=error) from error
    return Gates(gates, surroundings.db)
