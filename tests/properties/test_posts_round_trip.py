"""What we write about a post, we read again: content, audience, tags, files, poll and quote."""
from __future__ import annotations

import datetime as dt
import json
import string
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from fedisora.activitypub import addressing, markup
from fedisora.models import Actor, Media, Poll, Status, StatusTag
from fedisora.serializers.activitypub import quote
from fedisora.serializers.activitypub.note import from_activitypub, to_activitypub
from fedisora.services import polls, publish
from fedisora.uris import Uris

URIS = Uris("https://here.example")
NOW = dt.datetime(2026, 11, 25, 12, 0, tzinfo=dt.UTC)
ADA = Actor(id=1, uri=URIS.actor("ada"), username="ada", domain="", followers_uri=URIS.followers(URIS.actor("ada")))
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Co", "Cn"]), max_size=60)
LINES = WORDS.map(lambda text: markup.clean_line(text, 50)).filter(bool)
NAMES = st.text(string.ascii_letters + "äéß", min_size=1, max_size=20)


@st.composite
def people(draw: st.DrawFn) -> list[Actor]:
    names = draw(st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=10), max_size=4, unique=True))
    return [Actor(id=number, uri=f"https://far.example/users/{name}", username=name, domain="far.example")
            for number, name in enumerate(names, 2)]


@st.composite
def files(draw: st.DrawFn) -> list[Media]:
    found = []
    for number in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["video", "image", "audio"]))
        found.append(Media(
            id=number + 1, kind=kind, mime={"video": "video/mp4", "image": "image/webp", "audio": "audio/mpeg"}[kind],
            storage_key=f"ab/{number}.bin", description=draw(WORDS),
            poster_key=draw(st.none() | st.just(f"ab/{number}.webp")) if kind == "video" else None,
            width=draw(st.none() | st.integers(1, 8000)), height=draw(st.none() | st.integers(1, 8000)),
            size=draw(st.none() | st.integers(1, 10**9)), duration=draw(st.none() | st.sampled_from([0.5, 5.0, 61.25, 3600.0])),
            blurhash=draw(st.none() | st.just("LEHV6nWB2yk8pyo0adR*.7kCMdnj")),
            focus_x=draw(st.sampled_from([0.0, -1.0, 0.25, 1.0])), focus_y=draw(st.sampled_from([0.0, 0.5])),
            digest=draw(st.none() | st.just("zQmX")), digital_source_type=None, generator=None, manifest_key=None))
    return found


@st.composite
def ballots(draw: st.DrawFn) -> Poll:
    titles = draw(st.lists(LINES, min_size=2, max_size=4, unique=True))
    return Poll(status_id=7, options=[{"title": title, "votes": draw(st.integers(0, 10**6))} for title in titles],
                multiple=draw(st.booleans()), expires_at=NOW + dt.timedelta(hours=1), voters_count=draw(st.integers(0, 10**6)),
                closed_at=draw(st.none() | st.just(NOW + dt.timedelta(hours=1))))


def html_of(text: str) -> str:
    return markup.text_to_html(text, {}, URIS.tag)[0]


@settings(max_examples=150, deadline=None)
@given(text=st.lists(WORDS, max_size=5).map("\n".join), visibility=st.sampled_from(publish.VISIBILITIES), mentioned=people(),
       tags=st.lists(NAMES, max_size=5, unique_by=str.lower), media=files(), ballot=st.none() | ballots(),
       spoiler=st.just("") | LINES, quoted=st.sampled_from([None, "https://far.example/1"]), stamp=st.booleans(),
       language=st.sampled_from([None, "de", "en"]),
       reply=st.sampled_from([None, "https://far.example/2"]))
def test_what_we_write_we_read(text: str, visibility: addressing.Visibility, mentioned: list[Actor], tags: list[str],
                               media: list[Media], ballot: Poll | None, spoiler: str, quoted: str | None, stamp: bool,
                               language: str | None, reply: str | None) -> None:
    status = Status(
        id=7, uri=URIS.status(ADA.uri, 7), url=URIS.post_page("ada", 7), visibility=visibility, content=html_of(text),
        spoiler_text=spoiler, sensitive=bool(spoiler), language=language, in_reply_to_uri=reply, created_at=NOW,
        object_type="Question" if ballot else "Note", quote_of_uri=quoted, quote_state="accepted" if stamp else "pending",
        quote_authorization="https://far.example/stamps/1" if stamp else None,
        interaction_policy={"canQuote": quote.policy("public", ADA.uri, ADA.followers_uri or "")})
    rows = [StatusTag(status_id=7, key=name.lower(), name=name) for name in tags]
    note = json.loads(json.dumps(to_activitypub(status, ADA, media, mentioned, rows, URIS, ballot=ballot)))
    found = from_activitypub(note)

    line = markup.sanitize(quote.fallback(quoted)) if quoted else ""
    assert found.content == line + markup.sanitize(status.content)
    assert (found.uri, found.url, found.type, found.published) == (status.uri, status.url, status.object_type, NOW)
    assert (found.spoiler, found.sensitive, found.language, found.in_reply_to) == (spoiler, bool(spoiler), language, reply)
    assert found.audience == addressing.audience_for(visibility, ADA.followers_uri or "", [person.uri for person in mentioned])
    assert addressing.visibility(found.audience, ADA.followers_uri) == visibility
    assert set(found.tags) == set(tags)
    assert found.mentions == tuple(person.uri for person in mentioned)
    assert [(item.kind, item.mime, item.url, item.poster, item.description, item.width, item.height, item.size, item.duration,
             item.blurhash, item.focus, item.digest) for item in found.media] == [
        (item.kind, item.mime, URIS.media(item.storage_key or ""), URIS.media(item.poster_key) if item.poster_key else None,
         item.description, item.width, item.height, item.size, item.duration, item.blurhash, (item.focus_x, item.focus_y),
         item.digest) for item in media]
    assert found.interaction_policy == status.interaction_policy
    if ballot is None:
        assert found.poll is None
    else:
        assert found.poll is not None
        assert found.poll.options == tuple((option["title"], option["votes"]) for option in ballot.options)
        assert (found.poll.multiple, found.poll.ends, found.poll.closed, found.poll.voters) == (
            ballot.multiple, ballot.expires_at, ballot.closed_at, ballot.voters_count)
    assert (found.quote and (found.quote.uri, found.quote.authorization)) == (
        (quoted, "https://far.example/stamps/1" if stamp else None) if quoted else None)


def test_poll_titles_of_ours_come_back_whole() -> None:
    assert polls.MAX_TITLE <= 255


def longest(**more: Any) -> dict[str, Any]:
    """The largest post there can be, without proof."""
    text = "\u6f22" * (publish.MAX_CHARACTERS - 500)  # the warning counts too
    media = [Media(id=number, kind="video", mime="video/mp4", storage_key="ab/" + "k" * 60,
                   poster_key="ab/" + "p" * 60, size=10**8, description="\u6f22" * 1500,
                   width=3840, height=2160, duration=59.999, focus_x=0.123, focus_y=-0.123,
                   blurhash="|" + "A" * 53, digest="z" * 64, manifest_key="ab/" + "m" * 60,
                   digital_source_type="http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia",
                   generator={"name": "n" * 120, "model": "m" * 120, "revision": "r" * 120}) for number in range(4)]
    mentioned = [Actor(id=number, uri=f"https://far.example/users/{'u' * 20}{number}", username="u" * 20, domain="far.example")
                 for number in range(50)]
    tags = [StatusTag(status_id=7, key=f"{'t' * 30}{number}", name=f"{'t' * 30}{number}") for number in range(30)]
    status = Status(id=10**17, uri=URIS.status(ADA.uri, 10**17), url=URIS.post_page("ada", 10**17), visibility="public",
                    content=html_of(text), spoiler_text="\u6f22" * 500, sensitive=True, language="de", created_at=NOW,
                    edited_at=NOW,
                    in_reply_to_uri="https://far.example/" + "r" * 200, quote_of_uri="https://far.example/" + "q" * 200,
                    quote_state="accepted", quote_authorization="https://far.example/" + "s" * 200,
                    interaction_policy={"canQuote": quote.policy("public", ADA.uri, ADA.followers_uri or "")}, **more)
    return to_activitypub(status, ADA, media, mentioned, tags, URIS)


def test_the_longest_post_stays_under_50_kb() -> None:
    note = longest()
    create = {"id": note["id"] + "/activity", "type": "Create", "actor": ADA.uri, "to": note["to"], "cc": note["cc"],
              "object": note, "proof": "p" * 500}
    size = len(orjson.dumps(create))
    assert size < 50_000, size
    assert all(item["name"] for item in note["attachment"])


def test_a_usual_post_says_everything_twice_that_peers_read_in_different_places() -> None:
    media = [Media(id=1, kind="video", mime="video/mp4", storage_key="a", description="alt", focus_x=0.0, focus_y=0.0)]
    status = Status(id=7, uri="https://here.example/1", url="", visibility="public", content="<p>x</p>", language="de",
                    spoiler_text="", sensitive=False, created_at=NOW)
    note = to_activitypub(status, ADA, media, [], [], URIS)
    assert note["contentMap"] == {"de": "<p>x</p>"}
    assert (note["attachment"][0]["name"], note["attachment"][0]["summary"]) == ("alt", "alt")
