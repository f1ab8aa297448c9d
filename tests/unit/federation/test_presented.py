"""Presented credentials that do not count, each in one way; then the two kinds that do.

Issuer and the person's other account are on a made-up server; every look goes over real HTTP.
"""
from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.app import House, build_house
from fedisora.db import Database, Instance, UnitOfWork
from fedisora.errors import Conflict, FedisoraError, Invalid, Malformed, RemoteUnavailable, TooLarge
from fedisora.models import Actor, Base, HumanCredential, StatusList, TrustedVerifier
from fedisora.serializers.activitypub.actor import to_activitypub
from fedisora.services.verification import credentials
from fedisora.services.verification.methods import base, erase, presented
from fedisora.settings import load_settings
from fedisora.store import actors
from fedisora.uris import Uris
from fedisora.vault import Vault
from tests.support.neighbours import Village
from tests.support.wallet import Wallet, credential, status_entry, status_list
from tests.support.world import World

pytestmark = pytest.mark.xdist_group("presented")  # its tests go through one scene

NOW = dt.datetime(2026, 11, 26, 9, 0, tzinfo=dt.UTC)
HUMAN = ["VerifiableCredential", "HumanCredential"]


class Desk:
    """A house where `ann` presents credentials, a listed issuer with a did:key, and another server that is a trusted verifier."""

    def __init__(self, folder: Path, world: World) -> None:
        self.world, self.issuer, self.holder, self.instance_key = world, Wallet(), Wallet(), Wallet()
        self.house: House = build_house(load_settings(
            folder, base_url="http://here.example", verification="credential", allow_private_network="127.0.0.0/8",
            rate_limits=False, credential_issuers=f"{self.issuer.did}, https://listed.example/actor"))
        self.village = Village.on(self.house.db, "ann", "ben")
        self.village.run(lambda uow: uow.session.add(TrustedVerifier(host=world.host, created_at=uow.now)))
        self.list = f"{world.base}/credentials/status/1"
        self.verifier = self._server("actor", "Application")
        self.stranger = self._server("users/mallory", "Person")
        self.other = world.actor("ann_there").uri
        self.runner = asyncio.Runner()
        self.runner.run(self.house.client.open())
        self.aliases(self.other)
        self.publish_list()

    def _server(self, path: str, kind: str) -> str:
        uri = f"{self.world.base}/{path}"
        self.world.documents[f"/{path}"] = {
            "@context": ["https://www.w3.org/ns/activitystreams"], "id": uri, "type": kind, "preferredUsername": path[-7:],
            "inbox": f"{uri}/inbox", "assertionMethod": [{
                "id": f"{uri}#ed25519", "type": "Multikey", "controller": uri,
                "publicKeyMultibase": self.instance_key.multibase}]}
        return uri

    # ---- accounts that name each other
    def aliases(self, *there: str) -> None:
        self.village.act(lambda uow, ann: setattr(ann, "also_known_as", list(there)), "ann")
        self.named_back(self.village.actor("ann").uri)

    def named_back(self, *uris: str) -> None:
        document = self.world.documents["/users/ann_there"]
        self.world.documents["/users/ann_there"] = {**document, "alsoKnownAs": list(uris)}

    # ---- documents
    def publish_list(self, *revoked: int, signer: Wallet | None = None, **change: Any) -> None:
        document = {**status_list(self.list, self.verifier, NOW, *revoked), **change}
        self.world.documents["/credentials/status/1"] = (signer or self.instance_key).sign(
            document, method=f"{document['issuer']}#ed25519", now=NOW)

    def human(self, *, signer: Wallet | None = None, method: str = "", **change: Any) -> dict[str, Any]:
        """A HumanCredential of the other server about the person's account there."""
        document = credential(self.verifier, self.other, NOW, **{
            "id": f"{self.world.base}/credentials/7", "type": HUMAN, "credentialStatus": status_entry(self.list, 7),
            "credentialSubject": {"id": self.other, "assuranceMethod": "fs:LiveClipReviewed"}, **change})
        return (signer or self.instance_key).sign(document, method=method or f"{document['issuer']}#ed25519", now=NOW)

    def bound(self, **change: Any) -> dict[str, Any]:
        """A credential of the listed issuer, bound to the holder's key."""
        return self.issuer.sign(credential(self.issuer.did, self.holder.did, NOW, **change), now=NOW)

    # ---- handing in
    def challenge(self, who: str = "ann") -> str:
        self.village.act(presented.begin, who)
        return self.house.db.read_now(lambda session: presented.waiting(
            session, self.village.actor(who), self.house.vault, self.house.db.clock()))

    def hand_in(self, document: object, who: str = "ann") -> str:
        """Hand something in as the page does; the subject. What is refused is refused as there."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()

        async def run() -> str:
            me = self.village.actor(who)
            case_id, challenge = self.village.act(presented.hand_in, who)
            try:
                subject = await self.house.presented.check(me, body, challenge)
                await self.house.db.write(lambda uow: presented.complete(
                    uow, actors.get(uow.session, me.id), case_id, subject))
            except FedisoraError as error:
                text = error.text
                await self.house.db.write(lambda uow: base.refuse(uow, case_id, text))
                raise
            return subject

        return self.runner.run(run())

    def close(self) -> None:
        self.runner.run(self.house.client.close())
        self.runner.close()
        self.house.db.close()

    def forget(self) -> None:
        """Nobody is verified, nothing is known of the other server."""
        def gone(uow: UnitOfWork) -> None:
            for name in ("ann", "ben"):
                erase(uow, self.village.ids[name])
            for uri in (self.other, self.verifier, self.stranger):
                known = actors.by_uri(uow.session, uri)
                if known is not None:
                    uow.session.delete(known)

        self.village.run(gone)
        self.aliases(self.other)
        self.publish_list()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with World() as world:
        found = Desk(tmp_path_factory.mktemp("desk"), world)
        yield found
        found.close()


@pytest.fixture
def desk(made: Desk) -> Desk:
    made.forget()
    return made


def refused(desk: Desk, document: object, words: str, who: str = "ann") -> None:
    with pytest.raises(FedisoraError, match=words):
        desk.hand_in(document, who)
    assert not desk.village.holds(who)
    case = desk.village.db.read_now(lambda session: base.latest(session, desk.village.ids[who], "credential"))
    assert case is not None
    assert (case.state, case.challenge) == ("rejected", None)
    assert case.reason


# ---- what is no credential
@pytest.mark.parametrize(("body", "kind"), [
    (b"", Malformed), (b"[]", Malformed), (b"{", Malformed), (b'{"a":1,"a":2}', Malformed), (b" " * 65_537, TooLarge),
    (b"{}", Invalid), (b'{"type":"VerifiableCredential"}', Invalid), (b'{"type":["VerifiablePresentation"]}', Invalid)])
def test_what_is_no_credential(desk: Desk, body: bytes, kind: type[FedisoraError]) -> None:
    with pytest.raises(kind):
        desk.hand_in(body)


@pytest.mark.parametrize("change", [
    {"@context": ["https://www.w3.org/2018/credentials/v1"]}, {"issuer": None}, {"credentialSubject": None},
    {"credentialSubject": [{"id": "a"}, {"id": "b"}]}, {"credentialSubject": {"person": True}}, {"validUntil": "soon"},
    {"validUntil": "2026-11-26T09:00:00Z"}, {"validFrom": "2026-11-27T09:00:00Z"},
    {"credentialStatus": {"type": "StatusList2021Entry"}}, {"credentialStatus": "somewhere"}], ids=str)
def test_a_credential_has_to_be_current_and_checkable(desk: Desk, change: dict[str, Any]) -> None:
    document = credential(desk.issuer.did, desk.holder.did, NOW, **change)
    challenge = desk.challenge()
    refused(desk, desk.holder.present(desk.issuer.sign(document, now=NOW), challenge, "here.example", NOW), "redential")


# ---- bound to a key
def test_a_copied_credential_alone_is_not_ones_own(desk: Desk) -> None:
    refused(desk, desk.bound(), "bound to a key")


@pytest.mark.parametrize(("change", "words"), [
    ({"challenge": "another"}, "not for the challenge"), ({"challenge": None}, "not for the challenge"),
    ({"domain": "elsewhere.example"}, "another place"), ({"proofPurpose": "assertionMethod"}, "not signed by whom it names"),
    ({"created": "2026-11-26T09:00:00Z", "expires": "2026-11-26T08:00:00Z"}, "not signed by whom it names")])
def test_a_presentation_is_for_us_and_now(desk: Desk, change: dict[str, Any], words: str) -> None:
    given = {"challenge": desk.challenge(), "domain": "here.example", **change}
    refused(desk, desk.holder.present(desk.bound(), now=NOW, **given), words)


def test_a_challenge_is_good_once_and_for_ten_minutes(desk: Desk) -> None:
    first = desk.challenge()
    document = desk.holder.present(desk.bound(), first, "here.example", NOW)
    refused(desk, {**document, "holder": "did:key:z6Mk"}, "nothing shows that it is yours")
    refused(desk, document, "no challenge any more")  # the one before used it up
    late = desk.holder.present(desk.bound(), desk.challenge(), "here.example", NOW)
    desk.village.later(minutes=10)
    refused(desk, late, "no challenge any more")
    desk.village.now = NOW
    refused(desk, desk.holder.present(desk.bound(), desk.challenge("ben"), "here.example", NOW), "no challenge any more")


def test_a_transplanted_or_changed_credential(desk: Desk) -> None:
    thief = Wallet()
    refused(desk, thief.present(desk.bound(), desk.challenge(), "here.example", NOW), "nothing shows that it is yours")
    other = thief.present(desk.bound(), challenge := desk.challenge(), "here.example", NOW, verificationMethod=desk.holder.method)
    refused(desk, {**other, "holder": desk.holder.did}, "not signed by whom it names")
    changed = {**desk.bound(), "credentialSubject": {"id": thief.did, "person": True}}
    refused(desk, thief.present(changed, desk.challenge(), "here.example", NOW), "The credential is not signed")
    bare = {key: value for key, value in desk.bound().items() if key != "proof"}
    refused(desk, desk.holder.present(bare, desk.challenge(), "here.example", NOW), "no proof of a kind")
    two = desk.holder.present(desk.bound(), desk.challenge(), "here.example", NOW)
    refused(desk, {**two, "verifiableCredential": [desk.bound(), desk.bound()]}, "exactly one")
    assert challenge


def test_an_issuer_that_is_not_listed_or_another_key(desk: Desk) -> None:
    own = Wallet()
    made = own.sign(credential(own.did, desk.holder.did, NOW), now=NOW)
    refused(desk, desk.holder.present(made, desk.challenge(), "here.example", NOW), "does not take credentials of this issuer")
    made = own.sign(credential(desk.issuer.did, desk.holder.did, NOW), now=NOW)
    refused(desk, desk.holder.present(made, desk.challenge(), "here.example", NOW), "signed by somebody else than its issuer")
    made = own.sign(credential(desk.issuer.did, desk.holder.did, NOW), method=desk.issuer.method, now=NOW)
    refused(desk, desk.holder.present(made, desk.challenge(), "here.example", NOW), "is not signed by whom it names")


def test_a_key_bound_credential_verifies_one_account(desk: Desk) -> None:
    desk.hand_in(desk.holder.present(desk.bound(), desk.challenge(), "here.example", NOW))
    assert desk.village.actor("ann").human_method == "fs:PresentedCredential"
    with pytest.raises(Conflict, match="another account"):
        desk.hand_in(desk.holder.present(desk.bound(), desk.challenge("ben"), "here.example", NOW), "ben")
    assert not desk.village.holds("ben")


# ---- about another account
def test_both_accounts_have_to_name_each_other(desk: Desk) -> None:
    refused(desk, desk.human(), "about another account", who="ben")  # a public credential of somebody else
    desk.aliases()
    refused(desk, desk.human(), "about another account")
    desk.aliases(desk.other)
    desk.named_back("http://here.example/users/ben")
    refused(desk, desk.human(), "does not name this one back")
    desk.named_back()
    refused(desk, desk.human(), "does not name this one back")


@pytest.mark.parametrize(("change", "words"), [
    ({"type": ["VerifiableCredential"]}, "is not a HumanCredential"), ({"id": "https://other.example/credentials/7"}, "origin"),
    ({"credentialStatus": None}, "cannot be revoked"), ({"validUntil": "2027-11-26T09:00:00Z"}, "no acceptable period"),
    ({"validUntil": "2026-11-26T08:59:59Z"}, "expired"), ({"credentialSubject": {"id": "OTHER"}}, "how the person was checked"),
    ({"issuer": "STRANGER"}, "does not take credentials of this issuer"),
    ({"issuer": "https://unlisted.example/actor"}, "does not take credentials of this issuer"),
    ({"issuer": "http://here.example/actor"}, "gives its credentials itself")])
def test_a_trusted_verifier_says_one_thing_only(desk: Desk, change: dict[str, Any], words: str) -> None:
    if change.get("credentialSubject"):
        change = {"credentialSubject": {"id": desk.other}}
    change = {key: desk.stranger if value == "STRANGER" else value for key, value in change.items()}
    refused(desk, desk.human(**change), words)


def test_a_verifier_speaks_for_its_own_accounts_only(desk: Desk) -> None:
    with World("127.0.0.2") as elsewhere:
        other = elsewhere.actor("ann_there")
        elsewhere.documents["/users/ann_there"] |= {"alsoKnownAs": [desk.village.actor("ann").uri]}
        desk.village.act(lambda uow, ann: setattr(ann, "also_known_as", [other.uri]), "ann")
        made = desk.human(credentialSubject={"id": other.uri, "assuranceMethod": "fs:Vouched"})
        refused(desk, made, "only say about its own accounts")


@pytest.mark.parametrize("method", ["fs:Vouched", "fs:PresentedCredential"])
def test_a_word_passes_no_further_hands(desk: Desk, method: str) -> None:
    """Else those who were vouched for on one server vouch at the first level on the next, and two servers go in a circle."""
    refused(desk, desk.human(credentialSubject={"id": desk.other, "assuranceMethod": method}), "passes no further hands")
    for own in ("fs:OIDC", "fs:LiveClipReviewed"):
        desk.forget()
        desk.hand_in(desk.human(credentialSubject={"id": desk.other, "assuranceMethod": own}))


def test_only_the_verifiers_own_key_signs(desk: Desk) -> None:
    refused(desk, desk.human(signer=Wallet()), "is not signed by whom it names")
    refused(desk, desk.human(method=f"{desk.stranger}#ed25519"), "signed by somebody else than its issuer")
    changed = {**desk.human(), "validUntil": "2026-12-30T09:00:00Z"}
    refused(desk, changed, "is not signed by whom it names")


def test_a_revoked_one_and_a_list_that_does_not_tell(desk: Desk) -> None:
    desk.publish_list(7)
    refused(desk, desk.human(), "has revoked")
    desk.publish_list(signer=Wallet())
    refused(desk, desk.human(), "list of revoked credentials is not signed")
    desk.publish_list(issuer=desk.stranger)
    refused(desk, desk.human(), "not its issuer's")
    desk.publish_list(id=f"{desk.list}0")
    refused(desk, desk.human(), "not its issuer's")
    desk.publish_list(validUntil="2026-11-26T08:00:00Z")
    refused(desk, desk.human(), "has run out")
    del desk.world.documents["/credentials/status/1"]
    with pytest.raises(RemoteUnavailable, match="cannot be checked now"):
        desk.hand_in(desk.human())
    assert not desk.village.holds("ann")


def test_a_credential_of_another_instance_verifies_the_account_it_belongs_to(desk: Desk) -> None:
    desk.publish_list(6, 8)
    assert desk.hand_in(desk.human()) == desk.other
    assert desk.village.holds("ann")
    ben = desk.village.actor("ben").uri
    desk.village.act(lambda uow, found: setattr(found, "also_known_as", [desk.other]), "ben")
    desk.named_back(desk.village.actor("ann").uri, ben)
    with pytest.raises(Conflict, match="another account"):
        desk.hand_in(desk.human(), "ben")
    assert isinstance(desk.village.actor("ben"), Actor)


def test_what_our_own_instances_give_is_what_they_take(desk: Desk, tmp_path: Path) -> None:
    """A credential, a status list and actors as another Fedisora serves them."""
    with World("127.0.0.3") as world:
        settings = load_settings(tmp_path, base_url=world.base)
        there = Database(Instance(settings, Uris(world.base), Vault.open(tmp_path)))
        Base.metadata.create_all(there.engine)
        town = Village.on(there, "ann")
        town.verify("ann", days_ago=1)
        mine = desk.village.actor("ann").uri
        town.act(lambda uow, ann: setattr(ann, "also_known_as", [mine]), "ann")

        def publish() -> dict[str, Any]:
            with there.reading() as session:
                ann, issuer = session.get_one(Actor, town.ids["ann"]), actors.instance_actor(session)
                row = session.scalars(select(HumanCredential)).one()
                listed = session.scalars(select(StatusList)).one()
                for actor in (ann, issuer):
                    world.documents[actor.uri.removeprefix(world.base)] = to_activitypub(actor, there.instance.uris)
                made: dict[str, Any] = json.loads(row.document)
                world.documents[made["credentialStatus"]["statusListCredential"].removeprefix(world.base)] = json.loads(
                    listed.document)
                return made

        made = publish()
        desk.village.run(lambda uow: uow.session.add(TrustedVerifier(host=world.host, created_at=uow.now)))
        desk.village.act(lambda uow, ann: setattr(ann, "also_known_as", [made["credentialSubject"]["id"]]), "ann")
        assert desk.hand_in(made) == f"{world.base}/users/ann"
        assert desk.village.holds("ann")
        desk.village.run(lambda uow: erase(uow, desk.village.ids["ann"]))
        town.act(credentials.revoke, "ann", "over")
        publish()
        refused(desk, made, "has revoked")
        there.close()
