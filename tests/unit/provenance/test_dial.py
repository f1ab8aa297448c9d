"""The AI dial as a setting: what it is, what it leaves out."""
from __future__ import annotations

import importlib
from typing import Any

import pytest

from fedisora.errors import Invalid
from fedisora.provenance import dial
from fedisora.provenance.dial import Dial, Sieve
from fedisora.provenance.digital_source import BASE, KNOWN, made_of


@pytest.mark.parametrize("wrong", [
    {"stop": 5}, {"stop": -1}, {"stop": "2"}, {"stop": True}, {"stop": None}, {"bots": "no"}, {"mixed": 1}, {"undeclared": None}])
def test_nonsense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        dial.parse(wrong)


def test_what_leaves_nothing_out_is_not_kept_and_costs_nothing() -> None:
    assert dial.stored(dial.parse(None)) is None
    assert dial.sieve(dial.parse({"stop": 2})) is None
    kept = dial.stored(dial.parse({"stop": 1, "bots": False}))
    assert kept == {"stop": 1, "bots": False, "mixed": True, "undeclared": True, "procedural": True}
    assert dial.parse(kept) == Dial(1, bots=False)


@pytest.mark.parametrize(("setting", "expected"), [
    (Dial(0), Sieve(never=dial.AI)),
    (Dial(1), Sieve(followed=dial.AI)),
    (Dial(1, mixed=False), Sieve(never=frozenset({"mixed"}), followed=frozenset({"machine"}))),
    (Dial(2, undeclared=False, procedural=False), Sieve(never=frozenset({"undeclared", "procedural"}))),
    (Dial(2, bots=False), Sieve(agents=False)),
    (Dial(3), Sieve(followed=dial.NOT_AI)),
    (Dial(4), Sieve(never=dial.NOT_AI, text=False))])
def test_stops_and_switches(setting: Dial, expected: Sieve) -> None:
    assert dial.sieve(setting) == expected


def test_an_ai_free_instance_shows_ai_only_from_who_is_followed() -> None:
    assert dial.sieve(None, ai_free=True) == Sieve(followed=dial.AI)
    assert dial.sieve(Dial(0), ai_free=True) == Sieve(never=dial.AI)


@pytest.mark.parametrize(("files", "made"), [
    ([], None), ([None], "undeclared"), (["digitalCapture"], "human"), (["digitalCapture", None], "undeclared"),
    (["digitalCapture", "algorithmicMedia"], "procedural"), (["compositeSynthetic", "digitalCapture"], "mixed"),
    (["digitalCapture", "trainedAlgorithmicMedia", None], "machine"), (["madeUp"], "undeclared")])
def test_the_most_machine_of_the_files_counts(files: list[str | None], made: str | None) -> None:
    assert made_of(BASE + name if name else None for name in files) == made


def test_posts_from_before_say_the_same_as_new_ones() -> None:
    """Migration 0003 has its own copy of the table, since it must not change with it."""
    old = importlib.import_module("migrations.versions.0003_provenance")
    copied = {BASE + name: made for made, names in (*old.RANKS, ("human", old.HUMAN)) for name in names}
    assert copied == {uri: entry.kind for uri, entry in KNOWN.items() if entry.kind != "undeclared"}
