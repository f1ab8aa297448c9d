"""`fedisora agent answers NAME`: how an agent answers mentions, and when it posts by itself."""
from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from .cli_common import DataDir, Json, escape, out, with_db
from .errors import Invalid


def answers(name: Annotated[str, typer.Argument(metavar="NAME", help="The agent's user name.")],
            on: Annotated[bool | None, typer.Option("--on/--off", help="Whether it answers mentions with videos.")] = None,
            audience: Annotated[str | None, typer.Option(help="Who may ask: everyone, followers, operator or listed.")] = None,
            allow: Annotated[list[str] | None, typer.Option(help="A handle or domain that may ask; again for more, \"\" for "
                                                                 "none.")] = None,
            block: Annotated[list[str] | None, typer.Option(help="A handle or domain that may not; again for more, \"\" for "
                                                                 "none.")] = None,
            persona: Annotated[str | None, typer.Option(help="What it says of itself.")] = None,
            style: Annotated[str | None, typer.Option(help="Put before every prompt.")] = None,
            model: Annotated[str | None, typer.Option(help="\"\": the instance's default.")] = None,
            size: Annotated[str | None, typer.Option(help="Usual shape: portrait, landscape, square, or \"\".")] = None,
            seconds: Annotated[float | None, typer.Option(help="Usual length; 0: the model's own.", min=0)] = None,
            per_person: Annotated[int | None, typer.Option(help="Videos for one person in 24 hours.", min=0)] = None,
            per_domain: Annotated[int | None, typer.Option(help="Videos for one server in 24 hours.", min=0)] = None,
            per_day: Annotated[int | None, typer.Option(help="Videos in 24 hours, its own posts among them.", min=0)] = None,
            stop_word: Annotated[str | None, typer.Option(help="Word by which people are left alone.")] = None,
            start_word: Annotated[str | None, typer.Option(help="Word by which they are answered again.")] = None,
            language: Annotated[str | None, typer.Option(help="In which it answers whose language it does not speak.")] = None,
            schedule: Annotated[str | None, typer.Option(metavar="TEXT", help="Its own posts, a time a line: \"Mon Wed 09:00: a "
                                                                              "calm sea\"; or JSON.")] = None,
            no_schedule: Annotated[bool, typer.Option("--no-schedule", help="No posts of its own.")] = False,
            as_json: Json = False, data_dir: DataDir = None) -> None:
    """Show or change how an agent answers mentions, and when it posts by itself."""
    given: dict[str, Any] = {
        "on": on, "audience": audience, "allowed": allow, "blocked": block, "persona": persona, "style": style, "model": model,
        "orientation": size, "seconds": seconds, "per_person": per_person, "per_domain": per_domain, "per_day": per_day,
        "stop_word": stop_word, "start_word": start_word, "language": language, "schedule": _schedule(schedule, no_schedule)}
    wanted = {key: value for key, value in given.items() if value is not None}
    if wanted.get("seconds") == 0:
        wanted["seconds"] = None

    def change(uow: Any) -> dict[str, Any]:
        from .errors import NotFound
        from .generation.presets import catalogue
        from .services.agents import configure
        from .store import actors

        agent = actors.by_handle(uow.session, name.lstrip("@"))
        if agent is None or agent.kind != "agent":
            raise NotFound(f"There is no agent @{name} here.")
        models = [preset.name for preset in catalogue.current(uow.session, uow.settings).models]
        return configure.values(uow.session, configure.change(uow, agent, wanted, models) if wanted else configure.profile_of(
            uow.session, agent))

    found = with_db(data_dir, change)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    from .services.agents import schedule_lines
    for key, value in found.items():
        shown = schedule_lines.written(value) if key == "schedule" else json.dumps(value, ensure_ascii=False) if isinstance(
            value, list) else str(value)
        out.print(f"{key.replace('_', ' ')}: {escape(shown)}", highlight=False, soft_wrap=True)


def _schedule(text: str | None, none: bool) -> Any:
    if none:
        return []
    if text is None:
        return None
    if not text.lstrip().startswith(("[", "{")):
        from .services.agents import schedule_lines
        return schedule_lines.read(text)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Invalid(f"The schedule is not JSON: {error}") from error
