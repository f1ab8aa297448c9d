"""Sentences in other languages: the catalogues that come with the server, and one that a translator adds."""
from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from fedisora import translations
from fedisora.services.agents import parsing
from fedisora.translations import Sentence, find, said, tongues

LANGUAGES = ("de", "es", "fr")
PLACE = re.compile(r"%\((\w+)\)s")
NOWHERE = Path("/nowhere")


def catalogue(name: str) -> Catalog:
    with (translations.PACKAGED / name).open("rb") as file:
        return read_po(file, abort_invalid=True)


def identities(found: Catalog) -> set[tuple[str, ...]]:
    return {message.id if isinstance(message.id, tuple) else (str(message.id),) for message in found if message.id}


def test_the_template_holds_what_the_code_says() -> None:
    keywords = {"Sentence": None, "plural": (1, 2)}
    found = {message if isinstance(message, tuple) else (message,) for _, _, message, _, _ in extract_from_dir(
        str(translations.PACKAGED.parent), method_map=[("**.py", "python")], keywords=keywords)}  # type: ignore[arg-type]
    assert identities(catalogue("messages.pot")) == found, "see its first lines"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_is_complete_and_fits(language: str) -> None:
    found = catalogue(f"{language}/LC_MESSAGES/messages.po")
    assert identities(found) == identities(catalogue("messages.pot"))
    for message in found:
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(texts) and not message.fuzzy, message.id
        assert {frozenset(PLACE.findall(text)) for text in texts} == {frozenset(PLACE.findall(ids[0]))}, message.id
    assert find(NOWHERE, language).code == language


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_the_example_in_the_help_is_understood(language: str) -> None:
    entry = next(message for message in catalogue("messages.pot") if "lighthouse" in message.id)
    text = find(NOWHERE, language)(Sentence(str(entry.id)))
    example = re.search(r"[“„«]\s*([^“”„»]+?)\s*[”“»]", text)
    assert example is not None
    asked = parsing.parse(example[1])
    assert (asked.kind, asked.orientation, asked.seconds) == ("video", "portrait", 5.0) and "," not in asked.prompt


@pytest.mark.parametrize(("wishes", "code"), [
    (("de-AT", "fr"), "de"), (("DE_ch",), "de"), ((None, "", "es"), "es"), (("tlh", "fr"), "fr"), (("tlh",), "en"), ((), "en"),
    (("../../etc", "de/../fr", "%s"), "en"), (("en-GB", "de"), "en")])
def test_the_first_language_that_is_spoken_wins(wishes: tuple[str | None, ...], code: str) -> None:
    assert find(NOWHERE, *wishes).code == code


def test_a_sentence_is_its_english_text_and_more() -> None:
    one = Sentence.plural("I make %(count)s video in 24 hours, and it is made.",
                          "I make %(count)s videos in 24 hours, and they are made.", 1)
    whole = Sentence("%(limit)s Ask again after %(time)s UTC.", limit=one, time="09:30")
    assert whole == "I make 1 video in 24 hours, and it is made. Ask again after 09:30 UTC."
    assert find(NOWHERE, "de")(whole) == "Ich mache in 24 Stunden 1 Video, und es ist gemacht. Frag wieder nach 09:30 UTC."
    assert Sentence("100 % so") == "100 % so" and find(NOWHERE, "de")("") == ""


def test_a_text_is_written_in_one_language() -> None:
    made = Sentence("I could not make this.")
    assert said(find(NOWHERE, "de"), made, "as it came") == ("Das konnte ich nicht machen. as it came", "de")
    assert said(find(NOWHERE, "de"), made, Sentence("Only a gate says this.")) == (
        "I could not make this. Only a gate says this.", "en")
    nested = Sentence("%(limit)s Ask again after %(time)s UTC.", limit=Sentence("Nobody translated it."), time="1")
    assert said(find(NOWHERE, "de"), nested)[1] == "en"


def test_a_catalogue_in_the_data_folder_is_all_that_a_language_needs(tmp_path: Path) -> None:
    def write(language: str, *lines: str) -> None:
        folder = tmp_path / "locales" / language / "LC_MESSAGES"
        folder.mkdir(parents=True)
        (folder / "messages.po").write_text('msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
                                            + "\n".join(lines), encoding="utf-8")

    write("eo", 'msgid "I could not make this."', 'msgstr "Mi ne povis fari tion."')
    write("de", 'msgid "stop"', 'msgstr "schluss"')
    write("xx", 'msgid "A video by %(model)s may be %(least)s to %(most)s seconds long."', 'msgstr "%(nothing)s %d"')
    write("yy", "msgid is not quoted")
    assert find(tmp_path, "eo")(Sentence("I could not make this.")) == "Mi ne povis fari tion."
    german = find(tmp_path, "de")
    assert german(Sentence("stop")) == "schluss" and german(Sentence("start")) == "los"  # the rest is as it comes with the server
    wrong = Sentence("A video by %(model)s may be %(least)s to %(most)s seconds long.", model="m", least="1", most="2")
    assert find(tmp_path, "xx")(wrong) == wrong and "yy" not in tongues(tmp_path)
