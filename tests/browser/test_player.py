"""Uploading a large file with captions in a real browser, and watching it: progress, a broken line, captions, the seek bar."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.instances import PASSWORD, InstanceProcess, eventually
from tests.support.pictures import clip

CAPTIONS = "WEBVTT\n\n00:00.500 --> 00:05.500\nA gradient moves.\n"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("player"), registrations="open", video_ladder="100").start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds, and 5 MB by an empty box at the end."""
    path = clip(tmp_path_factory.mktemp("film") / "film.mp4", width=192, height=108, frames=60, fps=10)
    with path.open("ab") as file:
        file.write((5 << 20).to_bytes(4, "big") + b"free" + bytes((5 << 20) - 8))
    return path


def sign_up(page: Page, base: str) -> None:
    page.goto(f"{base}/signup")
    page.locator("input[name=username]").fill("dora")
    page.locator("input[name=email]").fill("dora@example.org")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_load_state()


def test_a_large_file_goes_up_over_a_broken_line_and_is_watched_with_captions(
        instance: InstanceProcess, browser: Browser, film: Path, tmp_path: Path) -> None:
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    sign_up(page, instance.base)
    page.goto(f"{instance.base}/create")
    (tmp_path / "film.vtt").write_text(CAPTIONS)
    broken: list[str] = []

    def break_once(route: Route) -> None:
        if route.request.method == "PATCH" and not broken:
            broken.append(route.request.url)
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/api/fedisora/v1/uploads/*", break_once)
    form = page.locator("form[action='/create/upload']")
    form.locator("input[name=file]").set_input_files(film)
    form.locator("input[name=captions]").set_input_files(tmp_path / "film.vtt")
    form.locator("input[name=captions_language]").fill("en")
    form.locator("textarea[name=text]").fill("A film with captions")
    form.locator("button[type=submit]").last.click()
    expect(page.locator("[data-tus-said]")).to_contain_text("goes on by itself")
    page.wait_for_url("**/@dora/*", timeout=60_000)
    assert broken
    address = page.url

    def shown() -> bool:
        page.goto(address)
        return page.locator("video[data-storyboard]").count() == 1

    eventually(shown, seconds=90, what="the video has its strip")
    video = page.locator("video").first
    video.evaluate("video => new Promise(done => { video.textTracks[0].mode = 'hidden'; const look = () => "
                   "video.textTracks[0].cues?.length ? done() : setTimeout(look, 50); look(); })")
    track = video.evaluate("video => [video.textTracks[0].language, video.textTracks[0].cues[0].text]")
    assert track == ["en", "A gradient moves."]
    assert page.locator("track[default]").count() == 1
    bar = page.locator(".seek input")
    expect(bar).to_have_accessible_name("Look for a moment")
    bar.hover()
    expect(page.locator(".seek canvas")).to_be_visible()
    bar.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".seek output")).to_have_text("0:01 / 0:06")
    video.evaluate("video => new Promise(done => video.currentTime === 1 ? done() : (video.onseeked = done))")
    assert video.evaluate("video => video.currentTime") == 1
    page.locator("details[id^=captions] > summary").click()

    def sized() -> bool:
        page.goto(address)
        return page.locator(".sizes option").count() == 2

    eventually(sized, seconds=60, what="the video has a smaller size")
    choice = page.get_by_label("Size")
    expect(choice.locator("option")).to_have_text(["108p", "100p"])
    page.locator(".seek input").focus()
    page.keyboard.press("ArrowRight")
    choice.select_option("100p")
    page.locator("video").first.evaluate("""video => new Promise(done => { const look = () =>
        video.videoHeight === 100 && video.currentTime === 1 ? done() : setTimeout(look, 50); look(); })""")
    assert errors == []
    page.close()
