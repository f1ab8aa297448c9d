"""`fedisora backup …`: what a backup consists of."""
from __future__ import annotations

import json

import typer
from rich.table import Column, Table

from .cli_common import DataDir, Json, escape, out
from .settings import load_settings

backups = typer.Typer(no_args_is_help=True, help="Backups.")


@backups.callback()
def _group() -> None:
    """Backups."""


@backups.command("manifest")
def manifest(as_json: Json = False, data_dir: DataDir = None) -> None:
    """What belongs in a backup of this instance, where it lies, and what must never be in one."""
    from . import backup_manifest

    parts = backup_manifest.manifest(load_settings(data_dir))
    if as_json:
        print(json.dumps(backup_manifest.as_json(parts), ensure_ascii=False))
        return
    for included, title in ((True, "In every backup"), (False, "In no backup")):
        table = Table(Column("What"), Column("Where", overflow="fold"), Column("Bytes", justify="right"),
                      Column("Why", overflow="fold"), title=title)
        for part in parts:
            if part.included == included:
                table.add_row(part.name, escape(part.where), f"{part.bytes:,}" if part.bytes is not None else "?", part.why)
        out.print(table)
