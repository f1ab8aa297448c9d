"""Remixes on pages: whether a post may be remixed, and a consent that was taken back."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ...models import Actor, Lineage, Status
from ...provenance import policy
from ...store import consents, lineage, records

POLICIES = {"ask": "Who asks me", "nobody": "Nobody", "followers": "My followers", "anyone": "Anyone"}
"""Preset → what the form says."""
GONE = {"revoked": "The author of the original took back the consent to this remix. It is not shown any more.",
        "expired": "The consent to this remix has run out. It is not shown any more."}
CAMEO = {"pending": "It shows a likeness. It is shown here once the server of its owner has said that they agree.",
         "missing": "It shows a likeness whose owner has not agreed, as far as this server knows. It is not shown.",
         "invalid": "It shows a likeness, and the consent that it names is not for this video. It is not shown.",
         "revoked": "The consent to the likeness in this video was taken back. It is not shown any more.",
         "expired": "The consent to the likeness in this video has run out. It is not shown any more.",
         "unreachable": "It shows a likeness whose owner's server does not answer. It is shown once they are known to agree."}
"""The same of a video that shows a likeness: a person's, or a character's."""


@dataclass(frozen=True)
class RemixView:
    """What a page says about remixing a post.

    Attributes:
        open: whether somebody may make a remix of it, or ask.
        withdrawn: why it is not shown any more; "" when it is.
        request: id of the request on which it waits, 0 when on none.
        state, reason: of that request; `unasked` when a post waits for somebody whom its file shows and who could not be asked
            (yet): a sentence says why.
        policy: who may remix it, a preset or `custom`.
        cameo: whether the request is for a likeness.
        shown: whom a local post shows with their consent; what others' posts say of that is in their words.
    """

    open: bool = False
    withdrawn: str = ""
    request: int = 0
    state: str = ""
    reason: str = ""
    policy: str = policy.DEFAULT
    cameo: bool = False
    shown: tuple[records.Shown, ...] = ()


NO_REMIX = RemixView()


def withdrawn(row: Lineage) -> str:
    """Why a post is not shown for the sake of a row that hides it."""
    return (CAMEO if row.kind == lineage.CAMEO else GONE).get(row.consent, GONE["revoked"])


def _unasked(row: Lineage) -> str:
    if row.consent == "missing":
        return row.reason
    return "Their server does not answer; it is tried again." if row.consent == "unreachable" else \
        "Their account is being looked up."


def of_posts(session: Session, rows: Sequence[tuple[Status, Actor]], viewer_id: int | None) -> dict[int, RemixView]:
    """By post."""
    ids = [row.id for row, _ in rows]
    parents = lineage.parents_of(session, ids)
    asked = consents.of_status(session, [row.id for row, _ in rows if row.local and not row.published])
    local = {row.id for row, _ in rows if row.local}
    people = records.shown(session, {post: of for post, of in parents.items() if post in local})
    found = {}
    for row, actor in rows:
        preset = policy.preset_of(row.interaction_policy, actor.followers_uri or "")
        request = asked.get(row.id)
        taken = next((withdrawn(parent) for parent in parents.get(row.id, []) if lineage.hides(parent)), "")
        unasked = next((
            parent for parent in parents.get(row.id, []) if parent.kind == lineage.CAMEO and lineage.hides(parent) and (
                request is None or (parent.consent == "missing" and parent.parent_uri != request.target_uri))), None)
        if unasked is not None and row.local and not row.published:
            found[row.id] = RemixView(state="unasked", reason=_unasked(unasked), policy=preset, cameo=True)
            continue
        found[row.id] = RemixView(
            open=row.published and not taken and (actor.id == viewer_id or (
                row.visibility in ("public", "unlisted") and preset != "nobody")),
            withdrawn=taken, request=request.id if request is not None else 0,
            state=request.state if request is not None else "", reason=request.reason if request is not None else "",
            policy=preset, cameo=request is not None and request.kind == "likeness",
            shown=people.get(row.id, ()))
    return found
