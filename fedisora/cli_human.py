"""`fedisora human …`: whom this instance calls a verified human; and who may decide about it."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from .cli_common import DataDir, Json, err, escape, out, with_db
from .errors import FedisoraError

humans = typer.Typer(no_args_is_help=True, help="Verified humans of this instance.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="An account of this instance.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in a sentence. It is kept.")]


def _apply(data_dir: Path | None, use_case: Any) -> Any:
    try:
        return with_db(data_dir, use_case)
    except FedisoraError as error:
        err.print(f"[red]{escape(error.text)}[/]")
        raise typer.Exit(1) from error


def _account(uow: Any, name: str) -> Any:
    from .errors import NotFound
    from .store import actors

    actor = actors.by_handle(uow.session, name.lstrip("@"))
    if actor is None:
        raise NotFound(f"There is no account @{name.lstrip('@')} here. `fedisora user list` shows them.")
    return actor


def _facts(row: Any, actor: Any) -> dict[str, Any]:
    def when(moment: Any) -> str | None:
        return moment.isoformat(timespec="seconds") if moment is not None else None

    return {"name": actor.username, "method": row.method, "since": when(row.valid_from), "until": when(row.valid_until),
            "credential": row.uri, "list": row.list_number, "index": row.list_index, "ended": when(row.ended_at), "end": row.end,
            "reason": row.reason}


@humans.command("list")
def listing(ended: Annotated[bool, typer.Option("--ended", help="Those whose credential has ended.")] = False,
            as_json: Json = False, data_dir: DataDir = None) -> None:
    """List who has a credential, newest first."""
    from .store import credentials

    rows = with_db(data_dir, lambda uow: [_facts(row, actor) for row, actor in credentials.listed(
        uow.session, ended=ended, limit=10_000)])
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = Table(Column("name", no_wrap=True), "method", "until", *(["end"] if ended else []),
                  Column("credential", overflow="fold"), caption=None if rows else "None.")
    for row in rows:
        table.add_row(row["name"], row["method"], row["until"][:10], *([row["end"]] if ended else []), row["credential"])
    out.print(table)


@humans.command("show")
def show(name: Name, as_json: Json = False, data_dir: DataDir = None) -> None:
    """Show what is known of an account, and every credential it has had."""
    from .serializers import humanity
    from .store import credentials

    def read(uow: Any) -> dict[str, Any]:
        actor = _account(uow, name)
        return {**humanity.human(actor, uow.uris, uow.now),
                "credentials": [_facts(row, actor) for row in credentials.history(uow.session, actor.id)]}

    found = _apply(data_dir, read)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    table = Table("", Column("", overflow="fold"), show_header=False)
    for key in ("verdict", "issuer", "how", "until", "credential"):
        table.add_row(key, str(found[key] or "–"))
    for row in found["credentials"]:
        end = f"{row['end']} {row['ended'][:10]}" if row["ended"] else "valid"
        table.add_row(row["since"][:10], f"{row['method']}, until {row['until'][:10]}: {end} {escape(row['reason'])}".rstrip())
    out.print(table)


@humans.command("verify")
def verify(name: Name, reason: Reason,
           method: Annotated[str, typer.Option("--method", help="How you made sure: live-clip (you saw them on camera), vouch, "
                                               "oidc, credential. Everybody reads it.")],
           data_dir: DataDir = None) -> None:
    """Give a person a credential by your own hand, for instance after a call: it says the method that you name. It is logged."""
    from .services import audit
    from .services.verification import credentials

    def apply(uow: Any) -> Any:
        actor = _account(uow, name)
        row = credentials.issue(uow, actor, method)
        row.reason = _sentence(reason)
        audit.note(uow, "credential.by_hand", subject=actor.id, method=method)
        return row.uri, row.valid_until

    uri, until = _apply(data_dir, apply)
    err.print(f"@{name.lstrip('@')} is a verified human until {until:%Y-%m-%d}.")
    print(uri)


@humans.command("revoke")
def revoke(name: Name, reason: Reason, data_dir: DataDir = None) -> None:
    """Take a person's credential back, here and on other servers. The person reads the reason."""
    from .errors import Conflict
    from .services import audit
    from .services.verification import credentials

    def apply(uow: Any) -> None:
        actor = _account(uow, name)
        if credentials.current(uow.session, actor.id) is None:
            raise Conflict(f"@{actor.username} has no credential.")
        credentials.revoke(uow, actor, _sentence(reason))
        audit.note(uow, "credential.closed", subject=actor.id)  # ways without a moderator do not lead back

    _apply(data_dir, apply)
    err.print("Taken back.")


def _sentence(reason: str) -> str:
    from .errors import Invalid

    plain = " ".join(reason.split())
    if not plain:
        raise Invalid("Say why with --reason: it is kept.")
    return plain[:500]


def role(name: Name, wanted: Annotated[str, typer.Argument(metavar="ROLE", help="moderator or none.")], data_dir: DataDir = None,
         ) -> None:
    """Let an account decide what waits for a moderator, or no longer."""
    from .errors import Invalid
    from .services import accounts

    def apply(uow: Any) -> None:
        if wanted not in ("moderator", "none"):
            raise Invalid("The role is moderator or none.")
        accounts.set_moderator(uow, _account(uow, name).id, wanted == "moderator")

    _apply(data_dir, apply)
    err.print(f"@{name.lstrip('@')} is a moderator." if wanted == "moderator" else f"@{name.lstrip('@')} is no moderator.")
