"""draft-cavage-http-signatures-12, as the fediverse uses it: `Signature: keyId="…",headers="…",signature="…"`."""
from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from email.utils import parsedate_to_datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from ..errors import BadSignature
from .digest import check_digest, digest_header
from .keys import PrivateKey, PublicKey
from .requests import MAX_HEADER, Request, SignatureInfo, check_key_id, check_window, does_not_verify, moment

_PARAMETER = re.compile(r'[ \t]*([A-Za-z]+)[ \t]*=[ \t]*(?:"([^"]*)"|(\d{1,15}))[ \t]*(?:,(?=[ \t]*[A-Za-z])|\Z)')
_ALGORITHMS = ("", "rsa-sha256", "hs2019", "ed25519")
"""`hs2019` means "by the key": in the fediverse rsa-sha256 for RSA keys. HMAC would make a public key a secret."""


def parse(request: Request) -> SignatureInfo:
    """The `Signature` header.

    Raises:
        BadSignature: missing, empty, too long, a parameter or a covered header twice, or unreadable.
    """
    text = request.headers.get("signature", "").strip()
    if not text:
        raise BadSignature("The request is not signed.")
    if len(text) > MAX_HEADER:
        raise BadSignature("The Signature header is too long.")
    values: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if match is None:
            raise BadSignature("The Signature header cannot be read.")
        if match[1] in values:
            raise BadSignature("The Signature header has a parameter twice.", cause=match[1])
        values[match[1]] = match[3] if match[2] is None else match[2]
        at = match.end()
    covered = tuple(values.get("headers", "date").lower().split(" "))
    if "" in covered or len(set(covered)) != len(covered):
        raise BadSignature("The Signature header's list of headers is empty or has one twice.")
    algorithm = values.get("algorithm", "").lower()
    if algorithm not in _ALGORITHMS:
        raise BadSignature("This signature algorithm is not accepted.", cause=algorithm)
    try:
        signature = base64.b64decode(values.get("signature", ""), validate=True)
    except (ValueError, binascii.Error):
        raise BadSignature("The signature is not base64.") from None
    if not signature:
        raise BadSignature("The signature is empty.")
    return SignatureInfo("cavage", check_key_id(values.get("keyId")), signature, covered, algorithm,
                         _seconds(values, "created"), _seconds(values, "expires"))


def _seconds(values: dict[str, str], name: str) -> int | None:
    text = values.get(name)
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,15}(?:\.[0-9]{1,9})?", text) is None:
        raise BadSignature("A time of the signature cannot be read.", cause=name)
    return int(text.partition(".")[0])


def signing_string(request: Request, info: SignatureInfo) -> bytes:
    """What is signed (section 2.3).

    Raises:
        BadSignature: a covered header that the request does not have.
    """
    lines = []
    for name in info.covered:
        if name == "(request-target)":
            value = f"{request.method.lower()} {request.target}"
        elif name in ("(created)", "(expires)"):
            if info.algorithm.startswith("rsa"):
                raise BadSignature("(created) and (expires) cannot be signed with rsa-sha256.")
            number = info.created if name == "(created)" else info.expires
            if number is None:
                raise BadSignature("The signature covers a time that it does not state.", cause=name)
            value = str(number)
        else:
            value = request.header(name)
        lines.append(f"{name}: {value}")
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def verify(request: Request, info: SignatureInfo, key: PublicKey, now: dt.datetime) -> None:
    """Check coverage, host, times, digest and signature.

    Raises:
        BadSignature: target, host, date or (with a body) digest not covered, too old or new, other bytes, another key.
        Malformed: `Content-Digest` is not a structured field.
    """
    covered = set(info.covered)
    for name in ("(request-target)", "host"):
        if name not in covered:
            raise BadSignature(f"The signature does not cover {name}.")
    request.check_host()
    _check_times(request, info, now)
    if request.needs_digest:
        if not covered & {"digest", "content-digest"}:
            raise BadSignature("The signature does not cover the digest.")
        check_digest(request.headers, request.body or b"")
    message = signing_string(request, info)
    try:
        if info.algorithm == ("ed25519" if isinstance(key, RSAPublicKey) else "rsa-sha256"):
            raise BadSignature("The signature's algorithm does not fit the actor's key.")
        if isinstance(key, RSAPublicKey):
            key.verify(info.signature, message, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(info.signature, message)
    except InvalidSignature:
        raise does_not_verify(key) from None


def _check_times(request: Request, info: SignatureInfo, now: dt.datetime) -> None:
    """Only covered times count: an uncovered `expires` could be added to a captured request to make it live longer."""
    dates = []
    if "(created)" in info.covered and info.created is not None:
        dates.append(moment(info.created))
    if "date" in info.covered:
        dates.append(_date(request.header("date")))
    if not dates:
        raise BadSignature("The signature covers no date.")
    expires = moment(info.expires) if "(expires)" in info.covered and info.expires is not None else None
    for date in dates:
        check_window(date, expires, now)


def _date(text: str) -> dt.datetime:
    try:
        found = parsedate_to_datetime(text[:64])
        return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise BadSignature("The Date header cannot be read.", cause=error) from None


def sign(method: str, url: str, headers: dict[str, str], body: bytes | None, key_id: str, private_key: PrivateKey,
         extra: tuple[str, ...] = ()) -> dict[str, str]:
    """`headers` (with Host and Date, which is the signing time) plus Digest and Signature."""
    signed = dict(headers)
    names = ["(request-target)", "host", "date"]
    if body is not None:
        signed["Digest"] = digest_header(body)
        names += ["digest", "content-type"]
    names += extra
    request = Request(method, url, {name.lower(): value for name, value in signed.items()}, body)
    # Strict peers want `algorithm`; draft-12 would call this hs2019, but rsa-sha256 is what all of them verify.
    algorithm = "rsa-sha256" if isinstance(private_key, RSAPrivateKey) else "hs2019"
    message = signing_string(request, SignatureInfo("cavage", key_id, b"", tuple(names), algorithm))
    raw = (private_key.sign(message, padding.PKCS1v15(), hashes.SHA256()) if isinstance(private_key, RSAPrivateKey)
           else private_key.sign(message))
    signed["Signature"] = (f'keyId="{key_id}",algorithm="{algorithm}",headers="{" ".join(names)}",'
                           f'signature="{base64.b64encode(raw).decode()}"')
    return signed
