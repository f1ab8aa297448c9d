"""Quotes (FEP-044f): what a post quotes, the stamp of the quoted author, and who may quote.

Legacy ways to name a quote are read too: `quoteUri` (Fedibird), `quoteUrl` and `_misskey_quote` (Misskey), FEP-e232 links.
"""
from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

from ...activitypub import parse
from ...activitypub.vocabulary import AS2, PUBLIC, PUBLIC_ALIASES
from ...models import QuoteAuthorization

POLICIES = ("public", "followers", "nobody")
_LEGACY = ("quoteUri", "quoteUrl", "_misskey_quote")
_MISSKEY_REL = "https://misskey-hub.net/ns#_misskey_quote"


@dataclass(frozen=True)
class QuoteData:
    """What a post quotes, and where the quoted author is said to have agreed."""

    uri: str
    authorization: str | None


def _link(document: dict[str, Any]) -> str | None:
    """FEP-e232: a Link tag to an ActivityPub object that is written as a quote."""
    for tag in parse.as_list(document.get("tag"))[:100]:
        if not isinstance(tag, dict) or parse.type_of(tag) != "Link" or not parse.is_http(tag.get("href")):
            continue
        kind, name = tag.get("mediaType"), tag.get("name")
        activity = isinstance(kind, str) and (kind.startswith("application/activity+json") or (
            kind.startswith("application/ld+json") and AS2 in kind))
        if activity and (_MISSKEY_REL in parse.as_list(tag.get("rel")) or (
                isinstance(name, str) and name.upper().startswith("RE:"))):
            return str(tag["href"])
    return None


def read(document: dict[str, Any]) -> QuoteData | None:
    """What a post quotes; None for most."""
    uri = parse.id_of(document.get("quote"))
    if uri is None or not parse.is_http(uri):
        uri = next((str(document[name]) for name in _LEGACY if parse.is_http(document.get(name))), None) or _link(document)
    if uri is None or uri == parse.id_of(document):
        return None
    stamp = parse.id_of(document.get("quoteAuthorization"))
    return QuoteData(uri, stamp if stamp is not None and parse.is_http(stamp) else None)


def properties(uri: str, authorization: str | None) -> dict[str, Any]:
    """What makes a post of ours a quote, for new peers and old ones."""
    found: dict[str, Any] = {"quote": uri, "quoteUri": uri, "_misskey_quote": uri}
    if authorization:
        found["quoteAuthorization"] = authorization
    return found


def fallback(uri: str) -> str:
    """The line for servers that know nothing of quotes; those that do hide `quote-inline`."""
    address = html.escape(uri)
    return f'<p class="quote-inline">RE: <a href="{address}">{address}</a></p>'


def stamp(row: QuoteAuthorization, author_uri: str) -> dict[str, Any]:
    """The document of an authorisation, as it is served."""
    return {"id": row.uri, "type": "QuoteAuthorization", "attributedTo": author_uri, "interactingObject": row.quote_uri,
            "interactionTarget": row.target_uri}


def stamp_holds(document: dict[str, Any], *, uri: str, quoting: str, quoted: str, author: str) -> bool:
    """Whether a stamp, fetched from `uri`, lets `quoting` quote `quoted`, a post of `author` (FEP-044f, FEP-fe34)."""
    return (parse.id_of(document) == uri and parse.same_origin(uri, author) and parse.same_origin(quoted, author)
            and parse.type_of(document) == "QuoteAuthorization" and parse.ids_of(document.get("attributedTo")) == [author]
            and parse.id_of(document.get("interactingObject")) == quoting
            and parse.id_of(document.get("interactionTarget")) == quoted)


def policy(kind: str, author: str, followers: str) -> dict[str, list[str]]:
    """`canQuote` of a post of ours: `public`, `followers` or `nobody` (the author may always)."""
    return {"automaticApproval": {"public": [PUBLIC], "followers": [followers]}.get(kind, [author]), "manualApproval": []}


def policy_of(interaction_policy: object, followers: str, *, public: bool) -> str:
    """Which of `POLICIES` a local post has; without a word of its author, public posts may be quoted."""
    rule = interaction_policy.get("canQuote") if isinstance(interaction_policy, dict) else None
    if not isinstance(rule, dict):
        return "public" if public else "nobody"
    members = approvals(rule, "automaticApproval")
    return "public" if PUBLIC in members else "followers" if followers in members else "nobody"


def approval_for(interaction_policy: object, who: str, *, followers: str, is_follower: bool) -> str:
    """What a remote post's policy says to somebody: `automatic`, `manual`, `denied`, or `unknown` without a word of it."""
    rule = interaction_policy.get("canQuote") if isinstance(interaction_policy, dict) else None
    if not isinstance(rule, dict):
        return "unknown"
    for name, answer in (("automaticApproval", "automatic"), ("manualApproval", "manual")):
        members = approvals(rule, name)
        if who in members or PUBLIC in members or (is_follower and followers in members):
            return answer
    return "denied"


def quote_audiences(interaction_policy: object, author: str, followers: str, *, public: bool) -> tuple[list[str], list[str]]:
    """(who may quote unasked, who may ask) in Mastodon's words: `public`, `followers`, `unsupported_policy`."""
    rule = interaction_policy.get("canQuote") if isinstance(interaction_policy, dict) else None
    if not isinstance(rule, dict):
        return (["public"] if public else []), []
    words = {PUBLIC: "public", followers: "followers"}

    def read(name: str) -> list[str]:
        return list(dict.fromkeys(words.get(uri, "unsupported_policy") for uri in approvals(rule, name) if uri != author))

    return read("automaticApproval"), read("manualApproval")


def approvals(rule: dict[str, Any], name: str) -> list[str]:
    """Ids of one list of a rule; `as:Public` in full."""
    return [PUBLIC if uri in PUBLIC_ALIASES else uri for uri in parse.ids_of(rule.get(name))[:100]]
