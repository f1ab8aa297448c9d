"""Whatever people do about one another's vouches: no credential rests on a circle, and each has three words that count."""
from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import select

from fedisora.db import Database, Instance
from fedisora.errors import Refused
from fedisora.models import Actor, Base, HumanCredential, Vouch
from fedisora.services.verification import credentials
from fedisora.services.verification.methods import erase, vouching
from fedisora.settings import load_settings
from fedisora.uris import Uris
from fedisora.vault import Vault
from tests.support.neighbours import Village

NAMES = [f"p{number}" for number in range(9)]
people = st.sampled_from(NAMES)


def grounded(village: Village) -> set[int]:
    """By another way than the product's: who can be verified when credentials are given one after the other from nothing, each
    by vouching resting on three that were there before."""
    with village.db.reading() as session:
        held = {row.actor_id: row.method for row in session.scalars(select(HumanCredential).where(
            HumanCredential.ended_at.is_(None)))}
        words = [(row.voucher_id, row.subject_id) for row in session.scalars(select(Vouch).where(Vouch.revoked_at.is_(None)))]
    found = {person for person, method in held.items() if method != "vouch"}
    while True:
        more = {person for person in held if person not in found
                and len({voucher for voucher, subject in words if subject == person and voucher in found}) >= vouching.NEEDED}
        if not more:
            return found
        found |= more


class Vouching(RuleBasedStateMachine):
    """People verify by clip, ask, vouch, take back, lose, let lapse and erase, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        configured = load_settings(path, base_url="https://here.example", rate_limits=False)
        database = Database(Instance(configured, Uris(configured.base_url), Vault.open(path)))
        Base.metadata.create_all(database.engine)
        self.village = Village.on(database, *NAMES)
        self.village.verify(*NAMES[:4])
        self.village.vouched("p4", "p0", "p1", "p2")  # something to lose from the first step on
        self.village.later(days=8)
        self.village.vouched("p5", "p4", "p1", "p3")

    def teardown(self) -> None:
        self.village.db.close()
        self.folder.cleanup()

    @rule(voucher=people, subject=people)
    def vouch(self, voucher: str, subject: str) -> None:
        self.village.later(days=2)
        try:
            self.village.act(vouching.ask, subject)
            self.village.vouch(voucher, subject)
        except Refused:
            return

    @rule(subject=people, order=st.permutations(NAMES), most=st.integers(3, 5))
    def gather(self, subject: str, order: list[str], most: int) -> None:
        """As many words as it takes: of those who may vouch now."""
        self.village.later(days=10)
        with self.village.db.reading() as session:
            able = [name for name in order if not vouching.why_not(
                session, session.get_one(Actor, self.village.ids[name]), self.village.now)]
        for voucher in able[:most]:
            self.vouch(voucher, subject)

    @rule(voucher=people, subject=people)
    def take_back(self, voucher: str, subject: str) -> None:
        try:
            self.village.act(vouching.take_back, voucher, self.village.ids[subject])
        except Refused:
            return

    @rule(name=people)
    def by_clip(self, name: str) -> None:
        self.village.verify(name, days_ago=0)

    @rule(name=people)
    def lose(self, name: str) -> None:
        self.village.act(credentials.revoke, name, "lost")

    @rule(name=people)
    def erase(self, name: str) -> None:
        self.village.run(lambda uow: erase(uow, self.village.ids[name]))

    @rule(days=st.sampled_from([8, 30, 60]))
    def time_passes(self, days: int) -> None:
        self.village.later(days=days)
        with self.village.db.reading() as session:
            over = list(session.scalars(select(HumanCredential.id).where(
                HumanCredential.ended_at.is_(None), HumanCredential.valid_until <= self.village.now)))
        for row_id in over:
            self.village.run(lambda uow, which=row_id: credentials.expire(uow, which))  # type: ignore[misc]

    @invariant()
    def nothing_rests_on_itself(self) -> None:
        with self.village.db.reading() as session:
            held = set(session.scalars(select(HumanCredential.actor_id).where(HumanCredential.ended_at.is_(None))))
        assert held == grounded(self.village)
        for name in NAMES:
            self.village.holds(name)


TestVouching = Vouching.TestCase
TestVouching.settings = settings(max_examples=10, stateful_step_count=12, deadline=None,
                                 suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
