"""The badge says what, by whom, how, until when, and never "checked" for what does not hold."""
from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedisora.provenance.badge import MODES, PLAIN, Badge, Narrowing, badge
from fedisora.provenance.humanity import CHECKED, CLAIMED, EXPIRED, NONE, OWN, REVOKED, TRUSTED, VERDICTS, WORDS, holds

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
LATER, EARLIER = dt.datetime(2027, 5, 15, tzinfo=dt.UTC), dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def of(human: str | None = OWN, *, kind: str | None = "human", until: dt.datetime | None = LATER,
       issuer: str | None = "a.example", method: str | None = "fs:LiveClipReviewed", narrowing: Narrowing = PLAIN) -> Badge:
    return badge(kind=kind, human=human, issuer=issuer, method=method, until=until, own="here.example", now=NOW,
                 narrowing=narrowing)


TABLE: list[tuple[str, dict[str, Any], tuple[str, str, str, str]]] = [
    ("own host", {}, (OWN, "human", "Human", "checked by a.example")),
    ("here", {"issuer": ""}, (OWN, "human", "Human", "checked by here.example")),
    ("trusted", {"human": TRUSTED, "issuer": "v.example"}, (TRUSTED, "human", "Human", "checked by v.example")),
    ("claimed", {"human": CLAIMED, "issuer": "x.example"},
     (CLAIMED, "none", "Says it is human", "x.example vouches, unknown here")),
    ("run out", {"until": EARLIER}, (EXPIRED, "none", "Says it is human", "")),
    ("no end", {"until": None}, (EXPIRED, "none", "Says it is human", "")),
    ("claimed, run out", {"human": CLAIMED, "until": EARLIER}, (EXPIRED, "none", "Says it is human", "")),
    ("expired", {"human": EXPIRED, "until": EARLIER}, (EXPIRED, "none", "Says it is human", "")),
    ("revoked", {"human": REVOKED}, (REVOKED, "none", "Says it is human", "")),
    ("none", {"human": NONE}, (NONE, "none", "Says it is human", "")),
    ("unknown word", {"human": "sure"}, (NONE, "none", "Says it is human", "")),
    ("nothing known", {"human": None}, (NONE, "none", "Says it is human", "")),
    ("undeclared", {"human": None, "kind": None}, (NONE, "none", "Account undeclared", "")),
    ("undeclared, revoked", {"human": REVOKED, "kind": None}, (REVOKED, "none", "Account undeclared", "")),
    ("agent", {"kind": "agent"}, (NONE, "machine", "AI agent", "")),
    ("this server only", {"narrowing": Narrowing("own")},
     (CLAIMED, "none", "Says it is human", "a.example vouches, not on your list")),
    ("this server only, here", {"narrowing": Narrowing("own"), "issuer": ""}, (OWN, "human", "Human", "checked by here.example")),
    ("listed", {"narrowing": Narrowing("listed", frozenset({"a.example"}))}, (OWN, "human", "Human", "checked by a.example")),
    ("not listed", {"narrowing": Narrowing("listed", frozenset({"b.example"}))},
     (CLAIMED, "none", "Says it is human", "a.example vouches, not on your list")),
    ("a list does not widen", {"human": CLAIMED, "narrowing": Narrowing("listed", frozenset({"a.example"}))},
     (CLAIMED, "none", "Says it is human", "a.example vouches, unknown here")),
]


@pytest.mark.parametrize(("given_", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_is_shown(given_: dict[str, Any], expected: tuple[str, str, str, str]) -> None:
    shown = of(**given_)
    assert (shown.verdict, shown.tone, shown.words, shown.more) == expected


def test_a_checked_badge_says_everything() -> None:
    shown = of()
    assert shown.sentence == ("a.example has checked that a person is behind this account: live clip, seen by a moderator. "
                              "That counts until 15 May 2027.")
    assert (shown.by, shown.how, shown.until) == ("a.example", WORDS["fs:LiveClipReviewed"], LATER)
    assert "15 May 2027" in of(CLAIMED).sentence
    assert of(until=EARLIER).sentence.endswith("That ran out on 1 November 2026.")
    assert of(REVOKED).sentence.endswith("has taken that back.")


@given(kind=st.sampled_from(["human", "agent", None]), human=st.sampled_from([*VERDICTS, None, "odd"]),
       issuer=st.sampled_from(["", "a.example", None]), method=st.sampled_from([*WORDS, None, "fs:Other"]),
       until=st.one_of(st.none(), st.datetimes(timezones=st.just(dt.UTC))), mode=st.sampled_from([*MODES, "odd"]),
       hosts=st.lists(st.sampled_from(["a.example", "b.example"])))
def test_it_never_says_checked_when_it_does_not_hold(
        kind: str | None, human: str | None, issuer: str | None, method: str | None, until: dt.datetime | None, mode: str,
        hosts: list[str]) -> None:
    shown = of(human, kind=kind, issuer=issuer, method=method, until=until,
               narrowing=Narrowing.of({"mode": mode, "hosts": hosts}))
    assert shown.verdict in VERDICTS
    if shown.checked or shown.tone == "human" or shown.words == "Human":
        assert holds(human, until, NOW)
        assert kind != "agent"
        assert shown.more == f"checked by {shown.by}"
        assert shown.by
        assert shown.how
        assert shown.until is not None
    if shown.verdict not in CHECKED:
        assert "checked by" not in shown.more
    assert shown.sentence


@pytest.mark.parametrize("stored", [None, {}, {"mode": "all"}, {"mode": 3}, {"hosts": "a"}, {"mode": "listed", "hosts": "abc"}])
def test_what_cannot_be_read_narrows_nothing_or_everything_but_never_widens(stored: Any) -> None:
    found = Narrowing.of(stored)
    assert found.takes("")
    assert found.takes("a.example") == (found.mode == "instance")
