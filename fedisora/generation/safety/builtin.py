"""The built-in list: sexual images of minors, and intimate images of people who did not agree. Short on purpose: what else an
instance does not want, its operator says (`wordlist`).

A word for a minor AND a sexual word in one text, whole words both; the languages are those in which the author was sure of the
words.
"""
from __future__ import annotations

import functools
import re
from typing import Final

from ...translations import Sentence
from .words import Words

MINORS: Final = Sentence("This server makes no sexual images of minors.")
UNWILLING: Final = Sentence("This server makes no intimate images of people who did not agree to it.")
MINORS_CODE: Final = "sexual-minors"
UNWILLING_CODE: Final = "intimate-images"

_PAIRS: Final[tuple[tuple[str, str], ...]] = (
    # English
    ("child children kid kids minor minors toddler toddlers baby babies infant infants preteen preteens underage schoolgirl "
     "schoolgirls schoolboy schoolboys loli lolis shota jailbait",
     "sex sexual sexually sexy sexualized sexualised nude nudes nudity naked porn porno pornographic pornography erotic erotica "
     "hentai nsfw undressed undressing topless orgasm masturbating"),
    # German
    ("kind kinder kindes kindern kleinkind kleinkinder säugling minderjährige minderjähriger minderjährigen minderjährig "
     "schulmädchen grundschülerin baby babys",
     "nackt nackte nackter nacktes nackten nacktbild porno pornographisch pornografisch erotisch erotische erotisches sexuell "
     "sexuelle sexuelles ausgezogen"),
    # French
    ("enfant enfants fillette fillettes gamine gamines mineure mineures mineur mineurs bébé bébés collégienne écolière",
     "nu nue nus nues dénudé dénudée dénudés dénudées déshabillé déshabillée sexuel sexuelle sexuelles sexuels porno érotique "
     "érotiques"),
    # Spanish (without `bebé`, which reads as `bebe`, drinks)
    ("niño niños niña niñas menores", "desnudo desnuda desnudos desnudas erótico erótica porno pornográfico pornográfica"),
    # Portuguese
    ("criança crianças menina meninas menino meninos",
     "nu nua nus nuas pelado pelada pelados peladas despido despida erótico erótica porno pornográfico pornográfica"),
    # Italian
    ("bambino bambina bambini bambine neonato neonata minorenne minorenni",
     "nudo nuda nudi nude erotico erotica sessuale sessuali porno"),
    # Dutch
    ("kind kinderen peuter peuters kleuter kleuters minderjarige minderjarigen",
     "naakt naakte seksueel seksuele erotisch erotische porno"),
    # Polish
    ("dziecko dzieci dziecka dziewczynka dziewczynki nieletnia nieletnie", "nago naga nagi nagie nagich porno pornografia"),
    # Russian
    ("ребёнок ребёнка дети детей девочка девочки мальчик мальчики несовершеннолетняя несовершеннолетние малолетка",
     "голый голая голое голые голых голую обнажённый обнажённая обнажённые порно порнография секс эротика"),
    # Chinese, Japanese, Korean
    ("儿童 兒童 小孩 幼女 未成年 子供 児童 小学生 園児 赤ちゃん 아동 어린이 미성년자",
     "裸体 裸體 裸照 全裸 色情 性交 児童ポルノ ポルノ 나체 알몸 포르노"),
)
_TEENS: Final = Words(("teen", "teens", "teenager", "teenagers", "teenage"))
_ALONE: Final = Words(("csam", "child porn", "childporn", "child pornography", "kiddie porn", "kinderporno", "kinderpornografie",
                       "lolicon", "shotacon", "pédopornographie", "pornografía infantil", "pornografia infantil", "детское порно",
                       "児童ポルノ", "儿童色情", "아동포르노"))
_UNWILLING: Final = Words(("revenge porn", "deepfake porn", "deepfake porno", "deepfake nude", "deepfake nudes",
                           "deepfake pornography", "undress her", "undress him", "undress them", "nudify", "upskirt",
                           "racheporno", "rachepornos"))
_AGE: Final = re.compile(r"\b(?:[1-9]|1[0-7]) ?(?:y ?o|yr old|yrs old|year old|years old|years of age|jahrige[rns]?|jahre alt)\b"
                         r"(?! (?:whisk|wine|scotch|rum|oak|tree|olive|car|house|hous|horse|dog|cat|band|company|"
                         r"tradition|wein))")
_HARMLESS: Final = re.compile(
    # Said of colours, feet, trees and music, not of people; taken out before the pairs are looked for. Folded, as texts are.
    r"\b(?:nude colou?r(?:s|ed)?(?! (?:photo|pic|image|video|film|footage|shot))"
    r"|nude (?:tones?|shades?|palettes?|lipsticks?|heels|pumps|shoes|makeup|nails?|pink|beige)"
    r"|nude colou?r palette|naked cakes?"
    r"|naked (?:eyes?|mole rats?|flames?|bulbs?|lightbulbs?|trees?|branch(?:es)?|rocks?|truth|ladies|juice)"
    r"|topless (?:bus|tower|towers|car)|(?:same|either|both|opposite|other) sex(?:es)?|sex education|sex of the (?:baby|child)"
    r"|minor (?:keys?|chords?|scales?|third|league|leagues|detail|details|role|roles|planet|planets|damage|repairs?)"
    r"|(?:b|c|d|e|f|g)(?: (?:sharp|flat))? minor|a (?:sharp|flat) minor|in a minor"
    r"|barenaked|kid (?:gloves|leather)|baby (?:blue|pink|grand)"
    r"|(?:ut|do|re|mi|fa|sol|la|si)(?: (?:bemol|diese))? mineur"
    r"|(?:pieds?|bras|arbres?) nus?|(?:tetes?|mains?) nues?|oeil nu|(?:piedi|alberi|rami) nudi|mani nude|occhio nudo"
    r"|pes nus|olho nu|pies desnudos|nackten? (?:fusse?n?|wande?|baume?|felsen|erde)|nackten? wahrheit|naakte voeten"
    r"|голы[ех] (?:ноги|деревья|ветки|скалы|стены))\b")


class _Pair:
    def __init__(self, minors: str, sexual: str) -> None:
        young, rude = minors.split(), sexual.split()
        self.young, self.rude = Words(young), Words(rude)
        # written together: `nakedchild`
        self.both = Words(one + other for a in young for b in rude for one, other in ((a, b), (b, a)))


@functools.cache
def _pairs() -> tuple[_Pair, ...]:
    return tuple(_Pair(minors, sexual) for minors, sexual in _PAIRS)


def look(reading: str) -> tuple[str, str, str, list[str]] | None:
    """What a reading of a text (`folding.readings`) asks for: (decision, code, reason, words found); None: nothing of this
    kind."""
    alone = _ALONE.find(reading)
    if alone:
        return "deny", MINORS_CODE, MINORS, sorted(alone)
    unwilling = _UNWILLING.find(reading)
    if unwilling:
        return "deny", UNWILLING_CODE, UNWILLING, sorted(unwilling)
    text = " ".join(_HARMLESS.sub(" ", reading).split())
    rude: set[str] = set()
    for pair in _pairs():
        both = pair.both.find(text)
        if both:
            return "deny", MINORS_CODE, MINORS, sorted(both)
        found = pair.rude.find(text)
        if found:
            young = pair.young.find(text)
            if young:
                return "deny", MINORS_CODE, MINORS, sorted(young | found)
            rude |= found
    age = _AGE.search(text) if rude else None
    if age:
        return "deny", MINORS_CODE, MINORS, sorted({age[0], *rude})
    teens = _TEENS.find(text) if rude else set()
    if teens:  # eighteen and nineteen are teens too: somebody looks
        return "hold", MINORS_CODE, "A moderator has to look at this: it may be about minors.", sorted(teens | rude)
    return None


