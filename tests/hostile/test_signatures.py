"""draft-cavage and RFC 9421 signatures with one thing wrong, at a running door (areas http-signature, rfc9421)."""
from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from fedisora.activitypub.multibase import ed25519_multibase
from tests.hostile.scene import Peer, Scene
from tests.hostile.signing import USUAL, Cavage, Headers, Rfc9421, sha256
from tests.support.instances import unique
from tests.support.remote import RemoteActor

NOW = int(time.time())
HOUR = 3600


def bad(case: str, scheme: Cavage | Rfc9421, *statuses: int) -> Any:
    return pytest.param(scheme, statuses or (401,), marks=pytest.mark.bad_input(case), id=case)


def without(name: str) -> tuple[str, ...]:
    return tuple(item for item in USUAL if item != name)


def activity_of(scene: Scene, world: Peer) -> tuple[RemoteActor, dict[str, Any], bytes]:
    sender = world.actor(unique("sender"))
    activity = sender.activity("Follow", scene.local.actor)
    return sender, activity, json.dumps(activity).encode()


SIGNED_OTHERWISE = ("(request-target)", "host", "(created)", "(expires)", "digest")


@pytest.mark.parametrize(("scheme", "statuses"), [
    bad("BI-005", Cavage(covered=without("digest"), digest=None)),
    bad("BI-006", Cavage(covered=without("digest"))),
    bad("BI-008", Cavage(digest=f"SHA-512={'A' * 86}=="), 400, 401),
    bad("BI-010", Cavage(digest="SHA-256=%%%%"), 400, 401),
    bad("BI-011", Cavage(digest="SHA-256=2jmj7l5rSw0yVb/vlWAYkK/YBwk="), 400, 401),
    bad("BI-014", Cavage(method="get")),
    bad("BI-015", Cavage(target="/inbox?page=1")),
    bad("BI-016", Cavage(signed_host="evil-target.example")),
    bad("BI-017", Cavage(covered=without("host"))),
    bad("BI-018", Cavage(covered=without("date"))),
    bad("BI-019", Cavage(age=13 * HOUR)),
    bad("BI-020", Cavage(age=-2 * HOUR)),
    bad("BI-021", Cavage(date="wrong date"), 400, 401),
    bad("BI-022", Cavage(covered=SIGNED_OTHERWISE, algorithm="hs2019", created=NOW - 6 * HOUR, expires=NOW - 5 * HOUR)),
    bad("BI-023", Cavage(covered=SIGNED_OTHERWISE, algorithm="hs2019", created=NOW - 14 * HOUR, expires=NOW + 720 * HOUR)),
    bad("BI-024", Cavage(covered=("(request-target)", "host", "(created)", "digest"), created=NOW), 400, 401),
    bad("BI-025", Cavage(algorithm="hmac-sha256")),
    bad("BI-026", Cavage(covered=(*USUAL, "x-evil"), absent=("x-evil",)), 400, 401),
    bad("BI-027", Cavage(covered=()), 400, 401),
])
def test_cavage(scheme: Cavage, statuses: tuple[int, ...], scene: Scene, world: Peer) -> None:
    sender, _, body = activity_of(scene, world)
    with scene.nothing_changes():
        assert scene.post(scene.inbox, body, scheme.headers(sender, scene.inbox, body)) in statuses


@pytest.mark.bad_input("BI-001")
def test_unsigned(scene: Scene, world: Peer) -> None:
    _, _, body = activity_of(scene, world)
    with scene.nothing_changes():
        assert scene.post(scene.inbox, body, [("Content-Type", "application/activity+json")]) == 401


def change(name: str, value: str | Callable[[str], str], headers: Headers) -> Headers:
    return [(key, (value(old) if callable(value) else value) if key == name else old) for key, old in headers]


CHANGED = ("BI-002", "BI-003", "BI-004", "BI-007", "BI-009", "BI-013", "BI-028")


@pytest.mark.parametrize("case", [pytest.param(case, marks=pytest.mark.bad_input(case)) for case in CHANGED])
def test_changed_after_signing(case: str, scene: Scene, world: Peer) -> None:
    sender, _, body = activity_of(scene, world)
    attacker = world.actor(unique("attacker"), key=1)
    url = scene.inbox
    headers = Cavage().headers(sender, url, body)
    statuses = {400, 401}
    if case == "BI-002":
        headers = change("Signature", "", headers)
    elif case == "BI-003":
        headers = Cavage(parameters=f'keyId="{attacker.key_id}",').headers(sender, url, body)
    elif case == "BI-004":
        headers = [*change("Signature", lambda old: old.replace('signature="', 'signature="AAAA'), headers),
                   Cavage().headers(attacker, url, body)[-2]]
        assert [name for name, _ in headers].count("Signature") == 2
    elif case == "BI-007":
        body, statuses = body.replace(b"Follow", b"Fellow"), {401}
    elif case == "BI-009":
        headers = Cavage(digest=f"SHA-256={sha256(body)},SHA-256={sha256(b'other')}").headers(sender, url, body)
    elif case == "BI-013":
        headers, statuses = Cavage(target="/users/somebody/inbox").headers(sender, url, body), {401}
        url = f"{scene.local.actor}/inbox"
    elif case == "BI-028":
        headers, statuses = Cavage(key_id=sender.uri + "#" + "k" * 60_000).headers(sender, url, body), {400, 401, 431}
    before = len(world.requests)
    with scene.nothing_changes():
        assert scene.post(url, body, headers) in statuses
    if case in ("BI-003", "BI-028"):
        assert len(world.requests) == before, "no key is fetched"


@pytest.mark.bad_input("BI-012")
def test_a_digest_name_in_lower_case_is_right(scene: Scene, world: Peer) -> None:
    sender, activity, body = activity_of(scene, world)
    headers = Cavage(digest=f"sha-256={sha256(body)}").headers(sender, scene.inbox, body)
    assert scene.post(scene.inbox, body, headers) == 202
    scene.settle()
    assert scene.outcome(activity)[0] == "done"


@pytest.mark.bad_input("BI-029")
def test_hs2019_with_its_times_is_right(scene: Scene, world: Peer) -> None:
    sender, activity, body = activity_of(scene, world)
    scheme = Cavage(covered=SIGNED_OTHERWISE, algorithm="hs2019", created=int(time.time()), expires=int(time.time()) + 300)
    assert scene.post(scene.inbox, body, scheme.headers(sender, scene.inbox, body)) == 202
    scene.settle()
    assert scene.outcome(activity)[0] == "done"


@pytest.mark.bad_input("BI-030")
def test_an_acct_as_key_id_is_an_answer_not_a_crash(scene: Scene, world: Peer) -> None:
    sender, _, body = activity_of(scene, world)
    scheme = Cavage(key_id=f"acct:{sender.name}@{world.host}")
    assert scene.post(scene.inbox, body, scheme.headers(sender, scene.inbox, body)) in (202, 401)


# ---- RFC 9421
@pytest.mark.parametrize(("scheme", "statuses"), [
    bad("BI-031", Rfc9421(covered=("@method", "content-digest"))),
    bad("BI-032", Rfc9421(covered=("@method", "@target-uri"))),
    bad("BI-033", Rfc9421(created=False)),
    bad("BI-035", Rfc9421(signature_label="sig2"), 400, 401),
    bad("BI-037", Rfc9421(covered=("@method", "@method", "@target-uri", "content-digest")), 400, 401),
    bad("BI-039", Rfc9421(algorithm="hmac-sha256")),
])
def test_rfc9421(scheme: Rfc9421, statuses: tuple[int, ...], scene: Scene, world: Peer) -> None:
    sender, _, body = activity_of(scene, world)
    with scene.nothing_changes():
        assert scene.post(scene.inbox, body, scheme.headers(sender, scene.inbox, body)) in statuses


def test_rfc9421_as_it_should_be(scene: Scene, world: Peer) -> None:
    """The positive control of the cases above."""
    sender, activity, body = activity_of(scene, world)
    assert scene.post(scene.inbox, body, Rfc9421().headers(sender, scene.inbox, body)) == 202
    scene.settle()
    assert scene.outcome(activity)[0] == "done"


@pytest.mark.bad_input("BI-034")
def test_a_content_digest_that_is_no_dictionary(scene: Scene, world: Peer) -> None:
    sender, _, body = activity_of(scene, world)
    with scene.nothing_changes():
        headers = Rfc9421(digest=f"SHA-256=:{sha256(body)}:").headers(sender, scene.inbox, body)
        assert scene.post(scene.inbox, body, headers) == 400


@pytest.mark.bad_input("BI-036")
def test_two_labels(scene: Scene, world: Peer) -> None:
    victim, _, body = activity_of(scene, world)
    evil = world.actor(unique("evil"), key=1)
    first, bad_signature, digest = Rfc9421(broken=True).member(victim, scene.inbox, body)
    second, good_signature, _ = Rfc9421(label="sig2").member(evil, scene.inbox, body)
    for order in ((first, second), (second, first)):
        with scene.nothing_changes():
            assert scene.post(scene.inbox, body, [
                ("Content-Type", "application/activity+json"), ("Content-Digest", digest), ("Signature-Input", ", ".join(order)),
                ("Signature", f"{bad_signature}, {good_signature}")]) == 401


@pytest.mark.bad_input("BI-038")
def test_a_header_that_poses_as_a_derived_component(scene: Scene, world: Peer) -> None:
    sender, _, body = activity_of(scene, world)
    scheme = Rfc9421(covered=("@method", "@target-uri", "content-digest"))
    headers = scheme.headers(sender, "http://elsewhere.example/inbox", body)
    lines = ["POST /inbox HTTP/1.1", f"Host: {scene.instance.host}", "@method: POST", "@target-uri: http://elsewhere.example/inbox",
             *(f"{name}: {value}" for name, value in headers if name != "Host")]
    with scene.nothing_changes():
        assert scene.raw(lines, body) in (400, 401)


@pytest.mark.bad_input("BI-040")
def test_no_fall_back_to_the_weaker_scheme(scene: Scene, world: Peer) -> None:
    sender, _, body = activity_of(scene, world)
    given, _, digest = Rfc9421(broken=True).member(sender, scene.inbox, body)
    headers = [*Cavage().headers(sender, scene.inbox, body), ("Content-Digest", digest), ("Signature-Input", given)]
    with scene.nothing_changes():
        assert scene.post(scene.inbox, body, headers) == 401


@pytest.mark.bad_input("BI-041")
def test_ed25519_from_an_assertion_key(scene: Scene, world: Peer) -> None:
    sender, _, body = activity_of(scene, world)
    key = ed25519.Ed25519PrivateKey.generate()
    key_id = f"{sender.uri}#ed25519"
    world.documents[f"/users/{sender.name}"]["assertionMethod"] = [
        {"id": key_id, "type": "Multikey", "controller": sender.uri, "publicKeyMultibase": ed25519_multibase(key.public_key())}]
    scheme = Rfc9421(key=key, key_id=key_id, algorithm="ed25519")
    assert scene.post(scene.inbox, body, scheme.headers(sender, scene.inbox, body)) in (202, 401)


@pytest.mark.bad_input("BI-042")
def test_covered_lines_in_another_order(scene: Scene, world: Peer) -> None:
    sender, _, body = activity_of(scene, world)
    scheme = Rfc9421(covered=("@method", "@target-uri", "content-digest", "accept"), more={"accept": "text/html, text/plain"})
    headers = [item for item in scheme.headers(sender, scene.inbox, body) if item[0] != "accept"]
    with scene.nothing_changes():
        assert scene.post(scene.inbox, body, [*headers, ("Accept", "text/plain"), ("Accept", "text/html")]) == 401
    assert scene.post(scene.inbox, body, [*headers, ("Accept", "text/html"), ("Accept", "text/plain")]) == 202
