"""A verdict for people on a terminal: the sentence first, then how we know."""
from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

GOOD = ("verified", "verified-foreign-issuer")
BAD = ("tampered", "contradicted", "revoked")


def show(verdict: dict[str, Any], out: Console) -> None:
    """Print a verdict object (vocabulary §5)."""
    name = str(verdict["verdict"])
    colour = "green" if name in GOOD else "red" if name in BAD else "yellow"
    out.print(f"[bold {colour}]{escape(name)}[/]  {escape(str(verdict['summary']))}")
    signer = verdict.get("signer") or {}
    record = verdict.get("record") or {}
    generator = record.get("generator") or {}
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for label, value in (("signed for", signer.get("actor")), ("by", signer.get("instance")),
                         ("certificate", signer.get("certificateSerial")), ("post", record.get("object")),
                         ("made with", " ".join(str(generator[key]) for key in ("name", "model") if generator.get(key))),
                         ("prompt", generator.get("prompt")), ("made on", record.get("created")),
                         ("source type", verdict.get("digitalSourceType"))):
        if value:
            table.add_row(label, escape(str(value)))
    for check in verdict.get("checks", []):
        table.add_row("[green]✓[/]" if check["ok"] else "[red]✗[/]", escape(f"{check['name']}: {check['detail']}"))
    out.print(table)
