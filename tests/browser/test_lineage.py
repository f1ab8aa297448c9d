"""The lineage of a video in a real browser: the picture, the list, the keyboard, no JavaScript, a player in a frame."""
from __future__ import annotations

import datetime as dt
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from fedisora.db import Database, Instance, UnitOfWork
from fedisora.ids import new_id
from fedisora.models import Actor, Lineage, Media, Status, Tombstone, User
from fedisora.provenance import digital_source
from fedisora.settings import load_settings
from fedisora.storage import open_store
from fedisora.storage.store import new_key
from fedisora.uris import Uris
from fedisora.vault import Vault
from fedisora.web.pages.render import STATIC
from tests.support.instances import InstanceProcess

from .test_walk import SHOTS, shot

NOW = dt.datetime.now(dt.UTC)
GONE = "https://away.example/posts/7"


@dataclass(frozen=True)
class Place:
    base: str
    path: str


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An instance with a remix of remixes."""
    running = InstanceProcess(tmp_path_factory.mktemp("lineage"), instance_name="Aurora").start()
    settings = load_settings(running.folder, base_url=running.base)
    db = Database(Instance(settings, Uris(running.base), Vault.open(running.folder)))
    row = db.write_now(partial(_fill, running.base, open_store(settings.effective_storage_url)))
    db.close()
    yield Place(running.base, f"/@nocturne/{row}")
    running.close()


def _fill(base: str, store: Any, uow: UnitOfWork) -> int:
    """Posts of every kind around one; its row id."""
    session = uow.session

    def person(name: str, domain: str, kind: str | None, **more: Any) -> Actor:
        origin = f"https://{domain}" if domain else base
        found = Actor(id=new_id(NOW), uri=f"{origin}/users/{name}", username=name, username_key=name, domain=domain, kind=kind,
                      name=name.title(), created_at=NOW, updated_at=NOW, **more)
        session.add(found)
        session.flush()
        return found

    nocturne = person("nocturne", "", "agent", operator_uri=f"{base}/users/ida")
    session.add(User(id=new_id(NOW), actor_id=nocturne.id, email="n@example.org", email_key="n@example.org", password_hash="x",
                     created_at=NOW))
    jonas, mara = person("jonas", "islands.example", "human"), person("mara", "long-name-of-a-server.example", None)

    def post(text: str, by: Actor, source: str | None, verdict: str | None = None) -> Status:
        row_id = new_id(NOW)
        found = Status(id=row_id, uri=f"{by.uri}/statuses/{row_id}", url=f"{by.uri}/{row_id}", actor_id=by.id, local=by.local,
                       text=text, content=f"<p>{text}</p>", created_at=NOW - dt.timedelta(hours=3))
        session.add(found)
        session.flush()
        media = Media(id=new_id(NOW), actor_id=by.id, status_id=row_id, kind="video", state="signed", mime="video/mp4", width=720,
                      height=1280, duration=5.0, size=1000, created_at=NOW, digital_source_type=source,
                      verdict={"verdict": verdict, "summary": f"The verdict is {verdict}."} if verdict else None,
                      generator={"model": "Wan 2.2"})
        if by.local:
            media.storage_key, media.poster_key = new_key(media.id, ".mp4"), new_key(media.id, ".webp")
            store.put_file(media.poster_key, STATIC / "welcome.webp")
        session.add(media)
        return found

    def made(child: Status, parent: Status | str, consent: str = "valid", kind: str = "remix") -> None:
        session.add(Lineage(id=new_id(NOW), child_id=child.id, child_uri=child.uri, kind=kind, consent=consent, created_at=NOW,
                            parent_uri=parent if isinstance(parent, str) else parent.uri,
                            parent_id=None if isinstance(parent, str) else parent.id))

    root = post("Ember tide", nocturne, digital_source.TRAINED, "verified")
    evening = post("Tinos evening", jonas, digital_source.CAPTURE, "verified-foreign-issuer")
    reference = post("Reference", mara, None, "unsigned")
    waves = post("Waves by formula", nocturne, digital_source.ALGORITHMIC, "verified")
    made(root, evening)
    made(root, reference, "missing")
    made(root, jonas.uri, kind="cameo")
    made(evening, waves, "own")
    made(reference, waves, "pending")
    made(reference, GONE, "unreachable")
    made(reference, "https://never-seen.example/posts/a-rather-long-address-that-has-to-be-broken-somewhere/1")
    session.add(Tombstone(uri=GONE, actor_uri="https://away.example/users/x", deleted_at=NOW))
    spring = post("Ash spring", mara, digital_source.COMPOSITE_TRAINED, "verified")
    lava = post("Cold lava", jonas, digital_source.TRAINED, "tampered")
    copy = post("A copy of it", mara, None, "recovered")
    made(spring, root)
    made(lava, root, "revoked")
    made(copy, root, "invalid")
    made(root, lava)  # a circle
    for number in range(7):
        made(post(f"Variation {number + 1}", nocturne, digital_source.TRAINED, "intact-unknown-signer"), spring, "own")
    return root.id


def test_list_and_picture_say_the_same_without_javascript(place: Place, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.goto(place.base + place.path)
    section = page.locator("section[aria-labelledby=lh]")
    expect(section.get_by_role("img", name="Lineage of “Ember tide”")).to_be_visible()
    expect(section.locator("svg.lineage > g")).to_have_count(12)
    section.screenshot(path=str(_file("lineage-panel")))
    page.get_by_role("link", name="The whole lineage").click()
    expect(page.locator("svg.lineage > g")).to_have_count(17)
    above, below = page.get_by_role("list", name="Made from"), page.get_by_role("list", name="What became of it")
    for words in ("Tinos evening", "Reference", "Waves by formula", "Deleted on away.example", "This closes a circle",
                  "never-seen.example: not known here", "without a permission that this server knows of",
                  "shows a likeness: with its owner's permission"):
        expect(above).to_contain_text(words)
    for words in ("Ash spring", "Variation 7", "its owner took the permission back", "Changed after signing"):
        expect(below).to_contain_text(words)
    numbers = {text.strip() for text in page.locator(".tree .nr").all_inner_texts()}
    assert numbers == {str(number) for number in range(1, 18)}
    drawn = {text.strip() for text in page.locator("svg.lineage g text").all_text_contents()}
    assert drawn == numbers
    shot(page, "lineage")
    context.close()


def test_the_keyboard_gets_everywhere(place: Place, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text)
            if message.type == "error" and "404" not in message.text else None)
    page.goto(f"{place.base}{place.path}/lineage")
    links = page.locator("main .tree a")
    links.first.focus()
    seen = [page.evaluate("document.activeElement.getAttribute('href')")]
    for _ in range(links.count() - 1):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.getAttribute('href')"))
        assert page.evaluate("document.activeElement.matches(':focus-visible')")
    assert seen == [link.get_attribute("href") for link in links.all()]
    assert not errors, errors
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_a_small_screen(place: Place, browser: Browser, theme: str) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
    page = context.new_page()
    for name, path in (("watch", place.path), ("page", f"{place.path}/lineage")):
        page.goto(place.base + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        box = page.locator("svg.lineage").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 320
        page.locator(".lineage-box").screenshot(path=str(_file(f"lineage-{name}-320-{theme}")))
        page.locator(".tree").first.scroll_into_view_if_needed()
        shot(page, f"lineage-{name}-list-320-{theme}")
    context.close()


def test_another_site_frames_the_player_with_its_label(place: Place, browser: Browser, tmp_path: Path) -> None:
    for name, path in (("player", f"{place.path}/embed"), ("page", place.path)):
        (tmp_path / f"{name}.html").write_text(f'<iframe src="{place.base}{path}" width="400" height="756"></iframe>')
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    context = browser.new_context(viewport={"width": 900, "height": 900})
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{server.server_port}/player.html")
    player = page.frame_locator("iframe")
    expect(player.locator(".label .say")).to_have_text("AI-generated video · Wan 2.2")
    expect(player.locator(".label .say")).to_be_in_viewport()
    expect(player.locator("video")).to_be_visible()
    assert context.cookies() == []
    shot(page, "embed")
    page.goto(f"http://127.0.0.1:{server.server_port}/page.html")
    assert page.frame_locator("iframe").get_by_text("Ember tide").count() == 0
    context.close()
    server.shutdown()
    server.server_close()
    thread.join()


def _file(name: str) -> Path:
    """Where a screenshot goes."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    return SHOTS / f"{name}.png"
