"""A cameo between two people of one instance: asked, made, seen by its subject first, stamped, published, taken back."""
from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.app import workers_module
from fedisora.db import UnitOfWork
from fedisora.errors import Conflict, FedisoraError, Forbidden, Invalid, NotFound, TooManyRequests
from fedisora.generation import submission
from fedisora.generation.host import Host
from fedisora.generation.offer import offered
from fedisora.generation.process import Runner
from fedisora.models import Actor, ConsentRequest, ConsentStamp, Generation, Job, Lineage, Media, Notification, Status
from fedisora.serializers.mastodon.status import Statuses
from fedisora.services import accounts, generations
from fedisora.services import consents as use_cases
from fedisora.services import publish as posts
from fedisora.services.cameos import answering, asking
from fedisora.services.generations import inputs
from fedisora.services.publish import Draft
from fedisora.store import consents, generation_workers, likenesses, lineage, statuses
from fedisora.store.paging import Page
from tests.support import cameos as support

from .conftest import Studio, furnished

pytestmark = pytest.mark.xdist_group("cameos_worker")  # its tests go through one scene

CAMEOS, MEDIA, FEDERATION = (workers_module(name) for name in ("cameos", "media", "federation"))
KINDS = {**CAMEOS.HANDLERS, "publish": MEDIA.publish, "check_consent": FEDERATION.check_consent}


@dataclass
class Set:
    """Ada makes videos; Sue may be shown in them."""

    studio: Studio
    sue: int
    likeness: int

    @property
    def house(self) -> Any:
        return self.studio.house

    def actor(self, actor_id: int) -> Actor:
        return support.actor(self.house, actor_id)

    def ask(self, prompt: str = "she walks through fog", *, by: int | None = None, **more: Any) -> tuple[int, int]:
        """(generation, request)"""
        wish = asking.Wish(self.sue, **{"use": "a short film", "accepts": True, **more})
        made = asking.plan(prompt, orientation="square", seconds=1.0, seed=3)
        row = asyncio.run(submission.ask_cameo(self.house.db, self.house.storage, self.house.gates, by or self.studio.ada, wish,
                                               made))
        found = self.generation(row).consent_request_id
        assert found is not None
        return row, found

    def work(self) -> None:
        """Run the jobs that are due, until there are none."""
        while True:
            job = self.house.db.read_now(lambda session: session.scalar(
                select(Job).where(Job.kind.in_(list(KINDS)), Job.state == "pending").order_by(Job.id).limit(1)))
            if job is None:
                return
            self.house.db.write_now(lambda uow, job=job: uow.session.delete(uow.session.get_one(Job, job.id)))  # type: ignore[misc]
            self.studio.run(KINDS[job.kind], job.payload)

    def render(self) -> bool:
        """Let a worker make the next video."""
        async def once() -> bool:
            models = self.house.db.read_now(lambda session: offered(session, self.house.settings))
            self.house.db.write_now(lambda uow: generation_workers.register(
                uow, "w", host="h", device="cpu", memory_mb=0, watts=0, models=list(models), gpu_classes=["cpu"]))
            host = Host(self.house.db, self.house.storage, self.house.gates, self.house.bells, owner="o", worker="w",
                        models=models, private=self.house.private)
            try:
                return await host.run_once()
            finally:
                await host.close()

        return asyncio.run(once())

    def generation(self, row_id: int) -> Generation:
        return self.house.db.read_now(lambda session: session.get_one(Generation, row_id))

    def request(self, row_id: int) -> ConsentRequest:
        return self.house.db.read_now(lambda session: session.get_one(ConsentRequest, row_id))

    def told(self, actor_id: int) -> list[str]:
        return self.house.db.read_now(lambda session: list(session.scalars(
            select(Notification.type).where(Notification.actor_id == actor_id).order_by(Notification.id))))

    def do(self, use_case: Any, *arguments: Any, by: int | None = None, **more: Any) -> Any:
        return self.house.db.write_now(lambda uow: use_case(uow, uow.session.get_one(Actor, by or self.sue), *arguments, **more))

    def drafted(self) -> tuple[int, int]:
        """A cameo whose draft its subject let go."""
        row, request = self.ask()
        self.work()
        self.do(answering.agree, request)
        self.work()
        assert self.render()
        self.work()
        self.do(answering.let_go, request)
        self.work()
        return row, request

    def publish(self, row: int) -> Status:
        status = self.do(generations.publish, row, Draft(text="fog"), by=self.studio.ada)
        self.work()
        return self.house.db.read_now(lambda session: session.get_one(Status, status.id))

    def listed(self, status: Status) -> bool:
        return self.house.db.read_now(lambda session: status.id in [row.id for row in statuses.public(session, Page(limit=80))])

    def cameo(self, status: Status) -> Lineage:
        return self.house.db.read_now(lambda session: lineage.parents_of(session, [status.id]))[status.id][0]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Set]:
    folder = tmp_path_factory.mktemp("set")
    studio = furnished(folder)
    sue = studio.house.db.write_now(lambda uow: accounts.create(uow, "sue", "sue@example.org", "a fine password").actor_id)
    yield Set(studio, sue, support.enrol(studio.house, sue, folder))
    studio.house.db.close()


# ---- what must not work
def test_who_may_not_ask_is_told_so_and_nothing_is_written(stage: Set) -> None:
    for columns, error in (({"audience": "nobody"}, Forbidden), ({"audience": "approved"}, Forbidden),
                           ({"state": "withdrawn"}, Forbidden)):
        support.change(stage.house, stage.likeness, **columns)
        with pytest.raises(error):
            stage.ask()
        support.change(stage.house, stage.likeness, audience="everyone", state="active")
    for missing in ({"use": " "}, {"accepts": False}):
        with pytest.raises(Invalid):
            stage.ask(**missing)
    assert stage.house.db.read_now(lambda session: session.scalar(select(ConsentRequest.id))) is None


def test_a_no_ends_it_and_a_block_says_nothing(stage: Set) -> None:
    row, request = stage.ask()
    stage.work()
    with pytest.raises(NotFound):
        stage.do(answering.agree, request, by=stage.studio.ada)
    stage.do(answering.deny, request, "Not for films.")
    assert (stage.generation(row).state, stage.generation(row).error) == ("rejected", "Not for films.")
    with pytest.raises(Conflict):
        stage.do(answering.deny, request, "again")
    row, request = stage.ask()
    stage.work()
    stage.do(answering.deny, request, block=True)
    assert stage.generation(row).error == answering.DENIED, "as any other no"
    row, request = stage.ask()
    stage.work()
    assert (stage.generation(row).state, stage.request(request).state) == ("asked", "pending"), "and nobody answers"
    stage.do(generations.cancel, row, by=stage.studio.ada)
    stage.house.db.write_now(lambda uow: likenesses.set_person(uow, stage.sue, stage.studio.ada, ""))


def test_what_is_withdrawn_is_not_made_and_not_shown(stage: Set) -> None:
    row, request = stage.ask()
    stage.work()
    stage.do(generations.cancel, row, by=stage.studio.ada)
    assert (stage.generation(row).state, stage.request(request).state) == ("cancelled", "withdrawn")
    with pytest.raises(Conflict):
        stage.do(answering.agree, request)
    row, request = stage.ask()
    stage.work()
    stage.do(answering.agree, request)
    stage.work()
    render = stage.request(request).render_id
    assert render is not None
    stage.do(generations.cancel, row, by=stage.studio.ada)
    stage.work()
    assert stage.generation(render).state in ("cancelled", "discarded")
    assert not stage.render()
    with pytest.raises(Conflict):
        stage.do(generations.retry, row, by=stage.studio.ada)


def test_who_waits_for_answers_can_make_other_videos_and_not_ask_without_end(
        stage: Set, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person may never answer: three of them must not stop everything else."""
    monkeypatch.setattr(asking, "MOST_WAITING", 4)
    rows = [stage.ask()[0] for _ in range(4)]
    assert {stage.generation(row).state for row in rows} == {"asked"}
    with pytest.raises(TooManyRequests, match="not answered yet"):
        stage.ask()
    for row in rows:
        stage.do(generations.cancel, row, by=stage.studio.ada)
    stage.work()


def test_a_likeness_that_is_withdrawn_meanwhile_is_not_rendered(stage: Set) -> None:
    row, request = stage.ask()
    stage.work()
    support.change(stage.house, stage.likeness, state="withdrawn")
    with pytest.raises(Conflict):
        stage.do(answering.agree, request)
    support.change(stage.house, stage.likeness, state="active")
    stage.do(answering.agree, request)
    support.change(stage.house, stage.likeness, state="withdrawn")
    stage.work()
    support.change(stage.house, stage.likeness, state="active")
    assert (stage.request(request).state, stage.generation(row).state) == ("rejected", "rejected")


def test_the_open_picture_is_on_no_disk(stage: Set, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is killed while it renders leaves nothing of it."""
    row, request = stage.ask()
    stage.work()
    stage.do(answering.agree, request)
    stage.work()
    seen = []

    async def generate(_: Runner, wanted: dict[str, Any], *__: Any, **___: Any) -> dict[str, Any]:
        seen.append((Path(wanted["image"]).read_bytes(), [path for path in tmp_path.rglob("*") if path.is_file()]))
        return {"cancelled": True}

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(Runner, "generate", generate)
    assert stage.render()
    assert seen == [(support.portrait(), [])]
    stage.work()
    assert stage.generation(row).state == "rejected"


def test_the_draft_is_its_subjects_to_see_and_nobodys_to_publish(stage: Set) -> None:
    row, request = stage.ask()
    stage.work()
    stage.do(answering.agree, request)
    stage.work()
    with pytest.raises(Conflict):
        stage.do(answering.let_go, request)
    assert stage.render()
    stage.work()
    render = stage.request(request).render_id
    assert render is not None
    assert "cameo.draft" in stage.told(stage.sue)
    assert "cameo.draft" not in stage.told(stage.studio.ada)
    assert (stage.generation(render).actor_id, stage.generation(render).state) == (stage.sue, "draft")
    for use_case in (lambda uow, who: generations.publish(uow, who, render, Draft(text="mine")),
                     lambda uow, who: generations.discard(uow, who, render)):
        with pytest.raises(NotFound):
            stage.do(use_case)
    assert render not in [one.id for one in stage.house.db.read_now(
        lambda session: generations.mine(session, session.get_one(Actor, stage.sue)))]
    with pytest.raises(FedisoraError):
        stage.do(generations.publish, row, Draft(text="too early"), by=stage.studio.ada)
    stage.do(answering.deny, request, "Not like this.")
    stage.work()
    assert stage.generation(row).state == "rejected"
    assert (stage.generation(render).state, stage.generation(render).media_id) == ("discarded", None)


# ---- what does
def test_asked_made_seen_stamped_published_and_taken_back(stage: Set) -> None:
    row, request = stage.drafted()
    draft = stage.generation(row)
    assert (draft.state, stage.request(request).state) == ("draft", "offered")
    media_id = draft.media_id

    def begun_from_it(uow: UnitOfWork) -> None:
        inputs.find(uow.session, uow.session.get_one(Actor, stage.studio.ada), media_id or 0)

    def posted_as_a_file(uow: UnitOfWork, who: Actor) -> None:
        posts.create(uow, who, Draft(text="again", media_ids=(media_id or 0,)))

    with pytest.raises(Invalid, match="agreed to one video"):
        stage.house.db.write_now(begun_from_it)
    with pytest.raises(Invalid):
        stage.do(posted_as_a_file, by=stage.studio.ada)
    status = stage.publish(row)
    assert status.published
    with pytest.raises(Invalid, match="agreed to one video"):
        stage.house.db.write_now(begun_from_it)
    assert status.uri == stage.request(request).object_uri
    cameo = stage.cameo(status)
    assert (cameo.kind, cameo.parent_uri, cameo.consent) == ("cameo", stage.actor(stage.sue).uri, "valid")
    media = stage.house.db.read_now(lambda session: session.get_one(Media, stage.generation(row).media_id))
    stamp = stage.house.db.read_now(lambda session: session.scalars(select(ConsentStamp)).one())
    assert (stamp.digest, stamp.object_uri, stamp.kind) == (media.digest, status.uri, "likeness")
    assert "cameo.used" in stage.told(stage.sue)
    assert stage.request(request).state == "accepted"
    assert stage.listed(status)
    attachment = stage.studio.post(media)["attachment"][0]
    assert attachment["likenessAuthorization"] == [stamp.uri]
    # who knows nothing of stamps reads it
    sue = stage.actor(stage.sue)
    sentence = f'<p>Shows <a href="{sue.url or sue.uri}">@sue@{stage.house.uris.host}</a>, with their consent.</p>'
    assert sentence in stage.studio.post(media)["content"]
    assert sentence in stage.house.db.read_now(lambda session: Statuses(
        session, [status], None, stage.house.uris).render(status)["content"])
    # the file says whom it shows, and not a byte more of them
    found = stage.studio.judged(media)
    ingredient = next(item for item in found["manifest"]["ingredients"] if item["relationship"] == "componentOf")
    assert found["state"] == "Trusted"
    assert ingredient["informational_URI"] == stage.actor(stage.sue).uri
    assert not {"thumbnail", "active_manifest", "data", "instance_id"} & set(ingredient)
    path = stage.house.storage.path_for(str(media.storage_key))
    assert support.portrait()[12:200] not in Path(path).read_bytes()
    assert any(check["name"] == "likeness" for check in (media.verdict or {})["checks"])
    # saved, and uploaded for another post: the file says whom it shows, so they are asked
    again = stage.studio.publish(stage.studio.upload(path, text="fog, once more"))
    second = stage.house.db.read_now(lambda session: session.get_one(Status, again.status_id))
    stage.work()
    asked = stage.house.db.read_now(lambda session: consents.of_status(session, [second.id]))[second.id]
    assert (second.published, asked.state, asked.owner_id, asked.digest) == (False, "pending", stage.sue, again.digest)
    stage.do(answering.deny, asked.id, "Once was enough.")
    assert (stage.cameo(second).consent, stage.cameo(second).reason) == ("missing", "Once was enough.")
    # what was rendered for it is gone here
    render = stage.generation(stage.request(request).render_id or 0)
    assert (render.state, render.media_id) == ("discarded", None)
    # taken back: at once, everywhere here
    stage.do(use_cases.revoke, stamp.id)
    assert not stage.listed(status)
    stage.work()
    assert "cameo.revoked" in stage.told(stage.studio.ada)
    assert "with their consent" not in stage.studio.post(media)["content"]
    moved = stage.house.db.read_now(lambda session: session.get_one(Media, media.id))
    assert moved.storage_key != media.storage_key
    assert (moved.verdict or {})["verdict"] == "revoked"


def test_another_file_than_she_saw_is_put_before_her(stage: Set) -> None:
    row, _ = stage.drafted()
    media_id = stage.generation(row).media_id

    def swap(uow: UnitOfWork) -> None:
        media = uow.session.get_one(Media, media_id)
        stage.house.storage.put_file(str(media.storage_key), stage.studio.plain)

    stage.house.db.write_now(swap)
    status = stage.publish(row)
    assert not status.published
    asked = stage.house.db.read_now(lambda session: consents.of_status(session, [status.id]))[status.id]
    assert asked.state == "pending"
    assert "cameo.request" in stage.told(stage.sue)
    stage.do(use_cases.grant, asked.id)
    stage.work()
    assert stage.house.db.read_now(lambda session: session.get_one(Status, status.id)).published


def test_always_begins_without_asking_and_still_shows_her_the_draft(stage: Set) -> None:
    _, request = stage.ask()
    stage.work()
    stage.do(answering.agree, request, always=True)
    assert stage.house.db.read_now(lambda session: likenesses.decided_about(session, stage.sue, stage.studio.ada)) == "always"
    row, request = stage.ask("another one")
    stage.work()
    assert (stage.request(request).state, stage.generation(row).state) == ("agreed", "asked")
    stage.house.db.write_now(lambda uow: likenesses.set_person(uow, stage.sue, stage.studio.ada, ""))
