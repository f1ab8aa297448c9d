"""Making a video in a real browser: by keyboard with live progress, and without JavaScript through a gate and a moderator."""
from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.accessible import faults
from tests.support.instances import PASSWORD, InstanceProcess, eventually

from .test_walk import shot, sign_up

PROMPT = "silver moon over a quiet fjord"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceProcess]:
    folder = tmp_path_factory.mktemp("making")
    (folder / "blocklist.txt").write_text("forbidden lighthouse\n")
    running = InstanceProcess(folder, instance_name="Aurora", registrations="open").start()
    yield running
    running.close()


def become_admin(page: Page, instance: InstanceProcess) -> None:
    page.goto(instance.setup_link)
    page.locator("input[name=username]").fill("root")
    page.locator("input[name=email]").fill("root@example.org")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_load_state()


def look(page: Page, name: str) -> None:
    """The page as it is, narrow and light, wide and dark: nothing is missing, nothing overlaps."""
    for width, theme in ((390, "light"), (1280, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        assert faults(page) == [], f"{name}, {width} px, {theme}"
        shot(page, f"making-{name}-{width}-{theme}")


def press_until(page: Page, key: str, focused: str) -> None:
    """Press a key until what the selector names has the focus."""
    for _ in range(40):
        page.keyboard.press(key)
        if page.evaluate("selector => document.activeElement.matches(selector)", focused):
            return
    raise AssertionError(f"{focused} cannot be reached with {key}")


def test_the_keyboard_makes_and_publishes_a_video(instance: InstanceProcess, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    noise: list[str] = []
    outside: list[str] = []
    page.on("console", lambda message: noise.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: outside.append(request.url)
            if not request.url.startswith((instance.base, "data:", "blob:")) else None)
    sign_up(page, instance.base, "ida")
    page.goto(f"{instance.base}/create")
    page.locator("textarea[name=prompt]").focus()
    page.keyboard.type(PROMPT)
    press_until(page, "Tab", "[name=orientation]")
    press_until(page, "ArrowRight", "[value=square]")
    plan = page.locator("#plan")
    expect(plan).to_contain_text("960 × 960")
    assert page.evaluate("document.activeElement.id") == "orientation-square", "the preview keeps the focus where it is"
    press_until(page, "Tab", "[name=seconds]")
    press_until(page, "ArrowLeft", "[value='2']")
    press_until(page, "Tab", "[name=variants]")
    press_until(page, "ArrowRight", "[name=variants][value='2']")
    expect(plan).to_contain_text("2 s, 48 pictures, 24 a second")
    expect(plan).to_contain_text("Cost")
    expect(page.locator("#said")).to_contain_text("Takes")
    look(page, "create")
    press_until(page, "Tab", "button:not([formaction])")
    page.keyboard.press("Enter")
    page.wait_for_url("**/create/jobs/*")
    job = page.url
    expect(page.locator("[data-job-now] .steps")).to_be_visible()
    expect(page.locator("[data-job-now] [aria-current=step]")).to_have_text("Draw", timeout=30_000)
    expect(page.locator("[data-job-said]")).to_have_text("Drawing")
    assert page.locator("[data-job-now]").evaluate("region => !region.closest('[aria-live]')"), "not every percent is read out"
    look(page, "progress")
    expect(page.get_by_role("region", name="Variants").get_by_role("link")).to_have_count(2)
    page.goto(f"{instance.base}/create/queue")
    look(page, "queue")
    page.get_by_role("button", name="Cancel", exact=False).last.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Did not become a video")).to_be_visible()
    page.goto(job)
    form = page.locator("form[action$='/publish']")
    form.wait_for(timeout=60_000)
    page.locator("details", has_text="What exactly was made").locator("summary").click()
    expect(page.locator("main")).to_contain_text("2 s, 48 pictures, 24 a second")
    look(page, "draft")
    page.locator("form[action$='/publish'] textarea").first.focus()
    page.keyboard.type("A quiet night")
    press_until(page, "Tab", "form[action$='/publish'] button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/@ida/*", timeout=30_000)
    assert (noise, outside) == ([], [])
    page.close()


def test_without_javascript_a_refusal_is_appealed_and_a_moderator_lets_it(instance: InstanceProcess, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    sign_up(page, instance.base, "ben")
    page.goto(f"{instance.base}/create")
    page.locator("textarea[name=prompt]").fill("A forbidden lighthouse in the fog")
    page.locator("input[value=landscape]").check(force=True)
    page.locator("input[name=seconds][value='2']").check(force=True)
    page.locator("summary", has_text="More").click()
    page.locator("input[name=seed]").fill("4711")
    page.get_by_role("button", name="Check first").click()
    expect(page.locator("#plan")).to_contain_text("1280 × 720")
    expect(page.locator("#plan")).to_contain_text("4711")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("textarea[name=prompt]")).to_have_value("A forbidden lighthouse in the fog")
    expect(page.locator("input[name=seed]")).to_have_value("4711")
    expect(page.locator("input[value=landscape]")).to_be_checked()
    page.get_by_role("link", name="Ask a moderator").click()
    job = page.url
    expect(page.get_by_role("heading", name="Not allowed here")).to_be_visible()
    page.locator("summary", has_text="Ask a moderator").click()
    shot(page, "refused")
    page.locator("textarea[name=appeal]").fill("It is a painting by my grandmother.")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_role("heading", name="A moderator looks at it")).to_be_visible()

    room = browser.new_context(viewport={"width": 1280, "height": 900})
    desk = room.new_page()
    become_admin(desk, instance)
    desk.goto(f"{instance.base}/settings")
    desk.get_by_role("link", name="Generation").click()
    expect(desk.get_by_role("heading", name="Workers")).to_be_visible()
    desk.locator("input[name=reason]").first.fill("New graphics card")
    desk.get_by_role("button", name="Pause").first.click()
    expect(desk.get_by_role("status")).to_contain_text("is paused")
    desk.get_by_role("link", name="Held videos").click()
    expect(desk.locator("main")).to_contain_text("It is a painting by my grandmother.")
    look(desk, "held")
    desk.locator("textarea[name=note]").fill("A painting is fine.")
    desk.get_by_role("button", name="Allow").click()
    expect(desk.get_by_role("heading", name="Held videos (0)")).to_be_visible()

    def waits() -> bool:
        page.goto(job)
        return "New graphics card" in page.inner_text("main")

    eventually(waits, what="the queue, and why it does not go on")
    desk.get_by_role("link", name="Generation").click()
    look(desk, "admin-generation")
    desk.get_by_role("button", name="Go on").click()
    room.close()

    def ready() -> bool:
        page.goto(job)
        return page.locator("form[action$='/publish']").count() == 1

    eventually(ready, seconds=60, what="the draft")
    page.goto(f"{instance.base}/notifications")
    page.get_by_role("link", name="See the video").click()
    assert page.url == job
    expect(page.locator("main")).to_contain_text("A painting is fine.")
    context.close()
