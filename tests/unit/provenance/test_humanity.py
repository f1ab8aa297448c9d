"""Words about verified people, and the field name that only the server writes."""
from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from fedisora.provenance import credentials, humanity

NOW = dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC)


@pytest.mark.parametrize("name", [
    "Verified human", "verified HUMAN", " Verified   human ", "Verified-human", "Verified_human:", "✓ Verified human ✓",
    "Vеrifiеd humаn", "Verifiеd һuman", "Ｖｅｒｉｆｉｅｄ ｈｕｍａｎ", "Verified\u200b\u00adhuman", "V e r i f i e d human",
    "Vérified hümän", "Verlfied human", "Ver1f1ed hum4n", "Verified hurnan", "𝐕𝐞𝐫𝐢𝐟𝐢𝐞𝐝 𝐡𝐮𝐦𝐚𝐧",
    "Human verified", "Human (verified)", "Ｖerified\u3000human", "\u202everified human"])
def test_names_that_pass_for_the_servers_word(name: str) -> None:
    assert humanity.reserved(name)


@pytest.mark.parametrize("name", ["Home", "Human", "Verified", "Pronouns", "Website", "", "Humans I like", "Веб-сайт", "人間",
                                  "🦆", "Very fine human", "x" * 5000])
def test_names_that_do_not(name: str) -> None:
    assert not humanity.reserved(name)


def test_the_field_is_as_in_the_vocabulary(shared: Path) -> None:
    folder = shared / "vectors" / "provenance" / "fedisora-v1"
    (field,) = json.loads((folder / "actor-human.json").read_text())["attachment"]
    until = dt.datetime(2027, 5, 21, 9, tzinfo=dt.UTC)
    assert (humanity.FIELD, humanity.field_value("a.example", "fs:LiveClipReviewed", until)) == (field["name"], field["value"])
    assert humanity.field_value("a.example", None, until) == "by a.example, until 2027-05"
    assert set(humanity.SHORT) == set(humanity.WORDS) == set(humanity.METHODS.values()) == set(credentials.METHODS)


def test_documents_are_byte_for_byte_those_of_the_vectors(shared: Path) -> None:
    folder = shared / "vectors" / "provenance" / "fedisora-v1"
    for name, built in (
            ("human-credential.json", credentials.build_credential(
                credential_id="https://a.example/credentials/42", issuer="https://a.example/actor",
                subject="https://a.example/users/alice", method="fs:LiveClipReviewed", start=NOW, end=NOW + credentials.LASTS,
                status_list="https://a.example/status/1", status_index=94567)),
            ("status-list.json", credentials.build_list(
                list_id="https://a.example/status/1", issuer="https://a.example/actor", revoked=[], start=NOW))):
        expected = json.loads((folder / name).read_text())
        del expected["proof"]
        if name == "status-list.json":  # gzip is not canonical: what it unpacks to is compared elsewhere
            expected["credentialSubject"]["encodedList"] = built["credentialSubject"]["encodedList"]
        assert json.dumps(built) == json.dumps(expected)
