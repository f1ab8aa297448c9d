"""What the command line does on this machine without a running server: generate, verify, examine."""
from __future__ import annotations

import asyncio
import secrets
import shutil
from pathlib import Path

from sqlalchemy.orm import Session

from . import model_check, verification_check
from .app import House, build_house
from .errors import FedisoraError, Invalid, NotFound, Transient
from .media import addresses
from .media.scratch import scratch
from .models import Actor
from .provenance import certificates
from .services import accounts, instance, migration, relays
from .settings import Settings
from .store import actors
from .store import relays as relay_rows

LARGEST_DOWNLOAD = 300 << 20
NOBODY = "http://fedisora.invalid"
"""Origin of the passing instance that checks a file where none is: whatever the file claims is somebody else's."""


def own_actor(session: Session, name: str) -> Actor:
    """The local account of a name.

    Raises:
        NotFound: with the command that makes it.
    """
    actor = actors.by_handle(session, name.lstrip("@"))
    if actor is None or actor.type == "Application":
        raise NotFound(f"There is no account @{name}. Create it with `fedisora user create {name}`.")
    return actor


async def _other(house: House, text: str) -> Actor:
    """The account that a handle or address names, as its server answers now."""
    found, _ = await house.resolver.find(text)
    if found is None:
        raise Invalid(f"{text} is not an account. Give its handle (@name@server) or its address.")
    return await house.resolver.fresh(found.uri)


async def alias_here(settings: Settings, name: str, other: str) -> str:
    """Add an alias to an account here; the other one's id.

    Raises:
        NotFound: one of the two is not there.
        Invalid: it cannot be an alias.
    """
    house = build_house(settings)
    await house.open()
    try:
        target = await _other(house, other)
        await house.db.write(lambda uow: migration.add_alias(uow, own_actor(uow.session, name), target.uri))
        return target.uri
    finally:
        await house.close()


async def move_here(settings: Settings, name: str, other: str) -> str:
    """Move an account of this instance to another one; its id.

    Raises:
        NotFound: one of the two is not there.
        Invalid: the other one does not name this one as an alias.
    """
    house = build_house(settings)
    await house.open()
    try:
        target = await _other(house, other)
        await house.db.write(lambda uow: migration.move(
            uow, own_actor(uow.session, name), actors.get(uow.session, target.id)))
        return target.uri
    finally:
        await house.close()


async def join_relay(settings: Settings, url: str, style: str) -> None:
    """Ask a relay to take this instance in; the running server sends what this queues.

    Raises:
        Invalid: no such style, not an address, or asked already.
        RemoteUnavailable, Malformed, NotFound: the relay's actor cannot be had.
    """
    if style not in relay_rows.STYLES:
        raise Invalid(f"The style of a relay is one of {', '.join(relay_rows.STYLES)}.")
    house = build_house(settings)
    await house.open()
    try:
        if style == relay_rows.MASTODON:
            await house.db.write(lambda uow: relays.add(uow, url))
            return
        target = await house.resolver.actor(url)
        await house.db.write(lambda uow: relays.add_actor(uow, actors.get(uow.session, target.id)))
    finally:
        await house.close()


async def verify_here(settings: Settings, target: str) -> dict[str, object]:
    """The verdict on a file or URL. Without an instance in the data folder none is made: a passing one does it.

    Raises:
        Invalid: the file cannot be read, or there is nothing to check at the address.
    """
    path = None if target.startswith(("http://", "https://")) else await asyncio.to_thread(_readable, target)
    async with scratch("verify") as folder:
        if not has_instance(settings):
            settings = settings.model_copy(update={"data_dir": folder / "data", "base_url": NOBODY})
        house = build_house(settings)
        await house.open()
        try:
            return await (house.verifier.check_file(path, recognise=True) if path is not None
                          else addresses.check(house, target, LARGEST_DOWNLOAD, everything=True))
        finally:
            await house.close()


def has_instance(settings: Settings) -> bool:
    """Whether these settings lead to an instance that was started before."""
    return bool(settings.database_url) or (settings.data_dir / "fedisora.sqlite3").exists()


def _readable(target: str) -> Path:
    path = Path(target)
    try:
        if not path.is_file():
            what = "a folder" if path.is_dir() else "not a file"
            raise Invalid(f"{target} is {what}. Give the path of a file, or an address that begins with https://.")
        with path.open("rb") as file:
            if not file.read(1):
                raise Invalid(f"{target} is empty. Was it saved or downloaded to the end?")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "this is not a path"
        raise Invalid(f"{target} cannot be read: {why}.", cause=error) from error
    return path


async def _extensions() -> tuple[bool, str, str]:
    """Whether every installed vocabulary can be loaded."""
    from .media.extension_host import ExtensionHost

    try:
        answer = await ExtensionHost().describe()
    except Transient as error:
        return False, "extensions", f"{error}. Install Fedisora again."
    if answer.faults:
        return False, "extensions", "; ".join(f"{fault.extension}: {fault.message}" for fault in answer.faults) + (
            " Uninstall what is broken, or install another version.")
    return True, "extensions", ", ".join(f"{item['name']} {item['version']}" for item in answer.results) or "none"


async def examine(settings: Settings) -> list[tuple[bool, str, str]]:
    """(ok, what, finding with its remedy) for everything an instance needs."""
    findings: list[tuple[bool, str, str]] = []
    try:
        house = build_house(settings)
    except FedisoraError as error:
        return [(False, "configuration", error.text)]
    findings.append((True, "database", f"{house.db.engine.dialect.name}, up to date"))
    findings.append((True, "safety gates", ", ".join(house.gates.names) or "none"))
    findings.append((True, "address", f"{settings.base_url}" + ("" if settings.https or "localhost" in settings.host
                     else " (plain http: other servers will not talk to it; put it behind https)")))
    free = shutil.disk_usage(settings.data_dir).free
    findings.append((free > 1 << 30, "disk", f"{free / 2**30:.1f} GiB free in {settings.data_dir}"
                     + ("" if free > 1 << 30 else "; make room: videos need it")))
    try:
        from .media.process import run_media

        answer = await run_media("selftest", {"token": secrets.token_hex(4)}, timeout=60)
        findings.append((True, "media tools", f"PyAV {answer.get('av')}, c2pa {answer.get('c2pa')}"))
    except FedisoraError as error:
        findings.append((False, "media tools", f"{error}. Install Fedisora again."))
    findings.append(await _extensions())
    findings += house.db.read_now(lambda session: model_check.findings(session, settings))
    findings += await verification_check.findings(house)
    if settings.redis_url:
        try:
            import importlib

            pool = await importlib.import_module("fedisora.workers.doorbell").connect(settings.redis_url)
            await pool.aclose()
            findings.append((True, "redis", settings.redis_url))
        except (OSError, TimeoutError) as error:
            findings.append((False, "redis", f"{error}. Start it, or unset FEDISORA_REDIS_URL."))
    ends = house.db.read_now(instance.authority_ends)
    lasting = ends - house.db.clock() >= certificates.LEAF_LIFE
    findings.append((lasting, "certificates", f"signed until {ends:%Y}" + (
        "" if lasting else ": less than ten years left for new files. Make a new authority: fedisora keys rotate-ca")))
    findings.append((accounts.hash_password("probe").startswith("$argon2id$"), "passwords", "argon2id"))
    house.db.close()
    return findings
