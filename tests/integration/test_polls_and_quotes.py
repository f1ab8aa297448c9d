"""Polls and quotes over HTTP: the client API on one side, another server on the other."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from fedisora.activitypub.integrity_proofs import verify_document
from fedisora.activitypub.multibase import ed25519_from_multibase
from tests.support.instances import Api, InstanceProcess, eventually, unique
from tests.support.remote import RemoteActor
from tests.support.world import ACTIVITY, World


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("posts"), database_url=module_database_url).start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as found:
        yield found


@pytest.fixture(scope="module")
def ada(instance: InstanceProcess) -> Api:
    return instance.user("ada")


@pytest.fixture(scope="module")
def bob(instance: InstanceProcess) -> Api:
    return instance.user("bob")


def arrived(world: World, kind: str, **wanted: Any) -> dict[str, Any]:
    """The last delivered activity of a type with these values."""
    found: dict[str, Any] = eventually(lambda: [item for item in world.activities(kind) if all(
        item.get(name) == value for name, value in wanted.items())], what=f"{kind} {wanted}")[-1]
    return found


def follows(world: World, fan: RemoteActor, whom: Api) -> None:
    follow = fan.activity("Follow", whom.actor)
    assert fan.send(f"{whom.instance.base}/inbox", follow).status_code == 202
    eventually(lambda: [item for item in world.activities("Accept") if item["object"]["id"] == follow["id"]], what="Accept")


def resolved(api: Api, uri: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get("/api/v2/search", q=uri, resolve="true", type="statuses")["statuses"][0]
    return found


def document(url: str) -> httpx.Response:
    return httpx.get(url, headers={"Accept": ACTIVITY}, timeout=30)


def test_votes_from_here_and_elsewhere_are_counted(instance: InstanceProcess, world: World, ada: Api, bob: Api) -> None:
    fan = world.actor(unique("voter"))
    follows(world, fan, ada)
    form = {"status": "Tea?", "poll[options][]": ["yes", "no"], "poll[expires_in]": "300", "poll[multiple]": "false"}
    answer = ada.http.post("/api/v1/statuses", data=form)
    assert answer.status_code == 200, answer.text
    status = answer.json()
    assert [option["title"] for option in status["poll"]["options"]] == ["yes", "no"]
    question = arrived(world, "Create", actor=ada.actor)["object"]
    assert (question["id"], question["type"]) == (status["uri"], "Question")
    ballot = {"id": f"{fan.uri}#votes/1", "type": "Note", "name": "yes", "attributedTo": fan.uri, "inReplyTo": status["uri"],
              "to": [ada.actor]}
    assert fan.send(f"{instance.base}/inbox", fan.activity("Create", ballot)).status_code == 202
    poll = f"/api/v1/polls/{status['poll']['id']}"
    eventually(lambda: bob.get(poll)["votes_count"] == 1, what="the remote vote")
    mine = bob.post(f"{poll}/votes", choices=[1])
    assert (mine["voted"], mine["own_votes"], mine["votes_count"], mine["voters_count"]) == (True, [1], 2, 2)
    assert bob.http.post(f"{poll}/votes", json={"choices": [0]}).status_code == 422
    assert ada.http.post(f"{poll}/votes", json={"choices": [0]}).status_code == 422
    assert httpx.get(instance.base + poll, timeout=30).json()["options"][0]["votes_count"] == 1
    assert ada.http.get("/api/v1/polls/1").status_code == 404
    page = httpx.get(status["url"], headers={"Accept": "text/html"}, timeout=30).text
    assert "<li>yes: 50 %</li><li>no: 50 %</li></ul><p>2 voted</p>" in page


@pytest.mark.parametrize("body", [
    {"poll": {"options": ["one"], "expires_in": 300}}, {"poll": {"options": ["a", "b"]}},
    {"poll": {"options": ["a", "b"], "expires_in": 1}}, {"quote_approval_policy": "everybody"}])
def test_half_a_poll_and_odd_policies_are_refused(ada: Api, body: dict[str, Any]) -> None:
    assert ada.http.post("/api/v1/statuses", json={"status": "x", **body}).status_code == 422


def test_a_vote_of_ours_reaches_the_author_and_new_counts_come_back(instance: InstanceProcess, world: World, ada: Api) -> None:
    author = world.actor(unique("asker"))
    options = [{"type": "Note", "name": name, "replies": {"type": "Collection", "totalItems": 1}} for name in ("left", "right")]
    note = world.note(author, "which way?", type="Question", oneOf=options, endTime="2099-01-01T00:00:00Z", votersCount=2)
    status = resolved(ada, note["id"])
    assert (status["poll"]["voters_count"], status["poll"]["voted"]) == (2, False)
    assert ada.post(f"/api/v1/polls/{status['poll']['id']}/votes", choices=["1"])["own_votes"] == [1]
    vote = arrived(world, "Create", actor=ada.actor, to=[author.uri])["object"]
    assert (vote["name"], vote["inReplyTo"], vote["to"]) == ("right", note["id"], [author.uri])
    options[1]["replies"] = {"type": "Collection", "totalItems": 7}
    assert author.send(f"{instance.base}/inbox", author.activity("Update", {**note, "votersCount": 8})).status_code == 202
    eventually(lambda: ada.get(f"/api/v1/polls/{status['poll']['id']}")["voters_count"] == 8, what="new counts")


def test_a_quote_is_asked_for_approved_and_revoked(instance: InstanceProcess, world: World, ada: Api) -> None:
    author = world.actor(unique("quoted"))
    note = world.note(author, "quote me", interactionPolicy={"canQuote": {"automaticApproval": ["as:Public"]}})
    mine = ada.post("/api/v1/statuses", status="look", quoted_status_id=resolved(ada, note["id"])["id"])
    assert mine["quote"] == {"state": "pending", "quoted_status": None}
    asked = arrived(world, "QuoteRequest", object=note["id"])
    assert asked["instrument"]["id"] == mine["uri"]
    stamp = {"@context": note["@context"], "id": f"{author.uri}/stamps/1", "type": "QuoteAuthorization",
             "attributedTo": author.uri,
             "interactingObject": mine["uri"], "interactionTarget": note["id"]}
    world.documents[urlsplit(stamp["id"]).path] = stamp
    accept = author.activity("Accept", {"id": asked["id"], "type": "QuoteRequest"}, result=stamp["id"])
    assert author.send(f"{instance.base}/inbox", accept).status_code == 202

    def quote() -> dict[str, Any]:
        found: dict[str, Any] = ada.get(f"/api/v1/statuses/{mine['id']}")["quote"]
        return found

    eventually(lambda: quote()["state"] == "accepted", what="the approval")
    assert quote()["quoted_status"]["uri"] == note["id"]
    assert document(mine["uri"]).json()["quoteAuthorization"] == stamp["id"]
    assert [item["id"] for item in ada.get(f"/api/v1/statuses/{quote()['quoted_status']['id']}/quotes")] == [mine["id"]]
    assert author.send(f"{instance.base}/inbox", author.activity("Delete", stamp["id"])).status_code == 202
    eventually(lambda: quote()["state"] == "revoked", what="the revocation")


def test_who_asks_may_quote_us(instance: InstanceProcess, world: World, ada: Api) -> None:
    writer = world.actor(unique("writer"))
    mine = ada.post("/api/v1/statuses", status="quote me, world")
    quoting = world.note(writer, "look", quote=mine["uri"])
    asked = {**writer.activity("QuoteRequest", mine["uri"]), "instrument": quoting["id"]}
    assert writer.send(f"{ada.actor}/inbox", asked).status_code == 202
    accept = eventually(lambda: [item for item in world.activities("Accept") if item["object"]["id"] == asked["id"]],
                        what="Accept")[0]
    stamp = document(accept["result"]).json()
    assert (stamp["interactingObject"], stamp["interactionTarget"]) == (quoting["id"], mine["uri"])
    eventually(lambda: [item["uri"] for item in ada.get(f"/api/v1/statuses/{mine['id']}/quotes")] == [quoting["id"]],
               what="the quote")
    assert ada.get("/api/v1/notifications", **{"types[]": "quote"})[0]["status"]["uri"] == quoting["id"]


def test_our_stamp_is_served_until_it_is_revoked(ada: Api, bob: Api) -> None:
    first = ada.post("/api/v1/statuses", status="quote me")
    second = bob.post("/api/v1/statuses", status="done", quoted_status_id=first["id"])
    assert second["quote"]["quoted_status"]["id"] == first["id"]
    page = httpx.get(second["url"], headers={"Accept": "text/html"}, timeout=30).text
    assert f'<blockquote><p><a href="/@ada/{first["id"]}">' in page
    uri = document(second["uri"]).json()["quoteAuthorization"]
    served = document(uri)
    assert served.status_code == 200
    assert {name: served.json()[name] for name in ("id", "type", "attributedTo", "interactingObject", "interactionTarget")} == {
        "id": uri, "type": "QuoteAuthorization", "attributedTo": ada.actor, "interactingObject": second["uri"],
        "interactionTarget": first["uri"]}
    multikey = document(ada.actor).json()["assertionMethod"][0]
    verify_document(served.json(), ed25519_from_multibase(multikey["publicKeyMultibase"]))
    revoke = f"/api/v1/statuses/{first['id']}/quotes/{second['id']}/revoke"
    assert bob.http.post(revoke).status_code == 403
    assert ada.post(revoke)["quote"] == {"state": "revoked", "quoted_status": None}
    assert document(uri).status_code == 410
    assert document(f"{ada.actor}/quote_authorizations/1").status_code == 404
    assert document(uri.replace("/ada/", "/bob/")).status_code == 404
    policy = ada.http.put(f"/api/v1/statuses/{first['id']}/interaction_policy", json={"quote_approval_policy": "nobody"})
    assert policy.json()["quote_approval"] == {"automatic": [], "manual": [], "current_user": "automatic"}
    assert bob.http.post("/api/v1/statuses", json={"status": "again", "quoted_status_id": first["id"]}).status_code == 403
