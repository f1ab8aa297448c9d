"""Through the APIs of a running instance: keys that change, and labels and verdicts on every way a post is shown."""
from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from fedisora.activitypub.integrity_proofs import verify_document
from fedisora.activitypub.keys import keys_of
from fedisora.provenance.digital_source import CAPTURE, TRAINED
from fedisora.serializers.activitypub import revocations
from tests.hostile.scene import Scene
from tests.support.instances import InstanceProcess, eventually
from tests.support.publisher import Publisher
from tests.support.signed import NOW, sources

ACTIVITY = {"Accept": "application/activity+json"}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    instance = InstanceProcess(tmp_path_factory.mktemp("trust"), retry_seconds="0.05").start()
    found = Scene(instance, instance.user("lena"))
    yield found
    found.engine.dispose()
    instance.close()


@pytest.fixture
def peer() -> Iterator[Publisher]:
    with Publisher() as found:
        yield found


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (32, 24), (200, 40, 90)).save(out, "PNG")
    return out.getvalue()


def posted(scene: Scene) -> dict[str, Any]:
    """A picture that lena publishes, signed."""
    media = scene.local.http.post("/api/v2/media", files={"file": ("a.png", picture(), "image/png")}).json()
    eventually(lambda: scene.local.http.get(f"/api/v1/media/{media['id']}").status_code == 200, what="processed")
    made = scene.local.post("/api/v1/statuses", status="look", media_ids=[media["id"]])
    return dict(eventually(lambda: (found := scene.local.get(f"/api/v1/statuses/{made['id']}")) and verdict(found) and found,
                           what="signed and checked"))


def verdict(status: dict[str, Any]) -> str:
    return str((status["media_attachments"][0]["fedisora"]["verdict"] or {}).get("verdict", ""))


def test_keys_of_an_account_here(scene: Scene, tmp_path: Path) -> None:
    base, cli = scene.instance.base, scene.instance.cli
    first = posted(scene)
    assert verdict(first) == "verified"
    serial = first["media_attachments"][0]["fedisora"]["verdict"]["signer"]["certificateSerial"]
    before = httpx.get(first["uri"], headers=ACTIVITY).json()
    cli("keys", "rotate", "lena")
    rows = json.loads(cli("keys", "list", "lena", "--json").stdout)
    assert [row["state"] for row in rows if row["use"] == "c2pa"] == ["present", "former"]
    actor = httpx.get(scene.local.actor, headers=ACTIVITY).json()
    assert [("expires" in key) for key in actor["assertionMethod"]] == [False, True]
    verify_document(before, keys_of(actor)[before["proof"]["verificationMethod"]].key)  # type: ignore[arg-type]
    second = posted(scene)
    assert verdict(second) == "verified"
    assert second["media_attachments"][0]["fedisora"]["verdict"]["signer"]["certificateSerial"] not in ("", serial)

    cli("keys", "rotate-ca")
    bundle = httpx.get(f"{base}/c2pa.pem").text
    assert bundle.count("BEGIN CERTIFICATE") == 4
    third = posted(scene)
    assert verdict(third) == "verified"
    path = tmp_path / "first.png"
    path.write_bytes(httpx.get(first["media_attachments"][0]["url"]).content)
    done = cli("verify", str(path), "--json", check=False)  # the former authority's file, years later as it were
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (0, "verified")

    assert cli("keys", "revoke", serial, "--reason", "keyCompromise").stdout.strip() == serial
    eventually(lambda: verdict(scene.local.get(f"/api/v1/statuses/{first['id']}")) == "revoked", what="the kept verdict revoked")
    assert verdict(scene.local.get(f"/api/v1/statuses/{second['id']}")) == "verified"
    done = cli("verify", str(path), "--json", check=False)
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (1, "revoked")
    listed = httpx.get(f"{base}/.well-known/fedisora-revoked").json()
    issuer = httpx.get(listed["issuer"], headers=ACTIVITY).json()
    verify_document(listed, keys_of(issuer)[listed["proof"]["verificationMethod"]].key)  # type: ignore[arg-type]
    assert revocations.serials(listed, NOW) == [serial]


def shown(media: dict[str, Any]) -> tuple[str, str, str]:
    found = media["fedisora"]
    return found["label"], found["digital_source_type"], (found["verdict"] or {}).get("verdict", "")


@pytest.mark.bad_input("BI-205", "BI-206")
def test_labels_and_verdicts_go_wherever_the_post_goes(scene: Scene, peer: Publisher, tmp_path: Path) -> None:
    local, ada = scene.local, peer.ada
    account = local.resolve(f"@ada@{peer.host}")
    local.post(f"/api/v1/accounts/{account['id']}/follow")
    request = eventually(lambda: peer.activities("Follow"), what="our Follow")[0]
    scene.deliver(ada, ada.activity("Accept", request))
    source = sources(tmp_path)[".mp4"]
    path = peer.signed(source, tmp_path / "1.mp4", 1, digital_source_type=TRAINED)
    whole = peer.attachment(1, path)
    whole |= {"digitalSourceType": TRAINED, "provenance": {**whole["provenance"], "digitalSourceType": TRAINED}}
    note = scene.published(ada, peer.post(1, whole))
    status = dict(eventually(lambda: (found := local.find(note["id"])) and verdict(found) and found, what="checked"))
    wanted = ("AI-generated", TRAINED, "verified")
    assert shown(status["media_attachments"][0]) == wanted

    boost = local.post(f"/api/v1/statuses/{status['id']}/reblog")
    reply = local.post("/api/v1/statuses", status="how nice", in_reply_to_id=status["id"])
    context = local.get(f"/api/v1/statuses/{reply['id']}/context")
    home = local.get("/api/v1/timelines/home")
    mine = local.get(f"/api/v1/accounts/{boost['account']['id']}/statuses")
    theirs = local.get(f"/api/v1/accounts/{account['id']}/statuses")
    scene.published(ada, quoting := {**peer.note(ada, "see above", quote=note["id"]), "published": "2026-11-21T00:00:00Z"})
    quote = local.find(quoting["id"])["quote"]
    places = [boost, boost["reblog"], context["ancestors"][0]]
    places += [item for item in home + mine + theirs if status["id"] in (item["id"], (item["reblog"] or {}).get("id"))]
    assert len(places) >= 6
    places.append(quote["quoted_status"])
    assert [shown(item["media_attachments"][0]) for item in places] == [wanted] * len(places)

    bare = {name: whole[name] for name in ("type", "mediaType", "url")}
    human = {**whole, "digitalSourceType": CAPTURE, "provenance": {**whole["provenance"], "digitalSourceType": CAPTURE}}
    for number, changed in enumerate((human, bare)):
        scene.deliver(ada, ada.activity("Update", peer.post(1, changed, updated=f"209{number}-01-01T00:00:00Z")))
        scene.jobs_done("verify_media")
        single = local.get(f"/api/v1/statuses/{boost['id']}")["reblog"]
        for item in (local.find(note["id"]), single):
            assert shown(item["media_attachments"][0]) == ("AI-generated", TRAINED, "contradicted")
        checks = {check["name"]: check["ok"] for check in single["media_attachments"][0]["fedisora"]["verdict"]["checks"]}
        assert checks["label"] is False
