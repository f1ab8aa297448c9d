"""What an instance is for (FEDISORA_AI_POLICY), asked of what people here publish and generate."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fedisora.db import Database, Instance, UnitOfWork
from fedisora.errors import Forbidden, Invalid
from fedisora.models import Base, Media, Status
from fedisora.provenance.digital_source import ALGORITHMIC, CAPTURE, COMPOSITE_TRAINED, TRAINED
from fedisora.services import accounts, instance, publish
from fedisora.services import generations as generate
from fedisora.settings import load_settings
from fedisora.store import actors
from fedisora.uris import Uris
from fedisora.vault import Vault
from tests.support.generations import plan_of


@pytest.fixture
def db(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    settings = load_settings(tmp_path, base_url="https://here.example", ai_policy=request.param)
    database = Database(Instance(settings, Uris(settings.base_url), Vault.open(tmp_path)))
    Base.metadata.create_all(database.engine)
    database.write_now(instance.initialise)
    yield database
    database.close()


def upload(uow: UnitOfWork, source: str | None, kind: str, state: str = "ready") -> tuple[int, int]:
    """(actor, file) of somebody's upload."""
    user = accounts.create(uow, f"u{uow.new_id()}"[:20], f"{uow.new_id()}@example.org", "a fine password")
    media = Media(id=uow.new_id(), actor_id=user.actor_id, kind=kind, state=state, digital_source_type=source,
                  created_at=uow.now)
    uow.session.add(media)
    uow.session.flush()
    return user.actor_id, media.id


def post(uow: UnitOfWork, source: str | None, kind: str, state: str = "ready") -> Status:
    actor_id, media_id = upload(uow, source, kind, state)
    return publish.create(uow, actors.get(uow.session, actor_id), publish.Draft(text="look", media_ids=(media_id,)))


CASES = [
    ("open", None, "video", ""), ("open", TRAINED, "video", ""),
    ("labelled", None, "video", "every video says how it was made"), ("labelled", TRAINED, "video", ""),
    ("labelled", CAPTURE, "video", ""), ("labelled", None, "image", ""),
    ("ai-free", TRAINED, "video", "AI-free"), ("ai-free", COMPOSITE_TRAINED, "image", "AI-free"),
    ("ai-free", ALGORITHMIC, "video", ""), ("ai-free", CAPTURE, "video", ""), ("ai-free", None, "video", "")]


@pytest.mark.parametrize(("db", "source", "kind", "refusal"), CASES, indirect=["db"])
def test_what_may_be_published(db: Database, source: str | None, kind: str, refusal: str) -> None:
    if refusal:
        with pytest.raises(Invalid, match=refusal):
            db.write_now(lambda uow: post(uow, source, kind))
    else:
        assert db.write_now(lambda uow: post(uow, source, kind)).id


@pytest.mark.parametrize("db", ["labelled"], indirect=True)
def test_a_file_that_turns_out_to_be_a_video_is_asked_then(db: Database) -> None:
    """Uploads are posted before they are encoded: what they are is not known yet."""
    status = db.write_now(lambda uow: post(uow, None, "unknown", "received"))

    def encoded(uow: UnitOfWork) -> tuple[bool, str | None]:
        media = uow.session.query(Media).filter_by(status_id=status.id).one()
        media.kind, media.state = "video", "ready"
        uow.session.flush()
        return publish.enforce_policy(uow, status.id), media.error

    may, why = db.write_now(encoded)
    assert not may
    assert why is not None
    assert "fedisora_source" in why
    assert db.read_now(lambda session: session.get(Status, status.id)) is None


@pytest.mark.parametrize("db", ["ai-free"], indirect=True)
def test_nothing_is_generated_where_there_is_no_ai(db: Database) -> None:
    def ask(uow: UnitOfWork) -> None:
        actor_id, _ = upload(uow, None, "video")
        generate.request(uow, actors.get(uow.session, actor_id), plan_of("a lake"))

    with pytest.raises(Forbidden, match="AI-free"):
        db.write_now(ask)
    with pytest.raises(Forbidden, match="AI-free"):
        db.write_now(lambda uow: generate.retry(uow, actors.get(uow.session, upload(uow, None, "video")[0]), 1))
