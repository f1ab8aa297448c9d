"""A verdict for people on a terminal: the plain sentence first, then how we know."""
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
    out.print(f"[bold]{_clean(verdict['summary'])}[/]")
    out.print(f"Verdict: [bold {colour}]{_clean(name)}[/]")
    signer, record = _dict(verdict.get("signer")), _dict(verdict.get("record"))
    generator, match = _dict(record.get("generator")), _dict(verdict.get("match"))
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for label, value in (("signed for", signer.get("actor")), ("by", signer.get("instance")),
                         ("certificate", signer.get("certificateSerial")), ("matches", match.get("object")),
                         ("post", record.get("object")),
                         ("made with", " ".join(str(generator[key]) for key in ("name", "model") if generator.get(key))),
                         ("prompt", generator.get("prompt")), ("made on", record.get("created")),
                         ("source type", verdict.get("digitalSourceType"))):
        if value:
            table.add_row(label, _clean(value))
    for check in verdict.get("checks") or ():
        table.add_row("[green]✓[/]" if check["ok"] else "[red]✗[/]", _clean(f"{check['name']}: {check['detail']}"))
    for claim in verdict.get("claims") or ():
        mark = "[red]✗[/]" if claim.get("status") == "invalid" else "?"  # well formed is not proven
        problems = "; ".join(map(str, claim.get("problems") or ())) or ("only said" if claim.get("status") == "valid" else "")
        said = f"claim: {claim.get('label') or claim.get('extension')}"
        table.add_row(mark, _clean(f"{said} ({problems})" if problems else said))
    out.print(table)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _clean(value: object) -> str:
    """A text from a stranger's file: no escape sequences for the terminal, no markup for the console."""
    return escape("".join(char for char in str(value) if char.isprintable())[:500])
