"""Gates of other packages may raise, hang, or answer nonsense: each is open or closed then."""
from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import pytest

from fedisora.errors import ConfigurationError
from fedisora.generation.safety import ALLOW, Gates, Stage, Subject, Verdict
from fedisora.generation.safety.gates import GROUP

SUBJECT = Subject(1, "human", "a prompt")


class Made:
    """A gate that answers as it is told."""

    def __init__(self, answer: Any, *, name: str = "made", stages: tuple[Stage, ...] = ("prompt",),
                 when_broken: Any = "closed") -> None:
        self.name, self.stages, self.when_broken = name, frozenset(stages), when_broken
        self.asked: list[tuple[str, Subject]] = []
        self._answer = answer

    async def check(self, stage: Stage, subject: Subject) -> Verdict:
        self.asked.append((stage, subject))
        found = self._answer() if callable(self._answer) else self._answer
        result: Verdict = await found if asyncio.iscoroutine(found) else found
        return result


def ask(*gates: Made, stage: Stage = "prompt", timeout: float = 5) -> Verdict:
    return asyncio.run(Gates(gates, timeout=timeout).run(stage, SUBJECT))


def raising(error: BaseException) -> Callable[[], Any]:
    def answer() -> Any:
        raise error
    return answer


async def for_ever() -> Any:
    await asyncio.Event().wait()


async def stubborn() -> Any:
    """Does not let itself be cancelled for a while."""
    end = asyncio.get_running_loop().time() + 1
    while asyncio.get_running_loop().time() < end:
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            continue


BROKEN = {
    "raises": raising(ValueError("no")), "exits": raising(SystemExit(3)), "cancels": raising(asyncio.CancelledError()),
    "says nothing": None, "says true": True, "says something else": Verdict("maybe"),  # type: ignore[arg-type]
    "hangs": for_ever, "hangs and will not be stopped": stubborn}


@pytest.mark.parametrize("how", BROKEN)
def test_a_closed_gate_that_is_broken_holds(how: str) -> None:
    verdict = ask(Made(BROKEN[how]), timeout=0.2)
    assert (verdict.decision, verdict.code, verdict.gate) == ("hold", "gate-failed", "made")
    assert verdict.reason == "A check could not be made. A moderator will look at it." and verdict.evidence["error"]


@pytest.mark.parametrize("how", BROKEN)
def test_an_open_gate_that_is_broken_lets_pass_and_the_next_one_is_asked(how: str) -> None:
    deny = Made(Verdict("deny", "no", "No."), name="next")
    assert ask(Made(BROKEN[how], when_broken="open"), timeout=0.2).decision == "allow"
    assert ask(Made(BROKEN[how], when_broken="open"), deny, timeout=0.2).decision == "deny"


def test_a_broken_gate_hides_no_denial_behind_it() -> None:
    assert ask(Made(raising(ValueError())), Made(Verdict("deny", "no", "No."), name="next")).decision == "deny"


def test_a_denial_ends_it_and_holds_are_told_together() -> None:
    first, second = Made(Verdict("hold", "a", "A?"), name="a"), Made(Verdict("hold", "b", "B?", {"x": 1}), name="b")
    late = Made(ALLOW, name="late")
    held = ask(first, second, late)
    assert (held.gate, held.code, held.reason, len(late.asked)) == ("a", "a", "A?", 1)
    assert held.evidence == {"also": [{"gate": "b", "stage": "prompt", "code": "b", "reason": "B?", "evidence": {"x": 1}}]}
    denied = ask(first, Made(Verdict("deny", "c", "No."), name="c"), late)
    assert (denied.decision, denied.gate, len(late.asked)) == ("deny", "c", 1)


def test_only_gates_of_the_stage_are_asked() -> None:
    gate = Made(Verdict("deny", "no", "No."), stages=("frames",))
    assert ask(gate) is ALLOW and not gate.asked
    assert ask(gate, stage="frames").decision == "deny"


def test_what_a_gate_says_is_cut_to_what_can_be_kept() -> None:
    verdict = ask(Made(Verdict("deny", "c" * 99, "", {"thing": object()})))
    assert (verdict.code, verdict.reason, verdict.evidence) == ("c" * 32, "This server does not allow this.",
        {"left_out": "not JSON"})
    assert "left_out" in ask(Made(Verdict("hold", "", "?", {"long": "x" * 30_000}))).evidence


def test_a_cancelled_asker_does_not_wait_for_the_gate() -> None:
    async def go() -> None:
        task = asyncio.create_task(Gates([Made(stubborn)]).run("prompt", SUBJECT))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 0.5)

    asyncio.run(go())


def test_a_gate_that_works_in_a_thread_holds_up_nobody() -> None:
    async def go() -> None:
        released = threading.Event()
        slow = Made(lambda: asyncio.to_thread(released.wait, 5))
        task = asyncio.create_task(Gates([slow], timeout=0.1).run("prompt", SUBJECT))
        assert (await task).code == "gate-failed"
        released.set()

    asyncio.run(go())


@pytest.mark.parametrize("gates", [
    [Made(ALLOW), Made(ALLOW)], [Made(ALLOW, name="")], [Made(ALLOW, name="x" * 41)], [Made(ALLOW, stages=("before",))],  # type: ignore[arg-type]
    [Made(ALLOW, when_broken="ajar")]], ids=["twice", "no name", "long name", "stage", "neither open nor closed"])
def test_an_instance_does_not_start_with_a_gate_that_is_no_gate(gates: list[Any]) -> None:
    with pytest.raises(ConfigurationError):
        Gates(gates)


def test_our_own_gates_are_registered_as_others_are() -> None:
    assert {"blocklist"} <= {entry.name for entry in entry_points(group=GROUP)}
