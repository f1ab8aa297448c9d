"""The words that agents understand, by what they mean: English, German, French and Spanish.

All are read whatever the language of a post: people mix them, and many clients name the wrong one. In patterns an entry is a
regular expression, longest first where one begins with another.
"""
from __future__ import annotations

from typing import Final

SHAPES: Final[dict[str, str]] = {
    # en
    "portrait": "portrait", "vertical": "portrait", "upright": "portrait", "9:16": "portrait",
    "2:3": "portrait", "3:4": "portrait", "4:5": "portrait",
    "landscape": "landscape", "horizontal": "landscape", "widescreen": "landscape", "16:9": "landscape",
    "3:2": "landscape", "4:3": "landscape", "square": "square", "1:1": "square",
    # de
    "hochformat": "portrait", "hochkant": "portrait", "senkrecht": "portrait", "querformat": "landscape",
    "breitbild": "landscape", "waagerecht": "landscape", "quadratisch": "square", "quadrat": "square",
    # fr
    "paysage": "landscape", "carré": "square", "carrée": "square", "verticale": "portrait", "horizontale": "landscape",
    # es
    "retrato": "portrait", "apaisado": "landscape", "apaisada": "landscape", "paisaje": "landscape", "cuadrado": "square",
    "cuadrada": "square",
}
"""Word → orientation. A word counts only as a part of its own between commas."""
SECONDS: Final = ("secondes?", "seconds?", "segundos?", "sekunden?", "secs?", "seg", "sek", "s")
FOR: Final = ("for", "lasting", "für", "pendant", "durant", "durante", "de")
LONG: Final = ("long", "lang", "de long", "de largo")
SEED: Final = ("seed", "startwert", "graine", "semilla")
FILLER: Final = ("please", "bitte", "s'il (?:te|vous) plaît", "por favor", "in", "im", "en", "as", "als", "format", "orientation",
                 "mode", "video", "vídeo", "vidéo", "clip", "long", "lang", "and", "und", "et", "y", "with", "mit", "avec", "con")
"""Words that stand beside options and mean nothing by themselves."""
OPENINGS: Final = (
    "(?:please |can you |could you )?(?:make|create|generate|draw|render|show)(?: me| us)? (?:a |an )?(?:short )?"
    "(?:video|clip|film|animation)(?: of| about| showing| with)?:?",
    "(?:bitte )?(?:mach|mache|erstelle|erzeuge|zeichne)(?: mir| uns)? (?:ein |einen )?(?:kurzes |kurzen )?(?:video|clip|film)"
    "(?: von| über| mit)?:?",
    "(?:s'il (?:te|vous) plaît )?(?:fais|faites|crée|créez|génère)(?:-moi| moi)? (?:une |un )?(?:vidéo|clip|film)"
    "(?: de| d'une| sur)?:?",
    "(?:por favor )?(?:haz|hazme|crea|genera|dibuja)(?: me)? (?:un |una )?(?:vídeo|video|clip)(?: de| sobre)?:?",
    "(?:please|bitte|por favor)[,:]?",
)
"""What people say before what they want."""
PLEASE: Final = ("please", "bitte", "por favor", "s'il te plaît", "s'il vous plaît", "s’il te plaît", "s’il vous plaît", "stp")
HELP: Final = frozenset({"", "help", "help me", "hilfe", "aide", "ayuda", "what can you do", "how does this work", "info"})
THANKS: Final = frozenset({
    "thanks", "thank you", "thank you so much", "thank you very much", "many thanks", "thx", "ty", "nice", "great", "cool",
    "lovely", "wow", "lol", "haha", "hi", "hello", "hey", "good bot", "bad bot", "ok", "okay", "yes", "no", "danke",
    "danke schön", "vielen dank", "super", "toll", "schön", "hallo", "merci",
    "merci beaucoup", "génial", "bonjour", "gracias", "muchas gracias", "genial", "hola"})
"""Said to be kind: no video, and no answer."""
