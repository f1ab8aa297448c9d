"""What somebody says and does in a live clip: random each time, so that no clip made before fits."""
from __future__ import annotations

import secrets
from typing import Final

WORDS_IN_PHRASE: Final = 4
_LISTS: Final = {
    "en": """apple autumn basket bicycle blanket bottle branch bread bridge button candle carpet castle cherry circle cloud
        copper corner cotton curtain dinner doctor dragon engine evening family farmer feather finger flower forest
        garden ginger guitar hammer harbour honey island jacket kitchen ladder lemon letter lion market meadow
        mirror monday morning mountain napkin needle ocean orange pencil pepper pillow pocket rabbit ribbon river
        rocket saddle sailor silver spider spring station summer table teacher thunder ticket tiger tomato tower
        train travel turtle umbrella uncle valley velvet village violin wagon walnut water weather window winter
        wizard yellow""",
    "de": """Abend Apfel Arzt Bahnhof Banane Becher Berg Birne Blume Brief Brot Brücke Donner Dorf Drache Eimer Engel Erde Esel
        Fahrrad Feder Fenster Feuer Finger Flasche Fluss Frühling Gabel Garten Gitarre Glocke Hafen Hammer Hase
        Herbst Himmel Honig Hose Insel Jacke Kaffee Kamel Kerze Kirsche Kissen Knopf Koffer Korb Kreis Küche Kuchen
        Lampe Lehrer Leiter Löffel Löwe Mantel Markt Mauer Meer Messer Mond Montag Morgen Nadel Nebel Orange Papier
        Pfeffer Pinsel Regen Ring Rose Sattel Schule Sessel Silber Sommer Sonne Spiegel Stein Stern Tasche Tasse
        Teller Tiger Tisch Tomate Treppe Turm Vogel Wagen Wald Wasser Winter Wolke Zitrone Zucker""",
    "es": """abuela agua aguja amigo árbol arena arroz azúcar banco barco bolsa bosque botella botón caballo café calle cama
        camino campana campo carta casa castillo cebolla cereza cielo cocina conejo copa cuchara cuento dedo domingo
        dragón escuela espejo estrella familia flor fuego fuente gato guitarra harina helado hermano hierba hoja
        hombre huevo invierno isla jardín lago lámpara leche león libro limón llave lluvia luna lunes madera mano
        manzana mapa mar martillo mesa montaña mosca museo naranja nieve noche nube otoño pájaro pan papel pera
        perro piedra plata plaza pluma pueblo puente puerta queso ratón reloj río rosa sábado sal silla sombrero
        tarde tigre tomate tren ventana verano viento""",
    "fr": """abeille agneau aiguille ami arbre argent assiette automne avion bague balcon banane barque bateau beurre boîte
        bouteille bouton branche cadeau café canard carotte carte cerise chaise chapeau château chemin cheval ciel
        cinéma citron clé cloche cousin cuisine dimanche doigt dragon eau école écharpe église épaule escalier
        étoile famille farine fenêtre ferme fête feu feuille fleur fleuve forêt fraise fromage gâteau girafe guitare
        herbe hiver île jardin jeudi jouet lac lampe lapin lettre lion livre lundi lune maison manteau marché matin
        miel miroir montagne mouton musique neige nuage oiseau orage orange pain papier parc pierre place plage
        plume pluie pomme pont porte poule rivière robe rose sable salade savon soleil soupe table tasse tigre
        tomate train valise vélo vent village violon""",
}
"""Common, short words that are easy to say."""
WORDS: Final[dict[str, tuple[str, ...]]] = {language: tuple(words.split()) for language, words in _LISTS.items()}
TURNS: Final = {"left": "Turn your head to your left and back.", "right": "Turn your head to your right and back."}


def language_of(wanted: str) -> str:
    """The language of a phrase for somebody's locale; English where there are no words in theirs."""
    code = wanted.lower().partition("-")[0].partition("_")[0]
    return code if code in WORDS else "en"


def phrase(language: str) -> str:
    """Different words in a row. About 80 million phrases a language."""
    words: list[str] = []
    while len(words) < WORDS_IN_PHRASE:
        word = secrets.choice(WORDS[language])
        if word not in words:
            words.append(word)
    return " ".join(words)


def turn() -> str:
    """A key of `TURNS`."""
    return secrets.choice(tuple(TURNS))
