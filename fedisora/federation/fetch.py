"""Fetching documents of other servers: signed by the instance actor, checked to be what the address says (FEP-fe34)."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import structlog

from ..activitypub import parse
from ..activitypub.keys import PrivateKey
from ..activitypub.negotiation import ACTIVITY_JSON, LD_JSON, is_activity_type
from ..activitypub.signatures import Scheme, sign_request
from ..db import Database
from ..errors import Forbidden, Malformed, NotFound, NotOwner, RemoteUnavailable
from ..store import actors, keys
from .client import Client, Response

log = structlog.get_logger()
ACCEPT = f"{ACTIVITY_JSON}, {LD_JSON}"
STATEMENT_TYPES = ("application/vc", "application/vc+ld+json", "application/ld+json", ACTIVITY_JSON, "application/json")
"""As what signed statements are served: W3C VC Data Model 2.0 §6.2, and what servers make of it."""
ACCEPT_STATEMENT = ", ".join(STATEMENT_TYPES)
MAX_BYTES = 1 << 20
DEADLINE = 10.0
REMEMBERED = 10_000
"""Hosts of which we know how they want requests signed."""


class Fetcher:
    """Signed GETs of ActivityPub documents and WebFinger look-ups."""

    def __init__(self, db: Database, client: Client) -> None:
        self._db = db
        self._client = client
        self._key: tuple[PrivateKey, str] | None = None
        self._schemes_taken: OrderedDict[str, Scheme] = OrderedDict()

    async def admit(self, *addresses: str) -> None:
        """Raise unless we exchange things with the domains of all these URLs (or hosts): before any key and any cache.

        Raises:
            Forbidden: one of them is blocked, or not on the list in allow-list mode.
        """
        if self._client.policy is not None:
            await self._client.policy.check(*addresses)

    async def document(self, uri: str) -> dict[str, Any]:
        """The document of an id, or of a page that leads to one: its own id is where it was fetched from.

        Raises:
            Forbidden, NotFound, Gone: the other server says so, or it is our own address, or a domain (also of a
                redirect, see `Client`) that we do not talk to.
            Malformed: not an ActivityPub document.
            NotOwner: the document claims an id on another origin.
            RemoteUnavailable: no answer.
        """
        response = await self._get(uri)
        document = _parsed(response)
        found = parse.id_of(document)
        if found == response.url or (found == uri and parse.same_origin(response.url, uri)):
            return document
        # A page's address, or an id that redirects: only what the id itself answers counts.
        if found is None or not parse.is_http(found):
            raise Malformed("This document has no id.", cause=uri)
        response = await self._get(found)
        document = _parsed(response)
        if parse.id_of(document) != found or not parse.same_origin(response.url, found):
            raise NotOwner("The document's id is not the address that it was fetched from.", cause=f"{uri} → {found}")
        return document

    async def collection(self, url: str) -> dict[str, Any]:
        """A collection or a page of one. Its id may be spelled otherwise than the address, its origin is the same.

        Raises:
            Forbidden, NotFound, Gone, Malformed, RemoteUnavailable: see `document`.
            NotOwner: a redirect left the origin.
        """
        response = await self._get(url)
        if not parse.same_origin(response.url, url):
            raise NotOwner("This collection is on another server.", cause=f"{url} → {response.url}")
        return _parsed(response)

    async def statement(self, url: str, *, max_bytes: int) -> dict[str, Any]:
        """A signed statement (a credential, a status list) at exactly the address that is its id.

        It may be served as any kind of JSON: what it is worth is for its proof to say.

        Raises:
            Forbidden, NotFound, Gone, TooLarge, RemoteUnavailable: see `document`.
            Malformed: not JSON, or served as something else.
            NotOwner: its id is another address, or a redirect left the origin.
        """
        response = await self._get(url, accept=ACCEPT_STATEMENT, max_bytes=max_bytes)
        if response.content_type not in STATEMENT_TYPES:
            raise Malformed("There is no credential at this address.", cause=f"{url} is {response.content_type[:80]!r}")
        document = parse.parse_document(response.body, max_bytes=max_bytes)
        if document.get("id") != url or not parse.same_origin(response.url, url):
            raise NotOwner("The document's id is not the address that it was fetched from.", cause=url)
        return document

    async def _get(self, uri: str, *, accept: str = ACCEPT, max_bytes: int = MAX_BYTES) -> Response:
        url = uri.partition("#")[0]
        if self._db.instance.uris.is_local(url):
            raise Forbidden("This is an address of this server.", cause=uri)
        await self.admit(url)
        key, key_id = await self._signing_key()

        def signer(scheme: Scheme) -> Any:
            def sign(method: str, target: str, body: bytes | None) -> Mapping[str, str]:
                headers = sign_request(scheme, method, target, body, key_id, key, self._db.clock())
                headers.pop("Host", None)
                return headers
            return sign

        host = parse.host_of(url)
        first = self._schemes_taken.get(host, "cavage")
        response = await self._client.get(url, accept=accept, max_bytes=max_bytes, deadline=DEADLINE, signer=signer(first))
        if response.status in (400, 401):  # double knock: the other way to sign, remembered when it is taken
            other: Scheme = "rfc9421" if first == "cavage" else "cavage"
            response = await self._client.get(url, accept=accept, max_bytes=max_bytes, deadline=DEADLINE, signer=signer(other))
            if response.ok:
                self._schemes_taken[host] = other
                while len(self._schemes_taken) > REMEMBERED:
                    self._schemes_taken.popitem(last=False)
        return response.expect_ok()

    async def _signing_key(self) -> tuple[PrivateKey, str]:
        if self._key is None:
            vault = self._db.instance.vault
            self._key = await self._db.read(lambda session: keys.http_key(session, vault, actors.instance_actor(session)))
        return self._key

    async def webfinger(self, resource: str, host: str) -> dict[str, Any]:
        """The JRD of `acct:name@host` (or of a URL) at a host.

        Raises:
            NotFound: the host knows no such account.
            RemoteUnavailable, Forbidden, Malformed: no (usable) answer.
        """
        last: Exception = NotFound("There is no such account.")
        for scheme in self._schemes():
            url = f"{scheme}://{host}/.well-known/webfinger?resource={quote(resource, safe='')}"
            try:
                response = await self._client.get(url, accept="application/jrd+json, application/json",
                                                  max_bytes=1 << 18, deadline=DEADLINE)
            except RemoteUnavailable as error:
                last = error
                continue
            return parse.parse_document(response.expect_ok().body)
        raise last

    def _schemes(self) -> tuple[str, ...]:
        """https; a development instance on plain http also asks its like."""
        return ("https",) if self._db.instance.settings.https else ("http", "https")


def _parsed(response: Response) -> dict[str, Any]:
    kind = response.headers.get("Content-Type", "")
    if not is_activity_type(kind):
        raise Malformed("There is no ActivityPub document at this address.", cause=f"{response.url} is {kind[:80]!r}")
    return parse.parse_document(response.body)
