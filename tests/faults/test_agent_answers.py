"""kill -9 at every stage of an agent's answer: who asked gets exactly one."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.conftest import rows
from tests.support.agents import AnsweringAgent
from tests.support.instances import InstanceProcess, eventually
from tests.support.world import World

pytestmark = pytest.mark.faults
LEASE = 150
"""Seconds: what a killed process held is taken up when its lease ends."""
STAGES = (("SELECT 1 FROM agent_mentions", "the question is noted"),
          ("SELECT 1 FROM generations WHERE state IN ('running', 'publishing', 'done')", "the video is in the making"),
          ("SELECT 1 FROM generations WHERE state IN ('publishing', 'done')", "the video is made"),
          ("SELECT 1 FROM statuses WHERE local AND in_reply_to_id IS NOT NULL", "the answer is written"))


def test_a_question_is_answered_once(starting: Callable[..., InstanceProcess], world: World) -> None:
    instance = starting()
    dreamer = AnsweringAgent(instance, seconds=2)
    mia = world.actor("mia")
    note = world.note(mia, f'<a href="{dreamer.actor}" class="u-url mention">@dreamer</a> a red kite', cc=[dreamer.actor], tag=[
        {"type": "Mention", "href": dreamer.actor, "name": dreamer.handle}])
    asked = mia.activity("Create", note, to=note["to"], cc=note["cc"])
    assert mia.send(f"{instance.base}/inbox", asked).status_code == 202
    for query, what in STAGES:
        eventually(lambda query=query: rows(instance, query), seconds=LEASE, what=what)  # type: ignore[misc]
        instance.kill()
        instance.start()

    def answers() -> set[str]:
        return {item["object"]["id"] for item in world.activities("Create") if item["object"].get("inReplyTo") == note["id"]}

    eventually(answers, seconds=LEASE, what="the answer")
    assert mia.send(f"{instance.base}/inbox", asked).status_code == 202  # once more, as servers do
    eventually(lambda: rows(instance, "SELECT 1 FROM inbox_messages WHERE state = 'pending'") == [], what="it is looked at")
    eventually(lambda: rows(instance, "SELECT 1 FROM jobs WHERE kind IN ('answer_mention', 'agent_reply') AND state = 'pending'")
               == [], seconds=LEASE, what="nothing is left to do")
    assert len(answers()) == 1 and dreamer.line(note["id"])["state"] == "answered"
    assert rows(instance, "SELECT count(*) FROM statuses WHERE local") == [(1,)]
    assert rows(instance, "SELECT count(*) FROM generations") == [(1,)]
