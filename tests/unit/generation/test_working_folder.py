"""Child processes do not import what lies in the folder in which the server was started."""
from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fedisora.generation.process import Runner
from fedisora.media.process import run_media_sync


def test_files_of_the_working_folder_are_no_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("six", "numpy", "PIL", "av", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a file of somebody else was run')")
    monkeypatch.chdir(tmp_path)
    output = tmp_path / "video.mp4"
    request = {"id": "1", "prompt": "a lake", "seed": 1, "width": 64, "height": 64, "seconds": 0.25, "fps": 8, "frames": 2,
               "output": str(output), "task": "text", "low_memory": False}

    async def make() -> None:
        runner = Runner()
        try:
            await runner.generate(request, lambda stage, share: None, poster=str(tmp_path / "poster.webp"))
        finally:
            await runner.close()

    asyncio.run(make())
    assert "general" in run_media_sync("flashes", {"path": str(output)}, timeout=60)
