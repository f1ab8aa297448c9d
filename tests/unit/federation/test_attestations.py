"""A remote account is a verified human by what its issuer's own server says, about exactly this account, and not taken back.

Every look goes over real HTTP to made-up servers. What is refused comes first. (vocabulary §3)
"""
from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedisora.activitypub.multibase import ed25519_multibase
from fedisora.federation.attestations import Attestations
from fedisora.models import Actor, Attestation, RemoteStatusList
from fedisora.provenance.humanity import CLAIMED, EXPIRED, NONE, OWN, REVOKED, TRUSTED, holds
from fedisora.provenance.record import timestamp
from fedisora.services import domains, verifiers
from fedisora.store import actors, attestations
from tests.support.remote import RemoteActor
from tests.support.vouching import Server

from .conftest import Place


@pytest.fixture
def database_url() -> str:
    """One database is enough: what is looked at here is what others say. `tests/unit/store/test_attestations.py` has both."""
    return ""


HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


class Stage:
    """A person's server, another server that vouches, and our instance that looks."""

    def __init__(self, place: Place, home: Server, other: Server) -> None:
        self.place, self.home, self.other = place, home, other
        self.late = dt.timedelta()
        place.db.clock = lambda: dt.datetime.now(dt.UTC) + self.late

    def person(self, *attestation: str, name: str = "una", **more: Any) -> RemoteActor:
        return self.home.person(name, *attestation, **more)

    def vouched(self, **more: Any) -> str:
        """Una names a credential of her own server; its address."""
        url = self.home.credential(f"{self.home.base}/users/una", **more)
        self.person(url)
        return url

    def look(self, name: str = "una", *, due: bool = False) -> Actor:
        """Fetch the actor's document and look at its credentials, as the jobs do."""
        uri = f"{self.home.base}/users/{name}"

        async def run(tools: Any) -> None:
            actor = await tools.resolver.actor(uri, refresh=True)
            await Attestations(self.place.db, tools.fetcher, tools.resolver).check(actor.id, due=due)

        self.place.go(run)
        return self.place.actor(uri)

    def again(self, name: str = "una") -> Actor:
        """Only the look whose time has come."""
        actor = self.place.actor(f"{self.home.base}/users/{name}")
        self.place.go(lambda tools: Attestations(self.place.db, tools.fetcher, tools.resolver).check(actor.id, due=True))
        return self.place.actor(actor.uri)

    def row(self, name: str = "una") -> Attestation:
        found = self.place.db.read_now(lambda session: session.get(Attestation, self.place.actor(
            f"{self.home.base}/users/{name}").id))
        assert found is not None
        return found

    def trust(self, host: str) -> None:
        self.place.db.write_now(lambda uow: verifiers.add(uow, host))

    @property
    def now(self) -> dt.datetime:
        return self.place.db.clock()


@pytest.fixture
def stage(place: Place) -> Iterator[Stage]:
    with Server() as home, Server("127.0.0.2") as other:
        yield Stage(place, home, other)


# ---- what does not count
def _wrong_key(stage: Stage) -> None:
    stage.vouched(key=Ed25519PrivateKey.generate())


def _another_issuers_key(stage: Stage) -> None:
    stage.vouched(key=stage.other.key, method=f"{stage.other.issuer}#proof")


def _signed_by_a_person(stage: Stage) -> None:
    key = Ed25519PrivateKey.generate()
    mallory = stage.home.person("mallory")
    stage.home.documents["/users/mallory"]["assertionMethod"] = [
        {"id": f"{mallory.uri}#proof", "type": "Multikey", "controller": mallory.uri,
         "publicKeyMultibase": ed25519_multibase(key.public_key())}]
    stage.vouched(changes={"issuer": mallory.uri}, key=key, method=f"{mallory.uri}#proof")


def _changed(stage: Stage) -> None:
    stage.vouched()
    stage.home.documents["/credentials/1"]["credentialSubject"]["assuranceMethod"] = "fs:OIDC"


def _unsigned(stage: Stage) -> None:
    stage.vouched()
    del stage.home.documents["/credentials/1"]["proof"]


def _signed_tomorrow(stage: Stage) -> None:
    stage.vouched(at=stage.now + DAY)


def _about_somebody_else(stage: Stage) -> None:
    stage.person(stage.home.credential(f"{stage.home.base}/users/somebody"))


def _another_servers_subject(stage: Stage) -> None:
    stage.person(stage.other.credential(f"{stage.other.base}/users/una"))


def _about_the_issuer(stage: Stage) -> None:
    stage.vouched(changes={"credentialSubject": {"id": stage.home.issuer, "assuranceMethod": "fs:Vouched"}})


def _another_address(stage: Stage) -> None:
    stage.vouched()
    stage.home.documents["/copy"] = stage.home.documents["/credentials/1"]
    stage.home.kinds["/copy"] = "application/vc"
    stage.person(f"{stage.home.base}/copy")


def _foreign_issuer_named(stage: Stage) -> None:
    stage.vouched(changes={"issuer": stage.other.issuer}, key=stage.other.key, method=f"{stage.other.issuer}#proof")


def _not_yet_valid(stage: Stage) -> None:
    stage.vouched(start=stage.now + 3 * HOUR)


def _too_long(stage: Stage) -> None:
    stage.vouched(changes={"validUntil": timestamp(stage.now + 400 * DAY)})


def _no_status(stage: Stage) -> None:
    stage.vouched(changes={"credentialStatus": None})


def _list_elsewhere(stage: Stage) -> None:
    url = stage.other.status_list()
    stage.vouched(changes={"credentialStatus": {
        "id": f"{url}#5", "type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListIndex": "5",
        "statusListCredential": url}})


def _list_for_suspension(stage: Stage) -> None:
    stage.vouched()
    stage.home.status_list(about={"statusPurpose": "suspension"})


def _stale_list(stage: Stage) -> None:
    stage.vouched()
    stage.home.status_list(days=-0.5)


def _list_of_another_issuer(stage: Stage) -> None:
    stage.vouched()
    stage.home.status_list(changes={"issuer": stage.other.issuer}, key=stage.other.key, method=f"{stage.other.issuer}#proof")


def _list_wrongly_signed(stage: Stage) -> None:
    stage.vouched()
    stage.home.status_list(key=Ed25519PrivateKey.generate())


def _list_is_no_list(stage: Stage) -> None:
    stage.vouched()
    stage.home.status_list(changes={"type": ["VerifiableCredential"]})


def _short_list(stage: Stage) -> None:
    stage.vouched()
    stage.home.status_list(about={"encodedList": "uH4sIAAAAAAAAA2NgAAACAAEAEgAAAA"})


def _huge_list(stage: Stage) -> None:
    stage.vouched()
    stage.home.bodies["/lists/1"] = b"{" + b" " * (70 << 10) + b"}"


def _no_list(stage: Stage) -> None:
    stage.vouched()
    stage.home.statuses["/lists/1"] = 404


def _huge(stage: Stage) -> None:
    stage.vouched()
    stage.home.bodies["/credentials/1"] = b"{" + b" " * (40 << 10) + b"}"


def _a_page(stage: Stage) -> None:
    stage.vouched()
    stage.home.kinds["/credentials/1"] = "text/html"


def _not_json(stage: Stage) -> None:
    stage.vouched()
    stage.home.bodies["/credentials/1"] = b"hello"


def _gone(stage: Stage) -> None:
    stage.vouched()
    stage.home.statuses["/credentials/1"] = 410


def _missing(stage: Stage) -> None:
    stage.vouched()
    stage.home.statuses["/credentials/1"] = 404


def _unreachable(stage: Stage) -> None:
    stage.vouched()
    stage.home.statuses["/credentials/1"] = 503


def _elsewhere_by_redirect(stage: Stage) -> None:
    url = stage.vouched()
    stage.other.documents["/credentials/1"] = stage.home.documents["/credentials/1"]
    stage.other.kinds["/credentials/1"] = "application/vc"
    stage.home.moved["/credentials/1"] = f"{stage.other.base}/credentials/1"
    assert url


def _forbidden_address(stage: Stage) -> None:
    stage.person("http://10.0.0.1/credentials/1")


def _on_our_own_server(stage: Stage) -> None:
    stage.person(f"{stage.place.db.instance.uris.base}/credentials/1")


def _a_service(stage: Stage) -> None:
    stage.vouched()
    stage.home.documents["/users/una"] |= {"type": "Service", "actorKind": "fs:AIAgent"}


def _a_service_that_says_nothing(stage: Stage) -> None:
    stage.vouched()
    stage.home.documents["/users/una"] |= {"type": "Service"}
    del stage.home.documents["/users/una"]["actorKind"]


def _a_contradiction(stage: Stage) -> None:
    stage.vouched()
    stage.home.documents["/users/una"] |= {"type": "Service", "actorKind": "fs:Human"}


def _a_group(stage: Stage) -> None:
    stage.vouched()
    stage.home.documents["/users/una"] |= {"type": "Group"}


def _blocked_issuer(stage: Stage) -> None:
    stage.person(stage.other.credential(f"{stage.home.base}/users/una"))
    stage.place.db.write_now(lambda uow: domains.set_rule(uow, "127.0.0.2", "block"))


WRONG = [_wrong_key, _another_issuers_key, _signed_by_a_person, _changed, _unsigned, _signed_tomorrow, _about_somebody_else,
         _another_servers_subject, _about_the_issuer, _another_address, _foreign_issuer_named, _not_yet_valid, _too_long,
         _no_status, _list_elsewhere, _list_for_suspension, _stale_list, _list_of_another_issuer, _list_wrongly_signed,
         _list_is_no_list, _short_list, _huge_list, _no_list, _huge, _a_page, _not_json, _gone, _missing, _unreachable,
         _elsewhere_by_redirect, _forbidden_address, _on_our_own_server, _a_service, _a_service_that_says_nothing,
         _a_contradiction, _a_group]


def test_every_wrong_credential_counts_for_nothing(stage: Stage, subtests: pytest.Subtests) -> None:
    for number, wrong in enumerate(WRONG):
        with subtests.test(wrong.__name__.strip("_")):
            for server in (stage.home, stage.other):
                for path in [path for path in server.documents if path != "/users/instance"]:
                    del server.documents[path]
                for found in (server.kinds, server.statuses, server.bodies, server.moved):
                    found.clear()
                server.numbers = iter(range(1, 50))  # type: ignore[assignment]
            _fresh_start(stage)
            wrong(stage)
            actor = stage.look()
            assert actor.human == NONE, number
            assert not holds(actor.human, actor.human_until, stage.now)
            assert (actor.human_issuer, actor.human_method, actor.human_until) == (None, None, None)
            assert stage.row().reason


def _fresh_start(stage: Stage) -> None:
    def forget(uow: Any) -> None:
        for table in (Attestation, RemoteStatusList):
            uow.session.query(table).delete()
        una = actors.by_uri(uow.session, f"{stage.home.base}/users/una")
        if una is not None:
            una.human = None

    stage.place.db.write_now(forget)


def test_an_issuer_on_a_blocked_domain_counts_for_nothing(stage: Stage) -> None:
    from fedisora.federation.client import Client
    from fedisora.federation.fetch import Fetcher
    from fedisora.federation.resolve import Resolver
    from fedisora.store.domains import DomainPolicy

    _blocked_issuer(stage)
    actor = stage.place.go(lambda tools: tools.resolver.actor(f"{stage.home.base}/users/una"))

    async def run(_: Any) -> None:
        client = Client(stage.place.db.instance.settings, DomainPolicy(stage.place.db))
        await client.open()
        try:
            fetcher = Fetcher(stage.place.db, client)
            await Attestations(stage.place.db, fetcher, Resolver(stage.place.db, fetcher, client)).check(actor.id)
        finally:
            await client.close()

    stage.place.go(run)
    assert stage.place.actor(actor.uri).human == NONE
    assert not stage.other.requests


# ---- what counts
@pytest.mark.parametrize("kind", ["application/vc", "application/vc+ld+json", "application/ld+json", "application/json"])
def test_the_word_of_its_own_server_counts(stage: Stage, kind: str) -> None:
    url = stage.vouched()
    stage.home.kinds["/credentials/1"] = kind
    actor = stage.look()
    assert (actor.human, actor.human_issuer, actor.human_method) == (OWN, stage.home.host, "fs:LiveClipReviewed")
    assert holds(actor.human, actor.human_until, stage.now)
    assert actor.human_until is not None
    assert abs(actor.human_until - stage.now - 89 * DAY) < HOUR
    row = stage.row()
    assert (row.url, row.list_index, row.reason) == (url, 5, "")
    assert row.recheck_at is not None
    assert 0.8 * DAY < row.recheck_at - stage.now < 1.2 * DAY


def test_another_servers_word_counts_when_it_is_trusted_and_is_weighed_again_without_asking(stage: Stage) -> None:
    stage.person(stage.other.credential(f"{stage.home.base}/users/una"))
    assert stage.look().human == CLAIMED
    asked = len(stage.other.requests)
    stage.trust(stage.other.host)
    actor = stage.place.actor(f"{stage.home.base}/users/una")
    assert (actor.human, actor.human_issuer) == (TRUSTED, stage.other.host)
    stage.place.db.write_now(lambda uow: verifiers.remove(uow, stage.other.base))
    assert stage.place.actor(actor.uri).human == CLAIMED
    assert len(stage.other.requests) == asked
    stage.trust(stage.other.host)
    stage.late = 2 * HOUR
    assert stage.look(due=True).human == TRUSTED


def test_the_best_of_several_counts(stage: Stage) -> None:
    una = f"{stage.home.base}/users/una"
    bad = stage.home.credential(una, key=Ed25519PrivateKey.generate())
    foreign, own = stage.other.credential(una), stage.home.credential(una)
    stage.person(foreign, bad, own)
    actor = stage.look()
    assert actor.human == OWN
    assert actor.attestation[0] == own
    assert stage.look().attestation[0] == own  # the document's own order does not undo it


def test_a_former_key_vouches_for_what_it_signed(stage: Stage) -> None:
    stage.vouched(at=stage.now - HOUR)
    old = {**stage.home.documents["/users/instance"]["assertionMethod"][0], "id": f"{stage.home.issuer}#old"}
    document = stage.home.documents["/credentials/1"]
    stage.home.documents["/credentials/1"] = stage.home.sign(document, method=old["id"], at=stage.now - HOUR)
    stage.home.key = Ed25519PrivateKey.generate()
    stage.home.publish_key({**old, "expires": timestamp(stage.now - HOUR / 2)})
    stage.home.status_list()
    assert stage.look().human == OWN
    stage.home.publish_key({**old, "revoked": timestamp(stage.now - HOUR / 2)})
    stage.late = 25 * HOUR
    assert stage.look(due=True).human == NONE


# ---- what ends it
def test_a_set_bit_is_seen_at_the_next_look(stage: Stage) -> None:
    stage.vouched()
    assert stage.look().human == OWN
    stage.home.status_list({4, 6})
    stage.late = DAY + HOUR
    assert stage.look(due=True).human == OWN
    stage.home.status_list({5})
    stage.late = 2 * DAY + 2 * HOUR
    actor = stage.again()
    assert (actor.human, actor.human_issuer) == (REVOKED, stage.home.host)
    assert "taken back" in stage.row().reason


def test_what_has_run_out_is_expired_whoever_answers(stage: Stage) -> None:
    stage.vouched(start=stage.now - DAY, days=3)
    assert stage.look().human == OWN
    stage.late = 3 * DAY
    known = stage.place.actor(f"{stage.home.base}/users/una")
    assert not holds(known.human, known.human_until, stage.now)
    actor = stage.again()
    assert (actor.human, actor.human_issuer) == (EXPIRED, stage.home.host)


def test_who_names_it_no_more_is_none_at_once_and_revoked_when_its_server_says_so(stage: Stage) -> None:
    stage.vouched()
    una = stage.look().uri
    stage.person()
    actor = stage.place.go(lambda tools: tools.resolver.actor(una, refresh=True))
    assert actor.human == NONE
    assert stage.place.jobs("check_attestation")
    stage.home.gone.add("/credentials/1")
    assert stage.look().human == REVOKED
    stage.late = 100 * DAY
    assert stage.again().human is None


def test_who_only_does_not_name_it_any_more_is_nothing(stage: Stage) -> None:
    stage.vouched()
    stage.look()
    stage.person()
    assert stage.look().human is None


def test_an_account_that_becomes_an_agent_is_no_human_at_once(stage: Stage) -> None:
    stage.vouched()
    una = stage.look().uri
    stage.home.documents["/users/una"] |= {"type": "Service", "actorKind": "fs:AIAgent"}
    assert stage.place.go(lambda tools: tools.resolver.actor(una, refresh=True)).human == NONE


# ---- silence
def test_a_silent_server_changes_nothing_until_what_is_known_ends(stage: Stage) -> None:
    stage.vouched()
    stage.look()
    stage.home.silent = True
    pauses = []
    stage.late = DAY
    for _ in range(3):
        assert stage.again().human == OWN
        recheck = stage.row().recheck_at
        assert recheck is not None
        pauses.append(recheck - stage.now)
    assert 0.8 * HOUR < pauses[0] < 1.2 * HOUR
    assert pauses[0] * 1.5 < pauses[1] < pauses[2]
    stage.late = 7 * DAY + HOUR  # the status list has run out: nobody can say that nothing was taken back
    assert stage.again().human == NONE
    stage.home.silent = False
    stage.home.status_list()
    stage.late = 8 * DAY + 2 * HOUR
    with_new_list = stage.home.status_list(days=12)
    assert with_new_list
    assert stage.again().human == OWN


def test_a_silent_list_is_believed_until_it_runs_out(stage: Stage) -> None:
    stage.vouched()
    stage.look()
    stage.home.statuses["/lists/1"] = 503
    stage.late = 2 * DAY
    assert stage.again().human == OWN
    stage.late = 7 * DAY + HOUR
    assert stage.again().human == NONE


# ---- how often
def test_news_that_names_the_same_is_not_looked_at_again_within_the_hour(stage: Stage) -> None:
    stage.vouched()
    for _ in range(5):
        stage.look()
    assert stage.home.asked("/credentials/1") == 1
    assert stage.home.asked("/lists/1") == 1
    stage.late = 2 * HOUR
    stage.look()
    assert stage.home.asked("/credentials/1") == 2
    assert stage.home.asked("/lists/1") == 1


def test_an_actor_that_names_others_all_the_time_has_four_fetched_a_day(stage: Stage) -> None:
    asked: Callable[[], int] = lambda: sum("/nowhere/" in path for path in stage.other.requests)  # noqa: E731
    for number in range(6):
        stage.person(*(f"{stage.other.base}/nowhere/{number}/{item}" for item in range(8)))
        assert stage.look().human in (None, NONE)
    assert asked() == attestations.MOST_FETCHES
    stage.late = DAY + HOUR
    stage.look()
    assert asked() == 2 * attestations.MOST_FETCHES


def test_many_actors_cannot_have_us_ask_one_host_all_the_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedisora.federation.attestations.FOREIGN_PER_HOUR", 3)
    for number in range(6):
        stage.person(f"{stage.other.base}/nowhere/{number}", name=f"sock{number}")

    async def run(tools: Any) -> None:
        looker = Attestations(stage.place.db, tools.fetcher, tools.resolver)
        for number in range(6):
            actor = await tools.resolver.actor(f"{stage.home.base}/users/sock{number}")
            await looker.check(actor.id)

    stage.place.go(run)
    assert sum("/nowhere/" in path for path in stage.other.requests) == 3


def test_looks_that_are_due_are_planned_and_bounded(stage: Stage) -> None:
    stage.vouched()
    stage.look()
    assert stage.place.db.write_now(lambda uow: attestations.plan_due(uow, 10, HOUR)) == 0
    assert not [job for job in stage.place.jobs("check_attestation") if job.get("due")]
    stage.late = 2 * DAY
    assert stage.place.db.write_now(lambda uow: attestations.plan_due(uow, 10, HOUR)) == 1
    assert [job for job in stage.place.jobs("check_attestation") if job.get("due")]
