"""What a post has beside its text and files, as HTML of our own: the result of a poll, the post it quotes."""
from __future__ import annotations

import datetime as dt
import html
from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from ...activitypub import markup
from ...models import Actor, Media, Poll, Status
from ...provenance import foreign_labels
from ...serializers.mastodon.status import label_source
from ...store import actors, polls, quotes
from ...store import media as media_rows

EXCERPT = 200


def extras(session: Session, rows: Mapping[int, Status], viewer_id: int | None) -> dict[int, str]:
    """HTML by post, for those that have something."""
    now = dt.datetime.now(dt.UTC)
    ballots = polls.of_statuses(session, [row.id for row in rows.values() if row.object_type == "Question"])
    quoting = [row for row in rows.values() if row.quote_of_uri is not None]
    quoted = quotes.shown(session, [row.quote_of_id for row in quoting
                                    if row.quote_of_id is not None and row.quote_state == "accepted"], viewer_id)
    people = actors.many(session, [row.actor_id for row in quoted.values()])
    files = media_rows.of_statuses(session, list(quoted))
    found = {key: _poll(ballot, polls.over(ballot, now)) for key, ballot in ballots.items()}
    for row in quoting:
        original = quoted.get(row.quote_of_id or 0)
        found[row.id] = found.get(row.id, "") + (
            _quote(original, people[original.actor_id], files.get(original.id, ())) if original is not None else _link(row))
    return found


def _poll(poll: Poll, over: bool) -> str:
    total = sum(option["votes"] for option in poll.options)
    items = "".join(f"<li>{html.escape(option['title'])}: {round(100 * option['votes'] / total) if total else 0} %</li>"
                    for option in poll.options)
    voters = poll.voters_count if poll.voters_count is not None else total
    return f"<ul>{items}</ul><p>{voters} voted{', closed' if over else ''}</p>"


def _quote(status: Status, author: Actor, files: Sequence[Media]) -> str:
    """The author, the first words, and what every file of the quoted post is labelled as."""
    text = markup.plain_text(status.spoiler_text or status.content)
    short = text[:EXCERPT] + ("…" if len(text) > EXCERPT else "")
    address = html.escape(f"/@{author.acct}/{status.id}")
    return (f'<blockquote><p><a href="{address}">{html.escape(author.name or author.username)}</a></p>'
            f"<p>{html.escape(short)}</p>{''.join(map(_label, files))}</blockquote>")


def _label(media: Media) -> str:
    noun = {"video": "Video", "image": "Picture", "audio": "Sound"}.get(media.kind)
    if noun is None:
        return ""
    known_from = label_source(media)
    label = foreign_labels.label(media.digital_source_type, known_from, media.generator) or "undeclared"
    said = f" ({foreign_labels.WORD_OF[known_from]})" if media.state == "remote" and known_from in foreign_labels.WORD_OF else ""
    return f"<p>{noun}: <strong>{html.escape(label)}</strong>{html.escape(said)}</p>"


def _link(row: Status) -> str:
    address = html.escape(row.quote_of_uri or "")
    if address in row.content:
        return ""
    return f'<p>RE: <a href="{address}" rel="{markup.LINK_REL}" target="_blank">{address}</a></p>'
