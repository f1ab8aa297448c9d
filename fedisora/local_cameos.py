"""`fedisora generate --with`: ask somebody for a video that shows them. They answer when they like; nothing waits for it here."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .errors import Invalid
from .generation import submission
from .local_generation import opened
from .local_run import own_actor
from .models import Generation
from .services.cameos.asking import plan
from .settings import Settings
from .web import cameos
from .web.api.generations import entity


@dataclass(frozen=True)
class Cameo:
    """What the command line asks for.

    Attributes:
        name: account that asks.
        who: handle of the person who is to be shown.
        use: what the video is for, in words for them.
        accepts: whoever asks keeps to what they forbid.
        publish: it is published once the draft is here and stamped.
    """

    name: str
    prompt: str
    who: str
    use: str
    accepts: bool
    shape: str = ""
    seconds: float | None = None
    seed: int | None = None
    publish: bool = False


async def ask_here(settings: Settings, cameo: Cameo) -> dict[str, Any]:
    """Ask, as the page *Create, With somebody* does; {"url": where it stands, "next": what happens next, "generation": entity}.

    Raises:
        Invalid: something is missing, the terms were not accepted, or a gate refused it.
        NotFound: there is no such account.
        Forbidden: the person lets this account not ask; the text says why.
        RemoteUnavailable: their server is silent.
    """
    wanted = plan(cameo.prompt, orientation=cameo.shape, seconds=cameo.seconds, seed=cameo.seed)
    async with opened(settings) as house:
        actor = await house.db.read(lambda session: own_actor(session, cameo.name))
        wish = await cameos.wish(house, actor, cameo.who, "", cameo.use, accepts=cameo.accepts)
        if not cameo.accepts:
            forbidden = f"They forbid: “{wish.forbidden}”." if wish.forbidden else "They forbid nothing in particular."
            raise Invalid(f"{forbidden} Say with --accept-terms that you keep to it.", code="terms")
        row_id = await submission.ask_cameo(house.db, house.storage, house.gates, actor.id, wish, wanted,
                                            publish={"text": wanted.prompt} if cameo.publish else None)
        found = await house.db.read(lambda session: entity(session, session.get_one(Generation, row_id), house))
        then = "published" if cameo.publish else "your draft, at the address below"
        return {"url": f"{house.uris.base}/create/jobs/{row_id}", "generation": found,
                "next": f"{cameo.who} is asked as soon as the server runs, and answers when they like. If they agree, it is made "
                        f"on their server. They see it first; once they let it go, it is {then}. Notifications tell you."}
