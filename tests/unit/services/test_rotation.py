"""Keys that change: what was signed before keeps counting, unless the key is worthless."""
from __future__ import annotations

import asyncio
import datetime as dt
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest
from sqlalchemy import select

from fedisora.activities.remote_posts import proof_state
from fedisora.activitypub.integrity_proofs import verification_method_of
from fedisora.activitypub.keys import keys_of
from fedisora.db import UnitOfWork
from fedisora.errors import Invalid, NotFound
from fedisora.models import Actor, ActorKey, InstanceFact, Job, RevokedCertificate, Status
from fedisora.provenance import certificates
from fedisora.serializers.activitypub import actor as actor_serializer
from fedisora.serializers.activitypub import revocations
from fedisora.services import accounts, instance, rotation
from fedisora.store import actors, keys, trust
from fedisora.workers import trust as handlers
from tests.unit.activities.conftest import EVE, REM, Town, remote_actor, town

__all__ = ["town"]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What differs between databases is tested in tests/unit/store/test_trust.py."""
    return sqlite_url


def document(town: Town) -> dict[str, Any]:
    return actor_serializer.to_activitypub(town.actor(town.ada), town.db.instance.uris)


def as_seen(town: Town) -> Actor:
    """Ada as another server stores her."""
    data = actor_serializer.from_activitypub(document(town))
    return Actor(uri=data.uri, assertion_keys=data.assertion_keys)


def note(town: Town, uri: str) -> dict[str, Any]:
    found = town.db.read_now(lambda session: session.scalar(select(Status.document).where(Status.uri == uri)))
    return dict(orjson.loads(found or b"{}"))


def serial(town: Town) -> str:
    chain = town.act(lambda uow, ada: keys.c2pa_key(uow.session, uow.vault, ada)[1], town.ada)
    return certificates.serial_hex(certificates.load_certificates(chain)[0])


def waiting(town: Town, kind: str) -> list[dict[str, Any]]:
    return town.db.read_now(lambda session: [job.payload for job in session.scalars(
        select(Job).where(Job.kind == kind).order_by(Job.id))])


def run(town: Town, handler: Any, payload: dict[str, Any]) -> None:
    asyncio.run(handler(cast(Any, SimpleNamespace(db=town.db)), payload))


def test_a_former_proof_key_stays_listed_and_what_it_signed_holds(town: Town) -> None:
    town.follows(REM, town.ada)
    before = note(town, town.post())
    town.act(rotation.replace_proof_key, town.ada)
    after = note(town, town.post())
    listed = document(town)["assertionMethod"]
    assert [key["id"] for key in listed] == [f"{town.ada}#ed25519-2", f"{town.ada}#ed25519"]
    assert "expires" not in listed[0] and "expires" in listed[1]
    assert verification_method_of(before) == f"{town.ada}#ed25519"
    assert verification_method_of(after) == f"{town.ada}#ed25519-2"
    assert proof_state(before, as_seen(town)) == proof_state(after, as_seen(town)) == "valid"
    update = town.sent("Update")[-1]
    assert update["object"]["assertionMethod"] == listed
    assert verification_method_of(update) == f"{town.ada}#ed25519-2"
    now = town.db.clock() + dt.timedelta(seconds=1)
    assert set(keys_of(document(town))) == {f"{town.ada}#ed25519-2", f"{town.ada}#ed25519", f"{town.ada}#main-key"}
    assert set(keys_of(document(town), now)) == {f"{town.ada}#ed25519-2", f"{town.ada}#main-key"}
    for _ in range(12):
        town.act(rotation.replace_proof_key, town.ada)
    assert len(document(town)["assertionMethod"]) == rotation.MOST_KEYS


def test_what_a_replaced_key_signs_later_does_not_hold(town: Town) -> None:
    before = note(town, town.post())
    author = as_seen(town)
    for ends, expected in (("2000-01-01T00:00:00Z", "invalid"), ("2999-01-01T00:00:00Z", "valid"), ("soon", "invalid"),
                           (None, "valid")):
        data = actor_serializer.from_activitypub({**document(town), "assertionMethod": [
            {**document(town)["assertionMethod"][0], "expires": ends, "revoked": None}]})
        author.assertion_keys = data.assertion_keys
        assert proof_state(before, author) == expected


def test_a_worthless_key_vouches_only_for_what_was_here_before(town: Town) -> None:
    town.follows(REM, town.ada)
    uris = [town.post(f"number {number}") for number in range(3)]
    before = note(town, uris[0])
    seen = town.db.clock()
    town.act(rotation.replace_proof_key, town.ada, worthless=True)
    assert "revoked" in document(town)["assertionMethod"][1]
    assert proof_state(before, as_seen(town)) == "invalid"
    assert proof_state(before, as_seen(town), seen - dt.timedelta(seconds=2)) == "valid"
    for payload in waiting(town, "sign_again"):
        run(town, handlers.sign_again, payload)
    for uri in uris:
        assert proof_state(note(town, uri), as_seen(town)) == "valid"
    created = town.sent("Create")
    assert [proof_state(item, as_seen(town)) for item in created] == ["valid"] * 3
    assert [proof_state(item["object"], as_seen(town)) for item in created] == ["valid"] * 3


def test_an_unknown_kind_of_proof_is_not_called_wrong(town: Town) -> None:
    signed = note(town, town.post())
    other = {**signed, "proof": {**signed["proof"], "cryptosuite": "eddsa-rdfc-2022"}}
    assert proof_state(other, as_seen(town)) == "none"
    for wrong in (5, [], {}, {**signed["proof"], "verificationMethod": 5}, {**signed["proof"], "cryptosuite": 7}):
        assert proof_state({**signed, "proof": wrong}, as_seen(town)) == "invalid"


def test_a_new_leaf_signs_and_the_old_one_is_not_revoked(town: Town) -> None:
    old = serial(town)
    new = town.act(rotation.replace_leaf, town.ada)
    assert new == serial(town) != old
    found = town.act(lambda uow, ada: trust.keys_of(uow.session, ada), town.ada)
    assert [(row["state"], row["serial"]) for row in found if row["use"] == "c2pa"] == [("present", new), ("former", old)]
    assert town.db.read_now(trust.revoked_here) == []
    leaf = certificates.load_certificates(town.act(lambda uow, ada: keys.c2pa_key(uow.session, uow.vault, ada)[1], town.ada))[0]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc > dt.timedelta(days=3649)


def test_revoking(town: Town) -> None:
    first = serial(town)
    second = town.act(rotation.replace_leaf, town.ada)
    assert town.run(lambda uow: rotation.revoke(uow, first.upper(), "  keyCompromise\n")) == [first]
    assert serial(town) == second  # the present one still signs
    assert town.run(lambda uow: rotation.revoke(uow, "@ada", "left")) == [second]
    assert serial(town) not in (first, second)  # an account always has one that counts
    assert waiting(town, "recheck_origin") == [{"origin": town.db.instance.uris.base, "serials": [first]},
                                               {"origin": town.db.instance.uris.base, "serials": [second]}]
    rows = town.db.read_now(trust.revoked_here)
    listed = revocations.to_activitypub(rows, "https://here.example/actor", town.db.clock())
    assert [(item["serial"], item["reason"]) for item in listed["revoked"]] == [(first, "keyCompromise"), (second, "left")]
    assert revocations.serials(listed, town.db.clock()) == sorted([first, second])
    for target, reason, error in ((first, "again", Invalid), ("ada", " ", Invalid), ("abc123", "no", NotFound),
                                  (REM, "not ours", NotFound), ("here.example", "has none", NotFound)):
        with pytest.raises(error):
            town.run(lambda uow, target=target, reason=reason: rotation.revoke(uow, target, reason))
    assert town.db.read_now(lambda session: len(session.scalars(select(RevokedCertificate)).all())) == 2


@pytest.mark.parametrize(("change", "expected"), [
    ({}, ["1f"]), ({"validUntil": "2000-01-01T00:00:00Z"}, None), ({"validUntil": 5}, None), ({"revoked": None}, []),
    ({"revoked": {"serial": "00AB"}}, ["ab"]), ({"revoked": [5, {}, {"serial": 7}, {"serial": "0"}, {"serial": "f" * 65}]}, [])])
def test_other_servers_lists(change: dict[str, Any], expected: list[str] | None) -> None:
    now = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
    rows = [RevokedCertificate(serial="1f", since=now, reason="")]
    listed = {**revocations.to_activitypub(rows, "https://a.example/actor", now), **change}
    assert revocations.serials(listed, now) == expected


def test_a_new_authority_publishes_the_former_one_too(town: Town) -> None:
    old_bundle = town.db.read_now(instance.certificate_bundle)
    old_leaf = serial(town)
    root = town.run(instance.replace_authority)
    town.act(rotation.replace_leaf, town.ada)
    bundle = certificates.load_certificates(town.db.read_now(instance.certificate_bundle))
    assert len(bundle) == 4
    assert bundle[1] == root
    assert {certificates.certificate_pem(item) for item in certificates.load_certificates(old_bundle)} < {
        certificates.certificate_pem(item) for item in bundle}
    assert serial(town) != old_leaf
    assert len(certificates.load_certificates(certificates.anchors(town.db.read_now(instance.certificate_bundle)))) == 4
    former = town.db.read_now(lambda session: session.scalars(
        select(InstanceFact).where(InstanceFact.name.startswith("ca_root_", autoescape=True))).all())
    assert [fact.sealed for fact in former] == [None]  # nothing new can be signed with it


def test_leaves_are_renewed_in_time(town: Town) -> None:
    town.run(lambda uow: accounts.create(uow, "eva", "eva@example.org", "a fine password"))
    first = serial(town)
    assert town.run(rotation.renew) == 0

    def age(uow: UnitOfWork) -> None:
        for row in uow.session.scalars(select(ActorKey).where(ActorKey.use == "c2pa")):
            row.created_at = uow.now - dt.timedelta(days=366)

    town.run(age)
    assert town.run(lambda uow: rotation.renew(uow, limit=1)) == 1
    assert town.run(rotation.renew) == 1
    assert town.run(rotation.renew) == 0
    assert serial(town) != first


def test_another_key_of_a_remote_account_is_looked_into(town: Town) -> None:
    def fetched(**more: Any) -> None:
        town.run(lambda uow: actors.upsert_remote(uow, actor_serializer.from_activitypub({**remote_actor(REM), **more})))

    key = {"id": f"{REM}#k", "type": "Multikey", "controller": REM, "publicKeyMultibase": "z6MkA"}
    fetched()
    assert waiting(town, "recheck_origin") == []
    fetched(assertionMethod=[key])
    fetched(assertionMethod=[key])
    assert waiting(town, "recheck_origin") == [{"origin": "https://remote.example", "actor": REM}]
    fetched(assertionMethod=[key], signingCertificates="https://remote.example/c2pa.pem")
    assert waiting(town, "recheck_origin")[1:] == [{"origin": "https://remote.example", "files": True}]
    fetched(assertionMethod=[key], signingCertificates="https://elsewhere.example/c2pa.pem")  # not its own: none
    assert town.actor(REM).signing_certificates is None
    assert town.actor(EVE).assertion_keys == []
