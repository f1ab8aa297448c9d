"""The edit history of what our pipeline did."""
from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from fedisora.provenance.edits import encoding, in_words, is_marked, marking

NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)


def file(mime: str, width: int, height: int, **more: Any) -> dict[str, Any]:
    return {"mime": mime, "width": width, "height": height, **more}


@pytest.mark.parametrize(("found", "made", "names"), [
    (file("video/mp4", 640, 360), file("video/mp4", 640, 360), ["transcoded"]),
    (file("video/mp4", 641, 361), file("video/mp4", 640, 360), ["transcoded"]),  # made even, not resized
    (file("video/webm", 3840, 2160), file("video/mp4", 1920, 1080), ["resized", "converted"]),
    (file("video/mp4", 1280, 720), file("video/mp4", 720, 1280, turned=True), ["orientation", "transcoded"]),
    (file("video/mp4", 640, 360), file("video/mp4", 640, 360, repackaged=True), ["repackaged"]),
    (file("video/quicktime", 640, 360), file("video/mp4", 640, 360, hdr=True, levelled=True),
     ["color_adjustments", "edited", "converted"]),
    (file("image/png", 5000, 1000), file("image/jpeg", 3840, 768), ["resized", "converted"])])
def test_what_was_done_is_listed_in_order(found: dict[str, Any], made: dict[str, Any], names: list[str]) -> None:
    edits = encoding(found, made, NOW)
    assert [edit["action"] for edit in edits] == [f"c2pa.{name}" for name in (*names, "edited.metadata")]
    assert {edit["when"] for edit in edits} == {"2026-11-25T12:00:00Z"}
    assert {edit["softwareAgent"]["name"] for edit in edits} == {"Fedisora"}


def test_it_is_told_in_words() -> None:
    edits = [*encoding(file("video/webm", 3840, 2160), file("video/mp4", 1920, 1080), NOW), marking("AI-generated", NOW)]
    assert is_marked(edits) and not is_marked(edits[:-1])
    assert in_words([*edits, {"action": "c2pa.dubbed"}, {}]) == [
        "Made smaller: 3840x2160 → 1920x1080.", "Converted: video/webm → video/mp4.",
        "Metadata of the upload (place, device) was left out.", "“AI-generated” was burnt into the first 2 seconds.",
        "c2pa.dubbed.", "."]
