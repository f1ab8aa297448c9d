"""Which rule counts for which host: subdomains, ports, trailing dots, other alphabets (BI-183)."""
from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedisora.db import Database, UnitOfWork
from fedisora.errors import Forbidden, Malformed
from fedisora.models import DomainRule
from fedisora.store import domains

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def rules(*, allow_list: bool = False, own: str = "here.example", **severities: str) -> domains.Rules:
    by_domain = {name.replace("__", "-").replace("_", "."): severity for name, severity in severities.items()}
    return domains.Rules({name: DomainRule(domain=name, severity=severity, reject_media=False, created_at=NOW)
                          for name, severity in by_domain.items()}, allow_list, own)


@pytest.mark.parametrize("address", [
    "blocked.example", "BLOCKED.Example", "blocked.example.", "blocked.example:443", "blocked.example.:443",
    "https://blocked.example", "https://blocked.example:443/users/x", "https://blocked.example.:443/users/x#main-key",
    "http://blocked.example:8080/", "sub.blocked.example", "https://a.b.blocked.example./x", "blocked。example",
    "https://BLOCKED.EXAMPLE/@x"])
def test_a_block_has_no_way_around(address: str) -> None:
    found = rules(blocked_example="block")
    assert found.refuses(address)
    with pytest.raises(Forbidden):
        found.check("https://fine.example/x", address)


@pytest.mark.parametrize("address", ["example", "notblocked.example", "blocked.example.org", "https://fine.example/blocked.example",
                                     "xn--blocked-example.test"])
def test_a_block_is_not_wider_than_its_domain(address: str) -> None:
    assert not rules(blocked_example="block").refuses(address)


@pytest.mark.parametrize("address", ["", " ", "https://", "https:///x", "https://user@blocked.example/", "https://exa mple/",
                                     "https://blocked.example%2e/", "ftp://blocked.example", "blocked..example"])
def test_what_is_no_host_is_refused(address: str) -> None:
    assert rules().refuses(address)
    with pytest.raises(Malformed):
        domains.domain_of(address)


@pytest.mark.parametrize(("written", "domain"), [
    ("bücher.example", "xn--bcher-kva.example"), ("https://BÜCHER.example:8443/x", "xn--bcher-kva.example"),
    ("127.0.0.1:8000", "127.0.0.1"), ("[::1]:8000", "::1"), ("https://[0:0:0:0:0:0:0:1]/", "::1")])
def test_one_spelling_of_a_host(written: str, domain: str) -> None:
    assert domains.domain_of(written) == domain


def test_the_longest_domain_decides() -> None:
    found = rules(example_org="block", good_example_org="allow", loud_example_org="silence")
    assert found.refuses("example.org")
    assert found.refuses("evil.example.org")
    assert not found.refuses("good.example.org")
    assert not found.refuses("a.good.example.org")
    assert not found.refuses("loud.example.org")
    severity = {host: rule.severity for host in ("x.loud.example.org", "example.org") if (rule := found.find(host)) is not None}
    assert severity == {"x.loud.example.org": "silence", "example.org": "block"}


def test_an_address_is_not_below_another() -> None:
    found = rules(**{"0_0_1": "block", "127_0_0_2": "block"})
    assert not found.refuses("127.0.0.1:80")
    assert found.refuses("127.0.0.2:80")


def test_only_the_list_in_allow_list_mode() -> None:
    found = rules(allow_list=True, friend_example="allow", loud_example="silence")
    assert not found.refuses("https://friend.example/users/x")
    assert not found.refuses("a.friend.example")
    assert found.refuses("stranger.example")
    assert found.refuses("loud.example")
    assert not found.refuses("https://here.example/users/ada")


def test_media_of_a_domain() -> None:
    found = rules(blocked_example="block")
    assert found.rejects_media("https://sub.blocked.example/x.mp4")
    assert not found.rejects_media("fine.example")
    assert not found.rejects_media("not a host")


def test_the_stored_rule_that_counts(db: Database) -> None:
    def make(uow: UnitOfWork) -> None:
        for name in ("example.org", "a.example.org"):
            uow.session.add(DomainRule(domain=name, severity="block", created_at=uow.now))

    db.write_now(make)
    every = db.read_now(lambda session: domains.load(session, db.instance.settings))
    found = every.find("https://x.A.example.org.:8443/")
    assert found is not None
    assert found.domain == "a.example.org"
    assert every.find("example.com") is None
    few = db.read_now(lambda session: domains.load(session, db.instance.settings, ["b.example.org", "nowhere.example", "%"]))
    assert set(few.by_domain) == {"example.org"}


@given(st.one_of(st.text(max_size=80), st.from_regex(r"\Ahttps?://[^/]{0,60}/?\Z"), st.text("a.xn-é。:[]@%1", max_size=40)))
def test_any_text_has_an_answer(text: str) -> None:
    found = rules(blocked_example="block")
    assert found.refuses(text) in (True, False)
    assert found.rejects_media(text) is False
    try:
        domain = domains.domain_of(text)
    except Malformed:
        return
    assert domains.domain_of(domain) == domain if ":" not in domain else domains.domain_of(f"[{domain}]") == domain
