"""`fedisora domain …`: rules for other domains."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from .cli_common import DataDir, Json, err, escape, out, with_db

domains = typer.Typer(no_args_is_help=True, help="Rules for other domains: who may talk to this instance.")
Domain = Annotated[str, typer.Argument(metavar="DOMAIN", help="A domain; everything below it is meant too.")]
RejectMedia = Annotated[bool, typer.Option("--reject-media", help="Neither keep nor show files from there.")]
Comment = Annotated[str, typer.Option("--comment", help="Why, for the administrators here.")]
SIGNS = {"block": "[red]block[/]", "silence": "[yellow]silence[/]", "allow": "[green]allow[/]"}


def _set(data_dir: Path | None, domain: str, severity: str, reject_media: bool, comment: str) -> None:
    from .services import domains as rules

    effect = with_db(data_dir, lambda uow: rules.set_rule(uow, domain, severity, reject_media=reject_media, comment=comment))
    err.print(f"{severity.capitalize()}: {escape(effect.domain)} and everything below it.")
    _tell(effect)


def _tell(effect: object) -> None:
    for name, words in (("suspended", "accounts suspended"), ("lifted", "accounts let in again"), ("follows", "follows ended"),
                        ("deliveries", "deliveries given up")):
        count = getattr(effect, name)
        if count:
            err.print(f"  {words}: {count}")


@domains.command("block")
def block(domain: Domain, reject_media: RejectMedia = False, comment: Comment = "", data_dir: DataDir = None) -> None:
    """Exchange nothing with a domain: suspend its accounts, end follows, give up deliveries."""
    _set(data_dir, domain, "block", reject_media, comment)


@domains.command("silence")
def silence(domain: Domain, reject_media: RejectMedia = False, comment: Comment = "", data_dir: DataDir = None) -> None:
    """Show posts of a domain only to who follows their authors."""
    _set(data_dir, domain, "silence", reject_media, comment)


@domains.command("allow")
def allow(domain: Domain, reject_media: RejectMedia = False, comment: Comment = "", data_dir: DataDir = None) -> None:
    """Let a domain in: in allow-list mode, or as an exception to a block of the domain above it."""
    _set(data_dir, domain, "allow", reject_media, comment)


@domains.command("remove")
def remove(domain: Domain, data_dir: DataDir = None) -> None:
    """Take the rule of a domain back; what a block suspended is let in again, follows stay ended."""
    from .services import domains as rules

    effect = with_db(data_dir, lambda uow: rules.remove_rule(uow, domain))
    err.print(f"No rule any more: {escape(effect.domain)}.")
    _tell(effect)


@domains.command("list")
def listing(as_json: Json = False, data_dir: DataDir = None) -> None:
    """List the rules."""
    from .store import domains as rules

    rows = with_db(data_dir, lambda uow: [
        {"domain": row.domain, "severity": row.severity, "reject_media": row.reject_media, "comment": row.private_comment,
         "public_comment": row.public_comment, "since": row.created_at.isoformat(timespec="seconds")}
        for row in rules.every(uow.session)])
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = Table("domain", "rule", "media", "since", "comment", caption=None if rows else "No rules: everybody may talk to us.")
    for row in rows:
        table.add_row(row["domain"], SIGNS.get(row["severity"], row["severity"]), "rejected" if row["reject_media"] else "",
                      row["since"][:10], escape(row["comment"]))
    out.print(table)
