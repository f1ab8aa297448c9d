"""One door to both kinds of HTTP signature: draft-cavage-http-signatures-12 and RFC 9421."""
from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from email.utils import format_datetime
from urllib.parse import urlsplit

from ..errors import BadSignature
from . import http_signatures, message_signatures
from .keys import PrivateKey, PublicKey
from .requests import Request, Scheme, SignatureInfo

__all__ = ["Request", "Scheme", "SignatureInfo", "read_signature", "sign_request", "verify_request"]


def read_signature(request: Request) -> SignatureInfo:
    """The signature a request carries, not yet verified. RFC 9421 wins when both are there, and is then the only one.

    Raises:
        BadSignature: none, empty, a parameter twice, several signatures, or unreadable.
    """
    if "signature-input" in request.headers:
        return message_signatures.parse(request)
    return http_signatures.parse(request)


def verify_request(request: Request, info: SignatureInfo, key: PublicKey, now: dt.datetime) -> None:
    """Check what is covered, the host, the times, the digest of the body and the signature.

    Raises:
        BadSignature: with the reason.
        Malformed: `Content-Digest` is not a structured field.
    """
    if info.scheme == "rfc9421":
        message_signatures.verify(request, info, key, now)
        return
    try:
        http_signatures.verify(request, info, key, now)
    except BadSignature:
        # Some peers sign the path of a GET without its query (Mastodon takes that too). Only reading is at stake.
        bare = request.url.partition("?")[0]
        if request.method != "GET" or bare == request.url:
            raise
        http_signatures.verify(replace(request, url=bare), info, key, now)


def sign_request(scheme: Scheme, method: str, url: str, body: bytes | None, key_id: str, private_key: PrivateKey,
                 now: dt.datetime, content_type: str = "application/activity+json", accept: str | None = None,
                 extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """All headers of a signed request: Host, Date, Accept, Content-Type, Digest or Content-Digest, Signature[-Input].

    Args:
        body: None for a GET; its exact bytes otherwise.
        now: the signing time, aware.
        extra: further headers, which the signature covers too.
    """
    headers = {"Host": urlsplit(url).netloc, "Date": format_datetime(now.astimezone(dt.UTC), usegmt=True)}
    if body is not None:
        headers["Content-Type"] = content_type
    if accept is not None:
        headers["Accept"] = accept
    headers |= extra or {}
    covered = tuple(name.lower() for name in extra or ())
    if scheme == "rfc9421":
        return message_signatures.sign(method.upper(), url, headers, body, key_id, private_key, now, covered)
    return http_signatures.sign(method.upper(), url, headers, body, key_id, private_key, covered)
