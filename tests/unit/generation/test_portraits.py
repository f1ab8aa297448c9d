"""Enrolled pictures as inputs: the same photo is refused to everybody but its owner, however it was saved anew."""
from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from fedisora.errors import Invalid
from fedisora.generation import submission
from fedisora.generation.intake import Wanted
from fedisora.generation.safety import Subject, Surroundings, Verdict
from fedisora.generation.safety.likeness import Likeness as Gate
from fedisora.generation.safety.portraits import CODE
from fedisora.media.picture_codes import codes
from fedisora.models import Actor, ConsentRequest, Generation, Likeness, Media
from fedisora.provenance import humanity
from fedisora.services.likenesses import declaring
from fedisora.store import likenesses
from tests.support.photos import changed, photo
from tests.support.studio import Studio

from .screened import upload
from .test_own_gates import consent, likeness


@pytest.fixture
def enrolled(studio: Studio, tmp_path: Path) -> int:
    """Bea's photo, looked at by a moderator; the row's id."""
    path = tmp_path / "bea.jpg"
    path.write_bytes(photo(5))
    found = codes({"path": str(path), "cuts": True}, lambda share: None)["codes"]

    def write(uow: Any) -> int:
        uow.session.execute(delete(Likeness))
        row = Likeness(id=uow.new_id(), actor_id=studio.actor("bea").id, kind="self", state="active", created_at=uow.now,
                       updated_at=uow.now)
        uow.session.add(row)
        uow.session.flush()
        likenesses.set_codes(uow, row.id, [bytes.fromhex(code) for code in found])
        return row.id

    return studio.run(write)


def looked_at(studio: Studio, path: Path, by: str) -> Verdict:
    gate = Gate(Surroundings(studio.house.settings, studio.house.db))
    return asyncio.run(gate.check("inputs", Subject(studio.actor(by).id, "human", "a dance", inputs=(path,))))


def test_a_picture_that_somebody_enrolled_is_refused_to_others(studio: Studio, enrolled: int, tmp_path: Path) -> None:
    path = tmp_path / "input.jpg"
    for data in (photo(5), changed(photo(5), mirrored=True), changed(photo(5), cut=.1, width=420)):
        path.write_bytes(data)
        verdict = looked_at(studio, path, "ada")
        assert (verdict.decision, verdict.code) == ("deny", CODE)
        assert "cameo" in verdict.reason and "bea" not in verdict.reason
        assert set(verdict.evidence) == {"distance", "likeness"}
    assert looked_at(studio, path, "bea").decision == "allow", "it is her own"
    path.write_bytes(photo(6))
    assert looked_at(studio, path, "ada").decision == "allow"
    path.write_bytes(b"\xff\xd8\xff damaged")
    assert looked_at(studio, path, "ada").decision == "hold", "fails closed"
    for state in ("checking", "withdrawn"):
        studio.run(lambda uow, now=state: setattr(uow.session.get_one(Likeness, enrolled), "state", now))  # type: ignore[misc]
        path.write_bytes(photo(5))
        assert looked_at(studio, path, "ada").decision == "allow", state


def test_a_character_is_asked_for_by_its_address(studio: Studio) -> None:
    bea = studio.actor("bea").uri
    verdict = likeness(studio, f"{bea}/characters/7 runs")
    assert verdict.decision == "deny"
    assert "ask them for a cameo: https://here.example/create/with?account=@bea@here.example" in verdict.reason
    assert likeness(studio, f"{bea}/characters/7 runs", by="bea").decision == "allow"


def test_a_cameo_that_is_being_asked_for_is_let_pass_for_that_person_alone(studio: Studio) -> None:
    ada, bea = studio.actor("ada"), studio.actor("bea")
    wanted = studio.ask("@bea dances")

    def write(uow: Any) -> None:
        uow.session.add(ConsentRequest(
            id=uow.new_id(), uri=f"{ada.uri}/requests/1", kind="likeness", owner_id=bea.id, requester_id=ada.id,
            target_uri=bea.uri, object_uri=f"{ada.uri}/statuses/1", generation_id=wanted, state="draft", created_at=uow.now))

    studio.run(write)
    assert likeness(studio, "@bea dances", generation_id=wanted).decision == "allow"
    assert likeness(studio, "@bea and @mod dance", generation_id=wanted).decision == "deny"
    assert likeness(studio, "@bea dances", generation_id=studio.ask("@bea dances")).decision == "deny"


def said(studio: Studio, people: str, by: str = "ada", *, needed: bool = True, **media: Any) -> str:
    def read(session: Any) -> str:
        file = Media(id=1, actor_id=studio.actor(by).id, kind="image", **media)
        return declaring.check(session, session.get_one(Actor, studio.actor(by).id), people, file, studio.house.db.clock(),
                               needed=needed)

    return studio.house.db.read_now(read)


def test_who_is_in_an_upload_has_to_be_said(studio: Studio, enrolled: int) -> None:
    for wrong in ("", "you", "NOBODY"):
        with pytest.raises(Invalid, match="whether it shows a person"):
            said(studio, wrong)
    assert said(studio, "nobody") == "nobody"
    assert said(studio, "", needed=False) == ""
    assert said(studio, "", generation_id=7) == said(studio, "me", generation_id=7) == "", "it was made here"


def test_me_is_said_by_people_whom_somebody_checked(studio: Studio, enrolled: int) -> None:
    with pytest.raises(Invalid, match="verified human"):
        said(studio, "me")
    assert said(studio, "me", by="bea") == "me", "she enrolled her likeness"

    def verify(verdict: str | None) -> None:
        def write(uow: Any) -> None:
            actor = uow.session.get_one(Actor, studio.actor("ada").id)
            actor.human, actor.human_until = verdict, uow.now.replace(year=uow.now.year + 1)

        studio.run(write)

    verify(humanity.OWN)
    assert said(studio, "me") == "me"
    verify(humanity.EXPIRED)
    with pytest.raises(Invalid, match="verified human"):
        said(studio, "me")
    verify(None)


def test_agreed_needs_somebody_who_agreed(studio: Studio) -> None:
    with pytest.raises(Invalid, match="Ask the person for a cameo"):
        said(studio, "agreed")
    stamp = consent(studio, "bea", "ada")
    assert said(studio, "agreed") == "agreed"
    with pytest.raises(Invalid, match="Ask the person"):
        said(studio, "agreed", by="bea")
    studio.run(lambda uow: setattr(uow.session.get_one(type(stamp), stamp.id), "revoked_at", uow.now))
    with pytest.raises(Invalid, match="Ask the person"):
        said(studio, "agreed")


def test_nothing_is_queued_before_it_is_said(studio: Studio, tmp_path: Path) -> None:
    house, ada = studio.house, studio.actor("ada")
    wanted = Wanted("a dance", task="image", input_media_id=upload(studio, tmp_path, content=photo(6)))
    for people, words in (("", "whether it shows a person"), ("agreed", "Ask the person")):
        asked = dataclasses.replace(wanted, people=people)
        with pytest.raises(Invalid, match=words):
            asyncio.run(submission.submit(house.db, house.storage, house.gates, ada.id, asked))
    assert not house.db.read_now(lambda session: session.scalars(select(Generation)).all())
