"""What goes on inside a pipeline: its stages, its steps, and stopping it.

Told by forward-pre-hooks on its modules and by its progress bar, because not every pipeline has callbacks, and the flag that
some have for stopping (`_interrupt`) still decodes a video.
"""
from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import torch

from ..base import Cancelled, Progress

STAGES = ("text", "denoise", "decode")
AHEAD = 2
"""Blocks that may wait in the GPU's queue: what was launched cannot be cancelled."""


class Watch:
    """Tells what a pipeline does, and stops it. One for all pipelines that share modules."""

    def __init__(self) -> None:
        self._watched: set[int] = set()
        self._launched: deque[Any] = deque()
        self._forget()

    def _forget(self) -> None:
        self._tell: Progress = lambda stage, share: None
        self._told = ("", 0.0)
        self._cancelled: Callable[[], bool] = lambda: False
        self._stage = -1
        self._decoded = 0
        self._decodes = 1
        self._launched.clear()
        self.steps = 0

    def _progress(self, stage: str, share: float) -> None:
        if (stage, share) != self._told:
            self._told = (stage, share)
            self._tell(stage, share)

    def check(self) -> None:
        """Raises Cancelled when the job was."""
        if self._cancelled():
            raise Cancelled

    @contextlib.contextmanager
    def heard(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """While a model is loaded for a job: `check` asks it."""
        self._cancelled = cancelled
        try:
            yield
        finally:
            self._forget()

    def attach(self, pipe: Any) -> None:
        """Put hooks on every module of a pipeline that has none yet. Compiled blocks are checked from outside: a hook inside
        would be compiled with them."""
        on_gpu = torch.cuda.is_available()
        for name, part in pipe.components.items():
            if not isinstance(part, torch.nn.Module) or id(part) in self._watched:
                continue
            self._watched.add(id(part))
            inside: set[int] = set()
            blocks = _blocks(part) if on_gpu else set()
            for module in part.modules():
                compiled = getattr(module, "_compiled_call_impl", None)
                if compiled is not None:
                    inside |= {id(child) for child in module.modules()}
                    module._compiled_call_impl = self._around(compiled, brake=id(module) in blocks)
                elif id(module) not in inside:
                    module.register_forward_pre_hook(self._look)
                    if id(module) in blocks:
                        module.register_forward_pre_hook(self._brake)
            self._mark(name, part)

    def _mark(self, name: str, part: Any) -> None:
        if name.startswith(("text_encoder", "image_encoder")):
            part.register_forward_pre_hook(lambda *_: self._enter("text"))
        elif name.startswith(("transformer", "unet")):
            part.register_forward_pre_hook(lambda *_: self._enter("denoise"))
        elif name == "vae" and hasattr(part, "decoder"):
            part.decoder.register_forward_pre_hook(self._decoding)
            self._vae = part

    def _look(self, *_: Any) -> None:
        self.check()

    def _brake(self, *_: Any) -> None:
        event = torch.cuda.Event()
        event.record()
        self._launched.append(event)
        if len(self._launched) > AHEAD:
            self._launched.popleft().synchronize()
            self.check()

    def _around(self, call: Callable[..., Any], *, brake: bool) -> Callable[..., Any]:
        def checked(*arguments: Any, **named: Any) -> Any:
            self.check()
            if brake:
                self._brake()
            return call(*arguments, **named)

        return checked

    def _enter(self, stage: str) -> None:
        """A stage begins, and those before it are over. Nothing happens when it or a later one has begun."""
        at = STAGES.index(stage)
        if at > self._stage:
            if self._stage >= 0:
                self._progress(STAGES[self._stage], 1.0)
            self._stage = at
            self._progress(stage, 0.0)

    def _decoding(self, _: Any, arguments: tuple[Any, ...]) -> None:
        if STAGES[self._stage] == "text":
            return  # some pipelines decode nothing before; a source video is only encoded
        self._enter("decode")
        self._decoded += 1
        self._progress("decode", min(0.99, (self._decoded - 1) / self._decodes))

    def bar(self, iterable: Any = None, total: int | None = None) -> Bar:
        """In place of a pipeline's `progress_bar`: it knows the true number of steps."""
        count = total if total is not None else len(iterable) if iterable is not None else 1
        self.steps = max(1, count)
        self._enter("denoise")
        return Bar(lambda share: self._progress("denoise", share), iterable, self.steps, self.check)

    def plan(self, latent_frames: int, tiles: int) -> None:
        """How often the decoder will run at most, for the share of the stage `decode`."""
        self._decodes = max(1, latent_frames * tiles)

    @contextlib.contextmanager
    def during(self, pipe: Any, progress: Progress, cancelled: Callable[[], bool]) -> Iterator[None]:
        """While a pipeline runs for a job."""
        self._tell, self._cancelled = progress, cancelled
        pipe.progress_bar = self.bar
        self._enter("text")
        try:
            yield
        finally:
            steps = self.steps
            self._forget()
            self.steps = steps


def _blocks(part: Any) -> set[int]:
    """The members of the outermost lists of modules: what a model repeats."""
    found: set[int] = set()

    def search(module: Any) -> None:
        for child in module.children():
            if isinstance(child, torch.nn.ModuleList):
                found.update(id(block) for block in child)
            else:
                search(child)

    search(part)
    return found


class Bar:
    """Stands in for tqdm."""

    def __init__(self, say: Callable[[float], None], iterable: Any, total: int, check: Callable[[], None]) -> None:
        self._say, self._items, self._total, self._check, self._done = say, iterable, total, check, 0

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def __iter__(self) -> Iterator[Any]:
        for item in self._items:
            yield item
            self.update()

    def update(self, count: int = 1) -> None:
        """Another step is done."""
        self._done += count
        self._say(min(1.0, self._done / self._total))
        self._check()
