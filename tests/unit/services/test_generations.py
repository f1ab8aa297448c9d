"""Asking for videos, quotas, cancelling, trying again, states: the use cases of the queue."""
from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.db import Database, Instance, UnitOfWork
from fedisora.errors import Conflict, FedisoraError, Invalid, NotFound, TooManyRequests
from fedisora.models import Base, Generation, Job, Media
from fedisora.services import generations
from fedisora.services.generations import STATES, administration, inputs, leftovers, quotas
from fedisora.services.generations.reasons import REASONS
from fedisora.settings import load_settings
from fedisora.store import generation_queue
from fedisora.store.paging import Page
from fedisora.uris import Uris
from fedisora.vault import Vault
from tests.support.generations import actor_of, finish, person, plan_of, queued, take, worker

Make = Callable[..., Database]


@pytest.fixture
def make(tmp_path: Path, database_url: str) -> Iterator[Make]:
    """An instance with some settings."""
    made: list[Database] = []

    def build(**settings: Any) -> Database:
        loaded = load_settings(tmp_path, base_url="https://here.example", database_url=database_url, **settings)
        database = Database(Instance(loaded, Uris(loaded.base_url), Vault.open(tmp_path)))
        Base.metadata.create_all(database.engine)
        made.append(database)
        return database

    yield build
    for database in made:
        database.close()


@pytest.fixture
def here(tmp_path: Path, sqlite_url: str) -> Iterator[Database]:
    """An instance with the usual settings."""
    loaded = load_settings(tmp_path, base_url="https://here.example", database_url=sqlite_url, generation_jobs_per_user=20)
    database = Database(Instance(loaded, Uris(loaded.base_url), Vault.open(tmp_path)))
    Base.metadata.create_all(database.engine)
    yield database
    database.close()


def new(db: Database, name: str, **values: Any) -> int:
    return db.write_now(lambda uow: person(uow, name, **values))


def ask(db: Database, actor_id: int, **plan: Any) -> list[int]:
    return db.write_now(lambda uow: [row.id for row in generations.request(uow, actor_of(uow, actor_id), plan_of(**plan))])


def row_of(db: Database, row_id: int) -> Generation:
    return db.read_now(lambda session: session.get_one(Generation, row_id))


def do(db: Database, use_case: Callable[..., Any], actor_id: int, *given: Any) -> Any:
    return db.write_now(lambda uow: use_case(uow, actor_of(uow, actor_id), *given))


def refusal(db: Database, use_case: Callable[[], Any]) -> FedisoraError:
    with pytest.raises(FedisoraError) as caught:
        use_case()
    assert caught.value.code
    assert caught.value.text.endswith((".", ")"))
    return caught.value


# ---- asking
def test_variants_are_rows_with_seeds_that_follow_each_other(make: Make) -> None:
    db = make(generation_jobs_per_user=5)
    ann = new(db, "ann")
    ids = ask(db, ann, variants=3, seed=2**63 - 2)
    rows = [row_of(db, one) for one in ids]
    assert [row.seed for row in rows] == [str(2**63 - 2), str(2**63 - 1), "0"]
    assert {row.batch_id for row in rows} == {ids[0]}
    assert {row.state for row in rows} == {"submitted"}
    assert row_of(db, ask(db, ann)[0]).batch_id is None
    nets = db.read_now(lambda session: session.scalars(select(Job).where(Job.kind == "screen_generation")).all())
    assert sorted(job.payload["generation_id"] for job in nets)[:3] == ids
    assert all(job.run_at > job.created_at for job in nets)
    assert refusal(db, lambda: ask(db, ann, variants=5)).code == "variants"


def test_one_may_have_so_many_at_a_time(make: Make) -> None:
    db = make(generation_jobs_per_user=3, generation_jobs_per_agent=1)
    ann, vip, none = new(db, "ann"), new(db, "vip", limits={"jobs": 4}), new(db, "none", limits={"jobs": 0})
    bot = new(db, "bot", operator="ann")
    for _ in range(3):
        ask(db, ann)
    refused = refusal(db, lambda: ask(db, ann))
    assert (type(refused), refused.code) == (TooManyRequests, "too-many-jobs")
    assert "3 at a time" in refused.text
    assert refused.retry_after
    assert refusal(db, lambda: ask(db, vip, variants=4) and ask(db, vip)).code == "too-many-jobs"
    assert refusal(db, lambda: ask(db, none)).code == "not-allowed"
    assert refusal(db, lambda: ask(db, bot) and ask(db, bot)).code == "too-many-jobs"
    assert refusal(db, lambda: ask(db, bot, variants=2)).code == "too-many-variants"


def test_gpu_time_of_24_hours_is_shared_by_a_person_and_their_agents(make: Make) -> None:
    db = make(generation_jobs_per_user=9, generation_jobs_per_agent=9, generation_seconds_per_day=20,
              generation_seconds_per_day_agent=10)
    ann = new(db, "ann")
    bots = [new(db, f"bot{number}", operator="ann") for number in range(3)]
    [first] = queued(db, bots[0])  # about 6 s each
    assert refusal(db, lambda: ask(db, bots[0])).code == "gpu-seconds"  # its own 10 s
    queued(db, bots[1])
    queued(db, ann)
    refused = refusal(db, lambda: ask(db, bots[2]))
    assert refused.code == "gpu-seconds"
    assert "works again in 24.0 hours" in refused.text
    assert refused.retry_after == pytest.approx(86_400, abs=60)
    assert refusal(db, lambda: ask(db, ann, seconds=20.0, frames=480)).code == "too-costly"
    assert take(db) == first
    finish(db, first, gpu_seconds=0.5)  # it cost less than it was expected to
    assert ask(db, bots[2])
    db.clock = lambda: dt.datetime.now(dt.UTC) + dt.timedelta(hours=25)
    assert ask(db, ann)


def test_limits_of_an_account_go_before_the_instances(make: Make) -> None:
    db = make(generation_seconds_per_day=1)
    assert refusal(db, lambda: ask(db, new(db, "ann"))).code == "too-costly"
    assert ask(db, new(db, "vip", limits={"gpu_seconds_per_day": 0}))
    rich = new(db, "rich", limits={"gpu_seconds_per_day": 99})
    ask(db, rich)
    assert db.write_now(lambda uow: quotas.spent(uow.session, actor_of(uow, rich), rich, uow.now)) == (
        pytest.approx(6.08, abs=0.1), pytest.approx(6.08, abs=0.1))


# ---- cancelling and trying again
def test_cancel_what_waits_and_what_runs(make: Make) -> None:
    db = make()
    ann, ben = new(db, "ann"), new(db, "ben")
    [screened], [waiting], [running] = ask(db, ann), queued(db, ann), queued(db, ann)
    db.write_now(lambda uow: administration.prioritise(uow, running, 1))
    assert take(db) == running
    with pytest.raises(NotFound):
        do(db, generations.cancel, ben, waiting)
    for row_id in (screened, waiting):
        assert do(db, generations.cancel, ann, row_id).state == "cancelled"
    row = do(db, generations.cancel, ann, running)
    assert (row.state, row.cancel_requested, row.code) == ("running", True, "cancelled-by-author")
    assert refusal(db, lambda: do(db, generations.cancel, ann, waiting)).code == "wrong-state"
    db.clock = lambda: dt.datetime.now(dt.UTC) + dt.timedelta(seconds=20)  # its worker is dead: nobody else would write the end
    assert do(db, generations.cancel, ann, running).state == "cancelled"


def test_cancel_all_stops_only_ones_own(here: Database) -> None:
    ann, ben = new(here, "ann"), new(here, "ben")
    mine = [*queued(here, ann), *ask(here, ann, variants=2), *queued(here, ann)]
    [other] = queued(here, ben)
    taken = take(here)
    stopped = do(here, generations.cancel_all, ann)
    assert {row.id for row in stopped} == set(mine)
    assert {row_of(here, one).state for one in mine if one != taken} == {"cancelled"}
    assert row_of(here, taken or 0).cancel_requested
    assert row_of(here, other).state == "queued"
    assert do(here, generations.cancel_all, ann) == []


def test_what_is_made_for_others_is_no_part_of_ones_own_queue(here: Database) -> None:
    """A render for somebody whom one gave one's likeness: it is stopped by a no to the request, and by no tidying up."""
    ann = new(here, "ann")
    (first,), (render,), (last,) = queued(here, ann), queued(here, ann), queued(here, ann)

    def given(uow: UnitOfWork) -> None:
        row = uow.session.get_one(Generation, render)
        row.likeness_id = row.consent_request_id = 1

    here.write_now(given)
    turn = row_of(here, render).turn
    do(here, generations.move, ann, last, first)
    assert here.write_now(lambda uow: [row.id for row in generations.line(uow.session, actor_of(uow, ann))]) == [last, first]
    assert row_of(here, render).turn == turn, "it neither gains nor loses by it"
    [waiting] = ask(here, ann)
    here.write_now(lambda uow: setattr(uow.session.get_one(Generation, waiting), "state", "asked"))
    assert {row.id for row in do(here, generations.cancel_all, ann)} == {first, last}
    assert (row_of(here, render).state, row_of(here, waiting).state) == ("queued", "asked")


def test_a_retry_keeps_seed_and_parameters_and_is_screened_again(here: Database) -> None:
    ann = new(here, "ann")
    [row_id] = queued(here, ann, plan_of(seed=42, negative_prompt="fog"))
    take(here)
    assert refusal(here, lambda: do(here, generations.retry, ann, row_id)).code == "wrong-state"
    finish(here, row_id, "failed", code="crashed", error="It broke.", gpu_seconds=3.0)
    row = do(here, generations.retry, ann, row_id)
    assert (row.state, row.seed, row.code, row.error, row.attempt, row.options["negative_prompt"]) == (
        "submitted", "42", None, None, 0, "fog")
    nets = here.read_now(lambda session: session.scalars(select(Job).where(Job.kind == "screen_generation")).all())
    assert [job.payload["generation_id"] for job in nets] == [row_id, row_id]
    here.write_now(lambda uow: generation_queue.admit(uow, uow.session.get_one(Generation, row_id)))
    assert take(here) == row_id


def test_order_can_be_changed_among_what_waits_only(here: Database) -> None:
    ann, ben = new(here, "ann"), new(here, "ben")
    [first], [second], [other] = queued(here, ann), queued(here, ann), queued(here, ben)
    [elsewhere] = queued(here, ann, plan_of(model="wan", backend="diffusers", gpu_class="gpu-24"))
    with pytest.raises(NotFound):
        do(here, generations.move, ann, first, other)
    assert refusal(here, lambda: do(here, generations.move, ann, first, elsewhere)).code == "other-lane"
    assert take(here) == first
    assert refusal(here, lambda: do(here, generations.move, ann, second, first)).code == "wrong-state"


# ---- administrators
def test_what_administrators_do(here: Database) -> None:
    admin, ann = new(here, "admin", admin=True), new(here, "ann")
    [row_id] = queued(here, ann)
    worker(here, "w1")
    assert "Please say why" in refusal(here, lambda: do(here, administration.pause, admin, "cpu", " ")).text
    assert refusal(here, lambda: do(here, administration.pause, admin, "gpu-99", "x")).code == "no-lane"
    do(here, administration.pause, admin, "cpu", "New fans are put in.")
    [lane] = here.read_now(administration.lane_states)
    assert (lane.waiting, lane.running, lane.lane.reason if lane.lane else "") == (1, 0, "New fans are put in.")
    assert take(here) is None
    here.write_now(lambda uow: administration.resume(uow, "cpu"))
    with pytest.raises(NotFound):
        here.write_now(lambda uow: administration.resume(uow, "gpu-99"))
    here.write_now(lambda uow: administration.drain(uow, "w1"))
    assert "No worker" in here.read_now(lambda session: generations.hindrance(session, "procedural", "cpu", here.clock()))
    with pytest.raises(NotFound):
        here.write_now(lambda uow: administration.drain(uow, "nobody"))
    assert refusal(here, lambda: here.write_now(lambda uow: administration.prioritise(uow, row_id, 11))).code == "priority"
    row = here.write_now(lambda uow: administration.cancel(uow, row_id, "It is too long."))
    assert (row.state, row.code, row.error) == ("cancelled", "cancelled-by-admin", "An administrator stopped it: It is too long.")
    assert refusal(here, lambda: here.write_now(lambda uow: administration.prioritise(uow, row_id, 1))).code == "wrong-state"


# ---- states, costs, inputs, messages
def test_nothing_goes_where_the_table_does_not_know(here: Database) -> None:
    ann = new(here, "ann")
    [row_id] = queued(here, ann)
    for start in STATES:
        for end in STATES:
            def attempt(uow: UnitOfWork, start: str = start, end: str = end) -> None:
                row = uow.session.get_one(Generation, row_id)
                row.state = start
                uow.session.flush()
                generations.change(uow, row, end)

            if end in STATES[start]:
                here.write_now(attempt)
                assert row_of(here, row_id).state == end
            else:
                with pytest.raises(Conflict):
                    here.write_now(attempt)


def test_the_estimate_names_seconds_energy_and_the_wait(here: Database) -> None:
    ann = new(here, "ann")
    plan = plan_of(variants=2)
    settings = here.instance.settings

    def estimate() -> generations.Estimate:
        return here.read_now(lambda session: generations.estimate(session, settings, plan, here.clock()))

    assert (estimate().energy_wh, estimate().waiting_seconds) == (None, None)
    assert "No worker" in estimate().reason
    worker(here, "w1", watts=300.0)
    queued(here, ann)
    found = estimate()
    assert found.seconds == pytest.approx(12.2, abs=0.1)
    assert found.energy_wh == pytest.approx(found.seconds * 300 / 3600, abs=0.01)
    assert found.waiting_seconds == pytest.approx(6.08, abs=0.1)
    assert found.reason == ""


def test_what_a_video_may_start_from(here: Database) -> None:
    ann, ben = new(here, "ann"), new(here, "ben")

    def file(uow: UnitOfWork, **values: Any) -> int:
        media = Media(**{"id": uow.new_id(), "actor_id": ann, "kind": "image", "state": "ready", "storage_key": "a/b.webp",
                         "mime": "image/webp", "created_at": uow.now, **values})
        uow.session.add(media)
        uow.session.flush()
        return media.id

    def find(actor_id: int, media_id: int) -> inputs.Input:
        return here.write_now(lambda uow: inputs.find(uow.session, actor_of(uow, actor_id), media_id))

    mine = here.write_now(file)
    assert find(ann, mine).task == "image"
    for wanted, error, values in (("no-input", NotFound, {"actor_id": ben}), ("remote-input", Invalid, {"state": "remote"}),
                                  ("input-not-ready", Conflict, {"state": "processing"}),
                                  ("input-broken", Invalid, {"state": "failed"}), ("input-kind", Invalid, {"kind": "audio"})):
        with pytest.raises(error) as caught:
            find(ann, here.write_now(lambda uow, v=values: file(uow, **v)))  # type: ignore[misc]
        assert caught.value.code == wanted


def test_every_change_is_a_message_for_who_wants_them(here: Database) -> None:
    ann = new(here, "ann")

    def order(uow: UnitOfWork) -> int:
        [row] = generations.request(uow, actor_of(uow, ann), plan_of(), webhook_url="https://app.example/hook",
                                    webhook_secret=b"k" * 24)
        assert row.webhook_secret is not None
        assert b"kkkk" not in row.webhook_secret
        return row.id

    row_id = here.write_now(order)
    do(here, generations.cancel, ann, row_id)
    sent = here.read_now(lambda session: session.scalars(select(Job).where(Job.kind == "generation_webhook")).all())
    assert [job.payload["state"] for job in sent] == ["submitted", "cancelled"]
    assert len({job.payload["event"] for job in sent}) == 2


def test_what_got_stuck_is_given_a_job_again(here: Database) -> None:
    ann = new(here, "ann")
    [row_id], [fresh] = ask(here, ann), queued(here, ann)
    here.write_now(lambda uow: uow.session.query(Job).delete())
    assert here.write_now(leftovers.unstick) == 0
    here.clock = lambda: dt.datetime.now(dt.UTC) + dt.timedelta(minutes=11)
    assert here.write_now(leftovers.unstick) == 1
    here.write_now(lambda uow: setattr(uow.session.get_one(Generation, row_id), "state", "publishing"))
    here.clock = lambda: dt.datetime.now(dt.UTC) + dt.timedelta(minutes=22)
    assert here.write_now(leftovers.unstick) == 1
    kinds = here.read_now(lambda session: [(job.kind, job.payload) for job in session.scalars(select(Job).order_by(Job.id))])
    assert kinds == [("screen_generation", {"generation_id": row_id}), ("publish_generation", {"generation_id": row_id})]
    assert row_of(here, fresh).state == "queued"


def test_the_guide_lists_every_code() -> None:
    root = Path(generations.__file__).parents[2]
    files = [*root.glob("services/generations/*.py"), *root.glob("web/api/generations/*.py"), root / "generation" / "intake.py",
             root / "generation" / "presets" / "catalogue.py", root / "generation" / "publishing.py"]
    said = {code for file in files for code in re.findall(r'code="([a-z_-]+)"', file.read_text())} | set(REASONS)
    guide = (root.parent / "docs" / "guide" / "generating.md").read_text()
    assert sorted(code for code in said if f"`{code}`" not in guide) == []


def test_pages_of_ones_own(here: Database) -> None:
    ann, ben = new(here, "ann"), new(here, "ben")
    ids = [ask(here, ann)[0] for _ in range(5)]
    ask(here, ben)
    do(here, generations.cancel, ann, ids[0])

    def page(wanted: Page, *states: str) -> list[int]:
        return here.write_now(lambda uow: [row.id for row in generations.page(uow.session, actor_of(uow, ann), wanted, states)])

    assert page(Page(limit=2)) == [ids[4], ids[3]]
    assert page(Page(limit=2, max_id=ids[3])) == [ids[2], ids[1]]
    assert page(Page(limit=2, min_id=ids[0])) == [ids[2], ids[1]]
    assert page(Page(), "cancelled") == [ids[0]]
