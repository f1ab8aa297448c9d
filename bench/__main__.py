"""`make bench` runs them all, `make bench ARGS="federation"` one."""
from __future__ import annotations

import sys

from . import durable, federation, generation, gpu, idle, protocol

ALL = {"protocol": protocol.main, "idle": idle.main, "federation": federation.main, "durable": durable.main,
       "generation": generation.main, "gpu": gpu.main}


def main(names: list[str]) -> None:
    """Run benchmarks by name, or say which there are."""
    unknown = [name for name in names if name not in ALL]
    if unknown:
        raise SystemExit(f"No such benchmark: {', '.join(unknown)}. There are: {', '.join(ALL)}.")
    for name in names or [name for name in ALL if name != "gpu" or gpu.has_gpu()]:
        print(f"\n{name}: {(sys.modules[ALL[name].__module__].__doc__ or '').splitlines()[0]}")
        ALL[name]()


main(sys.argv[1:])
