"""An author's word about an upload, weighed against the file's own record."""
from __future__ import annotations

from typing import Any

import pytest

from fedisora.errors import Invalid
from fedisora.models import Media
from fedisora.provenance.digital_source import ALGORITHMIC, CAPTURE, COMPOSITE_TRAINED, TRAINED
from fedisora.services import declaration

KNOWN, UNKNOWN = "verified-foreign-issuer", "intact-unknown-signer"


def media(found: str | None = None, verdict: str = UNKNOWN, **columns: Any) -> Media:
    upload = declaration.original({"verdict": verdict, "summary": "", "signer": {}, "digitalSourceType": found,
                                   "record": {"object": "https://a.example/1"}}, "video/mp4")
    return Media(ingredients=[upload] if found else [], **columns)


@pytest.mark.parametrize(("choice", "found", "verdict", "label", "source"), [
    ("", None, KNOWN, None, None),
    ("undeclared", None, KNOWN, None, None),
    ("other", None, KNOWN, None, "declared"),
    ("captured", None, KNOWN, CAPTURE, "declared"),
    ("captured", TRAINED, UNKNOWN, TRAINED, "manifest"),
    ("captured", TRAINED, "tampered", TRAINED, "manifest"),  # only who changed the picture gains by ignoring it
    ("mixed", TRAINED, UNKNOWN, TRAINED, "manifest"),
    ("ai-generated", COMPOSITE_TRAINED, KNOWN, TRAINED, "declared"),
    ("ai-generated", CAPTURE, KNOWN, TRAINED, "declared"),
    ("other", TRAINED, KNOWN, TRAINED, "manifest"),
    ("other", CAPTURE, KNOWN, None, "declared"),
    ("", TRAINED, UNKNOWN, TRAINED, "manifest"),
    ("", ALGORITHMIC, UNKNOWN, ALGORITHMIC, "manifest"),
    ("", CAPTURE, KNOWN, CAPTURE, "manifest"),
    ("", CAPTURE, UNKNOWN, None, None),  # a signer nobody knows makes nobody a photographer
    ("", CAPTURE, "tampered", None, None),
    ("captured", "http://made.up/type", KNOWN, CAPTURE, "declared"),
    ("captured", "https://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia", KNOWN, TRAINED, "manifest")])
def test_what_admits_to_more_machine_counts(choice: str, found: str | None, verdict: str, label: str | None,
                                            source: str | None) -> None:
    file = media(found, verdict)
    declaration.say(file, choice)
    assert (file.digital_source_type, file.label_source, file.declared) == (label, source, source == "declared")
    declaration.weigh(file)
    assert (file.digital_source_type, file.label_source) == (label, source)


def test_who_is_overruled_is_told_and_may_change_their_mind() -> None:
    file = media(TRAINED)
    declaration.say(file, "captured")
    assert file.ingredients[0]["overruled"] == CAPTURE
    declaration.say(file, "ai-generated")
    assert (file.label_source, "overruled" in file.ingredients[0]) == ("declared", False)


@pytest.mark.parametrize("verdict", ["unsigned", "unreadable", "recovered"])
def test_a_file_without_a_record_has_no_original(verdict: str) -> None:
    assert declaration.original({"verdict": verdict, "summary": ""}, "video/mp4") is None


@pytest.mark.parametrize(("now", "source", "allowed"), [
    (None, None, {"captured", "edited", "ai-generated", "mixed", "other"}),
    (None, "declared", {"captured", "edited", "ai-generated", "mixed"}),
    (CAPTURE, "declared", {"edited", "ai-generated", "mixed", "other"}),
    (COMPOSITE_TRAINED, "declared", {"ai-generated"}),
    (TRAINED, "manifest", set())])
def test_a_signed_label_only_moves_towards_more_machine(now: str | None, source: str | None, allowed: set[str]) -> None:
    found = set()
    for choice in ("captured", "edited", "ai-generated", "mixed", "other", "undeclared", "", "nonsense"):
        try:
            declaration.allowed(Media(digital_source_type=now, label_source=source), choice)
            found.add(choice)
        except Invalid:
            pass
    assert found == allowed


def test_what_was_made_here_is_known() -> None:
    for file in (Media(generation_id=1, digital_source_type=ALGORITHMIC), Media(generator={"name": "x"})):
        with pytest.raises(Invalid, match="made here"):
            declaration.say(file, "captured")
        with pytest.raises(Invalid, match="made here"):
            declaration.allowed(file, "mixed")
