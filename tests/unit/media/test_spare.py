"""A child that asks extensions, started before it is needed."""
from __future__ import annotations

import asyncio

import pytest

from fedisora.media import spare
from fedisora.media.extension_host import ExtensionHost
from fedisora.media.spare import Spare


def test_the_one_that_was_started_ahead_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        ahead = Spare()
        host = ExtensionHost(start=ahead.take)
        ahead.prepare()
        ahead.prepare()  # there is one
        assert ahead._coming is not None
        waiting = await ahead._coming
        names = {result["name"] for result in (await host.describe()).results}
        assert "energy" in names and waiting.returncode is not None, "it was used"
        assert {result["name"] for result in (await host.describe()).results} == names, "without one, a new one"

        ahead.prepare()
        killed = await ahead._coming
        killed.kill()
        await killed.communicate()
        process = await ahead.take()
        assert process.pid != killed.pid and process.returncode is None
        process.kill()
        await process.communicate()

        monkeypatch.setattr(spare, "KEPT", 0.0)
        ahead.prepare()
        forgotten = await ahead._coming
        await asyncio.wait_for(forgotten.wait(), 10)
        await ahead.close()

    asyncio.run(go())
