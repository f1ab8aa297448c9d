"""Likenesses over HTTP: who enrols, who sees the picture, who may ask, and that it is nowhere else. What is wrong comes first."""
from __future__ import annotations

import asyncio
import datetime as dt
import io
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from fedisora.activities import consents as rules
from fedisora.models import AuditEntry, ConsentRequest, ConsentStamp, Job, Likeness, LikenessHash, OutboxActivity
from fedisora.provenance import policy
from fedisora.services.verification import cases
from fedisora.storage.private import LIKENESSES
from fedisora.store import actors, likenesses
from fedisora.web import likeness_pictures
from fedisora.workers.likenesses import delete_private, sweep
from tests.support.photos import PLACE, photo

from .test_enrolment import Browser, Desk

pytestmark = pytest.mark.xdist_group("likeness_pages")  # its tests go through one scene

HERE = "/settings/likeness"
ADMIN = "/admin/verification"


class Room(Desk):
    """The desk, with likenesses."""

    def row(self, name: str) -> Likeness:
        found = self.house.db.read_now(lambda session: likenesses.newest(session, self.ids[name]))
        assert found is not None
        return found

    def files(self) -> list[str]:
        return self.house.private.keys(LIKENESSES)

    def enrol(self, browser: Browser, data: bytes | None, **fields: str) -> Any:
        files = {"picture": ("me.jpg", data, "image/jpeg")} if data is not None else None
        return browser._client.post(f"{HERE}/enrol", data={"csrf_token": browser.csrf, **fields}, files=files,
                                    headers=browser._cookie)

    def character(self, browser: Browser, data: bytes = b"", **fields: str) -> Any:
        given = {"name": "Milo", "summary": "A grey cat.", "declared": "1"} | fields
        return browser._client.post(f"{HERE}/characters", data={"csrf_token": browser.csrf, **given},
                                    files={"picture": ("x.png", data or photo(7, kind="PNG"), "image/png")},
                                    headers=browser._cookie)

    def enrolled(self, name: str, approve: bool = True, seed: int = 1) -> Likeness:
        """A likeness of somebody, as far as a moderator decided it; with the clip that is kept sealed until then."""
        assert self.enrol(self.browser(name), photo(seed), consent="1").status_code == 303
        case_id = self.case_of(name)
        self.act(lambda uow: cases.submit(uow, uow.session.get_one(cases.VerificationCase, case_id),
                                          clip=self.sealed(case_id)))
        moderator = self.browser("mo")
        assert moderator.post(f"{ADMIN}/{case_id}/take").status_code == 303
        assert moderator.post(f"{ADMIN}/{case_id}/clip").status_code == 200
        verb = "approve" if approve else "reject"
        assert moderator.post(f"{ADMIN}/{case_id}/{verb}", reason="" if approve else "Somebody else.").status_code == 303
        return self.row(name)

    def case_of(self, name: str) -> int:
        return self.house.db.read_now(lambda session: session.scalars(select(cases.VerificationCase.id).where(
            cases.VerificationCase.actor_id == self.ids[name], cases.VerificationCase.method == "likeness")
            .order_by(cases.VerificationCase.id.desc())).first()) or 0

    def drain(self) -> None:
        """Run the jobs that delete sealed files."""
        jobs = self.house.db.read_now(lambda session: [job.payload for job in session.scalars(
            select(Job).where(Job.kind == "delete_private"))])
        for payload in jobs:
            asyncio.run(delete_private(self.house, payload))

    def policy(self, name: str) -> str:
        actor = self.house.db.read_now(lambda session: actors.get(session, self.ids[name]))
        return policy.preset_of(actor.interaction_policy or {"canCameo": {}}, actor.followers_uri or "", right="canCameo")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    made = Room(tmp_path_factory.mktemp("room"))
    for name in ("ada", "eva", "ida", "uma", "zoe"):
        made.person(name)
    for name in ("mo", "max"):
        made.person(name, moderator=True)
    made.person("bot", operator="ada")
    yield made
    made.client.close()


def test_what_is_no_picture_of_a_person_is_not_kept(room: Room) -> None:
    ada = room.browser("ada")
    gif = io.BytesIO()
    Image.new("RGB", (300, 300)).save(gif, "GIF")
    assert room.enrol(ada, photo()).status_code == 422, "without agreeing"
    for data in (None, b"", b"\xff\xd8\xffnot a picture", gif.getvalue(), photo(width=200, height=700)):
        assert room.enrol(ada, data, consent="1").status_code == 422
    assert room.enrol(ada, bytes(17 << 20), consent="1").status_code == 413
    assert room.enrol(room.browser("bot"), photo(), consent="1").status_code == 403, "agents have no likeness"
    assert room.client.post(f"{HERE}/enrol", data={"consent": "1"}).status_code in (401, 403)
    assert room.files() == []


def test_an_open_picture_is_on_no_disk(room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even while it is encoded: a process that is killed then leaves nothing that anybody can read."""
    data, seen, run = photo(11), [], likeness_pictures.run_media

    async def looked(operation: str, request: dict[str, Any], **more: Any) -> dict[str, Any]:
        made = await run(operation, request, **more)
        encoded = Path(made.get("path") or request["path"]).read_bytes()
        for path in (*tmp_path.rglob("*"), *room.folder.rglob("*")):
            if path.is_file() and path.suffix != ".sqlite3":
                assert not any(part[3000:3064] in path.read_bytes() for part in (data, encoded)), path
        seen.append(operation)
        return made

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(likeness_pictures, "run_media", looked)
    assert room.enrol(room.browser("zoe"), data, consent="1").status_code == 303
    assert seen == ["image", "codes"] and len(room.files()) == 1
    room.browser("zoe").post(f"{HERE}/withdraw", given="keep")
    room.drain()


def test_a_picture_counts_once_a_moderator_compared_it(room: Room) -> None:
    ada, eva, mo, most = (room.browser(name) for name in ("ada", "eva", "mo", "max"))
    assert room.enrol(ada, photo(), consent="1").status_code == 303
    first = room.row("ada").picture_key
    assert room.enrol(ada, photo(2), consent="1").status_code == 303, "replaced before there is a clip"
    room.drain()
    row = room.row("ada")
    assert row.state == "checking" and row.picture_key != first and room.files() == [row.picture_key]
    own = ada.get(f"{HERE}/picture")
    assert own.status_code == 200 and "no-store" in own.headers["cache-control"]
    assert PLACE not in own.content and Image.open(io.BytesIO(own.content)).getexif() == {}
    assert eva.get(f"{HERE}/picture").status_code == 404
    case_id = room.case_of("ada")
    for who in (eva, mo, ada):
        assert who.get(f"{ADMIN}/{case_id}/likeness").status_code in (403, 404), "nothing is handed in"
    room.act(lambda uow: cases.submit(uow, uow.session.get_one(cases.VerificationCase, case_id), clip=room.sealed(case_id)))
    assert room.enrol(ada, photo(3), consent="1").status_code == 409
    assert mo.get(f"{ADMIN}/{case_id}/likeness").status_code == 403, "not taken"
    assert mo.post(f"{ADMIN}/{case_id}/take").status_code == 303
    assert most.get(f"{ADMIN}/{case_id}/likeness").status_code == 403
    assert mo.get(f"{ADMIN}/{case_id}/likeness").content == own.content
    assert mo.get(f"{ADMIN}/{case_id}/likeness").status_code == 200
    looks = room.house.db.read_now(lambda session: session.scalars(select(AuditEntry).where(
        AuditEntry.case_id == case_id, AuditEntry.action == "likeness.viewed")).all())
    assert [entry.actor_id for entry in looks] == [room.ids["mo"]]
    assert mo.post(f"{ADMIN}/{case_id}/clip").status_code == 200
    assert mo.post(f"{ADMIN}/{case_id}/approve").status_code == 303
    assert room.row("ada").state == "active"
    assert mo.get(f"{ADMIN}/{case_id}/likeness").status_code in (404, 410), "the case is closed"
    assert room.policy("ada") == "nobody"


def test_a_no_deletes_the_picture(room: Room) -> None:
    before = room.files()
    row = room.enrolled("eva", approve=False)
    assert (row.state, row.picture_key, row.picture_secret) == ("refused", None, None)
    room.drain()
    assert room.files() == before
    text = room.browser("eva").get(HERE).text
    assert "Somebody else." in text and "mo" not in re.findall(r"@(\w+)", text)


def test_who_may_ask_is_said_and_other_servers_hear_of_it(room: Room) -> None:
    ida = room.browser("ida")
    assert ida.post(f"{HERE}/choose", audience="everyone").status_code == 404
    room.enrolled("ida", seed=11)
    for wrong in ({"audience": "all"}, {"audience": "everyone", "until": "soon"}, {"audience": "everyone", "until": "2020-01-01"},
                  {"audience": "everyone", "forbidden": "x" * 1001}):
        assert ida.post(f"{HERE}/choose", **wrong).status_code == 422
    assert room.policy("ida") == "nobody"
    assert ida.post(f"{HERE}/choose", audience="verified", forbidden="No ads.", agents="1", until="2030-01-31").status_code == 303
    row = room.row("ida")
    assert (row.audience, row.forbidden, row.agents, str(row.until)[:10]) == ("verified", "No ads.", True, "2030-01-31")
    assert room.policy("ida") == "ask"
    page = ida.get(HERE).text
    assert 'value="verified" checked' in page and "No ads." in page


def test_withdrawing_asks_what_becomes_of_what_was_given(room: Room) -> None:
    uma = room.browser("uma")
    assert uma.post(f"{HERE}/withdraw", given="keep").status_code == 404
    room.enrolled("uma", seed=21)
    uma.post(f"{HERE}/choose", audience="everyone")
    key = room.row("uma").picture_key
    assert uma.post(f"{HERE}/withdraw").status_code == 422

    def ask(uow: Any) -> int:
        request = ConsentRequest(
            id=uow.new_id(), uri=f"https://here.example/r/{uow.new_id()}", kind="likeness", owner_id=room.ids["uma"],
            requester_id=room.ids["zoe"], target_uri="https://here.example/users/uma", object_uri="https://here.example/o/1",
            likeness_id=room.row("uma").id, state="pending", created_at=uow.now)
        uow.session.add(request)
        uow.session.flush()
        return request.id

    asked = room.house.db.write_now(ask)
    assert uma.post(f"{HERE}/withdraw", given="keep").status_code == 303
    row = room.row("uma")
    assert (row.state, row.picture_key, row.picture_secret) == ("withdrawn", None, None)
    codes = room.house.db.read_now(lambda session: session.scalars(
        select(LikenessHash).where(LikenessHash.likeness_id == row.id)).all())
    assert not codes and room.policy("uma") == "nobody"
    request = room.house.db.read_now(lambda session: session.get_one(ConsentRequest, asked))
    assert request.state == "rejected"
    assert uma.get(f"{HERE}/picture").status_code == 404
    room.drain()
    assert key not in room.files()


def test_everything_that_was_given_can_be_taken_back_with_it(room: Room) -> None:
    room.enrolled("eva", seed=41)

    def given(uow: Any) -> int:
        owner, asker = (actors.get(uow.session, room.ids[name]) for name in ("eva", "zoe"))
        request = ConsentRequest(
            id=uow.new_id(), uri=f"{asker.uri}/requests/{uow.new_id()}", kind="likeness", owner_id=owner.id,
            requester_id=asker.id, target_uri=owner.uri, object_uri=f"{asker.uri}/statuses/9",
            digest="zQm" + "a" * 40, state="pending",
            created_at=uow.now)
        uow.session.add(request)
        uow.session.flush()
        return rules.give(uow, owner, asker, request).id

    stamp = room.house.db.write_now(given)
    assert room.browser("eva").post(f"{HERE}/withdraw", given="take-back").status_code == 303
    assert room.house.db.read_now(lambda session: session.get_one(ConsentStamp, stamp)).revoked_at is not None


def test_an_end_that_is_reached_is_told(room: Room) -> None:
    ida = room.browser("ida")
    assert ida.post(f"{HERE}/choose", audience="everyone", until="2030-01-31").status_code == 303
    assert room.policy("ida") == "ask"

    def age(uow: Any) -> None:
        likenesses.newest(uow.session, room.ids["ida"]).until = uow.now  # type: ignore[union-attr]

    room.house.db.write_now(age)
    asyncio.run(sweep(room.house))
    assert room.policy("ida") == "nobody"


def test_characters_are_ones_own_and_declared(room: Room) -> None:
    zoe, ada = room.browser("zoe"), room.browser("ada")
    assert room.character(zoe, declared="").status_code == 422
    assert room.character(zoe, name=" ").status_code == 422
    assert room.character(zoe, summary="x" * 501).status_code == 422
    assert room.character(zoe).status_code == 303
    milo = room.house.db.read_now(lambda session: likenesses.characters(session, room.ids["zoe"]))[0]
    base = f"{HERE}/characters/{milo.id}"
    assert zoe.get(f"{base}/picture").status_code == 200
    assert ada.get(f"{base}/picture").status_code == 404
    assert ada.post(f"{base}/save", name="Mine", audience="everyone").status_code == 404
    assert ada.post(f"{base}/remove").status_code == 404
    assert zoe.post(f"{base}/paint").status_code == 404
    assert zoe.post(f"{base}/save", name="Milo II", summary="Older.", audience="everyone").status_code == 303
    assert room.policy("zoe") == "ask"
    assert "Milo II" in zoe.get(HERE).text and "Milo II" not in ada.get(HERE).text
    assert zoe.post(f"{base}/remove").status_code == 303
    assert zoe.get(f"{base}/picture").status_code == 404
    assert room.policy("zoe") == "nobody"


def test_people_are_decided_about_by_handle(room: Room) -> None:
    ida = room.browser("ida")
    for handle in ("", "@nobody@away.example", "no handle at all", "@ida"):
        assert ida.post(f"{HERE}/people", handle=handle, decision="approve").status_code == 422
    assert ida.post(f"{HERE}/people", handle="@eva", decision="marry").status_code == 422
    eva = room.ids["eva"]
    assert ida.post(f"{HERE}/people/{eva}/block").status_code == 404, "not in the list"

    def decided() -> str:
        return room.house.db.read_now(lambda session: likenesses.decided_about(session, room.ids["ida"], eva))

    for handle, verb, expected in (("@eva", "approve", "approved"), ("eva@here.example", "always", "always")):
        assert ida.post(f"{HERE}/people", handle=handle, decision=verb).status_code == 303
        assert decided() == expected
    assert ida.post(f"{HERE}/people/{eva}/block").status_code == 303 and decided() == "blocked"
    assert "@eva" in ida.get(HERE).text
    assert ida.post(f"{HERE}/people/{eva}/forget").status_code == 303 and not decided()


def test_pictures_are_in_no_public_place_no_activity_and_no_log(room: Room, capfd: pytest.CaptureFixture[str]) -> None:
    row = room.enrolled("zoe", seed=31)
    zoe = room.browser("zoe")
    zoe.post(f"{HERE}/choose", audience="everyone")
    shown = zoe.get(f"{HERE}/picture").content
    pieces = [shown[place:place + 24] for place in range(200, len(shown) - 24, max(1, len(shown) // 40))]
    documents = room.house.db.read_now(lambda session: session.scalars(select(OutboxActivity.document)).all())
    assert documents, "the change of the policy was told"
    logged = "".join(capfd.readouterr()).encode()
    for name, data in (*((f"activity {number}", document) for number, document in enumerate(documents)), ("log", logged)):
        assert row.picture_key and row.picture_key.encode() not in data, name
        assert not any(piece in data for piece in pieces), name
    for path in (path for path in room.folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        assert not any(piece in data for piece in pieces), path
        assert PLACE not in data, path
    for path in (f"/media/{row.picture_key}", f"/private/{row.picture_key}", f"/{row.picture_key}"):
        assert zoe.get(path).status_code == 404
    assert row.picture_key not in zoe.get(HERE).text


def test_files_that_no_row_names_go(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = room.house.private.put(LIKENESSES, 1, b"x" * 50, room.folder)
    kept = set(room.files()) - {lost.key}
    asyncio.run(sweep(room.house))
    assert lost.key in room.files(), "a file comes before its row"
    monkeypatch.setattr("fedisora.workers.likenesses.ORPHAN_AGE", dt.timedelta(hours=-1))
    asyncio.run(sweep(room.house))
    named = room.house.db.read_now(likenesses.sealed_keys)
    assert lost.key not in room.files() and kept & named <= set(room.files())
