"""What a text asks an agent for: prompts, options, words, and nothing that ever raises or names anybody."""
from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedisora.activitypub import markup
from fedisora.services.agents import parsing, words
from fedisora.services.agents.parsing import Asked, parse


def ask(text: str) -> Asked:
    return parse(text, own="dreamer")


@pytest.mark.parametrize(("text", "wanted"), [
    ("@dreamer@a.example a lighthouse in fog, portrait", Asked("video", "a lighthouse in fog", "portrait")),
    ("@dreamer a portrait of a sailor, 10 s, seed 42", Asked("video", "a portrait of a sailor", seconds=10.0, seed=42)),
    ("@dreamer a cat for 8 seconds", Asked("video", "a cat", seconds=8.0)),
    ("@dreamer a cat, seed 7 landscape 2.5s please", Asked("video", "a cat", "landscape", seconds=2.5, seed=7)),
    ("a cat (square, 2,5 s) @dreamer", Asked("video", "a cat", "square", seconds=2.5)),
    ("@dreamer a man, tall, dark, 9:16", Asked("video", "a man, tall, dark", "portrait")),
    ("a lake; 1280x720; 4s", Asked("video", "a lake", size="1280x720", seconds=4.0)),
    ("hey @dreamer, a red boat", Asked("video", "a red boat")),
    ("@dreamer make a video of a cat, 16:9 please", Asked("video", "a cat", "landscape")),
    ("@dreamer ein Leuchtturm im Nebel, Hochformat, 5 Sekunden",
     Asked("video", "ein Leuchtturm im Nebel", "portrait", seconds=5)),
    ("@dreamer un phare dans la brume, carré, 3 secondes", Asked("video", "un phare dans la brume", "square", seconds=3)),
    ("@dreamer un faro en la niebla, apaisado, 4 segundos, semilla 9",
     Asked("video", "un faro en la niebla", "landscape", seconds=4, seed=9)),
    ("@dreamer: a cat\n\nvertical\n10s #ai #video", Asked("video", "a cat", "portrait", seconds=10)),
    ("@dreamer look https://evil.example/x?y=1 a cat", Asked("video", "look a cat")),
    ("@dreamer @bob a cat with @alice@x.example:80 in it",
     Asked("video", "a cat with alice in it", people=("alice@x.example:80",))),
    ("@dreamer a cat, Hochformat, bitte", Asked("video", "a cat", "portrait")),
    (":blobcat: sleeps in a :red_box:", Asked("video", "blobcat sleeps in a red_box")),
    ("@dreamer two cats, three dogs, 5 birds", Asked("video", "two cats, three dogs, 5 birds")),
    ("@dreamer a #red boat", Asked("video", "a red boat")),
    ("@dreamer 🐈", Asked("video", "🐈")),
])
def test_a_request_is_read(text: str, wanted: Asked) -> None:
    assert ask(text) == wanted


@pytest.mark.parametrize(("text", "kind"), [
    ("@dreamer stop", "stop"), ("@dreamer Please STOP!", "stop"), ("@dreamer start.", "start"), ("@dreamer a bus stop", "video"),
    ("@dreamer start a fire", "video"), ("@dreamer", "help"), ("@dreamer help?", "help"), ("@dreamer Hilfe!", "help"),
    ("@dreamer portrait, 5 s", "help"), ("@dreamer ...", "help"), ("@dreamer thanks!", "thanks"),
    ("@dreamer Vielen Dank", "thanks"), ("@dreamer thanks, now a cat", "video")])
def test_words_are_words_only_alone(text: str, kind: str) -> None:
    assert ask(text).kind == kind


def test_an_agent_without_a_stop_word_is_never_told_to_stop() -> None:
    assert parse("", stop="", start="").kind == "help"
    assert parse("stop", stop="", start="").kind == "video"
    assert parse("arrête", stop="Arrête", start="").kind == "stop"


@pytest.mark.parametrize("text", [
    "stop 🙏", "🛑 stop", "please stop 🙏", "🙏 please, stop 🙏", "ｓｔｏｐ", "‘stop’", "**stop**", "STOP!!!",
    "stop :blobcat_heart:", "stop, please", "stop #nobots"])
def test_a_word_is_heard_whatever_stands_around_it(text: str) -> None:
    """Else somebody who wants to be left alone gets a video of it."""
    assert ask(text).kind == "stop"
    if "stop" in text:
        assert parse(f"@dreamer {text.replace('stop', 'arrete')}", own="dreamer", stop="arrête").kind == "stop"


@pytest.mark.parametrize(("text", "kind"), [
    ("thank you 😍", "thanks"), ("Génial ! ❤️", "thanks"), ("thanks!!! :heart:", "thanks"), ("help 🙏", "help"), ("🐙🌊", "video"),
    ("a bus stop", "video"), ("stop motion of a cat", "video"), ("don't stop", "video"), ("...", "help")])
def test_emoji_beside_words_change_nothing(text: str, kind: str) -> None:
    assert ask(text).kind == kind


@pytest.mark.parametrize(("text", "prompt"), [
    ("霧の中の灯台、portrait、5 s", "霧の中の灯台"), ("灯塔，portrait，5 s", "灯塔"),
    ("منارة في الضباب، portrait؛ 5 s", "منارة في الضباب"),
    ("灯塔，大海，portrait, 5 s", "灯塔，大海")])
def test_commas_of_other_scripts_are_commas(text: str, prompt: str) -> None:
    assert ask(text) == Asked("video", prompt, "portrait", seconds=5.0)


def test_a_seed_that_is_none_is_left_out() -> None:
    assert ask("a cat, seed 9999999999999999999").seed is None


MASTODON = ('<p><span class="h-card" translate="no"><a href="https://a.example/@dreamer" class="u-url mention">@<span>'
            'dreamer</span></a></span> a lighthouse in fog, portrait <a href="https://m.example/tags/fog" '
            'class="mention hashtag" rel="tag">#<span>fog</span></a></p><p class="quote-inline">RE: <a href="https://m.example/1">https://m.example/1</a></p>')


def test_the_html_of_mastodon_is_read() -> None:
    html = markup.sanitize(MASTODON)
    assert ask(parsing.text_of(html)) == Asked("video", "a lighthouse in fog", "portrait")


def test_who_is_named_first() -> None:
    html = markup.sanitize(MASTODON.replace(
        "</p><p", '<a href="https://a.example/@painter" class="u-url mention">@painter</a></p><p'))
    people = {5: ("https://a.example/users/painter", "https://a.example/@painter", "painter"),
              7: ("https://a.example/users/dreamer", "https://a.example/@dreamer", "dreamer")}
    assert parsing.first_named(html, people) == 7
    assert parsing.first_named("<p>hi @painter and @dreamer</p>", people) == 5
    assert parsing.first_named("<p>hi</p>", people) is None
    assert parsing.begins_with(html, "Dreamer") and not parsing.begins_with(html, "painter")


PIECES = st.one_of(st.text(max_size=12), st.sampled_from([
    "@dreamer", "@a@b.example", "#tag", "https://x.example/a",
    ",", "portrait", "10 s", "seed 3", "1280x720", "stop", "(", ")", "\n",
    "9:16", "for 8 seconds", "please", "<script>", "{{7*7}}", "$(reboot)", "\x00", "\u202e", "@", "＃x",
    "@@", "#@a", "#\x1fA", "@\x1fdreamer", "#\u202eb"]))


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=12).map(" ".join))
def test_whatever_is_said_is_words(text: str) -> None:
    asked = ask(text)
    assert (asked.kind == "video") == bool(asked.prompt)
    assert len(asked.prompt) <= parsing.MAX_TEXT and "\n" not in asked.prompt
    assert not markup.find_mentions(asked.prompt) and "@" not in asked.prompt
    assert not re.search(r"https?://\S", asked.prompt, re.IGNORECASE)
    assert asked.seconds is None or asked.seconds >= 0
    assert asked.seed is None or 0 <= asked.seed <= parsing.MAX_SEED
    if asked.kind == "video":
        again = ask(asked.prompt)
        assert again.kind != "video" or len(again.prompt) <= len(asked.prompt)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=12).map(" ".join))
def test_a_quiet_text_names_nobody(text: str) -> None:
    said = parsing.quiet(text)
    assert not markup.find_mentions(said)
    assert not markup.text_to_html(said, {}, lambda tag: tag)[1]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(words.SHAPES)), st.integers(1, 99), st.integers(0, parsing.MAX_SEED),
       st.sampled_from(["s", "seconds", "Sekunden", "secondes", "segundos"]))
def test_options_come_back_in_any_language(shape: str, seconds: int, seed: int, unit: str) -> None:
    assert ask(f"a cat, {shape}, {seconds} {unit}, seed {seed}") == Asked(
        "video", "a cat", words.SHAPES[shape], seconds=float(seconds), seed=seed)


def test_a_very_long_text_is_read_in_good_time() -> None:
    assert ask("a " * 50_000).kind == "video"
    assert ask("@a " * 50_000).kind == "help"
    assert ask(", " * 50_000 + "portrait").kind == "help"
    for piece in ("@a    ", "#a   ", " ,.", "a,1", "1x1 ", "(", "portrait ", "9 s ", "@a.@a"):
        begun = time.monotonic()
        ask(piece * 1000 + "x")
        assert time.monotonic() - begun < 1.0, piece
