"""What a page must not lack for people who cannot see or point (WCAG 2.2 A and AA, as far as programs see)."""
from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

_LOOK = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


def faults(page: Page) -> list[str]:
    """What is wrong with the page as it is shown now; [] when nothing was found."""
    found: list[str] = page.evaluate(_LOOK)
    return found
