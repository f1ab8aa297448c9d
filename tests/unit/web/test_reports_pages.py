"""Reports on pages and over the API: a likeness goes before everything else, and only moderators read them."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.models import Notification, Report, User
from fedisora.services import publish, reports, tokens

from .test_enrolment import Desk

pytestmark = pytest.mark.xdist_group("reports_pages")  # its tests go through one scene

HERE = "/admin/reports"


class Town(Desk):
    """The desk, with posts and reports of them."""

    def post(self, name: str) -> int:
        return int(self.act(lambda uow, who: publish.create(uow, who, publish.Draft(text="a video of somebody")).id, name))

    def reports(self) -> list[Report]:
        return self.house.db.read_now(lambda session: list(session.scalars(select(Report).order_by(Report.id))))

    def token(self, name: str, scopes: str) -> dict[str, str]:
        user = self.user(name).id
        return {"Authorization": f"Bearer {self.house.db.write_now(lambda uow: tokens.create(uow, user, None, scopes))}"}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("town"))
    for name in ("ada", "eva"):
        made.person(name)
    made.person("mo", moderator=True)
    made.person("root1", admin=True)
    yield made
    made.client.close()


def test_what_is_no_report_is_refused(town: Town) -> None:
    post, ada, eva = town.post("ada"), town.browser("ada"), town.browser("eva")
    assert town.client.post(f"/posts/{post}/report", data={"category": "likeness"}).status_code in (401, 403)
    assert eva.post(f"/posts/{post}/report").status_code == 422
    assert eva.post(f"/posts/{post}/report", category="ugly").status_code == 422
    assert eva.post("/posts/1/report", category="likeness").status_code == 404
    assert ada.post(f"/posts/{post}/report", category="likeness").status_code == 422, "one's own"
    assert eva.post(f"/posts/{post}/report", category="other", comment="x" * 1001).status_code == 422
    assert town.reports() == []


def test_a_likeness_goes_before_everything_else(town: Town) -> None:
    post, eva, mo = town.post("ada"), town.browser("eva"), town.browser("mo")
    for category in ("likeness", "spam", "other"):
        assert eva.post(f"/posts/{post}/report", category=category, comment=f"comment on {category}").status_code == 303
    assert [row.urgent for row in town.reports()] == [True, False, False]
    for name in ("ada", "eva"):
        assert town.browser(name).get(HERE).status_code == 404
        assert town.browser(name).post(f"{HERE}/{town.reports()[0].id}/resolve").status_code == 404
    page = mo.get(HERE).text
    places = [page.index(f"comment on {category}") for category in ("likeness", "other", "spam")]
    assert places == sorted(places)
    told = town.house.db.read_now(lambda session: set(session.scalars(select(Notification.actor_id).where(
        Notification.type == "admin.report"))))
    assert told == {town.ids["mo"], town.ids["root1"]}
    headers = town.token("root1", "read write admin:read admin:write")
    listed = town.client.get("/api/v1/admin/reports", headers=headers).json()
    assert [item["fedisora"] for item in listed] == [
        {"category": "likeness", "urgent": True}, {"category": "other", "urgent": False}, {"category": "spam", "urgent": False}]
    assert [item["category"] for item in listed] == ["other", "other", "spam"], "words that apps know"
    first = town.reports()[0]
    assert mo.post(f"{HERE}/{first.id}/close").status_code == 404
    assert mo.post(f"{HERE}/{first.id}/resolve").status_code == 303
    assert "comment on likeness" not in mo.get(HERE).text and "comment on likeness" in mo.get(f"{HERE}?resolved=1").text
    assert mo.post(f"{HERE}/{first.id}/reopen").status_code == 303 and "comment on likeness" in mo.get(HERE).text


def test_the_api_takes_the_category_and_nobody_floods_the_front(town: Town) -> None:
    post, headers = town.post("ada"), town.token("eva", "read write")
    given = {"account_id": str(town.ids["ada"]), "status_ids": [str(post)], "category": "likeness"}
    for _ in range(reports.MOST_URGENT):
        answer = town.client.post("/api/v1/reports", json=given, headers=headers)
        assert answer.status_code == 200
    assert answer.json()["category"] == "other" and answer.json()["fedisora"] == {"category": "likeness", "urgent": False}
    assert sum(row.urgent for row in town.reports()) == reports.MOST_URGENT


def test_paging_loses_no_report(town: Town) -> None:
    headers = town.token("root1", "admin:read")
    everything: list[str] = []
    url: Any = "/api/v1/admin/reports?limit=5"
    while url:
        answer = town.client.get(url, headers=headers)
        everything += [item["id"] for item in answer.json()]
        url = answer.links.get("next", {}).get("url") if answer.json() else None
    assert set(everything) == {str(row.id) for row in town.reports() if row.state == "open"}


def test_who_lost_the_role_decides_nothing(town: Town) -> None:
    def demote(uow: Any) -> None:
        user = uow.session.scalars(select(User).where(User.actor_id == town.ids["mo"])).one()
        user.moderator = False

    mo = town.browser("mo")
    town.house.db.write_now(demote)
    assert mo.get(HERE).status_code == 404
    assert mo.post(f"{HERE}/{town.reports()[0].id}/resolve").status_code == 404
