"""Enrolling a likeness in a browser, a character, whom one lets ask; a report that goes to the front."""
from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.support.clips import clip
from tests.support.instances import PASSWORD, InstanceProcess, eventually
from tests.support.photos import photo

from .test_enrolment import filmed, instance, logged_in, looked_at

__all__ = ["filmed", "instance"]


def test_enrol_open_and_report(instance: InstanceProcess, filmed: Browser, tmp_path: Path) -> None:
    bea = instance.user("bea")
    post = bea.post("/api/v1/statuses", status="Somebody who looks like you")
    me, cat = tmp_path / "me.jpg", tmp_path / "cat.png"
    me.write_bytes(photo(1))
    cat.write_bytes(photo(2, kind="PNG"))
    page = logged_in(filmed, instance, "ada").new_page()
    page.goto(f"{instance.base}/settings/likeness")
    looked_at(page, "likeness-none")
    page.get_by_label("A picture of you").set_input_files(me)
    page.get_by_label("A clip of you").set_input_files(clip(tmp_path / "me.mp4", 9, width=320, height=320))
    page.get_by_label("It shows me and nobody else").check()
    page.get_by_role("button", name="Enrol").click()
    expect(page.get_by_text("A live clip is missing")).to_be_visible()
    shown = page.get_by_alt_text("Your picture, which only you can see")
    expect(shown).to_be_visible()
    assert shown.evaluate("image => image.naturalWidth") == 640
    film = page.get_by_label("Your clip, which only you can see")
    expect(film).to_be_visible()
    eventually(lambda: film.evaluate("video => video.videoWidth") == 320, what="the clip is shown")
    page.get_by_role("button", name="Turn the camera on").click()
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible(timeout=15_000)
    now = "document.querySelector('[data-live]').currentTime"
    start = page.evaluate(now)
    eventually(lambda: page.evaluate(now) > start + 1.6, what="something was recorded: shorter clips are refused")
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Send this clip").click()
    expect(page.get_by_text("A moderator will compare them")).to_be_visible(timeout=20_000)

    page.get_by_text("Add a character").click()
    form = page.locator("form[action='/settings/likeness/characters']")
    form.get_by_label("Name").fill("Milo")
    form.get_by_label("A picture of it").set_input_files(cat)
    form.get_by_label("It is not a real person").check()
    form.get_by_role("button", name="Add").click()
    page.get_by_label("Handle").fill("@bea")
    page.get_by_label("Decision").select_option("block")
    page.locator("#people form").last.get_by_role("button", name="Add").click()
    expect(page.locator("#people").get_by_text("blocked", exact=True)).to_be_visible()
    page.locator("summary").filter(has_text="Milo").click()
    looked_at(page, "likeness-checking")

    page.goto(post["url"])
    page.locator("summary").filter(has_text="Report").click()
    page.get_by_label("It uses my likeness").check()
    page.locator("form[action$='/report'] button").click()
    expect(page.get_by_text("Reported.")).to_be_visible()

    page = logged_in(filmed, instance, "mo").new_page()
    page.goto(f"{instance.base}/admin/reports")
    expect(page.get_by_text("Somebody says that their likeness is used")).to_be_visible()
    looked_at(page, "reports")
    page.goto(f"{instance.base}/admin/verification")
    page.get_by_role("button", name="Take it").click()
    expect(page.get_by_alt_text("The picture that is to be enrolled")).to_be_visible()
    film = page.get_by_label("The clip that is to be enrolled")
    eventually(lambda: film.evaluate("video => video.videoWidth") == 320, what="the moderator sees the clip")
    looked_at(page, "likeness-review")
    page.get_by_role("button", name="Look at the clip").click()
    page.get_by_role("button", name="Look again").or_(page.locator("[data-view-stage]:visible")).first.wait_for(timeout=15_000)
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Decided.")).to_be_visible()

    page = logged_in(filmed, instance, "ada").new_page()
    page.goto(f"{instance.base}/settings/likeness")
    expect(page.get_by_text("Enrolled. A moderator has compared")).to_be_visible()
    page.locator("#who").get_by_label("Verified humans").check()
    page.locator("#who").get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.goto(f"{instance.base}/create")
    page.get_by_label("A picture", exact=True).check()
    expect(page.get_by_text("Who is in it?")).to_be_visible()
    assert page.locator("input[name=people]:checked").count() == 0
    looked_at(page, "create-people")
    page.get_by_label("What should happen?").fill("a dance")
    page.locator("#start").set_input_files(cat)
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_text("Say whether it shows a person").first).to_be_visible(timeout=20_000)
    assert PASSWORD not in page.content()
