"""The standard assertion on training and mining says what the author said, and no permission that nobody gave."""
from __future__ import annotations

import importlib
from typing import Any

import pytest

from fedisora.provenance.manifest import PREFERENCES, training_rules

EXTENSION = importlib.import_module("fedisora.extensions.training_optout").EXTENSION
NO = {"use": "notAllowed"}
SILENT = {"cawg.ai_generative_training": NO, "cawg.ai_training": NO, "cawg.data_mining": NO}


def test_it_is_the_bundled_vocabulary() -> None:
    assert EXTENSION.namespace == PREFERENCES


@pytest.mark.parametrize(("terms", "rules"), [
    ({"trainAi": "n"}, {}),
    ({"trainAi": "y"}, {"cawg.ai_generative_training": {"use": "allowed"}, "cawg.ai_training": {"use": "allowed"}}),
    ({"aiUse": "n"}, {"cawg.ai_inference": NO}),
    ({"tdmReservation": "0"}, {"cawg.data_mining": {"use": "allowed"}}),
    ({"tdmReservation": "1", "tdmPolicy": "https://a.example/policy"},
     {"cawg.data_mining": {"use": "constrained", "constraint_info": "https://a.example/policy"}}),
    ({"trainAi": "perhaps"}, {}), ({"searchUse": "y"}, {})])
def test_a_wish_is_said_in_both_words(terms: dict[str, Any], rules: dict[str, Any]) -> None:
    assert training_rules([EXTENSION.claim("UsagePreferences", terms)]) == SILENT | rules


def test_another_vocabularys_word_is_not_ours() -> None:
    stranger = {"@context": {"trainAi": "https://other.example#trainAi"}, "trainAi": "y"}
    assert training_rules([stranger, {"trainAi": "y"}]) == SILENT
