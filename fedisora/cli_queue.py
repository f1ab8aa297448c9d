"""`fedisora queue …`: what was put aside because it did not work, and who works through the generation queue."""
from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer
from rich.table import Column, Table

from .cli_common import DataDir, Json, err, escape, out, with_db

queues = typer.Typer(no_args_is_help=True, help="Activities and jobs that were put aside; generation workers.")
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


@queues.command("workers")
def workers(as_json: Json = False, data_dir: DataDir = None) -> None:
    """List the processes that render: where, on what, which models, what they do."""
    from .store import generation_workers

    now, rows = with_db(data_dir, lambda uow: (uow.now, generation_workers.everybody(uow.session)))
    found = [{"name": row.name, "host": row.host, "device": row.device, "memory_mb": row.memory_mb, "models": row.models,
              "gpu_classes": row.gpu_classes, "state": row.state if now - row.seen_at < generation_workers.GONE else "gone",
              "draining": row.draining, "generation": str(row.generation_id) if row.generation_id else None, "done": row.done,
              "failed": row.failed, "seen_at": row.seen_at.isoformat(timespec="seconds")} for row in rows]
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    table = Table(Column("name", no_wrap=True), "device", "models", "state", "done", "failed", "seen")
    for item, row in zip(found, rows, strict=True):
        state = f"{item['state']}, draining" if item["draining"] and item["state"] != "draining" else str(item["state"])
        table.add_row(escape(str(item["name"])), escape(str(item["device"])), escape(", ".join(item["models"])), state,
                      str(item["done"]), str(item["failed"]), f"{(now - row.seen_at).total_seconds():.0f} s ago")
    out.print(table)


@queues.command("drain")
def drain(name: Annotated[str, typer.Argument(help="A generation worker, as `fedisora queue workers` lists it.")],
          undo: Annotated[bool, typer.Option("--undo", help="Let it take videos again.")] = False,
          data_dir: DataDir = None) -> None:
    """Let a generation worker finish what it makes and take nothing new."""
    from .errors import NotFound
    from .store import generation_workers

    if not with_db(data_dir, lambda uow: generation_workers.drain(uow, name, not undo)):
        raise NotFound(f"There is no generation worker {name}. `fedisora queue workers` lists them.")
    err.print(f"{escape(name)} takes videos again." if undo else f"{escape(name)} takes nothing new.")
