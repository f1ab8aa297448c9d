"""A stripped copy on a running instance: found, asked about, answered, and never called verified."""
from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clips import clip, reduced
from tests.support.instances import Api, InstanceProcess, eventually


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("recovered")).start()
    yield running
    running.close()


def published(api: Api, path: Path, text: str, **more: Any) -> dict[str, Any]:
    media = api.http.post("/api/v2/media", files={"file": (path.name, path.read_bytes(), "video/mp4")}).json()
    post = api.post("/api/v1/statuses", status=text, media_ids=[media["id"]], **more)

    def ready() -> dict[str, Any] | None:
        found: dict[str, Any] = api.get(f"/api/v1/statuses/{post['id']}")
        return found if found["fedisora"]["published"] else None

    return eventually(ready, what="the post is signed", seconds=60) or {}


def test_a_stripped_copy_is_shown_as_one_and_its_uploader_is_asked(instance: InstanceProcess, tmp_path: Path) -> None:
    ann, ben = instance.user("ann"), instance.user("ben")
    original = published(ann, clip(tmp_path / "a.mp4", seconds=3), "The original")
    assert original["media_attachments"][0]["fedisora"]["match"] is None
    signed = instance.http.get(original["uri"], headers={"Accept": "application/activity+json"}).json()["attachment"][0]
    assert signed["provenance"]["softBinding"][0].startswith("ISCC:EMD")

    copy = published(ben, clip(tmp_path / "b.mp4", seconds=2, start=8, crf=32), "Look what I found")
    file = copy["media_attachments"][0]
    match = file["fedisora"]["match"]
    assert (match["object"], match["answer"], match["copy"]) == (original["uri"], None, True)
    assert file["fedisora"]["verdict"]["verdict"] == "recovered"
    assert file["fedisora"]["verdict"]["summary"].startswith(f"This looks like {original['url']} (recovered).")
    shared = instance.http.get("/api/oembed", params={"url": copy["url"]}).json()
    assert shared["title"].startswith("[Undeclared video: nobody has said how it was made (matches another video)]")
    assert shared["fedisora"]["verdict"] == "recovered"
    assert match["distance"] <= 64

    # the page says it to everybody, the question is for its uploader only
    path = copy["url"].removeprefix(instance.base)
    seen = instance.http.get(path).text
    assert "(recovered)" in seen
    assert f'href="/@ann/{original["id"]}"' in seen
    assert "It is a remix of it" not in seen
    assert "Matches another video" in instance.http.get("/local").text, "on the card, not only after opening"
    assert "Record verified" not in instance.http.get("/@ben").text
    asked = ben.get(f"/api/fedisora/v1/media/{file['id']}/match")
    assert asked == {"match": match, "question": True}
    assert ann.http.get(f"/api/fedisora/v1/media/{file['id']}/match").status_code == 404
    assert ann.http.post(f"/api/fedisora/v1/media/{file['id']}/match", json={"answer": "mine"}).status_code == 404
    assert ben.http.post(f"/api/fedisora/v1/media/{file['id']}/match", json={"answer": "no"}).status_code == 422

    # who uploads by an app of Mastodon's is told in the inbox here, and the app is spared a type it does not know
    assert ben.get("/api/v1/notifications", **{"types[]": "match.question"})[0]["status"]["id"] == copy["id"]
    assert ben.get("/api/v1/notifications") == []

    # a remix names its parent, and the parent's author is asked
    answered = ben.post(f"/api/fedisora/v1/media/{file['id']}/match", answer="remix")
    assert (answered["match"]["answer"], answered["match"]["copy"], answered["question"]) == ("remix", False, False)
    again = ben.get(f"/api/v1/statuses/{copy['id']}")["media_attachments"][0]["fedisora"]
    assert again["verdict"]["verdict"] == "verified", "what is explained is not a copy without its record any more"
    note = instance.http.get(copy["uri"], headers={"Accept": "application/activity+json"}).json()
    assert original["uri"] in str(note["attachment"][0].get("isBasedOn"))
    assert re.search("says that it is a remix", instance.http.get(path).text)

    # who checks a stripped file anywhere learns where it comes from
    stripped = clip(tmp_path / "c.mp4", crf=34, change=lambda picture: picture[:, ::-1])
    files = {"file": ("c.mp4", stripped.read_bytes(), "video/mp4")}
    verdict = instance.http.post("/api/fedisora/v1/verify", files=files).json()
    assert (verdict["verdict"], verdict["match"]["object"]) == ("recovered", original["uri"])

    # what is deleted is named no more
    ann.http.delete(f"/api/v1/statuses/{original['id']}")
    assert ben.get(f"/api/v1/statuses/{copy['id']}")["media_attachments"][0]["fedisora"]["match"] is None
    assert "(recovered)" not in instance.http.get(path).text


def test_the_mark_of_a_generated_video_leads_home(instance: InstanceProcess, tmp_path: Path) -> None:
    post = instance.user("gen").generate("a thought", seconds=1.0)
    note = instance.http.get(post["uri"], headers={"Accept": "application/activity+json"}).json()["attachment"][0]
    assert any(code.startswith("fs-wm:") for code in note["provenance"]["softBinding"])
    source = tmp_path / "original.mp4"
    source.write_bytes(instance.http.get(note["url"].removeprefix(instance.base)).content)
    signed = instance.http.post("/api/fedisora/v1/verify", files={"file": ("a.mp4", source.read_bytes(), "video/mp4")}).json()
    assert signed["verdict"] == "verified"
    stripped = reduced(source, tmp_path / "small.mp4", 320)
    verdict = instance.http.post("/api/fedisora/v1/verify", files={"file": ("a.mp4", stripped.read_bytes(), "video/mp4")}).json()
    assert (verdict["verdict"], verdict["match"]["object"]) == ("recovered", post["uri"])
