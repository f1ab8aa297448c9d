"""What the OpenAPI document says about this family's routes."""
from __future__ import annotations

from typing import Final

from ..operations import JSON, Answer, Operation, Parameter, Schema, array, ref, refused

TEXT: Final[Schema] = {"type": "string"}
_POST: Final[dict[str, Schema]] = {
    "text": TEXT, "visibility": {"type": "string", "enum": ["public", "unlisted", "private", "direct"]},
    "show_prompt": {"type": "boolean", "description": "false: only a commitment to the prompt is published."},
    "description": {"type": "string", "description": "Alternative text."}, "sensitive": {"type": "boolean"},
    "spoiler_text": TEXT, "language": TEXT}
_WANTED: Final[Schema] = {"type": "object", "required": ["prompt"], "properties": {
    "prompt": TEXT, "negative_prompt": {"type": "string", "description": "What it should not show."},
    "model": {"type": "string", "description": "A name of /models; left out: the instance's default."},
    "task": {"type": "string", "enum": ["text", "image", "video"], "description": "What it starts from."},
    "orientation": {"type": "string", "enum": ["portrait", "landscape", "square"]},
    "size": {"type": "string", "pattern": "^[0-9]+x[0-9]+$", "description": "WIDTHxHEIGHT, snapped to what the model can make."},
    "seconds": {"type": "number"}, "seed": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
    "steps": {"type": "integer"}, "guidance": {"type": "number"},
    "strength": {"type": "number", "minimum": 0, "maximum": 1, "description": "How far a source video is changed."},
    "input_media_id": {"type": "string", "description": "A picture or video of yours, or of any post that may be remixed."},
    "input_people": {"type": "string", "enum": ["nobody", "me", "agreed"], "description": "Who is in it: no real person, you, or "
                     "somebody who agreed to a cameo of yours. Needed for what was not generated here."},
    "remix_of_id": {"type": "string", "description": "The post it is meant as a remix of."},
    "variants": {"type": "integer", "minimum": 1, "description": "So many, with the seeds seed, seed + 1, …"},
    "likeness_of": {"type": "string", "description": "@name@server of whom it is to show, with their consent; it is made on "
                    "their server."},
    "character": {"type": "string", "description": "Address of a character instead of a person (see /cameos/check)."},
    "intended_use": {"type": "string", "description": "With a likeness: what the video is for; its owner reads it."},
    "accepts_terms": {"type": "boolean", "description": "With a likeness: you have read what its owner forbids."},
    "publish": {"description": "It becomes a post by itself: true, or the members of a post.",
                "anyOf": [{"type": "boolean"}, {"type": "object", "properties": _POST}]},
    "webhook_url": {"type": "string", "format": "uri", "description": "Gets a signed message (standardwebhooks.com) at every "
                    "change of the state."}}}
_ONE: Final = {200: Answer("The generation as it is now.", ref("Generation"))}
_EVENTS: Final = "Events `progress` with a Generation as data: as it is now first, later changes, four a second at most."
_REASON: Final[Schema] = {"type": "object", "properties": {"reason": {"type": "string", "description": "Who waits reads it."}}}


def _body(needed: tuple[str, ...] = (), **members: Schema) -> dict[str, Schema]:
    return {JSON: {"type": "object", "required": list(needed), "properties": members}}


DOCS: Final = (
    Operation("post", "/generations", "Ask for a video, or several variants of it.",
              {202: Answer("It waits for its turn; of several the first, with `batch`.", ref("Generation")),
               **refused(401, 404, 409, 422, 429, s403="This instance or account makes none, or its source may not be used.")},
              scope="write:generations", body={JSON: _WANTED}),
    Operation("post", "/generations/preview", "What exactly would be made of a request, and what it would cost.",
              {200: Answer("Nothing is queued.", ref("GenerationPreview")), **refused(401, 404, 409, 422)}, scope="read",
              body={JSON: _WANTED}),
    Operation("get", "/generations", "Your generations, newest first; without `state` what is neither published nor discarded.",
              {200: Answer("They.", array(ref("Generation")), headers={"Link": "The pages before and after (RFC 8288)."}),
               **refused(401, 422)}, scope="read", query=(
                  Parameter("state", "One or several states, with commas."), Parameter("max_id", "Older than this."),
                  Parameter("since_id", "Newer than this."), Parameter("min_id", "Right after this."),
                  Parameter("limit", "How many, 80 at most.", {"type": "integer"}))),
    Operation("get", "/generations/events", "Everything of yours in the making as server-sent events, in one stream.",
              {200: Answer(_EVENTS, media_type="text/event-stream"), **refused(401)}, scope="read"),
    Operation("post", "/generations/cancel-all", "Stop all of yours that are in the queue; what waits for a consent goes on.",
              {200: Answer("Those that were stopped, or stop at their next step.", array(ref("Generation"))), **refused(401)},
              scope="write:generations"),
    Operation("get", "/generations/{id}", "One generation.", {**_ONE, **refused(401, 404)}, scope="read"),
    Operation("get", "/generations/{id}/events", "Its progress as server-sent events, until it ends.",
              {200: Answer(_EVENTS, media_type="text/event-stream"), **refused(401, 404)}, scope="read"),
    Operation("post", "/generations/{id}/cancel", "Stop it, whether it waits or runs.", {**_ONE, **refused(401, 404, 409)},
              scope="write:generations"),
    Operation("post", "/generations/{id}/retry", "Try a failed or cancelled one again, with its seed and parameters.",
              {**_ONE, **refused(401, 403, 404, 409, 422, 429)}, scope="write:generations"),
    Operation("post", "/generations/{id}/move", "Put one of your waiting videos before another one of yours.",
              {200: Answer("What of yours waits, in its new order.", array(ref("Generation"))), **refused(401, 404, 409, 422)},
              scope="write:generations",
              body=_body(before={"type": ["string", "null"], "description": "null: behind all of yours."})),
    Operation("post", "/generations/{id}/discard", "Throw a draft away.", {**_ONE, **refused(401, 404, 409)},
              scope="write:generations"),
    Operation("post", "/generations/{id}/publish", "Sign a draft and publish it.",
              {200: Answer("The post.", ref("Status")), **refused(401, 404, 409, 422)}, scope="write:generations",
              body={JSON: {"type": "object", "properties": _POST}}),
    Operation("get", "/models", "The models that videos can be made with here.",
              {200: Answer("They, the default first.", array(ref("Model")))}),
    Operation("get", "/admin/generations", "The queue: lanes, workers and what is not finished. For administrators.",
              {200: Answer("It.", ref("GenerationQueue")), **refused(401, 403)}, scope="admin:read"),
    Operation("post", "/admin/generations/pause", "Let nothing new start in a lane.",
              {200: Answer("The lane.", ref("GenerationLane")), **refused(401, 403, 422)}, scope="admin:write",
              body=_body(("lane", "reason"), lane=TEXT, reason={"type": "string", "description": "Who waits reads it."})),
    Operation("post", "/admin/generations/resume", "Let a paused lane go on.",
              {200: Answer("The lane.", ref("GenerationLane")), **refused(401, 403, 404)}, scope="admin:write",
              body=_body(("lane",), lane=TEXT)),
    Operation("post", "/admin/generations/workers/drain", "Let a worker take nothing new, or take again.",
              {200: Answer("The worker.", ref("GenerationWorker")), **refused(401, 403, 404)}, scope="admin:write",
              body=_body(("worker",), worker=TEXT, draining={"type": "boolean", "default": True})),
    Operation("post", "/admin/generations/{id}/cancel", "Stop anybody's video.",
              {200: Answer("It.", ref("PendingGeneration")), **refused(401, 403, 404, 409)}, scope="admin:write",
              body={JSON: _REASON}),
    Operation("post", "/admin/generations/{id}/priority", "Let a waiting video go before or behind all others.",
              {200: Answer("It.", ref("PendingGeneration")), **refused(401, 403, 404, 409, 422)}, scope="admin:write",
              body=_body(("priority",), priority={"type": "integer", "minimum": -10, "maximum": 10})),
)
