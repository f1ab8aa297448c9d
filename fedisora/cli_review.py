"""`fedisora review …`: posts of other servers that the inbound policy holds back."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from .cli_common import DataDir, Json, err, escape, out, with_db
from .errors import FedisoraError

reviews = typer.Typer(no_args_is_help=True, help="Posts of other servers that are held: unlabelled or badly signed media.")
Post = Annotated[int, typer.Argument(metavar="ID", help="The post's number, as `fedisora review list` shows it.")]


def _decide(data_dir: Path | None, verb: str, status_id: int) -> None:
    from .services import review

    try:
        with_db(data_dir, lambda uow: {"release": review.release, "reject": review.reject}[verb](uow, status_id))
    except FedisoraError as error:
        err.print(f"[red]{escape(error.text)}[/]")
        raise typer.Exit(1) from error


@reviews.command("list")
def listing(as_json: Json = False, data_dir: DataDir = None) -> None:
    """List held posts, newest first."""
    from .models import Actor
    from .services import review
    from .store.paging import Page

    def read(uow: Any) -> list[dict[str, Any]]:
        return [{"id": str(row.id), "uri": row.uri, "author": uow.session.get_one(Actor, row.actor_id).uri,
                 "reason": row.review_reason or "", "created": row.created_at.isoformat(timespec="seconds")}
                for row in review.waiting(uow.session, Page(limit=200))]

    rows = with_db(data_dir, read)
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = Table(Column("id", no_wrap=True), "reason", Column("post", overflow="fold"),
                  caption=None if rows else "Nothing is held.")
    for row in rows:
        table.add_row(row["id"], escape(row["reason"]), escape(row["uri"]))
    out.print(table)


@reviews.command("release")
def release(post: Post, data_dir: DataDir = None) -> None:
    """Show a held post to everybody it is for."""
    _decide(data_dir, "release", post)
    err.print("Released.")


@reviews.command("reject")
def reject(post: Post, data_dir: DataDir = None) -> None:
    """Delete a held post here for good."""
    _decide(data_dir, "reject", post)
    err.print("Deleted.")
