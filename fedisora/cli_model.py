"""`fedisora model …`: which models there are, their licences and weights, and whether they work on this machine."""
from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from .cli_common import DataDir, Json, err, escape, out, with_db
from .errors import ConfigurationError, Invalid
from .generation.presets import PRESETS, Preset, is_accepted
from .generation.presets.readiness import Readiness, gpu_memory, readiness
from .settings import Settings, load_settings

models = typer.Typer(no_args_is_help=True, help="Models that make videos: licences, weights, and whether they work here.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="A preset, a folder with a diffusers model, or a repository id.")]


def _decided(settings: Settings) -> tuple[dict[str, str], dict[str, str]]:
    """(model → licence that was accepted, model → fetched commit); nothing without an instance."""
    from .local_run import has_instance
    from .store import models as kept

    if not has_instance(settings):
        return {}, {}
    found: tuple[dict[str, str], dict[str, str]] = with_db(
        settings.data_dir, lambda uow: (kept.accepted(uow.session), kept.pinned(uow.session)))
    return found


def find(settings: Settings, name: str) -> tuple[Preset, dict[str, str]]:
    """(the model of a name as the list shows it, a folder or a repository; model → licence that was accepted).

    Raises:
        ConfigurationError: there is none.
    """
    from .generation.presets.catalogue import catalogue, preset_of

    accepted, pinned = _decided(settings)
    with contextlib.suppress(ConfigurationError):  # settings that contradict each other do not hide a preset
        offered = catalogue(settings, accepted, pinned)
        for preset in (*offered.models, *(one.preset for one in offered.unavailable)):
            if preset is not None and name in (preset.name, preset.repository):
                return preset, accepted
    return preset_of(name, pinned=pinned), accepted


def _size(preset: Preset) -> str:
    return ", ".join(f"{width}x{height}" for _, width, height in preset.buckets)


def _memory(preset: Preset) -> str:
    """As "24-32 GB": with offloading, and without."""
    if not preset.memory_gb:
        return ""
    return f"{preset.low_memory_gb}-{preset.memory_gb} GB" if preset.low_memory_gb else f"{preset.memory_gb} GB"


def _as_json(preset: Preset, ready: Readiness, use: str) -> dict[str, Any]:
    return {
        "name": preset.name, "title": preset.title, "use": use, "recommended": preset.recommended, "state": ready.state,
        "remedy": ready.remedy, "backend": preset.backend, "tasks": list(preset.tasks), "repository": preset.repository,
        "revision": preset.revision, "licence": preset.licence, "licence_url": preset.licence_url, "card_url": preset.card_url,
        "territory": preset.territory, "needs_acceptance": preset.needs_acceptance, "gpu_class": preset.gpu_class,
        "memory_gb": preset.memory_gb, "low_memory_gb": preset.low_memory_gb, "download_gb": preset.download_gb,
        "fps": preset.fps, "min_seconds": preset.min_seconds, "max_seconds": round(preset.max_seconds, 3),
        "frame_step": preset.frame_step, "multiple": preset.multiple,
        "sizes": {name: [list(size) for size in sizes] for name, sizes in preset.sizes.items()},
        "steps": preset.steps, "guidance": preset.guidance, "dtype": preset.dtype, "pipelines": preset.pipelines,
        "negative_prompt": preset.negative_prompt,
        "prompt_words": preset.prompt_words, "note": preset.note}


def _acceptance(settings: Settings, preset: Preset, accepted: dict[str, str]) -> str:
    from .store import models as kept

    if not preset.needs_acceptance:
        return ""
    if not is_accepted(preset, accepted):
        return ", to be accepted before the first use"
    row = with_db(settings.data_dir, lambda uow: kept.acceptance(uow.session, preset.name))
    return f", accepted by {row.accepted_by} on {row.accepted_at:%Y-%m-%d}"


@models.command("list")
def listing(as_json: Json = False, data_dir: DataDir = None) -> None:
    """List the models: what they can start from, what they need, and whether they are ready on this machine."""
    from .generation.presets.catalogue import Catalogue, catalogue

    settings = load_settings(data_dir)
    accepted, pinned = _decided(settings)
    try:
        offered = catalogue(settings, accepted, pinned)
    except ConfigurationError as error:  # the list is where one looks for what to set
        err.print(f"[yellow]{escape(error.text)}[/]")
        offered = Catalogue((), PRESETS[0])
    known = {preset.name: preset for preset in (*offered.models, *PRESETS)}
    memory = gpu_memory()
    use = dict.fromkeys([*(preset.name for preset in offered.models), *(one.name for one in offered.unavailable)], "offered")
    if use:
        use[offered.default.name] = "default"
    rows = [(preset, readiness(preset, accepted, memory), use.get(preset.name, "")) for preset in known.values()]
    strange = [one for one in offered.unavailable if one.name not in known]
    if as_json:
        print(json.dumps([*(_as_json(*row) for row in rows),
                          *({"name": one.name, "title": one.title, "use": use[one.name], "state": "unknown", "remedy": one.reason}
                            for one in strange)], ensure_ascii=False))
        return
    table = Table(Column("name", no_wrap=True), "starts from", "GPU memory", Column("licence", overflow="fold"), "state", "use")
    for preset, ready, used in rows:
        table.add_row(preset.name + (" *" if preset.recommended else ""), ", ".join(preset.tasks), _memory(preset),
                      escape(preset.licence or "unknown"), ready.state, used)
    for one in strange:
        table.add_row(escape(one.name), "", "", "", "unknown", use[one.name])
    out.print(table)
    err.print("[dim]* recommended. More about one: fedisora model show NAME[/]")
    for one in strange:
        err.print(f"[yellow]{escape(one.title)}: {escape(one.reason)}[/]")


@models.command("show")
def show(name: Name, as_json: Json = False, data_dir: DataDir = None) -> None:
    """Show all about a model: what it makes, what it needs, its licence, and how to use it here."""
    settings = load_settings(data_dir)
    preset, accepted = find(settings, name)
    ready = readiness(preset, accepted, gpu_memory())
    if as_json:
        print(json.dumps(_as_json(preset, ready, ""), ensure_ascii=False))
        return
    table = Table.grid(Column(style="dim", no_wrap=True), Column(overflow="fold"), padding=(0, 2))
    revision = preset.revision
    if preset.repository and not revision:
        revision = ("none: its files as they lie there" if preset.repository.startswith("/") else
                    "not pinned: fedisora model fetch writes down the commit that it got")
    for label, value in (
            ("model", preset.title + (" (recommended)" if preset.recommended else "")),
            ("state", f"{ready.state}. {ready.remedy}" if ready.remedy else ready.state),
            ("starts from", ", ".join(preset.tasks)), ("sizes", _size(preset)),
            ("length", f"{preset.min_seconds:g} to {preset.max_seconds:.4g} s, {preset.fps} pictures a second"
                       + (f", {preset.frame_step} n + 1 of them" if preset.frame_step > 1 else "")),
            ("steps, guidance", f"{preset.steps}, {preset.guidance or 'its own'}" if preset.steps else ""),
            ("GPU memory", f"{_memory(preset)} (with and without offloading)" if preset.low_memory_gb else _memory(preset)),
            ("GPU class", preset.gpu_class),
            ("download", f"about {preset.download_gb} GB" if preset.download_gb else ""),
            ("from", preset.repository), ("revision", revision),
            ("licence", (preset.licence or "unknown") + _acceptance(settings, preset, accepted)),
            ("licence text", preset.licence_url), ("territory", preset.territory), ("model card", preset.card_url),
            ("note", preset.note)):
        if value:
            table.add_row(label, escape(value))
    out.print(table)
    if preset.backend != "procedural":
        err.print("\nTo use it, set these (docs/operate/models.md) and restart the server and its workers:")
        out.print(f"FEDISORA_GENERATION_BACKEND={preset.backend}\nFEDISORA_GENERATION_MODEL={escape(name)}", highlight=False,
                  soft_wrap=True)


@models.command("accept-licence")
def accept_licence(name: Name, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
                   by: Annotated[str, typer.Option("--as", help="Who accepts; your system user when left out.")] = "",
                   data_dir: DataDir = None) -> None:
    """Accept a model's licence for this instance. Who did, and when, is kept."""
    from .store import models as kept

    preset, _ = find(load_settings(data_dir), name)
    if not preset.needs_acceptance:
        err.print(f"{escape(preset.title)} needs no acceptance ({escape(preset.licence or 'no licence is known')}).")
        return
    out.print(f"{escape(preset.title)}: {escape(preset.licence)}", highlight=False, soft_wrap=True)
    out.print(escape(preset.licence_url), highlight=False, soft_wrap=True)
    if preset.territory:
        out.print(f"Where it applies: {escape(preset.territory)}", highlight=False, soft_wrap=True)
    if not yes and not typer.confirm("Have you read it, and do you accept it for this instance?", err=True):
        raise Invalid("Not accepted: the model is not used.")
    who = by or getpass.getuser()
    with_db(data_dir, lambda uow: kept.accept(uow, preset.name, preset.licence, preset.licence_url, who))
    err.print(f"Accepted by {escape(who)}. Next: fedisora model fetch {escape(name)}")


@models.command("fetch")
def fetch(name: Name,
          revision: Annotated[str, typer.Option(help="Another commit, branch or tag than the pinned one.")] = "",
          data_dir: DataDir = None) -> None:
    """Download a model's weights (safetensors only) into the hub's cache and pin the commit. What is there is kept."""
    from .generation.presets import find as shipped
    from .generation.presets import own
    from .generation.presets.catalogue import obstacle
    from .model_fetch import download
    from .store import models as kept

    settings = load_settings(data_dir)
    if own.REPOSITORY.fullmatch(name) and shipped(name) is None and not Path(name).is_dir():
        pinned_as, repository, wanted = name, name, revision or _decided(settings)[1].get(name, "main")
    else:
        preset, accepted = find(settings, name)
        why = obstacle(preset, accepted)
        if why:
            raise ConfigurationError(f"{preset.title} cannot be fetched: {why}")
        if not preset.repository or Path(preset.repository).is_dir():
            err.print(f"{escape(preset.title)} is here already: there is nothing to fetch.")
            return
        pinned_as = preset.name if shipped(preset.name) else preset.repository
        repository, wanted = preset.repository, revision or preset.revision or "main"
    folder, commit = download(repository, wanted, err)
    with_db(data_dir, lambda uow: kept.pin(uow, pinned_as, repository, commit))
    err.print(f"{escape(repository)} is here; commit {commit} is used from now on. Next: fedisora model check {escape(name)}")
    print(folder)


@models.command("check")
def check(name: Name, as_json: Json = False, data_dir: DataDir = None) -> None:
    """Load a model as a worker does, render a tiny clip and say how long it took and how much memory it needed."""
    from .model_check import try_out

    settings = load_settings(data_dir)
    preset, accepted = find(settings, name)
    found = asyncio.run(try_out(settings, preset, accepted, err))
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    table = Table.grid(Column(style="dim", no_wrap=True), Column(overflow="fold"), padding=(0, 2))
    for label, value in found.items():
        table.add_row(label.replace("_", " "), escape(str(value)))
    out.print(table)
