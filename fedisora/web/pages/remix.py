"""Remixes on pages: whether a post may be remixed, and a consent that was taken back."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ...models import Actor, Status
from ...provenance import policy
from ...store import consents, lineage

POLICIES = {"ask": "Who asks me", "nobody": "Nobody", "followers": "My followers", "anyone": "Anyone"}
"""Preset → what the form says."""
GONE = {"revoked": "The author of the original took back the consent to this remix. It is not shown any more.",
        "expired": "The consent to this remix has run out. It is not shown any more."}


@dataclass(frozen=True)
class RemixView:
    """What a page says about remixing a post.

    Attributes:
        open: whether somebody may make a remix of it, or ask.
        withdrawn: why it is not shown any more; "" when it is.
        request: id of the request on which it waits, 0 when on none.
        state, reason: of that request.
        policy: who may remix it, a preset or `custom`.
    """

    open: bool = False
    withdrawn: str = ""
    request: int = 0
    state: str = ""
    reason: str = ""
    policy: str = policy.DEFAULT


NO_REMIX = RemixView()


def of_posts(session: Session, rows: Sequence[tuple[Status, Actor]], viewer_id: int | None) -> dict[int, RemixView]:
    """By post."""
    ids = [row.id for row, _ in rows]
    parents = lineage.parents_of(session, ids)
    asked = consents.of_status(session, [row.id for row, _ in rows if row.local and not row.published])
    found = {}
    for row, actor in rows:
        preset = policy.preset_of(row.interaction_policy, actor.followers_uri or "")
        request = asked.get(row.id)
        taken = next((parent.consent for parent in parents.get(row.id, []) if parent.consent in GONE), "")
        found[row.id] = RemixView(
            open=row.published and not taken and (actor.id == viewer_id or (
                row.visibility in ("public", "unlisted") and preset != "nobody")),
            withdrawn=GONE.get(taken, ""), request=request.id if request is not None else 0,
            state=request.state if request is not None else "", reason=request.reason if request is not None else "",
            policy=preset)
    return found
