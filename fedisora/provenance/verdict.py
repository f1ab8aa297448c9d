"""The verdict on a file: what we know, in a closed set of words, with the checks it rests on.

Source: vocabulary.md §5. Pure: the bytes were read by `media` (op `read`), the facts and lists were fetched before.
"""
from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from .checks import (
    Check,
    Match,
    ObjectFacts,
    describe,
    digest_check,
    host_of,
    manifest_check,
    object_problem,
    origin,
    plain_name,
    proof_check,
    self_problem,
    signer_check,
    signer_of,
    statements_intact,
)
from .reading import Reading, read_report
from .record import timestamp

__all__ = ["GOOD", "VERDICTS", "Check", "Match", "ObjectFacts", "Verdict", "decide", "describe", "origin", "revoke"]

VERDICTS: Final = (
    "verified", "verified-foreign-issuer", "intact-unknown-signer", "contradicted", "tampered", "revoked", "recovered",
    "unsigned", "unreadable")
_PARTS: Final = {"intact": "unchanged since it was signed", "changed": "had been changed after it was signed",
                 "unsigned": "carries no signed record of its own"}
GOOD: Final = ("verified", "verified-foreign-issuer")
"""Verdicts for which `fedisora verify` exits 0."""


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


def _revoked(serial: str, revoked: Collection[str]) -> bool:
    return bool(serial) and serial in {entry.lower().lstrip("0") for entry in revoked}


@dataclass(frozen=True)
class Consents:
    """Required consent stamps (vocabulary §4) that do not hold: ids of those withdrawn or run out, and of wrong ones."""

    revoked: Collection[str] = ()
    invalid: Collection[str] = ()

    def check(self) -> Check | None:
        """The check of the verdict; None when no consent is missing."""
        if self.revoked:
            return Check("consent", False, "a consent that this file needs was withdrawn")
        if self.invalid:
            return Check("consent", False, "a consent that this file names does not hold")
        return None


def _early(
    reading: Mapping[str, Any], facts: ObjectFacts | None, digest: str | None, now: dt.datetime, match: Match | None,
    consents: Consents,
) -> Verdict:
    """The verdict on a file without a manifest that could be read."""
    error = reading.get("error")
    code = str(error.get("code", "")) if isinstance(error, Mapping) else "unreadable"
    if code == "damaged":
        return Verdict("tampered", "The file carries a signed record that is damaged.", now, match=match,
                       checks=[Check("manifest", False, "the C2PA manifest is damaged")])
    if code != "unsigned":
        return Verdict("unreadable", "This file could not be read as a video or an image.", now, match=match,
                       checks=[Check("manifest", False, "not a media file we can read")])
    elsewhere = isinstance(error, Mapping) and error.get("detail") == "remote"
    checks = [Check("manifest", False, "no C2PA manifest in the file; it only names one on another server"
                    if elsewhere else "no C2PA manifest")]
    if facts is not None:
        checks += _facts_checks(facts)
    consent = consents.check()
    if consent:
        checks.append(consent)

    def verdict(word: str, summary: str) -> Verdict:
        return Verdict(word, summary, now, checks=checks, match=match)

    if facts and facts.digest_multibase and digest:
        same = facts.digest_multibase == digest
        checks.append(digest_check(same))
        if not same:
            return verdict("tampered", "These are not the bytes that the post names.")
    if consent:
        return verdict("revoked", f"The file carries no signed record, and {consent.detail}.")
    if match:
        return verdict("recovered", f"The file carries no signed record, but it matches {plain_name(match.object)}.")
    if facts is not None and facts.disagreements:
        return verdict("contradicted", f"The file carries no signed record, and {facts.disagreements[0]}.")
    return verdict("unsigned", "The file carries no signed record of how it was made. That says nothing about who or "
                   "what made it.")


def _facts_checks(facts: ObjectFacts) -> list[Check]:
    checks = [Check("post", False, text) for text in facts.disagreements]
    if facts.withdrawn:
        checks.append(Check("label", False, facts.withdrawn))
    proof = proof_check(facts)
    return [*checks, proof] if proof else checks


def _damaged(parsed: Reading, checks: list[Check], same: bool | None, by: str, now: dt.datetime, match: Match | None,
             claims: Sequence[Mapping[str, Any]]) -> Verdict:
    if same is not None:
        checks.append(digest_check(same))
    if statements_intact(parsed):
        return Verdict("tampered", f"The file was changed after {by} signed it.", now, signer=signer_of(parsed), match=match,
                       digital_source_type=parsed.digital_source_type, record=parsed.record, checks=checks, claims=claims)
    # Who changed the statements may have written them: nothing they say is passed on.
    return Verdict("tampered", "The record in this file was changed after it was signed, so nothing in it can be relied on.",
                   now, checks=[checks[0], *checks[2:]], match=match)


def decide(
    reading: Mapping[str, Any], *, claimed_origin: str | None, object_facts: ObjectFacts | None, digest: str | None,
    now: dt.datetime, revoked_serials: Collection[str] | None = None, revoked_stamps: Collection[str] = (),
    invalid_stamps: Collection[str] = (), silent_origins: Collection[str] = (), match: Match | None = None,
    claims: Sequence[Mapping[str, Any]] = (), media: str = "video",
) -> Verdict:
    """Weigh what was read about a file. Of several things that are wrong, the word names the first of this order: unreadable,
    tampered, revoked, contradicted, unknown signer, foreign issuer.

    Args:
        reading: the answer of `media` op `read`: {"report": libc2pa's report | None, "sidecar": bool | None,
            "error": {"code", "detail"} | None} with codes `unsigned`, `damaged`, `unreadable`.
        claimed_origin: the origin that the object (or URL) comes from; None = the one the manifest names itself.
        object_facts: when the ActivityPub object is known.
        digest: `digestMultibase` of the bytes.
        now: aware.
        revoked_serials: the issuer's revocation list, lower-case hex; None = it could not be consulted.
        revoked_stamps: ids of required consent stamps that are gone or have run out.
        invalid_stamps: ids of required consent stamps that do not verify.
        silent_origins: origins whose certificates could not be asked for.
        match: a known file that this one looks like (by soft binding); the word `recovered` is for files without a record.
        claims: results of `registry.validate`.
        media: the noun for the summary, "video" or "image".
    """
    if reading.get("sidecar") is False and object_facts is not None:
        object_facts = replace(object_facts, disagreements=(
            *object_facts.disagreements, "the manifest that the post links to is not the one in the file"))
    report, consents = reading.get("report"), Consents(revoked_stamps, invalid_stamps)
    parsed = read_report(report) if isinstance(report, Mapping) else None
    if parsed is None:
        return _early(reading, object_facts, digest, now, match, consents)
    known, issuer = parsed.anchor is not None and not parsed.distrust, origin(parsed.anchor)
    checks = [manifest_check(parsed), signer_check(parsed, silent_origins)]

    def verdict(word: str, summary: str) -> Verdict:
        return Verdict(word, summary, now, signer=signer_of(parsed), digital_source_type=parsed.digital_source_type,
                       record=parsed.record, checks=checks, claims=claims, match=match)

    by = host_of(issuer) if known else "its unknown signer"
    same = None
    if object_facts and object_facts.digest_multibase and digest:
        same = object_facts.digest_multibase == digest
    if parsed.damage:
        return _damaged(parsed, checks, same, by, now, match, claims)

    cut_off = parsed.cut_off
    if cut_off or (known and revoked_serials is not None):
        cut_off = cut_off or _revoked(parsed.serial, revoked_serials or ())
        checks.append(Check("revocation", not cut_off, "the certificate is revoked" if cut_off else "not revoked"))
    elif known:  # who cannot be reached cannot revoke, and cannot say that it did not
        checks.append(Check("revocation", False, f"{by} could not be asked whether the certificate is revoked"))
    consent = consents.check()
    if consent:
        checks.append(consent)
    if same is not None:
        checks.append(digest_check(same))
    problem = object_problem(parsed, object_facts) if object_facts else None
    if object_facts:
        checks.append(Check("object", problem is None, problem or "object and manifest agree"))
        checks += _facts_checks(object_facts)
        if problem is None and object_facts.disagreements:
            problem = object_facts.disagreements[0]
        if problem is None and object_facts.proof == "invalid":
            problem = "the post's own signature does not hold"
    if parsed.bad_ingredients:
        names = ", ".join(plain_name(title) for title in parsed.bad_ingredients[:3])
        checks.append(Check("ingredients", False, f"a file it was made from had been changed: {names}"))
    checks += [Check("ingredient", state != "changed", f"{_PARTS[state]}: {plain_name(title)}") for title, state in parsed.parts]
    checks += [Check("likeness", True, uri) for uri in parsed.shown]
    problem = problem or (self_problem(parsed) if known else None)

    if same is False:
        return verdict("tampered", "These are not the bytes that the post names.")
    if cut_off:
        who = by if known else "whoever issued it"
        return verdict("revoked", f"The file is unchanged, but {who} has revoked the certificate that signed it.")
    if consent:
        return verdict("revoked", f"The file is unchanged, but {consent.detail}.")
    if parsed.bad_ingredients:
        return verdict("contradicted", "The file is unchanged, but a file it was made from had been changed.")
    if problem:
        return verdict("contradicted", f"The file is unchanged, but {problem}.")
    if not known:
        return verdict("intact-unknown-signer", _unknown(parsed, silent_origins))
    made = describe(parsed.digital_source_type, parsed.record, media)
    homes = [origin(claimed_origin), origin((parsed.record or {}).get("provider"))]
    foreign = [home for home in homes if home and home != issuer]
    if foreign:
        return verdict("verified-foreign-issuer",
                       f"Signed by {by}, not by {host_of(foreign[0])}; the file is unchanged. {made}")
    name = plain_name(parsed.common_name)
    whom = f"for {name} by {by}" if name.endswith(f"@{by}") else f"by {by}"
    return verdict("verified", f"Signed {whom}; the file is unchanged. {made}")


def _unknown(parsed: Reading, silent: Collection[str]) -> str:
    if parsed.anchor:
        return (f"The file is unchanged since it was signed, but the certificate of {host_of(origin(parsed.anchor))} that signed "
                "it is not valid now: what the file says about itself is only a claim.")
    if silent:
        return (f"The file is unchanged since it was signed, but {host_of(sorted(silent)[0])} could not be asked whether the "
                "signature is its own: what the file says about itself is only a claim until then.")
    return ("The file is unchanged since it was signed, but we do not know the signer: what it says about itself is only a "
            "claim.")


def revoke(verdict: Mapping[str, Any], now: dt.datetime, *, consent: bool = False) -> dict[str, Any]:
    """A kept verdict object once its certificate (or, with `consent`, a stamp it needs) is revoked: the bytes need not be
    read again for that. A verdict on bytes that are worse than revoked stays as it is."""
    node = dict(verdict)
    if node.get("verdict") in ("tampered", "unreadable", "revoked"):
        return node
    name, detail = ("consent", "a consent that this file needs was withdrawn") if consent else (
        "revocation", "the certificate is revoked")
    signer = node.get("signer")
    who = host_of(signer.get("instance")) if isinstance(signer, Mapping) else ""
    summary = (f"The file is unchanged, but {detail}." if consent and signer else
               f"The file carries no signed record, and {detail}." if consent else
               f"The file is unchanged, but {who or 'whoever issued it'} has revoked the certificate that signed it.")
    kept = [check for check in node.get("checks") or () if isinstance(check, Mapping) and check.get("name") != name]
    return node | {"verdict": "revoked", "summary": summary, "checkedAt": timestamp(now),
                   "checks": [*kept, Check(name, False, detail).to_json()]}
