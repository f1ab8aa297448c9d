"""A saved cameo that somebody uploads again: whom it shows is asked first, also somebody whom this server does not know yet."""
from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import delete, select

from fedisora.activities import HANDLERS, Received, cameos, lineages
from fedisora.app import workers_module
from fedisora.db import UnitOfWork
from fedisora.media.c2pa import sign_request
from fedisora.models import Actor, ConsentRequest, Job, Lineage, Media, OutboxActivity, Status
from fedisora.provenance import manifest
from fedisora.store import consents, lineage, statuses
from tests.hostile.scene import answer
from tests.support.instances import unique
from tests.support.liars import Home
from tests.support.signed import Issuer

from .conftest import Studio, furnished

pytestmark = pytest.mark.xdist_group("uploaded_cameos")  # its tests go through one scene
CHECK = workers_module("federation").check_consent
NUMBERS = itertools.count(1)


@dataclass
class Desk:
    """Ada uploads; the people whom her files show live on another server."""

    studio: Studio
    home: Home
    issuer: Issuer

    def file(self, *people: str) -> Path:
        """A video whose manifest says that it shows some people."""
        shown = [manifest.Ingredient("", "video/mp4", f"Likeness of {uri}", relationship="componentOf", kind="cameo", object=uri)
                 for uri in people]
        path = self.studio.folder / f"saved-{next(NUMBERS)}.mp4"
        leaf = self.issuer.leaf("cleo")
        sign_request({
            "path": str(self.studio.plain), "output": str(path), "sidecar": f"{path}.c2pa", "mime": "video/mp4",
            "manifest": manifest.build(self.issuer.record("cleo"), ingredients=shown, title="fog"),
            "ingredients": [vars(item) for item in shown], "key": leaf.key, "chain": leaf.chain}, lambda _: None)
        return path

    def upload(self, *people: str) -> Status:
        """A post with such a video, signed, and not published."""
        media = self.studio.publish(self.studio.upload(self.file(*people), text="fog"))
        assert (media.state, media.error) == ("signed", None)
        status = self.studio.house.db.read_now(lambda session: statuses.get(session, media.status_id or 0))
        assert status is not None
        return status

    def look(self) -> None:
        """Run the looks that are due."""
        db = self.studio.house.db
        for job in db.read_now(lambda session: session.scalars(select(Job).where(Job.kind == "check_consent")).all()):
            db.write_now(lambda uow, row=job.id: uow.session.execute(delete(Job).where(Job.id == row)))  # type: ignore[misc]
            self.studio.run(CHECK, job.payload)

    def cameo(self, status: Status) -> Lineage:
        return self.studio.house.db.read_now(lambda session: lineage.parents_of(session, [status.id]))[status.id][0]

    def request(self, status: Status) -> ConsentRequest | None:
        return self.studio.house.db.read_now(lambda session: consents.of_status(session, [status.id])).get(status.id)

    def sent(self, status: Status) -> list[dict[str, Any]]:
        rows = self.studio.house.db.read_now(lambda session: session.scalars(select(OutboxActivity.document).where(
            OutboxActivity.type == "LikenessRequest", OutboxActivity.object_uri == status.uri)).all())
        return [orjson.loads(row) for row in rows]

    def page(self, status: Status) -> str:
        answer = self.studio.request("GET", f"/@ada/{status.id}", {"Cookie": self.studio.log_in(self.studio.ada)})
        assert answer.status_code == 200
        return answer.text


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    studio = furnished(tmp_path_factory.mktemp("desk"), allow_private_network="127.0.0.0/8")
    with Home() as home:
        yield Desk(studio, home, Issuer("c.example"))
    studio.house.db.close()


def test_whoever_cannot_be_asked_is_named_with_the_reason(desk: Desk) -> None:
    gone, plain = desk.home.subject("gone"), desk.home.actor(unique("plain"))
    desk.home.gone.add(f"/users/{gone.name}")
    for uri, reason in ((gone.uri, lineages.PERSON_GONE), (plain.uri, cameos.UNASKABLE),
                        ("http://10.0.0.1/users/x", "They cannot be asked:")):
        status = desk.upload(uri)
        desk.look()
        row = desk.cameo(status)
        assert (row.consent, row.parent_uri) == ("missing", uri)
        assert row.reason.startswith(reason), row.reason
        assert (status.published, desk.request(status), desk.sent(status)) == (False, None, [])
        page = desk.page(status)
        assert row.reason.split(":")[0] in page and "its file says that it shows a likeness" in page, uri
        assert "being signed" not in page and f"/posts/{status.id}/delete" in page and "/create/with" in page


def test_of_several_people_nobody_is_asked_for_nothing(desk: Desk) -> None:
    sue, tom = desk.home.subject("sue"), desk.home.subject("tom")
    status = desk.upload(sue.uri, tom.uri)
    desk.look()
    rows = desk.studio.house.db.read_now(lambda session: lineage.parents_of(session, [status.id]))[status.id]
    assert [(row.consent, row.reason) for row in rows] == [("missing", cameos.SEVERAL)] * 2
    assert (desk.request(status), desk.sent(status)) == (None, [])
    assert "several people" in desk.page(status)


def test_somebody_unknown_is_looked_up_and_asked_over_the_signed_file(desk: Desk) -> None:
    sue = desk.home.subject("sue")
    path = f"/users/{sue.name}"
    desk.home.answers[path] = answer(503)
    status = desk.upload(sue.uri)
    assert "being looked up" in desk.page(status)
    desk.look()
    row = desk.cameo(status)
    assert (row.consent, row.reason, row.recheck_at is not None) == ("unreachable", "pending", True)
    assert "it is tried again" in desk.page(status)
    del desk.home.answers[path]
    desk.studio.run(CHECK, {"lineage_id": row.id})
    request = desk.request(status)
    media, owner = desk.studio.house.db.read_now(lambda session: (
        session.scalars(select(Media).where(Media.status_id == status.id)).one(),
        session.scalars(select(Actor).where(Actor.uri == sue.uri)).one()))
    assert request is not None
    assert (request.state, request.kind, request.owner_id, request.digest) == ("pending", "likeness", owner.id, media.digest)
    (sent,) = desk.sent(status)
    assert (sent["object"], sent["instrument"]["id"]) == (sue.uri, status.uri)
    assert sent["instrument"]["digestMultibase"] == media.digest
    assert "is asked for consent to the finished file" in desk.page(status)
    # looked at again before she answers, nothing changes; her no is told
    desk.studio.run(CHECK, {"lineage_id": row.id})
    assert (desk.cameo(status).consent, len(desk.sent(status))) == ("unreachable", 1)

    def refused(uow: UnitOfWork) -> None:
        HANDLERS["Reject"].receive(uow, sue.activity("Reject", {"type": "LikenessRequest", "id": sent["id"]}, summary="No."),
                                   Received(uow.session.get_one(Actor, owner.id), {}))

    desk.studio.house.db.write_now(refused)
    assert (desk.cameo(status).consent, desk.cameo(status).reason) == ("missing", "No.")
    assert "did not agree" in desk.page(status)
