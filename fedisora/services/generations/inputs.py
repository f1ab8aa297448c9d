"""What a video may start from: a picture or video of one's own, or of a post that one may remix."""
from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from ...errors import Conflict, Invalid, NotFound
from ...models import Actor, Generation, Media
from ...store import lineage
from ...store.media import held
from .. import remixes

KINDS = {"image": "image", "video": "video"}
"""Kind of the file → task of the model."""


@dataclass(frozen=True)
class Input:
    """A file to start from. `remix_of_id` is the post it belongs to, when that is somebody else's."""

    media: Media
    task: str
    remix_of_id: int | None = None


def shows_somebody(session: Session, media: Media) -> bool:
    """Whether a file was made with somebody's likeness, for one post of one account: nothing else is made from it, by its author
    neither, published or not."""
    made = session.get(Generation, media.generation_id) if media.generation_id is not None else None
    if made is not None and made.consent_request_id is not None:
        return True
    return media.status_id is not None and any(
        row.kind == lineage.CAMEO for row in lineage.parents_of(session, [media.status_id]).get(media.status_id, []))


def find(session: Session, actor: Actor, media_id: int, *, elsewhere: bool = False) -> Input:
    """A file that an account may start from.

    Args:
        elsewhere: it may lie on another server, to be fetched later.

    A consent is for finished bytes (see `services.remixes`): a post whose author wants to be asked may be used here, and the
    finished remix waits for the answer.

    Raises:
        NotFound: not there, or not for this account.
        Forbidden: the author of the post does not want it to be remixed.
        Conflict: it is not processed yet.
        Invalid: it is neither picture nor video, broken, lies on another server, or shows somebody by their consent.
    """
    media = session.get(Media, media_id)
    if media is None or (media.actor_id != actor.id and media.status_id is None) or held(session, media):
        raise NotFound("The picture or video to start from is not there any more.", code="no-input")
    if shows_somebody(session, media):
        raise Invalid("This video shows somebody who agreed to one video, and to nothing that is made from it. Ask them again.",
                      code="cameo-input")
    remix_of_id = None
    if media.actor_id != actor.id and media.status_id is not None:
        remix_of_id = remixes.remixable(session, actor, media.status_id).id
    if media.state == "remote" and elsewhere and media.kind in KINDS:
        return Input(media, KINDS[media.kind], remix_of_id)
    if media.state == "remote":
        raise Invalid("This file lies on another server. Save it, upload it here and start from your upload; name the post as "
                      "what it is a remix of.", code="remote-input")
    if media.state in ("received", "processing"):
        raise Conflict("Your upload is still being processed. Try again in a moment.", code="input-not-ready", retry_after=5)
    if media.state == "failed" or not media.storage_key:
        raise Invalid(media.error or "This file could not be processed. Upload another one.", code="input-broken")
    if media.kind not in KINDS:
        raise Invalid("A video can start from a picture or a video.", code="input-kind")
    return Input(media, KINDS[media.kind], remix_of_id)
