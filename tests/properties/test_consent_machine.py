"""Consent over a likeness as a state machine: whatever owner, asker, clock, network and restarts do, in any order.

Nobody is shown who has not seen the draft and agreed to exactly this file, and what is over stays over.

On a real SQLite database, through the real use cases; rendering and signing are stood in for by what they write.
"""
from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from fedisora.activities import lineages
from fedisora.activitypub.digest import digest_multibase
from fedisora.db import Database, Instance, UnitOfWork
from fedisora.errors import FedisoraError
from fedisora.generation import cameos, submission
from fedisora.generation import safety as gates
from fedisora.models import (
    Actor,
    Base,
    ConsentRequest,
    ConsentStamp,
    Generation,
    GenerationWorker,
    Job,
    Likeness,
    Lineage,
    Media,
    Status,
)
from fedisora.services import accounts, generations
from fedisora.services import consents as use_cases
from fedisora.services import instance as instances
from fedisora.services import publish as posts
from fedisora.services.cameos import answering, asking
from fedisora.services.publish import Draft
from fedisora.settings import load_settings
from fedisora.storage import open_store
from fedisora.store import consents, likenesses, lineage, statuses
from fedisora.store.paging import Page
from fedisora.uris import Uris
from fedisora.vault import Vault

pytestmark = pytest.mark.xdist_group("consent_machine")  # its tests go through one scene

SEEN, OTHER = "a" * 64, "b" * 64
BASE = "https://here.example"


def _database(folder: Path) -> Database:
    settings = load_settings(folder, base_url=BASE, generation_jobs_per_user=50, generation_seconds_per_day=0)
    return Database(Instance(settings, Uris(settings.base_url), Vault.open(folder)))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with two people, one of whom has a likeness; copied for each run."""
    folder = tmp_path_factory.mktemp("template")
    db = _database(folder)
    Base.metadata.create_all(db.engine)
    db.write_now(instances.initialise)

    def people(uow: UnitOfWork) -> None:
        accounts.create(uow, "ada", "ada@example.org", "a fine password")
        sue = accounts.create(uow, "sue", "sue@example.org", "a fine password").actor_id
        uow.session.add(Likeness(
            id=uow.new_id(), actor_id=sue, kind="self", state="active", audience="everyone", forbidden="", picture_key="x",
            picture_secret=b"x", picture_mime="image/webp", width=240, height=320, created_at=uow.now, updated_at=uow.now))

    db.write_now(people)
    db.close()
    return folder


class Machine(RuleBasedStateMachine):
    """Ada asks, Sue answers; both live on one instance, so every step is a use case."""

    template: Path
    given = 0
    shown = 0

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copytree(self.template, self.folder, dirs_exist_ok=True)
        self.moment = dt.datetime.now(dt.UTC)
        self.closed_for_good: set[int] = set()
        self.revoked: set[int] = set()
        self._open()
        self.ada, self.sue = (self._find(name) for name in ("ada", "sue"))

    def _open(self) -> None:
        self.db = _database(self.folder)
        self.db.clock = lambda: self.moment  # type: ignore[method-assign]
        self.store = open_store(self.db.instance.settings.effective_storage_url)
        self.gates = gates.load(gates.Surroundings(self.db.instance.settings, self.db))

    def _find(self, name: str) -> int:
        return int(self.db.read_now(lambda session: session.scalars(select(Actor.id).where(Actor.username == name)).one()))

    def teardown(self) -> None:
        self.db.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- looking
    def _requests(self, *states: str, digest: bool | None = None) -> list[ConsentRequest]:
        rows = self.db.read_now(lambda session: list(session.scalars(select(ConsentRequest).order_by(ConsentRequest.id))))
        return [row for row in rows if (not states or row.state in states)
                and (digest is None or (row.digest is not None) == digest)]

    def _do(self, use_case: Any, *arguments: Any, by: int, **more: Any) -> bool:
        """Try it; a refusal is a fine answer, everything else is not."""
        try:
            self.db.write_now(lambda uow: use_case(uow, uow.session.get_one(Actor, by), *arguments, **more))
        except FedisoraError:
            return False
        return True

    # ---- whoever asks
    @precondition(lambda self: len(self._requests()) < 6)
    @rule()
    def ask(self) -> None:
        wish = asking.Wish(self.sue, "a film", accepts=True)
        try:
            asyncio.run(submission.ask_cameo(self.db, self.store, self.gates, self.ada, wish, asking.plan("a walk", seconds=1.0)))
        except FedisoraError:
            open_ = self.db.read_now(lambda session: session.scalars(select(Likeness.audience)).one()) == "everyone"
            assert not open_, "who may ask can ask"

    @precondition(lambda self: self._requests("pending", "agreed", "offered", digest=False))
    @rule(data=st.data())
    def withdraw(self, data: Any) -> None:
        row = data.draw(st.sampled_from(self._requests("pending", "agreed", "offered", digest=False)))
        if self._do(generations.cancel, row.generation_id, by=self.ada):
            self.closed_for_good.add(row.id)

    @precondition(lambda self: self._requests("offered"))
    @rule(data=st.data())
    def publish(self, data: Any) -> None:
        row = data.draw(st.sampled_from(self._requests("offered")))
        self._do(generations.publish, row.generation_id, Draft(text="a walk"), by=self.ada)

    @rule(steps=st.sampled_from([3, 9, 14]))
    def onward(self, steps: int) -> None:
        """Everybody does what brings the newest request on."""
        for _ in range(steps):
            rows = self._requests()
            if not rows:
                return self.ask()
            row = rows[-1]
            media = self.db.read_now(lambda session, row=row: consents.rendered(session, row))  # type: ignore[misc]
            waits = self.db.read_now(lambda session, row=row: asking.waiting(session, row.id))  # type: ignore[misc]
            if row.state == "draft":
                self._sign(None)
            elif row.state == "pending" and row.digest:
                self._compare(row, SEEN)
            elif row.state == "pending" or (row.state == "agreed" and media is not None):
                self._do(use_cases.say_yes, row.id, by=self.sue)
            elif row.state == "agreed" and row.render_id:
                self._render(row, works=True)
            elif row.state == "agreed":
                self.jobs()
            elif row.state == "offered" and waits is not None:
                self._fetch(row)
            elif row.state == "offered":
                self._do(generations.publish, row.generation_id, Draft(text="a walk"), by=self.ada)
            elif len(rows) < 8:
                self.ask()
        return None

    @rule(data=st.data())
    def sign(self, data: Any) -> None:
        """The finished file is signed, and the owner is asked about it."""
        self._sign(data)

    def _sign(self, data: Any) -> None:
        waiting = self.db.read_now(lambda session: list(session.scalars(select(Media.id).join(
            Status, Status.id == Media.status_id).where(Media.state == "ready"))))
        if not waiting:
            return
        media_id = data.draw(st.sampled_from(waiting)) if data is not None else waiting[-1]

        def write(uow: UnitOfWork) -> None:
            media = uow.session.get_one(Media, media_id)
            media.state, media.manifest_key = "signed", f"m/{media_id}.c2pa"
            media.digest = digest_multibase(hashlib.sha256(str(media_id).encode()).digest())
            uow.session.flush()
            posts.finish(uow, media.status_id or 0)

        self.db.write_now(write)

    # ---- the owner's instance
    @rule()
    def jobs(self) -> None:
        """What the jobs of cameos do but for rendering, fetching and comparing."""
        for row in self._requests("pending", digest=False):
            self.db.write_now(lambda uow, row=row: answering.consider(uow, row.id))  # type: ignore[misc]
        for row in self._requests("agreed"):
            if row.render_id is None:
                asyncio.run(cameos.begin(self.db, self.store, self.gates, row.id))
        for row in self._requests("accepted", "rejected", "withdrawn"):
            self.db.write_now(lambda uow, row=row: answering.tidy(uow, uow.session.get_one(ConsentRequest, row.id)))  # type: ignore[misc]

    @precondition(lambda self: any(row.render_id and row.content_digest is None for row in self._requests("agreed")))
    @rule(data=st.data(), works=st.booleans())
    def render(self, data: Any, works: bool) -> None:
        self._render(data.draw(st.sampled_from([
            row for row in self._requests("agreed") if row.render_id and not row.content_digest])), works=works)

    def _render(self, row: ConsentRequest, *, works: bool) -> None:
        def write(uow: UnitOfWork) -> None:
            render = uow.session.get_one(Generation, row.render_id)
            if render.state != "queued":
                return
            request = uow.session.get_one(ConsentRequest, row.id)
            if works:
                media = Media(id=uow.new_id(), actor_id=self.sue, kind="video", state="ready", mime="video/mp4",
                              storage_key=f"r/{row.id}.mp4", generation_id=render.id, declared=False, created_at=uow.now)
                uow.session.add(media)
                uow.session.flush()
                render.state, render.media_id, request.content_digest = "draft", media.id, SEEN
            else:
                render.state = "failed"
                cameos.rendered(uow, request)
            uow.session.flush()

        self.db.write_now(write)

    @precondition(lambda self: self._requests("offered"))
    @rule(data=st.data())
    def fetch(self, data: Any) -> None:
        self._fetch(data.draw(st.sampled_from(self._requests("offered"))))

    def _fetch(self, row: ConsentRequest) -> None:
        def write(uow: UnitOfWork) -> None:
            asking.arrived(uow, row.id, Media(
                id=uow.new_id(), actor_id=self.ada, kind="video", state="ready", mime="video/mp4",
                storage_key=f"f/{uow.new_id()}.mp4", width=320, height=320, duration=1.0, generation_id=row.generation_id,
                declared=False, created_at=uow.now,
                generator={"name": "p", "model": "m", "revision": "1", "licence": "", "backend": "cpu", "parameters": {},
                           "seed": "1"}))

        if self.db.read_now(lambda session: asking.waiting(session, row.id)):
            self.db.write_now(write)

    @precondition(lambda self: self._requests("pending", digest=True))
    @rule(data=st.data(), content=st.sampled_from([SEEN, OTHER, None]))
    def compare(self, data: Any, content: str | None) -> None:
        self._compare(data.draw(st.sampled_from(self._requests("pending", digest=True))), content)

    def _compare(self, row: ConsentRequest, content: str | None) -> None:
        outcome = self.db.write_now(lambda uow: answering.compared(uow, row.id, content))
        assert outcome != "given" or content == SEEN
        Machine.given += outcome == "given"

    # ---- the owner
    @precondition(lambda self: self._requests("pending", "agreed", "rejected"))
    @rule(data=st.data(), always=st.booleans())
    def say_yes(self, data: Any, always: bool) -> None:
        row = data.draw(st.sampled_from(self._requests("pending", "agreed", "rejected")))
        before = row.state
        done = self._do(use_cases.say_yes, row.id, by=self.sue, always=always)
        assert not done or before != "withdrawn"

    @precondition(lambda self: self._requests("pending", "agreed", "offered"))
    @rule(data=st.data(), block=st.booleans())
    def say_no(self, data: Any, block: bool) -> None:
        row = data.draw(st.sampled_from(self._requests("pending", "agreed", "offered")))
        self._do(use_cases.refuse, row.id, "no", by=self.sue, block=block)

    @rule()
    def forgive(self) -> None:
        self.db.write_now(lambda uow: likenesses.set_person(uow, self.sue, self.ada, ""))

    @rule(audience=st.sampled_from(["everyone"] * 4 + ["nobody"]))
    def open_or_close(self, audience: str) -> None:
        def write(uow: UnitOfWork) -> None:
            uow.session.scalars(select(Likeness)).one().audience = audience

        self.db.write_now(write)

    @rule(data=st.data())
    def revoke(self, data: Any) -> None:
        stamps = self.db.read_now(lambda session: list(session.scalars(select(ConsentStamp.id).where(
            ConsentStamp.revoked_at.is_(None)))))
        if stamps:
            stamp = data.draw(st.sampled_from(stamps))
            assert self._do(use_cases.revoke, stamp, by=self.sue)
            self.revoked.add(stamp)

    @rule(data=st.data())
    def a_stranger_answers(self, data: Any) -> None:
        for row in self._requests()[:2]:
            assert not self._do(use_cases.say_yes, row.id, by=self.ada)
            assert not self._do(use_cases.refuse, row.id, by=self.ada)

    # ---- the world
    @rule(hours=st.sampled_from([1, 30, 24 * 9]))
    def time_passes(self, hours: int) -> None:
        self.moment += dt.timedelta(hours=hours)

    @rule()
    def silence(self) -> None:
        """The owner's server is asked again and says nothing."""
        rows = self.db.read_now(lambda session: list(session.scalars(select(Lineage.id))))
        for row in rows:
            self.db.write_now(lambda uow, row=row: lineages.settle(uow, row, lineages.Finding("unreachable")))  # type: ignore[misc]

    @rule()
    def sweep(self) -> None:
        """What can be fetched no more is deleted; nothing else is."""
        gone = self.db.write_now(answering.sweep)
        late = self.moment - answering.OFFER_LASTS
        assert not gone or any(row.seen_at is not None and row.seen_at < late for row in self._requests("offered"))

    @rule()
    def restart(self) -> None:
        self.db.close()
        self._open()

    # ---- what always holds
    @invariant()
    def only_who_agreed_is_shown(self) -> None:
        def look(session: Any) -> None:
            listed = [row.id for row in statuses.public(session, Page(limit=80))]
            for status in session.scalars(select(Status)):
                rows = lineage.parents_of(session, [status.id]).get(status.id, [])
                files = session.scalars(select(Media).where(Media.status_id == status.id)).all()
                stamps = [stamp for stamp in session.scalars(select(ConsentStamp).where(
                    ConsentStamp.object_uri == status.uri, ConsentStamp.revoked_at.is_(None)))
                    if stamp.digest in [media.digest for media in files]]
                assert [row.kind for row in rows] == ["cameo"], "every post here shows her"
                if status.id in listed:
                    Machine.shown += 1
                    assert len(stamps) >= 1
                    assert status.published
                if status.published and not stamps:
                    assert lineage.hidden(session, [status.id]) == {status.id}

        self.db.read_now(look)

    @invariant()
    def no_stamp_without_a_look(self) -> None:
        def look(session: Any) -> None:
            for stamp in session.scalars(select(ConsentStamp)):
                request = session.get_one(ConsentRequest, stamp.request_id)
                assert request.seen_at is not None
                assert request.state == consents.ACCEPTED
                assert stamp.digest
                assert stamp.digest == request.digest

        self.db.read_now(look)

    @invariant()
    def what_is_over_stays_over(self) -> None:
        def look(session: Any) -> None:
            for row_id in self.closed_for_good:
                assert session.get_one(ConsentRequest, row_id).state == consents.WITHDRAWN
            for stamp_id in self.revoked:
                assert session.get_one(ConsentStamp, stamp_id).revoked_at is not None
            for row in session.scalars(select(ConsentRequest).where(ConsentRequest.state.in_((
                    consents.REJECTED, consents.WITHDRAWN)))):
                assert row.stamp_uri is None

        self.db.read_now(look)

    @invariant()
    def nobody_publishes_a_rendering(self) -> None:
        def look(session: Any) -> None:
            for row in session.scalars(select(Generation).where(Generation.likeness_id.is_not(None))):
                assert row.status_id is None
                assert row.actor_id == self.sue
            assert session.scalar(select(GenerationWorker.name)) is None
            assert session.scalar(select(Job.id).where(Job.state == "dead")) is None

        self.db.read_now(look)


def test_consent_holds_whatever_happens(template: Path) -> None:
    Machine.template = template
    run_state_machine_as_test(Machine, settings=settings(
        max_examples=6, stateful_step_count=25, deadline=None, derandomize=True,
        phases=[Phase.generate],  # ids and times differ between runs, so nothing could be shrunk
        suppress_health_check=list(HealthCheck)))
    assert Machine.given, "it came as far as a stamp"
    assert Machine.shown, "and as a video that is shown"
