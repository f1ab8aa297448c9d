"""The pages of videos in the making: who sees which, what is typed is kept, one's own order, what administrators do."""
from __future__ import annotations

import re
from dataclasses import replace

import httpx

from fedisora.generation import presets
from fedisora.models import Generation, GenerationLane
from fedisora.services import screenings, sessions
from fedisora.store import generation_queue
from fedisora.web.pages import asked
from tests.support.studio import Studio

from .test_openapi import Client

PRIVATE = "a letter to my grandmother"


class Browser:
    """Somebody who is logged in."""

    def __init__(self, studio: Studio, client: Client, name: str) -> None:
        user = studio.user(name)
        self._token = studio.run(lambda uow: sessions.start(uow, user, "", ""))
        self._csrf, self._client = sessions.csrf_token(studio.house.vault, self._token), client

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path, headers={"Cookie": f"{sessions.COOKIE}={self._token}"})

    def post(self, path: str, **fields: str) -> httpx.Response:
        return self._client.post(path, data={"csrf_token": self._csrf, **fields},
                                 headers={"Cookie": f"{sessions.COOKIE}={self._token}"})


def queued(studio: Studio, count: int) -> list[int]:
    rows = [studio.ask(f"video {number}") for number in range(count)]
    for row in rows:
        studio.run(lambda uow, row=row: generation_queue.admit(uow, uow.session.get_one(Generation, row)))  # type: ignore[misc]
    return rows


def test_everybody_sees_only_what_is_theirs(studio: Studio, client: Client) -> None:
    row = studio.ask(PRIVATE)
    ada, bea, mod = (Browser(studio, client, name) for name in ("ada", "bea", "mod"))
    assert PRIVATE in ada.get(f"/create/jobs/{row}").text
    for path in (f"/create/jobs/{row}", f"/create/jobs/{row}/events", f"/create?again={row}"):
        assert bea.get(path).status_code == 404
    for verb in ("cancel", "retry", "discard", "up", "appeal", "publish"):
        assert bea.post(f"/create/jobs/{row}/{verb}", appeal="x").status_code == 404, verb
    for path in ("/admin/generation", "/admin/generation/held"):
        assert ada.get(path).status_code == 404
    for path in ("/admin/generation/lanes/pause", f"/admin/generation/jobs/{row}/cancel", "/admin/generation/held/1/allow"):
        assert ada.post(path, lane="cpu", reason="mine").status_code == 404
    assert studio.get(row).state == "submitted"
    assert PRIVATE not in mod.get("/admin/generation").text
    assert PRIVATE in mod.get(f"/admin/generation?prompt={row}").text


def test_ones_own_order(studio: Studio, client: Client) -> None:
    ada, (first, second, third) = Browser(studio, client, "ada"), queued(studio, 3)

    def order() -> list[int]:
        return [int(row) for row in re.findall(r'<li id="g(\d+)"', ada.get("/create/queue").text)]

    assert order() == [first, second, third]
    ada.post(f"/create/jobs/{third}/up")
    assert order() == [first, third, second]
    ada.post(f"/create/jobs/{first}/down")
    assert order() == [third, first, second]
    ada.post(f"/create/jobs/{first}/down")
    assert order() == [third, second, first]
    for row, verb in ((third, "up"), (first, "down")):  # they are at the ends already
        assert ada.post(f"/create/jobs/{row}/{verb}").status_code == 303
    assert order() == [third, second, first]
    ada.post("/create/queue/cancel")
    assert {studio.get(row).state for row in (first, second, third)} == {"cancelled"}
    assert ada.post(f"/create/jobs/{first}/up").status_code == 409
    ada.post("/create/queue/clear")
    assert order() == []


def test_what_is_typed_stays_when_it_cannot_be_made(studio: Studio, client: Client) -> None:
    ada = Browser(studio, client, "ada")
    fields = {"prompt": "two <b>moons</b>", "model": "procedural", "task": "text", "orientation": "square", "seconds": "8",
              "variants": "2", "seed": "12x"}
    for path in ("/create", "/create/check"):
        answer = ada.post(path, **fields)
        assert answer.status_code == 422
        assert "The seed is a whole number." in answer.text
        for kept in ("two &lt;b&gt;moons&lt;/b&gt;", 'value="12x"', 'id="orientation-square" value="square" checked',
                     'id="seconds-8" value="8" checked', 'id="variants-2" value="2" checked'):
            assert kept in answer.text, kept
    shown = ada.post("/create/check", **{**fields, "seed": ""})
    (seed,) = re.findall(r'name="drawn" value="(\d+)"', shown.text)
    assert f"{seed} to {int(seed) + 1}" in shown.text
    made = ada.post("/create", **{**fields, "seed": "", "drawn": seed})
    row = studio.get(int(made.headers["location"].rpartition("/")[2]))
    assert (row.seed, row.width, row.height, row.seconds) == (seed, 960, 960, 8.0), "exactly what was shown is made"


def test_administrators_pause_drain_and_say_why(studio: Studio, client: Client) -> None:
    mod, ada, (row,) = Browser(studio, client, "mod"), Browser(studio, client, "ada"), queued(studio, 1)
    assert mod.post("/admin/generation/lanes/pause", lane="cpu", reason=" ").status_code == 422
    mod.post("/admin/generation/lanes/pause", lane="cpu", reason="A new graphics card")
    assert "A new graphics card" in ada.get(f"/create/jobs/{row}").text
    assert "A new graphics card" in ada.get("/create/queue").text
    mod.post(f"/admin/generation/jobs/{row}/up")
    assert studio.get(row).priority == 1
    mod.post(f"/admin/generation/jobs/{row}/cancel", reason="It is the third of these")
    assert "It is the third of these" in ada.get(f"/create/jobs/{row}").text
    mod.post("/admin/generation/lanes/resume", lane="cpu")
    assert studio.house.db.read_now(lambda session: session.get_one(GenerationLane, "cpu").paused_at) is None
    assert mod.post("/admin/generation/workers/drain", worker="nobody", on="1").status_code == 404


def test_what_is_held_is_decided_with_an_answer(studio: Studio, client: Client) -> None:
    mod, ada, row = Browser(studio, client, "mod"), Browser(studio, client, "ada"), studio.ask(PRIVATE)
    note = studio.run(lambda uow: screenings.note(
        uow, uow.session.get_one(Generation, row), gate="odd", stage="prompt", decision="deny", code="odd", reason="Not <here>.",
        evidence={"words": ["grand<mother"]}).id)
    assert "Not &lt;here&gt;." in ada.get(f"/create/jobs/{row}").text
    assert ada.post(f"/create/jobs/{row}/appeal", appeal=" ").status_code == 422
    ada.post(f"/create/jobs/{row}/appeal", appeal="She <likes> it")
    shown = mod.get("/admin/generation/held").text
    for words in (PRIVATE, "grand&lt;mother", "She &lt;likes&gt; it", "Not &lt;here&gt;."):
        assert words in shown
    assert "grand" not in ada.get(f"/create/jobs/{row}").text.replace(PRIVATE, "")
    assert mod.post(f"/admin/generation/held/{note}/deny", note="x" * 1001).status_code == 422
    mod.post(f"/admin/generation/held/{note}/deny", note="Ask her <first>")
    decided = ada.get(f"/create/jobs/{row}").text
    assert "Ask her &lt;first&gt;" in decided
    assert "/appeal" not in decided, "what a moderator decided stands"
    assert studio.get(row).state == "rejected"
    assert f'href="/create/jobs/{row}"' in ada.get("/notifications").text
    assert mod.post(f"/admin/generation/held/{note}/allow").status_code == 303


def test_what_another_model_offers_is_chosen_anew() -> None:
    short = replace(presets.PROCEDURAL, max_seconds=4.0, sizes={"landscape": ((1280, 720),)}, tasks=("image",))
    assert asked.lengths(short, 10) == [2, 3]
    kept = asked.fitting(dict(asked.BLANK) | {"seconds": "8", "orientation": "square", "size": "960x960"}, short, 10)
    assert (kept["seconds"], kept["orientation"], kept["size"], kept["task"]) == ("3", "landscape", "", "image")
    assert asked.lengths(replace(short, min_seconds=1.06, max_seconds=1.5), 10) == [1]
