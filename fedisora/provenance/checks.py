"""The parts of a verdict: facts of the post, checks with their words, and who signed. Pure; used by `verdict.decide` alone.

Every text from a file or a post is hostile: what is quoted is cut and stripped of what cannot be printed.
"""
from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from . import digital_source
from .reading import Reading

_LONGEST_NAME: Final = 80
_USER: Final = re.compile(r"/users/([^/]+)\Z")


@dataclass(frozen=True)
class ObjectFacts:
    """What the ActivityPub object says about its file. None = the object does not say.

    Attributes:
        object_id, actor: ids of the Note and its author.
        digest_multibase: of the served file.
        digital_source_type: IPTC URI, as the object says it now; object and manifest must agree (absent = undeclared).
        record_url: id of the ProvenanceRecord.
        handle: `@name@host` of the author, compared with the leaf's CN.
        proof: `valid`, `invalid` or `none`: the object's own integrity proof (FEP-8b32).
        disagreements: where the object contradicts itself: its record, its companion Video, its linked manifest.
        withdrawn: what an edit of the object took back and we keep, as a sentence.
    """

    object_id: str
    actor: str
    digest_multibase: str | None = None
    digital_source_type: str | None = None
    record_url: str | None = None
    handle: str | None = None
    proof: str | None = None
    disagreements: tuple[str, ...] = ()
    withdrawn: str | None = None

    @property
    def silent(self) -> bool:
        """Whether the object says nothing in our vocabulary: then only a manifest that names it can contradict it."""
        return self.record_url is None and self.digital_source_type is None


@dataclass(frozen=True)
class Match:
    """A soft-binding match: the id of the object found and its distance in bits."""

    object: str
    distance: int


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "ok": self.ok, "detail": self.detail}


def origin(uri: object) -> str | None:
    """scheme://host[:port] of an http(s) URL, lower case, default ports dropped; None for anything else."""
    if not isinstance(uri, str):
        return None
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != default else "")


def host_of(origin_or_uri: str | None) -> str:
    """The host (and port) of a URI, "" for none."""
    return urlsplit(origin_or_uri or "").netloc


def plain_name(text: object) -> str:
    """A name from a hostile file, fit for a sentence."""
    if not isinstance(text, str):
        return ""
    return "".join(char for char in text if char.isprintable()).strip()[:_LONGEST_NAME]


def describe(source_type: str | None, record: Mapping[str, Any] | None, media: str = "video") -> str:
    """A sentence on how it was made: "AI-generated video (Wan2.2 TI2V-5B)." `media` is a noun."""
    generator = (record or {}).get("generator")
    model = plain_name(generator.get("model") or generator.get("name")) if isinstance(generator, Mapping) else ""
    suffix = f" ({model})" if model else ""
    entry = digital_source.find(source_type)
    if entry is None:
        return f"How this {media} was made is not declared."
    if entry.uri == digital_source.ALGORITHMIC:
        return f"Made by a procedural program{suffix}, not AI."
    if entry.uri == digital_source.COMPOSITE and model:
        return f"Composite {media}, made by a program{suffix}."
    if entry.uri == digital_source.COMPOSITE:  # also what we say of a remix about whose parts nobody says anything
        return f"Composite {media}; how its parts were made is not declared."
    if entry.kind in ("human", "undeclared"):
        return f"Its author declares: {entry.label[0].lower()}{entry.label[1:]}."
    return f"{entry.adjective} {media}{suffix}."


def object_problem(reading: Reading, facts: ObjectFacts) -> str | None:
    """The first disagreement between object and manifest, None when they agree."""
    record = reading.record
    if record is None and not facts.silent:
        return "the manifest does not name the object"
    if record is not None:
        if record.get("object") != facts.object_id:
            return "the manifest names another object"
        if record.get("actor") != facts.actor:
            return "the manifest names another author"
        if facts.record_url is not None and record.get("record") != facts.record_url:
            return "the manifest names another provenance record"
        if not digital_source.same(facts.digital_source_type, reading.digital_source_type):
            return "object and manifest say different things about how it was made"
    if facts.handle is not None and reading.anchor and reading.common_name.lower() != facts.handle.lower():
        return "the certificate belongs to another account"
    return None


def self_problem(reading: Reading) -> str | None:
    """A disagreement within a manifest that a known issuer signed."""
    _, _, named_host = reading.common_name.rpartition("@")
    if reading.common_name.startswith("@") and named_host.lower() != host_of(origin(reading.anchor)):
        return "the certificate is for an account of another instance than the one that issued it"
    record = reading.record
    if record is None:
        return None
    home = origin(record.get("provider"))
    if home is None or origin(record.get("actor")) != home:
        return "the author named in the manifest does not belong to the instance it names"
    if origin(record.get("object")) != home:
        return "the post named in the manifest does not belong to the instance it names"
    # By contract an account is /users/NAME and its leaf @NAME@host; another shape of id says nothing about the name.
    name = _USER.match(urlsplit(str(record.get("actor"))).path)
    if name and reading.common_name.startswith("@") and not reading.common_name.lower().startswith(f"@{name[1].lower()}@"):
        return "the certificate belongs to another account"
    return None


def proof_check(facts: ObjectFacts) -> Check | None:
    """What the object's own signature is worth; None when nothing is known about it."""
    if facts.proof is None:
        return None
    detail = {"valid": "the post is signed by its author", "invalid": "the post's own signature does not hold"}.get(
        facts.proof, "the post carries no signature of its own: its server vouches for it")
    return Check("proof", facts.proof != "invalid", detail)


def digest_check(same: bool) -> Check:
    """Whether the bytes are those that the object names."""
    return Check("digest", same, "equals digestMultibase" if same else "differs from digestMultibase")


def manifest_check(reading: Reading) -> Check:
    """Whether the manifest fits the bytes; the detail says what does not."""
    if not reading.damage:
        return Check("manifest", True, "the C2PA manifest is intact")
    code = reading.damage[0]
    if code == "assertion.bmffHash.mismatch":
        return Check("manifest", False, "the video data does not match the signed hash")
    if code.startswith("assertion.dataHash"):
        return Check("manifest", False, "the image data does not match the signed hash")
    if code.startswith(("assertion.hashedURI", "claimSignature", "assertion.missing")):
        return Check("manifest", False, "the signed statements were changed")
    return Check("manifest", False, f"the manifest does not validate ({plain_name(code)})")


def statements_intact(reading: Reading) -> bool:
    """Whether only the picture and sound differ: the claim and its assertions are as they were signed."""
    return all(code.startswith(("assertion.bmffHash", "assertion.dataHash")) for code in reading.damage)


def signer_check(reading: Reading, silent: Collection[str] = ()) -> Check:
    """Whose certificate signed. `silent`: origins whose certificates could not be asked for."""
    if not reading.anchor:
        detail = "the signing certificate chains to no instance we know"
        if any("expired" in code or "outsideValidity" in code for code in reading.distrust):
            detail = "the signing certificate has expired"
        elif silent:
            detail = f"{host_of(sorted(silent)[0])} could not be asked for its certificates"
        return Check("signer", False, detail)
    host = host_of(origin(reading.anchor))
    if reading.distrust:
        if any("expired" in code or "outsideValidity" in code for code in reading.distrust):
            return Check("signer", False, f"the certificate of {host} has expired")
        return Check("signer", False, f"the certificate of {host} is not acceptable ({plain_name(reading.distrust[0])})")
    return Check("signer", True, f"chains to a root that {host} publishes")


def signer_of(reading: Reading) -> dict[str, str]:
    """The verdict's `signer`: what is known of who signed, and nothing a stranger says about himself."""
    signer = {"certificateSerial": reading.serial}
    home = origin(reading.anchor)
    if home:
        signer["instance"] = home
        actor = (reading.record or {}).get("actor")
        # The issuer's word counts for its own accounts only.
        if isinstance(actor, str) and origin(actor) == home:
            signer["actor"] = actor
    return signer
