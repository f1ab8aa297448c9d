"""The AI dial as apps and pages meet it, held posts as administrators do, and an AI-free instance. Real instances on loopback."""
from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from fedisora.provenance.digital_source import BASE
from tests.hostile.scene import Peer, Scene
from tests.integration.test_accounts_web import Browser
from tests.support.instances import PASSWORD, Api, InstanceProcess, eventually
from tests.support.remote import AS2, RemoteActor

DIAL = "/api/fedisora/v1/dial"
SOURCES = {"human": "digitalCapture", "machine": "trainedAlgorithmicMedia", "mixed": "compositeWithTrainedAlgorithmicMedia",
           "procedural": "algorithmicMedia", "undeclared": None, "text": ""}
EVERYTHING = {f"{who}-{kind}" for who in ("friend", "stranger") for kind in SOURCES}
FRIENDS = {name for name in EVERYTHING if name.startswith("friend")}
AI = {name for name in EVERYTHING if name.endswith(("machine", "mixed"))}
TEXT = {name for name in EVERYTHING if name.endswith("text")}
STOPS = {0: EVERYTHING - AI, 1: EVERYTHING - (AI - FRIENDS), 2: EVERYTHING, 3: AI | TEXT | FRIENDS, 4: AI}
"""What the public timeline shows at every stop."""


def video(world: Peer, kind: str) -> list[dict[str, Any]]:
    if kind == "text":
        return []
    said = SOURCES[kind]
    return [{"type": "Video", "mediaType": "video/mp4", "url": f"{world.base}/{kind}.mp4",
             **({"digitalSourceType": BASE + said} if said else {})}]


def fill(scene: Scene, world: Peer) -> tuple[RemoteActor, dict[str, dict[str, Any]]]:
    """Posts of every kind by somebody followed and by somebody not."""
    friend, stranger = scene.followed(world, "friend"), world.actor("stranger")
    notes = {}
    for actor, who in ((friend, "friend"), (stranger, "stranger")):
        for kind in SOURCES:
            notes[f"{who}-{kind}"] = world.note(actor, f"{who}-{kind} #sea", attachment=video(world, kind), tag=[
                {"type": "Hashtag", "name": "#sea", "href": f"{world.base}/tags/sea"}])
    for name, note in notes.items():
        if name.startswith("friend"):
            scene.published(friend, note)
        else:
            scene.local.get("/api/v2/search", q=note["id"], resolve="true")
    # held until their files are checked (which cannot be had), then shown
    eventually(lambda: scene.rows("statuses", "published") == len(notes), what="everything checked and shown")
    return friend, notes


@pytest.fixture(scope="module")
def world() -> Iterator[Peer]:
    with Peer() as found:
        yield found


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    instance = InstanceProcess(tmp_path_factory.mktemp("dial"), badly_signed_media="hold", retry_seconds="0.05").start()
    try:
        instance.cli("user", "create", "root", "--email", "root@example.org", "--password", PASSWORD, "--admin")
        found = Scene(instance, instance.user("lena"))
        yield found
        found.engine.dispose()
        assert "Traceback" not in instance.log.read_text()
    finally:
        instance.close()


@pytest.fixture(scope="module")
def sea(scene: Scene, world: Peer) -> tuple[RemoteActor, dict[str, dict[str, Any]]]:
    return fill(scene, world)


def names(statuses: list[dict[str, Any]]) -> set[str]:
    return set(re.findall(r"(?:friend|stranger)-[a-z]+", " ".join((one["reblog"] or one)["content"] for one in statuses)))


def put(api: Api, **wanted: Any) -> dict[str, Any]:
    answer = api.http.put(DIAL, json=wanted)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("stop", sorted(STOPS))
def test_every_app_sees_what_the_dial_says(scene: Scene, sea: Any, stop: int) -> None:
    lena = scene.local
    assert put(lena, stop=stop)["stop"] == stop
    try:
        for path, expected in (("timelines/public", STOPS[stop]), ("timelines/tag/sea", STOPS[stop]),
                               ("timelines/home", STOPS[stop] & FRIENDS)):
            assert names(lena.get(f"/api/v1/{path}", limit=40)) == expected, path
        with Browser(scene.instance.base) as page:
            page.log_in("lena")
            for path, expected in (("/public", STOPS[stop]), ("/", STOPS[stop] & FRIENDS), ("/tags/sea", STOPS[stop])):
                assert set(re.findall(r"(?:friend|stranger)-[a-z]+", page.http.get(path).text)) == expected, path
        full = lena.get("/api/v1/timelines/public", limit=3)
        assert len(full) == 3, "a page is filled, whatever is left out"
    finally:
        put(lena, stop=2)
    account = lena.resolve(sea[0].uri)
    assert names(lena.get(f"/api/v1/accounts/{account['id']}/statuses", limit=40)) == FRIENDS


def test_visitors_see_what_the_instance_shows(scene: Scene, sea: Any) -> None:
    put(scene.local, stop=0)
    found = httpx.get(f"{scene.instance.base}/api/v1/timelines/public?limit=40").json()
    put(scene.local, stop=2)
    assert names(found) == EVERYTHING


def test_a_boost_and_an_edit_do_not_get_past_the_dial(scene: Scene, world: Peer, sea: Any) -> None:
    """BI-205, BI-206: a boost keeps the label, and an edit that admits to less changes nothing."""
    friend, notes = sea
    put(scene.local, stop=0)
    scene.deliver(friend, friend.activity("Announce", notes["stranger-machine"]["id"], to=[f"{AS2}#Public"]))
    quieter = {**notes["friend-machine"], "attachment": [{**video(world, "machine")[0], "digitalSourceType": None}],
               "updated": "2099-01-01T00:00:00Z"}
    scene.deliver(friend, friend.activity("Update", quieter))
    found = names(scene.local.get("/api/v1/timelines/home", limit=40)) | names(
        scene.local.get("/api/v1/timelines/public", limit=40))
    put(scene.local, stop=2)
    assert not found & AI
    assert "stranger-machine" in names(scene.local.get("/api/v1/timelines/home", limit=40))


def test_the_setting_is_kept_checked_and_asked_for_with_a_token(scene: Scene) -> None:
    lena = scene.local
    assert put(lena, stop=1, bots=False)["bots"] is False
    assert put(lena, mixed="false") == {**put(lena), "stop": 1, "bots": False, "mixed": False}
    assert lena.get(DIAL)["sentence"].startswith("Little: AI videos only from accounts you follow.")
    for wrong in ({"stop": 5}, {"stop": "most"}, {"stop": -1}, {"stop": None}, {"bots": "perhaps"}, {"undeclared": None}):
        answer = lena.http.put(DIAL, json=wrong)
        assert answer.status_code == 422, wrong
        assert "error" in answer.json()
    assert lena.get(DIAL)["stop"] == 1
    put(lena, stop=2, bots=True, mixed=True)
    for method in ("GET", "PUT"):
        assert httpx.request(method, scene.instance.base + DIAL).status_code == 401


def test_the_page_works_without_javascript(scene: Scene, sea: Any) -> None:
    with Browser(scene.instance.base) as page:
        assert page.http.get("/settings/ai").status_code == 303
        page.log_in("lena")
        assert 'href="/settings/ai"' in page.http.get("/settings").text
        assert page.post("/settings/ai", stop="9").status_code == 422
        assert page.post("/settings/ai", stop="0", mixed="1", undeclared="1", procedural="1").status_code == 303
        assert scene.local.get(DIAL)["bots"] is False
        text = page.http.get("/settings/ai").text
        assert re.search(r'value="0"[^>]* checked', text)
        assert "Not shown" in text
        assert re.search(r"2 (AI-generated|Changed by AI)|1 Changed by AI, \d AI-generated", text), text[-1500:]
        put(scene.local, stop=2, bots=True)


def test_a_held_post_is_for_administrators_until_they_release_it(scene: Scene, world: Peer, sea: Any) -> None:
    friend, _ = sea
    note = world.note(friend, "held-video #sea", attachment=[
        {**video(world, "human")[0], "url": f"{world.base}/held.mp4"}], proof={
            "type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "verificationMethod": f"{friend.uri}#nobody",
            "proofValue": "z1"})
    activity = friend.activity("Create", note)
    scene.deliver(friend, activity)
    assert scene.outcome(activity) == ("done", "held: badly signed media")
    row = scene.status(note["id"])
    assert row is not None
    media = scene.sql("SELECT id FROM media WHERE status_id = :id", id=row.id)[0][0]
    for path in ("timelines/home", "timelines/public", "timelines/tag/sea"):
        assert "held-video" not in json.dumps(scene.local.get(f"/api/v1/{path}", limit=40))
    assert scene.local.http.get(f"/api/v1/statuses/{row.id}").status_code == 404
    assert scene.local.get("/api/v2/search", q=note["id"], resolve="true")["statuses"] == []
    with Browser(scene.instance.base) as other, Browser(scene.instance.base) as admin:
        other.log_in("lena")
        admin.log_in("root")
        assert other.http.get("/admin/review").status_code == 404
        assert other.post(f"/admin/review/{row.id}/release", "/settings").status_code == 404
        assert admin.http.post(f"/admin/review/{row.id}/release").status_code == 403
        assert other.http.get(f"/proxy/media/{media}").status_code == 404
        shown = admin.http.get("/admin/review").text
        assert "held-video" in shown
        assert "The signature of the post does not hold." in shown
        assert [one["uri"] for one in json.loads(scene.instance.cli("review", "list", "--json").stdout)] == [note["id"]]
        assert scene.instance.cli("review", "release", "1", check=False).returncode == 1
        assert admin.post(f"/admin/review/{row.id}/release", "/admin/review").status_code == 303
        assert "Nothing is held." in admin.http.get("/admin/review").text
    assert "held-video" in json.dumps(scene.local.get("/api/v1/timelines/home", limit=40))


def test_an_ai_free_instance(tmp_path_factory: pytest.TempPathFactory, world: Peer) -> None:
    instance = InstanceProcess(tmp_path_factory.mktemp("free"), ai_policy="ai-free", unlabelled_media="reject",
                               retry_seconds="0.05").start()
    try:
        scene = Scene(instance, instance.user("lena"))
        stranger = world.actor("free-stranger")
        for kind in ("machine", "human"):
            note = world.note(stranger, f"stranger-{kind}", attachment=video(world, kind))
            assert scene.local.get("/api/v2/search", q=note["id"], resolve="true")["statuses"], "a single post is shown"
        assert names(httpx.get(f"{instance.base}/api/v1/timelines/public").json()) == {"stranger-human"}
        refused = scene.local.http.post("/api/fedisora/v1/generations", json={"prompt": "a lake"})
        assert (refused.status_code, refused.json()["error"][:23]) == (403, "This server is AI-free:")
        told = httpx.get(f"{instance.base}/api/v2/instance").json()["fedisora"]
        assert (told["ai_policy"], told["unlabelled_media"], told["badly_signed_media"]) == ("ai-free", "reject", "warn")
        assert httpx.get(f"{instance.base}/nodeinfo/2.1").json()["metadata"]["aiPolicy"] == "ai-free"
        with Browser(instance.base) as page:
            page.log_in("lena")
            text = page.http.get("/create").text
            assert "This server is AI-free" in text
            assert 'name="prompt"' not in text
            for path in ("/settings/ai", "/about"):
                assert "This server is AI-free" in page.http.get(path).text
        silent = world.note(stranger, "stranger-undeclared", attachment=[
            {**video(world, "undeclared")[0], "url": f"{world.base}/nowhere.mp4"}], cc=[scene.local.actor], tag=[
                {"type": "Mention", "href": scene.local.actor}])
        scene.deliver(stranger, stranger.activity("Create", silent))
        assert scene.local.get("/api/v1/notifications") == []
        eventually(lambda: scene.status(silent["id"]).review == "rejected", what="the file cannot be had")  # type: ignore[union-attr]
        scene.engine.dispose()
    finally:
        instance.close()
