"""The generation worker: one claimed generation at a time on one card, and the row that says that this worker is there."""
from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from fedisora.db import UnitOfWork
from fedisora.errors import ConfigurationError
from fedisora.generation import scratch
from fedisora.generation.host import Host
from fedisora.generation.offer import classes, offered
from fedisora.generation.power import Device, device
from fedisora.generation.presets import Preset
from fedisora.store import generation_workers

if TYPE_CHECKING:
    from fedisora.app import House

log = structlog.get_logger()
BEAT = 10.0
"""Seconds between two signs of life; `generation_workers.GONE` is some of them."""


@dataclass(frozen=True)
class Options:
    """What a worker is started with.

    Attributes:
        gpu: number of the card; empty: what CUDA_VISIBLE_DEVICES says, or any.
        models: names; empty: all that the instance offers.
        name: of its row; empty: one of this process's own.
        once: make one video, then end.
    """

    gpu: str = ""
    models: tuple[str, ...] = ()
    name: str = ""
    once: bool = False


class Renderer:
    """A generation host of this process, with its row in `generation_workers`."""

    def __init__(self, house: House, options: Options) -> None:
        self._house = house
        self._options = options
        self._device = Device("cpu")
        self._problem = ""
        self._leaving = False
        self._beating: asyncio.Task[None] | None = None
        self._host: Host | None = None
        self.name = options.name or (f"{socket.gethostname()[:40]}-gpu{options.gpu}" if options.gpu else house.name)

    @property
    def host(self) -> Host:
        """What renders, once it is started."""
        assert self._host is not None
        return self._host

    @property
    def classes(self) -> list[str]:
        """GPU classes whose queues it serves."""
        return classes(self.host.models)

    async def start(self) -> None:
        """Say that it is there.

        Raises:
            ConfigurationError: a model was named that the instance does not offer.
        """
        house, options = self._house, self._options
        models = await self._offered()
        if options.models and self._problem:
            raise ConfigurationError(self._problem)
        program = all(preset.backend == "procedural" for preset in models.values())
        card = options.gpu or ("" if program else os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0])
        if card:
            self._device = await device(card)
        self._host = Host(house.db, house.storage, house.gates, house.bells, owner=house.owner("generation"), worker=self.name,
                          models=models, gpu=options.gpu, measured=card if self._device.memory_mb else "",
                          private=house.private)
        await asyncio.to_thread(scratch.clear)
        await self._register()
        self._beating = asyncio.create_task(self._beat())

    async def _offered(self) -> Mapping[str, Preset]:
        """What it may make videos with now: licences are accepted, and models fetched, while it runs."""
        try:
            models = await self._house.db.read(
                lambda session: offered(session, self._house.settings, self._options.models))
        except ConfigurationError as error:
            starting = self._host is None
            if error.text != self._problem and not (starting and self._options.models):  # that ends the start, and is said then
                log.error("no model can be offered", reason=error.text)
            self._problem = error.text
            return {}
        self._problem = ""
        return models

    async def _register(self) -> None:
        house, found = self._house, self._device
        watts = house.settings.generation_watts or found.limit_watts
        await house.db.write(lambda uow: generation_workers.register(
            uow, self.name, host=socket.gethostname()[:80], device=self._described(), memory_mb=found.memory_mb, watts=watts,
            models=list(self.host.models), gpu_classes=self.classes))

    def _described(self) -> str:
        """The device, and what keeps it from working: the row has no better place for that."""
        return "; ".join(filter(None, [self._device.name, self._problem, *self.host.problems()]))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            try:
                self.host.models = await self._offered()
                if not await self._house.db.write(self._alive):
                    await self._register()
            except Exception as error:  # a database that went away comes back
                log.warning("the worker cannot say that it lives", worker=self.name, error=str(error))

    def _alive(self, uow: UnitOfWork) -> bool:
        return generation_workers.beat(uow, self.name, device=self._described(), models=list(self.host.models),
                                       gpu_classes=self.classes)

    async def run_once(self) -> bool:
        """Make the next video; False when there was none, or none is to be taken any more."""
        return not self._leaving and await self.host.run_once()

    async def leave(self) -> None:
        """Take nothing new; returns when what is being made is done."""
        self._leaving = True
        await self._house.db.write(lambda uow: generation_workers.drain(uow, self.name))
        await self.host.free()

    async def stop(self) -> None:
        """End the child, and be gone."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        if self._host is not None:
            await self._host.close()
        await self._house.db.write(lambda uow: generation_workers.remove(uow, self.name))
