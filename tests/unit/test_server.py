"""What a start says about the address it listens on."""
from __future__ import annotations

import pytest

from fedisora.server import misaddressed


@pytest.mark.parametrize(("base", "port"), [
    ("http://localhost:8000", 8000), ("http://localhost", 80), ("https://localhost", 443),
    ("https://video.example", 8000),  # behind a proxy
    ("http://localhost:8000", 0)])  # handed over by systemd, or any free one
def test_nothing_to_say(base: str, port: int) -> None:
    assert misaddressed(base, port) is None


def test_links_that_lead_nowhere_are_told_of() -> None:
    said = misaddressed("http://localhost:8000", 9191)
    assert said is not None
    assert "FEDISORA_BASE_URL=http://localhost:9191" in said
