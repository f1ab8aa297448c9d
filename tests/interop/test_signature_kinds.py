"""Every kind of signature that is out there, made by other libraries, against a real instance: the wrong ones, then the right."""
from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms
from requests.structures import CaseInsensitiveDict

from fedisora.activitypub.multibase import ed25519_multibase
from tests.support.instances import Api, InstanceProcess, eventually, unique
from tests.support.remote import AS2, key_number
from tests.support.world import World

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("kinds")]  # its servers start once

RSA, OTHER_RSA = key_number(0), key_number(1)
ED, OTHER_ED = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
Key = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
Headers = dict[str, str]


def pem(key: Key) -> str:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def cavage(key: Key, key_id: str, url: str, body: bytes, *, algorithm: str) -> Headers:
    """draft-cavage, written out by hand."""
    host, path = url.split("/")[2], "/" + url.split("/", 3)[3]
    values = {"(request-target)": f"post {path}", "host": host, "date": format_datetime(dt.datetime.now(dt.UTC), usegmt=True),
              "digest": "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()}
    text = "\n".join(f"{name}: {value}" for name, value in values.items()).encode()
    raw = key.sign(text, padding.PKCS1v15(), hashes.SHA256()) if isinstance(key, rsa.RSAPrivateKey) else key.sign(text)
    return {"Host": host, "Date": values["date"], "Digest": values["digest"], "Content-Type": "application/activity+json",
            "Signature": f'keyId="{key_id}",algorithm="{algorithm}",headers="{" ".join(values)}",'
                         f'signature="{base64.b64encode(raw).decode()}"'}


class _Key(HTTPSignatureKeyResolver):  # type: ignore[misc]
    def __init__(self, key: Key) -> None:
        self.key = key

    def resolve_private_key(self, key_id: str) -> Any:
        return self.key


class _Message:
    def __init__(self, url: str, headers: Any) -> None:
        self.method, self.url, self.headers = "POST", url, headers


def rfc9421(key: Key, key_id: str, url: str, body: bytes, *, algorithm: Any, alg: bool = True,
            covered: tuple[str, ...] = ("@method", "@target-uri", "content-digest")) -> Headers:
    """RFC 9421, by http-message-signatures."""
    message = _Message(url, CaseInsensitiveDict({"Host": url.split("/")[2], "Content-Type": "application/activity+json",
                                                 "Date": format_datetime(dt.datetime.now(dt.UTC), usegmt=True)}))
    message.headers["Content-Digest"] = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=_Key(key)).sign(
        message, key_id=key_id, created=dt.datetime.now(dt.UTC), include_alg=alg, covered_component_ids=covered,
        use_existing_digest=True)
    return dict(message.headers)


KINDS: dict[str, tuple[str, Callable[[str, str, bytes], Headers]]] = {
    "draft-cavage, RSA, rsa-sha256": ("main-key", lambda *rest: cavage(RSA, *rest, algorithm="rsa-sha256")),
    "draft-cavage, RSA, hs2019": ("main-key", lambda *rest: cavage(RSA, *rest, algorithm="hs2019")),
    "draft-cavage, Ed25519 publicKey, hs2019": ("http-ed", lambda *rest: cavage(OTHER_ED, *rest, algorithm="hs2019")),
    "draft-cavage, Multikey, hs2019": ("ed25519-key", lambda *rest: cavage(ED, *rest, algorithm="hs2019")),
    "RFC 9421, RSA": ("main-key", lambda *rest: rfc9421(RSA, *rest, algorithm=algorithms.RSA_V1_5_SHA256)),
    "RFC 9421, RSA, without alg": ("main-key", lambda *rest: rfc9421(
        RSA, *rest, algorithm=algorithms.RSA_V1_5_SHA256, alg=False)),
    "RFC 9421, RSA-PSS": ("main-key", lambda *rest: rfc9421(RSA, *rest, algorithm=algorithms.RSA_PSS_SHA512)),
    "RFC 9421, Multikey": ("ed25519-key", lambda *rest: rfc9421(ED, *rest, algorithm=algorithms.ED25519)),
    "RFC 9421, Multikey, without alg": ("ed25519-key", lambda *rest: rfc9421(ED, *rest, algorithm=algorithms.ED25519, alg=False)),
    "RFC 9421, Ed25519 publicKey": ("http-ed", lambda *rest: rfc9421(OTHER_ED, *rest, algorithm=algorithms.ED25519)),
    "RFC 9421, Fedify's components": ("main-key", lambda *rest: rfc9421(
        RSA, *rest, algorithm=algorithms.RSA_V1_5_SHA256,
        covered=("@method", "@target-uri", "@authority", "host", "date", "content-digest"))),
}
WRONG: dict[str, tuple[str, Callable[[str, str, bytes], Headers]]] = {
    "another RSA key": ("main-key", lambda *rest: cavage(OTHER_RSA, *rest, algorithm="rsa-sha256")),
    "an Ed25519 key under the RSA key's id": ("main-key", lambda *rest: cavage(ED, *rest, algorithm="hs2019")),
    "the RSA key under the Multikey's id": ("ed25519-key", lambda *rest: cavage(RSA, *rest, algorithm="hs2019")),
    "hmac": ("main-key", lambda *rest: cavage(RSA, *rest, algorithm="hmac-sha256")),
    "rsa-sha256 for an Ed25519 key": ("ed25519-key", lambda *rest: cavage(ED, *rest, algorithm="rsa-sha256")),
    "RFC 9421, another Ed25519 key": ("ed25519-key", lambda *rest: rfc9421(OTHER_ED, *rest, algorithm=algorithms.ED25519)),
    "RFC 9421, another RSA key": ("main-key", lambda *rest: rfc9421(OTHER_RSA, *rest, algorithm=algorithms.RSA_V1_5_SHA256)),
    "RFC 9421, method not covered": ("main-key", lambda *rest: rfc9421(
        RSA, *rest, algorithm=algorithms.RSA_V1_5_SHA256, covered=("@target-uri", "content-digest"))),
    "RFC 9421, target not covered": ("main-key", lambda *rest: rfc9421(
        RSA, *rest, algorithm=algorithms.RSA_V1_5_SHA256, covered=("@method", "content-digest"))),
    "RFC 9421, body not covered": ("main-key", lambda *rest: rfc9421(
        RSA, *rest, algorithm=algorithms.RSA_V1_5_SHA256, covered=("@method", "@target-uri"))),
    "a key id that nobody has": ("no-such-key", lambda *rest: cavage(RSA, *rest, algorithm="rsa-sha256")),
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as found:
        yield found


@pytest.fixture(scope="module")
def alice(instances: Callable[..., InstanceProcess]) -> Api:
    return instances("k").user("alice")


def actor(world: World) -> str:
    """An actor with an RSA and an Ed25519 publicKey and a Multikey."""
    name = unique("many")
    made = world.actor(name)
    document = made.document()
    document["publicKey"] = [{"id": f"{made.uri}#{fragment}", "owner": made.uri, "publicKeyPem": pem(key)}
                             for fragment, key in (("main-key", RSA), ("http-ed", OTHER_ED))]
    document["assertionMethod"] = [{"id": f"{made.uri}#ed25519-key", "type": "Multikey", "controller": made.uri,
                                    "publicKeyMultibase": ed25519_multibase(ED.public_key())}]
    world.documents[f"/users/{name}"] = document
    return made.uri


def send(alice: Api, uri: str, kind: tuple[str, Callable[[str, str, bytes], Headers]]) -> int:
    body = json.dumps({"@context": AS2, "id": f"{uri}#follow/{unique('')}", "type": "Follow", "actor": uri,
                       "object": alice.actor}).encode()
    url = f"{alice.actor}/inbox"
    return httpx.post(url, content=body, headers=kind[1](f"{uri}#{kind[0]}", url, body), timeout=30).status_code


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_signature_is_401(world: World, alice: Api, kind: str) -> None:
    assert send(alice, actor(world), WRONG[kind]) == 401


@pytest.mark.parametrize("kind", KINDS)
def test_a_right_signature_counts(world: World, alice: Api, kind: str) -> None:
    uri = actor(world)
    assert send(alice, uri, KINDS[kind]) == 202
    eventually(lambda: [item for item in world.activities("Accept") if item["object"]["actor"] == uri], what="Accept")
