"""`fedisora extension …`: vocabularies for claims that are installed here, and tools for those who write them."""
from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from .cli_common import Json, err, escape, out

extensions = typer.Typer(no_args_is_help=True, help="Provenance vocabularies: installed ones, new ones, checks.")


@extensions.command("list")
def listing(as_json: Json = False) -> None:
    """List the installed provenance vocabularies. Exit code 1 when one cannot be loaded."""
    from .media.extension_host import ExtensionHost

    answer = asyncio.run(ExtensionHost().describe())
    rows = [{"name": item["name"], "namespace": item["namespace"], "version": item["version"], "about": item["about"],
             "languages": sorted(item["labels"]), "types": list(item["types"]), "hooks": item["hooks"]}
            for item in answer.results]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
    else:
        table = Table("name", "version", Column("namespace", overflow="fold"), "makes claims for")
        for row in rows:
            table.add_row(row["name"], row["version"], row["namespace"],
                          ", ".join(hook.removeprefix("claim_from_") for hook in row["hooks"]))
        out.print(table)
    for fault in answer.faults:
        err.print(f"[red]left out[/] {escape(fault.extension)}: {escape(fault.message)}")
    if answer.faults:
        raise typer.Exit(1)


@extensions.command("new")
def new(name: Annotated[str, typer.Argument(help="Lower-case letters, digits and _, such as film_stock.")],
        namespace: Annotated[str, typer.Option(help="An address of yours that ends in # or /.")] = "",
        folder: Annotated[Path, typer.Option(help="Where to make the package's folder.")] = Path(),
        as_json: Json = False) -> None:
    """Make a new vocabulary: a package with terms, checks, labels, vectors and tests, ready to be changed."""
    from .kit.scaffold import create

    files = create(name, folder, namespace)
    if as_json:
        print(json.dumps([str(path) for path in files]))
        return
    for path in files:
        out.print(f"[green]made[/] {escape(str(path))}", highlight=False, soft_wrap=True)
    err.print(f"Check it with `fedisora extension check {escape(str(folder / name))}`.")


@extensions.command("check")
def check(path: Annotated[Path, typer.Argument(help="Folder of an extension: with its pyproject.toml, or its context.jsonld.")],
          as_json: Json = False) -> None:
    """Check a vocabulary: its terms, labels, vectors and limits. Exit code 0: nothing to mend, 1: something, 2: no extension."""
    from .kit.check import check as run

    report = asyncio.run(run(path))
    if as_json:
        print(json.dumps({"ok": not report.findings, "name": report.extension.name if report.extension else None,
                          "vectors": report.vectors,
                          "findings": [{"where": item.where, "message": item.message} for item in report.findings]},
                         ensure_ascii=False))
    else:
        for item in report.findings:
            out.print(f"[red]mend[/] {escape(item.where)}: {escape(item.message)}", highlight=False, soft_wrap=True)
        if not report.findings and report.extension is not None:
            found = report.extension
            out.print(f"[green]ok[/] {found.name} {found.version}: {len(found.context)} terms, {len(found.labels)} languages, "
                      f"{report.vectors} vectors", highlight=False, soft_wrap=True)
    if report.findings:
        raise typer.Exit(1)
