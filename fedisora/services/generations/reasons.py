"""Why a generation did not become a video: the codes that programs read, and what a person is told."""
from __future__ import annotations

from ...translations import Sentence

REASONS: dict[str, str] = {
    "crashed": Sentence("Making this video stopped the renderer again and again. Please try another prompt, size or length."),
    "stalled": Sentence("Making this video got stuck again and again. Please try again later, or another size or length."),
    "backend-failed": Sentence("The renderer failed on this video again and again. You can try again, or choose another model."),
    "out-of-memory": Sentence("The graphics card has too little memory for this video, also when saving wherever it can. Please "
                              "choose a smaller size, a shorter length or another model."),
    "model-unavailable": Sentence("This model cannot be used on this server at the moment. Its administrators were told; please "
                                  "choose another model, or try again later."),
    "refused": Sentence("This model cannot make what was asked for."),
    "input-missing": Sentence("The picture or video that it starts from is not there any more. Please choose another one."),
    "check-failed": Sentence("The finished video could not be checked or stored. You can try again."),
    "cameo-broken": Sentence("The video that was offered could not be fetched, or is not the one that was offered. Ask again."),
    "cancelled-by-author": Sentence("You cancelled it."),
    "cancelled-by-admin": Sentence("An administrator stopped it."),
}
"""Code → sentence. What a safety gate decided has the gate's own code and public reason instead."""
LOW_MEMORY = "The graphics card ran out of memory. It is made once more in a way that needs less, and takes longer."
"""Added to what is adjusted when a video is made a second time."""


def sentence(code: str) -> str:
    """What a person reads about a code; an unknown one is a general failure."""
    return REASONS.get(code, Sentence("Making this video failed. You can try again."))
