"""Who is behind an account, and whose word counts, in a browser: readable, reachable, and without JavaScript."""
from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.accessible import faults
from tests.support.instances import PASSWORD, InstanceProcess

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("badges")]


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceProcess]:
    found = InstanceProcess(tmp_path_factory.mktemp("badges"))
    found.start()
    found.user("vera")
    found.user("dreamer", kind="agent", operator="vera")
    found.cli("user", "create", "mod", "--email", "mod@example.org", "--password", PASSWORD, "--admin")
    found.cli("human", "verify", "vera", "--method", "live-clip", "--reason", "met")
    yield found
    found.close()


def look(page: Page, name: str) -> None:
    """The page as it is, narrow and light, wide and dark: nothing is missing, nothing lies outside."""
    for width, theme in ((390, "light"), (1280, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        assert faults(page) == [], f"{name}, {width} px, {theme}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} scrolls sideways at {width}"


def test_profiles_say_who_is_behind_them(instance: InstanceProcess, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(f"{instance.base}/@vera")
    expect(page.locator(".chips").first).to_contain_text(f"Human · checked by {instance.host}")
    panel = page.locator("#who")
    expect(panel).to_contain_text("has checked that a person is behind this account")
    expect(panel.locator("details")).to_contain_text("Live clip, seen by a moderator")
    look(page, "profile")
    page.goto(f"{instance.base}/@dreamer")
    expect(page.locator("#who")).to_contain_text("Both accounts say who answers for it.")
    expect(page.locator("#who .chip.human")).to_contain_text("checked by")
    look(page, "agent")
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto(f"{instance.base}/search?q=vera")
    beside = page.locator(".list.people > li > .grow").first
    expect(beside).to_contain_text("vera")
    page.locator(".list.people .chip i").first.evaluate("it => it.textContent = '· checked by a.rather.long.host.example'")
    assert beside.evaluate("it => it.offsetWidth") > 180  # the name is not squeezed into a column of letters
    page.goto(f"{instance.base}/@mod")
    expect(page.locator(".chips").first).to_contain_text("Says it is human")
    assert page.locator(".chip.human").count() == 0
    look(page, "unchecked")
    page.close()


def test_whose_word_counts_is_decided_without_javascript(instance: InstanceProcess, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{instance.base}/login")
    page.locator("input[name=login]").fill("mod")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    page.goto(f"{instance.base}/admin/verifiers")
    page.get_by_role("textbox", name="Server").fill("verify.example.org")
    page.get_by_label("Why (for administrators)").fill("meets people at libraries")
    page.get_by_role("button", name="Trust it").click()
    expect(page.locator("main")).to_contain_text("meets people at libraries")
    page.goto(f"{instance.base}/settings/verifiers")
    expect(page.locator("aside")).to_contain_text("verify.example.org")
    page.get_by_label("This server and those I list").check()
    page.get_by_label("Servers I list, one a line").fill("verify.example.org")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("This server and those I list")).to_be_checked()
    cookies = context.cookies()
    context.close()
    seeing = browser.new_context()
    seeing.add_cookies(cookies)  # type: ignore[arg-type]
    page = seeing.new_page()
    for path in ("/admin/verifiers", "/settings/verifiers"):
        page.goto(instance.base + path)
        look(page, path)
    seeing.close()
