"""The queue of generations over our own API and the command line, as its users want it."""
from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.instances import Api, InstanceProcess, eventually

BASE = "/api/fedisora/v1"
GENERATIONS = f"{BASE}/generations"
ADMIN = f"{BASE}/admin/generations"
SHORT = {"prompt": "a lake at dawn", "seconds": 1, "orientation": "square"}


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("queue"), database_url=module_database_url, generation_jobs_per_user="6",
                              generation_watts="50").start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def ann(instance: InstanceProcess) -> Api:
    return instance.user("ann")


@pytest.fixture(scope="module")
def ben(instance: InstanceProcess) -> Api:
    return instance.user("ben")


@pytest.fixture(scope="module")
def root(instance: InstanceProcess) -> Api:
    instance.cli("user", "create", "root", "--email", "root@example.org", "--password", "correct horse battery", "--admin")
    token = instance.cli("user", "token", "root", "--scopes", "read write admin:read admin:write").stdout.strip()
    return Api(instance, "root", token)


@pytest.fixture
def paused(root: Api, ann: Api) -> Iterator[None]:
    """Nothing starts; afterwards it goes on, with nothing of Ann's left."""
    root.post(f"{ADMIN}/pause", lane="cpu", reason="Test of the queue.")
    yield
    ann.post(f"{GENERATIONS}/cancel-all")
    root.post(f"{ADMIN}/resume", lane="cpu")


def one(api: Api, row_id: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"{GENERATIONS}/{row_id}")
    return found


# ---- before anything is made
def test_a_preview_queues_nothing(ann: Api) -> None:
    eventually(lambda: ann.get(f"{BASE}/models")[0]["available"], what="a worker")
    shown = ann.post(f"{GENERATIONS}/preview", **SHORT, size="900x900", guidance=3, variants=2)
    assert (shown["width"], shown["height"], shown["frames"], shown["variants"]) == (960, 960, 24, 2)
    assert len(shown["adjusted"]) == 2
    assert shown["cost"]["expected_seconds"] > 0
    assert shown["cost"]["expected_energy_wh"] > 0
    assert shown["waiting_seconds"] is not None
    assert ann.get(GENERATIONS) == []


def test_models_are_listed_for_everybody(instance: InstanceProcess) -> None:
    [model] = instance.http.get(f"{BASE}/models").json()
    assert (model["name"], model["default"], model["tasks"]) == ("procedural", True, ["text", "image"])


@pytest.mark.parametrize(("wrong", "status", "code"), [
    ({"seed": -1}, 422, "seed"), ({"seed": "x"}, 422, "not-a-number"), ({"seconds": "nan"}, 422, "not-a-number"),
    ({"width": 100}, 422, "size"), ({"input_media_id": "12"}, 404, "no-input"), ({"input_media_id": "x"}, 422, "no-id"),
    ({"webhook_url": "ftp://example.org"}, 422, "webhook-url"), ({"webhook_url": "http://10.0.0.1/"}, 403, None),
    ({"variants": 7}, 422, "variants"), ({"publish": {"visibility": "secret"}}, 422, None), ({"model": "sora"}, 422, "no-model")])
def test_refusals_say_why(ann: Api, wrong: dict[str, Any], status: int, code: str | None) -> None:
    answer = ann.http.post(GENERATIONS, json={**SHORT, **wrong})
    assert answer.status_code == status, answer.text
    assert answer.json().get("code") == code
    assert len(answer.json()["error"]) >= 20
    assert ann.get(GENERATIONS) == []


# ---- waiting
@pytest.mark.usefixtures("paused")
def test_the_line_as_its_users_want_it(ann: Api, ben: Api, root: Api) -> None:
    first = ann.post(GENERATIONS, **SHORT, variants=3, seed=10)
    assert [one(ann, row)["seed"] for row in first["batch"]] == ["10", "11", "12"]
    assert {one(ann, row)["batch_id"] for row in first["batch"]} == {first["id"]}
    assert (first["state"], first["position"], first["waiting"]) == ("queued", 0, "The queue is paused: Test of the queue.")
    other = ben.post(GENERATIONS, **SHORT)
    assert other["position"] == 1  # behind one of Ann's, not behind three
    # reordering swaps among one's own
    line = ann.post(f"{GENERATIONS}/{first['batch'][2]}/move", before=first["id"])
    assert [row["id"] for row in line] == [first["batch"][2], first["batch"][0], first["batch"][1]]
    assert one(ben, other["id"])["position"] == 1
    assert ann.http.post(f"{GENERATIONS}/{first['id']}/move", json={"before": other["id"]}).status_code == 404
    # what of others one sees and may: nothing
    for verb in ("cancel", "retry", "discard", "publish", "move"):
        assert ben.http.post(f"{GENERATIONS}/{first['id']}/{verb}", json={}).status_code == 404
    assert ben.http.get(f"{GENERATIONS}/{first['id']}/events").status_code == 404
    # cancel one that waits, and try it again with the same seed
    gone = ann.post(f"{GENERATIONS}/{first['batch'][1]}/cancel")
    assert (gone["state"], gone["code"]) == ("cancelled", "cancelled-by-author")
    again = ann.post(f"{GENERATIONS}/{gone['id']}/retry")
    assert (again["state"], again["seed"]) == ("queued", "11")
    assert ann.http.post(f"{GENERATIONS}/{gone['id']}/retry").json()["code"] == "wrong-state"
    # at most six at a time
    ann.post(GENERATIONS, **SHORT, variants=3)
    refused = ann.http.post(GENERATIONS, json=SHORT)
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-jobs")
    assert int(refused.headers["Retry-After"]) > 0
    # pages
    page = ann.http.get(GENERATIONS, params={"limit": 4, "state": "queued,running"})
    assert len(page.json()) == 4
    assert len(httpx.get(page.links["next"]["url"], headers=ann.http.headers).json()) == 2
    assert ann.http.get(GENERATIONS, params={"state": "lost"}).status_code == 422
    # administrators see all but the prompts
    queue = root.get(ADMIN)
    assert [lane["waiting"] for lane in queue["lanes"] if lane["lane"] == "cpu"] == [7]
    assert {row["account"] for row in queue["pending"]} == {"ann", "ben"}
    assert "dawn" not in json.dumps(queue)
    root.post(f"{ADMIN}/{other['id']}/priority", priority=5)
    assert one(ben, other["id"])["position"] == 0
    stopped = root.post(f"{ADMIN}/{other['id']}/cancel", reason="Too much.")
    assert stopped["state"] == "cancelled"
    assert one(ben, other["id"])["error"] == "An administrator stopped it: Too much."
    worker = queue["workers"][0]["name"]
    assert root.post(f"{ADMIN}/workers/drain", worker=worker)["draining"]
    assert not root.post(f"{ADMIN}/workers/drain", worker=worker, draining=False)["draining"]
    for api in (ann, ben):
        assert api.http.get(ADMIN).status_code == 403
        assert api.http.post(f"{ADMIN}/pause", json={"lane": "cpu", "reason": "mine"}).status_code == 403
    assert {row["state"] for row in ann.post(f"{GENERATIONS}/cancel-all")} == {"cancelled"}


@pytest.mark.usefixtures("paused")
def test_it_survives_a_restart(instance: InstanceProcess, ann: Api) -> None:
    made = ann.post(GENERATIONS, **SHORT)
    instance.stop()
    instance.start()
    assert one(ann, made["id"])["state"] == "queued"
    assert "paused" in one(ann, made["id"])["waiting"]


def test_limits_of_an_account(instance: InstanceProcess, ben: Api) -> None:
    said = instance.cli("user", "limits", "ben", "--jobs", "0", "--priority", "3", "--json").stdout
    assert json.loads(said) == {"jobs": 0, "priority": 3}
    assert ben.http.post(GENERATIONS, json=SHORT).json()["code"] == "not-allowed"
    assert "what the instance allows everybody" in instance.cli("user", "limits", "ben", "--reset").stdout


# ---- being made
def test_a_post_that_comes_by_itself_and_its_messages(instance: InstanceProcess, ann: Api) -> None:
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        made = ann.post(GENERATIONS, **SHORT, webhook_url=f"http://127.0.0.1:{server.server_port}/",
                        publish={"text": "made by itself", "description": "A lake.", "show_prompt": False})
        assert made["webhook_secret"].startswith("whsec_")
        assert made["publish"]
        seen = []
        with ann.http.stream("GET", f"{GENERATIONS}/{made['id']}/events", headers={"Last-Event-ID": "7"}) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "retry: 3000"
            seen += [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
        assert seen[0]["id"] == made["id"]
        assert seen[-1]["state"] == "done"
        assert [item["progress"] for item in seen] == sorted(item["progress"] for item in seen)
        assert "webhook_secret" not in seen[-1]
        done = seen[-1]
        assert done["gpu_seconds"] > 0
        assert done["energy_wh"] == pytest.approx(done["gpu_seconds"] * 50 / 3600, abs=0.001)
        status = eventually(lambda: ann.get(f"/api/v1/statuses/{done['status_id']}"), what="the post")
        assert "made by itself" in status["content"]
        assert "dawn" not in json.dumps(status)
        eventually(lambda: "done" in [item["data"]["state"] for item in got], what="the last message")
        assert min(got, key=lambda item: str(item["timestamp"]))["data"]["state"] == "submitted"
    finally:
        server.shutdown()
        server.server_close()


def test_one_stream_for_all_of_mine(ann: Api, root: Api) -> None:
    root.post(f"{ADMIN}/pause", lane="cpu", reason="Test of the stream.")
    try:
        made = ann.post(GENERATIONS, **SHORT)
        states: list[str] = []
        with ann.http.stream("GET", f"{GENERATIONS}/events") as answer:
            for line in answer.iter_lines():
                if line.startswith("data: ") and (now := json.loads(line[6:]))["id"] == made["id"]:
                    states.append(now["state"])
                    if len(states) == 1:
                        ann.post(f"{GENERATIONS}/{made['id']}/cancel")
                    elif now["state"] == "cancelled":
                        ann.post(f"{GENERATIONS}/{made['id']}/discard")
                    else:
                        break
        assert states == ["queued", "cancelled", "discarded"]
    finally:
        root.post(f"{ADMIN}/resume", lane="cpu")


# ---- the command line
def test_the_command_uses_the_running_worker(instance: InstanceProcess, ann: Api, tmp_path: Path) -> None:
    target = tmp_path / "made.mp4"
    done = instance.cli("generate", "a calm sea", "--as", "ann", "--seconds", "1", "--shape", "square", "--seed", "5", "--json",
                        "--out", str(target))
    said = json.loads(done.stdout)
    [made] = said["generations"]
    assert (made["state"], made["seed"]) == ("draft", "5")
    assert said["files"] == [str(target)]
    assert target.stat().st_size > 1000
    assert one(ann, made["id"])["state"] == "draft"


@pytest.mark.usefixtures("paused")
def test_ctrl_c_cancels(instance: InstanceProcess, ann: Api) -> None:
    running = subprocess.Popen(instance.command("generate", "never seen", "--as", "ann", "--seconds", "1"), env=instance.env,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    made = eventually(lambda: [row for row in ann.get(GENERATIONS) if row["prompt"] == "never seen"
                               and row["state"] == "queued"], what="it is queued")[0]
    running.send_signal(signal.SIGINT)
    assert running.wait(30) == 130
    assert one(ann, made["id"])["state"] == "cancelled"
