"""The consent to a remix is what the owner's own server says, about exactly this post, this original and these bytes.

Owner and remixer are on two made-up servers; every look goes over real HTTP. (BI-200, BI-201, rules R24 and R25.)
"""
from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from fedisora.activities import lineages, remote_posts
from fedisora.db import UnitOfWork
from fedisora.models import Job
from fedisora.provenance import consent
from fedisora.store import actors, lineage

from .consent_stage import OTHER, Stage, staged


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    yield from staged(tmp_path_factory.mktemp("consent"))


# ---- what must not work
@pytest.mark.parametrize(("change", "state"), [
    ({"interactingObject": "http://other.example/notes/1"}, "invalid"), ({"interactionTarget": "REMIX"}, "invalid"),
    ({"digestMultibase": OTHER}, "invalid"), ({"attributedTo": "NEIGHBOUR"}, "invalid"), ({"attributedTo": None}, "invalid"),
    ({"type": "QuoteAuthorization"}, "invalid"), ({"type": "Tombstone"}, "revoked"),
    ({"endTime": "2026-01-01T00:00:00Z"}, "expired"), ({"endTime": "never"}, "expired"),
    ({"id": "ELSEWHERE"}, "invalid")])
def test_bi_200_a_stamp_about_something_else_gives_nothing(stage: Stage, change: dict[str, Any], state: str) -> None:
    parent = stage.original()
    words = {"REMIX": stage.next_remix, "NEIGHBOUR": stage.neighbour.uri, "ELSEWHERE": f"{stage.away.base}/stamps/x"}
    change = {key: words.get(value, value) for key, value in change.items()}
    stamp = stage.stamp(stage.home, stage.good(parent, **change), stage.owner)
    stage.away.documents["/stamps/x"] = stage.home.documents[stamp.removeprefix(stage.home.base)]
    row = stage.look(stage.remix(parent, stamp))
    assert (row.consent, lineage.holds(row)) == (state, False)
    assert row.reason


def test_bi_200_only_the_owners_own_key_signs(stage: Stage) -> None:
    for signer in (stage.remixer, stage.neighbour):
        parent = stage.original()
        stamp = stage.stamp(stage.home, stage.good(parent), signer)
        assert stage.look(stage.remix(parent, stamp)).reason == "The consent is not signed by the owner."
    parent = stage.original()
    stamp = stage.stamp(stage.home, stage.good(parent), stage.owner)
    document = stage.home.documents[stamp.removeprefix(stage.home.base)]
    for change in ({"proof": None}, {"proof": {**document["proof"], "verificationMethod": f"{stage.remixer.uri}#ed25519"}},
                   {"endTime": "2999-01-01T00:00:00Z"}):
        stage.home.documents["/stamps/bad"] = {**document, **change, "id": f"{stage.home.base}/stamps/bad"}
        assert stage.look(stage.remix(parent, f"{stage.home.base}/stamps/bad")).consent == "invalid"


def test_bi_200_a_stamp_on_the_remixers_server_is_not_even_fetched(stage: Stage) -> None:
    parent = stage.original()
    stamp = stage.stamp(stage.away, stage.good(parent), stage.owner)
    row = stage.look(stage.remix(parent, stamp))
    assert (row.consent, row.reason) == ("invalid", "The consent is not on the owner's server.")
    assert not any(stamp.endswith(path) for path in stage.away.requests)


def test_a_stamp_that_leads_elsewhere_is_none(stage: Stage) -> None:
    parent = stage.original()
    number = next(stage.numbers)
    target = stage.stamp(stage.away, {**stage.good(parent), "id": f"{stage.home.base}/moved/{number}"}, stage.owner)
    stage.home.moved[f"/moved/{number}"] = target
    row = stage.look(stage.remix(parent, f"{stage.home.base}/moved/{number}"))
    assert (row.consent, row.reason) == ("invalid", "The consent was found at another address than its id.")


def test_a_stamp_is_for_one_render_only(stage: Stage) -> None:
    parent = stage.original()
    stamp = stage.stamp(stage.home, stage.good(parent), stage.owner)
    first = stage.remix(parent, stamp)
    assert stage.look(first).consent == "valid"
    assert stage.look(stage.remix(parent, stamp)).consent == "invalid", "replayed for another post"
    parent = stage.original()
    stamp = stage.stamp(stage.home, stage.good(parent), stage.owner)
    assert stage.look(stage.remix(parent, stamp, digest=OTHER)).consent == "invalid", "replayed for another render"
    parent = stage.original()
    stamp = stage.stamp(stage.home, stage.good(parent), stage.owner)
    assert stage.look(stage.remix(parent, stamp, digest=None)).consent == "invalid", "bytes that nobody names"


def test_every_file_made_from_an_original_needs_its_consent(stage: Stage) -> None:
    parent = stage.original()
    stamp = stage.stamp(stage.home, stage.good(parent), stage.owner)
    note = stage.remix(parent, stamp)
    note["attachment"].append({**note["attachment"][0], "url": f"{stage.away.base}/2.mp4", "digestMultibase": OTHER})
    assert stage.look(note).consent == "invalid"


def test_without_a_stamp_there_is_no_consent_whatever_the_remix_says(stage: Stage) -> None:
    parent = stage.original()
    note = stage.remix(parent)
    note["interactionPolicy"] = {"canRemix": {"automaticApproval": ["as:Public"]}}
    row = stage.look(note)
    assert (row.consent, row.parent_id) == ("missing", stage.place.known(parent["id"]).id)
    assert stage.listed(note), "shown, with what is known of it; only what was taken back is hidden"


def test_bi_201_a_bad_stamp_first_does_not_keep_the_good_one_out(stage: Stage) -> None:
    parent = stage.original()
    good = stage.stamp(stage.home, stage.good(parent), stage.owner)
    bad = stage.stamp(stage.home, stage.good(parent, digestMultibase=OTHER), stage.neighbour)
    row = stage.look(stage.remix(parent, bad, good))
    assert (row.consent, row.stamp_uri) == ("valid", good)


# ---- what does
def test_a_good_stamp_holds_is_looked_at_daily_and_outlives_a_silent_server(stage: Stage) -> None:
    parent = stage.original()
    stamp = stage.stamp(stage.home, stage.good(parent), stage.owner)
    note = stage.remix(parent, stamp)
    status = stage.store(note)
    assert stage.place.db.read_now(lambda session: session.query(Job).filter(Job.kind == "check_consent").count()) > 0
    row = stage.look(note)
    assert (row.consent, row.stamp_uri, row.reason) == ("valid", stamp, "")
    assert row.checked_at is not None
    assert row.recheck_at is not None
    assert dt.timedelta(hours=23) < row.recheck_at - row.checked_at < dt.timedelta(hours=29)
    # its server is silent for a while: the last state stands, and it is said that it could not be asked
    stage.place.db.write_now(lambda uow: lineages.settle(uow, row.id, lineages.Finding("unreachable")))
    row = stage.row(status)
    assert (row.consent, row.reason, lineage.holds(row)) == ("unreachable", "valid", True)
    stage.place.db.write_now(lambda uow: lineages.settle(uow, row.id, lineages.Finding("unreachable")))
    assert stage.row(status).reason == "valid"
    # a new key of the owner's: the stamp is signed anew, and the key is fetched
    stage.rekey(stage.home, stage.owner, "new")
    path = stamp.removeprefix(stage.home.base)
    document = {key: value for key, value in stage.home.documents[path].items() if key not in ("proof", "@context")}
    stage.home.documents[path] = stage.sign(document, stage.owner, "new")
    assert stage.look(note).consent == "valid"
    stage.rekey(stage.home, stage.owner)


def test_a_server_that_is_silent_at_the_first_look_is_asked_again_shortly(stage: Stage) -> None:
    parent = stage.original()
    status = stage.store(stage.remix(parent, stage.stamp(stage.home, stage.good(parent), stage.owner)))
    row = stage.row(status)

    def pauses() -> list[dt.timedelta]:
        found = stage.place.db.read_now(
            lambda session: session.query(Job).filter(Job.key.like(f"check_consent:{row.id}:after%")).all())
        return sorted(job.run_at - job.created_at for job in found)

    def silent(after: dt.timedelta) -> None:
        def settle(uow: UnitOfWork) -> None:
            uow.now += after
            lineages.settle(uow, row.id, lineages.Finding("unreachable"))

        stage.place.db.write_now(settle)

    silent(dt.timedelta())
    assert pauses() == [lineages.SHORTLY]
    silent(dt.timedelta(minutes=10))
    assert dt.timedelta(minutes=19) < pauses()[1] < dt.timedelta(minutes=21)
    silent(dt.timedelta(hours=5))
    assert len(pauses()) == 2, "from now on the hourly sweep looks at it"
    assert stage.row(status).recheck_at is not None


def test_a_key_that_is_not_to_be_had_now_is_a_silence_and_no_bad_stamp(stage: Stage) -> None:
    parent = stage.original()
    stamp = stage.stamp(stage.home, stage.good(parent), stage.owner)
    note = stage.remix(parent, stamp)
    stage.store(note)
    stage.rekey(stage.home, stage.owner, "newer")
    where, path = stamp.removeprefix(stage.home.base), stage.owner.uri.removeprefix(stage.home.base)
    document = {key: value for key, value in stage.home.documents[where].items() if key not in ("proof", "@context")}
    stage.home.documents[where] = stage.sign(document, stage.owner, "newer")
    stage.home.down.add(path)
    silent = stage.look(note)
    stage.home.down.clear()
    answered = stage.look(note)
    stage.rekey(stage.home, stage.owner)
    assert (silent.consent, silent.reason, lineage.holds(silent)) == ("unreachable", "pending", False)
    assert silent.recheck_at is not None
    assert answered.consent == "valid"


def test_a_consent_that_ends_is_looked_at_when_it_does(stage: Stage) -> None:
    parent, now = stage.original(), dt.datetime.now(dt.UTC).replace(microsecond=0)
    for end, planned in ((now + dt.timedelta(hours=2), 1), (now + dt.timedelta(days=9), 0)):
        stamp = stage.stamp(stage.home, stage.good(parent, endTime=end.isoformat().replace("+00:00", "Z")), stage.owner)
        row = stage.look(stage.remix(parent, stamp))
        assert row.consent == "valid"
        jobs = stage.place.db.read_now(
            lambda session, row=row: session.query(Job).filter(Job.key.like(f"check_consent:{row.id}:until%")).all())  # type: ignore[misc]
        assert [job.run_at for job in jobs] == [end + dt.timedelta(seconds=1)] * planned


def test_what_has_run_out_stays_so_when_the_remix_shows_no_file_any_more(stage: Stage) -> None:
    parent = stage.original()
    good = stage.good(parent)
    stamp = stage.stamp(stage.home, good, stage.owner)
    note = stage.remix(parent, stamp)
    assert stage.look(note).consent == "valid"
    stage.place.db.write_now(lambda uow: remote_posts.edit(
        uow, {**note, "attachment": []}, actors.by_uri(uow.session, stage.remixer.uri)))
    assert stage.look(note).consent == "valid"
    path = stamp.removeprefix(stage.home.base)
    stage.stamp(stage.home, {**good, "endTime": "2026-01-01T00:00:00Z"}, stage.owner, path)
    assert (stage.look(note).consent, stage.listed(note)) == ("expired", False)


def test_gone_is_revoked_and_hides_the_remix_and_its_boosts(stage: Stage) -> None:
    for how in ("410", "404"):
        parent = stage.original()
        stamp = stage.stamp(stage.home, stage.good(parent), stage.owner)
        note = stage.remix(parent, stamp)
        assert stage.look(note).consent == "valid"
        assert stage.listed(note)
        stage.home.documents.pop(stamp.removeprefix(stage.home.base))
        if how == "410":
            stage.home.gone.add(stamp.removeprefix(stage.home.base))
        row = stage.look(note)
        assert row.consent == "revoked"
        assert not stage.listed(note)
        # what the remixer leaves out of a later version does not bring it back
        stage.place.db.write_now(lambda uow, note=note: remote_posts.edit(  # type: ignore[misc]
            uow, {**note, "attachment": []}, actors.by_uri(uow.session, stage.remixer.uri)))
        assert not stage.listed(note)
        # nor does a silence of the owner's server
        stage.place.db.write_now(lambda uow, row=row: lineages.settle(uow, row.id, lineages.Finding("unreachable")))  # type: ignore[misc]
        assert stage.row(stage.place.known(note["id"])).consent == "revoked"


def test_the_owners_delete_counts_at_once_and_a_strangers_does_not(stage: Stage) -> None:
    parent = stage.original()
    stamp = stage.stamp(stage.home, stage.good(parent), stage.owner)
    note = stage.remix(parent, stamp)
    stage.look(note)
    status = stage.place.known(note["id"])
    for liar in (stage.neighbour, stage.remixer):
        stage.place.go(lambda tools, liar=liar: tools.resolver.actor(liar.uri))  # type: ignore[misc]
    with pytest.raises(Exception, match="deletes|acts on|not yours"):
        stage.receive(stage.remixer, "Delete", stamp)
    assert stage.receive(stage.neighbour, "Delete", stamp) == "to be checked"
    assert stage.row(status).consent == "valid"
    assert stage.receive(stage.owner, "Update", {"id": stamp, "type": consent.REMIX}) == "to be checked"
    assert stage.receive(stage.owner, "Delete", {"id": stamp, "type": "Tombstone"}) == "consent revoked"
    assert (stage.row(status).consent, stage.listed(note)) == ("revoked", False)


def test_an_original_of_ones_own_needs_no_consent_and_a_missing_one_is_said_to_be_missing(stage: Stage) -> None:
    mine = stage.away.note(stage.remixer, "my own original")
    assert stage.look(stage.remix(mine)).consent == "own"
    nowhere = {"id": f"{stage.home.base}/users/olga/notes/nowhere"}
    row = stage.look(stage.remix(nowhere, f"{stage.home.base}/stamps/1"))
    assert (row.consent, row.parent_id) == ("missing", None)
