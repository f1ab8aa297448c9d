"""Credentials of people as documents: ours as they were frozen, and those of the contract, valid and invalid."""
from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedisora.activitypub.integrity_proofs import sign_document
from fedisora.provenance import credentials
from fedisora.provenance.record import parse_time
from fedisora.serializers.activitypub.actor import from_activitypub
from tests.support.jcs import verify

FROZEN: dict[str, Any] = json.loads((Path(__file__).parent / "humans" / "credentials.json").read_text())
NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


@pytest.fixture
def contract(shared: Path) -> Path:
    return shared / "vectors" / "provenance" / "fedisora-v1"


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def start_of(document: dict[str, Any]) -> dt.datetime:
    found = parse_time(document["validFrom"])
    assert found is not None
    return found


@pytest.mark.parametrize("name", list(FROZEN["documents"]))
def test_what_was_frozen_verifies(name: str) -> None:
    verify(FROZEN["documents"][name], FROZEN["issuer"])


@pytest.mark.parametrize("name", ["credential-valid", "credential-revoked"])
def test_credentials_are_signed_today_as_they_were(name: str) -> None:
    frozen = FROZEN["documents"][name]
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(FROZEN["seed"]))
    entry, start = frozen["credentialStatus"], start_of(frozen)
    built = credentials.build_credential(
        credential_id=frozen["id"], issuer=frozen["issuer"], subject=frozen["credentialSubject"]["id"],
        method=frozen["credentialSubject"]["assuranceMethod"], start=start, end=start + credentials.LASTS,
        status_list=entry["statusListCredential"], status_index=int(entry["statusListIndex"]))
    assert json.dumps(sign_document(built, key, frozen["proof"]["verificationMethod"], start)) == json.dumps(frozen)


def test_the_frozen_list_revokes_what_it_says() -> None:
    listed, now = FROZEN["documents"]["status-list"], parse_time(FROZEN["now"])
    assert now is not None
    assert [index for index in (0, 1, 6, 7, 8, 9, 65534, 65535, 65536, 65537, 94567, 131070, 131071)
            if credentials.is_revoked(listed, index, now=now)] == FROZEN["revoked"]
    for name, revoked in (("credential-valid", False), ("credential-revoked", True)):
        credential = FROZEN["documents"][name]
        assert credentials.credential_problems(
            credential, issuer=FROZEN["issuer"]["id"], subject="https://vectors.example/users/ada", now=now) == []
        entry = credentials.status_entry(credential)
        assert entry is not None and entry[0] == listed["id"]
        assert credentials.is_revoked(listed, entry[1], now=now) == revoked


def test_the_contract_verifies_with_the_other_implementation(contract: Path) -> None:
    issuer = read(contract / "instance-actor.json")
    for name in ("human-credential.json", "status-list.json"):
        verify(read(contract / name), issuer)
    with pytest.raises(InvalidSignature):
        verify(read(contract / "invalid" / "status-list-changed-after-signing.json"), issuer)
    assert credentials.credential_problems(read(contract / "human-credential.json"), issuer=issuer["id"],
                                           subject="https://a.example/users/alice", now=NOW) == []


def test_an_actor_of_another_server_names_credentials_and_its_field_is_not_taken_over(contract: Path) -> None:
    data = from_activitypub(read(contract / "actor-human.json"))
    assert data.attestation == ["https://a.example/credentials/42"]
    assert data.fields == []  # "Verified human" is for this server to say, once it has looked
