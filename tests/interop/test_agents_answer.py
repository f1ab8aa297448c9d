"""Asking an agent from elsewhere: Mastodon.py on a second instance, posts as Mastodon writes them, and bots on both sides."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from mastodon import Mastodon

from tests.support.agents import AnsweringAgent
from tests.support.instances import Api, InstanceProcess, eventually
from tests.support.world import World

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("agents_answer")]
AS2 = "https://www.w3.org/ns/activitystreams"


@pytest.fixture(scope="module")
def dreamer(instances: Callable[..., InstanceProcess]) -> AnsweringAgent:
    return AnsweringAgent(instances("a", retry_seconds="1"), persona="I paint what you say.")


@pytest.fixture(scope="module")
def bea(instances: Callable[..., InstanceProcess]) -> Api:
    return instances("b", retry_seconds="1").user("bea")


@pytest.fixture(scope="module")
def client(bea: Api, dreamer: AnsweringAgent) -> Iterator[Mastodon]:
    bea.resolve(dreamer.handle)  # as an app does while one types
    found = Mastodon(access_token=bea.token, api_base_url=bea.instance.base)
    yield found
    found.session.close()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as found:
        yield found


def mastodon_note(world: World, author: Any, agent: AnsweringAgent, words: str, **more: Any) -> dict[str, Any]:
    """A Note with everything that Mastodon puts into one."""
    content = (f'<p><span class="h-card" translate="no"><a href="{agent.instance.base}/@{agent.name}" class="u-url mention">@'
               f"<span>{agent.name}</span></a></span> {words}</p>")
    return world.note(author, "", **{
        "content": content, "contentMap": {"en": content}, "sensitive": False, "atomUri": None, "inReplyTo": None,
        "conversation": f"tag:{world.host},2026:objectId=1:objectType=Conversation", "attachment": [],
        "cc": [f"{author.uri}/followers", agent.actor],
        "tag": [{"type": "Mention", "href": agent.actor, "name": agent.handle}], **more})


def deliver(author: Any, agent: AnsweringAgent, note: dict[str, Any]) -> None:
    create = author.activity("Create", note, to=note["to"], cc=note["cc"])
    answer = author.send(f"{agent.instance.base}/inbox", create)
    assert answer.status_code == 202, answer.text


def created(world: World, note: dict[str, Any]) -> list[dict[str, Any]]:
    """What was delivered there as answers to a post."""
    return [item["object"] for item in world.activities("Create") if item["object"].get("inReplyTo") == note["id"]]


# ---- who may not, first
def test_an_unsigned_question_is_refused(dreamer: AnsweringAgent, world: World) -> None:
    mia = world.actor("mia")
    note = mastodon_note(world, mia, dreamer, "a forged cat")
    body = mia.activity("Create", note, to=note["to"])
    answer = httpx.post(f"{dreamer.instance.base}/inbox", json=body, headers={"Content-Type": "application/activity+json"})
    assert answer.status_code == 401
    assert not [line for line in dreamer.asked() if line["post"] == note["id"]]


def test_only_the_operator_sees_and_sets_how_it_answers(dreamer: AnsweringAgent) -> None:
    eve = dreamer.instance.user("eve")
    path = f"/api/fedisora/v1/agents/{dreamer.id}"
    assert eve.http.get(f"{path}/answers").status_code == 404 and eve.http.get(f"{path}/asked").status_code == 404
    assert eve.http.put(f"{path}/answers", json={"on": False}).status_code == 404
    assert dreamer.operator.http.put(f"{path}/answers", json={"audience": "nobody"}).status_code == 422
    assert dreamer.operator.http.put(f"{path}/answers", json={"schedule": [{"at": "9"}]}).status_code == 422


# ---- a person with a Mastodon client
def test_a_mastodon_client_asks_and_gets_the_signed_video(dreamer: AnsweringAgent, client: Mastodon, bea: Api) -> None:
    asked = client.status_post(f"{dreamer.handle} a lighthouse in fog, portrait, seed 42", visibility="public")
    line = dreamer.settled(asked["url"])
    assert line["state"] == "answered" and line["prompt"] == "a lighthouse in fog"

    def arrived() -> Any:
        return next((item for item in client.status_context(asked["id"])["descendants"] if item["media_attachments"]), None)

    reply = eventually(arrived, seconds=60, what="the answer in the thread")
    media = reply["media_attachments"][0]
    assert reply["account"]["acct"] == dreamer.handle[1:] and reply["account"]["bot"] is True
    assert reply["visibility"] == "unlisted" and [item["acct"] for item in reply["mentions"]] == ["bea"]
    assert media["type"] == "video" and media["description"].endswith(": a lighthouse in fog")
    for words in ("a lighthouse in fog", "seed 42", "I paint what you say.", "procedural", "1 s", "#", "Procedural"):
        assert words in reply["content"], reply["content"]
    assert "procedural" in [tag["name"].lower() for tag in reply["tags"]]
    assert client.notifications(types=["mention"])[0]["status"]["id"] == reply["id"]
    note = httpx.get(reply["uri"], headers={"Accept": "application/activity+json"}).json()
    attachment = note["attachment"][0]
    assert note["proof"]["type"] == "DataIntegrityProof" and attachment["provenance"]["digestMultibase"]
    verdict = eventually(lambda: (found := bea.post("/api/fedisora/v1/verify", url=attachment["url"]))["verdict"] == "verified"
                         and found, what="the file verifies on the other server")
    parameters = verdict["record"]["generator"]
    assert parameters["seed"] == "42" and parameters["prompt"] == "a lighthouse in fog"
    assert verdict["record"]["actorKind"] == "fs:AIAgent"


def test_a_direct_question_is_answered_to_that_person_alone(dreamer: AnsweringAgent, client: Mastodon) -> None:
    before = len(dreamer.posts())
    asked = client.status_post(f"{dreamer.handle} a quiet pond", visibility="direct")
    assert dreamer.settled(asked["url"])["state"] == "answered"
    reply = eventually(lambda: client.status_context(asked["id"])["descendants"], seconds=60, what="the answer")[0]
    assert reply["visibility"] == "direct" and len(dreamer.posts()) == before
    assert httpx.get(reply["uri"], headers={"Accept": "application/activity+json"}).status_code == 404


def test_a_refusal_says_why_and_once(dreamer: AnsweringAgent, client: Mastodon) -> None:
    asked = client.status_post(f"{dreamer.handle} a pond, 5000 seconds")
    assert dreamer.settled(asked["url"])["state"] == "refused"
    reply = eventually(lambda: client.status_context(asked["id"])["descendants"], what="the refusal")[0]
    assert "seconds long" in reply["content"] and reply["visibility"] == "unlisted"
    again = client.status_post(f"{dreamer.handle} a pond, 6000 seconds")
    assert dreamer.settled(again["url"])["state"] == "ignored"


def test_edits_and_boosts_ask_nothing(dreamer: AnsweringAgent, client: Mastodon) -> None:
    plain = client.status_post("a post for nobody")
    client.status_update(plain["id"], f"{dreamer.handle} a cat by the back door")
    client.status_reblog(plain["id"])
    asked = client.status_post(f"{dreamer.handle} thanks")
    assert dreamer.settled(asked["url"])["state"] == "ignored"
    assert plain["url"] not in [line["post"] for line in dreamer.asked()]


# ---- posts as Mastodon writes them
def test_a_post_of_mastodon_is_answered_with_label_and_parameters(dreamer: AnsweringAgent, world: World) -> None:
    ann = world.actor("ann")
    note = mastodon_note(world, ann, dreamer, "a red kite, landscape")
    deliver(ann, dreamer, note)
    assert dreamer.settled(note["id"])["state"] == "answered"
    answer = eventually(lambda: created(world, note), what="the answer at its server")[0]
    video = answer["attachment"][0]
    assert video["type"] == "Video" and video["width"] > video["height"] and video["name"].endswith(": a red kite")
    assert answer["content"].rstrip().endswith("#Procedural</a></p>") and "Procedural video, not AI" in answer["content"]
    assert {(tag["type"], tag["name"]) for tag in answer["tag"]} == {
        ("Hashtag", "#Procedural"), ("Mention", f"@ann@{world.host}")}
    assert answer["to"] == [f"{dreamer.actor}/followers"] or f"{AS2}#Public" in answer["cc"]
    assert video["digitalSourceType"] and video["provenance"]["manifest"]


def test_who_says_the_stop_word_is_left_alone(dreamer: AnsweringAgent, world: World) -> None:
    sue = world.actor("sue")
    for words, state in (("stop", "told"), ("a cat", "ignored")):
        note = mastodon_note(world, sue, dreamer, words)
        deliver(sue, dreamer, note)
        assert dreamer.settled(note["id"])["state"] == state
    assert not created(world, note)


def test_a_person_has_a_limit(dreamer: AnsweringAgent, world: World) -> None:
    dreamer.configure(per_person=1)
    pam, states = world.actor("pam"), []
    for words in ("a first pond", "a second pond"):
        note = mastodon_note(world, pam, dreamer, words)
        deliver(pam, dreamer, note)
        states.append(dreamer.settled(note["id"])["state"])
    dreamer.configure(per_person=20)
    assert states == ["answered", "refused"]
    answer = eventually(lambda: created(world, note), what="the refusal at its server")[0]
    assert "1 video for one person in 24 hours" in answer["content"] and answer["attachment"] == []


def test_who_deletes_the_question_gets_no_answer(dreamer: AnsweringAgent, world: World) -> None:
    gus = world.actor("gus")
    note = mastodon_note(world, gus, dreamer, "a very long river, 8 seconds")
    deliver(gus, dreamer, note)
    eventually(lambda: dreamer.line(note["id"]), what="the question is there")
    gone = gus.activity("Delete", {"id": note["id"], "type": "Tombstone"}, to=note["to"])
    assert gus.send(f"{dreamer.instance.base}/inbox", gone).status_code == 202
    eventually(lambda: [line for line in dreamer.asked() if line["state"] == "withdrawn"], what="it is taken back")
    assert not created(world, note)


# ---- machines
def test_a_machine_gets_no_answer(dreamer: AnsweringAgent, world: World) -> None:
    bot, person = world.actor("bot"), world.actor("tim")
    world.documents["/users/bot"]["type"] = "Service"
    note = mastodon_note(world, bot, dreamer, "a cat")
    deliver(bot, dreamer, note)
    after = mastodon_note(world, person, dreamer, "thanks")
    deliver(person, dreamer, after)
    dreamer.settled(after["id"])
    assert note["id"] not in [line["post"] for line in dreamer.asked()] and not created(world, note)


def test_two_agents_that_mention_each_other_say_nothing(dreamer: AnsweringAgent, bea: Api) -> None:
    painter = AnsweringAgent(bea.instance, "painter", "ina")
    agents = {agent.name: agent for agent in (dreamer, painter)}
    tokens = {name: agent.instance.cli("user", "token", name, "--scopes", "read write").stdout.strip()
              for name, agent in agents.items()}
    for one, other in ((dreamer, painter), (painter, dreamer)):
        one.operator.resolve(other.handle)
    bea.resolve(dreamer.handle)
    before = {name: len(agent.posts()) for name, agent in agents.items()}
    for name, other in (("dreamer", painter), ("painter", dreamer)):
        answer = httpx.post(f"{agents[name].instance.base}/api/v1/statuses", json={"status": f"{other.handle} a cat"},
                            headers={"Authorization": f"Bearer {tokens[name]}"}, timeout=30)
        assert answer.status_code == 200 and answer.json()["mentions"], answer.text
    def heard(agent: AnsweringAgent) -> Any:
        answer = httpx.get(f"{agent.instance.base}/api/v1/notifications", params={"types[]": "mention"}, timeout=30,
                           headers={"Authorization": f"Bearer {tokens[agent.name]}"})
        return [item for item in answer.json() if item["account"]["acct"].startswith(("painter@", "dreamer@"))]

    for agent in agents.values():
        eventually(lambda agent=agent: heard(agent), what=f"the other's post at {agent.handle}")  # type: ignore[misc]
    asked = bea.post("/api/v1/statuses", status=f"{dreamer.handle} thanks")  # answered after the agents' posts would have been
    dreamer.settled(asked["url"])
    assert {name: len(agent.posts()) - before[name] for name, agent in agents.items()} == {"dreamer": 1, "painter": 1}
    assert not [line for agent in agents.values() for line in agent.asked() if line["who"].startswith(("@painter", "@dreamer"))]
