"""What our own pipeline did to a file, as C2PA actions: the edit history that its manifest and its page tell. Pure.

Source: C2PA 2.x §18.10 (actions v2).
"""
from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from .. import __version__
from .record import timestamp

MARK_SECONDS: Final = 2.0
"""How long a burnt-in mark is seen (California SB 942 and China's labelling measures ask for a visible one at the start)."""
WORDS: Final[dict[str, str]] = {
    "c2pa.transcoded": "Encoded again", "c2pa.converted": "Converted", "c2pa.resized": "Made smaller",
    "c2pa.orientation": "Turned upright", "c2pa.edited.metadata": "Metadata changed", "c2pa.addedText": "Marked visibly",
    "c2pa.watermarked.bound": "Given an invisible watermark", "c2pa.watermarked": "Given an invisible watermark",
    "c2pa.repackaged": "Put into another container, not encoded again", "c2pa.color_adjustments": "Colours adjusted",
    "c2pa.cropped": "Cropped", "c2pa.trimmed": "Trimmed", "c2pa.edited": "Edited"}
"""What pages say for an action."""


def action(name: str, when: dt.datetime, **parameters: Any) -> dict[str, Any]:
    """One action that Fedisora did."""
    found: dict[str, Any] = {"action": name, "when": timestamp(when),
                             "softwareAgent": {"name": "Fedisora", "version": __version__}}
    return found | ({"parameters": parameters} if parameters else {})


def encoding(found: Mapping[str, Any], made: Mapping[str, Any], when: dt.datetime) -> list[dict[str, Any]]:
    """What was done to an upload, in order.

    Args:
        found: what `media` op `probe` answered: {"mime", "width", "height"}.
        made: what op `transcode` or `image` answered, with "mime": {"mime", "width", "height", "turned", "repackaged"?, "hdr"?,
            "levelled"?: bool}.
    """
    actions = []
    size = (int(found["width"]), int(found["height"]))
    if made.get("turned"):
        actions.append(action("c2pa.orientation", when))
        size = size[::-1] if (size[0] > size[1]) != (made["width"] > made["height"]) else size
    if size[0] * size[1] > int(made["width"]) * int(made["height"]) + 2 * max(size):  # odd sides are made even: no resizing
        actions.append(action("c2pa.resized", when, **{"from": f"{size[0]}x{size[1]}",
                                                      "to": f"{made['width']}x{made['height']}"}))
    if made.get("hdr"):
        actions.append(action("c2pa.color_adjustments", when, description="HDR colours were brought to the range of SDR."))
    if made.get("levelled"):
        actions.append(action("c2pa.edited", when, description="The sound was brought to this server's loudness."))
    if made.get("repackaged"):
        actions.append(action("c2pa.repackaged", when))
    elif found["mime"] == made["mime"]:
        actions.append(action("c2pa.transcoded", when))
    else:
        actions.append(action("c2pa.converted", when, **{"from": found["mime"], "to": made["mime"]}))
    actions.append(action("c2pa.edited.metadata", when, description="Metadata of the upload (place, device) was left out."))
    return actions


def rendition(before: tuple[int, int], after: tuple[int, int], when: dt.datetime) -> dict[str, Any]:
    """What makes another encoding of a published file: a smaller size, or the same pictures in fragments."""
    if before == after:
        return action("c2pa.repackaged", when)
    return action("c2pa.resized", when, **{"from": f"{before[0]}x{before[1]}", "to": f"{after[0]}x{after[1]}"})


def marking(text: str, when: dt.datetime) -> dict[str, Any]:
    """The visible mark burnt into the first seconds."""
    return action("c2pa.addedText", when, text=text, description=f"“{text}” was burnt into the first {MARK_SECONDS:g} seconds.")


def is_marked(edits: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a file has its burnt-in mark already."""
    return any(edit.get("action") == "c2pa.addedText" for edit in edits)


def in_words(edits: Sequence[Mapping[str, Any]]) -> list[str]:
    """The history for people, one sentence an action; an action we have no words for by its C2PA name."""
    lines = []
    for edit in edits:
        parameters = edit.get("parameters")
        more = parameters if isinstance(parameters, Mapping) else {}
        name = str(edit.get("action", ""))
        words = WORDS.get(name, name)
        if more.get("description"):
            lines.append(str(more["description"]))
        elif "from" in more and "to" in more:
            lines.append(f"{words}: {more['from']} → {more['to']}.")
        else:
            lines.append(f"{words}.")
    return lines
