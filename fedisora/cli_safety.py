"""`fedisora safety …`: what the safety gates say, what they hold, and the list of denied pictures."""
from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from .cli_common import DataDir, Json, err, escape, out, with_db
from .errors import FedisoraError, Invalid

safety = typer.Typer(no_args_is_help=True, help="Safety gates: what they check, what they hold, which pictures are denied.")
held = typer.Typer(no_args_is_help=True, help="Videos that wait for a moderator: holds and appeals.")
denied_pictures = typer.Typer(no_args_is_help=True, help="Pictures that nobody may make or use here, by their PDQ hash.")
safety.add_typer(held, name="held")
safety.add_typer(denied_pictures, name="denylist")
Held = Annotated[int, typer.Argument(metavar="ID", help="Its number, as `fedisora safety held list` shows it.")]
Note = Annotated[str, typer.Option("--note", help="What the author is told, 1000 characters at most.")]
Source = Annotated[str, typer.Option("--source",
                                     help="Name of the list, by which it can be removed; the file's name when left out.")]


def _or_stop(work: Any) -> Any:
    """What `work` returns; an error of ours is one line and exit code 1."""
    try:
        return work()
    except FedisoraError as error:
        err.print(f"[red]{escape(error.text)}[/]")
        raise typer.Exit(1) from error


@safety.command("gates")
def gates(as_json: Json = False, data_dir: DataDir = None) -> None:
    """List the gates that are installed, when they are asked, and what they do when they are broken."""
    from .app import build_house
    from .generation.safety import STAGES
    from .settings import load_settings

    house = build_house(load_settings(data_dir))
    rows = [{"name": gate.name, "stages": [stage for stage in STAGES if stage in gate.stages], "when_broken": gate.when_broken}
            for gate in house.gates]
    house.db.close()
    if as_json:
        print(json.dumps(rows))
        return
    table = Table("gate", "asked at", "when it is broken")
    for row in rows:
        table.add_row(escape(row["name"]), ", ".join(row["stages"]) or "switched off",
                      "closed: a moderator looks" if row["when_broken"] == "closed" else "open: lets pass")
    out.print(table)


@safety.command("check")
def check(prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="The prompt.")],
          as_name: Annotated[str, typer.Option("--as", metavar="NAME", help="The account that asks; the oldest one when left "
                                               "out.")] = "", as_json: Json = False, data_dir: DataDir = None) -> None:
    """Say what every gate says about a prompt, without making anything. Exit code 1: it would be refused."""
    found = _or_stop(lambda: asyncio.run(_check(prompt, as_name, data_dir)))
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        table = Table("gate", "stage", "says", Column("why", overflow="fold"))
        for row in found:
            colour = {"allow": "green", "hold": "yellow", "deny": "red"}[row["decision"]]
            why = f"{row['reason']} {json.dumps(row['evidence'], ensure_ascii=False) if row['evidence'] else ''}".strip()
            table.add_row(escape(row["gate"]), row["stage"], f"[{colour}]{row['decision']}[/]", escape(why))
        out.print(table)
    if any(row["decision"] == "deny" for row in found):
        raise typer.Exit(1)


async def _check(prompt: str, as_name: str, data_dir: Path | None) -> list[dict[str, Any]]:
    from .app import build_house
    from .generation.safety import Stage, Subject
    from .services import screenings
    from .settings import load_settings

    house = build_house(load_settings(data_dir))
    try:
        asker = await house.db.read(lambda session: screenings.asker(session, as_name.removeprefix("@")))
        subject = Subject(asker.id, asker.kind or "", prompt)
        wanted: tuple[Stage, ...] = ("prompt", "likeness")
        return [{"gate": verdict.gate, "stage": stage, "decision": verdict.decision, "code": verdict.code,
                 "reason": verdict.reason,
                 "evidence": dict(verdict.evidence)} for stage in wanted for verdict in await house.gates.each(stage, subject)]
    finally:
        house.db.close()


@held.command("list")
def held_list(as_json: Json = False, data_dir: DataDir = None) -> None:
    """List what waits for a moderator, newest first."""
    from .models import Actor, Generation
    from .services import screenings
    from .store.paging import Page

    def read(uow: Any) -> list[dict[str, Any]]:
        return [{"id": str(row.id), "account": uow.session.get_one(Actor, row.actor_id).username, "gate": row.gate,
                 "stage": row.stage, "code": row.code, "reason": row.reason, "appeal": row.appeal, "evidence": row.evidence,
                 "prompt": uow.session.get_one(Generation, row.generation_id).prompt, "generation": str(row.generation_id),
                 "created": row.created_at.isoformat(timespec="seconds")} for row in screenings.waiting(uow.session,
                     Page(limit=200))]

    rows = with_db(data_dir, read)
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = Table(Column("id", no_wrap=True), "account", "gate", Column("prompt", overflow="fold"), Column("why",
        overflow="fold"),
                  caption=None if rows else "Nothing waits.")
    for row in rows:
        why = f"{row['reason']} Appeal: {row['appeal']}" if row["appeal"] else row["reason"]
        table.add_row(row["id"], escape(row["account"]), f"{escape(row['gate'])} ({row['stage']})", escape(row["prompt"]),
                      escape(why))
    out.print(table)


def _decide(data_dir: Path | None, screening_id: int, allow: bool, note: str) -> None:
    from .services import screenings

    _or_stop(lambda: with_db(data_dir, lambda uow: screenings.decide(uow, None, screening_id, allow, note)))


@held.command("allow")
def held_allow(screening: Held, note: Note = "", data_dir: DataDir = None) -> None:
    """Allow what is held: it is queued, or the finished video becomes a draft."""
    _decide(data_dir, screening, True, note)
    err.print("Allowed.")


@held.command("deny")
def held_deny(screening: Held, note: Note = "", data_dir: DataDir = None) -> None:
    """Refuse what is held: it is rejected, and a finished video is deleted."""
    _decide(data_dir, screening, False, note)
    err.print("Refused.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}.", cause=error) from error


@denied_pictures.command("import")
def denylist_import(file: Annotated[Path, typer.Argument(metavar="FILE", help="Hashes, one a line, or CSV: hash,reason.")],
                    source: Source = "", data_dir: DataDir = None) -> None:
    """Add PDQ hashes from a file."""
    from .services import denylist

    def work() -> None:
        try:
            entries = denylist.parse(_read(file).decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise Invalid(f"{file} is not text. For a picture use `fedisora safety denylist add`.", cause=error) from error
        new = with_db(data_dir, lambda uow: denylist.add(uow, entries, source or file.name))
        err.print(f"{new} new, {len(entries) - new} known.")

    _or_stop(work)


@denied_pictures.command("add")
def denylist_add(file: Annotated[Path, typer.Argument(metavar="FILE", help="A picture or a video.")],
                 reason: Annotated[str, typer.Option("--reason", help="For moderators.")] = "", source: Source = "",
                 data_dir: DataDir = None) -> None:
    """Deny a picture, or the pictures of a video, that lies on this machine. The file itself is not kept."""
    from .generation.safety.denylist import codes_to_deny
    from .services import denylist

    def work() -> None:
        _read(file)
        codes = asyncio.run(codes_to_deny(file))
        if not codes:
            raise Invalid(f"There is too little to see in {file.name} to know it again: PDQ quality under 50.")
        new = with_db(data_dir, lambda uow: denylist.add(uow, [(code, reason) for code in codes], source or file.name))
        err.print(f"{new} new, {len(codes) - new} known.")

    _or_stop(work)


@denied_pictures.command("list")
def denylist_list(as_json: Json = False, data_dir: DataDir = None) -> None:
    """List denied pictures, the last that were added first."""
    from .store import denied
    from .store.paging import Page

    def read(uow: Any) -> tuple[int, list[dict[str, str]]]:
        return denied.state(uow.session)[0], [
            {"hash": row.code.hex(), "source": row.source, "reason": row.reason,
             "added": row.created_at.isoformat(timespec="seconds")}
            for row in denied.page(uow.session, Page(limit=10**9 if as_json else 200))]

    count, rows = with_db(data_dir, read)
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = Table(Column("hash", overflow="fold"), "list", "reason", caption=f"{count} in all")
    for row in rows:
        table.add_row(row["hash"], escape(row["source"]), escape(row["reason"]))
    out.print(table)


@denied_pictures.command("remove")
def denylist_remove(what: Annotated[str, typer.Argument(metavar="HASH", help="A hash, or the name of a list.")],
                    data_dir: DataDir = None) -> None:
    """Remove a hash, or all hashes of a list."""
    from .services import denylist

    gone = _or_stop(lambda: with_db(data_dir, lambda uow: denylist.remove(uow, what)))
    err.print(f"{gone} removed.")
