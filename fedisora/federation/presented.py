"""Checking a presented credential with its issuer: whose key signed it, whether it was taken back, whose account it is about."""
from __future__ import annotations

from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ..activitypub.integrity_proofs import proof_created, verification_method_of
from ..activitypub.keys import held
from ..activitypub.multibase import ed25519_from_multibase
from ..activitypub.parse import as_list, id_of, parse_document
from ..db import Database
from ..errors import FedisoraError, Invalid, Refused, RemoteUnavailable
from ..models import Actor
from ..provenance import credentials as documents
from ..services.verification.methods import presented
from ..services.verification.methods.presented import DID, Presented
from .client import Client
from .resolve import Resolver

ACCEPT: Final = "application/vc, application/vc+ld+json, application/ld+json, application/json"
MAX_LIST: Final = 1 << 20
MAX_STATUS: Final = 3
UNLISTED: Final = "This server does not take credentials of this issuer. Ask its administrators which it takes."
UNCHECKED: Final = "The issuer does not answer, so the credential cannot be checked now. Please try again later."


class PresentedCredentials:
    """Checks what people hand in."""

    def __init__(self, db: Database, client: Client, resolver: Resolver) -> None:
        self._db = db
        self._client = client
        self._resolver = resolver

    async def check(self, actor: Actor, body: bytes, challenge: str) -> str:
        """The identity that a person has shown to be theirs: the subject of the credential.

        Args:
            actor: the local account.
            body: what was handed in, JSON.
            challenge: see `presented.unpack`.

        Raises:
            Invalid, Malformed, TooLarge, Forbidden: it does not hold; the text says why, and what to do.
            RemoteUnavailable: the issuer cannot be asked now.
        """
        now, uris = self._db.clock(), self._db.instance.uris
        found = presented.unpack(body, challenge, uris.host, now)
        if uris.is_local(found.issuer) or uris.is_local(found.subject):
            raise Invalid("This server gives its credentials itself: none of its own can be presented to it.")
        why = await self._db.read(lambda session: presented.listed(session, self._db.instance.settings, found.issuer))
        if not why:
            raise Invalid(UNLISTED)
        presented.check_subject(found, actor, why, now)
        issuer = None if found.issuer.startswith(DID) else await self._issuer(found.issuer, why)
        key = await self._key(found.issuer, issuer, found.credential)
        presented.check_proof(found.credential, key, now, "The credential")
        await self._check_status(found, issuer)
        if not found.signed:
            await self._named_back(actor, found.subject)
        return found.subject

    async def _issuer(self, uri: str, why: str) -> Actor:
        issuer = await self._actor(uri)
        if issuer.uri != uri or (why == "trusted" and issuer.type != "Application"):
            raise Invalid(UNLISTED)
        return issuer

    async def _actor(self, uri: str, *, fresh: bool = False) -> Actor:
        try:
            found = await (self._resolver.fresh(uri) if fresh else self._resolver.actor(uri))
        except RemoteUnavailable as error:
            raise RemoteUnavailable(UNCHECKED, cause=error) from None
        except Refused as error:
            raise Invalid("An account that the credential names cannot be found. Nothing can be checked without it.",
                          cause=error) from None
        if found.suspended_at is not None:
            raise Invalid(UNLISTED)
        return found

    async def _key(self, uri: str, issuer: Actor | None, document: dict[str, Any]) -> Ed25519PublicKey:
        """The issuer's key that a document names."""
        method = verification_method_of(document)
        if method is None:
            raise Invalid("It has no proof of a kind that is taken here (eddsa-jcs-2022).")
        if issuer is None:
            if method.partition("#")[0] != uri:
                raise Invalid("It is signed by somebody else than its issuer.")
            return presented.did_key(method)
        if all(key.get("id") != method for key in issuer.assertion_keys):
            issuer = await self._actor(uri, fresh=True)  # perhaps a key newer than what we know
        for key in issuer.assertion_keys:
            if key.get("id") == method and held(key, proof_created(document), None):
                return ed25519_from_multibase(key["multibase"])
        raise Invalid("It is signed by somebody else than its issuer.")

    async def _check_status(self, found: Presented, issuer: Actor | None) -> None:
        if len(found.status) > MAX_STATUS:
            raise Invalid("The credential has a status that this server cannot check.")
        now = self._db.clock()
        for url, index in found.status:
            document = await self._list(url)
            kinds = as_list(document.get("type"))
            if ("BitstringStatusListCredential" not in kinds or id_of(document.get("issuer")) != found.issuer
                    or document.get("id") != url):
                raise Invalid("The list on which the credential could be revoked is not its issuer's.")
            key = await self._key(found.issuer, issuer, document)
            presented.check_proof(document, key, now, "The list of revoked credentials")
            if documents.is_revoked(document, index, now=now):
                raise Invalid("The issuer has revoked this credential.")

    async def _list(self, url: str) -> dict[str, Any]:
        try:
            answer = (await self._client.get(url, accept=ACCEPT, max_bytes=MAX_LIST)).expect_ok()
            return parse_document(answer.body)
        except FedisoraError as error:
            raise RemoteUnavailable(UNCHECKED, cause=error) from None

    async def _named_back(self, actor: Actor, subject: str) -> None:
        """The other account, as its server shows it now, names this one as an alias of itself."""
        other = await self._actor(subject, fresh=True)
        if other.uri != subject or actor.uri not in other.also_known_as:
            raise Invalid("The account that the credential is about does not name this one back. "
                          f"Add {actor.uri} to its aliases, then try again.")
