"""Asking the installed extensions, from outside: a child process per batch, with limits of time and size.

Whatever an extension does (raise, loop, print without end, eat memory, end the process), the others are still asked, the
caller gets an answer, and the fault is named.
"""
from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

from ..errors import Transient
from . import spare
from .process import _kill, _tail

MOST_LINES: Final = 5000
MOST_DEATHS: Final = 3
"""Children that one extension may take with it in a batch; after that the rest of its claims wait for a better version."""


AT_ONCE: Final = 3
"""Children of a process at a time: each may use a good deal of memory."""
_SLOTS: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def _slots() -> asyncio.Semaphore:
    return _SLOTS.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))


@dataclass(frozen=True)
class Patience:
    """Seconds without a word after which an extension counts as slow: while it is imported, and in one call."""

    importing: float = 15.0
    step: float = 2.0


@dataclass(frozen=True)
class Fault:
    """One thing that an extension did wrong. `kind`: `raised`, `slow`, `huge` or `import`."""

    extension: str
    kind: str
    message: str


@dataclass
class Answer:
    """What came out: results in the order of the questions (see `extension_child`), and faults."""

    results: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    """Extensions that were given up."""


class ExtensionHost:
    """Runs batches. Safe for concurrent use: every batch has a child of its own."""

    def __init__(self, patience: Patience | None = None, *, entry: tuple[str, str, Sequence[Path]] | None = None,
                 start: spare.Start = spare.start) -> None:
        """
        Args:
            entry: instead of the installed extensions one alone: (name, `module:attribute`, folders to import from).
            start: where a child comes from.
        """
        self._start = start
        self._patience = patience or Patience()
        self._entry = {} if entry is None else {"entry": {"name": entry[0], "value": entry[1],
                                                          "paths": [str(path) for path in entry[2]]}}

    async def describe(self) -> Answer:
        """Descriptions of all extensions that can be imported (`registry.describe`), by name.

        Raises (here and below):
            Transient: no child can be started.
        """
        return await self._all({"op": "describe"}, lambda answer: {})

    async def inspect(self) -> Answer:
        """The one extension of `entry`, right or wrong: [{"problems": [text], "description", "validates"}], or faults."""
        return await self._all({"op": "inspect"}, lambda answer: None)

    async def judge(self, items: Sequence[Mapping[str, Any]], only: Sequence[str] | None = None) -> Answer:
        """Ask about claims.

        Args:
            items: [{"id": int, "node": the claim, "context": the document's `@context`?}]
            only: import no extensions but these.

        Returns:
            results [{"id", "status": valid | invalid | failed | absent, "problems": [{"path", "message"}]}], one per item.
        """
        left = {int(item["id"]): dict(item) for item in items}
        answer = Answer()

        def rest(latest: Answer) -> dict[str, Any] | None:
            for result in latest.results:
                left.pop(int(result["id"]), None)
            return {"items": list(left.values())} if left else None

        request = {"op": "judge", "items": list(left.values()), "only": None if only is None else list(only)}
        found = await self._all(request, rest)
        known = {int(result["id"]): result for result in found.results}
        answer.results = [known.get(int(item["id"]), {"id": item["id"], "status": "failed", "problems": []}) for item in items]
        answer.faults, answer.dead = found.faults, found.dead
        return answer

    async def hook(self, name: str, *arguments: Mapping[str, Any], only: Sequence[str] | None = None) -> Answer:
        """Let extensions with this hook (all, or `only` these) make claims: results [{"extension", "claim",
        "status", "problems"}]."""
        done: set[str] = set()

        def rest(latest: Answer) -> dict[str, Any]:
            done.update(result["extension"] for result in latest.results)
            return {"skip": sorted(done)}

        return await self._all({"op": "hook", "hook": name, "arguments": [dict(item) for item in arguments],
                                "only": None if only is None else list(only)}, rest)

    async def _all(self, request: dict[str, Any], rest: Any) -> Answer:
        """Start children until one gets to its end, leaving out what killed the former ones."""
        answer, deaths, failing = Answer(), dict[str, int](), dict[str, Fault]()
        describing = request["op"] == "describe"
        while True:
            latest = Answer()
            async with _slots():
                ended, last, step, fault = await self._once(request, latest)
            answer.results = latest.results if describing else answer.results + latest.results
            for item in latest.faults:
                failing.setdefault(f"{item.extension} {item.kind} {item.message}", item)
            if ended:
                break
            if last is None:
                raise Transient("Claims cannot be checked right now.", cause=f"no extension child: {fault.message}")
            failing.setdefault(f"{fault.extension} {fault.kind}", fault)
            deaths[last] = deaths.get(last, 0) + 1
            if isinstance(step, int) and not isinstance(step, bool):
                answer.results.append({"id": step, "status": "failed", "problems": []})
                latest.results.append(answer.results[-1])
            changed = rest(latest)
            if changed is None:
                break
            request = {**request, **changed}
            if step in ("import",) or request["op"] != "judge" or deaths[last] >= MOST_DEATHS:
                answer.dead.add(last)
            request["skip"] = sorted({*request.get("skip", ()), *answer.dead})
        answer.faults = list(failing.values())
        return answer

    async def _once(self, request: dict[str, Any], answer: Answer) -> tuple[bool, str | None, Any, Fault]:
        """One child: (whether it got to its end, who was asked last, in which step, what that one did wrong)."""
        process = await self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        errors = asyncio.create_task(_tail(process.stderr))
        name: str | None = None
        step: Any = "import"
        kind, message = "raised", ""
        try:
            process.stdin.write(json.dumps({**request, **self._entry}).encode() + b"\n")
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it ended early; its status says why
                await process.stdin.drain()
            for _ in range(MOST_LINES):
                async with asyncio.timeout(self._patience.importing if step == "import" else self._patience.step):
                    line = await process.stdout.readline()
                if not line:
                    break
                said = json.loads(line)
                if "begin" in said:
                    name, step = str(said["begin"]), said["step"]
                elif "fault" in said:
                    answer.faults.append(Fault(**said["fault"]))
                elif "result" in said:
                    answer.results.append(said["result"])
                elif said.get("end"):
                    return True, name, step, Fault("", "", "")
            status = await asyncio.wait_for(process.wait(), self._patience.step)
            tail = (await errors).decode(errors="replace").strip().rpartition("\n")[2][-120:]
            kind, message = _death(status, tail)
        except TimeoutError:
            kind, message = "slow", f"It did not answer within {self._patience.step:g} s."
            if step == "import":
                message = f"Importing it took more than {self._patience.importing:g} s."
        except ValueError:  # a line that is too long, or no JSON
            kind, message = "huge", "It answered more than anybody would read."
        finally:
            _kill(process.pid)  # the whole group: an extension may have started processes of its own
            await process.wait()
            errors.cancel()
            await asyncio.gather(errors, return_exceptions=True)
            process.stdin.close()
        if step == "import" and kind == "raised":
            kind = "import"
        return False, name, step, Fault(name or "", kind, message)


def _death(status: int, tail: str) -> tuple[str, str]:
    """What it means that the child ended before its time."""
    import signal

    if status == -signal.SIGXCPU:
        return "slow", "It used more processor time than a batch of claims may."
    if status == -signal.SIGKILL:
        return "huge", "It used more memory than there is."
    return "raised", f"It ended the process (status {status})." + (f" {tail}" if tail else "")
