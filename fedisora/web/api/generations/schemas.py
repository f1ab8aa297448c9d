"""The shapes of this family's answers (JSON Schema 2020-12); all are closed."""
from __future__ import annotations

from typing import Final

from ....services.generations import STAGES, STATES
from ..operations import Schema, array, ref
from ..shapes import ID, MOMENT, TEXT, WHOLE, maybe, thing

NUMBER: Final[Schema] = {"type": "number"}
AMOUNT: Final[Schema] = {"type": "number", "minimum": 0}
FLAG: Final[Schema] = {"type": "boolean"}
SEED: Final[Schema] = {"type": "string", "pattern": "^[0-9]+$"}
TASK: Final[Schema] = {"type": "string", "enum": ["text", "image", "video"]}


def says(schema: Schema, words: str) -> Schema:
    """A schema with a description."""
    return {**schema, "description": words}


_PARAMETERS: Final[dict[str, Schema]] = {
    "prompt": TEXT, "negative_prompt": TEXT, "model": TEXT, "backend": TEXT, "task": TASK, "seed": SEED, "width": WHOLE,
    "height": WHOLE, "seconds": NUMBER, "frames": WHOLE, "fps": WHOLE, "steps": maybe(WHOLE), "guidance": maybe(NUMBER),
    "strength": maybe(NUMBER), "input_media_id": maybe(ID), "input_people": maybe(TEXT), "remix_of_id": maybe(ID),
    "adjusted": says(array(TEXT), "What differs from what was asked for, in sentences.")}
_PLANNED: Final[dict[str, Schema]] = {
    "gpu_class": TEXT, "expected_seconds": says(maybe(AMOUNT), "GPU seconds, from what such videos took so far."),
    "expected_energy_wh": says(maybe(AMOUNT), "null: no worker says its power.")}
GENERATIONS: Final[dict[str, Schema]] = {
    "Generation": thing(
        "A video in the making, with the effective parameters.",
        {"id": ID, "state": {"type": "string", "enum": list(STATES)},
         "stage": says(TEXT, f"While it runs: {', '.join(STAGES)}."),
         "progress": {"type": "number", "minimum": 0, "maximum": 1}, **_PARAMETERS,
         "position": {"type": "integer", "minimum": 0, "description": "How many are ahead of a queued one in its line."},
         "eta_seconds": says(maybe(AMOUNT), "Until it is done; null: nobody can say."),
         "waiting": says(maybe(TEXT), "Why a queued one does not get on; null: it does."), "priority": WHOLE,
         "expected_seconds": maybe(AMOUNT), "gpu_seconds": maybe(AMOUNT), "energy_wh": maybe(AMOUNT),
         "cost": ref("GenerationCost"),
         "code": says(maybe(TEXT), "Why it failed, was cancelled, is refused or held, for programs."),
         "error": says(maybe(TEXT), "The same for people."), "cancel_requested": FLAG,
         "screening": maybe(ref("GenerationScreening")),
         "batch_id": says(maybe(ID), "Variants that were asked for together have the id of the first."),
         "media": maybe(ref("MediaAttachment")), "status_id": maybe(ID),
         "publish": says(FLAG, "It becomes a post by itself."), "created_at": MOMENT, "queued_at": maybe(MOMENT),
         "started_at": maybe(MOMENT), "finished_at": maybe(MOMENT)},
        {"batch": says(array(ID), "All variants; only in the answer to who asked for several."),
         "webhook_secret": says(TEXT, "What messages to `webhook_url` are signed with; only in the answer to who asked.")},
        closed=True),
    "GenerationCost": thing("What a video is expected to cost, and what it did.", {
        **_PLANNED, "gpu_seconds": maybe(AMOUNT), "energy_wh": maybe(AMOUNT)}, closed=True),
    "GenerationScreening": thing("What a safety gate decided.", {
        "id": ID, "stage": TEXT, "decision": {"type": "string", "enum": ["deny", "hold"]}, "code": TEXT, "reason": TEXT,
        "can_appeal": FLAG, "note": says(TEXT, "What a moderator answered.")}, closed=True),
    "GenerationPreview": thing(
        "What exactly would be made, and what it would cost (all variants together). Without a seed of yours another one is "
        "chosen when it is really asked for.",
        {**_PARAMETERS, "variants": WHOLE, "cost": thing("The estimate.", _PLANNED, closed=True),
         "waiting_seconds": says(maybe(AMOUNT), "Until the first starts, at most; null: nobody can say."),
         "waiting": maybe(TEXT)}, closed=True),
    "Model": thing(
        "A model that videos are made with.",
        {"name": TEXT, "title": TEXT, "backend": TEXT, "default": FLAG, "available": says(FLAG, "A worker is there for it."),
         "reason": says(maybe(TEXT), "Why it cannot be used now."), "tasks": array(TASK),
         "sizes": thing("By orientation, the usual one first.", {}, {
             name: array({"type": "array", "items": WHOLE, "minItems": 2, "maxItems": 2})
             for name in ("portrait", "landscape", "square")}, closed=True),
         "fps": WHOLE, "min_seconds": NUMBER, "max_seconds": NUMBER, "max_variants": WHOLE, "steps": maybe(WHOLE),
         "max_steps": WHOLE, "guidance": maybe(NUMBER), "gpu_class": TEXT, "memory_gb": WHOLE, "licence": TEXT,
         "licence_url": TEXT, "territory": TEXT, "card_url": TEXT, "note": TEXT}, closed=True),
    "GenerationQueue": thing(
        "The queue as administrators see it.",
        {"lanes": array(ref("GenerationLane")), "workers": array(ref("GenerationWorker")),
         "pending": array(ref("PendingGeneration"))},
        closed=True),
    "GenerationLane": thing("What waits for one class of machine.", {
        "lane": TEXT, "paused_at": maybe(MOMENT), "reason": TEXT, "waiting": WHOLE, "running": WHOLE,
        "expected_seconds": says(AMOUNT, "GPU seconds of what waits.")}, closed=True),
    "GenerationWorker": thing("A process that renders.", {
        "name": TEXT, "host": TEXT, "device": TEXT, "memory_mb": maybe(WHOLE), "watts": maybe(NUMBER), "models": array(TEXT),
        "lanes": array(TEXT), "state": TEXT, "draining": FLAG, "alive": FLAG, "generation_id": maybe(ID), "done": WHOLE,
        "failed": WHOLE, "started_at": MOMENT, "seen_at": MOMENT}, closed=True),
    "PendingGeneration": thing("A video in the making without its prompt, which is its author's.", {
        "id": ID, "account": says(TEXT, "User name."), "state": TEXT, "stage": TEXT, "progress": NUMBER, "model": TEXT,
        "lane": TEXT, "priority": WHOLE, "position": WHOLE, "expected_seconds": maybe(AMOUNT), "worker": maybe(TEXT),
        "cancel_requested": FLAG, "created_at": MOMENT, "started_at": maybe(MOMENT)}, closed=True)}
