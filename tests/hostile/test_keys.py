"""Whose key signed a request (catalogue area keys)."""
from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from fedisora.activitypub.multibase import ed25519_multibase
from tests.hostile.scene import Peer, Scene, answer
from tests.hostile.signing import Cavage, Rfc9421
from tests.support.instances import unique
from tests.support.remote import RemoteActor


def follow(scene: Scene, actor: RemoteActor, **more: Any) -> tuple[dict[str, Any], bytes]:
    activity = {**actor.activity("Follow", scene.local.actor), **more}
    return activity, json.dumps(activity).encode()


def send(scene: Scene, signer: RemoteActor, body: bytes, scheme: Cavage | Rfc9421 | None = None) -> int:
    return scene.post(scene.inbox, body, (scheme or Cavage()).headers(signer, scene.inbox, body))


def refused(scene: Scene, signer: RemoteActor, actor: RemoteActor, scheme: Cavage | Rfc9421 | None = None,
            statuses: tuple[int, ...] = (401,)) -> None:
    """A Follow of `actor` is refused and its row, when there is one, stays as it was."""
    def row() -> list[Any]:
        return scene.sql("SELECT username, domain, key_id, public_key_pem FROM actors WHERE uri = :uri", uri=actor.uri)

    before = row()
    _, body = follow(scene, actor)
    with scene.nothing_changes():
        assert send(scene, signer, body, scheme) in statuses
    assert row() == before or not before


@pytest.mark.bad_input("BI-043")
@pytest.mark.parametrize("known", [True, False])
def test_somebody_elses_activity_from_another_host(known: bool, scene: Scene, world: Peer, other: Peer) -> None:
    alice, mallory = other.actor(unique("alice")), world.actor(unique("mallory"), key=1)
    if known:
        scene.deliver(alice, alice.activity("Follow", scene.local.actor))
    refused(scene, mallory, alice, statuses=(401, 403))


@pytest.mark.bad_input("BI-044")
def test_somebody_elses_activity_from_the_same_host(scene: Scene, world: Peer) -> None:
    alice, mallory = world.actor(unique("alice")), world.actor(unique("mallory"), key=1)
    refused(scene, mallory, alice, statuses=(401, 403))


@pytest.mark.bad_input("BI-045")
def test_an_actor_that_claims_anothers_key_id(scene: Scene, world: Peer, other: Peer) -> None:
    alice, evil = other.actor(unique("alice")), world.actor(unique("evil"), key=1)
    scene.deliver(alice, alice.activity("Follow", scene.local.actor))
    world.documents[f"/users/{evil.name}"]["publicKey"]["id"] = alice.key_id
    scheme = Cavage(key_id=alice.key_id)
    refused(scene, evil, evil, scheme)
    refused(scene, evil, alice, scheme)
    refused(scene, evil, evil, Cavage(key_id=f"{evil.uri}#main-key"))


@pytest.mark.bad_input("BI-046")
def test_a_key_that_its_owner_does_not_list(scene: Scene, world: Peer) -> None:
    alice, mallory = world.actor(unique("alice")), world.actor(unique("mallory"), key=1)
    pem = mallory.document()["publicKey"]["publicKeyPem"]
    key_id = f"{world.base}/keys/1"
    world.documents["/keys/1"] = {"id": key_id, "type": "Key", "owner": alice.uri, "publicKeyPem": pem}
    refused(scene, mallory, alice, Cavage(key_id=key_id))


@pytest.mark.bad_input("BI-047")
def test_a_key_document_with_another_id(scene: Scene, world: Peer) -> None:
    evil = world.actor(unique("evil"), key=1)
    pem = evil.document()["publicKey"]["publicKeyPem"]
    world.documents["/k1"] = {"id": f"{world.base}/k2", "type": "Key", "owner": evil.uri, "publicKeyPem": pem}
    world.documents["/k2"] = {"id": f"{world.base}/k3", "type": "Key", "owner": evil.uri, "publicKeyPem": pem}
    for _ in range(2):  # nothing is kept under the name that was asked for
        refused(scene, evil, evil, Cavage(key_id=f"{world.base}/k1"))


@pytest.mark.bad_input("BI-048")
def test_a_local_key_from_outside(scene: Scene, world: Peer) -> None:
    evil = world.actor(unique("evil"), key=1)
    local = RemoteActor(scene.instance.base, scene.local.name)
    refused(scene, evil, local, Cavage(key_id=f"{scene.local.actor}#main-key"))
    refused(scene, evil, evil, Cavage(key_id=f"{scene.local.actor}#main-key"))


@pytest.mark.bad_input("BI-048")
def test_a_key_id_that_leads_back_to_us(scene: Scene, world: Peer) -> None:
    """A remote address that redirects to a local actor: neither fetched nor stored over the local row."""
    evil = world.actor(unique("evil"), key=1)
    world.answers["/x"] = answer(302, Location=scene.local.actor)
    refused(scene, evil, evil, Cavage(key_id=f"{world.base}/x"))
    assert scene.sql("SELECT domain FROM actors WHERE uri = :uri", uri=scene.local.actor)[0][0] == ""
    assert scene.local.me()["acct"] == scene.local.name


@pytest.mark.bad_input("BI-049")
def test_a_key_whose_server_is_down_for_a_while(scene: Scene, world: Peer) -> None:
    sender = world.actor(unique("sender"))
    path = f"/users/{sender.name}"
    activity, body = follow(scene, sender)
    world.answers[path] = answer(500)
    with scene.nothing_changes():
        assert send(scene, sender, body) in (401, 503)
    del world.answers[path]
    assert send(scene, sender, body) == 202
    scene.settle()
    assert scene.outcome(activity)[0] == "done"


@pytest.mark.bad_input("BI-050")
def test_many_unknown_keys_on_a_slow_host(scene: Scene, world: Peer, other: Peer) -> None:
    evil, good = RemoteActor(world.base, "nobody", key=1), other.actor(unique("good"))
    scene.deliver(good, good.activity("Follow", scene.local.actor))
    running, most = 0, 0
    lock = threading.Lock()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        world.release.wait(30)
        with lock:
            running -= 1

    world.answers["/k*"] = slow
    _, body = follow(scene, evil)
    requests = [Cavage(key_id=f"{world.base}/k{number}").headers(evil, scene.inbox, body) for number in range(1000)]

    async def flood() -> tuple[list[int], list[float]]:
        waits: list[float] = []
        async with httpx.AsyncClient(timeout=90, limits=httpx.Limits(max_connections=1100)) as client:
            async def one(headers: Any) -> int:
                return (await client.post(scene.inbox, content=body, headers=headers)).status_code

            tasks = [asyncio.create_task(one(headers)) for headers in requests]
            await asyncio.sleep(0)
            while most == 0 and not all(task.done() for task in tasks):
                await asyncio.sleep(0.05)  # until the first fetch hangs
            for _ in range(5):
                _, another = follow(scene, good)
                began = time.monotonic()
                answer_ = await client.post(scene.inbox, content=another, headers=Cavage().headers(good, scene.inbox, another))
                waits.append(time.monotonic() - began)
                assert answer_.status_code == 202
            world.release.set()
            return list(await asyncio.gather(*tasks)), waits

    statuses, waits = asyncio.run(flood())
    assert set(statuses) <= {401, 429, 503}
    assert most <= 60
    assert world.asked("/k*") <= 200
    assert min(waits) < 1.0


@pytest.mark.bad_input("BI-051")
@pytest.mark.parametrize("count", [200, 10_000])
def test_thousands_of_keys(count: int, scene: Scene, world: Peer) -> None:
    evil = world.actor(unique("evil"), key=1)
    document = world.documents[f"/users/{evil.name}"]
    last, multibase = document["publicKey"], ed25519_multibase(ed25519.Ed25519PrivateKey.generate().public_key())
    document["publicKey"] = [{"id": f"{evil.uri}#k{number}", "owner": evil.uri} for number in range(count)] + [last]
    document["assertionMethod"] = [{"id": f"{evil.uri}#a{number}", "type": "Multikey", "controller": evil.uri,
                                    "publicKeyMultibase": multibase} for number in range(count)]
    _, body = follow(scene, evil)
    assert send(scene, evil, body) == 401
    found = scene.sql("SELECT assertion_keys FROM actors WHERE uri = :uri", uri=evil.uri)
    assert all(len(json.loads(row[0]) if isinstance(row[0], str) else row[0]) <= 10 for row in found)


def small_rsa() -> tuple[int, int]:
    """(n, d) of a 512-bit RSA key, which libraries no longer make."""
    p = 0xF04BA74CA76C1D4C83AEB3F7AE7B4B4E0B5C3AE2A3E8D1B5C8C1F2D6E9A35D0B
    while pow(2, p - 1, p) != 1 or (p - 1) % 65537 == 0:
        p += 2
    q = p + 0xA1B2C3D4E5F60718 * 2
    while pow(2, q - 1, q) != 1 or (q - 1) % 65537 == 0:
        q += 2
    return p * q, pow(65537, -1, (p - 1) * (q - 1))


def der(tag: int, content: bytes) -> bytes:
    length = len(content)
    size = bytes([length]) if length < 128 else bytes([0x80 | (length.bit_length() + 7) // 8]) + length.to_bytes(
        (length.bit_length() + 7) // 8, "big")
    return bytes([tag]) + size + content


def pem_of(n: int, e: int) -> str:
    """SubjectPublicKeyInfo of any numbers, written by hand."""
    numbers = der(0x30, der(2, n.to_bytes(n.bit_length() // 8 + 1, "big")) + der(2, e.to_bytes(e.bit_length() // 8 + 1, "big")))
    rsa_encryption = bytes.fromhex("300d06092a864886f70d0101010500")
    text = base64.encodebytes(der(0x30, rsa_encryption + der(3, b"\0" + numbers))).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{text}-----END PUBLIC KEY-----\n"


def pkcs1(message: bytes, size: int) -> int:
    """EMSA-PKCS1-v1_5 with SHA-256, as a number."""
    info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(message).digest()
    return int.from_bytes(b"\0\1" + b"\xff" * (size - len(info) - 3) + b"\0" + info, "big")


class Numbers:
    """A private key of bare numbers: signs with n and d, whatever they are."""

    def __init__(self, n: int, d: int) -> None:
        self.n, self.d = n, d

    def sign(self, data: bytes) -> bytes:
        size = (self.n.bit_length() + 7) // 8
        return pow(pkcs1(data, size), self.d, self.n).to_bytes(size, "big")


@pytest.mark.bad_input("BI-052")
def test_a_short_rsa_key(scene: Scene, world: Peer) -> None:
    evil = world.actor(unique("evil"))
    n, d = small_rsa()
    assert n.bit_length() in (511, 512)
    world.documents[f"/users/{evil.name}"]["publicKey"]["publicKeyPem"] = pem_of(n, 65537)
    refused(scene, evil, evil, Cavage(key=Numbers(n, d)))
    weak = rsa.generate_private_key(65537, 1024)
    other = world.actor(unique("evil"))
    world.documents[f"/users/{other.name}"]["publicKey"]["publicKeyPem"] = weak.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    refused(scene, other, other, Cavage(key=weak))


@pytest.mark.bad_input("BI-053")
@pytest.mark.parametrize(("n", "e"), [(0, 1), ((1 << 65_535) + 1, 65537), ((1 << 16_383) + 1, (1 << 4096) + 1)],
                         ids=["e is 1", "huge n", "huge e"])
def test_absurd_rsa_keys(n: int, e: int, scene: Scene, world: Peer) -> None:
    """With e = 1 the padded digest is its own signature; a huge modulus makes verifying slow."""
    evil = world.actor(unique("evil"))
    n = n or evil.key.public_key().public_numbers().n
    world.documents[f"/users/{evil.name}"]["publicKey"]["publicKeyPem"] = pem_of(n, e)
    began = time.monotonic()
    refused(scene, evil, evil, Cavage(key=Numbers(n, 1)))
    assert time.monotonic() - began < 5


@pytest.mark.bad_input("BI-054")
def test_the_old_key_after_a_new_one(scene: Scene, world: Peer) -> None:
    sender = world.actor(unique("sender"))
    scene.deliver(sender, sender.activity("Follow", scene.local.actor))
    old, sender.key = sender.key, world.actor(unique("x"), key=1).key
    world.documents[f"/users/{sender.name}"] = sender.document()
    scene.deliver(sender, sender.activity("Follow", scene.local.actor))
    path = f"/users/{sender.name}"
    before = world.asked(path)
    _, body = follow(scene, sender)
    with scene.nothing_changes():
        assert send(scene, sender, body, Cavage(key=old)) == 401
    assert world.asked(path) - before <= 1


@pytest.mark.bad_input("BI-055")
def test_a_list_of_all_kinds_of_keys(scene: Scene, world: Peer) -> None:
    sender = world.actor(unique("sender"))
    document = world.documents[f"/users/{sender.name}"]
    document["publicKey"] = [None, f"{sender.uri}#x", {}, [], 7, {"id": 3}, {"id": sender.key_id, "publicKeyPem": None},
                             document["publicKey"]]
    document["assertionMethod"] = [None, "x", {}, {"type": "Multikey", "publicKeyMultibase": 5}]
    _, body = follow(scene, sender)
    assert send(scene, sender, body) in (202, 401)


@pytest.mark.bad_input("BI-056")
@pytest.mark.parametrize("change", ["controller", "id", "owner of another host"])
def test_a_multikey_of_somebody_else(change: str, scene: Scene, world: Peer, other: Peer) -> None:
    sender, victim = world.actor(unique("sender")), other.actor(unique("victim"))
    key = ed25519.Ed25519PrivateKey.generate()
    key_id = f"{victim.uri}#ed" if change == "id" else f"{sender.uri}#ed"
    world.documents[f"/users/{sender.name}"]["assertionMethod"] = [
        {"id": key_id, "type": "Multikey", "controller": sender.uri if change == "id" else victim.uri,
         "publicKeyMultibase": ed25519_multibase(key.public_key())}]
    refused(scene, sender, victim if change == "owner of another host" else sender,
            Rfc9421(key=key, key_id=key_id, algorithm="ed25519"))
