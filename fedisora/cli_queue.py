"""`fedisora queue …`: what was put aside because it did not work."""
from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer
from rich.table import Column, Table

from .cli_common import DataDir, Json, err, escape, out, with_db

queues = typer.Typer(no_args_is_help=True, help="Activities and jobs that were put aside.")
Id = Annotated[str, typer.Argument(metavar="ID", help="As the list shows it, such as inbox:123.")]


@queues.command("list")
def listing(as_json: Json = False, data_dir: DataDir = None) -> None:
    """List what was refused or failed too often, newest first, and how much waits."""
    from .store import quarantine

    items, waiting = with_db(data_dir, lambda uow: (quarantine.items(uow.session), quarantine.waiting(uow.session)))
    if as_json:
        print(json.dumps({"waiting": waiting, "items": [
            {**dataclasses.asdict(item), "when": item.when.isoformat(timespec="seconds")} for item in items]},
            ensure_ascii=False))
        return
    table = Table(Column("id", no_wrap=True), "type", "from or about", "state", "tries", "when", "reason",
                  caption=", ".join(f"{name}: {count}" for name, count in waiting.items()))
    for item in items:
        table.add_row(item.id, escape(item.type), escape(item.sender), item.state, str(item.attempts),
                      item.when.strftime("%Y-%m-%d %H:%M"), escape(item.reason))
    out.print(table)


@queues.command("retry")
def retry(item: Annotated[str, typer.Argument(metavar="ID|all", help="As the list shows it, or all.")],
          data_dir: DataDir = None) -> None:
    """Put one item, or all, back into its queue as if it had never been tried."""
    from .services import quarantine

    count = with_db(data_dir, lambda uow: quarantine.retry(uow, item))
    err.print(f"{count} will be tried again.")


@queues.command("drop")
def drop(item: Id, data_dir: DataDir = None) -> None:
    """Remove one item for good."""
    from .services import quarantine

    with_db(data_dir, lambda uow: quarantine.drop(uow, item))
    err.print(f"Dropped {escape(item)}.")
