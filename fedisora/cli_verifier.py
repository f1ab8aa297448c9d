"""`fedisora verifier …`: servers whose word about people of any server counts here."""
from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table

from .cli_common import DataDir, Json, err, escape, out, with_db

verifiers = typer.Typer(no_args_is_help=True, help="Trusted verifiers: whose word about people of other servers counts here.")
Host = Annotated[str, typer.Argument(metavar="HOST", help="A server, with a port where it is not the usual one.")]


@verifiers.command("add")
def add(host: Host, note: Annotated[str, typer.Option("--note", help="Why, for the administrators here.")] = "",
        data_dir: DataDir = None) -> None:
    """Take a server's word about people from now on; what it said before counts at once."""
    from .services import verifiers as use_cases

    kept = with_db(data_dir, lambda uow: use_cases.add(uow, host, note=note).host)
    err.print(f"The word of {escape(kept)} counts here now.")


@verifiers.command("remove")
def remove(host: Host, data_dir: DataDir = None) -> None:
    """Take a server's word no more: whom it vouches for only says to be human."""
    from .services import verifiers as use_cases

    gone = with_db(data_dir, lambda uow: use_cases.remove(uow, host))
    err.print(f"The word of {escape(gone)} does not count here any more.")


@verifiers.command("list")
def listing(as_json: Json = False, data_dir: DataDir = None) -> None:
    """List the trusted verifiers."""
    from .store import verifiers as kept

    rows = with_db(data_dir, lambda uow: [
        {"host": row.host, "note": row.note, "since": row.created_at.isoformat(timespec="seconds")}
        for row in kept.every(uow.session)])
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = Table("server", "since", "note", caption=None if rows else "None: servers vouch for their own people only.")
    for row in rows:
        table.add_row(row["host"], row["since"][:10], escape(row["note"]))
    out.print(table)
