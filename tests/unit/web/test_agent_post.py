"""An operator posts as their agent by its page: who may not comes first, then what is posted, and the line in the audit log."""
from __future__ import annotations

import pytest
from sqlalchemy import delete, select

from fedisora.models import AgentMention, AuditEntry, Generation, Status, User
from fedisora.services import accounts
from fedisora.services.agents import configure
from fedisora.store import statuses
from tests.support.asking import Asking
from tests.support.studio import Studio

from .test_making_pages import Browser
from .test_openapi import Client

pytestmark = pytest.mark.xdist_group("agent_post")  # its tests go through one scene

PAGE, POST = "/settings/agents/dreamer", "/settings/agents/dreamer/post"


@pytest.fixture(scope="module")
def made(made_studio: Studio, client: Client) -> Asking:
    for name, operator in (("dreamer", "ada"), ("painter", "bea")):
        made_studio.run(lambda uow, n=name, o=operator: accounts.create(  # type: ignore[misc]
            uow, n, f"{n}@example.org", "a fine password", kind="agent", operator=o))
    return Asking(made_studio.house.db)


@pytest.fixture
def asking(studio: Studio, made: Asking) -> Asking:
    def clear(uow: object) -> None:
        for table in (AgentMention, Status, AuditEntry):
            uow.session.execute(delete(table))  # type: ignore[attr-defined]

    studio.run(clear)
    made.set(per_day=100, stopped_at=None, stopped_by=None, style="")
    return made


def posts(asking: Asking) -> list[Status]:
    return asking.said()


def entries(studio: Studio) -> list[AuditEntry]:
    return studio.house.db.read_now(lambda session: list(session.scalars(select(AuditEntry).where(
        AuditEntry.action == "agent.posted"))))


def nothing(studio: Studio, asking: Asking) -> bool:
    made = studio.house.db.read_now(lambda session: session.scalars(select(Generation)).all())
    return not posts(asking) and not made and not entries(studio)


# ---- who may not, and what may not be
@pytest.mark.parametrize("kind", ["words", "video"])
def test_nobody_but_its_operator_posts_as_an_agent(studio: Studio, client: Client, asking: Asking, kind: str) -> None:
    fields = {"kind": kind, "text": "a calm sea", "visibility": "public"}
    for name in ("bea", "mod", "dreamer", "painter"):
        answer = Browser(studio, client, name).post(POST, **fields)
        assert answer.status_code == 404, name
    assert client.post(POST, data=fields).status_code in (302, 303, 401, 403)
    ada = Browser(studio, client, "ada")
    assert ada.post(POST, **fields | {"csrf_token": "x"}).status_code == 403
    assert ada.post("/settings/agents/painter/post", **fields).status_code == 404
    assert ada.post("/settings/agents/ada/post", **fields).status_code == 404
    assert nothing(studio, asking)


@pytest.mark.parametrize("kind", ["words", "video"])
def test_it_never_goes_to_single_people(studio: Studio, client: Client, asking: Asking, kind: str) -> None:
    ada = Browser(studio, client, "ada")
    for visibility in ("direct", "", "everyone"):
        answer = ada.post(POST, kind=kind, text="@bea a calm sea", visibility=visibility)
        assert answer.status_code == 422 and "@bea a calm sea</textarea>" in answer.text
    assert nothing(studio, asking)
    if kind == "words":
        answer = ada.post(POST, kind=kind, text="@bea read this", visibility="private")
        assert answer.status_code == 403 and "never writes to somebody first" in answer.text and nothing(studio, asking)


@pytest.mark.parametrize("kind", ["words", "video"])
def test_an_agent_that_stands_still_posts_nothing(studio: Studio, client: Client, asking: Asking, kind: str) -> None:
    ada = Browser(studio, client, "ada")
    assert 'action="/settings/agents/dreamer/post"' in ada.get(PAGE).text
    asking.set(stopped_at=asking.db.clock(), stopped_by=asking.actor("ada").id)
    answer = ada.post(POST, kind=kind, text="a calm sea", visibility="public")
    assert answer.status_code == 403 and "was stopped by its operator" in answer.text and nothing(studio, asking)
    assert 'action="/settings/agents/dreamer/post"' not in ada.get(PAGE).text


def test_the_limit_of_a_day_counts_for_its_operator_too(studio: Studio, client: Client, asking: Asking) -> None:
    ada = Browser(studio, client, "ada")
    asking.set(per_day=1)
    assert ada.post(POST, kind="video", text="a calm sea", visibility="public").status_code == 303
    answer = ada.post(POST, kind="video", text="a hill", visibility="public")
    assert answer.status_code == 429 and "Limit per day: 1 in 24 hours" in answer.text and "a hill</textarea>" in answer.text
    assert "made 1 video of 1" in ada.get(PAGE).text and len(entries(studio)) == 1
    assert asking.asks("a cat").state == "refused"


def test_what_a_gate_refuses_is_said_at_once(studio: Studio, client: Client, asking: Asking) -> None:
    answer = Browser(studio, client, "ada").post(POST, kind="video", text="a nude child", visibility="public")
    assert answer.status_code == 422 and "makes no sexual images of minors" in answer.text


@pytest.mark.parametrize("text", ["", "  \n "])
def test_nothing_is_not_posted(studio: Studio, client: Client, asking: Asking, text: str) -> None:
    ada = Browser(studio, client, "ada")
    for kind in ("words", "video"):
        assert ada.post(POST, kind=kind, text=text, visibility="public").status_code == 422
    assert ada.post(POST, kind="video", text="x" * 1001, visibility="public").status_code == 422
    assert nothing(studio, asking)


# ---- what is posted
def test_words_are_posted_by_the_agent_and_the_log_says_by_whom(studio: Studio, client: Client, asking: Asking) -> None:
    studio.run(lambda uow: configure.change(uow, asking.agent, {"language": "fr"}, []))
    answer = Browser(studio, client, "ada").post(POST, kind="words", text="Bonjour\r\n@bea #été", visibility="unlisted")
    status = posts(asking)[0]
    assert answer.headers["location"] == f"/@dreamer/{status.id}"
    assert (status.text, status.visibility, status.language, status.published) == ("Bonjour\n@bea #été", "unlisted", "fr", True)
    entry, = entries(studio)
    assert (entry.actor_id, entry.subject_id) == (asking.actor("ada").id, asking.agent.id)
    assert entry.detail == {"kind": "words", "post": str(status.id)}
    people = studio.house.db.read_now(lambda session: statuses.mentions(session, [status.id])[status.id])
    assert [one.username for one in people] == ["bea"]


def test_a_video_is_made_with_the_agents_own_defaults(studio: Studio, client: Client, asking: Asking) -> None:
    asking.set(style="in oil", persona="I paint.", orientation="square", seconds=2.0)
    answer = Browser(studio, client, "ada").post(POST, kind="video", text="a calm\nsea", visibility="private")
    assert answer.headers["location"] == PAGE
    row = studio.house.db.read_now(lambda session: session.scalars(select(Generation)).one())
    agent = asking.agent
    assert (row.actor_id, row.payer_id, row.prompt) == (agent.id, asking.actor("ada").id, "in oil, a calm sea")
    assert row.width == row.height and row.seconds == pytest.approx(2.0, abs=0.1) and row.state == "queued"
    post = row.publish_as or {}
    assert post["visibility"] == "private" and "I paint." in post["text"] and post["show_prompt"] is True
    entry, = entries(studio)
    assert entry.detail == {"kind": "video", "generation": str(row.id)} and entry.actor_id == asking.actor("ada").id
    line = studio.house.db.read_now(lambda session: session.scalars(select(AgentMention)).one())
    assert (line.state, line.author_id, line.generation_id) == ("making", None, row.id)
    assert "its own post" in Browser(studio, client, "ada").get(f"{PAGE}/answers").text


def test_too_many_posts_in_an_hour_are_too_many(studio: Studio, client: Client, asking: Asking) -> None:
    studio.run(lambda uow: setattr(uow.session.scalars(select(User).where(User.actor_id == asking.agent.id)).one(), "limits",
                                   {"posts_per_hour": 1}))
    ada = Browser(studio, client, "ada")
    assert ada.post(POST, kind="words", text="one", visibility="public").status_code == 303
    answer = ada.post(POST, kind="words", text="two", visibility="public")
    assert answer.status_code == 429 and "1 posts in an hour" in answer.text and len(posts(asking)) == 1


def test_its_page_says_that_it_acts_by_an_exception(studio: Studio, client: Client, asking: Asking) -> None:
    ada = Browser(studio, client, "ada")
    assert "You are not a verified human. It may act all the same" in ada.get(PAGE).text
    asking.set(exempt=False)
    page = ada.get(PAGE).text
    asking.set(exempt=True)
    assert "not a verified human at present" in page and "Be verified" in page and "all the same" not in page
