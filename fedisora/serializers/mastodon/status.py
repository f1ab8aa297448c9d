"""Posts and files as Mastodon's entities (docs.joinmastodon.org/entities/Status, MediaAttachment)."""
from __future__ import annotations

import datetime as dt
import html
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from ...models import Actor, Lineage, Media, Status
from ...provenance import digital_source, foreign_labels
from ...store import actors, captions, consents, lineage, polls, quotes, reactions, records, relations, statuses, verifiers
from ...store import media as media_rows
from ...uris import Uris
from ..activitypub.note import label_line, shown_line
from ..activitypub.quote import quote_audiences
from ..captions import captions as caption_entities
from . import claims
from .account import account, emojis, when
from .matches import matches, with_match
from .poll import poll


def media_attachment(media: Media, uris: Uris, *, full: bool = True) -> dict[str, Any]:
    """One file; `url` is None until it is processed.

    Args:
        full: with the whole verdict and record; in lists only what a card shows (`provenance_label`).
    """
    ready = media.state in ("ready", "signed", "remote")
    url = (uris.media(media.storage_key) if media.storage_key else media.remote_url) if ready else None
    poster = uris.media(media.poster_key) if media.poster_key else media.remote_poster_url
    preview = poster or (url if media.kind == "image" else None)
    meta: dict[str, Any] = {}
    if media.width and media.height:
        original: dict[str, Any] = {"width": media.width, "height": media.height}
        if media.kind == "image":
            original |= {"size": f"{media.width}x{media.height}", "aspect": media.width / media.height}
        elif media.duration:
            original |= _timing(media)
        meta = {"original": original, "small": {"width": media.width, "height": media.height,
                                                "size": f"{media.width}x{media.height}", "aspect": media.width / media.height}}
        if media.kind == "image":
            meta["focus"] = {"x": media.focus_x, "y": media.focus_y}
    return {"id": str(media.id), "type": media.kind, "url": url, "preview_url": preview, "remote_url": media.remote_url,
            "preview_remote_url": media.remote_poster_url, "text_url": None, "meta": meta,
            "description": media.description or None, "blurhash": media.blurhash,
            "fedisora": provenance_label(media) | (_whole(media, uris) if full else {})}


def _timing(media: Media) -> dict[str, Any]:
    """Length, frame rate as a fraction and bits per second of a video, as Mastodon tells them. What is not known is left out:
    apps take a number for true."""
    found: dict[str, Any] = {"duration": media.duration}
    frames = ((media.generator or {}).get("parameters") or {}).get("fps")
    if isinstance(frames, int | str) and str(frames).isdecimal():
        found["frame_rate"] = f"{frames}/1"
    if media.size and media.duration and media.state != "remote":
        found["bitrate"] = round(media.size * 8 / media.duration)
    return found


def _whole(media: Media, uris: Uris) -> dict[str, Any]:
    """What only single entities carry: a list of forty posts would be mostly that."""
    return {"provenance": media.record if media.manifest_key or media.storage_key is None else None,
            "verdict": media.verdict, "ingredients": media.ingredients or [],
            "edits": media.edits or [], "claims": [],
            "manifest": uris.media(media.manifest_key) if media.manifest_key else media.manifest_url}


def provenance_label(media: Media) -> dict[str, Any]:
    """How a file was made and whose word that is: {label, kind, digital_source_type, label_source, label_text, declared,
    verdict}. `kind` is human, mixed, machine, procedural or undeclared; `verdict` is None before the check."""
    source, known_from = media.digital_source_type, label_source(media)
    verdict = media.verdict
    return {"label": foreign_labels.label(source, known_from, media.generator), "kind": digital_source.kind_of(source),
            "digital_source_type": source, "label_source": known_from,
            "label_text": foreign_labels.sentence(source, known_from, media.generator), "declared": media.declared,
            "verdict": {name: verdict.get(name) for name in ("verdict", "summary", "checkedAt")} if verdict else None}


def label_source(media: Media) -> str | None:
    """Where the source type of a file is known from, one of `foreign_labels.SOURCES`; None when nothing is said.

    `declared` without a source type: its author said "something else".
    """
    if media.digital_source_type is None:
        return media.label_source
    return media.label_source or ("declared" if media.declared else "made")


def warning_line(row: Status) -> str:
    """What this server's inbound policy warns of, as the first paragraph: apps that do not know our fields show it too."""
    if row.review != "warned" or not row.review_reason:
        return ""
    return f"<p><strong>Warning by this server: {html.escape(row.review_reason)}</strong></p>"


class Statuses:
    """Many posts at once: everything they need is read in a handful of queries, however many there are."""

    def __init__(self, session: Session, rows: Sequence[Status], viewer_id: int | None, uris: Uris, *,
                 full: bool = False) -> None:
        self._uris, self._viewer, self._full = uris, viewer_id, full
        originals = statuses.many(session, [row.reblog_of_id for row in rows if row.reblog_of_id is not None])
        self._posts = {row.id: row for row in rows} | originals
        # A quote is shown one level deep, and only with the quoted author's consent (FEP-044f).
        self._quoted = quotes.shown(session, [row.quote_of_id for row in self._posts.values()
                                              if row.quote_of_id is not None and row.quote_state == "accepted"], viewer_id)
        self._posts |= {key: row for key, row in self._quoted.items() if key not in self._posts}
        self._now = dt.datetime.now(dt.UTC)
        self._narrowing = verifiers.narrowing(session, viewer_id)
        ids = list(self._posts)
        self._media = media_rows.of_statuses(session, ids)
        self._matches = matches(session, [item for files in self._media.values() for item in files])
        self._claims = claims.entities(session, [item.id for items in self._media.values() for item in items], viewer_id)
        self._captions = captions.of_files(session, [item.id for items in self._media.values() for item in items])
        self._mentions = statuses.mentions(session, ids)
        self._tags = statuses.tags(session, ids)
        self._reactions = reactions.counts(session, ids)
        self._actors = actors.many(session, [row.actor_id for row in self._posts.values()])
        self._parents = lineage.parents_of(session, ids)
        self._shown = records.shown(session, {key: self._parents[key] for key in self._parents if self._posts[key].local})
        self._asked = consents.of_status(session, [row.id for row in self._posts.values() if row.local and not row.published])
        questions = [row.id for row in self._posts.values() if row.object_type == "Question"]
        self._polls = polls.of_statuses(session, questions)
        self._choices = polls.choices(session, viewer_id, questions) if viewer_id is not None else {}
        self._liked = relations.favourited(session, viewer_id, ids) if viewer_id is not None else set()
        self._boosted = relations.reblogged(session, viewer_id, ids) if viewer_id is not None else set()

    def render(self, row: Status) -> dict[str, Any]:
        """One of the posts."""
        found = self._one(row)
        original = self._posts.get(row.reblog_of_id) if row.reblog_of_id is not None else None
        if original is not None:
            found["reblog"] = self._one(original)
            for name in ("reblogged", "favourited", "content", "media_attachments", "sensitive", "spoiler_text", "mentions",
                         "tags", "language", "emojis", "poll", "quote"):
                found[name] = found["reblog"][name]
        return found

    def _one(self, row: Status, *, nested: bool = False) -> dict[str, Any]:
        parents = self._parents.get(row.id, [])
        hidden = any(map(lineage.hides, parents))
        media = [] if hidden else self._media.get(row.id, [])
        label, label_tag = label_line(media, self._uris, row.language) if row.local else ("", None)
        shown = shown_line(self._shown.get(row.id, ()), self._uris, row.language)
        tags = {tag.key: tag.name for tag in self._tags.get(row.id, ())}
        if label_tag:
            tags.setdefault(label_tag.lower(), label_tag)
        found: dict[str, Any] = {
            "id": str(row.id), "uri": row.uri, "url": row.url or row.uri, "created_at": when(row.created_at),
            "edited_at": when(row.edited_at), "account": account(
                self._actors[row.actor_id], self._uris, narrowing=self._narrowing),
            "content": warning_line(row) + self._quote_line(row) + row.content + shown + label, "visibility": row.visibility,
            "sensitive": row.sensitive or row.review == "warned",
            "spoiler_text": row.spoiler_text, "media_attachments": [
                with_match(media_attachment(item, self._uris, full=self._full), self._matches.get(item.id)) for item in media],
            "mentions": [self._mention(actor) for actor in self._mentions.get(row.id, ())],
            "tags": [{"name": name.lower(), "url": self._uris.tag(name)} for name in tags.values()],
            "emojis": emojis(row.emojis),
            "reblogs_count": row.reblogs_count, "favourites_count": row.favourites_count, "replies_count": row.replies_count,
            "quotes_count": row.quotes_count, "in_reply_to_id": str(row.in_reply_to_id) if row.in_reply_to_id else None,
            "in_reply_to_account_id": str(row.in_reply_to_actor_id) if row.in_reply_to_actor_id else None, "reblog": None,
            "poll": self._poll(row), "card": None, "quote": self._quote(row, nested), "quote_approval": self._approval(row),
            "language": row.language, "application": None,
            "fedisora": {"proof": row.proof, "published": row.published, "made": row.made,
                         "warning": row.review_reason if row.review == "warned" else None}}
        if parents:
            found["fedisora"]["remix"] = self._remix(row, parents, hidden=hidden)
        for entity in found["media_attachments"]:
            entity["fedisora"]["claims"] = self._claims.get(int(entity["id"]), [])
            entity["fedisora"]["captions"] = caption_entities(self._captions.get(int(entity["id"]), ()), self._uris)
        counts = self._reactions.get(row.id, ())
        found["fedisora"]["reactions"] = [{"name": item.name, "count": item.count} for item in counts]
        found["emoji_reactions"] = [{"name": item.name, "count": item.count, "me": False}
                                    | ({"url": item.url, "static_url": item.url} if item.url else {}) for item in counts]
        if self._viewer is not None:
            found |= {"favourited": row.id in self._liked, "reblogged": row.id in self._boosted, "muted": False,
                      "bookmarked": False, "pinned": row.pinned_at is not None, "filtered": []}
        else:
            found |= {"favourited": False, "reblogged": False}
        return found

    def _remix(self, row: Status, parents: Sequence[Lineage], *, hidden: bool) -> dict[str, Any]:
        """What a post was made from and what is known of the consent; `request`: what its author asked and waits for."""
        asked = self._asked.get(row.id)
        return {"hidden": hidden, "parents": [
            {"uri": parent.parent_uri, "status_id": str(parent.parent_id) if parent.parent_id else None, "kind": parent.kind,
             "consent": parent.consent, "reason": parent.reason, "stamp": parent.stamp_uri,
             "checked_at": when(parent.checked_at)} for parent in parents],
                "request": {"id": str(asked.id), "state": asked.state, "reason": asked.reason} if asked is not None else None}

    def _poll(self, row: Status) -> dict[str, Any] | None:
        found = self._polls.get(row.id)
        return poll(found, row, self._viewer, self._choices.get(row.id, ()), self._now) if found is not None else None

    def _quote(self, row: Status, nested: bool) -> dict[str, Any] | None:
        """entities/Quote; inside a quoted post entities/ShallowQuote."""
        if row.quote_of_uri is None or row.quote_state is None:
            return None
        state, key = row.quote_state, "quoted_status_id" if nested else "quoted_status"
        if state != "accepted":
            return {"state": state, key: None}
        if row.quote_of_id is None:
            return {"state": "deleted", key: None}
        if nested:
            return {"state": state, key: str(row.quote_of_id)}
        quoted = self._quoted.get(row.quote_of_id)
        return {"state": state if quoted else "unauthorized", key: self._one(quoted, nested=True) if quoted else None}

    def _quote_line(self, row: Status) -> str:
        """The link to a quoted post that is not shown, when the text has none."""
        if row.quote_of_uri is None or (row.quote_state == "accepted" and row.quote_of_id in self._quoted):
            return ""
        address = html.escape(row.quote_of_uri)
        return "" if address in row.content else (
            f'<p>RE: <a href="{address}" rel="nofollow noopener noreferrer" target="_blank">{address}</a></p>')

    def _approval(self, row: Status) -> dict[str, Any]:
        """Who may quote a post (entities/QuoteApproval); `current_user` says it for the viewer as far as the policy tells."""
        author = self._actors[row.actor_id]
        automatic, manual = quote_audiences(row.interaction_policy, author.uri, author.followers_uri or "",
                                            public=row.local and row.visibility in statuses.PUBLIC)
        current = ("automatic" if row.actor_id == self._viewer or "public" in automatic else "manual" if "public" in manual
                   else "unknown" if automatic or manual else "denied")
        return {"automatic": automatic, "manual": manual, "current_user": current}

    def _mention(self, actor: Actor) -> dict[str, Any]:
        return {"id": str(actor.id), "username": actor.username, "url": actor.url or actor.uri, "acct": actor.acct}


def many(session: Session, rows: Sequence[Status], viewer_id: int | None, uris: Uris) -> list[dict[str, Any]]:
    """Posts in order."""
    loaded = Statuses(session, rows, viewer_id, uris)
    return [loaded.render(row) for row in rows]


def one(session: Session, row: Status, viewer_id: int | None, uris: Uris) -> dict[str, Any]:
    """One post, with all that is known of its files."""
    return Statuses(session, [row], viewer_id, uris, full=True).render(row)


def tag(name: str, uris: Uris) -> dict[str, Any]:
    """A hashtag."""
    return {"name": name.lower(), "url": uris.tag(name), "history": [], "following": False}
