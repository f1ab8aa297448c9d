"""What is said of people, for APIs and for other software: by whom, how, until when."""
from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from fedisora.models import Actor
from fedisora.serializers import humanity
from fedisora.uris import Uris

NOW = dt.datetime(2026, 11, 26, 9, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=170)
URIS = Uris("https://here.example")


def actor(**columns: Any) -> Actor:
    return Actor(**{"domain": "there.example", "fields": [], "attestation": ["https://there.example/credentials/1"],
                    "human_method": "fs:Vouched", "human_issuer": "trusted.example", "human_until": LATER, **columns})


@pytest.mark.parametrize(("columns", "verdict", "issuer", "field"), [
    ({"human": "checked-by-trusted-issuer"}, "checked-by-trusted-issuer", "trusted.example",
     "by trusted.example (vouched for), until 2027-05"),
    ({"human": "checked-by-own-host", "human_issuer": "there.example"}, "checked-by-own-host", "there.example",
     "by there.example (vouched for), until 2027-05"),
    ({"human": "checked-by-own-host", "human_issuer": "", "domain": ""}, "checked-by-own-host", "here.example",
     "by here.example (vouched for), until 2027-05"),
    ({"human": "claimed", "human_issuer": "odd.example"}, "claimed", "odd.example", None),
    ({"human": "checked-by-own-host", "human_until": NOW}, "expired", None, None),
    ({"human": "checked-by-own-host", "human_until": None}, "expired", None, None),
    ({"human": "revoked"}, "revoked", None, None), ({"human": "expired"}, "expired", None, None),
    ({"human": None}, "none", None, None), ({"human": "none"}, "none", None, None)])
def test_by_whom_how_and_until_when(columns: dict[str, Any], verdict: str, issuer: str | None, field: str | None) -> None:
    who = actor(**columns)
    found = humanity.human(who, URIS, NOW)
    assert (found["verdict"], found["issuer"], found["verified"]) == (verdict, issuer, field is not None)
    assert (found["credential"] is None, found["until"] is None, found["how"] is None) == (issuer is None,) * 3
    said = humanity.field(who, URIS, NOW)
    assert (said["value"] if said is not None else None) == field


def test_a_host_cannot_smuggle_markup_into_the_field() -> None:
    said = humanity.field(actor(human="checked-by-trusted-issuer", human_issuer="<b>x"), URIS, NOW)
    assert said is not None and said["value"].startswith("by &lt;b&gt;x")


def test_a_server_is_neither_undeclared_nor_a_person() -> None:
    shown = humanity.badge(Actor(domain="", type="Application", username="here.example", attestation=[]), URIS, NOW)
    assert (shown.words, shown.tone, shown.verdict) == ("Server", "none", "none")


def test_other_software_reads_who_runs_an_agent() -> None:
    agent = actor(kind="agent", operator_uri="https://here.example/users/ann")
    assert humanity.run_by(agent, URIS) == {
        "name": "Run by", "value": '<a href="https://here.example/@ann">@ann@here.example</a>'}
    assert humanity.run_by(actor(kind="agent", operator_uri="https://there.example/users/ann"), URIS) is None
    assert humanity.run_by(actor(kind="human", operator_uri="https://here.example/users/ann"), URIS) is None
