"""Becoming a verified human in a browser: passkey, live clip, a moderator's look and decision, and the clip gone from disk."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.support.accessible import faults
from tests.support.environment import chromium_arguments, chromium_path, require
from tests.support.instances import PASSWORD, InstanceProcess, eventually, free_port

pytestmark = pytest.mark.xdist_group("enrolment")  # its tests go through one scene

SHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
FAKE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceProcess]:
    port = free_port()
    # a name: browsers give no passkeys to addresses
    running = InstanceProcess(tmp_path_factory.mktemp("enrolment"), port=port, base_url=f"http://localhost:{port}").start()
    running.base = f"http://localhost:{port}"
    for name in ("ada", "mo", "eva"):
        running.cli("user", "create", name, "--email", f"{name}@example.org", "--password", PASSWORD)
    running.cli("user", "role", "mo", "moderator")
    yield running
    running.close()


@pytest.fixture(scope="module")
def filmed() -> Iterator[Browser]:
    """Chromium with a camera and a microphone that are made up."""
    require("chromium")
    with sync_playwright() as tool:
        found = tool.chromium.launch(executable_path=str(chromium_path()), args=[*chromium_arguments(), *FAKE])
        yield found
        found.close()


def logged_in(browser: Browser, instance: InstanceProcess, name: str) -> BrowserContext:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{instance.base}/login")
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_load_state()
    page.close()
    return context


def looked_at(page: Page, name: str) -> None:
    """Kept for people, in both sizes and both lights; and nothing is missing for who cannot see or point."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    looks: tuple[tuple[int, Literal["light", "dark"]], ...] = ((390, "light"), (1280, "dark"))
    for width, light in looks:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=light)
        page.screenshot(path=str(SHOTS / f"{name}-{width}-{light}.png"), full_page=True)
        assert faults(page) == [], (name, width, light)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)


def sealed(instance: InstanceProcess) -> list[Path]:
    return sorted(instance.folder.glob("private/clips/*.sealed"))


def test_from_passkey_to_decision(instance: InstanceProcess, filmed: Browser) -> None:
    ada = logged_in(filmed, instance, "ada")
    page = ada.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    devices = ada.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True}})
    page.goto(f"{instance.base}/settings/human")
    looked_at(page, "human-start")
    page.get_by_label("Name for a new passkey").fill("Ada's key")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_label("Name of this passkey")).to_have_value("Ada's key")
    page.get_by_label("I agree that my clip").check()
    page.get_by_role("button", name="Go on to the recording").click()
    page.get_by_role("button", name="Turn the camera on").press("Enter")  # all of it works with the keyboard
    page.get_by_role("button", name="Record", exact=True).press("Enter")
    phrase = page.locator("[data-phrase]")
    expect(phrase).to_be_visible()
    first = phrase.inner_text()
    assert len(first.split()) == 4
    page.get_by_role("button", name="Stop").press("Enter", timeout=15_000)
    page.get_by_role("button", name="Record again").press("Enter")
    expect(phrase).not_to_have_text(first)  # a fresh one for each try
    spoken = phrase.inner_text()
    stop = page.get_by_role("button", name="Stop")
    expect(stop).to_be_visible(timeout=15_000)
    now = "document.querySelector('[data-live]').currentTime"
    start = page.evaluate(now)
    eventually(lambda: page.evaluate(now) > start + 1.6, what="something was recorded: shorter clips are refused")
    looked_at(page, "human-recording")
    stop.press("Enter")
    send = page.get_by_role("button", name="Send this clip")
    expect(send).to_be_focused()
    looked_at(page, "human-preview")
    send.press("Enter")
    expect(page.get_by_text("Your clip is here, sealed.")).to_be_visible(timeout=30_000)
    looked_at(page, "human-waiting")
    assert len(sealed(instance)) == 1
    assert not errors, errors

    mo = logged_in(filmed, instance, "mo")
    desk = mo.new_page()
    desk.on("pageerror", lambda error: errors.append(str(error)))
    desk.goto(f"{instance.base}/notifications")
    desk.get_by_role("link", name="See who waits").click()
    assert spoken not in desk.content()
    desk.get_by_role("button", name="Take it").click()
    expect(desk.get_by_text(spoken)).to_be_visible()
    desk.get_by_role("button", name="Approve").click()
    expect(desk.get_by_role("alert")).to_contain_text("Look at the clip")
    desk.get_by_role("button", name="Look at the clip").click()
    eventually(lambda: desk.evaluate("document.querySelector('[data-view] video').videoWidth") > 0, what="the clip is shown")
    looked_at(desk, "review")
    desk.get_by_role("button", name="Approve").click()
    expect(desk.get_by_text("Decided.")).to_be_visible()
    eventually(lambda: not sealed(instance), what="the clip is gone from the disk")
    desk.goto(f"{instance.base}/admin/verification")
    expect(desk.get_by_text("Nobody waits.")).to_be_visible()

    page.goto(f"{instance.base}/settings/human")
    expect(page.get_by_text("You are verified.")).to_be_visible()
    log = page.locator("#log")
    expect(log).to_contain_text("Moderator 1 looked at the clip")
    expect(log).to_contain_text("deleted the clip (it was decided)")
    assert "mo@" not in log.inner_text() and "@mo" not in log.inner_text()
    looked_at(page, "human-verified")
    page.goto(f"{instance.base}/settings")
    page.get_by_role("button", name="Log out here").click()
    page.goto(f"{instance.base}/login?next=/settings/human")
    looked_at(page, "login")
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_text("You are verified.")).to_be_visible()
    assert spoken not in page.content() and first not in page.content()
    assert spoken not in instance.log.read_text()
    ada.close()
    mo.close()
    assert not errors, errors


def test_without_scripts_the_page_names_what_works(instance: InstanceProcess, filmed: Browser) -> None:
    context = logged_in(filmed, instance, "eva")
    cookies = context.cookies()
    plain = filmed.new_context(java_script_enabled=False)
    plain.add_cookies(cookies)  # type: ignore[arg-type]  # what Playwright gave
    page = plain.new_page()
    page.goto(f"{instance.base}/settings/human")
    expect(page.get_by_text("Passkeys need JavaScript")).to_be_visible()
    page.locator("textarea[name=note]").fill("I cannot be filmed. What else is there?")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_text("You have asked the moderators.")).to_be_visible()
    plain.close()
    context.close()
