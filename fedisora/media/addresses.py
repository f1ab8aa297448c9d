"""The verdict on an address: a post, here or elsewhere, or a file. Nothing that is fetched for it is kept."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from ..activitypub import parse
from ..activitypub.ownership import check_attribution
from ..activitypub.vocabulary import OBJECT_TYPES
from ..errors import FedisoraError, Forbidden, Invalid, RemoteUnavailable, TooLarge
from ..models import Media
from ..provenance.verdict import ObjectFacts, origin
from ..serializers.activitypub.note import MediaData, NoteData, from_activitypub
from ..store import labels
from .scratch import scratch

if TYPE_CHECKING:
    from ..app import House

DEADLINE: Final = 120.0


async def check(house: House, url: str, most: int, viewer_id: int | None = None, *, everything: bool = False) -> dict[str, Any]:
    """The verdict on what a URL names: a post (its first video or picture) or a file of at most `most` bytes.

    Args:
        viewer_id, everything: whose posts may be looked at, see `Verifier.check_url`.

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
        raise Invalid(error.text if isinstance(error, Forbidden) or error.status == 400
                      else "There is nothing at this address that could be checked.") from None


async def _check(house: House, url: str, most: int, viewer_id: int | None, everything: bool) -> dict[str, Any]:
    house.client.check_url(url)
    if house.uris.is_local(url):
        return await house.verifier.check_url(url, viewer_id, everything=everything)
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
        return await house.verifier.check_file(_with_bytes(folder), recognise=True)


def _with_bytes(folder: Any) -> Any:
    path = folder / "file"
    if not path.stat().st_size:
        raise Invalid("The file at this address is empty.")
    return path


async def _document(house: House, url: str) -> dict[str, Any] | None:
    """The ActivityPub object that an address leads to; None when it is something else."""
    try:
        return await house.fetcher.document(url)
    except FedisoraError:
        return None  # then it is a file, or asking for that says what is wrong


async def _check_post(house: House, document: dict[str, Any], most: int) -> dict[str, Any]:
    note = from_activitypub(document)
    check_attribution(note.attributed_to, document)
    item = next((item for item in note.media if item.kind in labels.CHECKED_KINDS), None)
    if item is None:
        raise Invalid("This post has no video or image to check.")
    noun = "image" if item.kind == "image" else "video"
    async with scratch("verify") as folder:
        await house.client.download(item.url, folder / "file", max_bytes=most, deadline=DEADLINE)
        path = _with_bytes(folder)
        if item.record is None and item.digest is None:
            return await house.verifier.check_file(path, recognise=True)
        facts = await _facts(house, note, item)
        return await house.verifier.check_claimed(path, facts, origin(note.uri) or "", noun)


async def _facts(house: House, note: NoteData, item: MediaData) -> ObjectFacts:
    """What the post says, with its author's handle as the author's own server spells it."""
    handle = None
    actor = await _document(house, note.attributed_to)
    name = (actor or {}).get("preferredUsername")
    if isinstance(name, str) and parse.id_of(actor) == note.attributed_to:
        handle = f"@{name}@{parse.host_of(note.attributed_to)}"
    return ObjectFacts(object_id=note.uri, actor=note.attributed_to, digest_multibase=item.digest,
                       digital_source_type=labels.stated(item), handle=handle)
