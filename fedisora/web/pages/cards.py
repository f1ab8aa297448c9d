"""A post as other sites show it: previews, players and feeds. The label comes first, wherever the post goes."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from ...activitypub import markup
from ...models import Actor, Media, Status
from ...provenance import digital_source
from ...provenance.badge import Badge, day
from ...serializers import humanity
from ...store import actors, fingerprints, lineage, statuses
from ...store import media as media_rows
from ...store.domains import Rules
from ...uris import Uris
from . import views

TEXT = 300
BAR = 132
"""Height of what stands below the picture in a player: label, title, author; in pixels."""
NOUNS = {"video": "video", "image": "image", "audio": "sound"}
MIMES = {"video": "video/mp4", "image": "image/jpeg", "audio": "audio/mpeg"}
"""For files whose server did not say."""


@dataclass(frozen=True)
class File:
    """A file of a post. Addresses are absolute, "" where there is none; `length` in bytes, `seconds` of playing time."""

    kind: str
    url: str
    mime: str
    length: int | None
    width: int | None
    height: int | None
    seconds: float | None
    poster: str
    alt: str
    label: str
    source: str | None
    media: Media
    copied: bool


@dataclass(frozen=True)
class Card:
    """A post. `label` is a sentence without a full stop, "" for a post without files; `title` and `text` are plain."""

    status: Status
    author: Actor
    badge: Badge
    title: str
    text: str
    label: str
    page: str
    embed: str
    files: list[File] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)

    @property
    def main(self) -> File | None:
        """The file that the post is about."""
        return self.files[0] if self.files else None

    @property
    def player(self) -> tuple[int, int]:
        """(width, height) of the player at the file's own size, in pixels."""
        file = self.main
        return (file.width or 640, (file.height or 640) + BAR) if file is not None else (640, 2 * BAR)

    @property
    def covered(self) -> bool:
        """Whether its author put something before it: then no picture of it goes anywhere."""
        return self.status.sensitive or bool(self.status.spoiler_text)

    @property
    def labelled_title(self) -> str:
        """The title with the label in front, so that it is the last thing to be cut off."""
        return f"[{self.label}] {self.title}".rstrip() if self.label else self.title

    @property
    def description(self) -> str:
        """The label sentence, then the post's first words."""
        return " ".join(part for part in (f"{self.label}." if self.label else "", self.text) if part)

    @property
    def who(self) -> str:
        """The author with what the account says it is, or who has checked that and until when that counts."""
        kind = {"human": ", says it is a human", "agent": ", AI agent"}.get(self.author.kind or "", "")
        if self.badge.checked and self.badge.until is not None:
            kind = f", a human, {self.badge.more} until {day(self.badge.until)}"
        return f"{markup.clean_line(self.author.name or self.author.username, 80)} (@{self.author.acct}{kind})"


def sentence(media: Media, *, copied: bool = False) -> str:
    """What a label says of a file in one line, and what is wrong with it; never more than was declared or checked.

    Args:
        copied: it looks like another video and nobody explains why (`fingerprints.copies`).
    """
    source = digital_source.find(media.digital_source_type)
    noun = NOUNS.get(media.kind, "file")
    if source is None:
        words = f"Undeclared {noun}: nobody has said how it was made"
    elif source.uri == digital_source.ALGORITHMIC:
        words = f"Procedural {noun}, not AI"
    elif source.uri == digital_source.COMPOSITE and media.generator:
        words = f"Composite {noun}, made by a program"
    else:
        words = f"{source.adjective} {noun}"
        model = markup.clean_line(str((media.generator or {}).get("model") or ""), 60)
        if model and source.kind in ("machine", "mixed"):
            words += f" · {model}"
        elif source.kind == "human":
            words += ", says its author"
    _, wrong, alarm = views.VERDICTS.get(str((media.verdict or {}).get("verdict") or ""), ("", "", False))
    if alarm:
        return f"{words} ({wrong[0].lower()}{wrong[1:]})"
    return f"{words} (matches another video)" if copied else words


def cards(session: Session, rows: Sequence[Status], uris: Uris, rules: Rules | None = None) -> list[Card]:
    """Posts in order, as anybody may see them (the caller has chosen them so).

    Args:
        rules: leaves out files of domains whose files are rejected; None: files of this server only.
    """
    ids = [row.id for row in rows]
    files, people, tags = media_rows.of_statuses(session, ids), actors.many(session, [row.actor_id for row in rows]), \
        statuses.tags(session, ids)
    gone = lineage.hidden(session, ids)
    copies = fingerprints.copies(session, [item for some in files.values() for item in some])
    found = []
    for row in rows:
        author = people[row.actor_id]
        media = files.get(row.id, []) if row.id not in gone else []
        plain = markup.plain_text(row.content)
        title = markup.clean_line(row.spoiler_text or plain, 91)
        text = markup.clean_line(row.spoiler_text or plain, TEXT + 1)
        shown = [_file(item, uris, rules, item.id in copies) for item in media]
        found.append(Card(
            status=row, author=author, badge=humanity.badge(author, uris), title=title if len(title) <= 90 else f"{title[:90]}…",
            text=text if len(text) <= TEXT else f"{text[:TEXT]}…", label=shown[0].label if shown else "",
            page=uris.post_page(author.acct, row.id), embed=uris.embed(author.acct, row.id), files=shown,
            tags=[tag.name for tag in tags.get(row.id, ())]))
    return found


def _file(media: Media, uris: Uris, rules: Rules | None, copied: bool) -> File:
    url = uris.media(media.storage_key) if media.storage_key and media.state == "signed" else ""
    poster = uris.media(media.poster_key) if media.poster_key else ""
    if media.storage_key is None and media.remote_url and rules is not None and not rules.rejects_media(media.remote_url):
        url, poster = media.remote_url, media.remote_poster_url or ""
    return File(kind=media.kind, url=url, mime=media.mime or MIMES.get(media.kind, "application/octet-stream"),
                length=media.size, width=media.width, height=media.height, seconds=media.duration, poster=poster,
                alt=markup.clean_line(media.description, 1500), label=sentence(media, copied=copied),
                source=media.digital_source_type, media=media, copied=copied)
