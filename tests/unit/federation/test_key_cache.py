"""Keys of other actors over real HTTP: what is no key of theirs first, then rotation, several keys, and how often we ask."""
from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from fedisora.activitypub.integrity_proofs import sign_document
from fedisora.activitypub.keys import PrivateKey, generate_ed25519, generate_rsa, keys_of, public_pem
from fedisora.activitypub.multibase import ed25519_multibase
from fedisora.activitypub.signatures import Request, Scheme, sign_request
from fedisora.db import Database, Instance
from fedisora.errors import BadSignature, FedisoraError, Gone, RemoteUnavailable
from fedisora.federation import key_cache
from fedisora.federation.authenticate import Sender, authenticate, author_of_forwarded
from fedisora.federation.client import Client
from fedisora.federation.fetch import Fetcher
from fedisora.federation.key_cache import KeyCache
from fedisora.federation.resolve import Resolver
from fedisora.models import Base
from fedisora.services import instance
from fedisora.settings import load_settings
from fedisora.store import actors
from fedisora.uris import Uris
from fedisora.vault import Vault
from tests.support.remote import AS2
from tests.support.world import World

T = TypeVar("T")
NOW = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
RSA, OTHER_RSA = generate_rsa(), generate_rsa()
ED, OTHER_ED = generate_ed25519(), generate_ed25519()
INBOX = "http://127.0.0.1:1/inbox"
SCHEMES: tuple[Scheme, ...] = ("cavage", "rfc9421")


class Here:
    """Our side: a database, and a cache whose clock the test moves."""

    def __init__(self, db: Database, world: World) -> None:
        self.db = db
        self.world = world
        self.now = 1000.0
        self.client = Client(db.instance.settings)
        fetcher = Fetcher(db, self.client)
        self.fetcher = fetcher
        self.resolver = Resolver(db, fetcher, self.client)
        self.keys = self.fresh()

    def fresh(self) -> KeyCache:
        """The cache of a process that has just started."""
        return KeyCache(self.db, self.fetcher, self.resolver, clock=lambda: self.now)

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        async def whole() -> T:
            await self.client.open()
            try:
                return await work()
            finally:
                await self.client.close()

        return asyncio.run(whole())

    def check(self, key: PrivateKey, key_id: str, scheme: Scheme = "cavage") -> Sender:
        return self.run(lambda: authenticate(self.keys, request(key, key_id, scheme), NOW))

    def forwarded(self, document: dict[str, Any], now: dt.datetime = NOW) -> str:
        return self.run(lambda: author_of_forwarded(self.keys, document, now))

    def asked(self, path: str) -> int:
        return self.world.requests.count(path)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    settings = load_settings(tmp_path, base_url="http://127.0.0.1:1", allow_private_network="127.0.0.0/8")
    db = Database(Instance(settings, Uris(settings.base_url), Vault.open(tmp_path)))
    Base.metadata.create_all(db.engine)
    db.write_now(instance.initialise)
    with World() as world:
        yield Here(db, world)
    db.close()


def request(key: PrivateKey, key_id: str, scheme: Scheme) -> Request:
    body = b'{"type": "Like"}'
    headers = sign_request(scheme, "POST", INBOX, body, key_id, key, NOW)
    return Request("POST", INBOX, {name.lower(): value for name, value in headers.items()}, body)


def actor(world: World, name: str, *, http: dict[str, PrivateKey] | None = None, proofs: dict[str, Any] | None = None,
          **more: Any) -> str:
    """An actor with these keys by fragment; its id."""
    uri = f"{world.base}/users/{name}"
    world.documents[f"/users/{name}"] = {
        "@context": AS2, "id": uri, "type": "Person", "preferredUsername": name, "inbox": f"{uri}/inbox",
        "publicKey": [{"id": f"{uri}#{fragment}", "owner": uri, "publicKeyPem": public_pem(key)}
                      for fragment, key in (http or {}).items()],
        "assertionMethod": [{"id": f"{uri}#{fragment}", "type": "Multikey", "controller": uri,
                             "publicKeyMultibase": ed25519_multibase(key.public_key())}
                            for fragment, key in (proofs or {}).items()], **more}
    return uri


# ---- what is no key of theirs
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_wrong_signature_is_refused_and_the_key_fetched_again_once(here: Here, scheme: Scheme) -> None:
    uri = actor(here.world, "ann", http={"main-key": RSA})
    assert here.check(RSA, f"{uri}#main-key", scheme).actor_uri == uri
    for number in range(1, 10):
        with pytest.raises(BadSignature):
            here.check(OTHER_RSA, f"{uri}#main-key", scheme)
        assert here.asked("/users/ann") == 1 + min(number, key_cache.REFRESHES)
    here.now += key_cache.WINDOW + 1
    with pytest.raises(BadSignature):
        here.check(OTHER_RSA, f"{uri}#main-key", scheme)
    assert here.asked("/users/ann") == 2 + key_cache.REFRESHES


@pytest.mark.parametrize("case", ["controller is somebody else", "id is somebody else's", "no Multikey", "another key type"])
def test_a_multikey_that_is_not_the_actors_own_is_no_key(here: Here, case: str) -> None:
    uri = actor(here.world, "ann", http={"main-key": RSA}, proofs={"ed": ED})
    multikey = here.world.documents["/users/ann"]["assertionMethod"][0]
    key_id = multikey["id"]
    if case == "controller is somebody else":
        multikey["controller"] = f"{here.world.base}/users/eve"
    elif case == "id is somebody else's":
        multikey["id"] = f"{here.world.base}/users/eve#ed"
    elif case == "no Multikey":
        multikey["type"] = "JsonWebKey"
    else:
        multikey["publicKeyMultibase"] = "zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"
    with pytest.raises(BadSignature):
        here.check(ED, key_id, "rfc9421")
    assert uri


def test_an_owner_that_does_not_name_the_key_back_is_no_owner(here: Here) -> None:
    victim = actor(here.world, "victim", http={"main-key": RSA})
    key_id = f"{here.world.base}/keys/1"
    here.world.documents["/keys/1"] = {"@context": AS2, "id": key_id, "type": "CryptographicKey", "owner": victim,
                                       "publicKeyPem": public_pem(OTHER_RSA)}
    with pytest.raises(BadSignature):
        here.check(OTHER_RSA, key_id)


def test_an_owner_on_another_server_is_no_owner(here: Here) -> None:
    with World() as elsewhere:
        victim = actor(elsewhere, "victim", http={"main-key": RSA})
        key_id = f"{here.world.base}/keys/1"
        elsewhere.documents["/users/victim"]["publicKey"] = key_id
        here.world.documents["/keys/1"] = {"@context": AS2, "id": key_id, "owner": victim, "publicKeyPem": public_pem(OTHER_RSA)}
        with pytest.raises(BadSignature, match="another server"):
            here.check(OTHER_RSA, key_id)
        assert elsewhere.requests == []


def test_the_key_of_a_document_is_kept_under_the_address_that_was_asked_for(here: Here) -> None:
    """Eve's document lists a key id of Ann's: neither then nor later is it Ann's key."""
    ann = actor(here.world, "ann", http={"main-key": RSA})
    eve = actor(here.world, "eve", http={"main-key": OTHER_RSA})
    here.world.documents["/users/eve"]["publicKey"].append(
        {"id": f"{ann}#main-key", "owner": eve, "publicKeyPem": public_pem(OTHER_RSA)})
    assert here.check(OTHER_RSA, f"{eve}#main-key").actor_uri == eve
    with pytest.raises(BadSignature):
        here.check(OTHER_RSA, f"{ann}#main-key")
    assert here.check(RSA, f"{ann}#main-key").actor_uri == ann


@pytest.mark.parametrize("key_id", ["http://127.0.0.1:1/users/ada#main-key", "acct:ann@here.example", "main-key"])
def test_our_own_and_unusable_key_ids_are_refused_without_asking_anybody(here: Here, key_id: str) -> None:
    with pytest.raises(BadSignature):
        here.check(RSA, key_id)
    assert here.world.requests == []


def test_a_key_fits_its_own_algorithm_only(here: Here) -> None:
    uri = actor(here.world, "ann", http={"main-key": RSA}, proofs={"ed": ED})
    for key, key_id in ((RSA, f"{uri}#ed"), (ED, f"{uri}#main-key")):
        for scheme in SCHEMES:
            with pytest.raises(BadSignature):
                here.check(key, key_id, scheme)


# ---- how often we ask
def test_an_unknown_key_is_asked_for_once_until_the_refusal_is_forgotten(here: Here) -> None:
    key_id = f"{here.world.base}/users/nobody#main-key"
    for _ in range(3):
        with pytest.raises(Gone):
            here.check(RSA, key_id)
    assert here.asked("/users/nobody") == 1
    here.now += key_cache.GONE_SECONDS + 1
    uri = actor(here.world, "nobody", http={"main-key": RSA})
    assert here.check(RSA, key_id).actor_uri == uri


def test_made_up_fragments_do_not_make_us_ask_without_end(here: Here) -> None:
    uri = actor(here.world, "ann", http={"main-key": RSA})
    for number in range(20):
        with pytest.raises(FedisoraError) as caught:
            here.check(RSA, f"{uri}#made-up-{number}")
        assert isinstance(caught.value, BadSignature if number < key_cache.DOCUMENT_FETCHES else RemoteUnavailable)
    assert here.asked("/users/ann") == key_cache.DOCUMENT_FETCHES


def test_made_up_accounts_do_not_make_us_ask_a_server_without_end(here: Here) -> None:
    for number in range(key_cache.HOST_REFUSALS + 10):
        with pytest.raises(FedisoraError):
            here.check(RSA, f"{here.world.base}/users/ghost{number}#main-key")
    assert len(here.world.requests) == key_cache.HOST_REFUSALS
    uri = actor(here.world, "ann", http={"main-key": RSA})
    here.now += key_cache.WINDOW + 1
    assert here.check(RSA, f"{uri}#main-key").actor_uri == uri


def test_many_requests_with_one_unknown_key_cause_one_fetch(here: Here) -> None:
    uri = actor(here.world, "ann", http={"main-key": RSA})

    async def burst() -> list[Sender]:
        return await asyncio.gather(*(authenticate(here.keys, request(RSA, f"{uri}#main-key", "cavage"), NOW)
                                      for _ in range(20)))

    assert {sender.actor_uri for sender in here.run(burst)} == {uri}
    assert here.asked("/users/ann") == 1


# ---- what counts
@pytest.mark.parametrize("scheme", SCHEMES)
def test_rsa_and_ed25519_of_one_actor(here: Here, scheme: Scheme) -> None:
    uri = actor(here.world, "ann", http={"main-key": RSA, "second": OTHER_RSA, "third": OTHER_ED}, proofs={"ed25519": ED})
    for key, fragment in ((RSA, "main-key"), (OTHER_RSA, "second"), (OTHER_ED, "third"), (ED, "ed25519")):
        assert here.check(key, f"{uri}#{fragment}", scheme) == Sender(uri, f"{uri}#{fragment}")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_actor_whose_only_key_is_ed25519(here: Here, scheme: Scheme) -> None:
    uri = actor(here.world, "ann", http={"main-key": ED})
    assert here.check(ED, f"{uri}#main-key", scheme).actor_uri == uri
    here.keys = here.fresh()
    assert here.check(ED, f"{uri}#main-key", scheme).actor_uri == uri
    assert here.asked("/users/ann") == 1


def test_stored_keys_are_not_fetched_by_the_next_process(here: Here) -> None:
    uri = actor(here.world, "ann", http={"main-key": RSA}, proofs={"ed25519": ED})
    here.check(RSA, f"{uri}#main-key")
    here.keys = here.fresh()
    assert here.check(RSA, f"{uri}#main-key").actor_uri == uri
    assert here.check(ED, f"{uri}#ed25519", "rfc9421").actor_uri == uri
    assert here.asked("/users/ann") == 1


def test_a_key_with_a_document_of_its_own_whose_owner_names_it_back(here: Here) -> None:
    uri = actor(here.world, "ann")
    key_id = f"{uri}/main-key"
    here.world.documents["/users/ann"]["publicKey"] = key_id
    here.world.documents["/users/ann/main-key"] = {"@context": AS2, "id": key_id, "type": "CryptographicKey", "owner": uri,
                                                   "publicKeyPem": public_pem(RSA)}
    assert here.check(RSA, key_id).actor_uri == uri


# ---- rotation (peers.md, "What broke" 3)
def test_a_replaced_key_is_found_once_and_the_old_one_ends(here: Here) -> None:
    uri = actor(here.world, "ann", http={"main-key": RSA})
    here.check(RSA, f"{uri}#main-key")
    actor(here.world, "ann", http={"main-key": OTHER_RSA})
    assert here.check(OTHER_RSA, f"{uri}#main-key").actor_uri == uri
    with pytest.raises(BadSignature):
        here.check(RSA, f"{uri}#main-key")
    assert here.asked("/users/ann") == 3


def test_a_new_key_under_a_new_id_of_a_known_actor(here: Here) -> None:
    uri = actor(here.world, "ann", http={"main-key": RSA})
    here.check(RSA, f"{uri}#main-key")
    actor(here.world, "ann", http={"key-2": OTHER_RSA})
    assert here.check(OTHER_RSA, f"{uri}#key-2").actor_uri == uri
    here.now += key_cache.MEMORY_SECONDS + 1
    with pytest.raises(BadSignature):
        here.check(RSA, f"{uri}#main-key")


def test_requests_that_fail_together_after_a_rotation_all_find_the_new_key(here: Here) -> None:
    uri = actor(here.world, "ann", http={"main-key": RSA})
    here.check(RSA, f"{uri}#main-key")
    actor(here.world, "ann", http={"main-key": OTHER_RSA})

    async def burst() -> list[Sender]:
        return await asyncio.gather(*(authenticate(here.keys, request(OTHER_RSA, f"{uri}#main-key", "cavage"), NOW)
                                      for _ in range(10)))

    assert len(here.run(burst)) == 10
    assert here.asked("/users/ann") == 2


# ---- forwarded activities (FEP-8b32)
def forwarded(uri: str, key: Any = ED, method: str = "", created: dt.datetime = NOW, **more: Any) -> dict[str, Any]:
    activity = {"@context": [AS2, "https://w3id.org/security/data-integrity/v2"], "id": f"{uri}#create", "type": "Create",
                "actor": uri, "object": {"id": f"{uri}/notes/1", "type": "Note", "content": "hello", "attributedTo": uri}, **more}
    return sign_document(activity, key, method or f"{uri}#ed25519", created)


@pytest.mark.parametrize("case", ["no proof", "changed", "another key", "another actor's key", "an HTTP key", "old", "future",
                                  "undated", "another actor"])
def test_a_forwarded_activity_without_a_proof_of_its_own_actor_does_not_count(here: Here, case: str) -> None:
    uri = actor(here.world, "ann", http={"main-key": RSA, "http-ed": OTHER_ED}, proofs={"ed25519": ED})
    eve = actor(here.world, "eve", proofs={"ed25519": OTHER_ED})
    document = forwarded(uri)
    if case == "no proof":
        document.pop("proof")
    elif case == "changed":
        document["object"]["content"] = "HELLO"
    elif case == "another key":
        document = forwarded(uri, OTHER_ED)
    elif case == "another actor's key":
        document = forwarded(uri, OTHER_ED, f"{eve}#ed25519")
    elif case == "an HTTP key":
        document = forwarded(uri, OTHER_ED, f"{uri}#http-ed")
    elif case == "old":
        document = forwarded(uri, created=NOW - dt.timedelta(days=8))
    elif case == "future":
        document = forwarded(uri, created=NOW + dt.timedelta(hours=2))
    elif case == "undated":
        document["proof"].pop("created")
    else:
        document["actor"] = eve
    with pytest.raises(BadSignature):
        here.forwarded(document)


def test_a_forwarded_activity_with_a_proof_of_its_own_actor_counts(here: Here) -> None:
    uri = actor(here.world, "ann", http={"main-key": RSA}, proofs={"ed25519": ED})
    assert here.forwarded(forwarded(uri)) == uri
    assert here.db.read_now(lambda session: actors.by_uri(session, uri)) is not None
    assert here.forwarded(forwarded(uri), NOW + dt.timedelta(days=6)) == uri
    assert here.asked("/users/ann") == 1


def test_one_of_several_proofs_is_enough(here: Here) -> None:
    uri = actor(here.world, "ann", proofs={"ed25519": ED})
    document = forwarded(uri)
    document["proof"] = [{"type": "DataIntegrityProof", "cryptosuite": "ecdsa-jcs-2019", "proofValue": "z1"}, document["proof"]]
    assert here.forwarded(document) == uri


def test_a_proof_by_a_replaced_key(here: Here) -> None:
    uri = actor(here.world, "ann", proofs={"ed25519": ED})
    here.forwarded(forwarded(uri))
    actor(here.world, "ann", proofs={"ed25519": OTHER_ED})
    assert here.forwarded(forwarded(uri, OTHER_ED)) == uri
    with pytest.raises(BadSignature):
        here.forwarded(forwarded(uri))


# ---- how we sign what we fetch (peers.md, "What broke" 2 and "How real peers behave" 4)
def test_fetches_are_signed_the_old_way_first_and_what_a_host_takes_is_remembered(here: Here) -> None:
    uris = [actor(here.world, name, http={"main-key": RSA}) for name in ("a", "b", "c", "d")]

    def schemes() -> list[str]:
        found = [scheme for _, scheme in here.world.fetches]
        here.world.fetches.clear()
        return found

    here.check(RSA, f"{uris[0]}#main-key")
    assert schemes() == ["cavage"]
    here.world.refuse_get = frozenset({"none", "cavage"})
    here.check(RSA, f"{uris[1]}#main-key")
    assert schemes() == ["cavage", "rfc9421"]
    here.check(RSA, f"{uris[2]}#main-key")
    assert schemes() == ["rfc9421"]
    here.world.refuse_get = frozenset({"none", "rfc9421"})  # it went back
    here.check(RSA, f"{uris[3]}#main-key")
    assert schemes() == ["rfc9421", "cavage"]


# ---- hostile documents
def test_hostile_key_lists_are_read_in_part() -> None:
    uri = "https://remote.example/users/a"
    many = [{"id": f"{uri}#{number}", "owner": uri, "publicKeyPem": public_pem(RSA)} for number in range(500)]
    assert len(keys_of({"id": uri, "publicKey": many, "assertionMethod": [None, 1, "x", {}, []]})) == 10
    assert keys_of({"publicKey": many}) == {} == keys_of({"id": uri, "publicKey": [{"id": 1}, "x", None]})
