"""The browser that all these tests share."""
from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.environment import chromium_arguments, chromium_path, require


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, started once a file."""
    require("chromium")
    with sync_playwright() as tool:
        found = tool.chromium.launch(executable_path=str(chromium_path()), args=chromium_arguments())
        yield found
        found.close()
