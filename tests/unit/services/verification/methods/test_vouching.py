"""Vouching: who may not, what does not count, and what ends with it; then what works."""
from __future__ import annotations

import pytest
from sqlalchemy import delete, select

from fedisora.db import UnitOfWork
from fedisora.errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests
from fedisora.models import Actor, AuditEntry, Block, Notification, User, VerificationCase, Vouch
from fedisora.services import audit
from fedisora.services.verification import credentials, methods
from fedisora.services.verification.methods import base, vouching
from fedisora.store import actors, vouches
from tests.support.neighbours import Village


def told(village: Village, name: str) -> list[str]:
    return village.db.read_now(lambda session: list(session.scalars(select(Notification.type).where(
        Notification.actor_id == village.ids[name]).order_by(Notification.id))))


def case(village: Village, name: str) -> VerificationCase:
    found = village.db.read_now(lambda session: base.latest(session, village.ids[name], "vouch"))
    assert found is not None
    return found


# ---- who may not
def test_nobody_is_vouched_for_without_asking(village: Village) -> None:
    with pytest.raises(NotFound):
        village.vouch("ann", "dan")
    village.act(vouching.ask, "dan")
    village.act(vouching.stop, "dan")
    with pytest.raises(NotFound):
        village.vouch("ann", "dan")


def test_only_verified_people_vouch_and_never_for_themselves(village: Village) -> None:
    village.act(vouching.ask, "dan")
    with pytest.raises(Forbidden, match="Only verified humans"):
        village.vouch("eve", "dan")
    village.act(vouching.ask, "eve")
    with pytest.raises(Invalid):
        village.vouch("eve", "eve")


def test_an_agent_neither_vouches_nor_is_vouched_for(village: Village) -> None:
    robot = village.settle("robot", kind="agent", kept="Service")
    with pytest.raises(Forbidden, match="Only people"):
        village.act(vouching.ask, "robot")
    village.act(vouching.ask, "dan")

    def disguise(uow: object) -> None:
        actor = actors.get(uow.session, robot)  # type: ignore[attr-defined]
        ann = actors.get(uow.session, village.ids["ann"])  # type: ignore[attr-defined]
        actor.human, actor.human_method, actor.human_until = ann.human, ann.human_method, ann.human_until

    village.run(disguise)
    with pytest.raises(Forbidden):
        village.vouch("robot", "dan")


def test_a_voucher_has_to_be_here_and_verified_for_a_week(village: Village) -> None:
    village.act(vouching.ask, "dan")
    village.verify("eve", days_ago=6)
    with pytest.raises(Forbidden, match="a week old"):
        village.vouch("eve", "dan")
    village.later(days=2)
    village.vouch("eve", "dan")
    village.settle("new")
    village.verify("new", days_ago=0)
    with pytest.raises(Forbidden, match="a week old"):
        village.vouch("new", "dan")


def test_a_renewed_credential_is_no_younger_one(village: Village) -> None:
    village.verify("ann", days_ago=1)
    assert village.vouched("dan", "ann") is False
    assert [actor.username for _, actor in village.run(
        lambda uow: vouches.about(uow.session, village.ids["dan"]))] == ["ann"]


def test_who_blocks_whom_is_not_vouched_for(village: Village) -> None:
    village.act(vouching.ask, "dan")
    village.run(lambda uow: uow.session.add(Block(id=uow.new_id(), actor_id=village.ids["dan"], target_id=village.ids["ann"],
                                                  uri="x", created_at=uow.now)))
    with pytest.raises(NotFound):
        village.vouch("ann", "dan")


def test_five_in_thirty_days_and_taking_back_frees_none(village: Village) -> None:
    for name in ("dan", "eve", "fay", "gus", "hal"):
        village.vouched(name, "ann")
    village.act(vouching.take_back, "ann", village.ids["hal"])
    village.settle("ida")
    village.act(vouching.ask, "ida")
    with pytest.raises(TooManyRequests, match="5 people within 30 days"):
        village.vouch("ann", "ida")
    village.later(days=30, seconds=1)
    village.vouch("ann", "ida")


def test_who_was_vouched_for_cannot_carry_their_own_vouchers(village: Village) -> None:
    assert village.vouched("dan", "ann", "ben", "cat")
    village.later(days=8)
    village.act(credentials.revoke, "ann", "moved")
    assert not village.holds("dan")  # at once
    village.verify("eve", days_ago=20)
    assert village.vouched("dan", "eve")
    village.later(days=8)
    village.act(vouching.ask, "ann")
    village.run(lambda uow: setattr(vouches.between(uow.session, village.ids["ann"], village.ids["dan"]), "revoked_at", None))
    with pytest.raises(Forbidden, match="cannot carry"):
        village.vouch("dan", "ann")


def test_a_word_passes_two_hands_and_no_third(village: Village) -> None:
    assert village.vouched("dan", "ann", "ben", "cat")
    village.later(days=8)
    assert village.vouched("eve", "dan", "ann", "ben")
    village.later(days=8)
    village.act(vouching.ask, "fay")
    with pytest.raises(Forbidden, match="no further hands"):
        village.vouch("eve", "fay")


def test_three_people_vouched_for_do_not_suffice_without_one_who_is_not(village: Village) -> None:
    for name in ("dan", "eve", "fay"):
        assert village.vouched(name, "ann", "ben", "cat")
    village.later(days=8)
    assert not village.vouched("gus", "dan", "eve", "fay")
    assert village.vouched("gus", "ann")


def test_who_is_verified_long_enough_need_not_ask(village: Village) -> None:
    with pytest.raises(Forbidden, match="You are verified until"):
        village.act(vouching.ask, "ann")


def test_whom_a_moderator_put_out_does_not_come_back_by_friends(village: Village) -> None:
    assert village.vouched("dan", "ann", "ben", "cat")
    village.run(lambda uow: credentials.revoke(uow, actors.get(uow.session, village.ids["dan"]), "two accounts",
                                               by=village.ids["ann"]))
    with pytest.raises(Forbidden, match="A moderator ended"):
        village.act(vouching.ask, "dan")
    village.run(lambda uow: credentials.issue(uow, actors.get(uow.session, village.ids["dan"]), "live-clip",
                                              by=village.ids["ann"]))
    village.later(days=170)
    village.act(vouching.ask, "dan")


def test_the_operators_own_hand_counts_like_a_moderators(village: Village) -> None:
    village.act(lambda uow, dan: audit.note(uow, "credential.closed", subject=dan.id), "dan")
    with pytest.raises(Forbidden, match="A moderator ended"):
        village.act(vouching.ask, "dan")
    village.act(lambda uow, dan: audit.note(uow, "credential.by_hand", subject=dan.id), "dan")
    village.act(vouching.ask, "dan")


def test_a_word_is_kept_although_its_person_has_moved_away(village: Village) -> None:
    village.vouched("dan", "ann", "ben")
    village.act(lambda uow, dan: setattr(dan, "moved_to", "https://elsewhere.example/users/dan"), "dan")
    village.vouch("cat", "dan")
    assert not village.holds("dan")
    village.act(lambda uow, dan: setattr(dan, "moved_to", None), "dan")
    village.act(vouching.ask, "dan")
    assert village.holds("dan")


# ---- asking
def test_somebody_is_asked_once_and_may_decline(village: Village) -> None:
    with pytest.raises(Conflict):
        village.act(vouching.invite, "dan", "ann")
    village.act(vouching.ask, "dan")
    for wrong in ("nobody", "ann@elsewhere.example", ""):
        with pytest.raises(NotFound):
            village.act(vouching.invite, "dan", wrong)
    for wrong in ("eve", "@dan"):
        with pytest.raises(Invalid):
            village.act(vouching.invite, "dan", wrong)
    for same in ("@ann@here.example", "ann"):
        assert village.act(vouching.invite, "dan", same).username == "ann"
    assert told(village, "ann").count("human.vouch") == 1
    village.act(vouching.decline, "ann", village.ids["dan"])
    assert told(village, "ann").count("human.vouch") == 0


def test_twenty_are_asked_a_day(village: Village) -> None:
    """Also when everybody declines at once, or clears their inbox: nobody is pestered."""
    village.act(vouching.ask, "dan")
    for number in range(vouching.ASKS_PER_DAY):
        village.act(vouching.invite, "dan", "ann")
        village.act(vouching.invite, "dan", "ann")  # which changes nothing
        assert told(village, "ann").count("human.vouch") == 1
        if number % 2:
            village.act(vouching.decline, "ann", village.ids["dan"])
        else:
            village.run(lambda uow: uow.session.execute(delete(Notification).where(Notification.type == "human.vouch")))
    with pytest.raises(TooManyRequests):
        village.act(vouching.invite, "dan", "ann")
    village.later(days=1)
    village.act(vouching.invite, "dan", "ann")


# ---- what works
def test_the_third_word_verifies(village: Village) -> None:
    assert not village.vouched("dan", "ann", "ben")
    assert village.vouch("ben", "dan").revoked_at is None  # twice is once
    assert not village.holds("dan")
    village.vouch("cat", "dan")
    assert village.holds("dan")
    dan = village.actor("dan")
    assert (dan.human_method, dan.human_issuer) == ("fs:Vouched", "")
    assert case(village, "dan").state == "approved"
    assert told(village, "dan").count("human.vouched") == 3
    given = village.db.read_now(lambda session: session.scalars(select(AuditEntry).where(
        AuditEntry.action == "vouch.given")).all())
    assert [(entry.actor_id, entry.detail) for entry in given] == [(village.ids[name], {}) for name in ("ann", "ben", "cat")]


def test_what_was_said_before_counts_when_asking_again(village: Village) -> None:
    village.vouched("dan", "ann", "ben")
    village.act(vouching.stop, "dan")
    village.verify("eve", days_ago=20)
    assert village.vouched("dan", "eve")


def test_progress_tells_whose_word_counts(village: Village) -> None:
    village.vouched("dan", "ann", "ben")
    village.act(credentials.revoke, "ben", "over")
    found = village.db.read_now(lambda session: vouching.progress(session, session.get_one(
        type(village.actor("dan")), village.ids["dan"]), village.now))
    assert (found.counting, len(found.vouchers), found.needed) == (1, 2, 3)


# ---- what ends
def test_taking_back_ends_it_at_once_and_what_rests_on_it(village: Village) -> None:
    village.vouched("dan", "ann", "ben", "cat")
    village.later(days=8)
    assert village.vouched("eve", "dan", "ann", "ben")
    with pytest.raises(NotFound):
        village.act(vouching.take_back, "fay", village.ids["dan"])
    village.act(vouching.take_back, "cat", village.ids["dan"])
    assert not village.holds("dan")
    assert not village.holds("eve")
    assert "human.revoked" in told(village, "dan")
    assert "human.revoked" in told(village, "eve")
    with pytest.raises(NotFound):
        village.act(vouching.take_back, "cat", village.ids["dan"])


def test_who_slips_a_level_takes_along_who_needed_it(village: Village) -> None:
    village.vouched("dan", "ann", "ben", "cat")
    village.vouched("eve", "ann", "ben", "cat")
    village.later(days=8)
    village.run(lambda uow: uow.session.add(Vouch(id=uow.new_id(), voucher_id=village.ids["eve"], created_at=uow.now,
                                                  subject_id=village.ids["dan"])))
    assert village.vouched("fay", "dan", "ann", "ben")  # rests on dan's being of level 1
    village.act(vouching.take_back, "cat", village.ids["dan"])
    assert village.holds("dan")  # by ann, ben and eve: level 2
    assert not village.holds("fay")


def test_a_voucher_who_loses_or_lets_lapse_their_own_counts_no_more(village: Village) -> None:
    village.vouched("dan", "ann", "ben", "cat")
    row = village.db.read_now(lambda session: credentials.current(session, village.ids["ann"]))
    assert row is not None
    village.now = row.valid_until
    village.run(lambda uow: credentials.expire(uow, row.id))
    assert not village.holds("dan")


@pytest.mark.parametrize("how", ["suspended", "disabled", "deleted"])
def test_a_voucher_whose_account_goes_counts_no_more(village: Village, how: str) -> None:
    village.vouched("dan", "ann", "ben", "cat")
    village.verify("eve", method="vouch")  # by the operator's hand

    def go(uow: UnitOfWork) -> None:
        ann = actors.get(uow.session, village.ids["ann"])
        user = uow.session.scalars(select(User).where(User.actor_id == ann.id)).one()
        if how == "suspended":
            ann.suspended_at = uow.now
        elif how == "disabled":
            user.state = "disabled"
        else:
            uow.session.execute(delete(Actor).where(Actor.id == ann.id))

    village.run(go)
    after: int | None = 0
    while after is not None:
        after = village.run(lambda uow, start=after: vouching.look_through(uow, start, 1))  # type: ignore[misc]
    assert not village.holds("dan")
    assert village.holds("eve")


# ---- data of the person
def test_export_names_only_ones_own_and_erasing_ends_what_rests_on_it(village: Village) -> None:
    village.vouched("dan", "ann", "ben", "cat")
    village.later(days=8)
    village.vouched("eve", "ann", "ben", "dan")
    found = village.db.read_now(lambda session: methods.export(session, village.ids["dan"]))
    assert [entry["account"] for entry in found["vouches_for_me"]] == ["ann", "ben", "cat"]
    assert [entry["account"] for entry in found["vouches_of_mine"]] == ["eve"]
    village.run(lambda uow: methods.erase(uow, village.ids["dan"]))
    assert not village.holds("dan")
    assert not village.holds("eve")
    assert village.db.read_now(lambda session: methods.export(session, village.ids["dan"])) == {
        "vouches_for_me": [], "vouches_of_mine": [], "identities": []}
