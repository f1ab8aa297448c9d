"""What pages show, as plain values; read in one go, however many posts there are."""
from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from ...models import Actor, Caption, Media, Status
from ...provenance import digital_source, foreign_labels, label_lines
from ...provenance.badge import PLAIN, Badge, Narrowing
from ...serializers import humanity
from ...serializers.activitypub.note import label_line, shown_line
from ...serializers.mastodon.matches import discreet
from ...serializers.mastodon.status import label_source
from ...services import renditions
from ...store import actors, fingerprints, relations, statuses, verifiers
from ...store import captions as caption_rows
from ...store import media as media_rows
from ...uris import Uris
from . import made as origin
from .extras import extras
from .made import Fact
from .remix import NO_REMIX, RemixView, of_posts

VERDICTS: dict[str, tuple[str, str, bool]] = {
    "verified": ("m-verified", "Record verified", False),
    "verified-foreign-issuer": ("m-foreign", "Signed by another server", False),
    "intact-unknown-signer": ("m-unknown", "Intact, signer unknown", False),
    "contradicted": ("m-contradicted", "Contradicts itself", True), "tampered": ("m-tampered", "Changed after signing", True),
    "revoked": ("m-revoked", "Revoked", True), "recovered": ("m-recovered", "Record recovered", False),
    "unsigned": ("m-none", "No record", False), "unreadable": ("m-unreadable", "Not readable", False)}
"""Verdict → (mark, words on a chip, alarm)."""
COPIED = ("m-recovered", "Matches another video")
CHECKS = {"manifest": "Signed record", "signature": "The signer is who it says", "digest": "The bytes are intact",
          "object": "Post and file agree", "signer": "The signer is who it says",
          "revocation": "Not revoked", "certificate": "Certificate", "ingredients": "What it was made from"}
MARKS = {"machine": "m-agent", "mixed": "m-mixed", "procedural": "m-proc", "human": "m-camera", "undeclared": "m-none"}
UNDECLARED = {"video": "Video undeclared", "image": "Picture undeclared", "audio": "Sound undeclared"}
GOOD = ("verified", "verified-foreign-issuer")
TONES = {"machine": "machine", "mixed": "mixed", "procedural": "machine", "human": "human", "undeclared": "none"}


@dataclass(frozen=True)
class AccountView:
    """An account. `tone` is human, machine or none: the shape and colour of what stands for it."""

    id: int
    name: str
    handle: str
    page: str
    avatar: str
    tone: str
    kind: str
    badge: Badge
    """What is known of who is behind it, for this viewer, now."""
    mark: str
    operator: str | None
    operator_handle: str
    operator_confirmed: bool
    """Both say that this account runs the agent."""
    local: bool
    summary: str
    url: str
    uri: str
    followers: int
    following: int
    posts: int
    fields: list[Any]
    locked: bool


def account_page(actor: Actor) -> str:
    """Path of an account's page here; the server's own account has none but what it says about itself."""
    return "/about" if actor.local and actor.type == "Application" else f"/@{actor.acct}"


def account(actor: Actor, uris: Uris, narrowing: Narrowing = PLAIN) -> AccountView:
    """An account as pages show it.

    Args:
        narrowing: whose word about people the viewer takes (`store.verifiers.narrowing`).
    """
    kind = actor.kind or "undeclared"
    tone = {"human": "human", "agent": "machine"}.get(kind, "none")
    badge = humanity.badge(actor, uris, narrowing=narrowing)
    mark = {"human": "m-human", "machine": "m-agent"}.get(badge.tone, "m-human" if kind == "human" else "m-none")
    if actor.avatar_key:
        avatar = f"/media/{actor.avatar_key}"
    else:
        avatar = f"/proxy/avatar/{actor.id}" if actor.avatar_url else f"/static/avatar-{tone}.svg"
    operator_handle = ""
    if actor.operator_uri:
        name = uris.actor_name(actor.operator_uri) or actor.operator_uri.rstrip("/").rpartition("/")[2]
        operator_handle = f"@{name}"
    return AccountView(
        id=actor.id, name=actor.name or actor.username, handle=f"@{actor.username}@{actor.domain or uris.host}",
        page=account_page(actor), avatar=avatar, tone=tone, kind=kind, badge=badge, mark=mark, operator=actor.operator_uri,
        operator_handle=operator_handle, operator_confirmed=actor.operator_confirmed, local=actor.local, summary=actor.summary,
        url=actor.url or actor.uri, uri=actor.uri,
        followers=actor.followers_count, following=actor.following_count, posts=actor.statuses_count,
        fields=humanity.own_fields(actor), locked=actor.locked)


@dataclass(frozen=True)
class CaptionView:
    """Captions in one language; `text` is empty for those of other servers."""

    id: int
    language: str
    label: str
    automatic: bool
    url: str
    text: str


@dataclass(frozen=True)
class StoryboardView:
    """A strip of small pictures; `strip`: width, height, columns, count and interval, for player.js."""

    url: str
    strip: str


@dataclass(frozen=True)
class MediaView:
    """A file of a post."""

    id: int
    kind: str
    url: str
    poster: str | None
    width: int
    height: int
    alt: str
    mime: str
    label: str
    model: str
    tone: str
    mark: str
    verdict: str
    verdict_mark: str
    verdict_text: str
    alarm: bool
    sentence: str
    facts: list[Fact] = field(default_factory=list)
    raw: str = ""
    ready: bool = True
    file_name: str = ""
    manifest: str = ""
    choices: list[tuple[str, str]] = field(default_factory=list)
    captions: list[CaptionView] = field(default_factory=list)
    storyboard: StoryboardView | None = None
    sources: list[tuple[str, str, int]] = field(default_factory=list)
    """(address, media type, lines of its short side; 0: several) to choose from, when there is more than `url`."""


def _dict(value: object) -> dict[str, Any]:
    """A JSON object from a file somebody else made, {} for anything else."""
    return value if isinstance(value, dict) else {}


def _facts(media: Media, actor: Actor, shown: AccountView) -> list[Fact]:
    verdict = media.verdict or {}
    good = verdict.get("verdict") in GOOD
    how = "checked" if good else "only said"
    record = _dict(verdict.get("record")) or media.record or {}
    generator = _dict(record.get("generator")) or media.generator or {}
    who = {"human": f"{shown.name}, a human", "agent": f"{shown.name}, an AI agent"}.get(shown.kind, shown.name)
    if shown.badge.checked:
        who = f"{shown.name}, a human, {shown.badge.more}"
    if shown.operator_handle:
        who += f". {shown.operator_handle} answers for it"
    facts = [Fact("Who", who, "checked" if shown.badge.checked else "only said", shown.handle)]
    made = " ".join(str(generator[name]) for name in ("name", "model") if generator.get(name))
    if made:
        small = " · ".join(str(item) for item in (generator.get("licence"), generator.get("revision") and
                                                  f"revision {generator['revision']}") if item)
        seed = f", seed {generator['seed']}" if generator.get("seed") else ""
        facts.append(Fact("What made it", made + seed, how, small))
    if generator.get("prompt"):
        facts.append(Fact("Prompt", f"“{generator['prompt']}”", "only said"))
    elif generator.get("promptCommitment"):
        facts.append(Fact("Prompt", "Kept private by its author, who can prove it later.", "only said"))
    facts.append(origin.source(media, how))
    facts.extend(origin.origins(media, actor, how))
    signer = _dict(verdict.get("signer"))
    if signer.get("instance"):
        host = str(signer["instance"]).partition("://")[2] or str(signer["instance"])
        facts.append(Fact("Signature", host, "checked" if good else "", f"certificate {signer.get('certificateSerial') or '?'}"))
    if media.digest:
        facts.append(Fact("File", media.digest, "checked" if good else "", mono=True))
    return facts


def _lines(source: dict[str, Any]) -> int:
    return 0 if source["type"] == renditions.HLS else min(source["width"] or 0, source["height"] or 0)


def media_view(media: Media, actor: Actor, shown: AccountView, *, title: str = "", named: bool = False,
               copied: bool = False, captions: Sequence[Caption] = (), sources: Sequence[tuple[str, str, int]] = ()) -> MediaView:
    """A file as pages show it; remote ones are shown through this server.

    Args:
        title: of its post, for the name it is kept by.
        named: whether the post that it looks like may be named.
        copied: it looks like another video and nobody explains why: then its chip says that, and not that it is verified.
        sources: (address, media type, lines) of HLS and other sizes.
    """
    kept = discreet(media.verdict, named=named) or {}
    source = digital_source.find(media.digital_source_type)
    kind = source.kind if source else "undeclared"
    verdict = str(kept.get("verdict") or "")
    mark, text, alarm = VERDICTS.get(verdict, ("m-unknown", "Not checked yet", False))
    if copied and verdict in GOOD:
        mark, text = COPIED
    known_from = label_source(media)
    model = str((media.generator or {}).get("model") or "") if kind in ("machine", "mixed") else ""
    model = foreign_labels.WORD_OF.get(known_from or "", model) if media.state == "remote" else model
    local = media.storage_key is not None
    remote_poster = f"/proxy/poster/{media.id}" if media.remote_poster_url else None
    poster = f"/media/{media.poster_key}" if media.poster_key else remote_poster
    sentence = str(kept.get("summary") or "")
    if not sentence or (known_from in ("hashtag", "peertube", "manifest") and verdict not in GOOD):
        # what was said elsewhere stands first, as what it is; what the check found comes after it
        said = foreign_labels.sentence(media.digital_source_type, known_from, media.generator)
        sentence = f"{said} {sentence}".strip()
    return MediaView(
        id=media.id, kind=media.kind, url=f"/media/{media.storage_key}" if local else f"/proxy/media/{media.id}", poster=poster,
        width=media.width or 960, height=media.height or 540, alt=media.description, mime=media.mime or "video/mp4",
        label=(foreign_labels.label(media.digital_source_type, known_from, media.generator)
               or UNDECLARED.get(media.kind, "Undeclared")),
        model=model, tone=TONES[kind], mark=MARKS[kind], verdict=verdict,
        verdict_mark=mark, verdict_text=text, alarm=alarm, sentence=sentence, facts=_facts(media, actor, shown),
        raw=json.dumps(kept, indent=2, ensure_ascii=False) if kept else "",
        ready=media.state in ("signed", "remote", "ready"), file_name=origin.file_name(actor, title, media),
        manifest=f"/media/{media.manifest_key}" if media.manifest_key else "", choices=origin.choices(media),
        storyboard=_storyboard(media), sources=list(sources), captions=[CaptionView(
            row.id, row.language, row.label, row.automatic, f"/media/captions/{row.id}.vtt",
            "" if caption_rows.remote_url(row) else row.text) for row in captions])


def _storyboard(media: Media) -> StoryboardView | None:
    strip = media.storyboard
    if not media.storyboard_key or not strip:
        return None
    return StoryboardView(f"/media/{media.storyboard_key}",
                          " ".join(str(strip[name]) for name in ("width", "height", "columns", "count", "interval")))


@dataclass(frozen=True)
class PostView:
    """A post, or what a boost boosts (`boosted_by` set)."""

    id: int
    author: AccountView
    content: str
    title: str
    spoiler: str
    sensitive: bool
    media: list[MediaView]
    page: str
    original: str
    local: bool
    created: dt.datetime
    edited: dt.datetime | None
    likes: int
    boosts: int
    replies: int
    liked: bool
    boosted: bool
    mine: bool
    visibility: str
    published: bool
    text: str
    boosted_by: AccountView | None = None
    remix: RemixView = NO_REMIX
    row: int = 0
    matched: bool = False
    """Its file looks like another video that may be named, and not by the word of an author of both."""
    warning: str = ""

    @property
    def main(self) -> MediaView | None:
        """The file that the post is about."""
        return self.media[0] if self.media else None


def posts(session: Session, rows: Sequence[Status], viewer_id: int | None, uris: Uris) -> list[PostView]:
    """Posts in order."""
    originals = statuses.many(session, [row.reblog_of_id for row in rows if row.reblog_of_id is not None])
    every = {row.id: row for row in rows} | originals
    ids = list(every)
    files = media_rows.of_statuses(session, ids)
    people = actors.many(session, [row.actor_id for row in every.values()])
    liked = relations.favourited(session, viewer_id, ids) if viewer_id is not None else set()
    boosted = relations.reblogged(session, viewer_id, ids) if viewer_id is not None else set()
    every_file = [item for some in files.values() for item in some]
    alike, copies = fingerprints.matches(session, every_file), fingerprints.copies(session, every_file)
    more = extras(session, every, viewer_id)
    said = caption_rows.of_files(session, [item.id for item in every_file])
    sizes = {media_id: [(item["src"].removeprefix(uris.base), item["type"], _lines(item)) for item in items]
             for media_id, items in renditions.offered(session, uris, every_file).items()}
    remixes = of_posts(session, [(row, people[row.actor_id]) for row in every.values()], viewer_id)
    narrowing = verifiers.narrowing(session, viewer_id)
    found = []
    for row in rows:
        shown = every.get(row.reblog_of_id, row) if row.reblog_of_id is not None else row
        actor = people[shown.actor_id]
        author = account(actor, uris, narrowing)
        remix, mine = remixes[shown.id], shown.actor_id == viewer_id
        media = files.get(shown.id, []) if mine or not remix.withdrawn else []
        label = shown_line(remix.shown, uris, shown.language) + label_line(media, uris, shown.language)[0] if shown.local else ""
        found.append(PostView(
            id=shown.id, author=author, content=shown.content + more.get(shown.id, "") + label, title=title_of(shown),
            spoiler=shown.spoiler_text, sensitive=shown.sensitive,
            media=[media_view(item, actor, author, title=title_of(shown), named=item.id in alike, copied=item.id in copies,
                              captions=said.get(item.id, ()), sources=sizes.get(item.id, ()))
                   for item in media],
            page=f"{account_page(actor)}/{shown.id}", original=shown.url or shown.uri, local=shown.local,
            created=shown.created_at, edited=shown.edited_at, likes=shown.favourites_count, boosts=shown.reblogs_count,
            replies=shown.replies_count, liked=shown.id in liked, boosted=shown.id in boosted, mine=mine, remix=remix,
            visibility=shown.visibility, published=shown.published, text=shown.text, row=row.id,
            warning=shown.review_reason or "" if shown.review == "warned" else "",
            matched=any(item.id in alike and (item.matched or {}).get("answer") != "mine" for item in media),
            boosted_by=account(people[row.actor_id], uris, narrowing) if row.reblog_of_id is not None else None))
    return found


def title_of(status: Status) -> str:
    """The first words of a post, for the tab and the heading."""
    import html
    import re

    spaced = re.sub(r"</p>|<br ?/?>", " ", status.text or label_lines.without(status.content))
    plain = html.unescape(re.sub(r"<[^>]+>", "", spaced))
    words = " ".join(plain.split())
    return words[:90] + ("…" if len(words) > 90 else "")
