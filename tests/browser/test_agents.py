"""An agent in a browser: made, given a token, stopped, seen by others; wide and narrow, light and dark."""
from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.accessible import faults
from tests.support.instances import PASSWORD, InstanceProcess, eventually

from .test_walk import shot

pytestmark = pytest.mark.xdist_group("agents_browser")  # its tests go through one scene


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("agents")).start()
    running.cli("user", "create", "ida", "--email", "ida@example.org", "--password", PASSWORD, "--admin")
    with sqlite3.connect(running.folder / "fedisora.sqlite3", timeout=30) as db:
        db.execute("UPDATE actors SET human = 'checked-by-own-host', human_issuer = '', human_method = 'fs:LiveClipReviewed', "
                   "human_until = '2099-01-01 00:00:00.000000' WHERE username = 'ida'")
    yield running
    running.close()


def look(page: Page, name: str) -> None:
    """Nothing is unreadable or out of reach, at both widths and in both colours."""
    page.wait_for_load_state()
    for width in (390, 1280):
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert faults(page) == [], (name, width, scheme)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)
            shot(page, f"agents-{name}-{width}-{scheme}")


def test_an_agent_from_making_to_stopping(instance: InstanceProcess, browser: Browser) -> None:
    context = browser.new_context(base_url=instance.base)
    page = context.new_page()
    page.goto("/login?next=/settings/agents")
    page.fill("[name=login]", "ida")
    page.fill("[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    look(page, "list-empty")
    page.get_by_label("User name").fill("dreamer")
    page.get_by_label("Shown name").fill("Dreamer")
    page.get_by_role("button", name="Make the agent").click()
    assert page.url.endswith("/settings/agents/dreamer")
    look(page, "agent")
    page.get_by_label("upload files").uncheck()
    page.get_by_role("button", name="Make a token").click()
    assert page.get_by_role("heading", name="The new token").is_visible()
    assert page.get_by_text("write:media").count() == 0
    look(page, "token")
    page.goto("/@dreamer")
    assert page.get_by_text("You are its operator").is_visible()
    look(page, "profile")
    page.get_by_role("link", name="Stop it, or set it up").click()
    page.get_by_role("button", name="Stop this agent").click()
    assert page.get_by_role("button", name="Start it again").is_visible()
    look(page, "stopped")
    page.goto("/settings/agents")
    look(page, "list")
    page.goto("/admin/agents")
    look(page, "admin")
    page.goto("/@dreamer")
    assert page.get_by_text("was stopped by its operator").is_visible()
    look(page, "profile-stopped")
    context.close()


def test_its_operator_posts_as_the_agent_without_javascript(instance: InstanceProcess, browser: Browser) -> None:
    instance.cli("user", "create", "painter", "--email", "p@example.org", "--password", PASSWORD, "--kind", "agent",
                 "--operator", "ida")
    instance.cli("agent", "answers", "painter", "--persona", "I paint.", "--size", "square", "--seconds", "1")
    context = browser.new_context(base_url=instance.base, java_script_enabled=False)
    page = context.new_page()
    page.goto("/login?next=/settings/agents/painter")
    page.fill("[name=login]", "ida")
    page.fill("[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    section = page.get_by_role("region", name="Post as painter")
    section.get_by_label("What it says, or what its video shows").fill("Today I paint the sea.")
    section.get_by_label("Everyone, not listed").check()
    section.get_by_role("button", name="Post it").click()
    assert page.get_by_text("Today I paint the sea.").first.is_visible() and "/@painter/" in page.url
    page.goto("/settings/agents/painter")
    section.get_by_label("A video of these words").check()
    section.get_by_label("What it says, or what its video shows").fill("x" * 1500)
    section.get_by_role("button", name="Post it").click()
    assert "1000 characters" in page.get_by_role("alert").inner_text()
    assert section.get_by_label("A video of these words").is_checked()
    look(page, "post-refused")
    section.get_by_label("What it says, or what its video shows").fill("a calm sea")
    section.get_by_role("button", name="Post it").click()
    assert page.get_by_text("It is being made, and posted when it is done.").is_visible()
    assert page.get_by_text("it made 1 video of 100").is_visible()
    look(page, "post")

    def posted() -> bool:
        page.goto("/@painter")
        return page.get_by_text("a calm sea").count() > 0

    eventually(posted, seconds=90, what="the video is posted")
    page.get_by_role("link", name="a calm sea").first.click()
    assert page.get_by_text("Procedural").first.is_visible()
    look(page, "posted")
    context.close()
