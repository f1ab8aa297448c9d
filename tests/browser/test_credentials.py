"""One's credential and the list of all of them in a browser: read on both sizes and in both lights, given back, taken back."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.accessible import faults
from tests.support.instances import PASSWORD, InstanceProcess

pytestmark = pytest.mark.xdist_group("credentials")  # its tests go through one scene

SHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("credentials")).start()
    running.cli("user", "create", "root1", "--email", "root1@example.org", "--password", PASSWORD, "--admin")
    for name in ("ada", "bea"):
        running.cli("user", "create", name, "--email", f"{name}@example.org", "--password", PASSWORD)
        running.cli("human", "verify", name, "--method", "live-clip", "--reason", "We met.")
    yield running
    running.close()


def logged_in(browser: Browser, instance: InstanceProcess, name: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"{instance.base}/login")
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_load_state()
    return page


def looked_at(page: Page, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        for light in ("light", "dark"):
            page.emulate_media(color_scheme=light)  # type: ignore[arg-type]
            page.screenshot(path=str(SHOTS / f"{name}-{width}-{light}.png"), full_page=True)
            assert faults(page) == [], (name, width, light)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)


def test_given_back_and_taken_back(instance: InstanceProcess, browser: Browser) -> None:
    ada, root = logged_in(browser, instance, "ada"), logged_in(browser, instance, "root1")
    ada.goto(f"{instance.base}/settings/human")
    mine = ada.get_by_role("region", name="Your credential")
    expect(mine).to_contain_text("live clip, seen by a moderator")
    looked_at(ada, "human-credential")
    mine.get_by_text("Give it back", exact=True).click()
    mine.get_by_label("I am sure").check()
    mine.get_by_role("button", name="Give my credential back").click()
    expect(ada.get_by_role("region", name="Your last credential")).to_contain_text("You gave it back.")

    root.goto(f"{instance.base}/admin/humans")
    expect(root.locator("main")).not_to_contain_text("@ada")
    looked_at(root, "admin-humans")
    root.locator("summary", has_text="Take back").click()
    root.get_by_label("Reason; the person reads it").fill("It was somebody else.")
    root.get_by_role("button", name="Take back").click()
    expect(root.locator("main")).to_contain_text("Nobody is verified yet.")
    root.get_by_role("link", name="Ended").click()
    expect(root.locator("main")).to_contain_text("It was somebody else.")
