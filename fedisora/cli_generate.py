"""`fedisora generate` and `fedisora user limits`."""
from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from .cli_common import DataDir, Json, err, out, with_db
from .settings import load_settings

LIMITS = {"jobs": "jobs", "gpu_seconds_per_day": "GPU seconds in 24 hours", "storage_mb": "MB of files", "priority": "priority",
          "agents": "AI agents", "posts_per_hour": "posts in an hour"}


def generate(prompt: Annotated[str, typer.Argument(help="What the video shows.")],
             as_name: Annotated[str, typer.Option("--as", help="Account that makes it.")],
             model: Annotated[str, typer.Option(help="Model; the instance's default when left out.")] = "",
             shape: Annotated[str, typer.Option(help="portrait, landscape or square.")] = "",
             size: Annotated[str, typer.Option(help="WIDTHxHEIGHT instead of a shape.")] = "",
             seconds: Annotated[float | None, typer.Option(help="Length; 5, or the model's longest, when left out.")] = None,
             seed: Annotated[int | None, typer.Option(help="The same seed gives the same video.", min=0)] = None,
             image: Annotated[Path | None, typer.Option(help="Start from this picture.")] = None,
             video: Annotated[Path | None, typer.Option(help="Start from this video.")] = None,
             people: Annotated[str, typer.Option(help="Who is in that file: nobody, me, or agreed (to a cameo).")] = "",
             strength: Annotated[float | None, typer.Option(help="How far a video is changed, 0 to 1.", min=0, max=1)] = None,
             negative: Annotated[str, typer.Option(help="What it should not show.")] = "",
             variants: Annotated[int, typer.Option(help="So many, with the seeds SEED, SEED + 1, …", min=1)] = 1,
             who: Annotated[str, typer.Option("--with", help="Ask this person to be shown in it: @NAME@SERVER.")] = "",
             use: Annotated[str, typer.Option(help="What it is for; the person reads it before they answer.")] = "",
             accept_terms: Annotated[bool, typer.Option("--accept-terms", help="You keep to what the person forbids.")] = False,
             publish: Annotated[bool, typer.Option("--publish", help="Publish it when it is done.")] = False,
             out_file: Annotated[Path | None, typer.Option("--out", help="Also write the file here.")] = None,
             as_json: Json = False, data_dir: DataDir = None) -> None:
    """Have a video made by the running workers, or on this machine when there are none; keep it as a draft, or publish it.

    With --with a person is asked first, and it is made on their server once they agree. Ctrl-C cancels what is being made.
    """
    from .errors import Invalid
    from .generation.intake import Wanted
    from .local_cameos import Cameo, ask_here
    from .local_generation import Order, generate_here
    from .services.likenesses import declaring

    if who:
        given = {"--image": image, "--video": video, "--model": model, "--size": size, "--strength": strength,
                 "--negative": negative, "--people": people, "--out": out_file, "--variants": variants > 1}
        if wrong := [name for name, value in given.items() if value not in (None, "", False)]:
            raise Invalid(f"The person's own server makes it, so {' and '.join(wrong)} cannot be asked for. Leave it out.")
        cameo = Cameo(as_name, prompt, who, use, accept_terms, shape, seconds, seed, publish)
        asked = asyncio.run(ask_here(load_settings(data_dir), cameo))
        err.print(asked["next"])
        print(json.dumps(asked, ensure_ascii=False) if as_json else asked["url"])
        return
    if use or accept_terms:
        raise Invalid("--use and --accept-terms are about somebody who is shown: name them with --with.")
    if image is not None and video is not None:
        raise Invalid("Start from a picture or from a video, not from both.")
    if (image is not None or video is not None) and people not in declaring.PEOPLE:
        raise Invalid("Say with --people who is in it: nobody, me or agreed.")
    wanted = Wanted(prompt, negative_prompt=negative, model=model, orientation=shape, size=size, seconds=seconds, seed=seed,
                    strength=strength, variants=variants, people=people)
    made = asyncio.run(generate_here(load_settings(data_dir), Order(as_name, wanted, image, video, publish, out_file), err))
    if as_json:
        print(json.dumps(made, ensure_ascii=False))
    else:
        print(made["url"])


def limits(name: Annotated[str, typer.Argument(help="User name.")],
           jobs: Annotated[int | None, typer.Option(help="Unfinished videos at a time; 0: may make none.", min=0)] = None,
           gpu_seconds_per_day: Annotated[int | None, typer.Option(help="GPU seconds in 24 hours; 0: no limit.", min=0)] = None,
           storage_mb: Annotated[int | None, typer.Option(help="Files kept here, in MB; 0: no limit.", min=0)] = None,
           priority: Annotated[int | None, typer.Option(help="-10 to 10; higher goes first.", min=-10, max=10)] = None,
           agents: Annotated[int | None, typer.Option(help="AI agents that it may run.", min=0)] = None,
           posts_per_hour: Annotated[int | None, typer.Option(help="Posts in an hour, of an AI agent.", min=0)] = None,
           reset: Annotated[bool, typer.Option("--reset", help="Back to what the instance allows everybody.")] = False,
           as_json: Json = False, data_dir: DataDir = None) -> None:
    """Show or change what one account may differently from the instance's limits."""
    from .errors import NotFound
    from .services import accounts

    given = {"jobs": jobs, "gpu_seconds_per_day": gpu_seconds_per_day, "storage_mb": storage_mb, "priority": priority,
             "agents": agents, "posts_per_hour": posts_per_hour}

    def change(uow: Any) -> dict[str, int]:
        user = accounts.by_login(uow.session, name)
        if user is None:
            raise NotFound(f"There is no account @{name}. Create it with `fedisora user create {name}`.")
        kept = {} if reset else dict(user.limits or {})
        kept |= {key: value for key, value in given.items() if value is not None}
        user.limits = kept or None
        return kept

    found = with_db(data_dir, change)
    if as_json:
        print(json.dumps(found))
    else:
        out.print(f"@{name}: " + (", ".join(f"{found[key]} {words}" for key, words in LIMITS.items() if key in found)
                                  or "what the instance allows everybody"))
