"""The gate in front of every prompt. Weightless by default: a normalised block list; a whole prompt is refused, never bent."""
from __future__ import annotations

import re
import unicodedata

from ...errors import Invalid

_CONFUSABLE = str.maketrans({
    "а": "a", "е": "e", "о": "o", "р": "p", "с": "c", "у": "y", "х": "x", "і": "i", "ѕ": "s", "ԁ": "d", "ո": "n",
    "α": "a", "ε": "e", "ο": "o", "ρ": "p", "ν": "v", "ι": "i", "κ": "k", "τ": "t",
    "0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i", "|": "l",
})
_MINORS = r"(?:child|children|kid|kids|minor|minors|toddler|toddlers|baby|babies|preteen|underage|schoolgirl|schoolboy|loli)"
_SEXUAL = r"(?:sex|sexual|sexy|nude|nudes|naked|porn|porno|pornographic|erotic|hentai|nsfw|undressed|topless)"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(rf"\b{_MINORS}\b.*\b{_SEXUAL}\b|\b{_SEXUAL}\b.*\b{_MINORS}\b"),
     "This server makes no sexual images of minors."),
    (re.compile(r"\b(?:csam|child porn|childporn|lolicon|shotacon)\b"), "This server makes no sexual images of minors."),
    (re.compile(r"\b(?:revenge porn|deepfake porn|deepfake nude|deepfake nudes|undress (?:her|him|them))\b"),
     "This server makes no intimate images of people who did not agree to it."),
)


def normalised(prompt: str) -> str:
    """A prompt as the rules see it: NFKC, lower case, look-alike letters folded, marks and invisible characters removed."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", prompt).casefold())
    visible = "".join(char for char in text if unicodedata.category(char) not in ("Mn", "Cf", "Cc"))
    return " ".join(re.sub(r"[^\w\s]", " ", visible.translate(_CONFUSABLE)).split())


async def check_prompt(prompt: str) -> None:
    """Let a prompt pass, or say why not.

    Raises:
        Invalid: with the public reason.
    """
    text = normalised(prompt)
    for pattern, reason in _RULES:
        if pattern.search(text):
            raise Invalid(reason, cause="prompt refused by the block list")
