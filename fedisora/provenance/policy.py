"""Who may remix a post and who may ask for a cameo: four presets over GoToSocial's interactionPolicy.

Source: vocabulary.md "Terms" (`canRemix`, `canCameo`); GoToSocial interaction policies.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .. import errors

PUBLIC: Final = "https://www.w3.org/ns/activitystreams#Public"
_PUBLIC_SPELLINGS: Final = (PUBLIC, "as:Public", "Public")
PRESETS: Final = ("nobody", "ask", "followers", "anyone")
DEFAULT: Final = "ask"
CUSTOM: Final = "custom"
"""A legal mixture that no preset names."""
RIGHTS: Final = ("canRemix", "canCameo")


def rule(preset: str, followers: str, *, right: str = "canRemix") -> dict[str, list[str]]:
    """One right's `{"automaticApproval": [...], "manualApproval": [...]}`.

    Args:
        preset: one of `PRESETS`.
        followers: id of the owner's followers collection.
        right: `canRemix` or `canCameo`; a face is never given to anyone unasked.

    Raises:
        Invalid: an unknown preset, or `anyone` for `canCameo`.
    """
    if preset not in PRESETS or right not in RIGHTS:
        raise errors.Invalid(f"Choose one of: {', '.join(PRESETS)}.")
    if preset == "anyone" and right == "canCameo":
        raise errors.Invalid("Your likeness cannot be open to anyone: choose nobody, ask or followers.")
    automatic = {"followers": [followers], "anyone": [PUBLIC]}.get(preset, [])
    return {"automaticApproval": automatic, "manualApproval": [PUBLIC] if preset == "ask" else []}


def interaction_policy(can_remix: str, followers: str) -> dict[str, Any]:
    """A post's `interactionPolicy` with our right in it. Raises Invalid as `rule` does."""
    return {"canRemix": rule(can_remix, followers)}


def _members(value: object) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [PUBLIC if item in _PUBLIC_SPELLINGS else item for item in items if isinstance(item, str)]


def preset_of(policy: object, followers: str, *, right: str = "canRemix") -> str:
    """The preset that a received `interactionPolicy` amounts to, `custom` for any other mixture.

    A missing policy or right means `ask`; so does `anyone` for `canCameo`, which nobody may give.
    """
    entry = policy.get(right) if isinstance(policy, Mapping) else None
    if not isinstance(entry, Mapping):
        return DEFAULT
    automatic, manual = _members(entry.get("automaticApproval")), _members(entry.get("manualApproval"))
    if PUBLIC in automatic:
        return "anyone" if right == "canRemix" else DEFAULT
    if automatic == [followers] and not manual:
        return "followers"
    if not automatic and manual == [PUBLIC]:
        return "ask"
    return CUSTOM if automatic or manual else "nobody"


def decide(
    policy: object, who: str, *, owner: str, followers: str, is_follower: bool, right: str = "canRemix",
) -> str:
    """What the policy gives an actor: `yes` (without asking), `ask`, or `no`. The owner needs no consent."""
    if who == owner:
        return "yes"
    entry = policy.get(right) if isinstance(policy, Mapping) else None
    if not isinstance(entry, Mapping):
        return "ask"
    automatic, manual = _members(entry.get("automaticApproval")), _members(entry.get("manualApproval"))

    def among(members: list[str], *, public: bool) -> bool:
        return who in members or (public and PUBLIC in members) or (is_follower and followers in members)

    if among(automatic, public=right == "canRemix"):
        return "yes"
    return "ask" if among(manual, public=True) or PUBLIC in automatic else "no"
