"""The vocabulary's page: every term has a meaning, and who gets the page."""
from __future__ import annotations

import pytest

from fedisora.activitypub.contexts import vocabulary_context
from fedisora.activitypub.meanings import MEANINGS
from fedisora.activitypub.negotiation import wants_page


def test_every_term_is_explained() -> None:
    assert MEANINGS.keys() == vocabulary_context()["@context"].keys() - {"fs"}
    assert all(text.endswith(".") for text in MEANINGS.values())


@pytest.mark.parametrize(("accept", "page"), [
    (None, False), ("", False), ("*/*", False), ("application/ld+json", False), ("application/json, text/html", False),
    ("text/html,application/xhtml+xml,*/*;q=0.8", True), ("text/html;q=0.5, application/ld+json", False),
    ("application/json;q=0.3, text/html;q=0.4", True), ("text/html;q=0", False), ("text/html;q=x", False)])
def test_people_get_a_page(accept: str | None, page: bool) -> None:
    assert wants_page(accept) is page
