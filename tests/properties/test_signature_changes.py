"""A signature holds for exactly what was signed: any change of body, covered header, target or signature breaks it."""
from __future__ import annotations

import base64
import datetime as dt
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from httpsig.sign import HeaderSigner
from httpsig.verify import HeaderVerifier
from hypothesis import given, settings
from hypothesis import strategies as st

from fedisora.activitypub.keys import generate_ed25519, generate_rsa, public_pem
from fedisora.activitypub.signatures import Request, Scheme, read_signature, sign_request, verify_request
from fedisora.errors import Refused

NOW = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
RSA, ED25519 = generate_rsa(), generate_ed25519()
URL = "https://here.example/users/ada/inbox?page=1"
KEY_ID = "https://there.example/users/rem#main-key"
BODIES = st.binary(min_size=1, max_size=200)
SCHEMES = pytest.mark.parametrize("scheme", ["cavage", "rfc9421"])
KEYS = pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])


def signed(scheme: Scheme, key: Any, body: bytes) -> dict[str, str]:
    return {name.lower(): value for name, value in sign_request(scheme, "POST", URL, body, KEY_ID, key, NOW).items()}


def check(headers: dict[str, str], body: bytes, key: Any, url: str = URL, method: str = "POST") -> None:
    request = Request(method, url, headers, body)
    verify_request(request, read_signature(request), key.public_key(), NOW)


@SCHEMES
@KEYS
@settings(max_examples=25, deadline=None)
@given(body=BODIES)
def test_what_was_signed_holds(scheme: Scheme, key: Any, body: bytes) -> None:
    check(signed(scheme, key, body), body, key)


@SCHEMES
@KEYS
@settings(max_examples=60, deadline=None)
@given(body=BODIES, place=st.integers(0, 10_000), mask=st.integers(1, 255))
def test_one_changed_byte_of_the_body_breaks_it(scheme: Scheme, key: Any, body: bytes, place: int, mask: int) -> None:
    headers = signed(scheme, key, body)
    changed = bytearray(body)
    changed[place % len(body)] ^= mask
    for other in (bytes(changed), body + b" ", body[:-1]):
        with pytest.raises(Refused):
            check(headers, other, key)


@SCHEMES
@KEYS
@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_one_changed_bit_of_the_signature_breaks_it(scheme: Scheme, key: Any, place: int, bit: int) -> None:
    headers = signed(scheme, key, b"{}")
    before, quote, after = ('signature="', '"', "") if scheme == "cavage" else ("sig1=:", ":", "")
    head, _, rest = headers["signature"].partition(before)
    raw = bytearray(base64.b64decode(rest.rstrip(quote)))
    raw[place % len(raw)] ^= 1 << bit
    headers["signature"] = f"{head}{before}{base64.b64encode(raw).decode()}{quote}{after}"
    with pytest.raises(Refused):
        check(headers, b"{}", key)


@SCHEMES
@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(["host", "date", "digest", "content-type", "content-digest", "signature-input", "signature"]),
       place=st.integers(0, 10_000), letter=st.characters(min_codepoint=32, max_codepoint=126))
def test_one_changed_letter_of_a_header_breaks_it_or_means_the_same(scheme: Scheme, name: str, place: int, letter: str) -> None:
    """A letter may say the same thing in another way (`rsa-sha256`, `RSA-sha256`); whatever was covered must be as it was."""
    headers = signed(scheme, RSA, b"{}")
    value = headers.get(name)
    if value is None:
        return
    at = place % len(value)
    changed = {**headers, name: value[:at] + letter + value[at + 1:]}
    try:
        check(changed, b"{}", RSA)
    except Refused:
        return
    request, original = Request("POST", URL, changed, b"{}"), Request("POST", URL, headers, b"{}")
    found, before = read_signature(request), read_signature(original)
    # the key's id of the older scheme is not covered: it says which key to look up, and only the right one verifies
    assert (found.signature, found.created, found.expires) == (before.signature, before.created, before.expires)
    assert found.key_id == before.key_id or scheme == "cavage"
    for covered in found.covered:
        if covered[0] not in "(@" and covered != "host":  # a host means the same in capitals
            assert changed[covered].strip() == headers[covered]
    assert set(found.covered) == set(before.covered)


@SCHEMES
@pytest.mark.parametrize(("url", "method"), [
    (URL.replace("ada", "bob"), "POST"), (URL.replace("page=1", "page=2"), "POST"), (URL.partition("?")[0], "POST"),
    (URL.replace("here", "there"), "POST"), (URL, "PUT"), (URL.replace("/users", "//users"), "POST"), (f"{URL}&x", "POST")])
def test_another_target_breaks_it(scheme: Scheme, url: str, method: str) -> None:
    with pytest.raises(Refused):
        check(signed(scheme, RSA, b"{}"), b"{}", RSA, url, method)


@SCHEMES
@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=200), more=st.text(max_size=200))
def test_any_header_is_a_signature_or_refused(scheme: Scheme, text: str, more: str) -> None:
    headers = {"host": "here.example", "signature": text}
    if scheme == "rfc9421":
        headers["signature-input"] = more
    for name in ("digest", "content-digest", "date"):
        headers[name] = more
    with pytest.raises(Refused):
        check(headers, b"{}", RSA)


@settings(max_examples=20, deadline=None)
@given(body=BODIES)
def test_ours_holds_for_httpsig_and_theirs_for_us(body: bytes) -> None:
    headers = sign_request("cavage", "POST", URL, body, KEY_ID, RSA, NOW)
    names = ["(request-target)", "host", "date", "digest"]
    assert HeaderVerifier(headers, public_pem(RSA), required_headers=names, method="POST", path="/users/ada/inbox?page=1",
                          host="here.example", sign_header="Signature").verify()
    unsigned = {name: headers[name] for name in ("Host", "Date", "Digest", "Content-Type")}
    signer = HeaderSigner(KEY_ID, pkcs8(), algorithm="rsa-sha256", headers=names, sign_header="Signature")
    theirs = signer.sign(unsigned, method="POST", path="/users/ada/inbox?page=1", host="here.example")
    check({name.lower(): value for name, value in theirs.items()}, body, RSA)


def pkcs8() -> str:
    """Our RSA key as a PEM, for libraries."""
    return RSA.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
