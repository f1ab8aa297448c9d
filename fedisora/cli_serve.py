"""The commands that run for weeks, `serve` and `worker`, and the entry point of all commands.

They do without what only other commands need (Rich above all): that would stay in the memory of every server.
"""
from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from . import __version__
from .errors import FedisoraError
from .settings import load_settings

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Data folder (FEDISORA_DATA_DIR).")]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
                  help="Fedisora: a federated video server in which everybody can tell human from machine.")


def main() -> None:
    """Entry point: every error of ours is one line on stderr and exit code 2."""
    if sys.argv[1:2] not in (["serve"], ["worker"]):
        importlib.import_module("fedisora.cli")  # adds its commands to `app`
    try:
        app()
    except FedisoraError as error:
        from .cli_common import err, escape

        err.print(f"[bold red]fedisora:[/] {escape(error.text)}")
        raise SystemExit(2) from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _version(value: bool) -> None:
    if value:
        print(f"fedisora {__version__}")
        raise typer.Exit


@app.callback()
def root(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True,
                                               help="Print the version and stop.")] = False) -> None:
    """Options that belong to no command."""
    from .logs import quiet

    quiet()


@app.command()
def serve(host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
          port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8000,
          no_workers: Annotated[bool, typer.Option("--no-workers", help="Do not run workers in this process.")] = False,
          tls_cert: Annotated[Path | None, typer.Option(help="PEM certificate chain: serve TLS without a proxy.")] = None,
          tls_key: Annotated[Path | None, typer.Option(help="PEM private key of the certificate.")] = None,
          data_dir: DataDir = None) -> None:
    """Run the instance: web, federation and (without Redis) the workers."""
    from .server import run

    run(load_settings(data_dir), host=host, port=port, workers=not no_workers, tls_cert=tls_cert, tls_key=tls_key)


@app.command()
def worker(role: Annotated[str, typer.Argument(help="federation, media, generation or housekeeping.")],
           gpu: Annotated[str, typer.Option(help="generation: number of the card; any when left out.")] = "",
           models: Annotated[str, typer.Option(help="generation: comma-separated models; all when left out.")] = "",
           name: Annotated[str, typer.Option(help="generation: what this worker is called in lists.")] = "",
           once: Annotated[bool, typer.Option("--once", help="generation: make one video, then end.")] = False,
           data_dir: DataDir = None) -> None:
    """Run one worker process (needs FEDISORA_REDIS_URL)."""
    from .server import run_worker

    run_worker(load_settings(data_dir), role, gpu=gpu, models=models, name=name, once=once)
