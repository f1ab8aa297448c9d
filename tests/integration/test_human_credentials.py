"""A running instance: a person is verified, others can check it without us, and taking it back survives a kill -9."""
from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from tests.support.instances import Api, InstanceProcess, eventually, unique
from tests.support.jcs import verify
from tests.support.world import World

pytestmark = pytest.mark.xdist_group("human_credentials")  # its tests go through one scene

ACTIVITY = {"Accept": "application/activity+json"}


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceProcess]:
    found = InstanceProcess(tmp_path_factory.mktemp("humans"), retry_seconds="0.05").start()
    yield found
    found.close()


@pytest.fixture
def world() -> Iterator[World]:
    with World() as found:
        yield found


def document(instance: InstanceProcess, url: str) -> dict[str, Any]:
    answer = instance.http.get(url.removeprefix(instance.base), headers=ACTIVITY)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def bit(listed: dict[str, Any], index: int) -> bool:
    """Bit of a status list, read without our code."""
    encoded = listed["credentialSubject"]["encodedList"]
    bits = gzip.decompress(base64.urlsafe_b64decode(encoded[1:] + "=" * (-len(encoded[1:]) % 4)))
    return bool(bits[index // 8] >> (7 - index % 8) & 1)


def updates(world: World, actor: str) -> list[dict[str, Any]]:
    return [activity["object"] for activity in world.activities("Update") if activity["actor"] == actor]


def test_a_person_is_verified_and_takes_it_back(instance: InstanceProcess, world: World) -> None:
    lena: Api = instance.user("lena", scopes="read write:verification")
    fan = world.actor(unique("fan"))
    assert fan.send(f"{instance.base}/inbox", fan.activity("Follow", lena.actor)).status_code == 202
    eventually(lambda: world.activities("Accept"), what="Accept")
    before = instance.http.get(lena.actor.removeprefix(instance.base), headers=ACTIVITY).json()
    assert "attestation" not in before
    address = instance.cli("human", "verify", "lena", "--method", "live-clip", "--reason", "We met.").stdout.strip()

    # The actor names it, its followers' server hears of it, and everything verifies with somebody else's code.
    actor = document(instance, lena.actor)
    assert actor["attestation"] == [address]
    (field,) = actor["attachment"]
    assert (field["name"], field["value"].startswith(f"by {instance.host} (live clip), until 20")) == ("Verified human", True)
    told = eventually(lambda: [item for item in updates(world, lena.actor) if item.get("attestation")], what="the Update")
    assert told[0]["attestation"] == [address]
    assert lena.me()["fields"][0]["name"] == "Verified human"
    credential, issuer = document(instance, address), document(instance, f"{instance.base}/actor")
    assert credential["credentialSubject"] == {"id": lena.actor, "assuranceMethod": "fs:LiveClipReviewed"}
    status = credential["credentialStatus"]
    listed, index = document(instance, status["statusListCredential"]), int(status["statusListIndex"])
    verify(credential, issuer)
    verify(listed, issuer)
    assert not bit(listed, index)
    with pytest.raises(InvalidSignature):
        verify({**credential, "validUntil": "2099-01-01T00:00:00Z"}, issuer)

    # It is given back; the server dies at once, before anybody could be told.
    heard = len(updates(world, lena.actor))
    world.hang.clear()
    assert lena.http.delete("/api/fedisora/v1/human").json()["verdict"] == "none"
    instance.kill()
    world.hang.set()
    instance.start()
    assert instance.http.get(address.removeprefix(instance.base), headers=ACTIVITY).status_code == 410
    after = document(instance, status["statusListCredential"])
    verify(after, issuer)
    assert bit(after, index)
    actor = document(instance, lena.actor)
    assert "attestation" not in actor and "attachment" not in actor
    last = eventually(lambda: updates(world, lena.actor)[heard:], what="the Update after the end")
    assert "attestation" not in last[-1] and "attachment" not in last[-1]
    assert "We met" not in str(world.received)
