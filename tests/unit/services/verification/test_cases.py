"""A case from its beginning to its decision: who may do what, and what becomes of the clip."""
from __future__ import annotations

import asyncio
import datetime as dt
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from fedisora.db import UnitOfWork
from fedisora.errors import Conflict, FedisoraError, Forbidden, Gone, Invalid, NotFound, TooManyRequests
from fedisora.models import Actor, Job, Notification, User, VerificationCase
from fedisora.services.verification import cases, challenges, phrases, review, rights, states
from fedisora.store import actors
from fedisora.workers import clips as sweeps
from tests.support.enrolment import CLIP, Office, unique_note

pytestmark = pytest.mark.xdist_group("cases")  # its tests go through one scene


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """An office that is copied for each test: its keys take a second."""
    made = Office(tmp_path_factory.mktemp("office"))
    made.person("ada")
    made.person("mo", moderator=True)
    made.person("max", moderator=True)
    made.person("root", admin=True)
    made.house.db.close()
    return made


@pytest.fixture
def office(filled: Office, tmp_path: Path) -> Iterator[Office]:
    shutil.copytree(filled.folder, tmp_path / "data")
    made = Office(tmp_path / "data")
    made.ids.update(filled.ids)
    yield made
    made.house.db.close()


def told(office: Office, name: str) -> list[str]:
    return office.house.db.read_now(lambda session: list(session.scalars(
        select(Notification.type).where(Notification.actor_id == office.ids[name]).order_by(Notification.id))))


def test_every_state_leads_to_known_ones_and_the_last_ones_nowhere() -> None:
    assert {state for after in states.STATES.values() for state in after} <= set(states.STATES)
    assert set(states.OPEN) == {state for state, after in states.STATES.items() if after}


def test_a_no_drops_the_key_at_once_and_the_file_with_the_job(office: Office) -> None:
    case_id = office.handed_in("ada")
    assert told(office, "mo") == told(office, "max") == told(office, "root") == ["human.review"]
    before = office.case(case_id)
    assert office.house.private.get(before.clip_key or "", before.clip_secret or b"") == CLIP
    assert CLIP not in office.sealed_files()[0].read_bytes()
    office.looked(case_id, "mo")
    office.act(cases.decide, case_id, "mo", False, "I could not hear the words.")
    after = office.case(case_id)
    assert (after.state, after.clip_secret, after.challenge) == ("rejected", None, None)
    assert (after.reason, after.decided_by) == ("I could not hear the words.", office.ids["mo"])
    assert told(office, "ada") == ["human.rejected"]
    assert office.sealed_files(), "its bytes wait for the job, and no key opens them"
    office.run_deletions()
    office.run_deletions()  # a job may come twice
    assert not office.sealed_files()
    gone = office.case(case_id)
    assert gone.clip_key is None and gone.clip_deleted_at is not None
    assert [detail for action, detail in office.log("ada") if action == "clip.deleted"] == [
        {"digest": before.clip_digest, "size": len(CLIP), "cause": "decided"}]


def test_a_yes_gives_a_credential_in_the_same_transaction(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    monkeypatch.setattr(cases.credentials, "issue", lambda uow, actor, method, *, by: given.append((actor.username, method, by)))
    case_id = office.handed_in("ada")
    office.looked(case_id, "mo")
    office.act(cases.decide, case_id, "mo", True, "")
    assert given == [("ada", "live-clip", office.ids["mo"])]
    assert office.case(case_id).state == "approved" and office.case(case_id).clip_secret is None

    def fail(*_: object, **__: object) -> None:
        raise FedisoraError(cause="the disk is full")

    monkeypatch.setattr(cases.credentials, "issue", fail)
    office.person("eva")
    other = office.handed_in("eva")
    office.looked(other, "mo")
    with pytest.raises(FedisoraError):
        office.act(cases.decide, other, "mo", True, "")
    assert office.case(other).state == "submitted" and office.case(other).clip_secret is not None


def test_who_may_not_decide(office: Office) -> None:
    office.person("bot", operator="mo", moderator=True)
    office.person("eva")
    case_id = office.handed_in("ada")
    with pytest.raises(NotFound):
        office.act(cases.assign, case_id, "eva")
    with pytest.raises(NotFound):
        office.act(cases.assign, case_id, "bot")  # an agent decides about nobody
    with pytest.raises(Forbidden, match="Take this case"):
        office.act(cases.decide, case_id, "mo", True, "")
    office.looked(case_id, "mo")
    with pytest.raises(Conflict, match="Another moderator"):
        office.act(cases.assign, case_id, "max")
    with pytest.raises(Forbidden):
        office.act(cases.decide, case_id, "max", False, "no")
    office.person("tom", moderator=True)
    taken = office.handed_in("eva")
    office.act(cases.assign, taken, "tom")
    office.house.db.write_now(lambda uow: uow.session.execute(
        update(User).where(User.actor_id == office.ids["tom"]).values(moderator=False)))
    assert office.act(cases.assign, taken, "max").reviewer_id == office.ids["max"], "who had it is no moderator any more"
    with pytest.raises(Forbidden, match="administrators"):
        office.act(cases.assign, case_id, "mo", "max")
    with pytest.raises(Invalid, match="not a moderator"):
        office.act(cases.assign, case_id, "root", "eva")
    office.act(cases.assign, case_id, "root", "max")
    with pytest.raises(Forbidden):
        office.act(cases.decide, case_id, "mo", False, "no longer mine")
    with pytest.raises(Invalid, match="Look at the clip"):
        office.act(cases.decide, case_id, "max", True, "")
    with pytest.raises(Invalid, match="Write why"):
        office.act(cases.decide, case_id, "max", False, "  ")
    own = office.handed_in("mo")
    for other in ("mo",):
        with pytest.raises(Forbidden, match="themselves"):
            office.act(cases.assign, own, other)
    with pytest.raises(Forbidden, match="themselves"):
        office.act(cases.assign, own, "root", "mo")
    with pytest.raises(NotFound):
        office.act(cases.decide, 12345, "mo", True, "")


def test_a_case_is_decided_once(office: Office) -> None:
    case_id = office.handed_in("ada")
    office.looked(case_id, "mo")
    office.act(cases.decide, case_id, "mo", False, "no")
    with pytest.raises(Conflict):
        office.act(cases.decide, case_id, "mo", True, "")
    with pytest.raises(Conflict):
        office.act(cases.withdraw, "ada", case_id)
    assert len(office.jobs()) == 1


def test_agents_and_ways_that_are_not_offered_are_refused(office: Office, tmp_path: Path) -> None:
    office.person("bot", operator="ada")
    with pytest.raises(Forbidden, match="agent"):
        office.act(cases.open_case, "bot", "live-clip")
    for method, likeness in (("oidc", None), ("magic", None), ("likeness", None), ("live-clip", 7)):
        with pytest.raises(Invalid):
            office.act(cases.open_case, "ada", method, likeness_id=likeness)
    first = office.act(cases.open_case, "ada", "live-clip")
    assert office.act(cases.open_case, "ada", "live-clip").id == first.id
    with pytest.raises(Invalid, match="Record"):
        office.house.db.write_now(lambda uow: cases.submit(uow, uow.session.get_one(VerificationCase, first.id)))


@pytest.mark.parametrize(("columns", "says"), [
    ({"moved_to": "https://b.example/users/ada"}, "moved"), ({"human": "checked-by-own-host"}, "You can renew that from")])
def test_nobody_is_filmed_for_nothing(office: Office, columns: dict[str, str], says: str) -> None:
    """Before it is begun, before there are words to say, and before it is kept: each may have changed in another tab."""
    case = office.act(cases.open_case, "ada", "live-clip")
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=100)
    office.house.db.write_now(lambda uow: uow.session.execute(update(Actor).where(Actor.id == office.ids["ada"]).values(
        human_until=until, **columns)))
    sealed = office.sealed(case.id)
    for step in (lambda uow, ada: cases.open_case(uow, ada, "live-clip"),
                 lambda uow, ada: challenges.ask(uow, ada, case.id, "en"),
                 lambda uow, ada: cases.submit(uow, uow.session.get_one(VerificationCase, case.id), clip=sealed)):
        with pytest.raises(Forbidden, match=says):
            office.act(step, "ada")
    assert office.case(case.id).clip_key is None
    office.act(cases.open_case, "ada", cases.OTHER_WAY)  # who has a question may ask


def test_a_yes_that_comes_too_late_deletes_the_clip_as_well(office: Office) -> None:
    case_id = office.handed_in("ada")
    office.looked(case_id, "mo")
    office.house.db.write_now(lambda uow: uow.session.execute(update(Actor).where(Actor.id == office.ids["ada"]).values(
        moved_to="https://b.example/users/ada")))
    found = office.act(cases.decide, case_id, "mo", True, "fine")
    assert found.state == "rejected" and "moved to another address" in found.reason and found.clip_secret is None
    office.run_deletions()
    assert not office.sealed_files() and told(office, "ada") == ["human.rejected"]


def test_a_question_is_sealed_answered_and_never_approved(office: Office) -> None:
    note = unique_note()
    case = office.act(cases.open_case, "ada", cases.OTHER_WAY)
    with pytest.raises(Invalid, match="what would help"):
        office.house.db.write_now(lambda uow: cases.submit(uow, uow.session.get_one(VerificationCase, case.id), note=" "))
    office.house.db.write_now(lambda uow: cases.submit(uow, uow.session.get_one(VerificationCase, case.id), note=note))
    assert note.encode() not in (office.case(case.id).challenge or b"")
    office.act(cases.assign, case.id, "mo")
    with pytest.raises(Invalid, match="answered"):
        office.act(cases.decide, case.id, "mo", True, "")
    office.act(cases.decide, case.id, "mo", False, "Three people who know you may vouch.")
    assert office.case(case.id).challenge is None and not office.jobs()


def test_a_withdrawn_clip_goes_and_foreign_cases_are_not_there(office: Office) -> None:
    case_id = office.handed_in("ada")
    with pytest.raises(NotFound):
        office.act(cases.withdraw, "mo", case_id)
    office.act(cases.withdraw, "ada", case_id)
    office.run_deletions()
    assert not office.sealed_files() and office.log("ada")[-1][1]["cause"] == "withdrawn"


def test_moderators_are_not_flooded(office: Office) -> None:
    for _ in range(cases.PER_DAY):
        office.act(cases.withdraw, "ada", office.handed_in("ada"))
    with pytest.raises(TooManyRequests):
        office.act(cases.open_case, "ada", "live-clip")
    office.house.db.clock = lambda: dt.datetime.now(dt.UTC) + cases.DAY
    office.act(cases.open_case, "ada", "live-clip")


def test_beginning_and_withdrawing_has_an_end(office: Office) -> None:
    """Also for who erases everything in between."""
    user = office.house.db.read_now(lambda session: session.scalars(select(User).where(User.actor_id == office.ids["ada"])).one())
    for number in range(cases.BEGUN_PER_DAY):
        case = office.act(cases.open_case, "ada", "live-clip")
        if number % 4:
            office.act(cases.withdraw, "ada", case.id)
        else:
            office.house.db.write_now(lambda uow: rights.erase(uow, user, by=user.actor_id))
    with pytest.raises(TooManyRequests, match="begun"):
        office.act(cases.open_case, "ada", "live-clip")
    office.act(cases.open_case, "ada", cases.OTHER_WAY)
    office.house.db.clock = lambda: dt.datetime.now(dt.UTC) + cases.DAY
    office.act(cases.open_case, "ada", "live-clip")


def test_what_nobody_decided_is_gone_after_72_hours_whatever_the_setting_was(tmp_path: Path, database_url: str) -> None:
    office = Office(tmp_path, database_url, clip_hours=48)
    office.person("ada")
    case_id = office.handed_in("ada")
    case = office.case(case_id)
    assert case.clip_purge_at is not None and case.clip_at is not None
    assert case.clip_purge_at - case.clip_at == dt.timedelta(hours=48)
    office.house.db.write_now(sweeps.plan)
    assert office.case(case_id).state == "submitted"
    office.house.db.clock = lambda: dt.datetime.now(dt.UTC) + dt.timedelta(hours=72)
    office.house.db.write_now(sweeps.plan)
    assert office.case(case_id).state == "expired" and told(office, "ada") == ["human.expired"]
    office.run_deletions()
    assert not office.sealed_files() and office.log("ada")[-1][1]["cause"] == "purged"
    office.house.db.close()


def test_a_clip_goes_when_its_time_is_over_not_when_the_next_sweep_comes(office: Office) -> None:
    office.person("eva")
    waiting, decided = office.handed_in("ada"), office.handed_in("eva")
    office.looked(decided, "mo")
    office.act(cases.decide, decided, "mo", True)
    (job, _) = office.jobs("purge_clip")
    asyncio.run(sweeps.purge_clip(office.house, job))
    assert office.case(waiting).state == "submitted", "its time is not over"
    office.act(cases.assign, waiting, "mo")
    office.house.db.clock = lambda: dt.datetime.now(dt.UTC) + dt.timedelta(hours=72, seconds=1)
    with pytest.raises(Gone):
        office.act(review.look, waiting, "mo")
    for payload in (job, *office.jobs("purge_clip"), {"case_id": 1}):
        asyncio.run(sweeps.purge_clip(office.house, payload))
    assert (office.case(waiting).state, office.case(decided).state) == ("expired", "approved")
    office.run_deletions()
    assert not office.sealed_files()


def test_one_case_that_cannot_be_closed_keeps_no_other(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.person("eva")
    broken, fine = office.handed_in("ada"), office.handed_in("eva")
    expire = cases.expire

    def stumble(uow: UnitOfWork, case: VerificationCase) -> None:
        expire(uow, case)
        if case.id == broken:
            raise Conflict("no")

    monkeypatch.setattr(cases, "expire", stumble)
    monkeypatch.setattr(sweeps, "AT_ONCE", 2)
    office.house.db.clock = lambda: dt.datetime.now(dt.UTC) + dt.timedelta(hours=72)
    asyncio.run(sweeps.close_late(office.house))
    assert (office.case(broken).state, office.case(fine).state) == ("submitted", "expired")


def test_a_lost_job_is_planned_again(office: Office) -> None:
    case_id = office.handed_in("ada")
    office.looked(case_id, "mo")
    office.act(cases.decide, case_id, "mo", False, "no")
    office.house.db.write_now(lambda uow: uow.session.execute(delete(Job)))
    office.house.db.write_now(sweeps.plan)
    office.house.db.write_now(sweeps.plan)
    assert len(office.jobs()) == 1
    office.run_deletions()
    assert not office.sealed_files()


def test_a_challenge_is_answered_once_also_by_two_at_once(tmp_path: Path, database_url: str) -> None:
    office = Office(tmp_path, database_url)
    office.person("ada")
    case_id = office.act(cases.open_case, "ada", "live-clip").id
    asked = office.act(challenges.ask, "ada", case_id, "de-CH")
    assert set(asked.phrase.split()) <= set(phrases.WORDS["de"]) and asked.language == "de"

    def hand_in(number: int) -> str:
        clip = office.sealed(case_id, f"clip {number}".encode())

        def apply(uow: UnitOfWork) -> str:
            case = challenges.check(uow.session, uow.vault, actors.get(uow.session, office.ids["ada"]), case_id, asked.token,
                                    uow.now, lock=True)
            case.challenge_until = None
            return cases.submit(uow, case, clip=clip).clip_digest or ""

        try:
            return office.house.db.write_now(apply)
        except Conflict:
            return ""

    with ThreadPoolExecutor(4) as pool:
        won = [digest for digest in pool.map(hand_in, range(4)) if digest]
    assert won == [office.case(case_id).clip_digest]
    office.house.db.close()


def test_words_are_many_and_different() -> None:
    for language, words in phrases.WORDS.items():
        assert len(words) == len(set(words)) >= 70, language
        assert len(set(phrases.phrase(language).split())) == phrases.WORDS_IN_PHRASE
    assert phrases.language_of("pt-BR") == "en" and phrases.language_of("fr_CA") == "fr"
