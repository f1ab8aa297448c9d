"""Commands of `fedisora` as processes that are forked from one which has imported everything.

They are what `python -m fedisora …` is, without the second that starting Python and importing takes each time. (How a
command starts from nothing is tested where it matters: tests/integration/test_serve.py, tests/architecture.)
"""
from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["fedisora.cli", "fedisora.app", "fedisora.services.accounts"])


def run(arguments: Sequence[str], env: Mapping[str, str], *, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Run `fedisora ARGUMENTS` to its end.

    Raises:
        subprocess.TimeoutExpired: it did not end in time; it was killed.
    """
    with tempfile.TemporaryDirectory(prefix="fedisora-command-") as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = _context.Process(target=_main, args=(list(arguments), dict(env), str(out), str(err)))
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(["fedisora", *arguments], seconds)
        code = process.exitcode
        process.close()
        return subprocess.CompletedProcess(["fedisora", *arguments], code, out.read_text(), err.read_text())


def _main(arguments: list[str], env: dict[str, str], out: str, err: str) -> None:
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), number)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["fedisora", *arguments]

    from fedisora.cli_serve import main

    main()
