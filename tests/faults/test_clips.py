"""Live clips and kill -9: a decision that was written is carried out after the restart."""
from __future__ import annotations

import datetime as dt
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from fedisora.backup_manifest import Part, manifest
from fedisora.models import Passkey, User, VerificationCase
from fedisora.services import sessions
from fedisora.services.verification import cases, challenges
from fedisora.settings import load_settings
from tests.support.clips import clip as film
from tests.support.enrolment import Office
from tests.support.instances import PASSWORD, InstanceProcess, eventually


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path / "data", local_workers="false")
    (tmp_path / "tmp").mkdir()
    running.env["TMPDIR"] = str(tmp_path / "tmp")
    running.start()
    yield running
    running.close()


def browser(instance: InstanceProcess, name: str) -> tuple[httpx.Client, str]:
    """A session, and the token of its forms."""
    http = httpx.Client(base_url=instance.base, timeout=30)

    def token(path: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', http.get(path).text)
        assert found
        return found[1]

    http.post("/login", data={"csrf_token": token("/login"), "login": name, "password": PASSWORD})
    return http, token("/settings")


def aged(office: Office, case_id: int) -> None:
    """The 72 hours of a clip are over."""
    office.house.db.write_now(lambda uow: uow.session.execute(update(VerificationCase).where(
        VerificationCase.id == case_id).values(clip_purge_at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1))))


def half_sent(instance: InstanceProcess, office: Office, name: str, data: bytes) -> challenges.Challenge:
    """All but the last byte of a clip is on its way, and the server gets SIGKILL; the challenge it answers."""
    case = office.act(cases.open_case, name, "live-clip")
    user = office.house.db.read_now(lambda session: session.query(User).filter_by(actor_id=office.ids[name]).one())
    office.house.db.write_now(lambda uow: uow.session.add(Passkey(
        id=uow.new_id(), user_id=user.id, credential_id=b"1", public_key=b"k", created_at=uow.now)))
    asked: challenges.Challenge = office.act(challenges.ask, name, case.id, "en")
    token = office.house.db.write_now(lambda uow: sessions.start(uow, user, "", ""))
    csrf = sessions.csrf_token(office.house.vault, token)
    with socket.create_connection(("127.0.0.1", instance.port)) as line:
        line.sendall((f"POST /settings/human/cases/{case.id}/clip HTTP/1.1\r\nHost: {instance.host}\r\n"
                      f"Cookie: {sessions.COOKIE}={token}\r\nX-CSRF-Token: {csrf}\r\nX-Clip-Challenge: {asked.token}\r\n"
                      f"Content-Type: video/mp4\r\nContent-Length: {len(data)}\r\n\r\n").encode() + data[:-1])
        instance.kill()
    return asked


def backed_up(instance: InstanceProcess) -> list[Part]:
    """The parts of a backup that is made now."""
    return manifest(load_settings(instance.folder, base_url=instance.base))


def test_killed_between_decision_and_deletion_and_during_an_upload(instance: InstanceProcess, tmp_path: Path) -> None:
    office = Office(instance.folder, base_url=instance.base)
    for name in ("ada", "eva", "ida"):
        office.person(name)
    office.person("mo", moderator=True)
    decided, waiting = office.handed_in("ada"), office.handed_in("eva")
    http, csrf = browser(instance, "mo")
    base = f"/admin/verification/{decided}"
    assert http.post(f"{base}/take", data={"csrf_token": csrf}).status_code == 303
    assert http.post(f"{base}/clip", data={"csrf_token": csrf}).status_code == 200
    assert http.post(f"{base}/reject", data={"csrf_token": csrf, "reason": "no sound"}).status_code == 303
    http.close()
    data = film(tmp_path / "film.mp4", width=64, height=64).read_bytes() * 40
    asked = half_sent(instance, office, "ida", data)
    office.house.db.close()  # before its files are read: closing a file lets go of every lock of this process on it

    for folder in (instance.folder, tmp_path / "tmp"):  # nothing of an upload that was killed is left
        for path in folder.rglob("*"):
            assert not path.is_file() or data[1000:1100] not in path.read_bytes(), path
    assert asked.phrase not in instance.log.read_text() and asked.token not in instance.log.read_text()
    ids, office = office.ids, Office(instance.folder, base_url=instance.base)
    office.ids.update(ids)
    row = office.case(decided)
    assert (row.state, row.clip_secret) == ("rejected", None) and row.clip_key is not None
    assert len(office.sealed_files()) == 2 and len(office.jobs()) == 1
    assert [(part.name, part.included, len(part.sealed)) for part in backed_up(instance) if part.sealed] == [
        ("live clips", False, 2)], "no backup holds them, not even now"

    aged(office, waiting)  # while the server is away
    instance.env.pop("FEDISORA_LOCAL_WORKERS")
    instance.start()
    eventually(lambda: all(office.case(row).clip_deleted_at for row in (decided, waiting)), what="both clips are deleted")
    assert not office.sealed_files()
    assert not any(part.sealed for part in backed_up(instance))
    assert office.case(waiting).state == "expired"
    for name, cause in (("ada", "decided"), ("eva", "purged")):
        assert [detail["cause"] for action, detail in office.log(name) if action == "clip.deleted"] == [cause]
    office.house.db.close()
