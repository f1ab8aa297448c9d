"""Rows of the transactional outbox: every kind of job and its payload, in one readable place (the queue is an API)."""
from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import select

from ..db import UnitOfWork
from ..models import Job

KINDS: dict[str, tuple[str, str]] = {
    # kind: (queue, payload)
    "process_media": ("media", "{media_id}: encode an upload"),
    "publish": ("media", "{status_id}: sign the files of a post, then send its Create"),
    "declare": ("media", "{media_id, choice}: its author says later how it was made: sign it again, then send an Update"),
    "verify_media": ("media", "{media_id}: fetch a remote file and check its provenance"),
    "check_foreign": ("housekeeping", "{media_id}: fetch another server's file and look for a record inside it"),
    "fingerprint": ("media", "{media_id}: compute the codes by which a file is recognised, and look for one like it"),
    "revalidate_claims": ("media", "{after | installed, failed?}: ask extensions about claims that another version judged"),
    "refresh_actor": ("federation", "{uri}: fetch an actor again"),
    "fetch_status": ("federation", "{uri, quiet?}: fetch a post (a thread's parent, a boosted post, an ancestor of a remix)"),
    "move": ("federation", "{actor, target}: fetch the target of a Move, and follow it when it names the old account"),
    "complete_thread": ("federation", "{status_id}: look for the rest of a conversation"),
    "backfill_actor": ("federation", "{actor_id, since?}: fetch posts of a followed account from its outbox"),
    "fetch_featured": ("federation", "{actor_id}: fetch what a followed account pinned"),
    "catch_up": ("federation", "{since}: after an outage, look into the outboxes of followed accounts"),
    "sync_followers": ("federation", "{actor_uri, url, digest}: compare who follows whom (FEP-8fcf)"),
    "refresh_status": ("federation", "{uri}: fetch a known remote post again (a poll's counts)"),
    "announce_poll": ("federation", "{status_id}: send the new counts of a local poll"),
    "end_poll": ("federation", "{status_id}: a poll is over: last counts, and tell who took part"),
    "check_quote": ("federation", "{status_id}: fetch the quoted post and its author's stamp"),
    "check_consent": ("federation", "{lineage_id, hide?}: fetch the parent post and the owner's stamp"),
    "recheck_origin": ("federation", "{origin, actor?, serials?, files?, after?}: its keys, an account's or its list of revoked "
                       "ones have changed: look at the verdicts on its files again"),
    "sign_again": ("federation", "{actor_id, after?}: sign the documents of posts anew: the key that signed them is worthless"),
    "nodeinfo": ("federation", "{host}: ask a server what software it runs"),
    "make_renditions": ("media", "{media_id}: encode the rungs of the ladder and the fragmented file, and sign them"),
    "draft_captions": ("media", "{media_id}: let the captions backend listen to a video"),
    "storyboard": ("media", "{media_id}: cut the strip of small pictures"),
    "screen_generation": ("media", "{generation_id}: ask the safety gates, where the request itself did not come to it"),
    "publish_generation": ("media", "{generation_id}: make a post of a video that was asked for with `publish`"),
    "generation_webhook": ("federation", "{generation_id, state, event, at}: tell an application how its video fares"),
    "purge_clip": ("housekeeping", "{case_id}: close a case whose clip has been here for as long as it may"),
    "delete_clip": ("housekeeping", "{case_id, subject, key, digest, size, cause}: delete a live clip for good, and write "
                    "down that it is gone"),
    "delete_private": ("housekeeping", "{keys}: remove sealed pictures of likenesses that have lost their keys"),
    "check_attestation": ("federation", "{actor_id}: fetch the credentials an actor names, and the status list: is it a person?"),
    "confirm_operator": ("federation", "{actor_id}: another server's agent names an operator: does that account say so too?"),
    "judge_people": ("housekeeping", "{host, after?}: a server came on the list of trusted verifiers or left it: weigh its word "
                     "about people again"),
    "answer_mention": ("media", "{mention_id}: an agent was asked for a video: queue it, or say why not"),
    "agent_reply": ("media", "{mention_id}: what an agent was asked for is done or has failed: answer"),
    "agent_post": ("media", "{agent_id, at}: an agent's own post by its schedule"),
    "render_cameo": ("media", "{request_id}: somebody here agreed to a cameo: queue its rendering on this instance"),
    "fetch_cameo": ("media", "{request_id, url, digest}: fetch the draft that the subject of a cameo let go"),
    "compare_cameo": ("media", "{request_id}: is the finished file the video that its subject saw? Then the stamp is given"),
    "delete_files": ("housekeeping", "{keys}: remove files of deleted media from the storage"),
    "clean_storage": ("housekeeping", "{after?, row?}: the next files that no row names, or rows whose file is gone"),
    "sweep": ("housekeeping", "{}: expired sessions, codes, old rows"),
}


def enqueue(uow: UnitOfWork, kind: str, payload: dict[str, Any], *, key: str | None = None,
            delay: dt.timedelta = dt.timedelta()) -> None:
    """Add a job in this transaction and ring its queue after the commit; a pending job with the same `key` is enough."""
    queue, _ = KINDS[kind]
    full_key = f"{kind}:{key}" if key is not None else None
    if full_key is not None and uow.session.scalar(
            select(Job.id).where(Job.key == full_key, Job.state == "pending")) is not None:
        return
    uow.session.add(Job(id=uow.new_id(), queue=queue, kind=kind, key=full_key, payload=payload, run_at=uow.now + delay,
                        created_at=uow.now))
    uow.ring(queue)
