"""The last line of a labelled post, in the language of the post (vocabulary §1): for servers that ignore our terms.

A post in a language without an entry gets the English line. The hashtag is the same in every language.
"""
from __future__ import annotations

import re
from typing import Final

from .digital_source import ALGORITHMIC, COMPOSITE, COMPOSITE_TRAINED, TRAINED

_LINES: Final[dict[str, dict[tuple[str, str], str]]] = {
    "en": {(TRAINED, "video"): "AI-generated video", (TRAINED, "image"): "AI-generated image",
           (COMPOSITE_TRAINED, "video"): "AI-modified video", (COMPOSITE_TRAINED, "image"): "AI-modified image",
           (ALGORITHMIC, "video"): "Procedural video, not AI", (ALGORITHMIC, "image"): "Procedural image, not AI",
           (COMPOSITE, "video"): "Composite video, made by a program"},
    "de": {(TRAINED, "video"): "KI-generiertes Video", (TRAINED, "image"): "KI-generiertes Bild",
           (COMPOSITE_TRAINED, "video"): "Mit KI verändertes Video", (COMPOSITE_TRAINED, "image"): "Mit KI verändertes Bild",
           (ALGORITHMIC, "video"): "Prozedurales Video, keine KI", (ALGORITHMIC, "image"): "Prozedurales Bild, keine KI",
           (COMPOSITE, "video"): "Zusammengesetztes Video, von einem Programm gemacht"},
    "es": {(TRAINED, "video"): "Vídeo generado con IA", (TRAINED, "image"): "Imagen generada con IA",
           (COMPOSITE_TRAINED, "video"): "Vídeo modificado con IA", (COMPOSITE_TRAINED, "image"): "Imagen modificada con IA",
           (ALGORITHMIC, "video"): "Vídeo procedural, sin IA", (ALGORITHMIC, "image"): "Imagen procedural, sin IA",
           (COMPOSITE, "video"): "Vídeo compuesto, hecho por un programa"},
    "fr": {(TRAINED, "video"): "Vidéo générée par IA", (TRAINED, "image"): "Image générée par IA",
           (COMPOSITE_TRAINED, "video"): "Vidéo modifiée par IA", (COMPOSITE_TRAINED, "image"): "Image modifiée par IA",
           (ALGORITHMIC, "video"): "Vidéo procédurale, sans IA", (ALGORITHMIC, "image"): "Image procédurale, sans IA",
           (COMPOSITE, "video"): "Vidéo composite, faite par un programme"},
    "it": {(TRAINED, "video"): "Video generato con IA", (TRAINED, "image"): "Immagine generata con IA",
           (COMPOSITE_TRAINED, "video"): "Video modificato con IA", (COMPOSITE_TRAINED, "image"): "Immagine modificata con IA",
           (ALGORITHMIC, "video"): "Video procedurale, senza IA", (ALGORITHMIC, "image"): "Immagine procedurale, senza IA",
           (COMPOSITE, "video"): "Video composito, fatto da un programma"},
    "nl": {(TRAINED, "video"): "Met AI gemaakte video", (TRAINED, "image"): "Met AI gemaakte afbeelding",
           (COMPOSITE_TRAINED, "video"): "Met AI bewerkte video", (COMPOSITE_TRAINED, "image"): "Met AI bewerkte afbeelding",
           (ALGORITHMIC, "video"): "Procedurele video, geen AI", (ALGORITHMIC, "image"): "Procedurele afbeelding, geen AI",
           (COMPOSITE, "video"): "Samengestelde video, gemaakt door een programma"},
    "pt": {(TRAINED, "video"): "Vídeo gerado por IA", (TRAINED, "image"): "Imagem gerada por IA",
           (COMPOSITE_TRAINED, "video"): "Vídeo modificado por IA", (COMPOSITE_TRAINED, "image"): "Imagem modificada por IA",
           (ALGORITHMIC, "video"): "Vídeo procedural, sem IA", (ALGORITHMIC, "image"): "Imagem procedural, sem IA",
           (COMPOSITE, "video"): "Vídeo composto, feito por um programa"},
}
LANGUAGES: Final = tuple(_LINES)
_SHOWN: Final[dict[str, tuple[str, str]]] = {
    "en": ("Shows {}, with their consent.", "Shows a character of {}, with their consent."),
    "de": ("Zeigt {}, mit Einwilligung.", "Zeigt eine Figur von {}, mit Einwilligung."),
    "es": ("Muestra a {}, con su consentimiento.", "Muestra un personaje de {}, con su consentimiento."),
    "fr": ("Montre {}, avec son consentement.", "Montre un personnage de {}, avec son consentement."),
    "it": ("Mostra {}, con il suo consenso.", "Mostra un personaggio di {}, con il suo consenso."),
    "nl": ("Toont {}, met toestemming.", "Toont een personage van {}, met toestemming."),
    "pt": ("Mostra {}, com o seu consentimento.", "Mostra uma personagem de {}, com o seu consentimento."),
}
"""Whom a video shows: the person, or a character that they invented."""


def _language(language: str | None) -> str:
    return (language or "en").replace("_", "-").partition("-")[0].lower()


def shown(language: str | None, *, character: bool = False) -> str:
    """The sentence for a video with somebody's likeness; `{}` stands for who it is.

    Args:
        language: BCP 47; its first part decides.
        character: it shows a character that they invented.
    """
    return _SHOWN.get(_language(language), _SHOWN["en"])[character]


def line(source: str, kind: str, language: str | None) -> str | None:
    """The sentence for a source type and a kind of file.

    Args:
        language: BCP 47; its first part decides.

    Returns:
        None when no line is called for, or for kinds other than `video` and `image`.
    """
    lines = _LINES.get(_language(language), _LINES["en"])
    return lines.get((source, kind))


_LAST: Final = re.compile(
    r"(?s)\A(.+)<p>([^<]{1,200})<a [^>]*>#(?:<span>)?(?:AIGenerated|AIModified|Procedural)(?:</span>)?</a></p>\s*\Z")
_OPENINGS: Final = tuple(text for lines in _LINES.values() for text in lines.values())


def without(content: str) -> str:
    """The HTML of a post without such a last line, for where only its first words are shown; whole when it is all there is."""
    found = _LAST.match(content)
    return found[1] if found and found[2].lstrip().startswith(_OPENINGS) else content
