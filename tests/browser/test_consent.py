"""A cameo between two people in a real browser without JavaScript: asked, agreed, looked at, let go, published, taken down."""
from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from fedisora.models import Actor
from tests.support import cameos as support
from tests.support.accessible import faults
from tests.support.instances import PASSWORD, InstanceProcess, eventually

from .test_walk import shot

pytestmark = pytest.mark.xdist_group("consent")  # its tests go through one scene


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("cameo"), instance_name="Aurora").start()
    yield running
    running.close()


def look(page: Page, name: str) -> None:
    """The page as it is, narrow and light, wide and dark."""
    for width, theme in ((390, "light"), (1280, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        assert faults(page) == [], f"{name}, {width} px, {theme}"
        shot(page, f"consent-{name}-{width}-{theme}")


def log_in(browser: Browser, instance: InstanceProcess, name: str) -> Page:
    page = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"{instance.base}/login")
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    return page


def test_asked_agreed_looked_at_let_go_and_taken_down(instance: InstanceProcess, browser: Browser) -> None:
    instance.user("ada")
    instance.user("sue")
    with support.behind(instance) as house, tempfile.TemporaryDirectory() as folder:
        sue_id = house.db.read_now(lambda session: session.scalars(select(Actor.id).where(Actor.username == "sue")).one())
        support.enrol(house, sue_id, Path(folder))
    ada, sue = log_in(browser, instance, "ada"), log_in(browser, instance, "sue")
    ada.goto(f"{instance.base}/create")
    ada.get_by_role("link", name="With somebody").click()
    ada.get_by_label("Who is to be shown?").fill(f"@sue@{instance.host}")
    ada.get_by_role("button", name="See what they allow").click()
    expect(ada.locator("main")).to_contain_text("no ads")
    look(ada, "ask")
    ada.get_by_label("What should happen?").fill("she walks through fog")
    ada.get_by_label("What is the video for?").fill("a short film")
    ada.get_by_label("Square").check()
    ada.get_by_label("2 s").check()
    ada.get_by_label("I have read what they forbid").check()
    ada.get_by_role("button", name="Ask them").click()
    expect(ada.locator("main")).to_contain_text("Waits for the consent of")
    look(ada, "asked")

    def waits(words: str) -> bool:
        sue.goto(f"{instance.base}/consent")
        return words in sue.locator("main").inner_text()

    eventually(lambda: waits("wants to show you in a video"), what="the request in the inbox")
    look(sue, "inbox")
    sue.get_by_role("button", name="Yes, this once").click()
    eventually(lambda: waits("waits for this video of you"), seconds=120, what="the draft in the inbox")
    expect(sue.locator("main video")).to_have_count(1)
    look(sue, "draft")
    sue.get_by_role("button", name="Let it go").click()

    def ready() -> bool:
        ada.reload()
        return ada.get_by_role("button", name="Publish").count() > 0

    eventually(ready, seconds=60, what="the draft at ada's")
    ada.get_by_role("button", name="Publish").first.click()

    def given() -> bool:
        sue.goto(f"{instance.base}/consent")
        return sue.get_by_role("button", name="Take back").count() == 1

    eventually(given, seconds=60, what="stamped and published")
    look(sue, "given")
    sue.get_by_role("button", name="Take back").click()
    expect(sue.locator("main")).to_contain_text("may no longer publish")
    ada.goto(f"{instance.base}/@ada")
    guest = browser.new_context(java_script_enabled=False).new_page()
    guest.goto(f"{instance.base}/@ada")
    assert guest.locator("main video").count() == 0
    for page in (ada, sue, guest):
        page.context.close()
