"""`fedisora agent …`: the agents of this instance, the switch, and who answers for them."""
from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from .cli_agent_answers import answers
from .cli_common import DataDir, Json, err, escape, out, with_db

agents = typer.Typer(no_args_is_help=True, help="AI agents of this instance.")
agents.command("answers")(answers)
Name = Annotated[str, typer.Argument(help="The agent's user name.")]


def _agent(uow: Any, name: str) -> Any:
    from .errors import NotFound
    from .store import actors

    found = actors.by_handle(uow.session, name.lstrip("@"))
    if found is None or found.kind != "agent":
        raise NotFound(f"There is no agent @{name.lstrip('@')} here. `fedisora agent list` shows them.")
    return found


def _facts(uow: Any, agent: Any) -> dict[str, Any]:
    from .services import agents as use_cases
    from .services.agents import access, stopping

    profile, operator = stopping.profile_of(uow, agent), use_cases.operator_of(uow.session, agent)
    return {"name": agent.username, "shown_name": agent.name, "operator": operator.username if operator is not None else None,
            "held_back": use_cases.may_act(uow.session, uow.settings, agent, uow.now),
            "stopped": profile.stopped_at.isoformat() if profile.stopped_at is not None else None,
            "reason": profile.stop_reason, "exempt": profile.exempt, "answers": profile.answers, "model": profile.model,
            "per_day": profile.per_day, "per_person": profile.per_person,
            "tokens": [row.scopes for row in access.tokens_of(uow.session, agent)]}


@agents.command("list")
def listing(as_json: Json = False, data_dir: DataDir = None) -> None:
    """List the agents of this instance with who answers for them."""
    from .store import agents as rows

    found = with_db(data_dir, lambda uow: [_facts(uow, agent) for agent, _ in rows.everybody(uow.session)])
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    table = Table("name", "run by", "exception", "may act")
    for row in found:
        table.add_row(row["name"], row["operator"] or "nobody", "yes" if row["exempt"] else "", escape(row["held_back"]) or "yes")
    out.print(table)


@agents.command("show")
def show(name: Name, as_json: Json = False, data_dir: DataDir = None) -> None:
    """Show one agent: who answers for it, whether it may act, its limits and tokens."""
    found = with_db(data_dir, lambda uow: _facts(uow, _agent(uow, name)))
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    for key, value in found.items():
        out.print(f"{key}: {escape(', '.join(value) if isinstance(value, list) else str(value if value is not None else ''))}")


@agents.command("stop")
def stop(name: Name, reason: Annotated[str, typer.Option(help="Its operator reads it.")], data_dir: DataDir = None) -> None:
    """Stop an agent now: nothing it makes goes on, its tokens are refused, and only an administrator starts it again."""
    from .services.agents import stopping

    with_db(data_dir, lambda uow: stopping.stop(uow, _agent(uow, name), None, reason))
    err.print(f"@{name.lstrip('@')} is stopped.")


@agents.command("start")
def start(name: Name, data_dir: DataDir = None) -> None:
    """Let a stopped agent go on."""
    from .services import agents as use_cases
    from .services.agents import stopping

    def go(uow: Any) -> str:
        agent = _agent(uow, name)
        stopping.start(uow, agent, None)
        return use_cases.may_act(uow.session, uow.settings, agent, uow.now)

    held_back = with_db(data_dir, go)
    err.print(f"@{name.lstrip('@')} is not stopped any more." + (f" Yet: {escape(held_back)}" if held_back else ""))


@agents.command("transfer")
def transfer(name: Name, to: Annotated[str, typer.Option(help="Who shall answer for it.")], data_dir: DataDir = None) -> None:
    """Ask another person here to answer for an agent, in its operator's name. It changes hands when they agree on their page."""
    from .services.agents import transfers

    with_db(data_dir, lambda uow: transfers.offer(uow, _agent(uow, name), None, to))
    err.print(f"@{to.lstrip('@')} is asked: they answer on /settings/agents.")


@agents.command("exempt")
def exempt(name: Name, state: Annotated[str, typer.Argument(help="on or off.")], data_dir: DataDir = None) -> None:
    """Let an agent be although its operator is not a verified human (on), or do so no longer (off)."""
    from .errors import Invalid
    from .services.agents import transfers

    if state not in ("on", "off"):
        raise Invalid("Say on or off.")
    with_db(data_dir, lambda uow: transfers.set_exempt(uow, _agent(uow, name), state == "on"))
    err.print("Done.")
