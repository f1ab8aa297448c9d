"""Official vectors, byte for byte: W3C eddsa-jcs-2022, FEP-8b32, FEP-521a, FEP-c390, status lists and security contexts."""
from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyld import jsonld

from fedisora.activities.remote_posts import proof_state
from fedisora.activitypub.integrity_proofs import sign_document, verification_method_of, verify_document
from fedisora.activitypub.keys import keys_of
from fedisora.activitypub.multibase import ed25519_from_multibase, ed25519_multibase, multibase_decode, multibase_encode
from fedisora.errors import BadSignature, Refused
from fedisora.models import Actor
from fedisora.provenance import credentials
from fedisora.serializers.activitypub import revocations

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def folder(shared: Path) -> Path:
    return shared / "vectors" / "provenance"


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def secret(text: str) -> Ed25519PrivateKey:
    """A `z3u2…` Multikey secret key: 0x8026 and 32 bytes."""
    data = multibase_decode(text)
    assert data[:2] == b"\x80\x26"
    return Ed25519PrivateKey.from_private_bytes(data[2:])


def blocks(feature: Path) -> list[dict[str, Any]]:
    """The JSON objects of a Gherkin file, in order."""
    return [json.loads(text) for text in re.findall(r'"""\s*(\{.*?\})\s*"""', feature.read_text(), re.S)]


# ---- W3C Data Integrity EdDSA Cryptosuites, eddsa-jcs-2022
def test_w3c_every_step(folder: Path) -> None:
    w3c = folder / "w3c-vc-di-eddsa"
    steps = w3c / "eddsa-jcs-2022"

    def text(name: str) -> str:
        return (steps / f"{name}JCS.txt").read_text().strip()

    pair, unsigned = read(w3c / "keyPair.json"), read(w3c / "unsigned.json")
    options, signed = read(steps / "proofConfigJCS.json"), read(steps / "signedJCS.json")
    document, proof = rfc8785.dumps(unsigned), rfc8785.dumps(options)
    assert (document.decode(), proof.decode()) == (text("canonDoc"), text("proofCanon"))
    hashes = hashlib.sha256(proof).hexdigest(), hashlib.sha256(document).hexdigest()
    assert hashes == (text("proofHash"), text("docHash"))
    assert "".join(hashes) == text("combinedHash")
    key = secret(pair["privateKeyMultibase"])
    assert ed25519_multibase(key.public_key()) == pair["publicKeyMultibase"]
    signature = key.sign(bytes.fromhex("".join(hashes)))
    assert (signature.hex(), multibase_encode(signature)) == (text("sigHex"), text("sigBTC58"))
    ours = sign_document(unsigned, key, options["verificationMethod"], dt.datetime.fromisoformat(options["created"]))
    assert ours == signed
    verify_document(signed, ed25519_from_multibase(pair["publicKeyMultibase"]))


def test_w3c_what_is_not_ours_is_refused_and_not_called_wrong(folder: Path) -> None:
    w3c = folder / "w3c-vc-di-eddsa"
    key = ed25519_from_multibase(read(w3c / "keyPair.json")["publicKeyMultibase"])
    nobody = Actor(uri="https://a.example/users/ada", assertion_keys=[])
    others = [w3c / "eddsa-rdfc-2022" / "signedDataInt.json", w3c / "eddsa-rdfc-2022" / "employ" / "signedDataInt.json",
              *sorted((w3c / "proof-set-chain").glob("signedProof*.json"))]
    assert len(others) == 6
    for path in others:
        document = read(path)
        with pytest.raises(BadSignature):
            verify_document(document, key)
        assert verification_method_of(document) is None
        assert proof_state(document, nobody) == "none"
        mixed = {**read(w3c / "eddsa-jcs-2022" / "signedJCS.json")}
        mixed["proof"] = [*(document["proof"] if isinstance(document["proof"], list) else [document["proof"]]), mixed["proof"]]
        verify_document(mixed, key)  # of a set, the one of our kind


# ---- FEP-8b32, FEP-521a, FEP-c390
def test_fep_8b32(folder: Path) -> None:
    feature = folder / "fep" / "fep-8b32.feature"
    document, signed, again, actor = blocks(feature)[:4]
    lines = re.findall(r'"([^"\n]+)"', feature.read_text())
    key = secret(next(line for line in lines if line.startswith("z3u2")))
    made = dt.datetime.fromisoformat(next(line for line in lines if re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+Z", line)))
    assert sign_document(document, key, f"{document['actor']}#ed25519-key", made) == signed == again
    found = keys_of(actor)[f"{document['actor']}#ed25519-key"]
    assert found.assertion
    verify_document(signed, found.key)  # type: ignore[arg-type]
    for change in ({"actor": "https://server.example/users/eve"}, {"id": "https://server.example/activities/2"}):
        with pytest.raises(Refused):
            verify_document({**signed, **change}, found.key)  # type: ignore[arg-type]


def test_fep_521a(folder: Path) -> None:
    feature = folder / "fep" / "fep-521a.feature"
    raw = re.search(r'Ed25519 public key as a hex string "([0-9a-f]+)"', feature.read_text())
    assert raw is not None
    ed25519, rsa = blocks(feature)[:2]
    assert ed25519_from_multibase(ed25519["publicKeyMultibase"]).public_bytes_raw().hex() == raw[1]
    found = keys_of({"id": ed25519["controller"], "assertionMethod": [rsa, ed25519]})
    assert list(found) == [ed25519["id"]]  # an RSA Multikey signs nothing that we check


def test_fep_c390(folder: Path) -> None:
    key = ed25519_from_multibase("z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2")
    statement = next(block for block in blocks(folder / "fep" / "fep-c390.feature") if "proof" in block)
    assert statement["proof"]["cryptosuite"] == "eddsa-jcs-2022"
    verify_document(statement, key)


# ---- contexts and status lists
def test_security_contexts_are_the_published_ones(folder: Path) -> None:
    for name in ("data-integrity-v2", "multikey-v1"):
        ours = resources.files("fedisora.activitypub").joinpath("contexts", f"{name}.jsonld").read_bytes()
        assert ours == (folder / "contexts" / f"w3id-security-{name}.json").read_bytes()


def test_status_entries_and_lists_use_the_published_terms(folder: Path) -> None:
    context = read(folder / "contexts" / "bitstring-status-list-v1.jsonld")["@context"]
    made = credentials.build_credential(
        credential_id="https://a.example/credentials/1", issuer="https://a.example/actor", subject="https://a.example/users/ada",
        method="fs:Vouched", start=NOW, end=NOW + dt.timedelta(days=30), status_list="https://a.example/status/1", status_index=7)
    listed = read(folder / "fedisora-v1" / "status-list.json")["credentialSubject"]
    for node, count in ((made["credentialStatus"], 5), ({**listed, "ttl": 300000}, 5)):
        expanded = jsonld.expand({"@context": context, **node})[0]
        assert len(expanded) == count
        assert all(name.startswith(("@", "https://www.w3.org/ns/credentials/status#")) for name in expanded)
    assert listed["encodedList"][0] == "u"


def test_the_status_list_of_another_implementation(folder: Path) -> None:
    story = folder / "fedisora-v1"
    credential, listed, issuer = (read(story / name) for name in (
        "human-credential.json", "status-list.json", "instance-actor.json"))
    key = keys_of(issuer)[f"{issuer['id']}#ed25519"].key
    for document in (credential, listed):
        verify_document(document, key, NOW)  # type: ignore[arg-type]
    entry = credentials.status_entry(credential)
    assert entry == (listed["id"], 94567)
    assert not credentials.is_revoked(listed, 94567, now=NOW)
    assert credentials.credential_problems(credential, issuer=issuer["id"], now=NOW,
                                           subject=credential["credentialSubject"]["id"]) == []
    ours = {**listed, "credentialSubject": {**listed["credentialSubject"], "encodedList": credentials.encode_list([94567])}}
    assert credentials.is_revoked(ours, 94567, now=NOW)
    assert not credentials.is_revoked(ours, 94566, now=NOW)
    for name in ("human-credential-signed-by-its-subject.json", "status-list-changed-after-signing.json"):
        with pytest.raises(BadSignature):
            verify_document(read(story / "invalid" / name), key, NOW)  # type: ignore[arg-type]


def test_the_revocation_list_of_another_implementation(folder: Path) -> None:
    story = folder / "fedisora-v1"
    listed, issuer = read(story / "revoked-certificates.json"), read(story / "instance-actor.json")
    key = keys_of(issuer)[f"{issuer['id']}#ed25519"].key
    verify_document(listed, key, NOW)  # type: ignore[arg-type]
    assert revocations.serials(listed, NOW) == ["4f1e9a0c77d2b3518e6a"]
    assert revocations.serials(listed, NOW + dt.timedelta(days=8)) is None
    with pytest.raises(BadSignature):
        verify_document(read(story / "invalid" / "revoked-certificates-changed-after-signing.json"), key)  # type: ignore[arg-type]
