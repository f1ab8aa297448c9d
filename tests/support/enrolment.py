"""People with evidence handed in, for tests of what follows. Nothing runs: jobs are run by hand."""
from __future__ import annotations

import asyncio
import functools
import secrets
from pathlib import Path
from typing import Any

from sqlalchemy import select

from fedisora.app import House, build_house
from fedisora.db import UnitOfWork
from fedisora.models import Job, User, VerificationCase
from fedisora.services import accounts, audit, local_actors
from fedisora.services.verification import cases, clips
from fedisora.settings import load_settings
from fedisora.storage.private import CLIPS
from fedisora.store import actors, verification
from fedisora.workers.clips import delete_clip

CLIP = b"not a video, but as secret as one: a lighthouse in fog"


@functools.cache
def _keys() -> local_actors.NewKeys:
    """The same for everybody: making some takes a second."""
    return local_actors.new_keys()


class Office:
    """One instance with people. Actors are named by their user name."""

    def __init__(self, folder: Path, database_url: str = "", *, base_url: str = "https://here.example",
                 **settings: Any) -> None:
        self.folder = folder
        self.house: House = build_house(load_settings(folder, base_url=base_url, database_url=database_url, **settings))
        self.ids: dict[str, int] = {}

    def person(self, name: str, *, moderator: bool = False, admin: bool = False, operator: str | None = None) -> int:
        """A new account; its actor id."""
        def make(uow: UnitOfWork) -> int:
            user: User = accounts.create(uow, name, f"{name}@example.org", "correct horse battery", admin=admin,
                                         kind="agent" if operator else "human", operator=operator, keys=_keys())
            user.moderator = moderator
            return user.actor_id

        self.ids[name] = self.house.db.write_now(make)
        return self.ids[name]

    def act(self, use_case: Any, *names_and_values: Any, **more: Any) -> Any:
        """Run `use_case(uow, …)`; names of people become their actors."""
        def run(uow: UnitOfWork) -> Any:
            values = [actors.get(uow.session, self.ids[item]) if isinstance(item, str) and item in self.ids else item
                      for item in names_and_values]
            return use_case(uow, *values, **more)

        return self.house.db.write_now(run)

    def sealed(self, case_id: int, data: bytes = CLIP) -> clips.Clip:
        """A clip in the private storage."""
        found = self.house.private.put(CLIPS, case_id, data, self.folder)
        return clips.Clip(found.key, found.secret, found.digest, found.size, "video/webm")

    def handed_in(self, name: str, method: str = "live-clip", *, likeness_id: int | None = None) -> int:
        """A case with a clip that waits for a moderator; its id."""
        case: VerificationCase = self.act(cases.open_case, name, method, likeness_id=likeness_id)
        clip = self.sealed(case.id)
        self.house.db.write_now(lambda uow: cases.submit(uow, self._case(uow, case.id), clip=clip))
        return case.id

    def looked(self, case_id: int, moderator: str) -> None:
        """A moderator takes a case and looks at its clip."""
        self.house.db.write_now(lambda uow: (
            cases.assign(uow, case_id, actors.get(uow.session, self.ids[moderator])),
            audit.note(uow, "clip.viewed", subject=self._case(uow, case_id).actor_id, by=self.ids[moderator], case=case_id)))

    def case(self, case_id: int) -> VerificationCase:
        """A case as it is now."""
        return self.house.db.read_now(lambda session: session.get_one(VerificationCase, case_id))

    def jobs(self, kind: str = "delete_clip") -> list[dict[str, Any]]:
        """Payloads of the waiting jobs of a kind."""
        return self.house.db.read_now(lambda session: [job.payload for job in session.scalars(
            select(Job).where(Job.kind == kind).order_by(Job.id))])

    def run_deletions(self) -> None:
        """Do what waits."""
        for payload in self.jobs():
            asyncio.run(delete_clip(self.house, payload))

    def log(self, name: str) -> list[tuple[str, dict[str, Any]]]:
        """(action, detail) of everything about a person, oldest first."""
        return self.house.db.read_now(lambda session: [
            (entry.action, entry.detail) for entry in verification.entries_about(session, self.ids[name])][::-1])

    def sealed_files(self) -> list[Path]:
        """The clips on the disk."""
        return sorted(self.folder.glob("private/clips/*.sealed"))

    @staticmethod
    def _case(uow: UnitOfWork, case_id: int) -> VerificationCase:
        return uow.session.get_one(VerificationCase, case_id)


def unique_note() -> str:
    """A sentence that can be looked for everywhere."""
    return f"note {secrets.token_hex(8)}"
