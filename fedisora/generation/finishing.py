"""What happens with a rendered file: its digest, its poster, the gates' view of it, and its place in the storage."""
from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..activitypub.digest import digest_multibase
from ..db import Database
from ..ids import new_id
from ..media.claims import Made, from_generation
from ..media.digest import file_digest
from ..media.extension_host import ExtensionHost
from ..models import Media
from ..storage import Store
from ..storage.store import new_key
from . import screening
from .jobs import Claim
from .safety import Gates, Verdict


@dataclass(frozen=True)
class Finished:
    """A video that is stored, not yet anybody's: the row to be written, what extensions claim, what the gates say."""

    media: Media
    made: Made
    verdict: Verdict

    @property
    def keys(self) -> list[str]:
        """Its files in the storage."""
        return [key for key in (self.media.storage_key, self.media.poster_key) if key]


def asked(held: Claim) -> dict[str, Any]:
    """What extensions may know about a request: everything but the prompt, which its author may keep private."""
    return {"width": held.width, "height": held.height, "seconds": str(held.seconds), "fps": held.fps, "seed": str(held.seed),
            "backend": held.backend}


async def finish(db: Database, storage: Store, gates: Gates, extensions: ExtensionHost, held: Claim, result: dict[str, Any],
                 output: Path, poster: Path, source: Path | None) -> Finished:
    """Check and store a rendered file; everything at the same time.

    Args:
        result: what the backend reported, with "poster".
        source: local copy of what it was made from.

    Raises:
        FedisoraError: a check or the storage failed; what was stored of it is removed again.
    """
    row_id = new_id(db.clock())
    key, poster_key = new_key(row_id, ".mp4"), new_key(row_id, ".webp")
    digesting = asyncio.create_task(asyncio.to_thread(file_digest, output))
    claiming = asyncio.create_task(from_generation(db, asked(held), result, extensions))
    seen = dataclasses.replace(held.subject, inputs=(source,) if source is not None else ())
    checking = asyncio.create_task(screening.frames(db, gates, seen, output))
    storing = [asyncio.create_task(asyncio.to_thread(storage.put_file, name, path))
               for name, path in ((key, output), (poster_key, poster))]
    try:
        await asyncio.shield(asyncio.gather(digesting, claiming, checking, *storing))
    except BaseException:
        claiming.cancel()
        checking.cancel()
        # A thread cannot be cancelled: what it is still writing would be there after its removal.
        await asyncio.wait((digesting, *storing))
        await asyncio.to_thread(storage.delete, [key, poster_key])
        raise
    digest, size = digesting.result()
    generator = {**result["generator"], "parameters": result["parameters"], "seed": str(held.seed), "prompt": held.prompt}
    media = Media(
        id=row_id, actor_id=held.actor_id, kind="video", state="ready", mime="video/mp4", width=result["width"],
        height=result["height"], duration=float(result["seconds"]), size=size, blurhash=result["poster"].get("blurhash"),
        storage_key=key, poster_key=poster_key, digest=digest_multibase(digest), declared=False, label_source="made",
        digital_source_type=result["digital_source_type"], generator=generator, generation_id=held.id, watermark=held.mark,
        audio=bool(result.get("audio")), created_at=db.clock())
    return Finished(media, claiming.result(), checking.result())
