"""The command line: migrate, user, account, channel, relay, domain, queue, generate, verify, … (`serve`: see `cli_serve`)."""
from __future__ import annotations

import asyncio
import json
import sys
from typing import Annotated, Any

import typer
from rich.table import Table

from . import (
    cli_agent,
    cli_agent_answers,
    cli_backup,
    cli_domain,
    cli_extension,
    cli_generate,
    cli_human,
    cli_keys,
    cli_model,
    cli_queue,
    cli_review,
    cli_safety,
    cli_storage,
    cli_verifier,
)
from .cli_common import DataDir, err, out
from .cli_common import escape as _escape
from .cli_common import with_db as _with_db
from .cli_serve import app
from .cli_serve import main as main
from .settings import Settings, load_settings

users = typer.Typer(no_args_is_help=True, help="Accounts of this instance.")
channels = typer.Typer(no_args_is_help=True, help="Channels, which PeerTube follows.")
relays = typer.Typer(no_args_is_help=True, help="Relays, which pass public posts on between servers.")
accounts_app = typer.Typer(no_args_is_help=True, help="Moving accounts from and to other servers.")
aliases = typer.Typer(no_args_is_help=True, help="Other addresses of an account, from which it may move here.")
accounts_app.add_typer(aliases, name="alias")
app.add_typer(users, name="user")
app.add_typer(accounts_app, name="account")
app.add_typer(channels, name="channel")
app.add_typer(relays, name="relay")
app.add_typer(cli_extension.extensions, name="extension")
app.add_typer(cli_agent.agents, name="agent")
cli_agent.agents.command("answers")(cli_agent_answers.answers)
app.add_typer(cli_domain.domains, name="domain")
app.add_typer(cli_queue.queues, name="queue")
app.add_typer(cli_keys.keys, name="keys")
app.add_typer(cli_review.reviews, name="review")
app.add_typer(cli_safety.safety, name="safety")
app.add_typer(cli_storage.storages, name="storage")
app.add_typer(cli_verifier.verifiers, name="verifier")
app.add_typer(cli_backup.backups, name="backup")
app.command()(cli_generate.generate)
users.command("limits")(cli_generate.limits)
users.command("role")(cli_human.role)
app.add_typer(cli_human.humans, name="human")
app.add_typer(cli_model.models, name="model")


@app.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database up to date."""
    from .app import build_house

    house = build_house(load_settings(data_dir))
    house.db.close()
    err.print("The database is up to date.")


@users.command("create")
def user_create(name: Annotated[str, typer.Argument(help="User name: letters, digits, _.")],
                email: Annotated[str, typer.Option(help="E-mail address.")],
                password: Annotated[str | None, typer.Option(help="Password; asked for when left out.")] = None,
                admin: Annotated[bool, typer.Option("--admin", help="May administer this instance.")] = False,
                kind: Annotated[str, typer.Option(help="human or agent.")] = "human",
                operator: Annotated[str | None, typer.Option(help="For an agent: who answers for it. It may act although they "
                                                              "are no verified human: `fedisora agent exempt` ends it.")] = None,
                data_dir: DataDir = None) -> None:
    """Create an account."""
    from .services import accounts
    from .store import agents

    secret = password or typer.prompt("Password", hide_input=True, confirmation_prompt=True)

    def make(uow: Any) -> bool:
        user = accounts.create(uow, name, email, secret, admin=admin, kind=kind, operator=operator)
        profile = agents.profile(uow.session, user.actor_id)
        return profile is not None and profile.exempt

    exempt = _with_db(data_dir, make)
    err.print(f"Created @{name}.")
    if exempt:
        err.print(f"[yellow]@{(operator or '').lstrip('@')} is not a verified human: @{name} may act all the same, because you "
                  f"made it. `fedisora agent exempt {name} off` ends that.[/]")


@users.command("token")
def user_token(name: Annotated[str, typer.Argument(help="User name.")],
               scopes: Annotated[str, typer.Option(help="Space-separated OAuth scopes.")] = "read write follow",
               data_dir: DataDir = None) -> None:
    """Print a new access token for the client API (the token alone, for scripts). Agents get what agents may have."""
    from .errors import Invalid, NotFound
    from .services import accounts, agent_scopes, tokens
    from .services import scopes as scopes_known

    def issue(uow: Any) -> tuple[str, list[str], list[str]]:
        user = accounts.by_login(uow.session, name)
        if user is None:
            raise NotFound(f"There is no account @{name}. Create it with `fedisora user create {name}`.")
        for scope in scopes.split():
            if scope.partition(":")[0] not in {known.partition(":")[0] for known in scopes_known.SCOPES}:
                raise Invalid(f"{scope} is not a scope. There are: {', '.join(scopes_known.SCOPES)}.")
        granted: list[str] = scopes.split()
        left_out: list[str] = []
        if agent_scopes.is_agent(uow.session, user.id):
            granted, left_out = agent_scopes.narrowed(scopes)
            if not granted:
                raise Invalid(f"An agent's token may have: {', '.join(agent_scopes.SCOPES)}.")
        return tokens.create(uow, user.id, None, " ".join(granted)), granted, left_out

    token, granted, left_out = _with_db(data_dir, issue)
    if left_out:
        err.print(f"@{name} is an agent. Left out, wholly or in part: {', '.join(left_out)}. Granted: {' '.join(granted)}.")
    print(token)


@users.command("rekey")
def user_rekey(name: Annotated[str, typer.Argument(help="User name.")], data_dir: DataDir = None) -> None:
    """Replace the key that signs an account's requests to other servers (after a leak). Restart the server afterwards."""
    from .activitypub.keys import generate_rsa
    from .errors import NotFound
    from .services import local_actors
    from .store import actors

    key = generate_rsa()

    def replace(uow: Any) -> None:
        actor = actors.local_active(uow.session, name)
        if actor is None:
            raise NotFound(f"There is no active account @{name}.")
        local_actors.replace_http_key(uow, actor, key)

    _with_db(data_dir, replace)
    err.print(f"@{name} has a new key. Restart the server and its workers: they still hold the old one.")


@users.command("list")
def user_list(data_dir: DataDir = None, as_json: Annotated[bool, typer.Option("--json", help="JSON for scripts.")] = False,
              ) -> None:
    """List the accounts of this instance."""
    from sqlalchemy import select

    from .models import Actor, User

    rows = _with_db(data_dir, lambda uow: [
        {"name": actor.username, "email": user.email, "kind": actor.kind, "state": user.state, "admin": user.admin,
         "moderator": user.moderator}
        for user, actor in uow.session.execute(select(User, Actor).join(Actor, Actor.id == User.actor_id)
                                               .order_by(User.created_at))])
    if as_json:
        print(json.dumps(rows))
        return
    table = Table("name", "kind", "state", "role", "e-mail")
    for row in rows:
        role = "admin" if row["admin"] else "moderator" if row["moderator"] else ""
        table.add_row(row["name"], row["kind"] or "", row["state"], role, row["email"])
    out.print(table)


@aliases.command("add")
def alias_add(name: Annotated[str, typer.Argument(help="Account here.")],
              other: Annotated[str, typer.Argument(help="The other account: @name@server, or its address.")],
              data_dir: DataDir = None) -> None:
    """Say that another account is the same person, so that it may move here."""
    from .local_run import alias_here

    err.print(f"@{name} is also {asyncio.run(alias_here(load_settings(data_dir), name, other))}.")


@aliases.command("remove")
def alias_remove(name: Annotated[str, typer.Argument(help="Account here.")],
                 uri: Annotated[str, typer.Argument(help="The alias, as `fedisora account alias list` prints it.")],
                 data_dir: DataDir = None) -> None:
    """Take an alias back."""
    from .services import migration

    _with_db(data_dir, lambda uow: migration.remove_alias(uow, _own_actor(uow, name), uri))
    err.print(f"{uri} is no alias of @{name} any more.")


@aliases.command("list")
def alias_list(name: Annotated[str, typer.Argument(help="Account here.")], data_dir: DataDir = None) -> None:
    """Print the aliases of an account, one a line."""
    for uri in _with_db(data_dir, lambda uow: list(_own_actor(uow, name).also_known_as)):
        print(uri)


@accounts_app.command("move")
def account_move(name: Annotated[str, typer.Argument(help="Account here.")],
                 other: Annotated[str, typer.Argument(help="Where it goes: @name@server, or an address.")],
                 data_dir: DataDir = None) -> None:
    """Move an account's followers to another account, which must name this one as its alias."""
    from .local_run import move_here

    err.print(f"@{name} has moved to {asyncio.run(move_here(load_settings(data_dir), name, other))}.")


@accounts_app.command("stay")
def account_stay(name: Annotated[str, typer.Argument(help="Account here.")], data_dir: DataDir = None) -> None:
    """Take down the sign that an account has moved; followers do not come back by themselves."""
    from .services import migration

    _with_db(data_dir, lambda uow: migration.stay(uow, _own_actor(uow, name)))
    err.print(f"@{name} stays here.")


def _own_actor(uow: Any, name: str) -> Any:
    from .local_run import own_actor

    return own_actor(uow.session, name)


@channels.command("create")
def channel_create(name: Annotated[str, typer.Argument(help="The account that gets a channel.")],
                   title: Annotated[str, typer.Option("--name", help="Shown name of the channel.")] = "",
                   handle: Annotated[str, typer.Option(help="User name of the channel; NAME_channel when left out.")] = "",
                   data_dir: DataDir = None) -> None:
    """Give an account a channel, or switch a former one on again."""
    from .errors import NotFound
    from .services import channels as use_cases
    from .store import actors

    def make(uow: Any) -> str:
        actor = actors.local_active(uow.session, name)
        if actor is None:
            raise NotFound(f"There is no account @{name}. Create it with `fedisora user create {name}`.")
        return f"@{use_cases.create(uow, actor, handle=handle, title=title).username}@{uow.uris.host}"

    print(_with_db(data_dir, make))


@channels.command("close")
def channel_close(name: Annotated[str, typer.Argument(help="The account whose channel is switched off.")],
                  data_dir: DataDir = None) -> None:
    """Switch an account's channel off. `channel create` switches it on again."""
    from .errors import NotFound
    from .services import channels as use_cases
    from .store import actors

    def close(uow: Any) -> None:
        actor = actors.local_active(uow.session, name)
        if actor is None or use_cases.active(uow.session, actor.id) is None:
            raise NotFound(f"@{name} has no channel.")
        use_cases.switch_off(uow, actor)

    _with_db(data_dir, close)
    err.print("The channel is off.")


@relays.command("add")
def relay_add(url: Annotated[str, typer.Argument(help="The relay's inbox (mastodon) or actor (litepub).")],
              style: Annotated[str, typer.Option(help="mastodon or litepub.")] = "mastodon",
              data_dir: DataDir = None) -> None:
    """Ask a relay to take this instance in. The running server sends the request."""
    from .local_run import join_relay

    asyncio.run(join_relay(load_settings(data_dir), url, style))
    err.print("Asked. `fedisora relay list` shows what the relay answers.")


@relays.command("list")
def relay_list(data_dir: DataDir = None, as_json: Annotated[bool, typer.Option("--json", help="JSON for scripts.")] = False,
               ) -> None:
    """List the relays of this instance."""
    from .store import relays as rows

    found = _with_db(data_dir, lambda uow: [
        {"inbox": row.inbox, "actor": row.actor_uri, "style": row.style, "state": row.state}
        for row in rows.everything(uow.session)])
    if as_json:
        print(json.dumps(found))
        return
    table = Table("inbox", "style", "state", "actor")
    for row in found:
        table.add_row(row["inbox"], row["style"], row["state"], row["actor"] or "")
    out.print(table)


@relays.command("remove")
def relay_remove(url: Annotated[str, typer.Argument(help="The relay's inbox or actor.")], data_dir: DataDir = None) -> None:
    """Leave a relay."""
    from .services import relays as use_cases

    _with_db(data_dir, lambda uow: use_cases.remove(uow, url))
    err.print("Left.")


@app.command()
def verify(target: Annotated[str, typer.Argument(metavar="FILE|URL", help="A file, or the address of a file or post.")],
           as_json: Annotated[bool, typer.Option("--json", help="The verdict object, for scripts.")] = False,
           data_dir: DataDir = None) -> None:
    """Say who signed a file, what made it, and whether it is intact. Needs no instance and keeps nothing.

    Exit code 0: verified (also by a foreign issuer), 1: any other verdict, 2: could not be checked.
    """
    from .local_run import has_instance, verify_here
    from .verdict_text import show

    settings = load_settings(data_dir)
    verdict = asyncio.run(verify_here(settings, target))
    if not has_instance(settings):
        err.print(f"[dim]There is no instance in {_escape(str(settings.data_dir))}: what one knows of posts and of files like "
                  "this one is not asked. With --data-dir you can name one.[/]")
    if as_json:
        print(json.dumps(verdict, ensure_ascii=False))
    else:
        show(verdict, out)
    raise typer.Exit(0 if verdict["verdict"] in ("verified", "verified-foreign-issuer") else 1)


@app.command()
def doctor(data_dir: DataDir = None) -> None:
    """Check settings, database, storage and media tools; every finding says how to mend it."""
    from .local_run import examine

    settings: Settings = load_settings(data_dir)
    findings = asyncio.run(examine(settings))
    for ok, name, text in findings:
        out.print(f"{'[green]ok  [/]' if ok else '[red]bad [/]'} {name}: {_escape(text)}")
    if not all(ok for ok, _, _ in findings):
        sys.exit(1)
