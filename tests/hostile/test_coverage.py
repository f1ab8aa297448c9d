"""Every case of the bad-input catalogue has a test, or a reason why another part of Fedisora answers for it."""
from __future__ import annotations

import re
from pathlib import Path

import yaml

TESTS = Path(__file__).parent.parent
CASE = re.compile(r"\bBI-\d{3}\b")

ELSEWHERE = {
    "BI-161": ("tests/unit/media/test_pipeline.py", "files are opened by a child process without network or other files"),
    "BI-162": ("tests/unit/media/test_pipeline.py", "pictures are refused by their header"),
    "BI-172": ("tests/unit/media/test_pipeline.py", "a picture loses its metadata"),
    "BI-189": ("tests/faults/test_kill.py", "kill -9 in the middle of a fan-out"),
    "BI-203": ("tests/vectors/test_provenance.py", "one changed bit, an unknown issuer, a file under another post"),
}
"""Cases whose test lies in a file that does not name them."""

OTHER_PARTS = {
    "BI-156": "no remote HTML is embedded: there are no preview cards of other pages",
    "BI-160": "uploads: names of files are made by us",
    "BI-163": "media pipeline: limits of streams, frames and rates",
    "BI-164": "media pipeline: a limit of bytes per remote file",
    "BI-165": "media: files of others are served with a type of ours, from the media proxy",
    "BI-170": "uploads: what is no picture, sound or film is refused",
    "BI-171": "there is no import of archives",
    "BI-178": "media storage: private files",
    "BI-181": "accounts: log-in and reset tell nothing apart",
    "BI-182": "client API: reports are read by administrators only",
    "BI-192": "client API: scopes",
    "BI-193": "client API: open streams",
    "BI-194": "client API: OAuth codes and PKCE",
    "BI-195": "there is no log-in through other identity providers",
    "BI-196": "there is no second factor yet",
    "BI-197": "client API: rows of other people",
    "BI-198": "pages: redirects stay here",
    "BI-208": "cameo consent",
}
"""Cases that are not about federation: who answers for them."""


def named() -> set[str]:
    """Ids in marks and docstrings of tests; this file does not count."""
    return {case for path in TESTS.rglob("test_*.py") if "node_modules" not in path.parts and path != Path(__file__)
            for case in CASE.findall(path.read_text())}


def catalogue(shared: Path) -> set[str]:
    return {case["id"] for case in yaml.safe_load((shared / "security" / "bad-inputs.yaml").read_text())["cases"]}


def test_no_test_names_a_case_that_is_not_there(shared: Path) -> None:
    assert not (named() | set(ELSEWHERE) | set(OTHER_PARTS)) - catalogue(shared)


def test_every_case_of_federation_has_a_test(shared: Path) -> None:
    assert not catalogue(shared) - named() - set(ELSEWHERE) - set(OTHER_PARTS)


def test_the_tables_are_up_to_date() -> None:
    assert not set(ELSEWHERE) & set(OTHER_PARTS)
    assert not [case for case in OTHER_PARTS if case in named()], "has a test now"
    assert not [path for path, _ in ELSEWHERE.values() if not (TESTS.parent / path).is_file()]
