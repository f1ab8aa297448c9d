"""Claims of files, the descriptions of the installed extensions, and their faults."""
from __future__ import annotations

import datetime as dt
import functools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import ColumnElement, and_, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ..db import UnitOfWork
from ..ids import id_floor
from ..models import ClaimRow, ExtensionFault, InstanceFact, Media
from ..provenance import claims
from ..provenance.extension import Extension
from ..provenance.registry import Registry, described, major, row
from . import jobs

INSTALLED = "extensions"
"""Fact: the descriptions of the installed extensions, as JSON by name."""
CONTEXT = "ns:"
"""Facts `ns:NAME/vN`: the newest description of each major version that was ever installed here; its context is served on."""
LARGEST_CONTEXT = 16 << 10
OVERLAP = dt.timedelta(minutes=1)
KEEP_FAULTS = dt.timedelta(days=90)


# ---- what is installed
@functools.lru_cache(maxsize=4)
def _registry(value: str) -> Registry:
    return Registry(described(node) for node in orjson.loads(value).values())


def registry(session: Session) -> Registry:
    """The installed extensions by their descriptions: their code runs elsewhere."""
    fact = session.get(InstanceFact, INSTALLED)
    return _registry(fact.value if fact is not None else "{}")


def looked(session: Session) -> bool:
    """Whether anybody has looked what is installed."""
    return session.get(InstanceFact, INSTALLED) is not None


def _described(session: Session) -> dict[str, dict[str, Any]]:
    fact = session.get(InstanceFact, INSTALLED)
    found: dict[str, dict[str, Any]] = orjson.loads(fact.value if fact is not None else "{}")
    return found


def descriptions(session: Session, names: Iterable[str]) -> list[dict[str, Any]]:
    """What is known of some extensions that are, or were until now, installed."""
    known = _described(session)
    return [known[name] for name in names if name in known]


def with_hook(session: Session, hook: str) -> list[str]:
    """Names of the installed extensions that have a hook."""
    return [name for name, node in _described(session).items() if hook in node["hooks"]]


def keep_installed(uow: UnitOfWork, descriptions: Sequence[Mapping[str, Any]]) -> bool:
    """Remember what is installed; whether a name or version is another than before."""
    value = orjson.dumps({node["name"]: node for node in sorted(descriptions, key=lambda node: str(node["name"]))}).decode()
    before = {(item.name, item.version) for item in registry(uow.session).extensions}
    first = uow.session.get(InstanceFact, INSTALLED) is None
    _keep_fact(uow, INSTALLED, value)
    for node in descriptions:
        _keep_fact(uow, f"{CONTEXT}{node['name']}/v{major(node['version'])}", orjson.dumps(node).decode())
    uow.session.flush()
    return before != {(node["name"], node["version"]) for node in descriptions} and not (first and not descriptions)


def _keep_fact(uow: UnitOfWork, name: str, value: str) -> None:
    fact = uow.session.get(InstanceFact, name)
    if fact is None:  # two workers of a new instance look at the same time
        insert = postgresql.insert if uow.session.get_bind().dialect.name == "postgresql" else sqlite.insert
        uow.session.execute(insert(InstanceFact).values(name=name, value=value).on_conflict_do_nothing())
    elif fact.value != value:
        fact.value = value


def vocabulary(session: Session, name: str, version: int) -> Extension | None:
    """The vocabulary of an address `/ns/NAME/vN`, also when a newer version, or none, is installed now."""
    fact = session.get(InstanceFact, f"{CONTEXT}{name}/v{version}")
    return described(orjson.loads(fact.value)) if fact is not None else None


def vocabularies(session: Session) -> list[tuple[str, int]]:
    """(name, major version) of every vocabulary that is served."""
    names = session.scalars(select(InstanceFact.name).where(InstanceFact.name.startswith(CONTEXT)).order_by(InstanceFact.name))
    return [(name, int(version)) for name, _, version in (item.removeprefix(CONTEXT).partition("/v") for item in names)]


# ---- rows
def _line(text: str) -> str:
    """A text that every database keeps, of a length that one can index."""
    return text.replace("\0", "")[:500]


def add(uow: UnitOfWork, media: Media, nodes: Sequence[Any], *, context: object = None, source: str = "object",
        judged: Mapping[bytes, Mapping[str, Any]] | None = None, after: int = 0) -> int:
    """Keep the claims of a file and have them judged; how many were kept.

    Args:
        nodes: as received. Those over the limits (`provenance.claims`) are left in their document alone.
        context: the document's `@context`.
        source: `object` (the federated record) or `file` (the manifest).
        judged: what is known already, {body: {"status": valid | invalid, "problems"}}; nobody is asked about those.
        after: how many claims of the file come before these.
    """
    known, rows = registry(uow.session), []
    around = orjson.dumps(context) if context is not None else None
    if around is not None and len(around) > LARGEST_CONTEXT:
        around = None
    for position, (node, body) in enumerate(claims.kept(nodes), after):
        named = known.name(node, context)
        shown = row(named)
        rows.append(ClaimRow(
            id=uow.new_id(), media_id=media.id, position=position, source=source, type=_line(named.iri),
            namespace=_line(named.namespace), body=body, context=around,
            extension=named.extension.name if named.extension else None, label=_line(shown["label"]),
            checked_at=None if named.extension else uow.now))
        found = (judged or {}).get(body)
        if found is not None and named.extension is not None:
            rows[-1].extension_version, rows[-1].checked_at = named.extension.version, uow.now
            rows[-1].status, rows[-1].problems = found["status"], list(found["problems"])
    if rows:
        uow.session.flush()
        uow.session.add_all(rows)
        if any(item.extension and item.extension_version is None for item in rows):
            ask(uow)
    return len(rows)


def ask(uow: UnitOfWork) -> None:
    """Have the claims that were just kept judged by their extensions; one job does it for all of a moment."""
    jobs.enqueue(uow, "revalidate_claims", {"after": id_floor(uow.now - OVERLAP)}, key="new")


def replace(uow: UnitOfWork, media: Media, nodes: Sequence[Any], document: bytes | None, *, source: str = "object",
            fresh: bool = False) -> None:
    """Keep the claims that a remote file has now, unless they are kept already.

    Args:
        document: JSON of the post they stand in, for its `@context`; None for those of a manifest.
        fresh: the file is new: there is nothing to compare with.
    """
    if fresh and not nodes:
        return
    wanted = [body for _, body in claims.kept(nodes)]
    have = [] if fresh else list(uow.session.scalars(
        select(ClaimRow.body).where(ClaimRow.media_id == media.id, ClaimRow.source == source).order_by(ClaimRow.position)))
    if wanted != have:
        if have:
            uow.session.execute(delete(ClaimRow).where(ClaimRow.media_id == media.id, ClaimRow.source == source))
        add(uow, media, nodes, context=orjson.loads(document).get("@context") if document else None, source=source)


def replace_all(uow: UnitOfWork, files: Sequence[Media], items: Sequence[Any], document: bytes | None) -> None:
    """The claims of an edited post's files that stay; `items`: the files as the post has them now (`MediaData`)."""
    now = {item.url: item.claims for item in items}
    for media in files:
        if media.remote_url in now:
            replace(uow, media, now[media.remote_url], document)


def of_media(session: Session, ids: Iterable[int]) -> dict[int, list[ClaimRow]]:
    """Claims of some files in order, those of the object first; one that stands in both places comes once."""
    wanted = list(set(ids))
    found: dict[int, list[ClaimRow]] = defaultdict(list)
    if wanted:
        rows = session.scalars(select(ClaimRow).where(ClaimRow.media_id.in_(wanted))
                               .order_by(ClaimRow.media_id, ClaimRow.source.desc(), ClaimRow.position, ClaimRow.id))
        seen = set()
        for item in rows:
            same = (item.media_id, orjson.dumps(orjson.loads(item.body), option=orjson.OPT_SORT_KEYS))  # C2PA sorts members
            if same not in seen:
                seen.add(same)
                found[item.media_id].append(item)
    return found


def nodes_of(session: Session, media_id: int) -> list[dict[str, Any]]:
    """The claims that a file's record carries, as they came."""
    rows = session.scalars(select(ClaimRow.body).where(ClaimRow.media_id == media_id, ClaimRow.source == "object")
                           .order_by(ClaimRow.position, ClaimRow.id))
    return [orjson.loads(body) for body in rows]


# ---- judging
def unjudged(known: Registry) -> ColumnElement[bool]:
    """Rows that the installed versions have not judged."""
    stale: list[ColumnElement[bool]] = [and_(ClaimRow.extension.is_not(None),
                                             ClaimRow.extension.not_in([item.name for item in known.extensions]))]
    for item in known.extensions:
        mine = ClaimRow.type.startswith(item.namespace, autoescape=True)
        stale.append(and_(mine, or_(ClaimRow.extension.is_(None), ClaimRow.extension != item.name,
                                    ClaimRow.extension_version.is_(None), ClaimRow.extension_version != item.version)))
    return or_(*stale)


def slice_of(session: Session, known: Registry, after: int, limit: int, *, failed: bool = False) -> list[ClaimRow]:
    """The next rows to judge, by id. `failed`: those too on which the installed version has failed."""
    due = unjudged(known)
    if failed:
        due = or_(due, and_(ClaimRow.extension.is_not(None), ClaimRow.status == "unknown"))
    return list(session.scalars(select(ClaimRow).where(ClaimRow.id > after, due).order_by(ClaimRow.id).limit(limit)))


def keep_judged(uow: UnitOfWork, known: Registry, judged: Mapping[int, Mapping[str, Any]]) -> None:
    """Write what was found: {row id: {"status", "problems"}}, status as `ExtensionHost.judge` answers it."""
    for item in uow.session.scalars(select(ClaimRow).where(ClaimRow.id.in_(list(judged)))):
        node = orjson.loads(item.body)
        named = known.name(node, orjson.loads(item.context) if item.context is not None else None)
        found = judged[item.id]
        extension = named.extension
        shown = row(named, failed=found["status"] not in ("valid", "invalid"))
        item.type, item.namespace, item.label = _line(named.iri), _line(named.namespace), _line(shown["label"])
        item.extension = extension.name if extension else None
        item.extension_version = extension.version if extension else None
        item.status = found["status"] if extension and found["status"] in ("valid", "invalid") else "unknown"
        item.problems = list(found["problems"]) if item.status == "invalid" else shown["problems"]
        item.checked_at = uow.now
        uow.ring(f"media:{item.media_id}")


# ---- faults
def note_faults(uow: UnitOfWork, faults: Iterable[Any]) -> None:
    """Count what extensions did wrong (`media.extension_host.Fault`)."""
    for fault in faults:
        known = uow.session.get(ExtensionFault, (fault.extension[:64], fault.kind))
        if known is None:
            uow.session.add(ExtensionFault(extension=fault.extension[:64], kind=fault.kind, message=fault.message,
                                           first_at=uow.now, last_at=uow.now))
            uow.session.flush()
        else:
            known.count, known.message, known.last_at = known.count + 1, fault.message, uow.now


def forget_faults(uow: UnitOfWork) -> None:
    """Drop faults that have not happened again for `KEEP_FAULTS`."""
    uow.session.execute(delete(ExtensionFault).where(ExtensionFault.last_at < uow.now - KEEP_FAULTS))


def faults(session: Session) -> list[ExtensionFault]:
    """Faults of the last months, the latest first."""
    return list(session.scalars(select(ExtensionFault).order_by(ExtensionFault.last_at.desc())))


@dataclass
class Summary:
    """What an administrator sees of one extension. `version` None: not installed (any more)."""

    name: str
    namespace: str = ""
    version: str | None = None
    about: str = ""
    hooks: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


def overview(session: Session) -> tuple[list[Summary], list[tuple[str, int]]]:
    """(extensions with their claims by status, (namespace, claims) of the most frequent unknown vocabularies)."""
    found = {name: Summary(name, node["namespace"], node["version"], node["about"], node["hooks"])
             for name, node in _described(session).items()}
    counted = session.execute(select(ClaimRow.extension, ClaimRow.status, func.count()).where(ClaimRow.extension.is_not(None))
                              .group_by(ClaimRow.extension, ClaimRow.status))
    for name, status, count in counted:
        found.setdefault(str(name), Summary(str(name))).counts[status] = count
    unknown = session.execute(select(ClaimRow.namespace, func.count()).where(ClaimRow.extension.is_(None))
                              .group_by(ClaimRow.namespace).order_by(func.count().desc()).limit(20))
    return [found[name] for name in sorted(found)], [(str(name), int(count)) for name, count in unknown]
