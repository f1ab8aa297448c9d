"""The client API against Mastodon's own schema, and generations over our own API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from tests.support import environment
from tests.support.instances import Api, InstanceProcess, eventually
from tests.support.pictures import png


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("api"), database_url=module_database_url).start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def ann(instance: InstanceProcess) -> Api:
    return instance.user("ann")


@pytest.fixture(scope="module")
def ben(instance: InstanceProcess, ann: Api) -> Api:
    found = instance.user("ben", kind="agent", operator="ann")
    found.post(f"/api/v1/accounts/{ann.me()['id']}/follow")
    return found


def upload(api: Api, **data: str) -> dict[str, Any]:
    answer = api.http.post("/api/v2/media", files={"file": ("a.png", png(64, 48), "image/png")}, data=data)
    assert answer.status_code == 202
    assert answer.json()["url"] is None
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def status(ann: Api, ben: Api) -> dict[str, Any]:
    media = upload(ann, description="a square")
    found: dict[str, Any] = ann.post("/api/v1/statuses", status="Look @ben #square", media_ids=[media["id"]], language="en")
    ben.post(f"/api/v1/statuses/{found['id']}/favourite")
    ben.post(f"/api/v1/statuses/{found['id']}/reblog")
    ben.post("/api/v1/statuses", status="@ann nice", in_reply_to_id=found["id"])
    return found


def schema() -> dict[str, Any]:
    environment.require("shared")
    folder = environment.shared_path()
    assert folder is not None
    found: dict[str, Any] = json.loads((folder / "vectors" / "mastodon-api" / "mastodon-openapi-4.7.0.schema.json").read_text())
    return found


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/v1/instance", "V1Instance"),
        ("/api/v2/instance", "Instance"),
        ("/api/v1/accounts/verify_credentials", "CredentialAccount"),
        ("/api/v1/accounts/lookup?acct=ben", "Account"),
        ("/api/v1/accounts/relationships?id[]={ben}", "[Relationship]"),
        ("/api/v1/accounts/{ben}/statuses", "[Status]"),
        ("/api/v1/accounts/{me}/followers", "[Account]"),
        ("/api/v1/statuses/{status}", "Status"),
        ("/api/v1/statuses/{status}/context", "Context"),
        ("/api/v1/statuses/{status}/source", "StatusSource"),
        ("/api/v1/statuses/{status}/history", "[StatusEdit]"),
        ("/api/v1/statuses/{status}/favourited_by", "[Account]"),
        ("/api/v1/statuses/{status}/reblogged_by", "[Account]"),
        ("/api/v1/timelines/home", "[Status]"),
        ("/api/v1/timelines/public", "[Status]"),
        ("/api/v1/timelines/tag/square", "[Status]"),
        ("/api/v1/notifications", "[Notification]"),
        ("/api/v2/search?q=ben", "Search"),
        ("/api/v1/preferences", "Preferences"),
    ],
)
def test_answers_are_what_the_schema_says(ann: Api, ben: Api, status: dict[str, Any], path: str, name: str) -> None:
    document = schema()
    answer = ann.get(path.format(ben=ben.me()["id"], me=ann.me()["id"], status=status["id"]))
    items = answer if name.startswith("[") else [answer]
    assert items, "nothing to check"
    validator = jsonschema.Draft202012Validator({**document, "$ref": f"#/components/schemas/{name.strip('[]')}"})
    problems = [
        f"{'/'.join(map(str, error.path))}: {error.message[:200]}" for item in items for error in validator.iter_errors(item)
    ]
    assert problems == []


def test_errors_are_json_with_the_right_status(instance: InstanceProcess, ann: Api) -> None:
    anonymous = httpx.post(f"{instance.base}/api/v1/statuses", json={"status": "x"})
    wrong = httpx.get(f"{instance.base}/api/v1/timelines/home", headers={"Authorization": "Bearer nonsense"})
    assert anonymous.status_code == wrong.status_code == 401
    for answer, code in (
        (ann.http.post("/api/v1/statuses", json={"status": ""}), 422),
        (ann.http.post("/api/v1/statuses", json={"status": "x" * 3000}), 422),
        (ann.http.post("/api/v1/statuses", json=["a list"]), 400),
        (ann.http.post("/api/v1/statuses", json={"status": "x", "in_reply_to_id": "1"}), 404),
        (ann.http.post("/api/v1/statuses", json={"status": "x", "visibility": "odd"}), 422),
        (ann.http.get("/api/v1/statuses/999999999999"), 404),
        (ann.http.get("/api/v1/timelines/home?limit=lots"), 422),
        (ann.http.post("/api/v2/media", files={"file": ("a", b"")}), 422),
        (ann.http.put("/api/v1/instance"), 404),
    ):
        assert answer.status_code == code, answer.text
        assert "error" in answer.json()


HUGE = "9" * 30


@pytest.mark.parametrize(
    "path",
    [
        f"/api/v1/statuses/{HUGE}",
        f"/api/v1/accounts/{HUGE}",
        f"/@ann/{HUGE}",
        f"/users/ann/statuses/{HUGE}",
        f"/records/{HUGE}",
        f"/api/v1/timelines/public?max_id={HUGE}",
        f"/users/ann/outbox?page=1&max_id={HUGE}",
        f"/proxy/media/{HUGE}",
        f"/?max_id={HUGE}",
        f"/api/v2/search?q=ann&offset={HUGE}",
        f"/api/v1/accounts/relationships?id[]={HUGE}",
        f"/verify?url=http://x/@ann/{HUGE}",
        "/api/v1/statuses/١٢",
        "/@ann/١٢",
        "/@" + "a" * 5000,
        "/tags/" + "%00" * 3,
        "/search?q=%00",
        f"/{HUGE}",
    ],
)
def test_no_number_or_name_is_too_odd(ann: Api, path: str) -> None:
    answer = ann.http.get(path, follow_redirects=True)
    assert answer.status_code < 500, f"{path}: {answer.status_code}"


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x\u202ey", "\ufeff"])
def test_no_text_is_too_odd(ann: Api, text: str) -> None:
    for path, body in (("/api/v1/statuses", {"status": f"odd {text}", "spoiler_text": text}),
                       ("/api/v1/apps", {"client_name": f"odd {text}", "redirect_uris": f"https://app.example/{text}"}),
                       (BASE, {"prompt": text})):
        answer = ann.http.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
        assert answer.status_code < 500, f"{path}: {answer.text}"
        if path == BASE and answer.is_success:  # only so many may be unfinished at a time
            ann.post(f"{BASE}/{answer.json()['id']}/cancel")
            job = f"{BASE}/{answer.json()['id']}"
            eventually(lambda job=job: ann.get(job)["state"] == "cancelled", what="it stops")
            ann.post(f"{job}/discard")


def test_the_same_key_posts_once(ann: Api) -> None:
    ids = {
        ann.http.post("/api/v1/statuses", json={"status": "once"}, headers={"Idempotency-Key": "k1"}).json()["id"]
        for _ in range(3)
    }
    assert len(ids) == 1


def test_a_broken_file_is_told_and_nothing_is_posted(ann: Api) -> None:
    media = ann.http.post("/api/v2/media", files={"file": ("a.png", b"\x89PNG\r\n\x1a\nbroken")}).json()
    answer = ann.http.post("/api/v1/statuses", json={"status": "never seen", "media_ids": [media["id"]]})
    assert answer.status_code == 422
    assert "cannot be read" in answer.json()["error"]
    assert all("never seen" not in item["content"] for item in ann.home())


# ---- generations
BASE = "/api/fedisora/v1/generations"


def test_a_running_generation_is_cancelled_and_can_be_retried(ann: Api) -> None:
    job = ann.post(BASE, prompt="a city at night", seconds=10, orientation="landscape")
    eventually(lambda: ann.get(f"{BASE}/{job['id']}")["progress"] > 0.02, what="it runs")
    other = ann.post(BASE, prompt="a harbour at night", seconds=10, orientation="landscape")
    ann.post(f"{BASE}/{job['id']}/cancel")
    eventually(lambda: ann.get(f"{BASE}/{job['id']}")["state"] == "cancelled", what="it stops")
    eventually(lambda: ann.get(f"{BASE}/{other['id']}")["state"] == "running", what="the worker has another to make")
    assert ann.post(f"{BASE}/{job['id']}/retry")["state"] == "queued"
    ann.post(f"{BASE}/{other['id']}/cancel")
    ann.post(f"{BASE}/{job['id']}/cancel")
    eventually(lambda: ann.get(f"{BASE}/{job['id']}")["state"] == "cancelled", what="it stops again")
    assert ann.post(f"{BASE}/{job['id']}/discard")["state"] == "discarded"
    assert ann.http.post(f"{BASE}/{job['id']}/cancel").status_code == 409


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"prompt": ""}, 422),
        ({"prompt": "x", "seconds": 99}, 422),
        ({"prompt": "x", "orientation": "round"}, 422),
        ({"prompt": "x", "seed": "abc"}, 422),
        ({"prompt": "naked child"}, 422),
        ({"prompt": "x" * 2000}, 422),
    ],
)
def test_bad_requests_are_refused(ann: Api, wrong: dict[str, Any], code: int) -> None:
    assert ann.http.post(BASE, json=wrong).status_code == code


def test_nobody_sees_or_stops_anothers_generation(ann: Api, ben: Api) -> None:
    job = ann.post(BASE, prompt="mine", seconds=1)
    assert ben.http.get(f"{BASE}/{job['id']}").status_code == 404
    assert ben.http.post(f"{BASE}/{job['id']}/cancel").status_code == 404
    eventually(lambda: ann.get(f"{BASE}/{job['id']}")["state"] == "draft", seconds=60, what="draft")
    assert ben.http.post(f"{BASE}/{job['id']}/publish", json={"text": "stolen"}).status_code == 404


def test_a_private_prompt_leaves_only_a_commitment(ann: Api, tmp_path: Path) -> None:
    status = ann.generate("my secret place by the sea", text="the sea", show_prompt=False)
    record = status["media_attachments"][0]["fedisora"]["provenance"]
    assert record["generator"]["promptCommitment"].startswith("zQm")
    assert "prompt" not in record["generator"]
    assert "secret place" not in json.dumps(status)
    assert b"secret place" not in httpx.get(status["media_attachments"][0]["url"]).content
    note = httpx.get(status["uri"], headers={"Accept": "application/activity+json"})
    assert "secret place" not in note.text


def test_progress_is_a_stream(ann: Api) -> None:
    job = ann.post(BASE, prompt="dunes", seconds=1)
    seen = []
    with ann.http.stream("GET", f"{BASE}/{job['id']}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line[6:]))
    assert seen[-1]["state"] == "draft"
    assert [item["progress"] for item in seen] == sorted(item["progress"] for item in seen)
