"""Whatever arrives, the readers answer with a value or with an error of our tree, and what they let through is safe."""
from __future__ import annotations

import contextlib
import json
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedisora.activitypub import addressing, markup, parse
from fedisora.activitypub.negotiation import wants_activity
from fedisora.activitypub.vocabulary import PUBLIC
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


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from('{}[]",:0129eE+-.tfnrualsi \\u\ud800\x00é'), max_size=200))
def test_almost_json_is_read_like_the_standard_library_does_or_refused(text: str) -> None:
    """Whatever we accept means the same to a strict reader of JSON."""
    try:
        found = parse.parse_document(text.encode("utf-8", "surrogatepass"))
    except Refused:
        return
    assert found == json.loads(text)


@pytest.mark.parametrize("piece", ['{"a":', "[", '"a":1,', '"a' + "\\\\" + '":1,', "1,", '"\\u0000', '"a":{},', "  ", '"":"",'])
@pytest.mark.parametrize("frame", [('{"x":[', "]}"), ("{", "}"), ('{"x":', "}")])
def test_reading_takes_linear_time(piece: str, frame: tuple[str, str]) -> None:
    """A megabyte of anything is read or refused within a second."""
    body = (frame[0] + piece * ((1 << 20) // len(piece) - 20) + frame[1]).encode()
    began = time.monotonic()
    with contextlib.suppress(Refused):
        parse.parse_document(body)
    assert time.monotonic() - began < 1


@settings(max_examples=150, deadline=None)
@given(st.recursive(JSON, lambda inner: st.dictionaries(st.sampled_from(["bto", "bcc", "object", "tag", "to"]), inner, max_size=4)
                    | st.lists(inner, max_size=3), max_leaves=20))
def test_blind_copies_never_leave(document: Any) -> None:
    def keys(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value).union(*map(keys, value.values()))
        return set().union(*map(keys, value)) if isinstance(value, list) else set()

    left = addressing.strip_blind(document)
    assert not keys(left) & {"bto", "bcc"}
    assert addressing.strip_blind(left) == left
    if not keys(document) & {"bto", "bcc"}:
        assert left == document


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS, st.lists(st.sampled_from(["https://hidden.example/u", PUBLIC, "as:Public"]), min_size=1))
def test_blind_copies_are_no_audience(document: dict[str, Any], blind: list[str]) -> None:
    plain = {name: value for name, value in document.items() if name not in ("bto", "bcc")}
    assert addressing.audience_of({**plain, "bto": blind, "bcc": blind}) == addressing.audience_of(plain)


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS, st.sampled_from(["https://a.example/u/followers", None]))
def test_nothing_is_public_that_does_not_say_so(document: dict[str, Any], followers: str | None) -> None:
    seen = addressing.visibility(addressing.audience_of(document), followers)
    named = set(parse.ids_of(document.get("to"))) | set(parse.ids_of(document.get("cc")))
    if not named & {PUBLIC, "as:Public", "Public"}:
        assert seen in ("private", "direct")
    if seen == "private":
        assert followers in named


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


@pytest.mark.parametrize("piece", ["<b>", "<a href=x>", "<p><b>", "<svg>", "<table><td>", "&amp", "&#x", "<", "</p>", "<!--",
                                   "<![CDATA[", "<h1><p>", "<template>", "<select><option>", "<math><mi>", "<li><ol>", "\u202e",
                                   "é"])
def test_sanitising_takes_bounded_time(piece: str) -> None:
    html = piece * (400_000 // len(piece))
    began = time.thread_time()  # what it costs, whatever else the machine does
    clean = markup.sanitize(html)
    markup.plain_text(html)
    assert time.thread_time() - began < 3
    assert len(clean) > markup.MAX_HTML or markup.sanitize(clean) == clean


@settings(max_examples=200, deadline=None)
@given(PIECES)
def test_plain_text_has_no_marks(html: str) -> None:
    text = markup.plain_text(html)
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e]", text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200), st.integers(1, 60))
def test_a_line_is_one_line(text: str, limit: int) -> None:
    line = markup.clean_line(text, limit)
    assert len(line) <= limit
    assert "\n" not in line and "\x00" not in line and "\u202e" not in line
