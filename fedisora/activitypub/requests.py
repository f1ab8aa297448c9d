"""What a signature is made over: a request, the signature it claims to carry, and how old that may be."""
from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from ..errors import BadSignature
from .keys import PublicKey

Scheme = Literal["cavage", "rfc9421"]

MAX_HEADER = 8192
MAX_KEY_ID = 2048
BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})

SKEW = dt.timedelta(hours=1)
LIFE = dt.timedelta(minutes=5)
MAX_LIFE = dt.timedelta(hours=12)


@dataclass(frozen=True)
class Request:
    """A request to sign or check.

    Args:
        url: the full public target URI, as the sender must have addressed it (not what a proxy made of it).
        headers: names in lower case; repeated fields joined with ", ".
        body: the exact bytes received.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None

    @property
    def target(self) -> str:
        """Path and query."""
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    @property
    def target_uri(self) -> str:
        """The URL without a fragment, with a path."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{self.target}"

    @property
    def authority(self) -> str:
        """Host in lower case, with a port that is not the scheme's own."""
        parts = urlsplit(self.url)
        return _authority(parts.scheme, parts.netloc)

    @property
    def needs_digest(self) -> bool:
        """Whether the body must be covered: for every method that has one, and whenever there is one."""
        return bool(self.body) or self.method.upper() not in BODILESS

    def check_host(self) -> None:
        """Raises BadSignature unless the Host header names the host of `url`: a signature for another is worthless."""
        if _authority(urlsplit(self.url).scheme, self.headers.get("host", "")) != self.authority:
            raise BadSignature("The request is meant for another host.")

    def header(self, name: str) -> str:
        """A covered header.

        Raises:
            BadSignature: the request does not have it, or it could be read as two lines.
        """
        value = self.headers.get(name)
        if value is None:
            raise BadSignature("The signature covers a header that the request does not have.", cause=name)
        if "\n" in value or "\r" in value:
            raise BadSignature("A covered header has a line break.", cause=name)
        return value.strip(" \t")


@dataclass(frozen=True)
class SignatureInfo:
    """A parsed, not yet verified signature. `created` and `expires` are seconds since 1970."""

    scheme: Scheme
    key_id: str
    signature: bytes
    covered: tuple[str, ...]
    algorithm: str = ""
    created: int | None = None
    expires: int | None = None
    raw_params: str = field(default="", repr=False)
    """RFC 9421: the signature parameters exactly as sent."""


def _authority(scheme: str, netloc: str) -> str:
    netloc = netloc.lower()
    return netloc.removesuffix({"https": ":443", "http": ":80"}.get(scheme, ":443"))


def check_window(created: dt.datetime, expires: dt.datetime | None, now: dt.datetime) -> None:
    """Mastodon's window: at most an hour ahead; over at min(`expires` or 5 minutes, 12 hours) plus an hour of skew.

    Raises:
        BadSignature: too early, too late, or over.
    """
    if created > now + SKEW:
        raise BadSignature("The signature is dated in the future.")
    if created <= now - MAX_LIFE - SKEW:
        raise BadSignature("The signature is too old.")
    # From here on `created` is close to `now`, so the sums cannot overflow.
    last = created + LIFE if expires is None else min(expires, created + MAX_LIFE)
    if now > last + SKEW:
        raise BadSignature("The signature has expired.")


def moment(seconds: int) -> dt.datetime:
    """The aware UTC datetime of a UNIX time.

    Raises:
        BadSignature: outside of what a calendar holds.
    """
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (ValueError, OverflowError, OSError):
        raise BadSignature("A time of the signature cannot be read.") from None


def check_key_id(key_id: object) -> str:
    """Raises BadSignature unless it is a text of sensible length without control characters."""
    if not isinstance(key_id, str) or not key_id or len(key_id) > MAX_KEY_ID or not key_id.isprintable():
        raise BadSignature("The signature names no usable key.")
    return key_id


def does_not_verify(key: PublicKey) -> BadSignature:
    """The one answer for a signature that is well-formed and wrong."""
    return BadSignature("The signature does not verify with the actor's key.", cause=type(key).__name__)
