"""`fedisora storage …`: files that no row names, and rows whose file is gone."""
from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from .cli_common import DataDir, Json, err, escape, out
from .settings import load_settings

storages = typer.Typer(no_args_is_help=True, help="Media files in the storage.")
STEP = 1000
SHOWN = 20
REFUSED = ("nothing was removed, for that is most of the storage. Is this the right database (FEDISORA_DATABASE_URL), and does "
           "no other instance use this storage? If so, `--force` removes them.")


@storages.command("check")
def check(delete: Annotated[bool, typer.Option("--delete", help="Remove the files that no row names.")] = False,
          force: Annotated[bool, typer.Option("--force", help="With --delete: even when that is most of the storage.")] = False,
          as_json: Json = False, data_dir: DataDir = None) -> None:
    """Look through the whole storage: files that no row names (older than two days), and rows whose file is missing."""
    from .app import build_house

    house = build_house(load_settings(data_dir))
    try:
        found = _look(house, delete, force)
    finally:
        house.db.close()
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        _say(found, delete)
    if found["missing"] or (delete and not found["deleted"]):
        raise typer.Exit(1)


def _look(house: Any, delete: bool, force: bool) -> dict[str, Any]:
    from .storage import orphans
    from .store import files

    now, after, number, size = house.db.clock(), "", 0, 0
    stray: list[Any] = []
    while page := orphans.page(house.storage, after, STEP):
        after, number, size = page[-1].key, number + len(page), size + sum(item.size for item in page)
        stray += house.db.read_now(lambda session, page=page: orphans.orphans(session, page, now))
    delete = delete and (force or not orphans.too_many(len(stray), number))
    if delete:
        house.storage.delete([item.key for item in stray])
        house.storage.sweep_partial(now - orphans.KEPT)
    missing: list[Any] = []
    row_id = 0
    while rows := house.db.read_now(lambda session, after=row_id: files.kept(session, after, STEP)):
        row_id = rows[-1].id
        missing += orphans.missing(house.storage, rows)
    return {"files": number, "bytes": size, "deleted": delete,
            "orphans": [{"key": item.key, "size": item.size, "modified": item.modified.isoformat(timespec="seconds")}
                        for item in stray],
            "missing": [{"media": str(item.media_id), "account": str(item.actor_id), "key": item.key} for item in missing]}


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def _say(found: dict[str, Any], delete: bool) -> None:
    err.print(f"{_files(found['files'])}, {found['bytes'] / 1e6:,.1f} MB.")
    if found["orphans"]:
        table = Table(Column("file that no row names", overflow="fold"), Column("KB", justify="right"), "written")
        for item in found["orphans"][:SHOWN]:
            table.add_row(escape(item["key"]), f"{item['size'] / 1000:,.0f}", item["modified"])
        out.print(table)
        total = sum(item["size"] for item in found["orphans"]) / 1e6
        err.print(f"{_files(len(found['orphans']))} without a row, {total:,.1f} MB: " + (
            "removed." if found["deleted"] else REFUSED if delete else
            "`fedisora storage check --delete` removes them; housekeeping does so once a day."))
    for item in found["missing"][:SHOWN]:
        err.print(f"[red]missing:[/] {escape(item['key'])} of file {item['media']}")
    if found["missing"]:
        err.print(f"{_files(len(found['missing']))} missing. Bring them back from a backup, or delete their posts.")
    if not found["orphans"] and not found["missing"]:
        err.print("Every file has its row, and every row its files.")
