"""The shapes of this API's answers (JSON Schema 2020-12). Real answers are checked against them in the tests."""
from __future__ import annotations

from typing import Final

from ...provenance import humanity
from ...provenance.badge import MODES
from ...provenance.dial import SWITCHES
from ...provenance.foreign_labels import SOURCES
from ...provenance.verdict import VERDICTS
from ...store.fingerprints import ANSWERS
from .agent_shapes import AGENTS
from .generations.schemas import GENERATIONS
from .operations import Schema, array, ref
from .screening_shapes import SCREENINGS
from .shapes import ID, MOMENT, TEXT, URI, WHOLE, maybe, thing

_HUMAN: Final[dict[str, Schema]] = {
    "verdict": {"type": "string", "enum": list(humanity.VERDICTS)}, "verified": {"type": "boolean"},
    "issuer": maybe({"type": "string", "description": "Host of the server that checked."}),
    "method": maybe({"type": "string", "description": "`assuranceMethod` (vocabulary §3)."}),
    "how": maybe({"type": "string", "description": "The method in English words."}), "until": maybe(MOMENT),
    "checked_at": maybe(MOMENT), "credential": maybe(URI)}

_ASKING: Final[dict[str, Schema]] = {
    "audience": {"type": "string", "enum": ["nobody", "approved", "mutuals", "verified", "everyone"],
                 "description": "Who may ask."},
    "forbidden": {"type": "string", "description": "What it must not be used for, in the owner's words."},
    "agents": {"type": "boolean", "description": "Whether AI agents may ask."}, "until": maybe(MOMENT)}
SCHEMAS: Final[dict[str, Schema]] = {
    "Error": thing("What went wrong, in a sentence that may be shown.", {"error": TEXT},
                   {"code": {"type": "string", "description": "A word for programs, where one status has several reasons."}}),
    **AGENTS,
    **GENERATIONS,
    **SCREENINGS,
    "Verdict": thing(
        "What is known about a file (vocabulary §5). The sentence is for people, the checks are what it rests on.",
        {"verdict": {"type": "string", "enum": list(VERDICTS)},
         "summary": {"type": "string", "description": "One sentence, in English so far."}, "checkedAt": MOMENT,
         "signer": maybe(ref("Signer")),
         "digitalSourceType": maybe({"type": "string", "description": "IPTC URI; null: undeclared."}),
         "record": maybe({"type": "object", "description": "org.fedisora.provenance inside the file (vocabulary §2)."}),
         "checks": array(ref("Check")), "claims": array(ref("Claim"))},
        {"match": thing("A known file that this one looks like; never a reason to call it verified.",
                        {"object": URI, "distance": WHOLE})}),
    "Match": thing(
        "A post that a file looks like; only what everybody may read is named. A match of pictures, not a proof.",
        {"object": URI, "url": URI, "digital_source_type": maybe(TEXT),
         "distance": {"type": "integer", "description": "Bits of 256 between the ISCCs."},
         "frames": maybe({"type": "number", "minimum": 0, "maximum": 1, "description": "Share of the frames that are the same."}),
         "watermark": {"type": "boolean"}, "answer": maybe({"type": "string", "enum": list(ANSWERS)}),
         "copy": {"type": "boolean"}}),
    "MatchAnswer": thing("What one of your files looks like.",
                         {"match": maybe(ref("Match")), "question": {"type": "boolean"}}),
    "Signer": thing("Whose certificate signed.", {"certificateSerial": {"type": "string", "pattern": "^[0-9a-f]*$"}},
                    {"actor": URI, "instance": URI}),
    "Check": thing("One thing that was looked at.", {"name": TEXT, "ok": {"type": "boolean"}, "detail": TEXT}),
    "Claim": thing("A claim of an extension vocabulary.",
                   {"extension": TEXT, "status": {"type": "string", "enum": ["valid", "invalid", "unknown"]}},
                   {"label": maybe(TEXT), "problems": array(TEXT)}),
    "Label": thing(
        "How a file was made, and whose word that is: the member `fedisora` of every media attachment, in lists too.",
        {"label": maybe(TEXT), "kind": {"type": "string", "enum": ["human", "mixed", "machine", "procedural", "undeclared"]},
         "digital_source_type": maybe(TEXT), "label_source": maybe({"type": "string", "enum": list(SOURCES)}), "label_text": TEXT,
         "declared": {"type": "boolean"}, "verdict": maybe(thing("The verdict in short; whole in single entities.",
                                                                 {"verdict": TEXT, "summary": TEXT, "checkedAt": MOMENT}))},
        {"provenance": maybe({"type": "object"}), "match": maybe(ref("Match")), "captions": array(ref("Caption"))}),
    "MediaAttachment": thing(
        "Mastodon's entity (docs.joinmastodon.org/entities/MediaAttachment) with the member `fedisora`.",
        {"id": ID, "type": {"type": "string", "enum": ["video", "image", "audio", "gifv", "unknown"]}, "url": maybe(URI),
         "preview_url": maybe(URI), "description": maybe(TEXT), "fedisora": ref("Label")}),
    "Caption": thing(
        "Captions of a video in one language.",
        {"language": {"type": "string", "description": "BCP 47."}, "label": TEXT,
         "automatic": {"type": "boolean", "description": "Drafted by a program; nobody has checked it."},
         "url": URI, "created_at": MOMENT, "updated_at": MOMENT}, closed=True),
    "Storage": thing(
        "What you keep here, in bytes.",
        {"used": WHOLE, "limit": maybe({"type": "integer", "description": "null: as much as there is."}), "left": maybe(WHOLE),
         "files": WHOLE}, closed=True),
    "Status": thing(
        "Mastodon's entity (docs.joinmastodon.org/entities/Status).",
        {"id": ID, "uri": URI, "created_at": MOMENT, "content": TEXT, "visibility": TEXT, "account": {"type": "object"},
         "media_attachments": array(ref("MediaAttachment"))}),
    "Lineage": thing(
        "A graph of posts: what a video was made from and what became of it, over all servers.",
        {"root": URI, "truncated": {"type": "boolean"},
         "nodes": array(thing("A post or an account.", {
             "id": URI, "type": TEXT, "depth": WHOLE, "missing": maybe(TEXT), "status_id": maybe(ID), "url": maybe(URI),
             "page": maybe(URI), "title": maybe(TEXT), "account": maybe({"type": "object"}), "created_at": maybe(MOMENT),
             "made": maybe(TEXT), "label": maybe(TEXT), "digitalSourceType": maybe(TEXT), "verdict": maybe(TEXT)})),
         "edges": array(thing("`child` was made from `parent`, or shows it.", {
             "child": URI, "parent": URI, "kind": {"type": "string", "enum": ["remix", "cameo"]}, "consent": TEXT,
             "loop": {"type": "boolean"}}))}),
    "ConsentRequest": thing(
        "Somebody asks somebody whether a video may be made from theirs.",
        {"id": ID, "uri": URI, "kind": TEXT, "direction": {"type": "string", "enum": ["in", "out"]}, "state": TEXT,
         "account": {"type": "object", "description": "The other side."}, "name": TEXT, "use": TEXT, "target": ref("Named"),
         "object": maybe(URI), "status_id": maybe(ID), "digest": maybe(TEXT), "preview_url": maybe(URI), "reason": maybe(TEXT),
         "stamp": maybe(URI), "prompt": TEXT, "character": maybe(URI), "generation_id": maybe(ID), "created_at": MOMENT,
         "answered_at": maybe(MOMENT)}),
    "ConsentStamp": thing(
        "A consent that was given.",
        {"id": ID, "uri": URI, "kind": TEXT, "digest": maybe(TEXT), "object": URI, "status_id": maybe(ID), "target": ref("Named"),
         "account": maybe({"type": "object"}), "created_at": MOMENT, "ends_at": maybe(MOMENT), "revoked_at": maybe(MOMENT)}),
    "Human": thing("What this server knows about an account being a person.", _HUMAN),
    "OwnHuman": thing(
        "The same about oneself, with one's credential.",
        {**_HUMAN, "own_credential": maybe(thing("A HumanCredential that counts.", {
            "id": ID, "uri": URI, "method": {"type": "string", "enum": list(humanity.METHODS)}, "since": MOMENT, "until": MOMENT,
            "renewable": {"type": "boolean", "description": "It runs out within 30 days: do one of the ways again."}}))}),
    "Arrival": thing(
        "Whether one server has heard that a consent was taken back.",
        {"host": TEXT, "state": {"type": "string", "enum": ["delivered", "waiting", "failed"]}, "status": maybe(WHOLE),
         "reason": TEXT, "attempts": WHOLE, "next": maybe(MOMENT), "at": maybe(MOMENT)}),
    "CameoTerms": thing(
        "What the owner of a likeness lets one ask.",
        {"account": TEXT, "actor": URI, "renders": {"type": "boolean", "description": "Their server makes videos from pictures."},
         "person": ref("CameoSubject"), "characters": array(ref("CameoSubject"))}),
    "CameoSubject": thing(
        "A person, or a character that they invented.",
        {"id": maybe(URI), "name": TEXT, "summary": TEXT, "may_ask": {"type": "boolean"}, "reason": TEXT,
         "forbidden": {"type": "string", "description": "What it must not be used for."}, "until": maybe(TEXT)}),
    "HumanData": thing(
        "Everything about one's verification.",
        {"account": URI, "exported": MOMENT,
         "verified": thing("What counts now.", {"verdict": maybe(TEXT), "method": maybe(TEXT), "until": maybe(MOMENT)}),
         "cases": array({"type": "object"}), "passkeys": array({"type": "object"}), "credentials": array({"type": "object"}),
         "vouches_for_me": array({"type": "object"}), "vouches_of_mine": array({"type": "object"}),
         "identities": array({"type": "object"}), "log": array({"type": "object"})}),
    "Likeness": thing(
        "One's own likeness, and who may ask for it. Picture and clip are shown on its page alone.",
        {"id": maybe(ID), "state": {"type": "string", "enum": ["none", "checking", "active", "refused", "withdrawn"]}, **_ASKING,
         "case_id": maybe(ID), "enrolled_at": maybe(MOMENT),
         "clip": {"type": "boolean", "description": "Whether a clip stands beside the picture."}}, closed=True),
    "Character": thing(
        "Somebody or something invented, and who may ask for it.",
        {"id": ID, "uri": URI, "name": TEXT, "summary": TEXT, **_ASKING, "created_at": MOMENT}, closed=True),
    "LikenessPerson": thing(
        "What one decided about an account, for one's likeness and characters.",
        {"account": {"type": "object"}, "decision": {"type": "string", "enum": ["approved", "always", "blocked"]},
         "created_at": MOMENT}, closed=True),
    "Named": thing("A post by its id, and its row here when it is known.", {"uri": URI, "status_id": maybe(ID)}),
    "Dial": thing(
        "How much AI somebody wants to see.",
        {"stop": {"type": "integer", "minimum": 0, "maximum": 4, "description": "0 no AI, 2 as it comes, 4 only AI."},
         **{name: {"type": "boolean"} for name in SWITCHES}, "name": TEXT, "sentence": TEXT,
         "instance": thing("What the instance is for.", {"ai_policy": {"enum": ["open", "labelled", "ai-free"]}})}),
    "TrustedVerifier": thing("A server whose word about people of any server is taken here.",
                             {"host": TEXT, "note": TEXT, "created_at": MOMENT}, closed=True),
    "Verifiers": thing(
        "Whose word about people somebody takes.",
        {"mode": {"enum": list(MODES), "description": "`instance`: whose this server takes; `own`: its alone; `listed`: "
                                                      "its own and that of `hosts`, as far as this server takes it."},
         "hosts": array(TEXT), "instance": thing("What the instance takes.", {"trusted": array(TEXT)})}, closed=True),
    "Deliveries": thing(
        "How far a post got.",
        {"inboxes": WHOLE, "reached": WHOLE, "pending": WHOLE, "failed": WHOLE, "servers": WHOLE,
         "failures": array(thing("A server that has not taken it.", {
             "host": TEXT, "status": maybe(WHOLE), "reason": TEXT, "attempts": WHOLE,
             "next": maybe({"type": "string", "format": "date-time", "description": "null: given up."})}))}),
    "AgentAnswers": thing(
        "How an agent answers mentions, and when it posts by itself.",
        {"id": ID, "username": TEXT, "on": {"type": "boolean"}, "persona": TEXT, "audience": TEXT, "allowed": array(TEXT),
         "blocked": array(TEXT), "style": TEXT, "model": TEXT, "orientation": TEXT, "seconds": maybe({"type": "number"}),
         "per_person": WHOLE, "per_domain": WHOLE, "per_day": WHOLE, "stop_word": TEXT, "start_word": TEXT,
         "language": TEXT, "schedule": array({"type": "object"}), "next_post_at": maybe(MOMENT)}, closed=True),
    "AgentAsked": thing(
        "What an agent was asked for, and what became of it.",
        {"id": ID, "who": TEXT, "post": TEXT, "state": TEXT, "reason": TEXT, "prompt": TEXT, "answer": TEXT, "at": MOMENT},
        closed=True),
}
