"""A private prompt comes out by no other member."""
from __future__ import annotations

from typing import Any

import pytest

from fedisora.provenance.secrecy import mentions, tells, without

PROMPT = "a heron over the lake"


@pytest.mark.parametrize("value", [
    PROMPT, "  A Heron\tover the\n LAKE ", f"“{PROMPT}”, they said", [1, {"x": [PROMPT]}], {"deep": {PROMPT: 1}}])
def test_it_is_found_however_it_is_written(value: Any) -> None:
    assert mentions(value, PROMPT)


@pytest.mark.parametrize("value", ["a heron", "the lake, a heron over it", None, 5, True, [], {"a": 1.5}])
def test_other_words_are_other_words(value: Any) -> None:
    assert not mentions(value, PROMPT)


def test_a_short_prompt_is_only_looked_for_as_a_whole() -> None:
    assert tells("A lake", "a lake") and not tells("A lake in the hills", "a lake")
    assert not tells("anything", "  ")


def test_the_other_members_stay() -> None:
    assert without({"steps": 4, "caption": PROMPT, "list": [PROMPT]}, PROMPT) == {"steps": 4}
