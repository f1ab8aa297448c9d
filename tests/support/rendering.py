"""Generations without a web server: rows to be made, hosts that make them, and a backend that fails in every way."""
from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedisora.app import House, build_house
from fedisora.generation.host import Host
from fedisora.generation.presets import PROCEDURAL, Preset
from fedisora.models import Generation
from fedisora.services import accounts
from fedisora.settings import load_settings
from fedisora.store import generation_queue


async def until(condition: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Wait for a condition, on the event loop.

    Raises:
        TimeoutError: it did not come within `seconds`.
    """
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)  # between two looks


FAULTY = Preset("faulty", "Fails as its prompt says", "faulty", ("text",), {"square": ((64, 64),)}, fps=8, max_seconds=10.0,
                gpu_class="cpu", repository="faulty")
CODE = '''
"""A backend for fault tests: the prompt says what happens, as STAGE:FAULT, and in which stages it lingers."""
import os, signal, time
from pathlib import Path
from fedisora.errors import ConfigurationError
from fedisora.generation.backends.base import Cancelled, OutOfMemory
from fedisora.generation.backends.procedural import Procedural

HERE = Path(__file__).parent

class Faulty:
    held = 1 << 20
    source = {}

    def render(self, request, progress, cancelled):
        stage, _, fault = request.prompt.partition(":")
        for name in ("text", "denoise", "decode", "encode"):
            progress(name, 0.0)
            if name == stage:
                self.fail(fault, request, cancelled)
            if name == "denoise":
                made = Procedural().render(request, progress, cancelled)
            if cancelled():
                raise Cancelled
        made["parameters"] |= self.source
        self.source = {}
        return made

    def memory(self):
        return self.held

    def fail(self, fault, request, cancelled):
        if fault == "linger":
            while not cancelled():
                time.sleep(0.01)
            raise Cancelled
        while fault == "wait" and (HERE / f"wait-{request.prompt.partition(':')[0]}").exists() and not cancelled():
            time.sleep(0.01)
        if fault == "deaf":
            time.sleep(60)
        if fault == "oom" and not request.low_memory:
            raise OutOfMemory("CUDA out of memory. Tried to allocate 20.00 GiB")
        if fault == "source":
            self.source = {"source": Path(request.video).stat().st_size, "strength": request.strength}
        if fault == "hopeless":
            raise OutOfMemory("CUDA out of memory. Tried to allocate 99.00 GiB")
        if fault == "error":
            raise ValueError("no such kernel")
        if fault == "leak":
            self.held += 1 << 30
        if fault.isdecimal():
            os.kill(os.getpid(), int(fault))

def load(model, options):
    flag = Path(os.environ["FAULTY_LOAD"]) if "FAULTY_LOAD" in os.environ else None
    said = flag.read_text() if flag and flag.exists() else ""
    if said == "missing":
        raise ConfigurationError("The weights of faulty are missing: run `fedisora model fetch faulty`.")
    while (HERE / "slow").exists():
        time.sleep(0.01)
    if said == "slow":
        flag.with_name("begun").touch()
        while flag.exists():
            time.sleep(0.01)
    if said.isdecimal():
        os.kill(os.getpid(), int(said))
    return Faulty()
'''


def install_faulty(folder: Path) -> Path:
    """The package of the faulty backend, as a stranger's would be installed; the folder for PYTHONPATH."""
    info = folder / "faulty_backend-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "faulty_backend.py").write_text(CODE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty-backend\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[fedisora.generation]\nfaulty = faulty_backend:load\n")
    return folder


@dataclass
class Shop:
    """An instance without a server: rows are inserted, hosts are started by hand."""

    house: House
    author: int

    @classmethod
    def open(cls, folder: Path, database_url: str = "", **settings: Any) -> Shop:
        """A new instance with one account."""
        house = build_house(load_settings(folder, base_url="https://here.example", database_url=database_url, **settings))
        found = house.db.write_now(lambda uow: accounts.create(uow, "ada", "ada@example.org", "correct horse battery"))
        return cls(house, found.actor_id)

    def ask(self, prompt: str = "a thought", model: str = "procedural", **values: Any) -> int:
        """A queued generation, small; its id."""
        def insert(uow: Any) -> int:
            row = Generation(id=uow.new_id(), actor_id=self.author, payer_id=self.author, created_at=uow.now, **({
                "prompt": prompt, "seed": str(secrets.randbits(30)), "width": 64, "height": 64, "seconds": 0.25, "fps": 8,
                "frames": 2, "backend": model, "model": model} | values))
            uow.session.add(row)
            uow.session.flush()
            generation_queue.admit(uow, row)
            return int(row.id)

        return self.house.db.write_now(insert)

    def row(self, generation_id: int) -> Generation:
        return self.house.db.read_now(lambda session: session.get_one(Generation, generation_id))

    def change(self, generation_id: int, **values: Any) -> None:
        """Change a row as another process would, and ring."""
        def write(uow: Any) -> None:
            for name, value in values.items():
                setattr(uow.session.get_one(Generation, generation_id), name, value)
            uow.ring(f"generation:{generation_id}")

        self.house.db.write_now(write)

    def host(self, name: str = "one", **more: Any) -> Host:
        """A host that makes both models. Call it within the running loop."""
        house = self.house
        return Host(house.db, house.storage, house.gates, house.bells, owner=f"{house.name}:{name}", worker=name,
                    models={"procedural": PROCEDURAL, "faulty": FAULTY}, **more)

    def run(self, work: Callable[[Host], Coroutine[Any, Any, Any]], **more: Any) -> Any:
        """Run something with a host, in a loop of its own."""
        async def go() -> Any:
            await self.house.open()
            host = self.host(**more)
            try:
                return await work(host)
            finally:
                await host.close()
                await self.house.client.close()

        return asyncio.run(go())

    def make(self, generation_id: int, **more: Any) -> Generation:
        """Let a host work until nothing is due; the row afterwards."""
        async def work(host: Host) -> None:
            while await host.run_once():
                pass

        self.run(work, **more)
        return self.row(generation_id)

    def files(self) -> list[Path]:
        """What lies in the storage."""
        return sorted(path for path in (self.house.settings.data_dir / "media").rglob("*") if path.is_file())

    def close(self) -> None:
        self.house.db.close()
