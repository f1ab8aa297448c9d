"""What this instance decided about other domains, and the questions that follow from it (rule: block beats every cache).

A rule counts for its domain and everything below it; of several the longest domain decides, so that `allow` for
`good.example.org` is an exception to `block` for `example.org`.
"""
from __future__ import annotations

import functools
import ipaddress
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from ..activitypub.parse import host_of
from ..db import Database
from ..errors import Forbidden, Malformed
from ..models import Actor, DomainRule
from ..settings import Settings

SEVERITIES = ("block", "silence", "allow")
FRESH_SECONDS = 10.0
"""How long the snapshot of a process is used before it looks again: other processes (the CLI) change rules too."""
REFUSED = "This server does not exchange anything with that domain."
_CHUNK = 500


@functools.lru_cache(maxsize=16_384)
def domain_of(address: str) -> str:
    """The domain of an http(s) URL, or of a host as people write it: lower case, IDNA, without port and trailing dot.

    Raises:
        Malformed: there is no host in it.
    """
    text = address.strip()
    host = host_of(text if "://" in text else f"https://{text}")
    if host.startswith("["):
        host = host[1:].partition("]")[0]
        try:
            return ipaddress.IPv6Address(host).compressed
        except ValueError as error:
            raise Malformed("This is not the name of a host.", cause=host) from error
    return host.partition(":")[0]


def candidates(domain: str) -> list[str]:
    """The domain and every domain above it, longest first; an IP address is alone."""
    try:
        ipaddress.ip_address(domain)
    except ValueError:
        labels = domain.split(".")
        return [".".join(labels[start:]) for start in range(len(labels))]
    return [domain]


def every(session: Session) -> list[DomainRule]:
    """All rules, by domain."""
    return list(session.scalars(select(DomainRule).order_by(DomainRule.domain)))


@dataclass(frozen=True)
class Rules:
    """A snapshot: rules by domain, and whether only allowed domains may talk to us. Hosts may be given as URLs."""

    by_domain: Mapping[str, DomainRule]
    allow_list: bool
    own: str

    def find(self, host: str) -> DomainRule | None:
        """The rule that counts for a host. Raises Malformed when it is none."""
        if not self.by_domain:
            return None
        return next((self.by_domain[name] for name in candidates(domain_of(host)) if name in self.by_domain), None)

    def refuses(self, host: str) -> bool:
        """Whether nothing comes from there and nothing goes there; also for what is no host at all."""
        try:
            if domain_of(host) == self.own:
                return False
            rule = self.find(host)
        except Malformed:
            return True
        if self.allow_list:
            return rule is None or rule.severity != "allow"
        return rule is not None and rule.severity == "block"

    def rejects_media(self, host: str) -> bool:
        """Whether files from there are neither kept nor shown."""
        rule = self._lenient(host)
        return rule is not None and (rule.reject_media or rule.severity == "block")

    def check(self, *addresses: str) -> None:
        """Raise unless we talk to all of these hosts or URLs.

        Raises:
            Forbidden: not to one of them.
        """
        for address in addresses:
            if self.refuses(address):
                raise Forbidden(REFUSED, cause=address[:200])

    def _lenient(self, host: str) -> DomainRule | None:
        try:
            return self.find(host)
        except Malformed:
            return None


def load(session: Session, settings: Settings, hosts: Iterable[str] | None = None) -> Rules:
    """The rules as they are in this transaction; with `hosts`, only those that could count for one of them."""
    rows: list[DomainRule] = []
    if hosts is None:
        rows = every(session)
    else:
        wanted: dict[str, None] = {}
        for host in hosts:
            try:
                wanted.update(dict.fromkeys(candidates(domain_of(host))))
            except Malformed:
                continue  # `refuses` says yes to it without a rule
        names = list(wanted)
        for start in range(0, len(names), _CHUNK):
            rows += session.scalars(select(DomainRule).where(DomainRule.domain.in_(names[start:start + _CHUNK])))
    return Rules({row.domain: row for row in rows}, settings.federation == "allow-list", domain_of(settings.base_url))


class DomainPolicy:
    """The rules for async code: a snapshot in memory, at most `FRESH_SECONDS` old, without a query per request."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._rules: Rules | None = None
        self._loaded = 0.0
        self._changes = 0

    async def rules(self) -> Rules:
        """The current rules."""
        now = time.monotonic()
        known = self._rules
        if known is not None and now - self._loaded < FRESH_SECONDS:
            return known
        self._loaded = now  # whoever asks meanwhile gets the former snapshot instead of one more query
        try:
            while True:
                changes = self._changes
                found = await self._db.read(lambda session: load(session, self._db.instance.settings))
                if changes == self._changes:  # else a rule was changed while we read
                    break
        except BaseException:
            self._loaded = 0.0
            raise
        self._rules = found
        return found

    def forget(self) -> None:
        """Look again at the next question; called after a change was committed."""
        self._changes += 1
        self._rules = None

    async def check(self, *addresses: str) -> None:
        """Raise unless we talk to all of these hosts or URLs (blocks count before any cache and before any fetch).

        Raises:
            Forbidden: not to one of them.
        """
        (await self.rules()).check(*addresses)


# ---- in queries
def _escaped(column: Any) -> ColumnElement[str]:
    return func.replace(column, "_", "\\_")


def silenced(author: Any = Actor) -> ColumnElement[bool]:
    """Whether the author's domain is silenced, as a condition on (an alias of) Actor; false for local ones."""
    domain, rule = author.domain, _escaped(DomainRule.domain)
    below = or_(domain == DomainRule.domain,
                *(domain.like(pattern, escape="\\") for pattern in (
                    "%." + rule, rule + ":%", "%." + rule + ":%")))
    severity = select(DomainRule.severity).where(below).order_by(func.length(DomainRule.domain).desc()).limit(1)
    return and_(domain != "", func.coalesce(severity.correlate(author).scalar_subquery(), "") == "silence")
