"""What stands beside the files of local posts in their records: parents, stamps of consent, claims of extensions, captions."""
from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import Actor, Caption, ClaimRow, ConsentRequest, Lineage, Media
from ..provenance.secrecy import mentions
from . import actors
from .captions import of_files
from .lineage import CAMEO, holds


@dataclass(frozen=True)
class Shown:
    """Somebody whom a post shows with a consent that holds; `character`: not them but a character that they invented."""

    owner: Actor
    character: bool


@dataclass(frozen=True)
class Beside:
    """What the object of a post says about a file beyond the file's own row.

    Attributes:
        based_on: ids of the posts it was made from, whatever became of the consent.
        remix_authorizations, likeness_authorizations: ids of stamps that hold.
        claims: as they came, in order.
        captions: by language. Not part of the record, but said of the file in the same place.
        shown: whom it shows. Not part of the record: the stamps are.
    """

    based_on: tuple[str, ...] = ()
    remix_authorizations: tuple[str, ...] = ()
    likeness_authorizations: tuple[str, ...] = ()
    claims: tuple[dict[str, Any], ...] = ()
    captions: tuple[Caption, ...] = ()
    shown: tuple[Shown, ...] = ()


NOTHING = Beside()


def beside(session: Session, files: Iterable[Media]) -> dict[int, Beside]:
    """By media id, for those of which there is something to say. Three queries (five when somebody is shown), however many
    files."""
    posts = {media.id: media.status_id for media in files if media.kind in ("video", "image") and media.status_id is not None}
    if not posts:
        return {}
    lineage: dict[int, list[Lineage]] = defaultdict(list)
    for row in session.scalars(select(Lineage).where(Lineage.child_id.in_(set(posts.values()))).order_by(Lineage.id)):
        lineage[row.child_id].append(row)
    claims: dict[int, dict[bytes, dict[str, Any]]] = defaultdict(dict)
    for media_id, body in session.execute(select(ClaimRow.media_id, ClaimRow.body).where(
            ClaimRow.media_id.in_(posts)).order_by(ClaimRow.media_id, ClaimRow.position, ClaimRow.id)):
        claims[media_id].setdefault(body, json.loads(body))  # one in the file and in the object is one
    captions, people = of_files(session, posts), shown(session, lineage)
    return {media_id: _of(lineage[post], people.get(post, ()), list(claims[media_id].values()), captions.get(media_id, []))
            for media_id, post in posts.items() if post in lineage or media_id in claims or media_id in captions}


def shown(session: Session, lineage: Mapping[int, Sequence[Lineage]]) -> dict[int, tuple[Shown, ...]]:
    """Whom local posts show with a consent that holds, by the row id of the post.

    Args:
        lineage: what the posts were made from (`lineage.parents_of`).
    """
    cameos = {post: kept for post, rows in lineage.items() if (kept := [row for row in rows if row.kind == CAMEO and holds(row)])}
    if not cameos:
        return {}
    owners = actors.by_uris(session, [row.parent_uri for rows in cameos.values() for row in rows])
    invented = {(post, uri) for post, uri in session.execute(select(ConsentRequest.status_id, ConsentRequest.target_uri).where(
        ConsentRequest.status_id.in_(cameos), ConsentRequest.character_uri.is_not(None)))}
    return {post: tuple(Shown(owners[row.parent_uri], (post, row.parent_uri) in invented) for row in rows
                        if row.parent_uri in owners) for post, rows in cameos.items()}


def _of(rows: list[Lineage], people: tuple[Shown, ...], claims: list[dict[str, Any]], captions: list[Caption]) -> Beside:
    def stamps(kind: str) -> tuple[str, ...]:
        return tuple(row.stamp_uri for row in rows if row.kind == kind and row.stamp_uri and holds(row))

    return Beside(tuple(row.parent_uri for row in rows if row.kind == "remix"), stamps("remix"), stamps("cameo"), tuple(claims),
                  tuple(captions), people)


def forget(session: Session, media_id: int, secret: str) -> None:
    """Let go of a file's claims that would tell a prompt which its author keeps private."""
    for row in session.scalars(select(ClaimRow).where(ClaimRow.media_id == media_id)):
        if mentions(json.loads(row.body), secret):
            session.delete(row)
