"""A village of local people who may vouch for one another, made quickly: they share their keys and have no password."""
from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import select

from fedisora.db import Database, UnitOfWork
from fedisora.models import Actor, HumanCredential, User, Vouch
from fedisora.services import instance, local_actors
from fedisora.services.verification import credentials
from fedisora.services.verification.methods import vouching
from fedisora.store import actors

T = TypeVar("T")
START = dt.datetime(2026, 11, 26, 9, 0, tzinfo=dt.UTC)


@functools.cache
def shared_keys() -> local_actors.NewKeys:
    """Keys that all of them have: making them is slow."""
    return local_actors.new_keys()


@dataclass
class Village:
    """The people, and shorthands; its clock stands still until it is moved."""

    db: Database
    now: dt.datetime = START
    ids: dict[str, int] = field(default_factory=dict)

    @classmethod
    def on(cls, db: Database, *names: str, age: dt.timedelta = dt.timedelta(days=100)) -> Village:
        """People whose accounts are `age` old."""
        found = cls(db)
        db.clock = lambda: found.now
        found.now = START - age
        db.write_now(instance.initialise)
        for name in names:
            found.settle(name)
        found.now = START
        return found

    def settle(self, name: str, *, kind: str | None = "human", kept: str = "Person") -> int:
        """A new account."""
        def create(uow: UnitOfWork) -> int:
            actor = local_actors.create(uow, shared_keys(), username=name, uri=uow.uris.actor(name), url=uow.uris.profile(name),
                                        kind=kind, type=kept)
            uow.session.add(User(id=uow.new_id(), actor_id=actor.id, email=f"{name}@example.org", email_key=f"{name}@example.org",
                                 password_hash="", created_at=uow.now))
            uow.session.flush()
            return actor.id

        self.ids[name] = self.db.write_now(create)
        return self.ids[name]

    def run(self, use_case: Callable[[UnitOfWork], T]) -> T:
        return self.db.write_now(use_case)

    def act(self, use_case: Callable[..., T], name: str, *more: object) -> T:
        """Run a use case as somebody."""
        return self.run(lambda uow: use_case(uow, actors.get(uow.session, self.ids[name]), *more))

    def later(self, **spans: float) -> None:
        """Move the clock."""
        self.now += dt.timedelta(**spans)

    def verify(self, *names: str, method: str = "live-clip", days_ago: float = 30) -> None:
        """Give people a credential, some time ago."""
        today, self.now = self.now, self.now - dt.timedelta(days=days_ago)
        for name in names:
            self.act(credentials.issue, name, method)
        self.now = today

    def vouch(self, voucher: str, subject: str) -> Vouch:
        return self.act(vouching.give, voucher, self.ids[subject])

    def vouched(self, subject: str, *vouchers: str) -> bool:
        """Somebody asks and gets vouches; whether they are verified then."""
        self.act(vouching.ask, subject)
        for voucher in vouchers:
            self.vouch(voucher, subject)
        return self.holds(subject)

    def actor(self, name: str) -> Actor:
        return self.db.read_now(lambda session: session.get_one(Actor, self.ids[name]))

    def holds(self, name: str) -> bool:
        """Whether somebody has a credential, and their actor says so."""
        row = self.db.read_now(lambda session: session.scalar(select(HumanCredential).where(
            HumanCredential.actor_id == self.ids[name], HumanCredential.ended_at.is_(None))))
        actor = self.actor(name)
        assert (row is not None) == (actor.human == "checked-by-own-host") == bool(actor.attestation)
        return row is not None
