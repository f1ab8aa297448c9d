"""What becomes of remote media that nobody labelled, or whose signature does not hold: the whole table."""
from __future__ import annotations

import itertools

import pytest

from fedisora.provenance.policy_inbound import (
    ACTIONS,
    BAD_PROOF,
    BROKEN,
    UNCHECKED,
    UNLABELLED,
    Decision,
    File,
    cause_of,
    decide,
)

LABELLED = File("video", labelled=True)
SILENT = File("video")


@pytest.mark.parametrize(("action", "shown"), [
    ("accept", ""), ("warn", UNLABELLED), ("hold", UNLABELLED), ("reject", UNLABELLED)])
def test_a_silent_video_gets_what_the_setting_says(action: str, shown: str) -> None:
    assert decide([SILENT], "none", unlabelled=action, badly_signed="accept") == Decision(action, shown)


@pytest.mark.parametrize("verdict", sorted(BROKEN))
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("kind", ["video", "image"])
def test_a_broken_signature_gets_what_the_other_setting_says(kind: str, action: str, verdict: str) -> None:
    file = File(kind, labelled=True, verdict=verdict)
    expected = Decision(action, BROKEN[verdict]) if action != "accept" else Decision()
    assert decide([file], "none", unlabelled="reject", badly_signed=action) == expected


@pytest.mark.parametrize("verdict", [
    "verified", "verified-foreign-issuer", "intact-unknown-signer", "recovered", "unsigned", "unreadable"])
def test_other_verdicts_say_nothing_against_a_labelled_file(verdict: str) -> None:
    assert decide([File("video", labelled=True, verdict=verdict)], "valid", unlabelled="reject",
                  badly_signed="reject") == Decision()


@pytest.mark.parametrize(("proof", "files", "action"), [
    ("invalid", [LABELLED], "reject"), ("invalid", [File("image")], "reject"), ("valid", [LABELLED], "accept"),
    ("none", [LABELLED], "accept"), ("invalid", [], "accept"), ("invalid", [File("audio")], "accept")])
def test_the_proof_of_the_post_counts_when_it_has_pictures(proof: str, files: list[File], action: str) -> None:
    found = decide(files, proof, unlabelled="accept", badly_signed="reject")
    assert found == (Decision("reject", BAD_PROOF) if action == "reject" else Decision())


@pytest.mark.parametrize("kind", ["image", "audio", "unknown"])
def test_only_videos_have_to_be_labelled(kind: str) -> None:
    assert decide([File(kind)], "none", unlabelled="reject", badly_signed="accept") == Decision()


@pytest.mark.parametrize(("unlabelled", "badly_signed", "file", "expected"), [
    ("accept", "hold", File("video", labelled=True, awaited=True), Decision("hold", UNCHECKED)),
    ("accept", "reject", File("image", awaited=True), Decision("hold", UNCHECKED)),
    ("hold", "accept", File("video", awaited=True), Decision("hold", UNCHECKED)),
    ("reject", "accept", File("video", awaited=True), Decision("hold", UNCHECKED)),
    ("reject", "accept", File("video", labelled=True, awaited=True), Decision()),
    ("warn", "warn", File("video", awaited=True), Decision("warn", UNLABELLED)),
    ("warn", "warn", File("video", labelled=True, awaited=True), Decision())])
def test_what_may_have_to_go_is_not_shown_before_its_check(unlabelled: str, badly_signed: str, file: File,
                                                           expected: Decision) -> None:
    assert decide([file], "none", unlabelled=unlabelled, badly_signed=badly_signed) == expected


def test_the_strictest_of_all_counts() -> None:
    for unlabelled, badly in itertools.product(ACTIONS, ACTIONS):
        found = decide([SILENT, File("image", verdict="tampered")], "none", unlabelled=unlabelled, badly_signed=badly)
        assert ACTIONS.index(found.action) == max(ACTIONS.index(unlabelled), ACTIONS.index(badly))
        assert bool(found.reason) == (found.action != "accept")


def test_a_reason_has_a_word() -> None:
    assert [cause_of(reason) for reason in (UNLABELLED, UNCHECKED, BAD_PROOF, BROKEN["revoked"])] == [
        "unlabelled", "unchecked", "badly signed", "badly signed"]
