"""The verdict on a file: what we know, in a closed set of words, with the checks it rests on.

Source: vocabulary.md §5. Pure: the bytes were read by `media` (op `read`), the facts and lists were fetched before.
"""
from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from . import digital_source
from .reading import Reading, read_report
from .record import timestamp

VERDICTS: Final = (
    "verified", "verified-foreign-issuer", "intact-unknown-signer", "contradicted", "tampered", "revoked", "recovered",
    "unsigned", "unreadable")
GOOD: Final = ("verified", "verified-foreign-issuer")
"""Verdicts for which `fedisora verify` exits 0."""
_LONGEST_NAME: Final = 80


@dataclass(frozen=True)
class ObjectFacts:
    """What the ActivityPub object says about its file. None = the object does not say.

    Attributes:
        object_id, actor: ids of the Note and its author.
        digest_multibase: of the served file.
        digital_source_type: IPTC URI; compared always, because object and manifest must agree (absent = undeclared).
        record_url: id of the ProvenanceRecord.
        handle: `@name@host` of the author, compared with the leaf's CN.
    """

    object_id: str
    actor: str
    digest_multibase: str | None = None
    digital_source_type: str | None = None
    record_url: str | None = None
    handle: str | None = None


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


@dataclass(frozen=True)
class Verdict:
    """The verdict object of vocabulary §5."""

    verdict: str
    summary: str
    checked_at: dt.datetime
    signer: dict[str, str] | None = None
    digital_source_type: str | None = None
    record: dict[str, Any] | None = None
    checks: Sequence[Check] = ()
    match: Match | None = None
    claims: Sequence[Mapping[str, Any]] = field(default=())

    @property
    def good(self) -> bool:
        """Whether a trusted issuer vouches for exactly these bytes."""
        return self.verdict in GOOD

    def to_json(self) -> dict[str, Any]:
        """The JSON of the API, the CLI and the entities. `signer` and `record` are null when there is none."""
        node: dict[str, Any] = {
            "verdict": self.verdict, "summary": self.summary, "checkedAt": timestamp(self.checked_at),
            "signer": self.signer, "digitalSourceType": self.digital_source_type, "record": self.record,
            "checks": [check.to_json() for check in self.checks], "claims": [dict(claim) for claim in self.claims],
        }
        if self.match:
            node["match"] = {"object": self.match.object, "distance": self.match.distance}
        return node


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


def _host(origin_or_uri: str | None) -> str:
    return urlsplit(origin_or_uri or "").netloc


def _name(text: object) -> str:
    """A name from a hostile file, fit for a sentence."""
    if not isinstance(text, str):
        return ""
    return "".join(char for char in text if char.isprintable()).strip()[:_LONGEST_NAME]


def describe(source_type: str | None, record: Mapping[str, Any] | None, media: str = "video") -> str:
    """A sentence on how it was made: "AI-generated video (Wan2.2 TI2V-5B)." `media` is a noun."""
    generator = (record or {}).get("generator")
    model = _name(generator.get("model") or generator.get("name")) if isinstance(generator, Mapping) else ""
    suffix = f" ({model})" if model else ""
    entry = digital_source.find(source_type)
    if entry is None:
        return f"How this {media} was made is not declared."
    if entry.uri == digital_source.ALGORITHMIC:
        return f"Made by a procedural program{suffix}, not AI."
    if entry.kind in ("human", "undeclared"):
        return f"Its author declares: {entry.label[0].lower()}{entry.label[1:]}."
    return f"{entry.adjective} {media}{suffix}."


def _revoked(serial: str, revoked: Collection[str]) -> bool:
    return bool(serial) and serial in {entry.lower().lstrip("0") for entry in revoked}


def _object_problem(reading: Reading, facts: ObjectFacts) -> str | None:
    """The first disagreement between object and manifest, None when they agree."""
    record = reading.record
    if record is None:
        return "the manifest does not name the object"
    if record.get("object") != facts.object_id:
        return "the manifest names another object"
    if record.get("actor") != facts.actor:
        return "the manifest names another author"
    if facts.record_url is not None and record.get("record") != facts.record_url:
        return "the manifest names another provenance record"
    if facts.digital_source_type != reading.digital_source_type:
        return "object and manifest say different things about how it was made"
    if facts.handle is not None and reading.anchor and reading.common_name.lower() != facts.handle.lower():
        return "the certificate belongs to another account"
    return None


def _self_problem(reading: Reading) -> str | None:
    """A disagreement within a manifest that a known issuer signed."""
    record = reading.record
    if record is None:
        return None
    home = origin(record.get("provider"))
    if home is None or origin(record.get("actor")) != home:
        return "the author named in the manifest does not belong to the instance it names"
    return None


def _early(
    reading: Mapping[str, Any], facts: ObjectFacts | None, digest: str | None, now: dt.datetime, match: Match | None,
) -> Verdict:
    """The verdict on a file without a manifest that could be read."""
    error = reading.get("error")
    code = str(error.get("code", "")) if isinstance(error, Mapping) else "unreadable"
    if code == "damaged":
        return Verdict("tampered", "The file carries a signed record that is damaged.", now,
                       checks=[Check("manifest", False, "the C2PA manifest is damaged")])
    if code != "unsigned":
        return Verdict("unreadable", "This file could not be read as a video or an image.", now,
                       checks=[Check("manifest", False, "not a media file we can read")])
    checks = [Check("manifest", False, "no C2PA manifest")]
    if facts and facts.digest_multibase and digest:
        same = facts.digest_multibase == digest
        checks.append(_digest_check(same))
        if not same:
            return Verdict("tampered", "These are not the bytes that the post names.", now, checks=checks)
    if match:
        return Verdict("recovered", f"The file carries no signed record, but it matches {_name(match.object)}.", now,
                       checks=checks, match=match)
    return Verdict("unsigned", "The file carries no signed record of how it was made. That says nothing about who or "
                   "what made it.", now, checks=checks)


def _digest_check(same: bool) -> Check:
    return Check("digest", same, "equals digestMultibase" if same else "differs from digestMultibase")


def _manifest_check(reading: Reading) -> Check:
    if not reading.damage:
        return Check("manifest", True, "the C2PA manifest is intact")
    code = reading.damage[0]
    if code == "assertion.bmffHash.mismatch":
        return Check("manifest", False, "the video data does not match the signed hash")
    if code.startswith("assertion.dataHash"):
        return Check("manifest", False, "the image data does not match the signed hash")
    if code.startswith(("assertion.hashedURI", "claimSignature", "assertion.missing")):
        return Check("manifest", False, "the signed statements were changed")
    return Check("manifest", False, f"the manifest does not validate ({_name(code)})")


def _statements_intact(reading: Reading) -> bool:
    """Whether only the picture and sound differ: the claim and its assertions are as they were signed."""
    return all(code.startswith(("assertion.bmffHash", "assertion.dataHash")) for code in reading.damage)


def _signer_check(reading: Reading) -> Check:
    if not reading.anchor:
        detail = "the signing certificate chains to no instance we know"
        if any("expired" in code or "outsideValidity" in code for code in reading.distrust):
            detail = "the signing certificate has expired"
        return Check("signer", False, detail)
    host = _host(origin(reading.anchor))
    if reading.distrust:
        return Check("signer", False, f"the certificate of {host} is not acceptable ({_name(reading.distrust[0])})")
    return Check("signer", True, f"chains to a root that {host} publishes")


def _signer(reading: Reading) -> dict[str, str]:
    signer = {"certificateSerial": reading.serial}
    home = origin(reading.anchor)
    if home:
        signer["instance"] = home
        actor = (reading.record or {}).get("actor")
        # The issuer's word counts for its own accounts only.
        if isinstance(actor, str) and origin(actor) == home:
            signer["actor"] = actor
    return signer


def decide(
    reading: Mapping[str, Any], *, claimed_origin: str | None, object_facts: ObjectFacts | None, digest: str | None,
    now: dt.datetime, revoked_serials: Collection[str] | None = None, revoked_stamps: Collection[str] = (),
    match: Match | None = None, claims: Sequence[Mapping[str, Any]] = (), media: str = "video",
) -> Verdict:
    """Weigh what was read about a file.

    Args:
        reading: the answer of `media` op `read`: {"report": libc2pa's report | None,
            "error": {"code", "detail"} | None} with codes `unsigned`, `damaged`, `unreadable`.
        claimed_origin: the origin that the object (or URL) comes from; None = the one the manifest names itself.
        object_facts: when the ActivityPub object is known.
        digest: `digestMultibase` of the bytes.
        now: aware.
        revoked_serials: the issuer's revocation list, lower-case hex; None = it could not be consulted.
        revoked_stamps: ids of required consent stamps that are gone.
        match: a soft-binding match, for files without a record.
        claims: results of `registry.validate`.
        media: the noun for the summary, "video" or "image".
    """
    report = reading.get("report")
    parsed = read_report(report) if isinstance(report, Mapping) else None
    if parsed is None:
        return _early(reading, object_facts, digest, now, match)
    known, issuer = parsed.anchor is not None and not parsed.distrust, origin(parsed.anchor)
    signer = _signer_check(parsed)
    checks = [_manifest_check(parsed), signer]

    def verdict(word: str, summary: str) -> Verdict:
        return Verdict(word, summary, now, signer=_signer(parsed), digital_source_type=parsed.digital_source_type,
                       record=parsed.record, checks=checks, claims=claims)

    by = _host(issuer) if known else "its unknown signer"
    same = None
    if object_facts and object_facts.digest_multibase and digest:
        same = object_facts.digest_multibase == digest
    if parsed.damage:
        if same is not None:
            checks.append(_digest_check(same))
        if _statements_intact(parsed):
            return verdict("tampered", f"The file was changed after {by} signed it.")
        # Who changed the statements may have written them: nothing they say is passed on.
        return Verdict("tampered", "The record in this file was changed after it was signed, so nothing in it can be "
                       "relied on.", now, checks=[checks[0], *checks[2:]])

    # Who cannot be reached cannot revoke: without a list nothing is said about revocation.
    cut_off = False
    if known and revoked_serials is not None:
        cut_off = _revoked(parsed.serial, revoked_serials)
        checks.append(Check("revocation", not cut_off, "the certificate is revoked" if cut_off else "not revoked"))
    if revoked_stamps:
        checks.append(Check("consent", False, "a consent that this file needs was withdrawn"))
    if same is not None:
        checks.append(_digest_check(same))
    problem = _object_problem(parsed, object_facts) if object_facts else None
    if object_facts:
        checks.append(Check("object", problem is None, problem or "object and manifest agree"))
    if parsed.bad_ingredients:
        names = ", ".join(_name(title) for title in parsed.bad_ingredients[:3])
        checks.append(Check("ingredients", False, f"a file it was made from had been changed: {names}"))
    problem = problem or (_self_problem(parsed) if known else None)

    if same is False:
        return verdict("tampered", "These are not the bytes that the post names.")
    if cut_off:
        return verdict("revoked", f"The file is unchanged, but {by} has revoked the certificate that signed it.")
    if revoked_stamps:
        return verdict("revoked", "The file is unchanged, but a consent that it needs was withdrawn.")
    if parsed.bad_ingredients:
        return verdict("contradicted", "The file is unchanged, but a file it was made from had been changed.")
    if problem:
        return verdict("contradicted", f"The file is unchanged, but {problem}.")
    if not known:
        return verdict("intact-unknown-signer", "The file is unchanged since it was signed, but we do not know the "
                       "signer: what it says about itself is only a claim.")
    made = describe(parsed.digital_source_type, parsed.record, media)
    homes = [origin(claimed_origin), origin((parsed.record or {}).get("provider"))]
    foreign = [home for home in homes if home and home != issuer]
    if foreign:
        return verdict("verified-foreign-issuer",
                       f"Signed by {by}, not by {_host(foreign[0])}; the file is unchanged. {made}")
    name = _name(parsed.common_name)
    whom = f"for {name} by {by}" if name.endswith(f"@{by}") else f"by {by}"
    return verdict("verified", f"Signed {whom}; the file is unchanged. {made}")
