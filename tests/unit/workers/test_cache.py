"""Copies of other servers' files do not stay."""
from __future__ import annotations

import os
import time
from pathlib import Path

from fedisora.workers.housekeeping import _clear_cache

HOUR = 3600.0


def test_what_somebody_is_asked_about_goes_first(tmp_path: Path) -> None:
    _clear_cache(tmp_path / "absent")
    ages = {"consent-old": 2, "consent-new": .5, "file-old": 24 * 8, "file-new": 2}
    for name, hours in ages.items():
        path = tmp_path / name
        path.write_bytes(b"x")
        os.utime(path, (time.time() - hours * HOUR,) * 2)
    _clear_cache(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["consent-new", "file-new"]
