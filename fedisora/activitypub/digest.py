"""Digests of bodies and files: `Digest` (RFC 3230), `Content-Digest` (RFC 9530), `digestMultibase` (multihash)."""
from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from ..errors import BadSignature, Malformed
from .multibase import multibase_decode, multibase_encode
from .structured_fields import parse_dictionary

SHA256_PREFIX = b"\x12\x20"


def digest_multibase(sha256: bytes) -> str:
    """`digestMultibase` (`zQm…`) of a 32-byte SHA-256 digest."""
    if len(sha256) != 32:
        raise ValueError("a SHA-256 digest has 32 bytes")
    return multibase_encode(SHA256_PREFIX + sha256)


def digest_from_multibase(text: object) -> bytes:
    """The 32 SHA-256 bytes of a `digestMultibase`.

    Raises:
        Malformed: not base58btc, another hash, or the wrong length.
    """
    data = multibase_decode(text)
    if not data.startswith(SHA256_PREFIX) or len(data) != 34:
        raise Malformed("A digestMultibase must be a sha2-256 multihash.")
    return data[2:]


def digest_header(body: bytes) -> str:
    """Value of `Digest` (RFC 3230): what draft-cavage peers read."""
    return "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()


def content_digest_header(body: bytes) -> str:
    """Value of `Content-Digest` (RFC 9530): what RFC 9421 peers read."""
    return "sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()).decode() + ":"


def check_digest(headers: Mapping[str, str], body: bytes) -> None:
    """Check every digest header sent against the exact bytes received; at least one must have SHA-256.

    Args:
        headers: names in lower case; repeated fields joined with ", ".

    Raises:
        BadSignature: none there, none of SHA-256 (Content-Digest: or SHA-512), given twice, or different from the body.
        Malformed: `Content-Digest` is not a dictionary (400, as Mastodon answers).
    """
    header, content = headers.get("digest"), headers.get("content-digest")
    if header is None and content is None:
        raise BadSignature("A POST needs a Digest or Content-Digest header.")
    if header is not None:
        _check_rfc3230(header, body)
    if content is not None:
        _check_rfc9530(content, body)


def _check_rfc3230(header: str, body: bytes) -> None:
    given: bytes | None = None
    for member in header.split(","):
        name, equals, value = member.strip().partition("=")
        if not equals:
            raise BadSignature("The Digest header could not be parsed.")
        if name.lower() != "sha-256":
            continue
        if given is not None:
            raise BadSignature("The Digest header has SHA-256 twice.")
        try:
            given = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise BadSignature("The Digest header is not base64.") from None
    _compare("Digest", given, hashlib.sha256(body).digest())


def _check_rfc9530(header: str, body: bytes) -> None:
    try:
        members = parse_dictionary(header)
    except Malformed as error:
        raise Malformed("The Content-Digest header is not a dictionary (RFC 8941).", cause=error) from None
    known = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
    found = [name for name in known if name in members]
    if not found:
        raise BadSignature("The Content-Digest header has neither sha-256 nor sha-512.")
    for name in found:
        value = members[name].value
        _compare("Content-Digest", value if isinstance(value, bytes) else None, known[name](body).digest())


def _compare(header: str, given: bytes | None, right: bytes) -> None:
    if given is None:
        raise BadSignature(f"The {header} header has no SHA-256 value.")
    if len(given) != len(right):
        raise BadSignature(f"The {header} header has a value of the wrong length.")
    if not hmac.compare_digest(given, right):
        raise BadSignature(f"The {header} header does not match the body.")
