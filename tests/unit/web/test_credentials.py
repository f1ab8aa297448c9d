"""Credentials and lists as other servers, verifiers and browsers get them; the field that other software shows."""
from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from fedisora.activitypub.negotiation import is_activity_type
from fedisora.federation.fetch import ACCEPT
from fedisora.models import HumanCredential, StatusList
from fedisora.services import accounts, tokens
from fedisora.services.verification import credentials
from fedisora.store import actors
from tests.support.jcs import verify
from tests.support.studio import Studio

from .test_openapi import Client


def issue(studio: Studio, name: str = "ada", method: str = "live-clip") -> HumanCredential:
    return studio.run(lambda uow: credentials.issue(uow, actors.get(uow.session, studio.actor(name).id), method))


def revoke(studio: Studio, name: str = "ada") -> None:
    studio.run(lambda uow: credentials.revoke(uow, actors.get(uow.session, studio.actor(name).id), "a mistake"))


def change(studio: Studio, name: str = "ada", **columns: Any) -> None:
    def apply(uow: Any) -> None:
        actor = actors.get(uow.session, studio.actor(name).id)
        for column, value in columns.items():
            setattr(actor, column, value)

    studio.run(apply)


def test_a_credential_and_its_list_verify_with_another_implementation(studio: Studio, client: Client) -> None:
    row = issue(studio)
    issuer = client.get("/actor", headers={"Accept": ACCEPT}).json()
    answer = client.get(f"/credentials/{row.id}", headers={"Accept": ACCEPT})
    assert is_activity_type(answer.headers["content-type"]) and "max-age" in answer.headers["cache-control"]
    document = answer.json()
    assert (document["id"], document["issuer"]) == (f"https://here.example/credentials/{row.id}", issuer["id"])
    verify(document, issuer)
    entry = document["credentialStatus"]
    listed = client.get(entry["statusListCredential"].removeprefix("https://here.example"), headers={"Accept": ACCEPT}).json()
    assert listed["id"] == entry["statusListCredential"]
    verify(listed, issuer)
    with pytest.raises(InvalidSignature):
        verify({**document, "credentialSubject": {**document["credentialSubject"], "id": row.uri}}, issuer)


@pytest.mark.parametrize(("accept", "kind"), [
    ("application/vc", "application/vc"), ("", "application/vc"), ("*/*", "application/vc"),
    ("application/ld+json", "application/ld+json"), ("application/activity+json", "application/activity+json"),
    ('application/ld+json; profile="https://www.w3.org/ns/activitystreams"', "application/activity+json"),
    ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"), ("application/json", "application/json")])
def test_everybody_gets_the_type_they_know(studio: Studio, client: Client, accept: str, kind: str) -> None:
    row = issue(studio)
    for path in (f"/credentials/{row.id}", f"/credentials/status/{row.list_number}"):
        answer = client.get(path, headers={"Accept": accept})
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] == kind
        assert "Accept" in answer.headers["vary"]
        assert answer.json()["proof"]


def test_what_no_longer_counts_is_gone(studio: Studio, client: Client) -> None:
    first = issue(studio)
    second = issue(studio)

    def status(row_id: int) -> int:
        return client.get(f"/credentials/{row_id}", headers={"Accept": ACCEPT}).status_code

    assert (status(first.id), status(second.id), status(12345)) == (410, 200, 410)
    change(studio, suspended_at=dt.datetime.now(dt.UTC))
    assert status(second.id) == 410
    change(studio, suspended_at=None)
    studio.run(lambda uow: setattr(accounts.user_of(uow.session, studio.actor("ada").id), "state", "disabled"))
    assert status(second.id) == 410
    studio.run(lambda uow: setattr(accounts.user_of(uow.session, studio.actor("ada").id), "state", "active"))
    assert status(second.id) == 200
    studio.run(lambda uow: setattr(uow.session.get_one(HumanCredential, second.id), "valid_until", uow.now))
    assert status(second.id) == 410
    revoke(studio)
    answer = client.get(f"/credentials/{second.id}")
    assert (answer.status_code, "mistake" in answer.text) == (410, False)
    assert client.get("/credentials/status/99").status_code == 404
    assert client.get("/credentials/nothing").status_code == 404


def test_a_list_is_never_served_past_its_time(studio: Studio, client: Client) -> None:
    row = issue(studio)
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=40)

    def forget(uow: Any) -> None:
        found = uow.session.get_one(StatusList, row.list_number)
        found.signed_at = long_ago
        found.document = json.dumps({**json.loads(found.document), "validUntil": "2020-01-01T00:00:00Z"}).encode()

    studio.run(forget)
    document = client.get(f"/credentials/status/{row.list_number}").json()
    assert dt.datetime.fromisoformat(document["validUntil"]) > dt.datetime.now(dt.UTC) + dt.timedelta(days=6)
    verify(document, client.get("/actor", headers={"Accept": ACCEPT}).json())


def test_the_actor_names_it_and_other_software_shows_a_field(studio: Studio, client: Client) -> None:
    studio.run(lambda uow: accounts.update_profile(uow, studio.actor("ada").id, fields=[{"name": "Home", "value": "the sea"}]))
    row = issue(studio)
    said = f"by here.example (live clip), until {row.valid_until:%Y-%m}"

    def document() -> dict[str, Any]:
        return dict(client.get("/users/ada", headers={"Accept": ACCEPT}).json())

    found = document()
    assert found["attestation"] == [row.uri]
    assert found["attachment"] == [{"type": "PropertyValue", "name": "Verified human", "value": said},
                                   {"type": "PropertyValue", "name": "Home", "value": "the sea"}]
    assert any(isinstance(part, dict) and "attestation" in part for part in found["@context"])
    ada = studio.actor("ada").id
    shown = client.get(f"/api/v1/accounts/{ada}").json()["fields"]
    assert [(field["name"], field["value"]) for field in shown] == [("Verified human", said), ("Home", "the sea")]
    token = studio.run(lambda uow: tokens.create(uow, studio.user("ada").id, None, "read"))
    own = client.get("/api/v1/accounts/verify_credentials", headers={"Authorization": f"Bearer {token}"}).json()
    assert [field["name"] for field in own["source"]["fields"]] == ["Home"]
    # It has run out, and the sweep has not come by.
    change(studio, human_until=dt.datetime.now(dt.UTC))
    assert "attestation" not in document() and len(document()["attachment"]) == 1
    assert len(client.get(f"/api/v1/accounts/{ada}").json()["fields"]) == 1
    revoke(studio)
    assert "attestation" not in document() and len(document()["attachment"]) == 1


def test_nobody_writes_that_field_themselves(studio: Studio, client: Client) -> None:
    token = studio.run(lambda uow: tokens.create(uow, studio.user("bea").id, None, "read write"))
    answer = client.request("PATCH", "/api/v1/accounts/update_credentials", headers={"Authorization": f"Bearer {token}"}, data={
        "fields_attributes[0][name]": "VERIFIED  HUMAN", "fields_attributes[0][value]": "by here.example"})
    assert (answer.status_code, "Only this server writes" in answer.text) == (422, True)
    # From before names were refused:
    change(studio, "bea", fields=[{"name": "Verified\u200bhuman", "value": "by me"}, {"name": "Home", "value": "x"}])
    document = client.get("/users/bea", headers={"Accept": ACCEPT}).json()
    assert [field["name"] for field in document["attachment"]] == ["Home"]
    assert [field["name"] for field in client.get(f"/api/v1/accounts/{studio.actor('bea').id}").json()["fields"]] == ["Home"]


def test_nothing_of_it_is_said_of_an_agent_or_the_instance(studio: Studio, client: Client) -> None:
    assert "attestation" not in client.get("/actor", headers={"Accept": ACCEPT}).json()
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    change(studio, "bea", human="claimed", human_until=until, attestation=["https://here.example/credentials/1"])
    assert "attestation" not in client.get("/users/bea", headers={"Accept": ACCEPT}).json()
