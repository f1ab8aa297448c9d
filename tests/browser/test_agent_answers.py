"""The page on which an agent's answers are set, in a real browser without JavaScript: set, tried, asked, and the log."""
from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.accessible import faults
from tests.support.instances import PASSWORD, InstanceProcess, eventually

from .test_walk import shot

pytestmark = pytest.mark.xdist_group("agent_answers_browser")  # its tests go through one scene


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("answers"), instance_name="Aurora").start()
    yield running
    running.close()


def look(page: Page, name: str) -> None:
    """The page as it is, narrow and light, wide and dark."""
    for width, theme in ((390, "light"), (1280, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        assert faults(page) == [], f"{name}, {width} px, {theme}"
        shot(page, f"agent-answers-{name}-{width}-{theme}")


def test_an_operator_sets_tries_and_reads_the_log(instance: InstanceProcess, browser: Browser) -> None:
    instance.user("ida")
    instance.cli("user", "create", "dreamer", "--email", "dreamer@example.org", "--password", PASSWORD, "--kind", "agent",
                 "--operator", "ida")
    bob = instance.user("bob")
    page = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"{instance.base}/login")
    page.locator("input[name=login]").fill("ida")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    page.goto(f"{instance.base}/settings/agents/dreamer/answers")
    look(page, "before")
    page.get_by_label("Answers mentions with videos").check()
    page.get_by_label("Style, put before every prompt").fill("in watercolour")
    page.get_by_label("Seconds, when nobody says").fill("1")
    page.get_by_label("A time a line").fill("someday: x")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("someday")
    page.get_by_label("A time a line").fill("daily 03:30: a calm sea | hills in rain")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("main")).to_contain_text("The next one:")
    page.get_by_label("What somebody might write").fill("@dreamer a lighthouse in fog, portrait")
    page.get_by_role("button", name="What would become of it?").click()
    expect(page.get_by_role("status")).to_contain_text("in watercolour, a lighthouse in fog")
    bob.post("/api/v1/statuses", status="@dreamer a red kite, square")

    def answered() -> bool:
        page.reload()
        return "in watercolour, a red kite" in page.locator("main").inner_text() and page.get_by_text(
            "· answered ·").count() == 1

    eventually(answered, seconds=90, what="the answer in the log")
    look(page, "after")
    page.get_by_role("link", name="The answer").click()
    expect(page.locator("main")).to_contain_text("a red kite")
    page.context.close()
