"""Agents that are asked in other languages than English."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from fedisora.models import AgentMention, Generation, Status, User
from fedisora.services.agents import configure
from fedisora.store import statuses
from tests.support.asking import Asking
from tests.unit.services.agents.conftest import Town


@pytest.fixture
def asking(town: Town) -> Asking:
    return Asking(town.db)


def spoken(language: str, words: str, **more: Any) -> dict[str, Any]:
    """Members of a Note in a language."""
    content = f'<p><a href="https://here.example/@dreamer" class="u-url mention">@dreamer</a> {words}</p>'
    return {"content": content, "contentMap": {language: content}, **more}


def reply(asking: Asking, mention: AgentMention) -> Status:
    assert mention.reply_id is not None, mention.reason
    return asking.db.read_now(lambda session: session.get_one(Status, mention.reply_id))


def own_language(asking: Asking, language: str) -> None:
    asking.db.write_now(lambda uow: configure.change(uow, asking.agent, {"language": language}, []))


def test_a_refusal_is_in_the_language_of_the_question(asking: Asking) -> None:
    for language, said in (("de", "darf"), ("de-AT", "darf"), ("fr", "peut durer"), ("es-MX", "puede durar"), ("en-GB", "may be"),
                           ("ja", "may be")):
        found = reply(asking, asking.asks("", f"mia{language}", **spoken(language, "5000 seconds of a cat, 5000 s")))
        assert said in found.text and found.language == (language[:2] if language[:2] in ("de", "fr", "es") else "en")


def test_the_log_of_the_operator_stays_in_english(asking: Asking) -> None:
    found = asking.asks("", **spoken("de", "eine Katze, 5000 Sekunden"))
    assert found.state == "refused" and "may be" in found.reason


def test_whose_language_is_not_spoken_gets_that_of_the_agent_then_of_the_instance(asking: Asking) -> None:
    own_language(asking, "fr")
    assert reply(asking, asking.asks("", **spoken("ja", "a cat, 5000 s"))).language == "fr"
    nothing = asking.asks("a cat, 5000 s", "noa", contentMap=None)
    assert reply(asking, nothing).language == "fr"
    asking.db.write_now(lambda uow: setattr(uow.session.scalars(select(User).where(User.actor_id == asking.agent.id)).one(),
                                            "locale", "ja"))
    german = asking.db.instance.settings.model_copy(update={"language": "de"})
    object.__setattr__(asking.db.instance, "settings", german)
    assert reply(asking, asking.asks("", "kim", **spoken("ko", "a cat, 5000 s"))).language == "de"


def test_limits_count_in_every_language(asking: Asking) -> None:
    asking.set(per_person=1)
    assert asking.asks("", **spoken("de", "eine Katze")).state == "making"
    found = reply(asking, asking.asks("", **spoken("de", "noch eine Katze")))
    assert re.search(r"1 Video für eine Person, und du hattest deins\. Frag wieder nach \d\d:\d\d UTC\.", found.text)


def test_the_word_to_be_left_alone_is_understood_in_every_language(asking: Asking) -> None:
    for number, (language, words) in enumerate((
            ("de", "stopp"), ("de", "Stopp, bitte!"), ("fr", "arrête"), ("fr", "Arrête, s’il te plaît"),
            ("es", "por favor, basta"), ("en", "stopp"), ("de", "stop"), ("en", "stop, please"))):
        who = f"mia{number}"
        found = asking.asks("", who, **spoken(language, words))
        assert found.state == "told" and asking.asks("a cat", who).state == "ignored", words
        assert reply(asking, found).language == language
        word = {"de": "los", "fr": "reprends", "es": "vuelve", "en": "start"}[language]
        assert word in reply(asking, found).text
        asking.asks(word, who)
        asking.db.write_now(lambda uow: uow.session.execute(delete(Generation)))
        assert asking.asks("a cat", who).state == "making", words


def test_the_operators_words_come_first_and_none_means_none(asking: Asking) -> None:
    asking.set(stop_word="los", start_word="stopp")
    assert asking.asks("los").state == "told"
    asking.asks("stopp")
    assert asking.asks("a cat").state == "making"
    asking.set(stop_word="")
    assert asking.asks("stopp", "noa").state != "told" and asking.asks("basta", "kim").state == "making"


def test_a_gates_reason_is_translated_and_an_unknown_one_makes_it_all_english(asking: Asking) -> None:
    def refused(code: str, error: str, author: str) -> Status:
        waiting = asking.asks("", author, **spoken("de", "eine Katze"))
        asking.db.write_now(lambda uow: setattr(uow.session.get_one(Generation, waiting.generation_id), "state", "rejected"))
        asking.db.write_now(lambda uow: [setattr(uow.session.get_one(Generation, waiting.generation_id), name, value)
                                         for name, value in (("code", code), ("error", error))])
        asking.db.write_now(lambda uow: asking._run(uow, "agent_reply", waiting.id))
        found = asking.mention(waiting.status_id or 0)
        assert found is not None and found.state == "refused"
        return reply(asking, found)

    known = refused("sexual-minors", "This server makes no sexual images of minors.", "mia")
    assert known.text.endswith("Das konnte ich nicht machen. Dieser Server macht keine sexuellen Bilder von Minderjährigen.")
    words = refused("blocklist", "Your prompt has words that this server does not allow: foo.", "noa")
    assert "Wörter" in words.text and "foo" not in words.text and words.language == "de"
    other = refused("theirs", "Our own gate dislikes it: foo.", "kim")
    assert other.text.endswith("I could not make this. Our own gate dislikes it.") and other.language == "en"


def test_the_video_is_posted_in_the_language_of_its_prompt(asking: Asking) -> None:
    row = asking.generation(asking.asks("", **spoken("de", "ein Leuchtturm im Nebel, Hochformat")))
    assert row.publish_as is not None and row.publish_as["language"] == "de"
    assert row.publish_as["description"] == "Prozedurales Video, keine KI: ein Leuchtturm im Nebel"


def test_a_language_that_an_operator_adds_is_spoken_at_once(asking: Asking) -> None:
    folder: Path = asking.db.instance.settings.data_dir / "locales" / "eo" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    entries = {"": "Content-Type: text/plain; charset=utf-8\\n", "stop": "haltu",
               "I leave you alone from now on.": "Mi lasas vin.",
               "Say “%(word)s” when you want me back.": "Diru “%(word)s” por revoki min.", "start": "revenu"}
    (folder / "messages.po").write_text("\n\n".join(f'msgid "{one}"\nmsgstr "{other}"' for one, other in entries.items()),
                                        encoding="utf-8")
    found = reply(asking, asking.asks("", **spoken("eo", "haltu")))
    assert found.text == "@mia@m.example Mi lasas vin. Diru “revenu” por revoki min." and found.language == "eo"
    with_map = asking.db.read_now(lambda session: statuses.get(session, found.id))
    assert with_map is not None and with_map.language == "eo"
    refused = reply(asking, asking.asks("", "noa", **spoken("eo", "kato, 5000 s")))  # not translated: English, and says so
    assert "seconds long" in refused.text and refused.language == "en"
