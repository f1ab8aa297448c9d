"""`fedisora keys …`: the keys that sign documents and files, and the certificate authority."""
from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from .cli_common import DataDir, Json, err, escape, out, with_db

keys = typer.Typer(no_args_is_help=True, help="Keys that sign posts and files, and the certificate authority.")
Name = Annotated[str, typer.Argument(help="Account here.")]
AT_ONCE = 100


@keys.command("list")
def listing(name: Name, as_json: Json = False, data_dir: DataDir = None) -> None:
    """List an account's keys, present and former, and the serials of its certificates."""
    from .services import rotation
    from .store import trust

    found = with_db(data_dir, lambda uow: trust.keys_of(uow.session, rotation.named(uow, name)))
    if as_json:
        print(json.dumps(found))
        return
    table = Table("use", "since", "state", Column("serial", no_wrap=True), "certificate ends")
    for row in found:
        table.add_row(row["use"], row["since"], row["state"], row["serial"] or "", row["until"] or "")
    out.print(table)


@keys.command("rotate")
def rotate(name: Name,
           c2pa: Annotated[bool, typer.Option("--c2pa", help="Only the key and certificate that sign files.")] = False,
           proof: Annotated[bool, typer.Option("--proof", help="Only the key that signs posts and other documents.")] = False,
           worthless: Annotated[bool, typer.Option("--revoke-proof", help="Others may have the former proof key: nothing that it "
                                                   "signed counts any more, and posts are signed anew.")] = False,
           data_dir: DataDir = None) -> None:
    """Give an account new keys; what the former ones signed keeps verifying."""
    from .services import rotation

    both = not c2pa and not proof and not worthless

    def replace(uow: Any) -> str:
        actor = rotation.named(uow, name)
        if proof or worthless or both:
            rotation.replace_proof_key(uow, actor, worthless=worthless)
        return rotation.replace_leaf(uow, actor) if (c2pa or both) and actor.type != "Application" else ""

    serial = with_db(data_dir, replace)
    err.print(f"@{escape(name)} has new keys." + (f" The certificate's serial is {serial}." if serial else ""))


@keys.command("revoke")
def revoke(target: Annotated[str, typer.Argument(metavar="SERIAL|NAME", help="A certificate's serial, or an account: then all "
                                                 "that it has had.")],
           reason: Annotated[str, typer.Option(help="Why; published with the serial, such as keyCompromise.")],
           data_dir: DataDir = None) -> None:
    """Revoke certificates: every file that they signed is shown as revoked, here and by servers that ask for our list."""
    from .services import rotation

    for serial in with_db(data_dir, lambda uow: rotation.revoke(uow, target, reason)):
        print(serial)


@keys.command("rotate-ca")
def rotate_ca(data_dir: DataDir = None) -> None:
    """Make a new certificate authority, and give every account a certificate of it. Former ones keep being published."""
    from .services import instance, rotation

    moment = with_db(data_dir, lambda uow: (instance.replace_authority(uow), uow.now)[1])

    def some(uow: Any) -> int:
        found = rotation.ageing(uow, before=moment, limit=AT_ONCE)
        for actor in found:
            rotation.replace_leaf(uow, actor)
        return len(found)

    count = 0
    while done := with_db(data_dir, some):
        count += done
    err.print(f"There is a new certificate authority, and {count} accounts have new certificates.")
