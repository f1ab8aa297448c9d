"""Strangers' vocabularies in a process of their own: `python -m fedisora.media.extension_child`.

In: one JSON line, {"op": "describe" | "judge" | "hook" | "inspect", …}. Out: JSON lines. {"begin": NAME} before every step
into an extension's code, so that whoever waits knows whom to blame when nothing follows; {"fault": {…}} and {"result": {…}}
as they come; {"end": true} last. What extensions print goes to stderr.

Resource limits are set before the first extension is imported. They contain mistakes: an installed package runs with the
rights of the server, here as anywhere in Python.
"""
from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from .. import errors
from ..provenance import claims
from ..provenance.extension import Extension, Problem
from ..provenance.registry import GROUP, HOOKS, Registry, describe, faults_of, judge, load
from .child import _read_request, _watch_parent
from .limits import Limits

LIMITS: Final = Limits(memory=768, cpu=30, file=0, files=64)
Say = Callable[[dict[str, Any]], None]


def _entries(request: Mapping[str, Any]) -> Iterator[importlib.metadata.EntryPoint]:
    """The installed entry points, or the one that is being checked."""
    if "entry" in request:
        given = request["entry"]
        sys.path[:0] = given["paths"]
        yield importlib.metadata.EntryPoint(given["name"], given["value"], GROUP)
        return
    # ours first: a package that calls itself `energy` or sits in our namespace does not push the bundled one out
    yield from sorted(importlib.metadata.entry_points(group=GROUP),
                      key=lambda entry: (not entry.value.startswith("fedisora.extensions."), entry.name, entry.value))


def _fault(name: str, error: BaseException) -> dict[str, Any]:
    kind = "huge" if isinstance(error, MemoryError | errors.TooLarge | RecursionError) else "raised"
    text = error.text if isinstance(error, errors.FedisoraError) else f"{type(error).__name__}: {error}"
    return {"fault": {"extension": name, "kind": kind, "message": text[:claims.LONGEST]}}


def _registry(request: Mapping[str, Any], say: Say) -> Registry:
    """Import what is asked for, one after the other."""
    registry, skip, only = Registry(), set(request.get("skip", ())), request.get("only")
    for entry in _entries(request):
        if entry.name in skip or (only is not None and entry.name not in only):
            continue
        say({"begin": entry.name, "step": "import"})
        try:
            extension = load(entry)
            if extension.name != entry.name:
                raise errors.ConfigurationError(f"Its entry point is called {entry.name}, it calls itself {extension.name}: "
                                                "use one name.")
            registry.add(extension)
        except BaseException as error:  # SystemExit too: a stranger's package may raise anything
            found = _fault(entry.name, error)
            found["fault"]["kind"] = "import"
            if entry.dist is not None:  # which one to uninstall, when two have a name
                package = f" (Package {entry.dist.name[:60]}.)"
                found["fault"]["message"] = found["fault"]["message"][:claims.LONGEST - len(package)] + package
            say(found)
    return registry


def _describe(request: Mapping[str, Any], registry: Registry, say: Say) -> None:
    for extension in registry.extensions:
        say({"result": describe(extension)})


def _judge(request: Mapping[str, Any], registry: Registry, say: Say) -> None:
    for item in request["items"]:
        node, context = item["node"], item.get("context")
        named = registry.name(node, context)
        if named.extension is None:
            say({"result": {"id": item["id"], "status": "absent", "problems": []}})
            continue
        extension = named.extension
        say({"begin": extension.name, "step": item["id"]})
        try:
            problems = judge(named, node)
        except BaseException as error:
            say(_fault(extension.name, error))
            say({"result": {"id": item["id"], "status": "failed", "problems": []}})
            continue
        say({"result": {"id": item["id"], **_shown(problems)}})


def _shown(problems: Sequence[Problem]) -> dict[str, Any]:
    return {"status": "invalid" if problems else "valid",
            "problems": [{"path": problem.path, "message": problem.message} for problem in problems]}


def _hook(request: Mapping[str, Any], registry: Registry, say: Say) -> None:
    hook = request["hook"]
    assert hook in HOOKS
    for extension in registry.extensions:
        function = getattr(extension, hook)
        if function is None:
            continue
        say({"begin": extension.name, "step": hook})
        try:
            found = [(node, judge(registry.name(node), node)) for node in _made(extension, function(*request["arguments"]))]
            for node, problems in found:
                say({"result": {"extension": extension.name, "claim": node, **_shown(problems)}})
        except BaseException as error:
            say(_fault(extension.name, error))


def _made(extension: Extension, nodes: Any) -> list[Any]:
    """What a hook answered: all of it or none.

    Raises:
        TooLarge: more or larger claims than a file may have.
        Invalid: not a claim of the extension's own, or one that cannot be signed.
    """
    found: list[Any] = []
    for node in nodes or ():
        if len(found) >= claims.MOST:
            raise errors.TooLarge(f"A hook answered more than {claims.MOST} claims.")
        if not isinstance(node, Mapping):
            raise errors.Invalid("A hook answered something that is not a claim: use EXTENSION.claim(…).")
        try:
            found.append(json.loads(claims.body_of(node)))
        except errors.Invalid as error:
            raise errors.TooLarge(error.text) from error
        named = claims.name(node, None, [extension])
        reason = claims.storable(node)
        if named.extension is None or reason:
            raise errors.Invalid(reason or "A hook made a claim in another vocabulary than its own.")
    return found


def _inspect(request: Mapping[str, Any], say: Say) -> None:
    """One extension as it is, and all that is wrong with it."""
    for entry in _entries(request):
        say({"begin": entry.name, "step": "import"})
        try:
            extension = load(entry)
            problems = faults_of(extension)
            if extension.name != entry.name:
                problems.insert(0, f"Its entry point is called {entry.name}, it calls itself {extension.name}: use one name.")
            say({"result": {"problems": problems, "description": {} if problems else describe(extension),
                            "validates": extension.validate is not None}})
        except BaseException as error:
            found = _fault(entry.name, error)
            found["fault"]["kind"] = "import"
            say(found)


OPERATIONS: Final = {"describe": _describe, "judge": _judge, "hook": _hook}


def main() -> None:
    """Entry point."""
    answer = os.dup(1)
    os.dup2(2, 1)
    request = _read_request()
    threading.Thread(target=_watch_parent, daemon=True).start()
    LIMITS.apply()
    os.nice(5)

    def say(message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(answer, data):]

    if request["op"] == "inspect":
        _inspect(request, say)
    else:
        OPERATIONS[request["op"]](request, _registry(request, say), say)
    say({"end": True})
    os._exit(0)  # threads that an extension started, and its exit handlers, have no say


if __name__ == "__main__":
    main()
