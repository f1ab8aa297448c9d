"""Live clips and kill -9: a decision that was written is carried out after the restart."""
from __future__ import annotations

import datetime as dt
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fedisora.models import Passkey, User, VerificationCase
from fedisora.services import sessions
from fedisora.services.verification import cases, challenges
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


def office_of(instance: InstanceProcess) -> Office:
    return Office(instance.folder, base_url=instance.base)


def browser(instance: InstanceProcess, name: str) -> tuple[httpx.Client, str]:
    """A session, and the token of its forms."""
    http = httpx.Client(base_url=instance.base, timeout=30)

    def token(path: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', http.get(path).text)
        assert found
        return found[1]

    http.post("/login", data={"csrf_token": token("/login"), "login": name, "password": PASSWORD})
    return http, token("/settings")


def restarted(instance: InstanceProcess) -> None:
    instance.env.pop("FEDISORA_LOCAL_WORKERS")
    instance.start()


def test_killed_between_the_decision_and_the_deletion(instance: InstanceProcess) -> None:
    office = office_of(instance)
    office.person("ada")
    office.person("mo", moderator=True)
    case_id = office.handed_in("ada")
    http, csrf = browser(instance, "mo")
    base = f"/admin/verification/{case_id}"
    assert http.post(f"{base}/take", data={"csrf_token": csrf}).status_code == 303
    assert http.post(f"{base}/clip", data={"csrf_token": csrf}).status_code == 200
    assert http.post(f"{base}/reject", data={"csrf_token": csrf, "reason": "no sound"}).status_code == 303
    instance.kill()
    http.close()
    case = office.case(case_id)
    assert (case.state, case.clip_secret) == ("rejected", None) and case.clip_key is not None
    assert len(office.sealed_files()) == 1 and len(office.jobs()) == 1
    restarted(instance)
    eventually(lambda: not office.sealed_files() and office.case(case_id).clip_deleted_at, what="the clip is deleted")
    assert [detail["cause"] for action, detail in office.log("ada") if action == "clip.deleted"] == ["decided"]
    office.house.db.close()


def test_what_ran_out_while_the_server_was_away_goes_at_its_start(instance: InstanceProcess) -> None:
    office = office_of(instance)
    office.person("ada")
    case_id = office.handed_in("ada")
    instance.kill()

    def age(uow: object) -> None:
        row = uow.session.get_one(VerificationCase, case_id)  # type: ignore[attr-defined]  # a unit of work
        row.clip_purge_at = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)

    office.house.db.write_now(age)
    restarted(instance)
    eventually(lambda: not office.sealed_files() and office.case(case_id).clip_deleted_at, what="the clip is purged")
    assert office.case(case_id).state == "expired"
    office.house.db.close()


def test_a_killed_upload_leaves_no_byte_of_the_clip(instance: InstanceProcess, tmp_path: Path) -> None:
    office = office_of(instance)
    office.person("ada")
    data = film(tmp_path / "film.mp4", width=64, height=64).read_bytes() * 40
    case = office.act(cases.open_case, "ada", "live-clip")
    user = office.house.db.read_now(lambda session: session.query(User).filter_by(actor_id=office.ids["ada"]).one())
    office.house.db.write_now(lambda uow: uow.session.add(Passkey(
        id=uow.new_id(), user_id=user.id, credential_id=b"1", public_key=b"k", created_at=uow.now)))
    asked = office.act(challenges.ask, "ada", case.id, "en")
    token = office.house.db.write_now(lambda uow: sessions.start(uow, user, "", ""))
    csrf = sessions.csrf_token(office.house.vault, token)
    with socket.create_connection(("127.0.0.1", instance.port)) as line:
        line.sendall((f"POST /settings/human/cases/{case.id}/clip HTTP/1.1\r\nHost: {instance.host}\r\n"
                      f"Cookie: {sessions.COOKIE}={token}\r\nX-CSRF-Token: {csrf}\r\nX-Clip-Challenge: {asked.token}\r\n"
                      f"Content-Type: video/mp4\r\nContent-Length: {len(data)}\r\n\r\n").encode() + data[:-1])
        instance.kill()
    for folder in (instance.folder, tmp_path / "tmp"):
        for path in folder.rglob("*"):
            assert not path.is_file() or data[1000:1100] not in path.read_bytes(), path
    assert asked.phrase not in instance.log.read_text() and asked.token not in instance.log.read_text()
    office.house.db.close()
