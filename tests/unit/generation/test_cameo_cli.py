"""`fedisora generate --with` as somebody types it: what is wrong or not accepted asks nobody."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from fedisora.cli import app
from fedisora.errors import FedisoraError
from fedisora.models import Actor, ConsentRequest, Generation
from tests.support import cameos as support
from tests.support.studio import Studio

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("FEDISORA_BASE_URL", studio.house.settings.base_url)

    def command(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(app, ["generate", "she walks", "--as", "ada", *arguments, "--data-dir",
                                        str(studio.house.settings.data_dir)])
        said = done.exception.text if isinstance(done.exception, FedisoraError) else done.stderr  # `main` prints its text
        return done.exit_code, done.stdout, " ".join(said.split())

    return command


def test_somebody_is_asked_once_all_is_said(studio: Studio, run: Run, tmp_path: Path) -> None:
    house, handle = studio.house, f"@bea@{studio.house.uris.host}"
    bea = house.db.read_now(lambda session: session.scalars(select(Actor.id).where(Actor.username == "bea")).one())
    likeness = support.enrol(house, bea, tmp_path, audience="nobody")
    ready = ("--with", handle, "--use", "a short film", "--accept-terms")

    def asked() -> int:
        return house.db.read_now(lambda session: session.scalar(select(func.count()).select_from(ConsentRequest))) or 0

    assert "take no requests" in run(*ready)[2]
    support.change(house, likeness, audience="everyone")
    for arguments, why in (
            (("--with", handle, "--use", "a film"), "They forbid: “no ads”. Say with --accept-terms that you keep to it."),
            (("--with", handle, "--accept-terms"), "what the video is for"), (("--with", "@nobody@here", *ready[2:]), ""),
            (("--use", "a film"), "name them with --with"), ((*ready, "--model", "x", "--out", "y.mp4"), "--model and --out"),
            ((*ready, "--seconds", "900"), "1 to 60 seconds")):
        code, out, err = run(*arguments)
        assert code != 0 and why in err and not out, (arguments, err)
    assert asked() == 0
    code, out, err = run(*ready, "--shape", "square", "--seconds", "2")
    assert code == 0 and "answers when they like" in err and "your draft" in err
    row = house.db.read_now(lambda session: session.scalars(select(Generation)).one())
    assert out.strip() == f"{house.uris.base}/create/jobs/{row.id}" and (row.state, row.seconds) == ("asked", 2.0)
    request = house.db.read_now(lambda session: session.scalars(select(ConsentRequest)).one())
    assert (request.owner_id, request.use, request.state, request.prompt) == (bea, "a short film", "pending", "she walks")
    code, out, err = run(*ready, "--publish", "--json")
    assert code == 0 and set(json.loads(out)) == {"url", "next", "generation"} and "it is published" in err
    assert asked() == 2
