"""The storage quota when several uploads of one account come side by side."""
from __future__ import annotations

import asyncio
from pathlib import Path

from fedisora.app import build_house
from fedisora.errors import StorageFull
from fedisora.services import accounts, instance
from fedisora.settings import load_settings
from fedisora.web.uploads import store_upload

SIZE = 300 << 10


def test_uploads_that_come_side_by_side_do_not_pass_the_quota_together(tmp_path: Path, database_url: str) -> None:
    house = build_house(load_settings(tmp_path, base_url="https://here.example", database_url=database_url, storage_quota_mb=2))

    async def scene() -> tuple[list[object], int]:
        await house.open()
        await house.db.write(instance.initialise)
        actor_id = await house.db.write(lambda uow: accounts.create(uow, "ada", "ada@example.org", "a fine password").actor_id)
        paths = [tmp_path / str(number) for number in range(8)]
        for path in paths:
            path.write_bytes(bytes(SIZE))
        found = await asyncio.gather(*(store_upload(house, path, actor_id, SIZE, description="", choice="") for path in paths),
                                     return_exceptions=True)
        await house.close()
        return found, sum(1 for _ in house.storage.list())

    found, files = asyncio.run(scene())
    assert sum(isinstance(item, int) for item in found) == files == 4  # of 300 KB, and 256 KB beside each that is there
    assert all(isinstance(item, int | StorageFull) for item in found)
