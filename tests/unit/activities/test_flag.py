"""Flag: reports that come in, are made here, and leave without the reporter's name."""
from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from fedisora.db import UnitOfWork
from fedisora.errors import Forbidden, Invalid, NotFound
from fedisora.models import Actor, Notification, Report, User
from fedisora.services import accounts, blocks, reports
from fedisora.store import actors, statuses

from .conftest import EVE, REM, Town

INSTANCE = "https://here.example/actor"


def stored(town: Town) -> list[Report]:
    return town.db.read_now(lambda session: list(session.scalars(select(Report).order_by(Report.id))))


def told(town: Town) -> list[tuple[str, int]]:
    return town.db.read_now(lambda session: [(row.type, row.about_id) for row in session.scalars(
        select(Notification).where(Notification.type == "admin.report").order_by(Notification.id))])


def admin(town: Town) -> int:
    return town.run(lambda uow: accounts.create(uow, "ruth", "ruth@example.org", "a fine password", admin=True).id)


def remote_post(town: Town, **more: Any) -> int:
    """A post of Rem's that Ada can see."""
    note = town.note(**more)
    town.follows(town.ada, REM)
    assert town.receive(town.activity("Create", note)) == "stored"
    found = town.db.read_now(lambda session: statuses.by_uri(session, note["id"]))
    assert found is not None
    return found.id


def test_an_id_on_another_server_is_not_taken(town: Town) -> None:
    assert town.receive({**town.activity("Flag", town.ada), "id": f"{EVE}#flag"}) == "stored"
    assert [report.uri.startswith(f"{REM}#report-") for report in stored(town)] == [True]


@pytest.mark.parametrize("about", [EVE, [EVE, f"{EVE}/notes/1"], INSTANCE, "https://here.example/users/nobody", [], [{}], 7])
def test_a_report_about_nobody_here_is_ignored(town: Town, about: Any) -> None:
    assert town.receive(town.activity("Flag", about)) == "ignored: not about an account here"
    assert stored(town) == []


def test_a_report_is_stored_once_as_plain_text_and_every_admin_is_told(town: Town) -> None:
    admin(town)
    post = town.post()
    flag = town.activity("Flag", [town.ada, post, f"{EVE}/notes/1", f"{town.ada}/statuses/1"],
                         content="<p>look <script>alert(1)</script></p>" + "x" * 20_000)
    assert town.receive(flag) == "stored"
    assert town.receive(flag) == "ignored: known"
    [report] = stored(town)
    assert report.status_uris == [post]
    assert report.comment.startswith("look")
    assert "script" not in report.comment
    assert len(report.comment) == 5000
    assert report.state == "open"
    assert told(town) == [("admin.report", report.id)]
    assert town.receive(town.activity("Flag", town.ada)) == "stored"
    assert len(told(town)) == 2, "a second report of the same server is told too"


def test_a_report_may_name_posts_only(town: Town) -> None:
    assert town.receive(town.activity("Flag", [town.post()])) == "stored"
    assert stored(town)[0].target_id == town.actor(town.ada).id


def test_an_admin_is_told_about_the_reports_of_somebody_they_block(town: Town) -> None:
    admin(town)
    town.act(blocks.block, "https://here.example/users/ruth", REM)
    assert town.receive(town.activity("Flag", town.ada)) == "stored"
    assert len(told(town)) == 1


def test_a_forwarded_report_comes_from_the_instance_and_never_names_the_reporter(town: Town) -> None:
    admin(town)
    post = remote_post(town)
    report = town.act(reports.create, town.ada, target_id=town.actor(REM).id, status_ids=[post], comment="spam!",
                      category="spam", forward=True)
    [flag] = town.sent("Flag")
    assert flag["actor"] == INSTANCE
    assert flag["object"] == [REM, report.status_uris[0]]
    assert flag["content"] == "spam!"
    assert "ada" not in str({name: value for name, value in flag.items() if name != "proof"})
    assert flag["proof"]["verificationMethod"].startswith(INSTANCE)
    assert report.forwarded
    assert told(town) == [("admin.report", report.id)]


def test_nothing_leaves_unless_asked_for(town: Town) -> None:
    town.act(reports.create, town.ada, target_id=town.actor(REM).id, comment="hm")
    assert town.sent("Flag") == []
    assert not stored(town)[0].forwarded


def test_what_cannot_be_reported(town: Town) -> None:
    theirs = remote_post(town)
    eve, rem = town.actor(EVE).id, town.actor(REM).id
    secret = remote_post_of_eve(town)
    for error, more in ((NotFound, {"target_id": 1}), (NotFound, {"target_id": town.actor(INSTANCE).id}),
                        (Invalid, {"target_id": town.actor(town.ada).id}), (NotFound, {"target_id": eve, "status_ids": [theirs]}),
                        (NotFound, {"target_id": eve, "status_ids": [secret]}),
                        (Invalid, {"target_id": rem, "category": "boring"}),
                        (Invalid, {"target_id": rem, "comment": "x" * 1001})):
        with pytest.raises(error):
            town.act(reports.create, town.ada, **more)
    assert stored(town) == []


def remote_post_of_eve(town: Town) -> int:
    """A post for Eve's followers only; Ruth is one, Ada is not."""
    admin(town)
    town.follows("https://here.example/users/ruth", EVE)
    note = town.note(author=EVE) | {"to": [f"{EVE}/followers"], "cc": []}
    assert town.receive(town.activity("Create", note, actor=EVE)) == "stored"
    found = town.db.read_now(lambda session: statuses.by_uri(session, note["id"]))
    assert found is not None
    return found.id


def test_only_administrators_resolve(town: Town) -> None:
    ruth = admin(town)
    town.receive(town.activity("Flag", town.ada))
    [report] = stored(town)

    def as_ada(uow: UnitOfWork) -> None:
        ada = actors.by_uri(uow.session, town.ada)
        assert isinstance(ada, Actor)
        reports.resolve(uow, accounts.user_of(uow.session, ada.id), report.id)

    with pytest.raises(Forbidden):
        town.run(as_ada)
    with pytest.raises(NotFound):
        town.run(lambda uow: reports.resolve(uow, uow.session.get_one(User, ruth), 1))
    town.run(lambda uow: reports.resolve(uow, uow.session.get_one(User, ruth), report.id))
    assert stored(town)[0].state == "resolved"
    town.run(lambda uow: reports.reopen(uow, uow.session.get_one(User, ruth), report.id))
    assert stored(town)[0].resolved_by is None
