"""Id tokens that do not count, flows that nobody else can finish, identities that stand for one account; then what works."""
from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from fedisora.db import Database
from fedisora.errors import Conflict, Forbidden, Invalid, TooManyRequests
from fedisora.models import VerificationCase, VerificationIdentity
from fedisora.services import accounts
from fedisora.services.verification import methods, rights
from fedisora.services.verification.methods import base, oidc
from fedisora.settings import Settings
from tests.support.neighbours import START, Village
from tests.support.oidc_issuer import CLIENT, KEYS, OTHER, encode, jwks, unsigned, with_public_key_as_secret

ISSUER = "https://id.example"
SETTINGS = Settings(oidc_issuer=ISSUER, oidc_client_id=CLIENT, verification="oidc")
NOW = int(START.timestamp())
GOOD: dict[str, Any] = {"iss": ISSUER, "sub": "person-1", "aud": CLIENT, "iat": NOW, "exp": NOW + 300, "nonce": "n"}


def checked(token: object, settings: Settings = SETTINGS, keys: list[dict[str, Any]] | None = None) -> str:
    return oidc.check_id_token(token, jwks() if keys is None else keys, settings, "n", START)


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


@pytest.mark.parametrize("changed", [
    {"nonce": "another"}, {"nonce": None}, {"iss": "https://other.example"}, {"iss": f"{ISSUER}/"}, {"aud": "another"},
    {"aud": []}, {"aud": [CLIENT, "another"]}, {"aud": [CLIENT, "another"], "azp": "another"}, {"azp": "another"},
    {"aud": [CLIENT, 7]},
    {"exp": NOW - 61}, {"exp": "soon"}, {"exp": True}, {"iat": NOW + 61}, {"iat": NOW - 661}, {"nbf": NOW + 61},
    {"sub": ""}, {"sub": 7}, {"sub": "x" * 256}], ids=str)
def test_what_is_said_has_to_be_about_this_sign_in(changed: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="does not prove"):
        checked(encode({**GOOD, **changed}))


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "iat", "nonce"])
def test_nothing_may_be_left_out(name: str) -> None:
    with pytest.raises(Invalid, match="does not prove"):
        checked(encode(without(name)))


@pytest.mark.parametrize("token", [
    unsigned(GOOD), with_public_key_as_secret(GOOD), encode(GOOD, key=OTHER), encode(GOOD, "HS256", "x" * 32), encode(GOOD)[:-6],
    encode(GOOD, kid="unknown"), encode(GOOD, kid="ES256"), encode(GOOD, crit=["exp"]), "", "a.b.c", None, {"alg": "RS256"},
    "x" * 20_000, encode(GOOD, "RS512", KEYS["RS256"])],
    ids=["unsigned", "public key as secret", "another key", "shared secret", "cut off", "unknown key", "key of another kind",
         "critical", "empty", "nonsense", "none", "no text", "too long", "another algorithm"])
def test_only_the_issuers_own_signature_counts(token: object) -> None:
    with pytest.raises(Invalid, match="does not prove") as caught:
        checked(token)
    assert "person-1" not in str(caught.value)


def test_a_key_set_decides_what_its_keys_are_for() -> None:
    first = jwks()[0]
    for keys in ([], [{**first, "use": "enc"}], [{**first, "alg": "PS256"}], [first, first], [{**first, "kty": "oct", "k": "AA"}],
                 [{**first, "n": "AQAB"}], [{**first, "n": 7}]):
        with pytest.raises(Invalid, match="does not prove"):
            checked(encode(GOOD), keys=keys)


def test_the_claim_that_the_operator_asks_for() -> None:
    asking = SETTINGS.model_copy(update={"oidc_claim": "verified=true"})
    for lacking in (GOOD, {**GOOD, "verified": False}, {**GOOD, "verified": "no"}, {**GOOD, "verified": None},
                    {**GOOD, "verified": {"true": 1}}):
        with pytest.raises(Forbidden, match="does not say about you"):
            checked(encode(lacking), asking)
    for given in (True, "true", ["other", "true"]):
        assert checked(encode({**GOOD, "verified": given}), asking) == "person-1"


@pytest.mark.parametrize("algorithm", list(KEYS))
def test_a_good_token_of_each_kind(algorithm: str) -> None:
    assert checked(encode(GOOD, algorithm)) == "person-1"
    assert checked(encode({**GOOD, "aud": [CLIENT, "another"], "azp": CLIENT}, algorithm)) == "person-1"


# ---- the flow
@pytest.fixture
def town(db: Database) -> Village:
    object.__setattr__(db.instance, "settings", db.instance.settings.model_copy(update={
        "verification": "oidc", "oidc_issuer": ISSUER, "oidc_client_id": CLIENT, "oidc_scopes": "profile"}))
    return Village.on(db, "ann", "ben")


def begun(town: Village, name: str = "ann", browser: str = "browser") -> dict[str, str]:
    """The query of the address that the browser is sent to."""
    target = town.act(oidc.begin, name, browser, "https://id.example/authorize", "https://here.example/back")
    return {key: values[0] for key, values in parse_qs(urlsplit(target).query).items()}


def signed_in(town: Village, name: str, subject: str) -> None:
    flow = town.act(oidc.come_back, name, "browser", begun(town, name)["state"])
    town.act(oidc.complete, name, flow, ISSUER, subject)


def test_nobody_else_finishes_a_flow_and_nobody_twice(town: Village) -> None:
    state = begun(town)["state"]
    begun(town, "ben")
    for name, browser, given in (("ann", "another", state), ("ann", "browser", "made up"), ("ann", "browser", ""),
                                 ("ben", "browser", state)):
        with pytest.raises(Conflict):
            town.act(oidc.come_back, name, browser, given)
    flow = town.act(oidc.come_back, "ann", "browser", state)  # none of these took it away from the right one
    with pytest.raises(Conflict):
        town.act(oidc.come_back, "ann", "browser", state)
    town.act(oidc.complete, "ann", flow, ISSUER, "person-1")
    with pytest.raises((Conflict, Forbidden)):
        town.act(oidc.complete, "ann", flow, ISSUER, "person-1")


def test_ten_minutes_and_only_the_newest(town: Village) -> None:
    first = begun(town)["state"]
    second = begun(town)["state"]
    with pytest.raises(Conflict):
        town.act(oidc.come_back, "ann", "browser", first)
    town.later(minutes=10)
    with pytest.raises(Conflict):
        town.act(oidc.come_back, "ann", "browser", second)


def test_tries_are_limited(town: Village) -> None:
    for _ in range(base.TRIES):
        begun(town)
    with pytest.raises(TooManyRequests):
        begun(town)
    town.act(lambda uow, ann: rights.erase(uow, accounts.user_of(uow.session, ann.id), by=ann.id), "ann")
    with pytest.raises(TooManyRequests):
        begun(town)  # erasing is no way around it
    town.later(days=1)
    begun(town)


def test_one_identity_is_one_account_and_the_refusal_names_nobody(town: Village) -> None:
    signed_in(town, "ann", "person-1")
    assert town.holds("ann")
    with pytest.raises(Conflict, match="already stands for another account") as caught:
        signed_in(town, "ben", "person-1")
    assert "ann" not in str(caught.value).replace("another", "")
    assert not town.holds("ben")
    signed_in(town, "ben", "person-2")
    assert town.holds("ben")


def test_an_erased_identity_may_stand_for_another_account(town: Village) -> None:
    signed_in(town, "ann", "person-1")
    town.run(lambda uow: methods.erase(uow, town.ids["ann"]))
    assert not town.holds("ann")
    signed_in(town, "ben", "person-1")


def test_a_moderators_no_outlasts_erasing(town: Village) -> None:
    signed_in(town, "ann", "person-1")
    town.act(methods.vouching.credentials.revoke, "ann", "a second account")
    signed_in(town, "ann", "person-1")  # ended by the server itself: one may come back

    def put_out(uow: Any, ann: Any) -> None:
        methods.vouching.credentials.revoke(uow, ann, "a second account", by=town.ids["ben"])

    town.act(put_out, "ann")
    town.run(lambda uow: methods.erase(uow, town.ids["ann"]))
    with pytest.raises(Conflict):
        signed_in(town, "ben", "person-1")
    with pytest.raises(Forbidden, match="A moderator ended"):
        begun(town)


def test_nothing_of_the_person_is_kept(town: Village, tmp_path: Path) -> None:
    asked = begun(town)
    assert asked["scope"] == "openid profile"
    assert asked["code_challenge_method"] == "S256"
    flow = town.act(oidc.come_back, "ann", "browser", asked["state"])
    assert (asked["nonce"], asked["code_challenge"]) == (flow.nonce, oidc.challenge(flow.verifier))
    town.act(oidc.complete, "ann", flow, ISSUER, "person-1")
    row = town.db.read_now(lambda session: session.scalars(select(VerificationIdentity)).one())
    case = town.db.read_now(lambda session: session.scalars(select(VerificationCase)).one())
    assert (len(row.key), row.method) == (64, "oidc")
    assert (case.state, case.challenge, case.about) == ("approved", None, {"issuer": ISSUER})
    files = list(tmp_path.glob("test.sqlite3*"))
    assert files
    assert not any(b"person-1" in file.read_bytes() for file in files)
    assert town.holds("ann")
