"""Nothing private leaves: clips, phrases, likenesses, who looked, who signed in where, who vouched. Everything that others got is
searched, and everything that lies on the disks of two instances."""
from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from fedisora.backup_manifest import as_json, manifest
from fedisora.models import ConsentRequest, Delivery, Generation, Media, OutboxActivity, VerificationCase
from fedisora.services.cameos import answering
from fedisora.settings import load_settings
from tests.support.instances import InstanceProcess, eventually, free_port
from tests.support.leak_story import OURS, PROMPT, Answer, Story
from tests.support.leaks import addresses, files
from tests.support.oidc_issuer import OidcIssuer
from tests.support.world import World

pytestmark = pytest.mark.xdist_group("nothing_private_leaves")  # its tests go through one scene

NOWHERE = ("clip", "picture", "phrase", "key", "subject")
"""What nobody reads in any answer, and what lies on no disk in clear."""
HIDDEN = (*NOWHERE, "reviewer", "reviewer's id")
ADMINS = ("max", "boss")
"""They know each other."""


@dataclass
class Told:
    """What is left when it is over."""

    story: Story
    sent: list[bytes] = field(default_factory=list)
    """Every activity that the home sent, with its addressees and what was heard of them."""
    secrets: list[tuple[Any, ...]] = field(default_factory=list)
    """(key, sealed secret, challenge) of every clip's case."""
    disks: dict[str, list[tuple[Path, bytes]]] = field(default_factory=dict)
    about_dan: list[Answer] = field(default_factory=list)
    while_drafted: list[Answer] = field(default_factory=list)
    draft: Answer | None = None
    """sue's own look at it."""
    manifests: list[dict[str, object]] = field(default_factory=list)


def backup(story: Story) -> dict[str, object]:
    return as_json(manifest(load_settings(story.home.folder, base_url=story.home.base)))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("leaks")
    with World() as world, OidcIssuer() as issuer:
        own = {**issuer.settings, "verification": "live-clip,vouch,oidc", "metrics_bind": f"127.0.0.1:{free_port()}"}
        home, away = (InstanceProcess(folder / name, log_level="debug", retry_seconds="0.2", **more)
                      for name, more in (("home", own), ("away", {})))
        try:
            for instance in (home, away):
                temporary(instance).mkdir()
                instance.env["TMPDIR"] = str(temporary(instance))
                instance.start()
            story = Story(home, away, world, issuer, folder)
            try:
                yield tell(story)
            finally:
                story.close()
        finally:
            home.close()
            away.close()


def tell(story: Story) -> Told:
    """Let everything happen, stop the instances, and keep what there is."""
    told = Told(story)
    story.settle()
    story.enrol(lambda: told.manifests.append(backup(story)))
    told.manifests.append(backup(story))
    story.sign_in_elsewhere()
    story.vouch()
    for path in ("/users/dan", "/@dan", "/@dan.rss", "/api/v1/accounts/lookup?acct=dan", "/settings/human/vouch",
                 f"{OURS}/accounts/{story.office.ids['dan']}/human", "/settings/human/vouch/dan"):
        story.keep("eve", path, story.http.get(path, headers=story.people["eve"].cookie))
        told.about_dan.append(story.answers[-1])
    cleo, asked = story.ask()
    request, media = story.house.db.read_now(lambda session: (
        row := session.get_one(ConsentRequest, int(asked["id"])),
        session.get_one(Media, session.get_one(Generation, row.render_id or 0).media_id)))
    assert media.storage_key and media.poster_key
    for key in (media.storage_key, media.poster_key):
        story.marks.text("draft", key)
        story.marks.blob("draft", (story.home.folder / "media" / key).read_bytes())
    before = len(story.answers)
    preview = asked["preview_url"].removeprefix(story.home.base)
    story.look_everywhere((request.id, request.render_id or 0, media.id), (), preview,
                          answering.file_url(story.house.uris, story.house.vault, request).removeprefix(story.home.base))
    told.while_drafted = story.answers[before:]
    story.keep("sue", preview, story.http.get(preview, headers=story.people["sue"].bearer))
    told.draft = story.answers[-1]
    story.publish(cleo)
    story.marks.text("address", answering.token(story.house.vault, story.house.db.read_now(
        lambda session: session.get_one(ConsentRequest, request.id))))
    story.take_down()
    for name in ("eve", "sue"):
        who = story.people[name]
        for path in (f"{OURS}/human/data", f"{OURS}/human", f"{OURS}/likeness", f"{OURS}/consent/requests",
                     "/api/v1/notifications"):
            story.keep(name, path, story.http.get(path, headers=who.bearer))
        for path in ("/settings/human", "/settings/likeness", "/notifications", "/consent", "/settings"):
            story.keep(name, path, story.http.get(path, headers=who.cookie))
        story.keep(name, "export", story.post(name, "/settings/human/export"))
    story.keep("nobody", "metrics", httpx.get(f"http://{story.home.env['FEDISORA_METRICS_BIND']}/metrics"))
    with httpx.Client(base_url=story.away.base) as away:
        for path in addresses(story.house, ["cleo", "sue"], [1]):
            story.keep("nobody", f"away {path}", away.get(path))
    eventually(lambda: not story.house.db.read_now(lambda session: session.scalar(select(func.count(Media.id)))),
               what="the draft at sue's is given up")
    told.sent, told.secrets = story.house.db.read_now(lambda session: (
        [b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in row)
         for table in (OutboxActivity, Delivery) for row in session.execute(select(*table.__table__.columns))],
        [(row.clip_key, row.clip_secret, row.challenge) for row in session.scalars(select(VerificationCase).where(
            VerificationCase.clip_at.is_not(None)))]))
    story.home.kill()  # so that what is in the write-ahead log stays there
    story.away.stop()
    told.disks = {instance.folder.name: [*files(instance.folder), *files(temporary(instance))]
                  for instance in (story.home, story.away)}
    story.close()
    return told


def temporary(instance: InstanceProcess) -> Path:
    """The folder of its temporary files."""
    return instance.folder.with_name(f"{instance.folder.name}-tmp")


def told_by(told: Told, *names: str) -> list[Answer]:
    return [answer for answer in told.story.answers if answer.who in names]


def test_what_is_looked_for_would_be_found(told: Told) -> None:
    story, marks = told.story, told.story.marks
    for data in (story.clip, b"x" * 77 + story.clip[2000:2200], base64.b64encode(story.clip[1:]), gzip.compress(story.clip),
                 story.clip.hex().encode()):
        assert marks.found(data) == {"clip"}
    assert marks.found(story.picture) == {"picture"}
    assert marks.found(json.dumps({"a": PROMPT}).encode()) == {"prompt"}
    seen = [marks.found(answer.data) for answer in told_by(told, story.moderator)]
    assert {"clip"} in seen and any({"phrase", "reviewer"} <= found for found in seen), "whoever has a case sees what is in it"
    assert len(story.answers) > 2000 and len([answer for answer in story.answers if answer.status == 200]) > 400


def test_others_get_none_of_it(told: Told) -> None:
    """Strangers, agents, moderators who do not have the case, administrators, other servers; and the person never reads who."""
    found = {}
    for answer in told.story.answers:
        names = NOWHERE if answer.who in ADMINS else HIDDEN if answer.who == "sue" else (*HIDDEN, "prompt")
        seen = told.story.marks.found(answer.data, names) if answer.who != told.story.moderator else set()
        if seen:
            found[f"{answer.who}: {answer.request} → {answer.status}"] = seen
    assert not found
    assert not [answer.request for answer in told.story.answers if answer.status >= 500]
    assert not any(told.story.marks.found(answer.data, ("vouchers",)) for answer in told.about_dan)


def test_nobody_but_its_two_sides_gets_a_draft(told: Told) -> None:
    """Its file is named by a request that is not theirs; nothing is told apart from what does not exist."""
    files_of = [answer for answer in told.while_drafted if answer.request.startswith("/consent/requests/")]
    assert {answer.who for answer in files_of} == {"eve", "max", "boss", "bot", "nobody"}
    assert {answer.status for answer in files_of} <= {401, 404, 303}
    assert {answer.status for answer in told.story.answers if answer.request.startswith("/cameos/")} == {404}, "not let go yet"
    found = [(answer.who, answer.request) for answer in told.while_drafted if told.story.marks.found(answer.data, ("draft",))]
    assert found == []
    assert told.draft is not None and told.story.marks.found(told.draft.data) == {"draft"}
    clips = [answer for answer in told.story.answers if answer.request.startswith("POST clip of")]
    assert {(answer.who, answer.status) for answer in clips if answer.status not in (403, 404)} == set()


def test_nothing_of_it_is_sent(told: Told) -> None:
    """What was delivered, what waits, what the other servers got: of dan's vouchers not even the names."""
    sent = told.sent
    assert len(sent) > 8
    assert {name for data in sent for name in told.story.marks.found(data, HIDDEN)} == set()
    about_dan = [data for data in sent if b"/users/dan" in data]
    assert about_dan
    assert not any(told.story.marks.found(data, ("vouchers",)) for data in about_dan)
    got = b"\n".join(json.dumps([headers, body]).encode() for headers, body in told.story.world.received)
    got += "\n".join(told.story.world.requests).encode()
    assert b"attestation" in got
    assert told.story.marks.found(got, (*HIDDEN, "vouchers", "prompt")) == set()


def test_nothing_of_it_lies_on_a_disk(told: Told) -> None:
    """The home keeps it sealed; the other server has nothing at all of it. No log, no cache, no temporary file."""
    story = told.story
    assert [len(data) for path, data in told.disks["home"] if path.name.endswith("-wal")] > [0], "with its write-ahead log"
    for path, data in told.disks["home"]:
        assert story.marks.found(data, NOWHERE) == set(), path
        if path.suffix == ".log":
            seen = story.marks.found(data, (*HIDDEN[:-1], "vouchers", "prompt", "address"))
            assert seen == set(), "ids alone are logged"
    for path, data in told.disks["away"]:
        names = (*HIDDEN, "vouchers", *(("prompt", "address") if path.suffix == ".log" else ()))
        assert story.marks.found(data, names) == set(), path
    assert [path.name for name in ("home", "away") for path, _ in told.disks[name] if path.parent.name.startswith("fedisora-")
            or path.parent.name.endswith("-tmp")] == []


def test_clips_are_gone_with_their_keys(told: Told) -> None:
    """From the disk, from what a backup would hold, and from the database: what was said of them stays in the log."""
    assert not [path for path, _ in told.disks["home"] if path.parent.name == "clips" and path.suffix == ".sealed"]
    assert not any(key in json.dumps(told.manifests[-1]) for key in told.story.clips)
    waiting = told.manifests[0]
    assert [key for key in told.story.clips[1:] if key not in json.dumps(waiting["exclude"])] == []
    assert not any(key in json.dumps(waiting["include"]) for key in told.story.clips)
    assert told.secrets == [(None, None, None)] * 3
