"""Taking a reported post down: only moderators, only what the report names; remote ones are hidden, ours deleted with a word."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.activities import inbound
from fedisora.models import Actor, AuditEntry, Notification, OutboxActivity, Report, Status
from fedisora.services import reports, review

from .test_enrolment import Browser
from .test_reports_pages import HERE, Town

pytestmark = pytest.mark.xdist_group("report_take_down")  # its tests go through one scene


class Square(Town):
    """The town, and an account of another server."""

    def away(self) -> tuple[int, int]:
        """(actor, post) of another server."""
        def write(uow: Any) -> tuple[int, int]:
            base = "https://away.example/users/zed"
            actor = uow.session.scalar(select(Actor).where(Actor.uri == base))
            if actor is None:
                actor = Actor(id=uow.new_id(), uri=base, username="zed", username_key="zed", domain="away.example", type="Person",
                              kind="human", name="Zed", public_key_pem="", created_at=uow.now, updated_at=uow.now)
                uow.session.add(actor)
                uow.session.flush()
            row_id = uow.new_id()
            uow.session.add(Status(id=row_id, uri=f"{base}/{row_id}", url=f"{base}/{row_id}", actor_id=actor.id, content="x",
                                   visibility="public", published=True, created_at=uow.now))
            return actor.id, row_id

        return self.house.db.write_now(write)

    def reported(self, author: int, post: int, category: str = "spam") -> int:
        """The id of eva's report of a post."""
        return int(self.act(lambda uow, who: reports.create(
            uow, who, author, status_ids=[post], category=category, comment="eva wrote this").id, "eva"))

    def status(self, row_id: int) -> Status | None:
        return self.house.db.read_now(lambda session: session.get(Status, row_id))

    def state(self, report: int) -> str:
        return self.house.db.read_now(lambda session: session.get_one(Report, report).state)


@pytest.fixture(scope="module")
def square(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Square]:
    made = Square(tmp_path_factory.mktemp("square"))
    for name in ("ada", "eva"):
        made.person(name)
    made.person("mo", moderator=True)
    yield made
    made.client.close()


def down(browser: Browser, report: int, post: int) -> int:
    return browser.post(f"{HERE}/{report}/posts/{post}").status_code


def test_only_moderators_and_only_what_is_named(square: Square) -> None:
    post, other = square.post("ada"), square.post("ada")
    report = square.reported(square.ids["ada"], post)
    for name in ("ada", "eva"):
        assert down(square.browser(name), report, post) == 404
    mo = square.browser("mo")
    assert down(mo, report, other) == down(mo, 1, post) == down(mo, report, 1) == 404
    own = square.post("mo")
    mine = square.reported(square.ids["mo"], own)
    assert down(mo, mine, own) == 403 and f"{mine}/posts" not in mo.get(HERE).text
    assert square.status(post) and square.status(other) and square.status(own)
    assert square.state(report) == square.state(mine) == "open"


def test_ours_is_deleted_and_its_author_told_what_for(square: Square) -> None:
    post, mo = square.post("ada"), square.browser("mo")
    report = square.reported(square.ids["ada"], post, "likeness")
    assert f"{report}/posts/{post}" in mo.get(HERE).text
    assert down(mo, report, post) == 303
    assert square.status(post) is None and square.state(report) == "resolved"
    page = square.browser("ada").get("/notifications").text
    assert "deleted a post of yours that was reported: it shows somebody without their consent." in page
    assert "eva" not in page and "@mo" not in page
    sent = square.house.db.read_now(lambda session: b"".join(session.scalars(select(OutboxActivity.document))))
    assert b"eva wrote this" not in sent
    told = square.house.db.read_now(lambda session: session.scalars(select(Notification).where(
        Notification.type == "post.deleted")).one())
    assert told.actor_id == square.ids["ada"]
    entry = square.house.db.read_now(lambda session: session.scalars(select(AuditEntry).where(
        AuditEntry.action == "post.deleted")).one())
    assert (entry.actor_id, entry.subject_id) == (square.ids["mo"], square.ids["ada"])
    assert down(mo, report, post) == 404, "it is not here any more"


def test_one_of_another_server_is_hidden_until_it_is_released(square: Square) -> None:
    author, post = square.away()
    report, mo = square.reported(author, post), square.browser("mo")
    assert "Hide it on this server" in mo.get(HERE).text
    assert down(mo, report, post) == 303
    found = square.status(post)
    assert found is not None and (found.published, found.review) == (False, "held")
    assert found.review_reason == "Hidden by a moderator: it is spam."
    assert down(mo, report, post) == 404

    def looked_at(uow: Any) -> None:
        row = uow.session.get_one(Status, post)
        inbound.settle(uow, row, [])
        assert (row.published, row.review) == (False, "held"), "no check shows it again"
        assert inbound.outcome(row) == "held: a moderator has hidden it"
        inbound.reopen(row)
        assert row.review == "held", "nor an edit"
        review.release(uow, post)
        assert (row.published, row.review) == (True, "released")

    square.house.db.write_now(looked_at)
