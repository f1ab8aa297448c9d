"""Claims as values: their limits, what they are about, what their model allows, and which vocabularies may stand together."""
from __future__ import annotations

import dataclasses
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rfc8785 import dumps as jcs

from fedisora.errors import ConfigurationError, Invalid
from fedisora.provenance import claims
from fedisora.provenance.extension import Claim, Extension, Problem, Term
from fedisora.provenance.registry import Registry, describe, described, faults_of, judge, major, reserved_terms, row

SPACE = "https://camera.example/ns#"
CAMERA = Extension(
    name="camera", namespace=SPACE, version="1.2", validate=None,
    labels={"en": {"Capture": "Capture", "iso": "Sensitivity", "Lens": "Lens"}, "de": {"Capture": "Aufnahme"}},
    context={name: SPACE + name for name in ("Capture", "Lens", "iso", "lens", "shutter", "tags", "at", "home", "raw")},
    types={"Capture": {
        "iso": Term("integer", required=True, lowest="1", highest="1000000"), "shutter": Term("decimal", lowest="0"),
        "lens": Term("node", node="Lens"), "tags": Term(many=True, most=3, longest=8), "at": Term("time"), "home": Term("iri"),
        "raw": Term("boolean")}, "Lens": {"home": Term("iri", required=True)}})


NAMES = st.sampled_from(["type", "@type", "@context", "@id", "@value", "@vocab", "id", SPACE, SPACE + "iso", "Capture", "iso",
                         "lens", "tags", "cam:iso", "cam"]) | st.text(max_size=8)


def told(registry: Registry, nodes: list[dict[str, Any]], context: Any = None, language: str = "en") -> list[dict[str, Any]]:
    """What a registry says about claims, as verdicts show it."""
    found = []
    for node in nodes:
        named = registry.name(node, context)
        found.append(row(named, language, problems=judge(named, node) if named.extension else None))
    return found


def problems(**terms: Any) -> list[tuple[str, str]]:
    node = CAMERA.claim("Capture", {"iso": 100, **terms})
    named = claims.name(node, None, [CAMERA])
    return [(item.path, item.message) for item in claims.check(claims.resolve(node, named), CAMERA)]


@pytest.mark.parametrize(("terms", "path"), [
    ({"iso": 0}, "iso"), ({"iso": True}, "iso"), ({"iso": "100"}, "iso"), ({"iso": 2**53}, "iso"), ({"shutter": 0.5}, "shutter"),
    ({"shutter": "-1"}, "shutter"), ({"shutter": "1e5"}, "shutter"), ({"shutter": "٣"}, "shutter"), ({"lens": "50 mm"}, "lens"),
    ({"lens": {"type": "Lens"}}, "lens.home"), ({"lens": {"type": "Capture", "home": "https://a.example"}}, "lens"),
    ({"tags": ["a"] * 4}, "tags"), ({"tags": ["a", "far too long"]}, "tags[1]"), ({"tags": [["a"]]}, "tags[0]"),
    ({"at": "2026-11-25"}, "at"), ({"at": "2026-11-25T10:00:00"}, "at"), ({"home": "here"}, "home"),
    ({"home": "https:///x"}, "home"), ({"raw": "yes"}, "raw"), ({"iso": [100, 200]}, "iso")])
def test_what_the_model_does_not_allow(terms: dict[str, Any], path: str) -> None:
    found = problems(**terms)
    assert [item[0] for item in found] == [path]
    assert found[0][1].startswith("It")


def test_what_it_allows() -> None:
    assert problems(shutter="0.004", lens={"type": "Lens", "home": "https://lens.example"}, tags="one", raw=False,
                    at="2026-11-25T10:00:00+01:00", home="urn:isbn:1") == []


def test_a_term_that_the_vocabulary_does_not_have() -> None:
    node = {"@context": {"c": SPACE, "dc": "http://purl.org/dc/terms/"}, "type": "c:Capture", "c:iso": 100, "c:izo": 5,
            "dc:title": "others may say more"}
    named = claims.name(node, None, [CAMERA])
    assert [item.path for item in claims.check(claims.resolve(node, named), CAMERA)] == ["izo"]


@pytest.mark.parametrize("kind", ["Lens", "Movie"])
def test_what_is_no_claim_by_itself(kind: str) -> None:
    found = claims.check(Claim(kind, {}, {}), CAMERA)
    assert [(item.path, item.message[:14]) for item in found] == [("", "The vocabulary")]


@pytest.mark.parametrize(("node", "context"), [
    ({"@context": {"Capture": SPACE + "Capture", "iso": {"@id": SPACE + "iso"}}, "type": "Capture", "iso": 1}, None),
    ({"@context": {"@vocab": SPACE}, "@type": "Capture", "iso": 1}, None),
    ({"type": SPACE + "Capture", SPACE + "iso": 1}, None),
    ({"type": "cam:Capture", "cam:iso": 1}, ["https://www.w3.org/ns/activitystreams", {"cam": SPACE}]),
    ({"type": ["Object", "cam:Capture"], "cam:iso": {"@value": 1}}, {"cam": SPACE}),
    ({"type": "Capture", "iso": 1}, None)],
    ids=["own-context", "vocab", "iris", "document-prefix", "two-types", "installed-terms"])
def test_the_ways_in_which_a_claim_names_its_terms(node: dict[str, Any], context: Any) -> None:
    named = claims.name(node, context, [CAMERA])
    claim = claims.resolve(node, named)
    assert (named.extension, claim.type, dict(claim.terms)) == (CAMERA, "Capture", {"iso": 1})


@pytest.mark.parametrize(("node", "namespace"), [
    ({"type": "https://x.example/ns/thing#A"}, "https://x.example/ns/thing#"), ({"type": "https://x.example/A"}, "https://x.example/"),
    ({"type": "urn:x:A"}, "urn:"), ({"type": "Word"}, ""), ({}, ""), ({"type": 5}, ""), ({"type": [{}, []]}, "")])
def test_a_claim_that_nobody_knows(node: dict[str, Any], namespace: str) -> None:
    named = claims.name(node, {"loop": "loop:a", "a": "b", "b": "a"}, [CAMERA])
    assert (named.extension, named.namespace) == (None, namespace)
    [shown] = told(Registry([CAMERA]), [node])
    assert shown["status"] == "unknown"
    assert shown["label"] == (f"Unknown claim from {namespace}" if namespace else "Unknown claim")


def test_definitions_that_run_in_circles_end() -> None:
    assert claims.expand("a", {"a": "b", "b": "a"}) in ("a", "b")
    assert claims.expand("a:x", {"a": "a:"}).startswith("a:")


def test_a_body_keeps_order_and_values() -> None:
    text = b'{"z":1,"a":{"y":[1.5,"\xc3\xa4",null,true],"b":10000000000000000000},"type":"x:T"}'
    node = orjson.loads(text)
    assert claims.body_of(node) == text
    assert jcs(orjson.loads(claims.body_of({"b": "2", "a": ["1"]}))) == jcs({"b": "2", "a": ["1"]})


def test_limits() -> None:
    deep: Any = 1
    for _ in range(claims.DEEPEST):
        deep = [deep]
    with pytest.raises(Invalid, match="levels"):
        claims.body_of({"a": deep})
    with pytest.raises(Invalid, match="KB"):
        claims.body_of({"a": "x" * claims.LARGEST})
    good = {"type": "x:T"}
    assert len(list(claims.kept([good] * 40))) == claims.MOST
    assert len(list(claims.kept(["text", 5, None, {"a": "x" * claims.LARGEST}, {"a": deep}, good]))) == 1


@pytest.mark.parametrize("value", [0.5, 1e300, 2**53, [{"x": 1.0}]])
def test_numbers_that_signatures_do_not_cover(value: Any) -> None:
    assert "as text" in str(claims.storable({"type": "x:T", "n": value}))
    assert claims.storable({"type": "x:T", "n": [1, True, "0.5", None]}) is None


def test_a_claim_of_its_own_carries_the_terms_it_uses_and_no_more() -> None:
    node = CAMERA.claim("Capture", {"iso": 100, "at": None, "lens": {"type": "Lens", "home": "https://lens.example"}})
    assert list(node) == ["@context", "type", "iso", "lens"]
    assert set(node["@context"]) == {"Capture", "Lens", "iso", "lens", "home"}


def test_two_vocabularies_in_one_document() -> None:
    other = dataclasses.replace(CAMERA, name="film", namespace="https://film.example/ns#", types={},
                                context={name: "https://film.example/ns#" + name for name in ("Capture", "iso")},
                                validate=lambda claim: [] if claim.terms["iso"] == "ISO 100/21°" else [Problem("iso", "Not so.")])
    registry = Registry([CAMERA, other])
    nodes = [CAMERA.claim("Capture", {"iso": 100}), other.claim("Capture", {"iso": "ISO 100/21°"}),
             other.claim("Capture", {"iso": 1})]
    assert [(item["extension"], item["status"]) for item in told(registry, nodes)] == [
        ("camera", "valid"), ("film", "valid"), ("film", "invalid")]


def test_labels_in_the_reader_s_language() -> None:
    assert [told(Registry([CAMERA]), [{"type": SPACE + "Capture", SPACE + "iso": 1}], language=language)[0]["label"]
            for language in ("de", "de-AT", "fr")] == ["Aufnahme", "Aufnahme", "Capture"]


def test_choices_in_words() -> None:
    told = dataclasses.replace(CAMERA, labels={"en": {"raw": "Raw", "raw.true": "as it was read"}})
    assert [told.words("raw", value, "de") for value in ("true", "false")] == ["as it was read", "false"]


@pytest.mark.parametrize(("change", "words"), [
    ({"name": "Camera"}, "lower-case"), ({"namespace": "ftp://x/#"}, "http"), ({"namespace": "https://x.example/ns"}, "ends in"),
    ({"namespace": "https://w3id.org/fedisora/v1#"}, "another vocabulary"),
    ({"namespace": "https://www.w3.org/ns/activitystreams#"}, "another vocabulary"),
    ({"namespace": "https://w3id.org/security#"}, "another vocabulary"), ({"version": "new"}, "MAJOR"),
    ({"labels": {"de": {"x": "y"}}}, "English"),
    ({"labels": {"en": {"iso": {"low": "x"}}}}, "in quotes"),
    ({"context": {}}, "empty"), ({"context": {"name": SPACE + "name"}}, "'name': ActivityStreams"),
    ({"context": {"publicKeyPem": SPACE + "publicKeyPem"}}, "security"),
    ({"context": {"actorKind": SPACE + "actorKind"}}, "Fedisora"),
    ({"context": {"@vocab": SPACE}}, "keyword"), ({"context": {"iso": {"@id": SPACE + "iso", "@context": {}}}}, "nothing else"),
    ({"context": {"iso": "https://other.example/iso"}}, "begin with the namespace")])
def test_an_extension_that_is_refused(change: dict[str, Any], words: str) -> None:
    bad = dataclasses.replace(CAMERA, **{"types": {}, **change})
    assert words in faults_of(bad)[0]
    with pytest.raises(ConfigurationError, match=words):
        Registry([bad])


@pytest.mark.parametrize("change", [{"name": "other"}, {"namespace": "https://camera.example/ns#more/"},
                                    {"namespace": "https://camera.example/", "context": {"a": "https://camera.example/a"}}])
def test_two_that_claim_the_same(change: dict[str, Any]) -> None:
    second = dataclasses.replace(CAMERA, **{"types": {}, "name": "second", **change})
    if "context" not in change:
        second = dataclasses.replace(second, context={"a": second.namespace + "a"})
    with pytest.raises(ConfigurationError, match="uninstall one"):
        Registry([CAMERA, second])


def test_a_description_holds_everything_but_the_code() -> None:
    again = described(orjson.loads(orjson.dumps(describe(CAMERA))))
    assert again == CAMERA
    assert describe(dataclasses.replace(CAMERA, claim_from_upload=lambda upload: []))["hooks"] == ["claim_from_upload"]


def test_versions_and_reserved_words() -> None:
    assert [major(version) for version in ("1", "2.0", "12.3.4", "1.0rc1")] == [1, 2, 12, 1]
    assert {"content", "attachment", "publicKeyPem", "actorKind", "claim", "proof"} <= reserved_terms()


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12)


@settings(max_examples=150, deadline=None)
@given(node=st.dictionaries(NAMES, JSON, max_size=6), context=JSON)
def test_whatever_comes_is_a_claim_or_none(node: dict[str, Any], context: Any) -> None:
    for one, _ in claims.kept([node]):
        [shown] = told(Registry([CAMERA]), [one], context=context)
        assert shown["status"] in ("valid", "invalid", "unknown")
        assert len(shown["label"]) <= 250 and all(len(item["message"]) <= 200 for item in shown["problems"])
        claims.storable(one)
