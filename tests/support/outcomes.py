"""What becomes of a document from elsewhere: through the real parser, the inbox' own checks and the real handler, in a database.

Surroundings that a fixture cannot bring are made up: the sender is stored and followed from here, what it follows or likes
is Ada's, what it answers is Ada's follow, what it takes back was done before. Every document is tried in a transaction that
is rolled back, so none depends on another.
"""
from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import func, select

from fedisora.activities import HANDLERS, Received
from fedisora.activitypub import parse
from fedisora.activitypub.vocabulary import ACTOR_TYPES, COLLECTION_TYPES, OBJECT_TYPES
from fedisora.db import Database, UnitOfWork
from fedisora.errors import FedisoraError, Refused
from fedisora.federation import inbox
from fedisora.models import Actor, Follow, Media, Mention, Status, StatusTag
from fedisora.serializers.activitypub import actor as actor_serializer
from fedisora.services import accounts, instance, publish
from fedisora.store import actors, relations, statuses

ACTIVITIES = frozenset({
    "Accept", "Add", "Announce", "Arrive", "Block", "Create", "Delete", "Dislike", "EmojiReact", "Flag", "Follow", "Invite",
    "Join", "Leave", "Like", "Listen", "Move", "QuoteRequest", "Read", "Reject", "Remove", "TentativeAccept", "Undo", "Update",
    "View"})


class _Done(Exception):
    """Ends a transaction without keeping anything of it."""


class Outcomes:
    """One instance with one person, Ada, to whom everything happens."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.ada, self.post = db.write_now(_people)

    def of(self, body: bytes) -> str:
        """The outcome in words: `post Note …`, `actor Person`, `ignored: …` or `refused: Malformed: …`."""
        found: list[str] = []

        def attempt(uow: UnitOfWork) -> None:
            found.append(_Trial(uow, self.ada, self.post).document(body))
            raise _Done

        try:
            self.db.write_now(attempt)
        except _Done:
            return found[0]
        except FedisoraError as error:
            return f"refused: {type(error).__name__}: {error.text}"
        raise AssertionError("unreachable")


def _people(uow: UnitOfWork) -> tuple[str, str]:
    instance.initialise(uow)
    ada = actors.get(uow.session, accounts.create(uow, "ada", "ada@example.org", "a fine password").actor_id)
    return ada.uri, publish.create(uow, ada, publish.Draft(text="a post of Ada's")).uri


class _Trial:
    def __init__(self, uow: UnitOfWork, ada: str, post: str) -> None:
        self.uow = uow
        self.ada = ada
        self.post = post

    def document(self, body: bytes) -> str:
        document = parse.parse_document(body)
        kind = parse.type_of(document)
        if kind in ACTOR_TYPES:
            found = actors.upsert_remote(self.uow, actor_serializer.from_activitypub(document))
            return " ".join(filter(None, ("actor", found.type, found.kind, "" if found.public_key_pem else "without key")))
        if kind in COLLECTION_TYPES:
            items = parse.ids_of(document.get("orderedItems", document.get("items")))
            return f"collection {kind}: {len(items)} items"
        if kind in ACTIVITIES:
            return self.activity(document)
        if kind in OBJECT_TYPES:
            return self.created(document)
        return f"ignored: {kind or 'no type'}"

    def created(self, document: dict[str, Any]) -> str:
        authors = parse.ids_of(document.get("attributedTo"))
        if not authors or parse.id_of(document) is None:
            raise Refused("a post without id or author")
        return self.activity({"id": f"{authors[0]}#create", "type": "Create", "actor": authors[0], "object": document})

    def activity(self, activity: dict[str, Any]) -> str:
        kind, sender_uri = parse.type_of(activity), parse.id_of(activity.get("actor"))
        if sender_uri is None or not parse.is_http(sender_uri):
            raise Refused("an activity without actor")
        sender = self.known(sender_uri)
        activity = self.adapted(activity, sender)
        inbox._own_id(activity, sender.uri, b"")
        inbox._check_object(activity, sender.uri, kind)
        handler = HANDLERS.get(kind)
        if handler is None:
            return f"ignored: {kind}"
        fetched = {uri: document for uri in handler.needs(activity) if (document := self.fetched(activity, uri)) is not None}
        outcome = handler.receive(self.uow, activity, Received(sender, fetched))
        self.uow.session.flush()
        status = statuses.by_uri(self.uow.session, parse.id_of(activity.get("object")) or "")
        if kind == "Create" and outcome == "stored" and status is not None:
            return self.described(status, activity["object"], fetched)
        return outcome if outcome.startswith("ignored") else f"{kind}: {outcome}"

    def adapted(self, activity: dict[str, Any], sender: Actor) -> dict[str, Any]:
        """The activity about things here instead of things of the fixture's own world."""
        kind, reference = parse.type_of(activity), activity.get("object")
        if kind in ("Follow", "Block", "Join"):
            return {**activity, "object": self.ada}
        if kind in ("Like", "Dislike", "EmojiReact"):
            return {**activity, "object": self.post}
        if kind in ("Accept", "Reject") and parse.type_of(reference) in ("", "Follow"):
            follow = self.pending(sender)
            return {**activity, "object": {"id": follow, "type": "Follow", "actor": self.ada, "object": sender.uri}
                    if isinstance(reference, dict) else follow}
        if kind in ("Undo", "Update") and isinstance(reference, dict):
            if parse.type_of(reference) in ACTIVITIES:
                reference = self.adapted(reference, sender)
                activity = {**activity, "object": reference}
            self.before(reference)
        return activity

    def before(self, reference: dict[str, Any]) -> None:
        """What an Undo or Update is about has happened already, when it could."""
        try:
            with self.uow.session.begin_nested():
                if parse.type_of(reference) in ACTIVITIES:
                    self.activity(reference)
                elif parse.type_of(reference) in OBJECT_TYPES:
                    self.created({**reference, "content": "as it was before"})
        except FedisoraError:
            return  # then the Undo or Update shows why

    def pending(self, target: Actor) -> str:
        ada = actors.by_uri(self.uow.session, self.ada)
        assert ada is not None
        follow = relations.follow(self.uow.session, ada.id, target.id)
        assert follow is not None
        follow.state = "pending"
        self.uow.session.flush()
        return follow.uri

    def known(self, uri: str) -> Actor:
        """An actor stored before, whom Ada follows."""
        session = self.uow.session
        actor = actors.by_uri(session, uri)
        if actor is None:
            name = hashlib.sha256(uri.encode()).hexdigest()[:12]
            actor = actors.upsert_remote(self.uow, actor_serializer.from_activitypub({
                "id": uri, "type": "Person", "preferredUsername": name, "inbox": f"{uri.partition('#')[0]}/inbox",
                "followers": f"{uri}/followers"}))
            ada = actors.by_uri(session, self.ada)
            assert ada is not None
            session.add(Follow(id=self.uow.new_id(), actor_id=ada.id, target_id=actor.id, state="accepted",
                               uri=f"{self.ada}#follows/{actor.id}", created_at=self.uow.now))
            session.flush()
        return actor

    def fetched(self, activity: dict[str, Any], uri: str) -> dict[str, Any] | None:
        """What the origin of an embedded object would answer: the object, by an author who is known."""
        reference = activity.get("object")
        if not isinstance(reference, dict) or parse.id_of(reference) != uri:
            return None
        for author in parse.ids_of(reference.get("attributedTo"))[:1]:
            self.known(author)
        return reference

    def described(self, status: Status, reference: Any, fetched: dict[str, dict[str, Any]]) -> str:
        kind = parse.type_of(fetched.get(status.uri, reference))

        def count(model: Any) -> int:
            return self.uow.session.scalar(select(func.count()).select_from(model).where(model.status_id == status.id)) or 0

        parts = [f"post {kind}", status.visibility]
        parts += [f"{number} {name}" for name, number in
                  (("files", count(Media)), ("tags", count(StatusTag)), ("mentions", count(Mention))) if number]
        parts += ["summary"] if status.spoiler_text else []
        parts += ["sensitive"] if status.sensitive else []
        parts += [f"in {status.language}"] if status.language else []
        parts += ["a reply"] if status.in_reply_to_uri else []
        parts += ["no content"] if not status.content else []
        parts += ["link elsewhere"] if urlsplit(status.url).netloc != urlsplit(status.uri).netloc else []
        return ", ".join(parts)
