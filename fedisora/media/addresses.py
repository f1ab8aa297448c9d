"""The verdict on an address: a post, here or elsewhere, or a file. Nothing that is fetched for it is kept."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..activitypub import parse
from ..activitypub.ownership import check_attribution
from ..activitypub.vocabulary import OBJECT_TYPES
from ..db import Database
from ..errors import FedisoraError, Forbidden, Invalid, RemoteUnavailable, TooLarge
from ..models import Media, Status
from ..provenance.verdict import ObjectFacts, origin
from ..serializers.activitypub.note import MediaData, NoteData, from_activitypub, is_public
from ..store import labels, statuses
from ..uris import Uris
from .scratch import scratch
from .trust import Client, Fetcher
from .verifier import Verifier

DEADLINE: Final = 120.0
NOTHING: Final = "There is nothing at this address that could be checked."


class Guarded(Client, Protocol):
    """The egress client, asked first whether it would go somewhere at all."""

    def check_url(self, url: str) -> object: ...


class Tools(Protocol):
    """What a check needs of the house."""

    @property
    def db(self) -> Database: ...

    @property
    def client(self) -> Guarded: ...

    @property
    def fetcher(self) -> Fetcher: ...

    @property
    def verifier(self) -> Verifier: ...


async def check(house: Tools, url: str, most: int, viewer_id: int | None = None, *,
                everything: bool = False) -> dict[str, Any]:
    """The verdict on what a URL names: a post (its first video or picture) or a file of at most `most` bytes.

    Args:
        viewer_id: who asks: of posts here only those that this actor may see are checked; None is the public.
        everything: the operator asks, who may see every post.

    Raises:
        Invalid: nothing that could be checked is there, or it cannot be had (its text says why).
        TooLarge: the file is.
    """
    try:
        return await _check(house, url, most, viewer_id, everything)
    except (Invalid, TooLarge) as error:
        raise type(error)(error.text) from None
    except RemoteUnavailable:
        raise Invalid("This address does not answer. Check it, or try again later.") from None
    except FedisoraError as error:
        if error.status >= 500:
            raise
        # the cause names the address, which is the asker's business: it goes to no log
        raise Invalid(error.text if isinstance(error, Forbidden) or error.status == 400 else NOTHING) from None


async def _check(house: Tools, url: str, most: int, viewer_id: int | None, everything: bool) -> dict[str, Any]:
    house.client.check_url(url)
    uris = house.db.instance.uris
    if uris.is_local(url):
        media_id = await house.db.read(lambda session: _here(session, url, uris, viewer_id, everything))
        if media_id is None:
            raise Invalid(NOTHING)
        return await house.verifier.check_media(media_id)
    document = await _document(house, url)
    if document is not None:
        if parse.type_of(document) not in OBJECT_TYPES:
            raise Invalid("This is the address of an account or a list. Give that of a post or a file.")
        return await _check_post(house, document, most)
    known = await house.db.read(lambda session: session.scalar(select(Media.id).where(Media.remote_url == url).limit(1)))
    if known is not None:
        return await house.verifier.check_media(known)
    async with scratch("verify") as folder:
        await house.client.download(url, folder / "file", max_bytes=most, deadline=DEADLINE)
        return await house.verifier.check_file(_with_bytes(folder / "file"), recognise=True)


def _here(session: Session, url: str, uris: Uris, viewer_id: int | None, everything: bool) -> int | None:
    """The file that an address of this server names: of a post that the viewer may see, or the file itself, whose address
    nobody can guess."""
    prefix = uris.media("")
    if url.startswith(prefix):
        return session.scalar(select(Media.id).where(Media.storage_key == url.removeprefix(prefix).partition("?")[0]))
    named = uris.post_named(url)
    status = session.get(Status, named[1]) if named is not None else None
    if status is not None and status.reblog_of_id is not None:
        status = session.get(Status, status.reblog_of_id)
    if status is None or not (everything or statuses.visible(session, status, viewer_id)):
        return None
    return session.scalar(select(Media.id).where(Media.status_id == status.id, Media.kind.in_(labels.CHECKED_KINDS))
                          .order_by(Media.position).limit(1))


def _with_bytes(path: Path) -> Path:
    if not path.stat().st_size:
        raise Invalid("The file at this address is empty.")
    return path


async def _document(house: Tools, url: str) -> dict[str, Any] | None:
    """The ActivityPub object that an address leads to; None when it is something else."""
    try:
        return await house.fetcher.document(url)
    except FedisoraError:
        return None  # then it is a file, or asking for that says what is wrong


async def _check_post(house: Tools, document: dict[str, Any], most: int) -> dict[str, Any]:
    note = from_activitypub(document)
    check_attribution(note.attributed_to, document)
    if not is_public(note.audience):
        raise Invalid(NOTHING)  # this server may read it, the one who asks perhaps not
    item = next((item for item in note.media if item.kind in labels.CHECKED_KINDS), None)
    if item is None:
        raise Invalid("This post has no video or image to check.")
    noun = "image" if item.kind == "image" else "video"
    async with scratch("verify") as folder:
        await house.client.download(item.url, folder / "file", max_bytes=most, deadline=DEADLINE)
        path = _with_bytes(folder / "file")
        if item.record is None and item.digest is None:
            return await house.verifier.check_file(path, recognise=True)
        facts = await _facts(house, note, item)
        return await house.verifier.check_claimed(path, facts, origin(note.uri) or "", noun)


async def _facts(house: Tools, note: NoteData, item: MediaData) -> ObjectFacts:
    """What the post says, with its author's handle as the author's own server spells it."""
    handle = None
    actor = await _document(house, note.attributed_to)
    name = (actor or {}).get("preferredUsername")
    if isinstance(name, str) and parse.id_of(actor) == note.attributed_to:
        handle = f"@{name}@{parse.host_of(note.attributed_to)}"
    return ObjectFacts(object_id=note.uri, actor=note.attributed_to, digest_multibase=item.digest,
                       digital_source_type=labels.stated(item), handle=handle)
