"""Signatures against published vectors and against independent implementations (httpsig, http-message-signatures)."""
from __future__ import annotations

import base64
import datetime as dt
import json
from dataclasses import dataclass
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpsig
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)
from http_message_signatures.exceptions import HTTPMessageSignaturesException
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from fedisora.activitypub.integrity_proofs import sign_document, verification_method_of, verify_document
from fedisora.activitypub.keys import PrivateKey, generate_ed25519, generate_rsa, private_from_der, public_from_pem
from fedisora.activitypub.multibase import ed25519_from_multibase
from fedisora.activitypub.signatures import Request, read_signature, sign_request, verify_request
from fedisora.errors import Refused
from tests.support import environment
from tests.vectors import bovine_vectors

NOW = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
KEY = generate_rsa()
SHARED = environment.shared_path()


def load(name: str) -> dict[str, Any]:
    if SHARED is None:
        return {"cases": [], "keys": {}}
    found: dict[str, Any] = json.loads((SHARED / "vectors" / "http-signatures" / name).read_text())
    return found


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def request_of(case: dict[str, Any]) -> Request:
    raw = case["request"]
    headers = {name.lower(): value for name, value in raw["headers"].items()}
    body = raw.get("body")
    return Request(raw["method"], f"{raw.get('scheme', 'https')}://{headers['host']}{raw['target']}", headers,
                   body.encode() if isinstance(body, str) else None)


MASTODON = load("mastodon-request-vectors.json")


@pytest.mark.parametrize("case", [case for case in MASTODON["cases"] if not case["key_unavailable"]],  # those fetch keys
                         ids=lambda case: case["id"])
def test_mastodon_requests(case: dict[str, Any]) -> None:
    key = public_from_pem(MASTODON["keys"][case["key"]]["public_pem"])
    request = request_of(case)

    def check() -> None:
        verify_request(request, read_signature(request), key, moment(case["now"]))

    if case["expected"] == "accept":
        check()
    else:
        with pytest.raises(Refused):
            check()


@pytest.mark.parametrize("case", load("fedify-draft-cavage.json")["cases"], ids=lambda case: case["id"])
def test_fedify_captures(case: dict[str, Any]) -> None:
    request, key = request_of(case), public_from_pem(case["public_key_pem"])
    if case["expected"] == "accept":
        verify_request(request, read_signature(request), key, moment(case["now"]))
    else:
        with pytest.raises(Refused):
            verify_request(request, read_signature(request), key, moment(case["now"]))


PROOFS = load("fep-8b32-eddsa-jcs-2022.json")


@pytest.mark.parametrize("case", PROOFS["cases"], ids=lambda case: case["id"])
def test_fep_8b32(case: dict[str, Any]) -> None:
    key = ed25519_from_multibase(PROOFS["public_key_multibase"])
    owned = {item["id"] for item in PROOFS["actor"]["assertionMethod"]}
    document = case["document"]

    def check() -> None:
        if verification_method_of(document) not in owned:
            raise Refused("another actor's key")
        verify_document(document, key)

    if case["expected"] == "accept":
        check()
    elif case["signature_math_valid"] is False or verification_method_of(document) not in owned:
        with pytest.raises(Refused):
            check()


BODIES = st.binary(max_size=200)


@settings(max_examples=30, deadline=None)
@given(body=BODIES, path=st.text("abcdefghij/-_", max_size=30), scheme=st.sampled_from(["cavage", "rfc9421"]))
def test_what_we_sign_verifies_and_nothing_else_does(body: bytes, path: str, scheme: Any) -> None:
    url = f"https://remote.example/{path}"
    headers = {name.lower(): value for name, value in sign_request(
        scheme, "POST", url, body, "https://here.example/users/a#main-key", KEY, NOW).items()}
    request = Request("POST", url, headers, body)
    verify_request(request, read_signature(request), KEY.public_key(), NOW)
    for wrong in (Request("POST", url, headers, body + b"!"), Request("POST", url + "x", headers, body),
                  Request("POST", url, {**headers, "host": "other.example"}, body)):
        with pytest.raises(Refused):
            verify_request(wrong, read_signature(wrong), KEY.public_key(), NOW)
    with pytest.raises(Refused):
        verify_request(request, read_signature(request), generate_rsa().public_key(), NOW)
    with pytest.raises(Refused):
        verify_request(request, read_signature(request), KEY.public_key(), NOW + dt.timedelta(days=2))


def test_httpsig_verifies_what_we_sign_and_we_what_it_signs() -> None:
    url, body = "https://remote.example/inbox", b'{"type": "Follow"}'
    ours = sign_request("cavage", "POST", url, body, "https://here.example/users/a#main-key", KEY, NOW)
    public = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    # httpsig reads the Signature from an Authorization header
    theirs = {**ours, "Authorization": "Signature " + ours["Signature"]}
    assert httpsig.HeaderVerifier(theirs, public, required_headers=["(request-target)", "host", "date", "digest"],
                                  method="post", path="/inbox", host="remote.example").verify()
    private = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                                serialization.NoEncryption()).decode()
    plain = {name: value for name, value in ours.items() if name != "Signature"}
    signed = httpsig.HeaderSigner("https://here.example/users/a#main-key", private, algorithm="rsa-sha256",
                                  headers=["(request-target)", "host", "date", "digest"]).sign(
                                      plain, method="post", path="/inbox")
    headers = {name.lower(): value for name, value in signed.items()}
    headers["signature"] = headers.pop("authorization").removeprefix("Signature ")
    request = Request("POST", url, headers, body)
    verify_request(request, read_signature(request), KEY.public_key(), NOW)


class Keys(HTTPSignatureKeyResolver):  # type: ignore[misc]
    """The oracle asks for one key, whatever its name."""

    def __init__(self, key: PrivateKey) -> None:
        self.key = key

    def resolve_public_key(self, key_id: str) -> Any:
        return self.key.public_key()

    def resolve_private_key(self, key_id: str) -> Any:
        return self.key


@dataclass
class Message:
    """A request as the oracle wants it."""

    method: str
    url: str
    headers: Any


ED = generate_ed25519()


@pytest.mark.parametrize(("key", "oracle"), [(KEY, algorithms.RSA_V1_5_SHA256), (KEY, algorithms.RSA_PSS_SHA512),
                                             (ED, algorithms.ED25519)], ids=["rsa", "rsa-pss", "ed25519"])
def test_http_message_signatures_verifies_what_we_sign_and_we_what_it_signs(key: PrivateKey, oracle: Any) -> None:
    url, body, key_id, now = ("https://remote.example/inbox?a=b", b'{"type": "Follow"}', "https://here.example/users/a#key",
                              dt.datetime.now(dt.UTC))
    if oracle is not algorithms.RSA_PSS_SHA512:  # we verify it and never sign with it
        ours = CaseInsensitiveDict(sign_request("rfc9421", "POST", url, body, key_id, key, now))
        verifier = HTTPMessageVerifier(signature_algorithm=oracle, key_resolver=Keys(key))
        results = verifier.verify(Message("POST", url, ours), body=body)
        assert set(results[0].covered_components) >= {'"@method"', '"@target-uri"', '"content-digest"'}
        changed = CaseInsensitiveDict({**ours, "Content-Digest": ours["Content-Digest"].replace("=:", "=:A")})
        with pytest.raises(HTTPMessageSignaturesException):
            verifier.verify(Message("POST", url, changed), body=body)
    signer = HTTPMessageSigner(signature_algorithm=oracle, key_resolver=Keys(key))
    for components in (("@method", "@target-uri", "content-digest"),
                       ("@method", "@authority", "@path", "@query", "content-digest", "date")):
        message = Message("POST", url, CaseInsensitiveDict({"Host": "remote.example", "Date": format_datetime(now, usegmt=True)}))
        signer.sign(message, key_id=key_id, created=now, covered_component_ids=components, body=body)
        headers = {name.lower(): value for name, value in message.headers.items()}
        request = Request("POST", url, headers, body)
        verify_request(request, read_signature(request), key.public_key(), now)
        for wrong in (Request("POST", url, headers, body + b"!"), Request("POST", url + "x", headers, body),
                      Request("PUT", url, headers, body)):
            with pytest.raises(Refused):
                verify_request(wrong, read_signature(wrong), key.public_key(), now)


@pytest.mark.parametrize("algorithm", ["", "hs2019", "ed25519"])
def test_draft_cavage_with_ed25519(algorithm: str) -> None:
    url, body = "https://remote.example/inbox", b"{}"
    headers = {name.lower(): value for name, value in sign_request(
        "cavage", "POST", url, body, "https://here.example/users/a#ed25519", ED, NOW).items()}
    assert 'algorithm="hs2019"' in headers["signature"]
    headers["signature"] = headers["signature"].replace('algorithm="hs2019",', f'algorithm="{algorithm}",' if algorithm else "")
    request = Request("POST", url, headers, body)
    verify_request(request, read_signature(request), ED.public_key(), NOW)
    for key in (KEY, generate_ed25519()):
        with pytest.raises(Refused):
            verify_request(request, read_signature(request), key.public_key(), NOW)


def test_an_rsa_signature_that_says_ed25519_is_refused() -> None:
    url, body = "https://remote.example/inbox", b"{}"
    headers = {name.lower(): value for name, value in sign_request(
        "cavage", "POST", url, body, "https://here.example/users/a#main-key", KEY, NOW).items()}
    headers["signature"] = headers["signature"].replace("rsa-sha256", "ed25519")
    request = Request("POST", url, headers, body)
    with pytest.raises(Refused):
        verify_request(request, read_signature(request), KEY.public_key(), NOW)


BOVINE: dict[str, Any] = json.loads((Path(__file__).parent / "bovine.json").read_text())
"""What bovine, another library, verified and signed: see bovine_vectors.py."""


def test_bovine_verified_exactly_what_we_sign() -> None:
    """RSA (PKCS #1) and Ed25519 signatures have no randomness: the very headers and proof that it accepted are made again."""
    now, rsa, ed = moment(BOVINE["now"]), *(private_from_der(base64.b64decode(BOVINE[name])) for name in ("rsa", "ed25519"))
    body = bovine_vectors.BODY.encode()
    assert sign_request("cavage", "POST", bovine_vectors.URL, body, bovine_vectors.KEY_ID, rsa, now) == BOVINE["post"]
    assert sign_request("cavage", "GET", bovine_vectors.URL, None, bovine_vectors.KEY_ID, rsa, now) == BOVINE["get"]
    assert isinstance(ed, Ed25519PrivateKey)
    assert sign_document(bovine_vectors.DOCUMENT, ed, bovine_vectors.PROOF_KEY, now) == BOVINE["document"]


def test_what_bovine_signs_verifies_here() -> None:
    now, rsa, ed = moment(BOVINE["now"]), *(private_from_der(base64.b64decode(BOVINE[name])) for name in ("rsa", "ed25519"))
    request = Request("POST", bovine_vectors.URL, BOVINE["their_post"], bovine_vectors.BODY.encode())
    verify_request(request, read_signature(request), rsa.public_key(), now)
    assert isinstance(ed, Ed25519PrivateKey)
    verify_document(BOVINE["their_document"], ed.public_key(), now)
    with pytest.raises(Refused):
        verify_document({**BOVINE["their_document"], "type": "Delete"}, ed.public_key(), now)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=10).filter(lambda name: name not in ("proof", "@context")),
                       st.recursive(st.none() | st.booleans() | st.integers(-2**53 + 1, 2**53 - 1) | st.text(max_size=20),
                                    lambda inner: st.lists(inner, max_size=3), max_leaves=8), max_size=5))
def test_proofs_round_trip_and_notice_every_change(document: dict[str, Any]) -> None:
    key = generate_ed25519()
    whole = {"@context": ["https://www.w3.org/ns/activitystreams"], **document}
    signed = sign_document(whole, key, "https://here.example/users/a#ed25519", NOW)
    verify_document(json.loads(json.dumps(signed)), key.public_key())
    with pytest.raises(Refused):
        verify_document({**signed, "added": 1}, key.public_key())
    with pytest.raises(Refused):
        verify_document(signed, generate_ed25519().public_key())


def test_the_vectors_are_there() -> None:
    environment.require("shared")
    assert len(MASTODON["cases"]) > 20
    assert isinstance(SHARED, Path)
