"""Jobs around a generation: signed messages to an application (a real server receives them), posts that come by themselves."""
from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fedisora.app import House, build_house, workers_module
from fedisora.errors import Forbidden, TooManyRequests
from fedisora.generation.intake import Wanted
from fedisora.generation.safety import Gates, Subject, Verdict
from fedisora.models import Generation, Job, Lineage, Media, Status
from fedisora.services import generations, remixes
from fedisora.services import publish as posts
from fedisora.services.generations import inputs, webhooks
from fedisora.settings import load_settings
from fedisora.web.borrowing import borrowed
from tests.support.generations import actor_of, person, plan_of
from tests.support.pictures import clip

JOBS, ROWS = workers_module("generation_jobs"), workers_module("rows")
GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "generating.md"
SECRET = b"0123456789abcdef01234567"


class Receiver:
    """An application's own server. `answers` are its next statuses; 204 afterwards."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status = receiver.answers.pop(0) if receiver.answers else 204
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", receiver.url + "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = build_house(load_settings(tmp_path_factory.mktemp("jobs"), base_url="https://here.example", rate_limits=False,
                                     allow_private_network="127.0.0.0/8", generation_jobs_per_user=1000))
    yield made
    made.db.close()


@pytest.fixture(scope="module")
def ann(house: House) -> int:
    return house.db.write_now(lambda uow: person(uow, "ann"))


def run(house: House, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    async def once() -> Any:
        await house.client.open()
        try:
            return await work()
        finally:
            await house.client.close()

    return asyncio.run(once())


def drain(house: House, queue: str) -> int:
    """One turn of a queue's worker."""
    return int(run(house, lambda: ROWS.drain(house, queue, JOBS.HANDLERS, "w", at_once=4)))


def ordered(house: House, ann: int, url: str, **values: Any) -> int:
    def write(uow: Any) -> int:
        [row] = generations.request(uow, actor_of(uow, ann), plan_of("a red kite"), webhook_url=url, webhook_secret=SECRET)
        for name, value in values.items():
            setattr(row, name, value)
        return int(row.id)

    return int(house.db.write_now(write))


def waiting(house: House) -> list[Job]:
    return list(house.db.read_now(lambda session: session.scalars(
        select(Job).where(Job.kind == "generation_webhook").order_by(Job.id)).all()))


def documented() -> Callable[[str, dict[str, str], bytes], bool]:
    """The function that the guide shows to programmers."""
    [code] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.S)
    names: dict[str, Any] = {}
    exec(code, names)  # what is documented is what is tested
    found: Callable[[str, dict[str, str], bytes], bool] = names["verified"]
    return found


@pytest.fixture(autouse=True)
def _nothing_left(house: House) -> Iterator[None]:
    yield
    house.db.write_now(lambda uow: uow.session.query(Job).delete())
    house.db.clock = lambda: dt.datetime.now(dt.UTC)


def test_a_message_is_signed_as_the_guide_says(house: House, ann: int, receiver: Receiver) -> None:
    row_id = ordered(house, ann, receiver.url)
    assert drain(house, "federation") == 1
    [(headers, body)] = receiver.got
    verified, secret = documented(), webhooks.shown(SECRET)
    assert verified(secret, headers, body)
    assert not verified(secret, headers, body.replace(b"submitted", b"published"))
    assert not verified(webhooks.shown(b"x" * 24), headers, body)
    assert not verified(secret, headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)}, body)
    said = json.loads(body)
    assert (said["type"], said["data"]["id"], said["data"]["state"]) == ("generation.submitted", str(row_id), "submitted")
    assert b"red kite" not in body
    assert waiting(house) == []


def test_a_message_that_was_not_taken_is_sent_again_with_its_id(house: House, ann: int, receiver: Receiver) -> None:
    ordered(house, ann, receiver.url)
    receiver.answers = [500, 302, 404]
    for attempt in range(1, 5):
        assert drain(house, "federation") == 1
        assert len(receiver.got) == attempt
        if waiting(house):
            [job] = waiting(house)
            assert job.run_at > house.db.clock()
            moment = job.run_at + dt.timedelta(seconds=1)
            house.db.clock = lambda moment=moment: moment
    assert waiting(house) == []
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len({headers["webhook-timestamp"] for headers, _ in receiver.got}) == 4
    assert len({body for _, body in receiver.got}) == 1


def test_after_eight_tries_it_is_given_up(house: House, ann: int, receiver: Receiver) -> None:
    ordered(house, ann, receiver.url)
    receiver.answers = [503] * 20
    for _ in range(8):
        [job] = waiting(house)
        moment = job.run_at + dt.timedelta(seconds=1)
        house.db.clock = lambda moment=moment: moment
        drain(house, "federation")
    [job] = waiting(house)
    assert (job.state, job.attempt, len(receiver.got)) == ("dead", 8, 8)


def test_410_ends_all_messages(house: House, ann: int, receiver: Receiver) -> None:
    row_id = ordered(house, ann, receiver.url)
    receiver.answers = [410]
    drain(house, "federation")
    house.db.write_now(lambda uow: generations.cancel(uow, actor_of(uow, ann), row_id))
    assert waiting(house) == []
    assert len(receiver.got) == 1


def test_our_own_network_is_never_asked(tmp_path: Path, receiver: Receiver) -> None:
    house = build_house(load_settings(tmp_path, base_url="https://here.example"))
    try:
        who = house.db.write_now(lambda uow: person(uow, "ann"))
        ordered(house, who, receiver.url.replace("http://127.0.0.1", "https://127.0.0.1"))
        assert drain(house, "federation") == 1
        [job] = waiting(house)
        assert job.state == "dead"
        assert receiver.got == []
    finally:
        house.db.close()


# ---- posts that come by themselves
class Censor:
    """A gate that says the same of every post."""

    name, stages, when_broken = "censor", frozenset({"publish"}), "closed"

    def __init__(self, decision: str) -> None:
        self._decision = decision

    async def check(self, stage: str, subject: Subject) -> Verdict:
        assert subject.text == "look at this\nA kite."
        assert subject.output is not None
        assert subject.output.stat().st_size > 0
        return Verdict(self._decision, "too-red", "This is too red.")  # type: ignore[arg-type]


def finished(house: House, ann: int, folder: Path, url: str = "") -> int:
    """A video that is done and was asked for with a post."""
    row_id = ordered(house, ann, url, state="publishing", publish_as={"text": "look at this", "description": "A kite."})
    house.storage.put_file(f"{row_id % 97:02}/{row_id}.mp4", clip(folder / "made.mp4", frames=2))

    def keep(uow: Any) -> None:
        media = Media(id=uow.new_id(), actor_id=ann, kind="video", state="ready", mime="video/mp4", width=64,
                      height=64, duration=1.0, storage_key=f"{row_id % 97:02}/{row_id}.mp4", generation_id=row_id,
                      generator={"name": "Fedisora"},
                      digital_source_type="http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia", created_at=uow.now)
        uow.session.add(media)
        uow.session.flush()
        uow.session.get_one(Generation, row_id).media_id = media.id

    house.db.write_now(keep)
    return row_id


@pytest.mark.parametrize(("decision", "state"), [("allow", "done"), ("deny", "draft"), ("hold", "held")])
def test_an_ordered_post_is_published_when_the_gates_let_it(house: House, ann: int, tmp_path: Path, decision: str,
                                                            state: str) -> None:
    row_id = finished(house, ann, tmp_path)
    kept, house.gates = house.gates, Gates([Censor(decision)], house.db)
    try:
        run(house, lambda: JOBS.publish_generation(house, {"generation_id": row_id}))
    finally:
        house.gates = kept
    row = house.db.read_now(lambda session: session.get_one(Generation, row_id))
    assert row.state == state
    if state == "done":
        status = house.db.read_now(lambda session: session.get_one(Status, row.status_id))
        assert (status.text, status.actor_id) == ("look at this", ann)
        run(house, lambda: JOBS.publish_generation(house, {"generation_id": row_id}))  # again: nothing happens
        assert house.db.read_now(lambda session: len(session.scalars(select(Status).where(Status.actor_id == ann)).all())) == 1
    else:
        assert (row.code, row.error) == ("too-red", "This is too red.")


def test_a_post_that_may_not_be_written_yet_is_written_later(house: House, ann: int, tmp_path: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    row_id = finished(house, ann, tmp_path)

    def wait(*_: Any) -> None:
        raise TooManyRequests("Please wait a little.", retry_after=90)

    with monkeypatch.context() as patch:
        patch.setattr(posts.conduct, "may_post", wait)
        run(house, lambda: JOBS.publish_generation(house, {"generation_id": row_id}))
    later = house.db.read_now(lambda session: session.scalars(select(Job).where(
        Job.kind == "publish_generation").order_by(Job.run_at.desc())).first())
    assert later is not None and later.payload == {"generation_id": row_id}
    assert later.run_at > house.db.clock() + dt.timedelta(seconds=60)
    assert house.db.read_now(lambda session: session.get_one(Generation, row_id)).state == "publishing"
    run(house, lambda: JOBS.publish_generation(house, later.payload))
    assert house.db.read_now(lambda session: session.get_one(Generation, row_id)).state == "done"


def test_what_starts_from_somebodys_video_is_a_remix_of_it(house: House, ann: int, tmp_path: Path) -> None:
    def posted(uow: Any, policy: str) -> tuple[int, int]:
        ben = person(uow, f"ben_{policy}")
        media = Media(id=uow.new_id(), actor_id=ben, kind="video", state="ready", storage_key="00/ben.mp4", mime="video/mp4",
                      digital_source_type="http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia", created_at=uow.now)
        uow.session.add(media)
        uow.session.flush()
        status = posts.create(uow, actor_of(uow, ben), posts.Draft("look", media_ids=(media.id,), remix_policy=policy))
        status.published = True
        return media.id, status.id

    refused, _ = house.db.write_now(lambda uow: posted(uow, "nobody"))
    with pytest.raises(Forbidden):
        house.db.write_now(lambda uow: inputs.find(uow.session, actor_of(uow, ann), refused))
    allowed, parent = house.db.write_now(lambda uow: posted(uow, "anyone"))
    found = house.db.write_now(lambda uow: inputs.find(uow.session, actor_of(uow, ann), allowed))
    assert (found.task, found.remix_of_id) == ("video", parent)
    row_id = finished(house, ann, tmp_path)

    def publish(uow: Any) -> list[int | None]:
        row = uow.session.get_one(Generation, row_id)
        row.state, row.input_media_id, row.options = "draft", allowed, {"remix_of": str(parent)}
        status = generations.publish(uow, actor_of(uow, ann), row_id, posts.Draft("mine"))  # says nothing of a remix
        return list(uow.session.scalars(select(Lineage.parent_id).where(Lineage.child_id == status.id)))

    assert house.db.write_now(publish) == [parent]


def test_another_servers_file_becomes_an_upload_of_ones_own(house: House, ann: int, tmp_path: Path) -> None:
    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = (tmp_path / "theirs.mp4").read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    clip(tmp_path / "theirs.mp4", frames=12)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def posted(uow: Any) -> tuple[int, int]:
        cara = person(uow, "cara")
        status = Status(id=uow.new_id(), uri="https://there.example/posts/1", actor_id=cara, local=False, visibility="public",
                        published=True, created_at=uow.now)
        uow.session.add(status)
        uow.session.flush()
        remixes.set_policy(actor_of(uow, cara), status, "anyone")
        media = Media(id=uow.new_id(), actor_id=cara, kind="video", state="remote", status_id=status.id, mime="video/mp4",
                      remote_url=f"http://127.0.0.1:{server.server_port}/a.mp4", created_at=uow.now)
        uow.session.add(media)
        uow.session.flush()
        return media.id, status.id

    theirs, parent = house.db.write_now(posted)

    async def borrow() -> Wanted:
        asked = asyncio.create_task(borrowed(house, ann, Wanted("more waves", input_media_id=theirs, people="nobody")))
        while not asked.done():
            await ROWS.drain(house, "media", workers_module("media").HANDLERS, "w", at_once=1)
            await asyncio.sleep(0.05)
        return await asked

    try:
        wanted = run(house, borrow)
    finally:
        server.shutdown()
        server.server_close()
    mine = house.db.read_now(lambda session: session.get_one(Media, wanted.input_media_id))
    assert (mine.actor_id, mine.state, mine.kind, wanted.remix_of_id) == (ann, "ready", "video", parent)
    assert house.db.write_now(lambda uow: inputs.find(uow.session, actor_of(uow, ann), mine.id)).task == "video"
    assert run(house, lambda: borrowed(house, ann, wanted)) is wanted


def test_screening_is_made_up_for(house: House, ann: int) -> None:
    row_id = ordered(house, ann, "")
    run(house, lambda: JOBS.screen_generation(house, {"generation_id": row_id}))
    assert house.db.read_now(lambda session: session.get_one(Generation, row_id).state) == "queued"
    run(house, lambda: JOBS.screen_generation(house, {"generation_id": row_id}))
    run(house, lambda: JOBS.screen_generation(house, {"generation_id": 1}))
