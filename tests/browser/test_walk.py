"""A person in a real browser: set up, sign up, generate, watch progress, publish, open the panel, verify."""
from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from fedisora.provenance.digital_source import COMPOSITE_TRAINED
from tests.support.credentials import actions, judge
from tests.support.instances import PASSWORD, InstanceProcess, eventually
from tests.support.pictures import clip, png

SHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("browser"), registrations="open", instance_name="Aurora").start()
    yield running
    running.close()


def shot(page: Page, name: str) -> None:
    """Keep a screenshot for people to look at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SHOTS / f"{name}.png"))


def sign_up(page: Page, base: str, name: str) -> None:
    page.goto(f"{base}/signup")
    page.locator("input[name=username]").fill(name)
    page.locator("input[name=email]").fill(f"{name}@example.org")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_load_state()


@pytest.fixture(scope="module")
def published(instance: InstanceProcess, browser: Browser) -> str:
    """The whole walk, once; the post's URL."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(instance.setup_link)
    page.locator("input[name=username]").fill("root")
    page.locator("input[name=email]").fill("root@example.org")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_load_state()
    assert httpx.get(instance.setup_link).status_code == 410
    page.context.clear_cookies()
    sign_up(page, instance.base, "dora")
    page.goto(f"{instance.base}/create")
    page.locator("textarea[name=prompt]").fill("silver moon over a quiet fjord, aurora")
    shot(page, "create")
    page.locator("form:has(textarea[name=prompt]) button[type=submit]").first.click()
    page.wait_for_url("**/create/jobs/*")
    expect(page.locator("progress").first).to_be_visible()
    shot(page, "progress")
    page.wait_for_selector("form[action$='/publish']", timeout=120_000)
    shot(page, "draft")
    page.locator("form[action$='/publish'] textarea").first.fill("A quiet night #fjord")
    page.locator("form[action$='/publish'] button[type=submit]").first.click()
    page.wait_for_url("**/@dora/*", timeout=60_000)
    assert not errors, errors
    url = page.url
    page.close()
    return url


def test_the_video_plays_and_says_how_it_was_made(published: str, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(published)
    assert page.evaluate("() => new Promise(done => { const v = document.querySelector('video'); v.muted = true; "
                         "v.addEventListener('timeupdate', () => done(v.currentTime > 0)); v.play(); })")
    panel = page.locator("#made")
    expect(panel).to_contain_text("How was this made?")
    expect(panel).to_contain_text("not AI")
    shot(page, "video")
    page.close()


def test_the_file_verifies_and_a_changed_one_does_not(published: str, browser: Browser, instance: InstanceProcess,
                                                      tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(published)
    source = page.evaluate("document.querySelector('video').currentSrc || document.querySelector('video source').src")
    good = tmp_path / "good.mp4"
    good.write_bytes(httpx.get(source).content)
    data = bytearray(good.read_bytes())
    data[data.index(b"mdat") + 5000] ^= 1
    (tmp_path / "bad.mp4").write_bytes(bytes(data))
    (tmp_path / "junk.mp4").write_bytes(b"nothing at all")
    for name, verdict in (("good", "verified"), ("bad", "tampered"), ("junk", "unreadable")):
        page.goto(f"{instance.base}/verify")
        page.locator("input[type=file]").set_input_files(str(tmp_path / f"{name}.mp4"))
        page.locator("form:has(input[type=file]) button[type=submit]").first.click()
        expect(page.locator(f"[data-verdict={verdict}]").first).to_be_visible(timeout=30_000)
        shot(page, f"verify-{name}")
    page.close()


@pytest.mark.parametrize(("width", "scripts"), [(390, False), (1440, True)])
def test_a_verdict_reads_on_every_screen(published: str, browser: Browser, instance: InstanceProcess, tmp_path: Path,
                                         width: int, scripts: bool) -> None:
    source = re.findall(r'<video src="([^"]+)"', httpx.get(published).text)[0]
    good = httpx.get(instance.base + source).content
    changed = bytearray(good)
    changed[changed.index(b"mdat") + 5000] ^= 1
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="dark", java_script_enabled=scripts)
    page = context.new_page()
    for name, data, words in (("good.mp4", good, "Signed for @dora"), ("changed.mp4", bytes(changed), "was changed after"),
                              ("unsigned.png", png(64, 64), "carries no signed record")):
        (tmp_path / name).write_bytes(data)
        page.goto(f"{instance.base}/verify")
        if scripts and name.endswith(".png"):
            dropped = page.evaluate_handle("([name, data]) => { const all = new DataTransfer(); all.items.add(new File("
                                           "[Uint8Array.from(data)], name)); return all; }", [name, list(data)])
            page.dispatch_event(".drop", "drop", {"dataTransfer": dropped})
        else:
            page.locator("input[type=file]").set_input_files(str(tmp_path / name))
        if scripts:
            expect(page.locator("[data-chosen]")).to_have_text(name)
        page.locator("form:has(input[type=file]) button[type=submit]").first.click()
        verdict = page.locator("[data-verdict]")
        expect(verdict.locator(".plaque")).to_contain_text(words, timeout=30_000)
        expect(verdict.locator("li").first).to_be_visible()
        expect(verdict.locator("details pre")).not_to_be_visible()
        box = verdict.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width
        shot(page, f"verdict-{name.partition('.')[0]}-{width}")
        verdict.locator("summary").click()
        expect(verdict.locator("details pre")).to_contain_text('"checkedAt"')
    context.close()


def test_everything_reads_without_javascript(published: str, browser: Browser, instance: InstanceProcess) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    for path in ("/", published, f"{instance.base}/@dora", f"{instance.base}/verify", f"{instance.base}/login"):
        page.goto(path if path.startswith("http") else instance.base + path)
        expect(page.locator("h1")).to_have_count(1)
    shot(page, "mobile-login")
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 820, 1440])
def test_pages_fit_every_width(published: str, browser: Browser, instance: InstanceProcess, theme: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
    page = context.new_page()
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url)
            if not request.url.startswith((instance.base, "data:", "blob:")) else None)
    for name, url in (("feed", f"{instance.base}/"), ("watch", published), ("profile", f"{instance.base}/@dora"),
                      ("verify", f"{instance.base}/verify"), ("signup", f"{instance.base}/signup")):
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} scrolls sideways at {width}"
        shot(page, f"{name}-{width}-{theme}")
    assert not outside, outside
    context.close()


def test_an_upload_is_undeclared_until_its_author_says_how(published: str, browser: Browser, instance: InstanceProcess,
                                                           tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, java_script_enabled=False)
    sign_up(page, instance.base, "emil")
    page.goto(f"{instance.base}/create")
    assert page.locator("input[name=source]:checked").count() == 0
    page.locator("input[name=file]").set_input_files(clip(tmp_path / "walk.mp4", width=640, height=360))
    page.locator("form[action$='/upload'] textarea[name=text]").fill("A walk in the snow")
    shot(page, "upload")
    page.locator("form[action$='/upload'] button[type=submit]").click()
    page.wait_for_url("**/@emil/*", timeout=60_000)
    made = page.locator("#made")
    expect(made).to_contain_text("Nobody has said how this was made")
    shot(page, "undeclared")
    made.locator("details", has_text="Say how it was made").locator("summary").click()
    made.locator("input[name=source][value=mixed]").check(force=True)
    shot(page, "declare")
    made.locator("form[action$='/declare'] button").click()
    page.wait_for_load_state()

    def labelled() -> bool:
        page.reload()
        return "AI-modified, says its author" in made.inner_text() and "Record verified" in page.inner_text("main")

    eventually(labelled, seconds=60, what="the new label")
    assert "Its author said later how it was made" in made.inner_text()
    shot(page, "declared")
    with page.expect_download() as waiting:
        made.locator("a[download]").first.click()
    assert waiting.value.suggested_filename == "emil-a-walk-in-the-snow.mp4"
    kept = tmp_path / "kept.mp4"
    waiting.value.save_as(kept)
    found = judge(kept, httpx.get(f"{instance.base}/c2pa.pem").text)
    assert found["state"] == "Trusted"
    assert actions(found)[1]["digitalSourceType"] == COMPOSITE_TRAINED
    page.close()


def test_the_ai_dial_is_turned_with_the_keyboard(published: str, browser: Browser, instance: InstanceProcess) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(f"{instance.base}/login?next=/settings")
    page.locator("input[name=login]").fill("dora")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    page.get_by_role("link", name="How much AI").click()
    expect(page.get_by_role("radio", name="As it comes")).to_be_checked()
    page.get_by_role("radio", name="As it comes").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".dialsay")).to_contain_text("AI videos only from accounts you follow")
    page.get_by_role("switch", name="AI agents").uncheck()
    shot(page, "dial")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[role=status]")).to_contain_text("Saved")
    expect(page.get_by_role("radio", name="Little")).to_be_checked()
    expect(page.get_by_role("switch", name="AI agents")).not_to_be_checked()
    page.set_viewport_size({"width": 320, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shot(page, "dial-narrow")
    assert not errors, errors
    page.close()
