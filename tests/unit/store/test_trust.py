"""What is kept about origins, and kept verdicts that are weighed again; on both databases."""
from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import select

from fedisora.db import UnitOfWork
from fedisora.models import Actor, Media, Status
from fedisora.store import trust
from fedisora.store.trust import Known
from tests.unit.activities.conftest import EVE, REM, Town, town

__all__ = ["town"]
HOME = "https://remote.example"


def verdict(word: str, serial: str, instance: str | None = HOME) -> dict[str, Any]:
    signer = {"certificateSerial": serial, **({"instance": instance} if instance else {})}
    checks = [{"name": name, "ok": True, "detail": ""} for name in ("revocation", "manifest")]
    return {"verdict": word, "summary": "", "checkedAt": "2026-11-01T00:00:00Z", "signer": signer, "checks": checks, "claims": []}


def files(town: Town, *kept: tuple[str, dict[str, Any] | None]) -> list[int]:
    """Files of posts of (author, verdict)."""
    def add(uow: UnitOfWork) -> list[int]:
        made = []
        for number, (uri, document) in enumerate(kept):
            author = uow.session.scalars(select(Actor).where(Actor.uri == uri)).one()
            status = Status(id=uow.new_id(), uri=f"{uri}/notes/{number}", actor_id=author.id, created_at=uow.now)
            media = Media(id=uow.new_id(), actor_id=author.id, status_id=status.id, kind="video", state="remote",
                          verdict=document, verdict_at=uow.now if document else None, created_at=uow.now)
            uow.session.add(status)
            uow.session.flush()
            uow.session.add(media)
            made.append(media.id)
        return made

    return town.run(add)


def words(town: Town, ids: list[int]) -> list[str]:
    return town.db.read_now(lambda session: [(session.get_one(Media, media_id).verdict or {}).get("verdict", "")
                                             for media_id in ids])


def test_what_is_known_of_an_origin_is_kept(town: Town) -> None:
    now = town.db.clock()
    assert town.db.read_now(lambda session: trust.load(session, HOME)) == Known(HOME)
    known = Known(HOME, f"{HOME}/c2pa.pem", "PEM", now, ("1f", "2a"), now - dt.timedelta(days=2))
    town.run(lambda uow: trust.save(uow, known))
    town.run(lambda uow: trust.save(uow, known))
    assert town.db.read_now(lambda session: trust.load(session, HOME)) == known
    town.run(lambda uow: trust.save(uow, Known("https://new.example")))
    town.run(lambda uow: trust.save(uow, Known("https://fresh.example", list_at=now)))
    town.run(lambda uow: trust.save(uow, Known("https://away.example").failed(now)))
    due = town.db.read_now(lambda session: trust.due(session, now - dt.timedelta(days=1), 10))
    assert due == ["https://new.example", HOME]
    assert town.db.read_now(lambda session: trust.due(session, now - dt.timedelta(days=1), 1)) == ["https://new.example"]
    pauses, away = [], Known("https://away.example")
    for _ in range(12):
        away = away.failed(now)
        assert away.ask_at is not None
        pauses.append((away.ask_at - now).total_seconds() / 60)
    assert pauses[:4] == [10, 20, 40, 80]
    assert pauses[-1] == 24 * 60


def test_only_the_issuers_own_files_are_revoked(town: Town) -> None:
    ids = files(town, (REM, verdict("verified", "1f")), (REM, verdict("verified", "2a")), (EVE, verdict("verified", "1f")),
                (EVE, verdict("verified-foreign-issuer", "1f", "https://evil.example")), (REM, verdict("tampered", "1f")),
                (REM, verdict("intact-unknown-signer", "1f", None)), (REM, None))
    changed, last = town.run(lambda uow: trust.cut_off(uow, HOME, ["1f"], 0, 100))
    assert ([media.id for media in changed], last) == ([ids[0], ids[2]], None)
    assert words(town, ids) == ["revoked", "verified", "revoked", "verified-foreign-issuer", "tampered",
                                "intact-unknown-signer", ""]
    found = town.db.read_now(lambda session: session.get_one(Media, ids[0]).verdict or {})
    assert [(check["name"], check["ok"]) for check in found["checks"]] == [("manifest", True), ("revocation", False)]
    assert "remote.example has revoked" in found["summary"]
    seen: list[int] = []
    after = 0
    while rows := town.db.read_now(lambda session, after=after: trust.signed_by(session, ["1f", "2a"], after, 2)):
        seen += [media.id for media in rows]
        after = rows[-1].id
    assert seen == ids[:6]


def test_files_by_origin_and_account(town: Town) -> None:
    ids = files(town, (REM, verdict("verified", "1f")), (EVE, verdict("verified", "1f")), (REM, None))
    assert [media.id for media in town.db.read_now(lambda session: trust.batch(session, HOME, 0, 9))] == ids[:1]
    assert town.db.read_now(lambda session: trust.batch(session, HOME, ids[0], 9)) == []
    assert town.db.read_now(lambda session: trust.batch(session, "https://remote.exampl_", 0, 9)) == []
    assert [media.id for media in town.db.read_now(lambda session: trust.batch(session, HOME, 0, 9, actor=EVE))] == ids[1:2]

    def plan(uow: UnitOfWork) -> None:
        for number, media_id in enumerate(ids):
            uow.session.get_one(Media, media_id).recheck_at = uow.now + dt.timedelta(hours=number)

    town.run(plan)
    soon = town.db.clock() + dt.timedelta(minutes=90)
    assert town.db.read_now(lambda session: trust.due_files(session, soon, 9)) == ids[:2]
