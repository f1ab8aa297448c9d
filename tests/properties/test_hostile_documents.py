"""Whatever arrives, the readers answer with a value or with an error of our tree, and what they let through is safe."""
from __future__ import annotations

import contextlib
import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fedisora.activitypub import addressing, markup, parse
from fedisora.activitypub.negotiation import wants_activity
from fedisora.activitypub.webfinger import parse_handle, parse_resource
from fedisora.errors import FedisoraError, Refused
from fedisora.provenance.reading import read_report
from fedisora.provenance.record import from_attachment
from fedisora.serializers.activitypub import actor, note

KEYS = st.sampled_from(["id", "type", "actor", "object", "content", "contentMap", "tag", "attachment", "url", "href", "name",
                        "mediaType", "to", "cc", "attributedTo", "published", "duration", "icon", "publicKey", "inbox",
                        "preferredUsername", "assertionMethod", "provenance", "proof", "focalPoint", "inReplyTo", "endpoints",
                        "oneOf", "anyOf", "endTime", "replies", "totalItems", "quote", "quoteUri", "quoteAuthorization",
                        "language", "summary", "blurhash", "image", "preview", "context", "interactionPolicy"])
TEXTS = st.sampled_from(["Note", "Person", "Video", "Question", "Emoji", "Link", "Image",
                         "https://a.example/x", "javascript:alert(1)", "PT5S", "video/mp4",
                         "as:Public", "<img src=x onerror=alert(1)>", "https://", "2026-01-01T00:00:00Z"]) | st.text(max_size=30)
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=25)
DOCUMENTS = st.dictionaries(KEYS, JSON, max_size=12)


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS)
def test_documents_are_read_or_refused(document: dict[str, Any]) -> None:
    for read in (note.from_activitypub, actor.from_activitypub):
        with contextlib.suppress(Refused):
            read({"id": "https://a.example/x", "type": "Note", "attributedTo": "https://a.example/u", **document})
    addressing.audience_of(document)
    read_report(document)
    with contextlib.suppress(Refused):
        from_attachment(document)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_bytes_are_a_document_or_refused(body: bytes) -> None:
    with contextlib.suppress(Refused):
        assert isinstance(parse.parse_document(body), dict)


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS)
def test_json_comes_back_as_it_was(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    if "\\u0000" in text or "\\ud" in text:
        return
    with contextlib.suppress(Refused):
        assert parse.parse_document(text.encode()) == json.loads(text)


PIECES = st.lists(st.sampled_from(["<script>", "</script>", "<img src=x onerror=alert(1)>", "<a href='javascript:x'>", "</a>",
                                   "<p style='x'>", "<svg/onload=x>", "&lt;", "text", "<iframe src=//x>", "\x00", "<p>", "<b>"]) |
                  st.text(max_size=8), max_size=12).map("".join)


@settings(max_examples=300, deadline=None)
@given(PIECES)
def test_the_sanitiser_leaves_nothing_that_runs(html: str) -> None:
    clean = markup.sanitize(html)
    assert not re.search(r"<\s*(script|iframe|svg|img|style|object)", clean, re.IGNORECASE)
    assert not re.search(r"<[^>]*\s(on\w+|style)\s*=", clean, re.IGNORECASE)
    assert "javascript:" not in re.sub(r">[^<]*<", "><", f">{clean}<")
    assert markup.sanitize(clean) == clean


@given(st.text(max_size=200))
def test_handles_and_headers_never_fail_oddly(text: str) -> None:
    parse_handle(text)
    wants_activity(text)
    with contextlib.suppress(FedisoraError):
        parse_resource(text)
