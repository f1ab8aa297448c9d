"""An owner on one made-up server and a maker of videos on another: consents are looked up over real HTTP."""
from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedisora.activities import HANDLERS, Received
from fedisora.activitypub.contexts import context_for
from fedisora.activitypub.integrity_proofs import sign_document
from fedisora.activitypub.multibase import ed25519_multibase
from fedisora.db import Database, Instance, UnitOfWork
from fedisora.federation.consent_checks import ConsentChecks
from fedisora.models import Base, Lineage, Status
from fedisora.provenance import consent
from fedisora.settings import load_settings
from fedisora.store import actors, lineage, statuses
from fedisora.store.paging import Page
from fedisora.uris import Uris
from fedisora.vault import Vault
from tests.support.remote import RemoteActor
from tests.support.world import World
from tests.unit.federation.conftest import Place

DIGEST, OTHER = "zQmPv75p7HFCeWfvDRdaGdVYyfwJehoudRn9Y4v5kbELR3c", "zQmY4yhww3Ex6EuFujZUAbntwbrMYyfDNaENgoYaLzMfiMn"


class Moving(World):
    """A server that sends some paths elsewhere, and answers 503 to those in `down`."""

    def __init__(self) -> None:
        super().__init__()
        self.moved: dict[str, str] = {}
        self.down: set[str] = set()

    def answer_get(self, handler: BaseHTTPRequestHandler) -> None:
        target = self.moved.get(handler.path)
        if handler.path in self.down:
            handler.send_error(503)
            return
        if target is None:
            super().answer_get(handler)
            return
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.send_header("Content-Length", "0")
        handler.end_headers()


class Stage:
    """An owner on one server, a remixer on another, and our instance that looks at their posts."""

    def __init__(self, place: Place, home: Moving, away: World) -> None:
        self.place, self.home, self.away = place, home, away
        self.numbers = itertools.count(1)
        self.keys: dict[str, Ed25519PrivateKey] = {}
        self.owner, self.neighbour = self._person(home, "olga"), self._person(home, "ned")
        self.remixer = self._person(away, "rem")

    def _person(self, world: World, name: str) -> RemoteActor:
        found = world.actor(name)
        self.rekey(world, found)
        return found

    def rekey(self, world: World, actor: RemoteActor, mark: str = "ed25519") -> None:
        """Give an actor a (new) Multikey."""
        self.keys[actor.uri] = key = Ed25519PrivateKey.generate()
        world.documents[f"/users/{actor.name}"]["assertionMethod"] = [{
            "id": f"{actor.uri}#{mark}", "type": "Multikey", "controller": actor.uri,
            "publicKeyMultibase": ed25519_multibase(key.public_key())}]

    def sign(self, document: dict[str, Any], signer: RemoteActor, mark: str = "ed25519") -> dict[str, Any]:
        return sign_document({"@context": context_for(document, proof=True), **document}, self.keys[signer.uri],
                             f"{signer.uri}#{mark}", dt.datetime.now(dt.UTC))

    def stamp(self, world: World, document: dict[str, Any], signer: RemoteActor, path: str = "") -> str:
        """Put a stamp on a server; its address."""
        path = path or f"/stamps/{next(self.numbers)}"
        whole = {"id": f"{world.base}{path}", "type": consent.REMIX, **document}
        world.documents[path] = self.sign(whole, signer)
        return f"{world.base}{path}"

    def original(self) -> dict[str, Any]:
        return self.home.note(self.owner, "original")

    def remix(self, parent: dict[str, Any], *stamps: str, digest: str | None = DIGEST) -> dict[str, Any]:
        """A remix as its author publishes it, before it is stored here. Its id is `self.next_remix`."""
        file = {"type": "Video", "mediaType": "video/mp4", "url": f"{self.away.base}/1.mp4", "isBasedOn": [parent["id"]],
                **({"remixAuthorization": list(stamps)} if stamps else {}), **({"digestMultibase": digest} if digest else {})}
        return self.away.note(self.remixer, "remix", attachment=[file])

    @property
    def next_remix(self) -> str:
        return f"{self.remixer.uri}/notes/{len(self.away.documents)}"

    def good(self, parent: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A stamp that gives consent to the next remix."""
        return {"attributedTo": self.owner.uri, "interactingObject": self.next_remix, "interactionTarget": parent["id"],
                "digestMultibase": DIGEST, **more}

    def store(self, note: dict[str, Any]) -> Status:
        return self.place.resolve(note["id"])

    def look(self, note: dict[str, Any]) -> Lineage:
        """Store a post, look at its consent as the job does, and answer the row."""
        status = self.store(note)
        row = self.row(status)
        self.place.go(lambda tools: ConsentChecks(self.place.db, tools.fetcher, tools.resolver).check(row.id))
        return self.row(status)

    def row(self, status: Status) -> Lineage:
        return self.place.db.read_now(lambda session: lineage.parents_of(session, [status.id]))[status.id][0]

    def receive(self, actor: RemoteActor, kind: str, about: Any, **more: Any) -> str:
        activity = {"id": f"{actor.uri}#{kind}/{next(self.numbers)}", "type": kind, "actor": actor.uri, "object": about, **more}

        def apply(uow: UnitOfWork) -> str:
            sender = actors.by_uri(uow.session, actor.uri)
            assert sender is not None
            return HANDLERS[kind].receive(uow, activity, Received(sender))

        return self.place.db.write_now(apply)

    def listed(self, note: dict[str, Any]) -> bool:
        return self.place.db.read_now(lambda session: note["id"] in [row.uri for row in statuses.public(
            session, Page(limit=80))])


def staged(folder: Path) -> Iterator[Stage]:
    settings = load_settings(folder, base_url="http://127.0.0.1:1", allow_private_network="127.0.0.0/8")
    database = Database(Instance(settings, Uris(settings.base_url), Vault.open(folder)))
    Base.metadata.create_all(database.engine)
    with Moving() as home, World() as away:
        yield Stage(Place(database), home, away)
    database.close()
