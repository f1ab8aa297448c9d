"""The badge of an account: what is known of who is behind it, by whom, how, until when. Never a bare tick.

Everything that shows an account asks here, with the time of now: what has run out is said to have run out, whether or not
anything was tidied up meanwhile.

Source: vocabulary.md §3; notes: decision 5 ("account kind and content kind are separate facts, both shown").
"""
from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from .humanity import CHECKED, CLAIMED, EXPIRED, NONE, OWN, REVOKED, WORDS

MODES: Final = ("instance", "own", "listed")
"""Whose word a viewer takes: whose this server takes; this server's alone; this server's and that of some of those it takes."""
AS_HERE: Final = "instance"
SERVER: Final = "server"
"""Kind of an account that is a server's own (`Application`): to be undeclared is not its fault."""


@dataclass(frozen=True)
class Narrowing:
    """What a viewer makes of the instance's trust. It only ever takes away.

    Attributes:
        mode: one of `MODES`.
        hosts: for `listed`, whose word counts beside this server's own.
    """

    mode: str = AS_HERE
    hosts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> Narrowing:
        """From `users.verifiers`; what cannot be read narrows nothing."""
        mode, hosts = (stored or {}).get("mode"), (stored or {}).get("hosts")
        if mode not in MODES:
            return PLAIN
        listed = hosts if isinstance(hosts, Sequence) and not isinstance(hosts, str) else ()
        return cls(str(mode), frozenset(item for item in listed if isinstance(item, str)))

    def takes(self, issuer: str) -> bool:
        """Whether the word of a server counts for this viewer; "" is this server."""
        return self.mode == AS_HERE or not issuer or (self.mode == "listed" and issuer in self.hosts)


PLAIN: Final = Narrowing()


@dataclass(frozen=True)
class Badge:
    """What is shown of an account.

    Attributes:
        verdict: one of `humanity.VERDICTS`, for this viewer and at this time.
        tone: `human`, `machine` or `none`, the colour of the chip.
        words: of the chip.
        more: small words beside them; "" for none. A chip never says "checked" without saying by whom.
        sentence: everything in a sentence or two.
        by: host of the server that vouches or vouched; "" when nobody does.
        method: `assuranceMethod`, "" when nobody vouches.
        how: the method in words.
        until: when that ends, or ended.
    """

    verdict: str
    tone: str
    words: str
    more: str
    sentence: str
    by: str = ""
    method: str = ""
    how: str = ""
    until: dt.datetime | None = None

    @property
    def checked(self) -> bool:
        """Whether somebody whose word counts for this viewer has checked that this is a person."""
        return self.verdict in CHECKED


def day(moment: dt.datetime) -> str:
    """`15 May 2027`, in UTC."""
    moment = moment.astimezone(dt.UTC)
    return f"{moment.day} {moment:%B %Y}"


@functools.lru_cache(maxsize=8)
def _plain(kind: str | None) -> Badge:
    if kind == SERVER:
        return Badge(NONE, "none", "Server", "", "A server speaks here, not a person.")
    if kind == "agent":
        return Badge(NONE, "machine", "AI agent", "", "A machine runs this account.")
    if kind == "human":
        return Badge(NONE, "none", "Says it is human", "",
                     "Says that a person is behind this account. Nobody has checked that.")
    return Badge(NONE, "none", "Account undeclared", "", "Has not said whether a human or a machine runs it.")


def badge(*, kind: str | None, human: str | None, issuer: str | None, method: str | None, until: dt.datetime | None,
          own: str, now: dt.datetime, narrowing: Narrowing = PLAIN) -> Badge:
    """What to show of an account.

    Args:
        kind: `human`, `agent` or None, as the account says; `SERVER` for one that is a server.
        human: what is stored of the check (`Actor.human`), with `issuer` (host, "": this server), `method` and `until`.
        own: this server's host, by which it is named where its own word counts.
        narrowing: whose word the viewer takes.
    """
    if kind == "agent" or human is None or human == NONE:
        return _plain(kind)
    return _told(kind, human, issuer, method, until, own, until is None or until <= now, narrowing)


@functools.lru_cache(maxsize=4096)  # a page shows the same people again and again
def _told(kind: str | None, human: str, issuer: str | None, method: str | None, until: dt.datetime | None, own: str, over: bool,
          narrowing: Narrowing) -> Badge:
    """What to show of an account about which something is stored; `over`: its time has passed."""
    plain = _plain(kind)
    if human not in (*CHECKED, CLAIMED, EXPIRED, REVOKED):
        return plain
    by, how = issuer or own, WORDS.get(method or "", "in a way that this server does not know")
    verdict = human
    if verdict in (*CHECKED, CLAIMED) and over:
        verdict = EXPIRED
    told = Badge(verdict, plain.tone, plain.words, "", "", by, method or "", how, until)
    end = day(until) if until is not None else ""
    if verdict == EXPIRED:
        return replace(told, sentence=f"{by} had checked that a person is behind this account ({how}). "
                                      f"That ran out{f' on {end}' if end else ''}.")
    if verdict == REVOKED:
        return replace(told, sentence=f"{by} had checked that a person is behind this account ({how}) and has taken that back.")
    if verdict == CLAIMED:
        return replace(told, tone="none", words="Says it is human", more=f"{by} vouches, unknown here", sentence=(
            f"Says that it is human; {by} vouches for that ({how}) until {end}. This server does not know whether the word of "
            f"{by} can be relied on."))
    if not narrowing.takes(issuer or ""):
        return replace(told, verdict=CLAIMED, tone="none", words="Says it is human", more=f"{by} vouches, not on your list",
                       sentence=f"Says that it is human; {by} vouches for that ({how}) until {end}. By your settings, the word "
                                f"of {by} does not count for you.")
    which = "" if verdict == OWN else ", whose word this server takes,"
    return replace(told, tone="human", words="Human", more=f"checked by {by}", sentence=(
        f"{by}{which} has checked that a person is behind this account: {how}. That counts until {end}."))
