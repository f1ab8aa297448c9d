"""HumanCredential: an instance's word that an actor is a person, and the list that takes it back.

Source: vocabulary.md §3; W3C VC Data Model 2.0; W3C Bitstring Status List 1.0.
"""
from __future__ import annotations

import base64
import binascii
import datetime as dt
import gzip
import io
import zlib
from collections.abc import Collection, Mapping
from typing import Any, Final

from .. import errors
from .record import parse_time, timestamp
from .verdict import origin

TYPES: Final = ("VerifiableCredential", "HumanCredential")
METHODS: Final = ("fs:LiveClipReviewed", "fs:Vouched", "fs:OIDC", "fs:PresentedCredential")
LONGEST: Final = dt.timedelta(days=184)
"""Six months, the longest of them."""
LASTS: Final = dt.timedelta(days=180)
"""How long we give one."""
LIST_LONGEST: Final = dt.timedelta(days=7)
LIST_BITS: Final = 131_072
CREDENTIALS_V2: Final = "https://www.w3.org/ns/credentials/v2"
CONTEXT: Final[list[Any]] = [CREDENTIALS_V2, {
    "fs": "https://w3id.org/fedisora/v1#",
    "HumanCredential": "fs:HumanCredential",
    "assuranceMethod": {"@id": "fs:assuranceMethod", "@type": "@id"},
}]


def build_credential(
    *, credential_id: str, issuer: str, subject: str, method: str, start: dt.datetime, end: dt.datetime,
    status_list: str, status_index: int,
) -> dict[str, Any]:
    """A HumanCredential with `@context`, without proof.

    Args:
        issuer: instance actor id.
        subject: actor id; nothing else is said about the person.
        method: one of `METHODS`.

    Raises:
        Invalid: unknown method, more than six months, index outside the list.
    """
    if method not in METHODS:
        raise errors.Invalid(f"Choose one of: {', '.join(METHODS)}.")
    if not start < end <= start + LONGEST:
        raise errors.Invalid("A credential lasts at most six months.")
    if not 0 <= status_index < LIST_BITS:
        raise errors.Invalid("The status index is outside the list.")
    return {
        "@context": CONTEXT, "id": credential_id, "type": list(TYPES), "issuer": issuer,
        "validFrom": timestamp(start), "validUntil": timestamp(end),
        "credentialSubject": {"id": subject, "assuranceMethod": method},
        "credentialStatus": {
            "id": f"{status_list}#{status_index}", "type": "BitstringStatusListEntry", "statusPurpose": "revocation",
            "statusListIndex": str(status_index), "statusListCredential": status_list},
    }


def status_entry(credential: Mapping[str, Any]) -> tuple[str, int] | None:
    """(status list URL, index) of a credential's revocation entry, None when there is no usable one."""
    status = credential.get("credentialStatus")
    if not isinstance(status, Mapping) or status.get("statusPurpose") != "revocation":
        return None
    url, index = status.get("statusListCredential"), status.get("statusListIndex")
    if not isinstance(url, str) or not isinstance(index, str) or not index.isdecimal() or len(index) > 6:
        return None
    return (url, int(index)) if int(index) < LIST_BITS else None


def credential_problems(
    credential: Mapping[str, Any], *, issuer: str, subject: str, now: dt.datetime,
) -> list[str]:
    """Why a fetched credential does not say that `subject` is a person; empty when it does.

    The proof (by the ISSUER's Multikey) and the status list are checked separately.
    """
    problems = []
    types = credential.get("type")
    if not isinstance(types, list) or not set(TYPES) <= {item for item in types if isinstance(item, str)}:
        problems.append("is not a HumanCredential")
    if credential.get("issuer") != issuer:
        problems.append("has another issuer")
    if origin(credential.get("id")) is None or origin(credential.get("id")) != origin(issuer):
        problems.append("is not on its issuer's origin")
    about = credential.get("credentialSubject")
    about = about if isinstance(about, Mapping) else {}
    if about.get("id") != subject or subject == issuer:
        problems.append("is about somebody else")
    if about.get("assuranceMethod") not in METHODS:
        problems.append("does not say how the person was checked")
    start, end = parse_time(credential.get("validFrom")), parse_time(credential.get("validUntil"))
    if start is None or end is None or end - start > LONGEST:
        problems.append("has no acceptable period")
    elif not start <= now < end:
        problems.append("is not valid at this time")
    entry = status_entry(credential)
    if entry is None or origin(entry[0]) != origin(issuer):
        problems.append("cannot be revoked")
    return problems


def encode_list(revoked: Collection[int]) -> str:
    """`encodedList` of a status list: multibase base64url of the gzipped 131,072 bits, bit 0 leftmost."""
    bits = bytearray(LIST_BITS // 8)
    for index in revoked:
        bits[index // 8] |= 0x80 >> (index % 8)
    return "u" + base64.urlsafe_b64encode(gzip.compress(bytes(bits), mtime=0)).rstrip(b"=").decode()


def build_list(*, list_id: str, issuer: str, revoked: Collection[int], start: dt.datetime) -> dict[str, Any]:
    """A BitstringStatusList credential with `@context`, without proof; it holds for seven days from `start`."""
    return {
        "@context": [CREDENTIALS_V2], "id": list_id, "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": issuer, "validFrom": timestamp(start), "validUntil": timestamp(start + LIST_LONGEST),
        "credentialSubject": {"id": f"{list_id}#list", "type": "BitstringStatusList", "statusPurpose": "revocation",
                              "encodedList": encode_list(revoked)}}


def is_revoked(status_list: Mapping[str, Any], index: int, *, now: dt.datetime) -> bool:
    """Whether a bit of a fetched status list (proof already checked) is set.

    Raises:
        Invalid: not a revocation list, run out, or it does not unpack to 131,072 bits.
    """
    subject = status_list.get("credentialSubject")
    subject = subject if isinstance(subject, Mapping) else {}
    encoded, end = subject.get("encodedList"), parse_time(status_list.get("validUntil"))
    if subject.get("statusPurpose") != "revocation" or not isinstance(encoded, str) or not encoded.startswith("u"):
        raise errors.Invalid("This is not a revocation list.")
    if end is None or end <= now:
        raise errors.Invalid("The revocation list has run out.")
    try:
        packed = base64.b64decode(encoded[1:] + "=" * (-len(encoded[1:]) % 4), altchars=b"-_", validate=True)
        # One byte more than allowed is enough to know a bomb.
        bits = gzip.GzipFile(fileobj=io.BytesIO(packed)).read(LIST_BITS // 8 + 1)
    except (binascii.Error, OSError, EOFError, zlib.error) as problem:
        raise errors.Invalid("The revocation list cannot be unpacked.", cause=problem) from problem
    if len(bits) != LIST_BITS // 8 or not 0 <= index < LIST_BITS:
        raise errors.Invalid("The revocation list has the wrong length.")
    return bool(bits[index // 8] & (0x80 >> (index % 8)))
