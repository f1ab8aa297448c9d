"""What a cameo starts from: the picture; a clip only where no model takes a picture; never what is not active or has no key."""
from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from fedisora.errors import Invalid
from fedisora.generation import cameos, jobs
from fedisora.generation.presets import PROCEDURAL
from fedisora.generation.presets.catalogue import Catalogue
from fedisora.models import ConsentRequest, Generation, Likeness
from fedisora.settings import load_settings

TEXT, PICTURE, VIDEO = (dataclasses.replace(PROCEDURAL, name="-".join(tasks), tasks=tasks)
                        for tasks in (("text",), ("text", "image"), ("text", "video")))
FILMED = Likeness(id=1, actor_id=1, kind="self", state="active", picture_key="p", picture_secret=b"p", picture_mime="image/jpeg",
                  width=400, height=600, clip_key="c", clip_secret=b"c", clip_mime="video/mp4", clip_seconds=3.0)
STILL = Likeness(id=2, actor_id=1, kind="self", state="active", picture_key="p", picture_secret=b"p", picture_mime="image/jpeg",
                 width=400, height=600, clip_seconds=0.0)


class Rows:
    """Gives the one likeness that there is."""

    def __init__(self, row: Likeness | None) -> None:
        self.row = row

    def get(self, kind: type, row_id: int) -> Likeness | None:
        return self.row


@pytest.mark.parametrize(("models", "likeness", "expected"), [
    ((TEXT,), FILMED, None), ((TEXT, VIDEO), STILL, None), ((TEXT, VIDEO), None, None), ((VIDEO, PICTURE), FILMED, PICTURE),
    ((TEXT, VIDEO), FILMED, VIDEO), ((VIDEO, PICTURE), STILL, PICTURE)])
def test_a_clip_is_started_from_where_no_model_takes_a_picture(
        models: tuple[Any, ...], likeness: Likeness | None, expected: Any, monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path) -> None:
    settings = load_settings(tmp_path, base_url="https://here.example")
    monkeypatch.setattr(cameos.catalogue, "current", lambda session, settings: Catalogue(models, models[0]))
    session: Any = None
    assert cameos.model_for(session, settings, likeness) is expected
    request = ConsentRequest(prompt="she walks", parameters={"width": 720, "height": 1280, "seconds": 5.0})
    if expected is None:
        with pytest.raises(Invalid):
            cameos.planned(session, settings, request, likeness or STILL)
        return
    made = cameos.planned(session, settings, request, likeness or STILL)
    assert (made.task, made.model) == ("video" if expected is VIDEO else "image", expected.name)
    assert made.seconds == (pytest.approx(3.0, abs=0.1) if expected is VIDEO else 5.0), "a clip is not longer than it is"


def test_only_what_is_active_and_has_its_key_is_opened() -> None:
    def opened(likeness: Likeness | None, task: str) -> Any:
        session: Any = Rows(likeness)
        return jobs._sealed(session, Generation(likeness_id=1, task=task))

    assert opened(FILMED, "image") == ("p", b"p", "image/jpeg")
    assert opened(FILMED, "video") == ("c", b"c", "video/mp4")
    assert opened(STILL, "video") is None and opened(None, "image") is None
    withdrawn = Likeness(id=3, actor_id=1, kind="self", state="withdrawn", clip_key="c", clip_secret=b"c")
    assert opened(withdrawn, "video") is None
