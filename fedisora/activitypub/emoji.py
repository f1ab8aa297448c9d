"""Emoji reactions (FEP-c0e0; Misskey's and Pleroma's ways): which emoji an activity stands for."""
from __future__ import annotations

import re
import unicodedata
from typing import Any

from .parse import as_list, is_http, url_of

MAX_LENGTH = 64
_SHORTCODE = re.compile(r":([A-Za-z0-9_+-]{1,60})(?:@[A-Za-z0-9.:-]{1,255})?:\Z")
JOINER, TEXT, VARIATION, KEYCAP = "\u200d", "\ufe0e", "\ufe0f", "\u20e3"
_FAVOURITES = frozenset("\u2764\u2665\u2b50\u2605\U0001f44d\U0001f31f")
"""❤ ♥ ⭐ ★ 👍 🌟: what other software sends for a plain like."""


def _is_emoji(text: str) -> bool:
    """Whether a text is one emoji: a symbol with its modifiers, several joined ones, a flag or a keycap."""
    if not 0 < len(text) <= MAX_LENGTH:
        return False
    if text.endswith(KEYCAP):
        return text[0] in "0123456789#*" and text[1:].replace(VARIATION, "") == KEYCAP and len(text) <= 3
    plain = [char for char in text if char not in (VARIATION, TEXT) and not "\U000e0020" <= char <= "\U000e007f"]
    kinds = [unicodedata.category(char) for char in plain if char != JOINER]
    if not kinds or any(kind not in ("So", "Sk", "Sm", "Po") for kind in kinds) or ("So" not in kinds and VARIATION not in text):
        return False
    bases = [char for before, char in zip(["", *plain], plain, strict=False)
             if before != JOINER and char != JOINER and unicodedata.category(char) != "Sk"]
    return len(bases) == 1 or (len(bases) == 2 and all("\U0001f1e6" <= char <= "\U0001f1ff" for char in bases))


def is_favourite(activity: dict[str, Any]) -> bool:
    """Whether a Like is a plain one: without an emoji, or with one that means just that."""
    content = activity.get("content")
    if not isinstance(content, str):
        return True
    plain = content.strip().replace(VARIATION, "").replace(TEXT, "")
    return plain in _FAVOURITES or reaction_of(activity) is None


def reaction_of(activity: dict[str, Any]) -> tuple[str, str | None] | None:
    """(emoji, address of its picture when it is a custom one), None when there is no usable emoji.

    A custom emoji is `:shortcode:` and needs an Emoji tag of that name with a picture.
    """
    content = activity.get("content")
    if not isinstance(content, str):
        return None
    text = content.strip()
    match = _SHORTCODE.match(text)
    if match is None:
        return (text, None) if _is_emoji(text) else None
    for tag in as_list(activity.get("tag"))[:20]:
        name = tag.get("name") if isinstance(tag, dict) and tag.get("type") == "Emoji" else None
        if isinstance(name, str) and name.strip(":").partition("@")[0] == match[1]:
            picture = url_of(tag.get("icon"))
            if picture is not None and is_http(picture):
                return f":{match[1]}:", picture
    return None
