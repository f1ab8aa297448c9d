"""A video that shows somebody's likeness is hidden until the person's own server says yes to exactly this post and these bytes.

The person and the maker of the video are on two made-up servers; every look goes over real HTTP.
"""
from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from fedisora.activities import cameos, lineages, remote_posts
from fedisora.db import UnitOfWork
from fedisora.errors import NotOwner
from fedisora.federation.consent_checks import ConsentChecks
from fedisora.models import Job, Lineage, Media
from fedisora.provenance import consent
from fedisora.store import actors, lineage
from fedisora.store import media as media_rows

from .consent_stage import DIGEST, OTHER, Stage, staged

pytestmark = pytest.mark.xdist_group("cameo_checks")  # its tests go through one scene


class Cast(Stage):
    """Olga may be shown in videos of the maker."""

    def cameo(self, *stamps: str, digest: str | None = DIGEST) -> dict[str, Any]:
        """A post with somebody's likeness, not stored here yet. Its id is `next_remix`."""
        file = {"type": "Video", "mediaType": "video/mp4", "url": f"{self.away.base}/1.mp4",
                **({"likenessAuthorization": list(stamps)} if stamps else {}), **({"digestMultibase": digest} if digest else {})}
        return self.away.note(self.remixer, "cameo", attachment=[file])

    def yes(self, **more: Any) -> dict[str, Any]:
        """A stamp of Olga's for the next post."""
        return {"type": consent.LIKENESS, "attributedTo": self.owner.uri, "interactingObject": self.next_remix,
                "interactionTarget": self.owner.uri, "digestMultibase": DIGEST, **more}

    def given(self) -> dict[str, Any]:
        """A post with a stamp that holds."""
        return self.cameo(self.stamp(self.home, self.yes(), self.owner))


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    for stage in staged(tmp_path_factory.mktemp("cameos")):
        stage.__class__ = Cast
        assert isinstance(stage, Cast)
        yield stage


def never(cast: Cast, note: dict[str, Any], state: str) -> Lineage:
    """It is not shown before the look, and not after it."""
    status = cast.store(note)
    assert not cast.listed(note), "a face is not shown before its owner's server was asked"
    row = cast.row(status)
    assert (row.kind, row.consent) == ("cameo", "pending")
    row = cast.look(note)
    assert (row.consent, cast.listed(note), lineage.hides(row)) == (state, False, True)
    assert row.reason
    return row


# ---- what must not work
@pytest.mark.parametrize(("change", "state"), [
    ({"interactingObject": "http://other.example/notes/1"}, "invalid"), ({"interactionTarget": "NEIGHBOUR"}, "invalid"),
    ({"digestMultibase": OTHER}, "invalid"), ({"digestMultibase": None}, "invalid"), ({"attributedTo": "NEIGHBOUR"}, "invalid"),
    ({"attributedTo": "MAKER"}, "invalid"), ({"attributedTo": None}, "invalid"), ({"type": "RemixAuthorization"}, "invalid"),
    ({"type": "Tombstone"}, "revoked"), ({"endTime": "2026-01-01T00:00:00Z"}, "expired"), ({"endTime": "never"}, "expired")])
def test_a_stamp_about_something_else_shows_nobody(cast: Cast, change: dict[str, Any], state: str) -> None:
    words = {"NEIGHBOUR": cast.neighbour.uri, "MAKER": cast.remixer.uri}
    stamp = cast.stamp(cast.home, cast.yes(**{key: words.get(value, value) for key, value in change.items()}), cast.owner)
    never(cast, cast.cameo(stamp), state)


def test_only_the_persons_own_key_signs(cast: Cast) -> None:
    for signer in (cast.remixer, cast.neighbour):
        row = never(cast, cast.cameo(cast.stamp(cast.home, cast.yes(), signer)), "invalid")
        assert row.reason == "The consent is not signed by the owner."
    stamp = cast.stamp(cast.home, cast.yes(), cast.owner)
    document = cast.home.documents[stamp.removeprefix(cast.home.base)]
    for number, change in enumerate(({"endTime": "2999-01-01T00:00:00Z"}, {"proof": None})):
        address = f"{cast.home.base}/stamps/bad-{number}"
        cast.home.documents[f"/stamps/bad-{number}"] = {**document, **change, "id": address}
        never(cast, cast.cameo(address), "invalid")


def test_a_stamp_on_another_origin_is_none_of_the_persons(cast: Cast) -> None:
    never(cast, cast.cameo(cast.stamp(cast.away, cast.yes(), cast.owner)), "invalid")
    number = next(cast.numbers)
    target = cast.stamp(cast.away, {**cast.yes(), "id": f"{cast.home.base}/moved/{number}"}, cast.owner)
    cast.home.moved[f"/moved/{number}"] = target
    never(cast, cast.cameo(f"{cast.home.base}/moved/{number}"), "invalid")


def test_a_stamp_is_for_one_post_and_one_file(cast: Cast) -> None:
    stamp = cast.stamp(cast.home, cast.yes(), cast.owner)
    first = cast.cameo(stamp)
    assert cast.look(first).consent == "valid"
    never(cast, cast.cameo(stamp), "invalid")
    never(cast, cast.cameo(cast.stamp(cast.home, cast.yes(), cast.owner), digest=OTHER), "invalid")
    never(cast, cast.cameo(cast.stamp(cast.home, cast.yes(), cast.owner), digest=None), "invalid")
    note = cast.given()
    note["attachment"].append({**note["attachment"][0], "url": f"{cast.away.base}/2.mp4", "digestMultibase": OTHER})
    never(cast, note, "invalid")


def test_another_file_in_a_later_version_is_hidden_until_it_has_its_own_consent(cast: Cast) -> None:
    for change in ({"digestMultibase": OTHER}, {"digestMultibase": OTHER, "likenessAuthorization": None},
                   {"url": "http://127.0.0.1:1/9.mp4"}):
        note = cast.given()
        assert (cast.look(note).consent, cast.listed(note)) == ("valid", True)
        later = {**note, "attachment": [{**note["attachment"][0], **change}]}
        cast.away.documents[note["id"].removeprefix(cast.away.base)] = later
        cast.place.db.write_now(lambda uow, later=later: remote_posts.edit(  # type: ignore[misc]
            uow, later, actors.by_uri(uow.session, cast.remixer.uri)))
        assert not cast.listed(note)
        if "digestMultibase" in change:
            assert cast.look(note).consent == "invalid"


def test_a_silent_server_shows_nobody_who_was_not_seen_to_agree(cast: Cast) -> None:
    note = cast.given()
    status = cast.store(note)
    cast.place.db.write_now(lambda uow: lineages.settle(uow, cast.row(status).id, lineages.Finding("unreachable")))
    row = cast.row(status)
    assert (row.consent, row.reason, cast.listed(note)) == ("unreachable", "pending", False)
    assert cast.look(note).consent == "valid"
    cast.place.db.write_now(lambda uow: lineages.settle(uow, row.id, lineages.Finding("unreachable")))
    assert (cast.row(status).reason, cast.listed(note)) == ("valid", True), "what was known stands"


def test_a_file_with_other_bytes_than_it_says_is_hidden_whatever_the_stamp(cast: Cast) -> None:
    note = cast.given()
    assert cast.look(note).consent == "valid"
    status = cast.place.known(note["id"])

    def seen(uow: UnitOfWork, ok: bool) -> None:
        media = media_rows.of_statuses(uow.session, [status.id])[status.id][0]
        media.verdict = {"verdict": "tampered", "checks": [{"name": "digest", "ok": ok, "detail": ""}]}
        uow.session.flush()
        cameos.checked(uow, media, media.verdict)

    cast.place.db.write_now(lambda uow: seen(uow, False))
    assert (cast.row(status).consent, cast.listed(note)) == ("invalid", False)
    assert cast.look(note).consent == "invalid", "the stamp alone does not bring it back"
    cast.place.db.write_now(lambda uow: seen(uow, True))
    assert (cast.look(note).consent, cast.listed(note)) == ("valid", True)


def test_whom_a_file_shows_needs_consent_whatever_the_post_says(cast: Cast) -> None:
    note = cast.cameo()
    status = cast.store(note)
    assert cast.listed(note)

    def seen(uow: UnitOfWork) -> None:
        media: Media = media_rows.of_statuses(uow.session, [status.id])[status.id][0]
        cameos.checked(uow, media, {"checks": [{"name": "likeness", "ok": True, "detail": cast.owner.uri}]})

    cast.place.db.write_now(seen)
    assert not cast.listed(note)
    row = cast.look(note)
    assert (row.parent_uri, row.consent, row.reason) == (
        cast.owner.uri, "missing", "It names no consent of the person it shows.")


def test_another_file_beside_it_that_shows_her_needs_consent_too(cast: Cast) -> None:
    note = cast.given()
    note["attachment"].append({"type": "Video", "mediaType": "video/mp4", "url": f"{cast.away.base}/2.mp4",
                               "digestMultibase": OTHER})
    assert cast.look(note).consent == "valid", "it says of no other file that it shows her"
    status = cast.place.known(note["id"])

    def seen(uow: UnitOfWork) -> None:
        media: Media = media_rows.of_statuses(uow.session, [status.id])[status.id][1]
        media.verdict = {"checks": [{"name": "likeness", "ok": True, "detail": cast.owner.uri}]}
        uow.session.flush()
        cameos.checked(uow, media, media.verdict)

    cast.place.db.write_now(seen)
    assert cast.place.db.read_now(lambda session: session.query(Job).filter(
        Job.key.like(f"check_consent:{cast.row(status).id}:%"), Job.state == "pending").count()) > 0
    assert (cast.look(note).consent, cast.listed(note)) == ("invalid", False)


def test_only_the_person_takes_it_back(cast: Cast) -> None:
    note = cast.given()
    row = cast.look(note)
    for stranger in (cast.neighbour, cast.remixer):
        cast.place.go(lambda tools, stranger=stranger: tools.resolver.actor(stranger.uri))
        try:
            outcome = cast.receive(stranger, "Delete", {"id": row.stamp_uri, "type": "Tombstone"})
        except NotOwner:
            outcome = "not theirs"
        assert outcome in ("to be checked", "not theirs")
        assert (cast.look(note).consent, cast.listed(note)) == ("valid", True)
    assert cast.receive(cast.owner, "Delete", {"id": row.stamp_uri, "type": "Tombstone"}) == "consent revoked"
    assert not cast.listed(note)
    cast.place.db.write_now(lambda uow: lineages.settle(uow, row.id, lineages.Finding("unreachable")))
    assert not cast.listed(note)


# ---- what does
def test_a_stamp_that_holds_shows_the_video_and_is_looked_at_daily(cast: Cast) -> None:
    note = cast.given()
    row = cast.look(note)
    assert (row.consent, row.reason, row.parent_uri, row.kind) == ("valid", "", cast.owner.uri, "cameo")
    assert cast.listed(note)
    assert row.recheck_at is not None
    assert row.checked_at is not None
    assert dt.timedelta(hours=23) < row.recheck_at - row.checked_at < dt.timedelta(hours=29)


def test_two_people_have_to_agree_each(cast: Cast) -> None:
    first = cast.stamp(cast.home, cast.yes(), cast.owner)
    second = cast.stamp(cast.home, cast.yes(attributedTo=cast.neighbour.uri, interactionTarget=cast.neighbour.uri),
                        cast.neighbour)
    note = cast.cameo(first, second)
    status = cast.store(note)

    def rows() -> list[Lineage]:
        return cast.place.db.read_now(lambda session: lineage.parents_of(session, [status.id]))[status.id]

    for number, row in enumerate(rows()):
        assert not cast.listed(note), number
        cast.place.go(lambda tools, row=row: ConsentChecks(cast.place.db, tools.fetcher, tools.resolver).check(row.id))
    assert [(row.parent_uri, row.consent) for row in rows()] == [
        (cast.owner.uri, "valid"), (cast.neighbour.uri, "valid")]
    assert cast.listed(note)


def test_a_post_that_is_not_looked_up_at_once_is_looked_up_by_the_sweep(cast: Cast) -> None:
    note = cast.given()
    cast.place.go(lambda tools: tools.resolver.status(note["id"], quiet=True, deep=False))
    row = cast.row(cast.place.known(note["id"]))
    assert row.recheck_at is not None
    due = cast.place.db.read_now(lambda session: lineage.due(session, dt.datetime.now(dt.UTC), 80))
    assert row.id in due
    planned = cast.place.db.read_now(lambda session: session.query(Job).filter(Job.key.like(f"check_consent:{row.id}:%")).count())
    assert planned == 0


def test_with_their_account_everything_that_shows_somebody_ends(cast: Cast) -> None:
    """The neighbour is gone after this: it comes last."""
    note = cast.cameo(cast.stamp(cast.home, cast.yes(attributedTo=cast.neighbour.uri, interactionTarget=cast.neighbour.uri),
                                 cast.neighbour))
    assert (cast.look(note).consent, cast.listed(note)) == ("valid", True)
    assert cast.receive(cast.neighbour, "Delete", cast.neighbour.uri) == "account deleted"
    assert not cast.listed(note)
    row = cast.look(note)
    assert (row.consent, row.reason, cast.listed(note)) == ("revoked", lineages.PERSON_GONE, False), "whatever its server says"
