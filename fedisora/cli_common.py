"""What every command shares: consoles, the data folder's option, one transaction on the instance's database."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from .cli_serve import DataDir as DataDir
from .settings import load_settings

out = Console(emoji=False)  # a did:key has `:key:` in it
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
Json = Annotated[bool, typer.Option("--json", help="JSON for scripts.")]


def escape(text: str) -> str:
    """A text that the console prints as it is."""
    return text.replace("[", r"\[")


def with_db(data_dir: Path | None, use_case: Callable[[Any], Any]) -> Any:
    """One write transaction on the instance's database."""
    from .services.instance import open_database

    db = open_database(load_settings(data_dir))
    try:
        return db.write_now(use_case)
    finally:
        db.close()
