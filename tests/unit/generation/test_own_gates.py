"""The gates for likenesses, denied pictures and flashes, with consent, codes and files as they really come about."""
from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fedisora.activities import consents as rules
from fedisora.errors import FedisoraError
from fedisora.generation.safety import Subject, Surroundings, Verdict
from fedisora.generation.safety.denylist import Denylist, as_numbers, codes_of, nearest
from fedisora.generation.safety.flash import Flash
from fedisora.generation.safety.likeness import Likeness, named
from fedisora.models import ConsentRequest, ConsentStamp
from fedisora.serializers.activitypub.actor import from_activitypub
from fedisora.store import actors, denied
from tests.support.clips import clip, luma
from tests.support.studio import Studio

from ..activities.conftest import remote_actor
from ..media.test_flashes import BLACK, WHITE, encoded, strobe


def around(studio: Studio, **settings: Any) -> Surroundings:
    return Surroundings(studio.house.settings.model_copy(update=settings), studio.house.db)


def subject(studio: Studio, prompt: str = "", by: str = "ada", **more: Any) -> Subject:
    return dataclasses.replace(Subject(studio.actor(by).id, "human", prompt), **more)


# ---- likeness
def likeness(studio: Studio, prompt: str, by: str = "ada", **more: Any) -> Verdict:
    return asyncio.run(Likeness(around(studio)).check("likeness", subject(studio, prompt, by, **more)))


def consent(studio: Studio, owner: str, requester: str, until: dt.datetime | None = None) -> ConsentStamp:
    """As the owner gives it to a request that waits in the inbox."""
    who, asker = studio.actor(owner), studio.actor(requester)

    def give(uow: Any) -> ConsentStamp:
        row_id = uow.new_id()
        request = ConsentRequest(
            id=row_id, uri=uow.uris.consent_request(asker.uri, row_id), kind="likeness", owner_id=who.id, requester_id=asker.id,
            target_uri=who.uri, object_uri=f"{asker.uri}/statuses/{row_id}", digest="zQm" + "a" * 40, created_at=uow.now)
        uow.session.add(request)
        uow.session.flush()
        assert rules.consider(uow, request, actors.get(uow.session, who.id), actors.get(uow.session, asker.id), None) == (
            "to be looked at")
        return rules.give(uow, actors.get(uow.session, who.id), actors.get(uow.session, asker.id), request, until=until)

    return studio.run(give)


@pytest.mark.parametrize("prompt", [
    "@bea dances", "portrait of @BEA@here.example.", "(@bea@here.example)", "＠bea＠here.example", "@b\u200bea dances",
    "https://here.example/users/bea in the rain", "see https://here.example/@bea!"])
def test_a_neighbour_who_did_not_agree_is_not_shown(studio: Studio, prompt: str) -> None:
    verdict = likeness(studio, prompt)
    assert (verdict.decision, verdict.code) == ("deny", "needs-consent")
    assert verdict.reason.startswith("This needs @bea@here.example's consent")


@pytest.mark.parametrize("prompt", ["a dog", "@nobody dances", "me@bea.example writes", "a @ sign", "https://here.example/about",
                                    "@ada dances", "@ada@here.example and https://here.example/users/ada"])
def test_words_strangers_to_us_and_oneself_pass(studio: Studio, prompt: str) -> None:
    assert likeness(studio, prompt).decision == "allow"


def test_who_is_unknown_here_has_not_agreed(studio: Studio) -> None:
    assert "@rem@far.example's" in likeness(studio, "@rem@far.example dances").reason
    assert likeness(studio, "x", likenesses=("https://far.example/users/rem",)).decision == "deny"
    assert likeness(studio, "x", options={"likenesses": ["https://far.example/users/rem"]}).decision == "deny"
    assert likeness(studio, "x", likenesses=(studio.actor("ada").uri,)).decision == "allow"


def test_a_consent_counts_for_who_got_it_until_it_ends_or_is_taken_back(studio: Studio) -> None:
    stamp = consent(studio, "bea", "ada")
    assert likeness(studio, "@bea dances").decision == "allow"
    assert likeness(studio, "@bea dances", by="mod").decision == "deny"
    assert likeness(studio, "@ada dances", by="bea").decision == "deny", "consent is not mutual"
    both = likeness(studio, "@bea and @mod dance")
    assert both.evidence == {"people": ["@mod@here.example"]}
    bea = studio.actor("bea").id
    studio.run(lambda uow: rules.take_back(uow, actors.get(uow.session, bea), uow.session.get_one(ConsentStamp, stamp.id), None))
    assert likeness(studio, "@bea dances").decision == "deny"


def test_a_consent_that_ran_out_is_none(studio: Studio) -> None:
    now = studio.house.db.clock()
    consent(studio, "bea", "ada", until=now + dt.timedelta(hours=1))
    assert likeness(studio, "@bea dances").decision == "allow"
    studio.run(lambda uow: setattr(uow.session.query(ConsentStamp).one(), "end_at", now - dt.timedelta(seconds=1)))
    assert likeness(studio, "@bea dances").decision == "deny"


def test_a_consent_to_a_remix_is_none_to_a_likeness(studio: Studio) -> None:
    stamp = consent(studio, "bea", "ada")
    studio.run(lambda uow: setattr(uow.session.get_one(ConsentStamp, stamp.id), "kind", "remix"))
    assert likeness(studio, "@bea dances").decision == "deny"


def test_another_servers_person_is_known_by_name_and_address(studio: Studio) -> None:
    document = {**remote_actor("https://far.example/users/Rem"), "url": "https://far.example/@Rem"}
    studio.run(lambda uow: actors.upsert_remote(uow, from_activitypub(document)).id)
    for prompt in ("@rem@far.example", "https://far.example/@Rem"):
        assert likeness(studio, prompt).evidence == {"people": ["@Rem@far.example"]}


def test_how_people_are_named() -> None:
    assert named("@Bea@Here.Example, @ada. http://x.example/y).") == ([("bea", "here.example"), ("ada", "")], ["http://x.example/y"])
    assert named("@a@host:8000 x@y.z @@b") == ([("a", "host:8000")], [])


# ---- denied pictures
def picture(path: Path, seed: int, **save: Any) -> Path:
    Image.fromarray(luma(seed, 0, 256, 192)).convert("RGB").save(path, **save)
    return path


def denylist(studio: Studio, stage: Any, *inputs: Path, output: Path | None = None, distance: int = 31) -> Verdict:
    gate = Denylist(around(studio, denylist_distance=distance))
    return asyncio.run(gate.check(stage, subject(studio, inputs=inputs, output=output)))


def deny(studio: Studio, path: Path) -> None:
    codes = asyncio.run(codes_of(path))
    studio.run(lambda uow: denied.add(uow, [(codes[0][1], "not this")], "test"))


def test_a_denied_picture_is_found_also_smaller_and_mirrored(studio: Studio, tmp_path: Path) -> None:
    original = picture(tmp_path / "a.png", 1)
    assert denylist(studio, "inputs", original).decision == "allow", "an empty list denies nothing"
    deny(studio, original)
    verdict = denylist(studio, "inputs", picture(tmp_path / "other.png", 2), original)
    assert (verdict.decision, verdict.code, verdict.evidence["distance"]) == ("deny", "denied-picture", 0)
    assert (verdict.evidence["why"], verdict.evidence["source"]) == ("not this", "test")
    with Image.open(original) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((120, 90)).save(tmp_path / "b.jpg", quality=60)
    assert denylist(studio, "inputs", tmp_path / "b.jpg").decision == "deny"
    assert denylist(studio, "inputs", picture(tmp_path / "c.png", 3)).decision == "allow"
    Image.new("RGB", (200, 200), (9, 9, 9)).save(tmp_path / "flat.png")
    assert denylist(studio, "inputs", tmp_path / "flat.png").decision == "allow"


def test_a_denied_picture_is_found_in_the_frames_of_a_video(studio: Studio, tmp_path: Path) -> None:
    deny(studio, picture(tmp_path / "a.png", 1))
    with_it = clip(tmp_path / "with.mp4", 1, width=256, height=192)
    verdict = denylist(studio, "frames", output=with_it)
    assert (verdict.decision, verdict.evidence["at_seconds"]) == ("deny", 0.0)
    assert denylist(studio, "frames", output=clip(tmp_path / "without.mp4", 5, width=256, height=192)).decision == "allow"
    (tmp_path / "broken.mp4").write_bytes(b"not a video")
    assert denylist(studio, "inputs", tmp_path / "broken.mp4").code == "not-readable"


def test_the_distance_is_the_operators(studio: Studio, tmp_path: Path) -> None:
    original = picture(tmp_path / "a.png", 1)
    code = bytearray(asyncio.run(codes_of(original))[0][1])
    for bit in range(20):
        code[bit] ^= 1
    studio.run(lambda uow: denied.add(uow, [(bytes(code), "")], "test"))
    assert denylist(studio, "inputs", original, distance=20).decision == "deny"
    assert denylist(studio, "inputs", original, distance=19).decision == "allow"


def test_a_long_list_is_searched_whole() -> None:
    random = np.random.default_rng(1)
    listed = random.integers(0, 2 ** 64, (50_000, 4), np.uint64)
    codes = as_numbers([random.bytes(32), listed[43_210].tobytes()])
    assert nearest(codes, listed) == (1, 43_210, 0)


# ---- flashes
def test_flashes_are_held_or_denied_as_the_operator_says(studio: Studio, tmp_path: Path) -> None:
    fast = encoded(tmp_path / "fast.mp4", strobe(6, BLACK, WHITE), 24)
    for setting in ("hold", "deny"):
        verdict = asyncio.run(Flash(around(studio, flash_check=setting)).check("frames", subject(studio, output=fast)))
        assert (verdict.decision, verdict.code) == (setting, "flashes")
        assert verdict.evidence["general"]["flashes_per_second"] == 6
    off = Flash(around(studio, flash_check="off"))
    assert off.stages == frozenset() and asyncio.run(off.check("frames", subject(studio, output=fast))).decision == "allow"
    slow = encoded(tmp_path / "slow.mp4", strobe(1, BLACK, WHITE), 24)
    assert asyncio.run(Flash(around(studio)).check("frames", subject(studio, output=slow))).decision == "allow"
    with pytest.raises(FedisoraError):
        asyncio.run(Flash(around(studio)).check("frames", subject(studio, output=tmp_path / "none.mp4")))
