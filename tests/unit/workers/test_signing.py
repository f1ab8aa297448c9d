"""From an upload or a draft to a signed post, with c2pa-python's Reader as the judge of what comes out."""
from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import select

from fedisora.activities.remote_posts import proof_state
from fedisora.app import House, workers_module
from fedisora.errors import Conflict, Invalid, NotFound
from fedisora.models import Actor, ClaimRow, Generation, Lineage, Media, OutboxActivity, Status, User
from fedisora.provenance.digital_source import CAPTURE, COMPOSITE_TRAINED, HUMAN_EDITS, TRAINED
from fedisora.provenance.manifest import Ingredient
from fedisora.provenance.record import opens
from fedisora.serializers.activitypub.note import from_activitypub
from fedisora.serializers.mastodon.status import media_attachment
from fedisora.services import declaration, publish, tokens
from fedisora.services import generations as generate
from fedisora.store import actors, records
from tests.support.credentials import Authority, actions, assertions, judge
from tests.support.pictures import clip, png

from .conftest import HERE, WORKER, Studio

SIGNING = workers_module("signing")


def names(listed: list[dict[str, Any]]) -> list[str]:
    return [item["action"] for item in listed]


def test_a_declared_upload_says_who_how_and_what_was_done_to_it(studio: Studio) -> None:
    big = clip(studio.folder / "big.mp4", width=2000, height=1200, frames=3)
    media = studio.publish(studio.upload(big, "captured"))
    found = studio.judged(media)
    assert found["state"] == "Trusted"
    assert names(actions(found)) == ["c2pa.created", "c2pa.resized", "c2pa.transcoded", "c2pa.edited.metadata"]
    assert actions(found)[0]["digitalSourceType"] == CAPTURE
    assert actions(found)[1]["parameters"] == {"from": "2000x1200", "to": "1800x1080"}
    data = assertions(found)
    assert data["c2pa.actions.v2"]["allActionsIncluded"] is False  # what was done before it came, nobody knows
    assert {rule["use"] for rule in data["cawg.training-mining"]["entries"].values()} == {"notAllowed"}
    assert data["org.fedisora.provenance"] == media.record
    assert media.record is not None and media.record["actorKind"] == "fs:Human"
    assert (media.label_source, media.declared, media.verdict and media.verdict["verdict"]) == ("declared", True, "verified")
    shown = media_attachment(media, studio.house.uris)["fedisora"]
    assert [item["action"] for item in shown["edits"]] == names(actions(found))[1:]


def test_a_worker_that_ended_after_signing_is_followed_by_one_that_looks(studio: Studio) -> None:
    def lost(uow: Any) -> None:
        media = uow.session.get_one(Media, media_id)
        media.verdict = media.verdict_at = None
        uow.session.get_one(Status, media.status_id).published = False

    path = studio.folder / "small.png"
    path.write_bytes(png(32, 24))
    media_id = studio.upload(path, "captured")
    studio.publish(media_id)
    studio.house.db.write_now(lost)
    media = studio.publish(media_id)
    assert media.verdict is not None and media.verdict["verdict"] == "verified"
    studio.house.db.write_now(lambda uow: setattr(uow.session.get_one(Media, media_id), "verdict", None))
    studio.run(WORKER.declare, {"media_id": media_id, "choice": "captured"})
    assert studio.media(media_id).verdict is not None


def test_the_record_stands_alone_with_its_authors_proof(studio: Studio) -> None:
    media = studio.publish(studio.upload(studio.plain, "edited"))
    document = studio.get(f"/records/{media.id}", "application/activity+json").json()
    author = studio.house.db.read_now(lambda session: session.get_one(Actor, studio.ada))
    assert proof_state(document, author) == "valid"
    inline = studio.post(media)["attachment"][0]["provenance"]
    assert {name: value for name, value in document.items() if name not in ("@context", "proof")} == inline
    assert proof_state({**document, "digestMultibase": "zQmOther"}, author) != "valid"
    kept = studio.get(document["manifest"].removeprefix(HERE))
    assert kept.headers["content-type"] == "application/c2pa"
    assert kept.content == studio.house.storage.read(str(media.manifest_key), 0, len(kept.content) + 1)
    served = studio.get(f"/media/{media.storage_key}?download=lake.exe")
    assert served.headers["content-disposition"] == 'attachment; filename="lake.exe.mp4"'
    path = studio.folder / "downloaded.mp4"
    path.write_bytes(served.content)
    assert judge(path, studio.anchors)["state"] == "Trusted"


def test_an_upload_that_says_it_is_ai_is_not_washed_by_its_uploader(studio: Studio, elsewhere: Authority) -> None:
    made = elsewhere.sign(studio.plain, studio.folder / "ai.mp4", TRAINED)
    media = studio.publish(studio.upload(made, "captured"))
    assert (media.digital_source_type, media.label_source, media.declared) == (TRAINED, "manifest", False)
    upload = media.ingredients[0]
    assert (upload["kind"], upload["verdict"], upload["digitalSourceType"]) == ("upload", "intact-unknown-signer", TRAINED)
    assert upload["overruled"] == CAPTURE
    found = studio.judged(media)
    assert found["state"] == "Trusted"
    # the label is known before it is encoded, so the mark was burnt in then
    assert names(actions(found)) == ["c2pa.opened", "c2pa.edited", "c2pa.transcoded", "c2pa.edited.metadata", "c2pa.addedText"]
    assert actions(found)[1]["digitalSourceType"] == TRAINED
    parent = found["manifest"]["ingredients"][0]
    assert (parent["relationship"], parent["title"]) == ("parentOf", "upload")
    inner = found["store"]["manifests"][parent["active_manifest"]]
    assert inner["signature_info"]["common_name"] == "@ada@elsewhere.example"
    assert "#AIGenerated" in studio.post(media)["content"]
    assert media.verdict is not None and media.verdict["verdict"] == "verified"


def test_a_picture_keeps_its_record_too(studio: Studio, elsewhere: Authority) -> None:
    plain = studio.folder / "plain.png"
    plain.write_bytes(png(60, 40))
    media = studio.publish(studio.upload(elsewhere.sign(plain, studio.folder / "ai.png", COMPOSITE_TRAINED, "image/png")))
    assert (media.kind, media.mime, media.digital_source_type, media.label_source) == (
        "image", "image/jpeg", COMPOSITE_TRAINED, "manifest")
    found = judge(Path(str(studio.house.storage.path_for(str(media.storage_key)))), studio.anchors, "image/jpeg")
    assert (found["state"], found["manifest"]["ingredients"][0]["format"]) == ("Trusted", "image/png")
    assert names(actions(found)) == ["c2pa.opened", "c2pa.edited", "c2pa.converted", "c2pa.edited.metadata"]
    assert studio.post(media)["attachment"][0]["type"] == "Image"
    assert "AI-modified image" in studio.post(media)["content"]


def test_a_tampered_original_is_recorded_as_that(studio: Studio, elsewhere: Authority) -> None:
    made = bytearray(elsewhere.sign(studio.plain, studio.folder / "was.mp4", CAPTURE).read_bytes())
    made[made.find(b"mdat") + 400] ^= 1
    (studio.folder / "flipped.mp4").write_bytes(made)
    media = studio.publish(studio.upload(studio.folder / "flipped.mp4", "captured"))
    assert media.ingredients[0]["verdict"] == "tampered"
    # intact as we signed it, but a file it was made from had been changed: nobody is told it is fine
    assert media.verdict is not None and media.verdict["verdict"] == "contradicted"


def test_a_forged_record_of_an_upload_counts_for_nothing(studio: Studio, elsewhere: Authority) -> None:
    made = bytearray(elsewhere.sign(studio.plain, studio.folder / "whole.mp4", TRAINED).read_bytes())
    at = made.find(b"trainedAlgorithmicMedia")
    made[at:at + 5] = b"human"  # the statements were changed
    (studio.folder / "forged.mp4").write_bytes(made)
    media = studio.publish(studio.upload(studio.folder / "forged.mp4", "edited"))
    upload = media.ingredients[0]
    assert (upload["verdict"], upload["signer"], upload["digitalSourceType"]) == ("tampered", None, None)
    assert (media.digital_source_type, media.label_source) == (HUMAN_EDITS, "declared")
    assert media.verdict is not None and media.verdict["verdict"] == "contradicted"


def test_a_record_that_cannot_be_read_does_not_stop_a_post(studio: Studio, elsewhere: Authority,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    made = bytearray(elsewhere.sign(studio.plain, studio.folder / "readable.mp4", TRAINED).read_bytes())
    at = made.find(b"jumb") + 60
    made[at:at + 140] = b"\xff" * 140
    (studio.folder / "broken.mp4").write_bytes(made)

    async def parents(house: House, media: Media, folder: Path) -> list[Ingredient]:
        return [Ingredient(str(studio.folder / "broken.mp4"), "video/mp4", "A walk", object="https://far.example/notes/1")]

    monkeypatch.setattr(SIGNING, "PARENTS", (parents,))
    media = studio.publish(studio.upload(studio.folder / "broken.mp4", "edited"))
    assert (media.ingredients[0]["kind"], media.ingredients[0]["verdict"]) == ("upload", "tampered")
    found = studio.judged(media)
    assert found["state"] == "Trusted"
    assert [(item["title"], item.get("informational_URI"), "active_manifest" in item)
            for item in found["manifest"]["ingredients"]] == [
        ("upload, its own record is damaged", None, False),
        ("A walk, its own record is damaged", "https://far.example/notes/1", False)]


def test_an_unlabelled_post_is_labelled_later_and_never_unlabelled(studio: Studio) -> None:
    def other_operator(uow: Any) -> None:
        robot, eve = actors.get(uow.session, studio.robot), actors.by_handle(uow.session, "eve")
        assert eve is not None
        robot.operator_uri, eve.operates = eve.uri, [robot.uri]

    uploaded = studio.upload(studio.plain, author=studio.robot)
    studio.house.db.write_now(other_operator)
    media = studio.publish(uploaded)
    assert (media.digital_source_type, media.label_source, media.declared) == (None, None, False)
    assert names(actions(studio.judged(media)))[0] == "c2pa.opened"
    assert media.record is not None
    assert (media.record["actorKind"], media.record["operator"]) == ("fs:AIAgent", f"{HERE}/users/ada")  # as of creation

    def say(uow: Any, choice: str, who: int) -> None:
        declaration.later(uow, actors.get(uow.session, who), media.id, choice)

    def agreed(uow: Any) -> None:
        uow.session.add(Lineage(id=1, child_id=media.status_id, child_uri="x", parent_uri="y", kind="cameo",
                                stamp_uri="https://far.example/stamps/1", created_at=uow.now))
        uow.session.flush()
        say(uow, "mixed", studio.robot)

    with pytest.raises(Conflict, match="agreed to exactly this file"):
        studio.house.db.write_now(agreed)
    with pytest.raises(NotFound):
        studio.house.db.write_now(lambda uow: say(uow, "mixed", studio.ada))
    studio.house.db.write_now(lambda uow: say(uow, "mixed", studio.robot))
    with pytest.raises(Conflict):  # it waits already
        studio.house.db.write_now(lambda uow: say(uow, "ai-generated", studio.robot))
    studio.run(WORKER.declare, {"media_id": media.id, "choice": "mixed"})
    now = studio.media(media.id)
    assert (now.digital_source_type, now.label_source) == (COMPOSITE_TRAINED, "declared")
    assert now.digest != media.digest and now.storage_key != media.storage_key
    assert now.record == media.record  # its operator as of creation, too
    assert studio.house.db.read_now(lambda session: session.get_one(Status, now.status_id)).made == "mixed"
    found = studio.judged(now)
    assert found["state"] == "Trusted"
    assert names(actions(found)) == ["c2pa.opened", "c2pa.edited", "c2pa.addedText", "c2pa.edited.metadata"]
    before = found["store"]["manifests"][found["manifest"]["ingredients"][0]["active_manifest"]]
    assert before["signature_info"]["common_name"] == "@robot@here.example"
    update = studio.house.db.read_now(lambda session: session.scalar(select(OutboxActivity.document).where(
        OutboxActivity.type == "Update", OutboxActivity.object_uri == studio.post(now)["id"])))
    file = orjson.loads(update or b"")["object"]["attachment"][0]
    assert (file["digestMultibase"], file["digitalSourceType"]) == (now.digest, COMPOSITE_TRAINED)
    assert now.verdict is not None and now.verdict["verdict"] == "verified"
    for choice in ("captured", "other", "undeclared", ""):
        with pytest.raises(Invalid):
            declaration.allowed(now, choice)
    studio.run(WORKER.declare, {"media_id": media.id, "choice": "mixed"})  # twice is once
    assert studio.media(media.id).digest == now.digest


def test_apps_declare_too(studio: Studio) -> None:
    def token(uow: Any) -> str:
        user = uow.session.scalar(select(User).where(User.actor_id == studio.ada))
        return tokens.create(uow, user.id, None, "read write")

    headers = {"Authorization": f"Bearer {studio.house.db.write_now(token)}"}
    files = {"file": ("walk.mp4", studio.plain.read_bytes())}

    def upload(**fields: str) -> httpx.Response:
        return studio.request("POST", "/api/v2/media", headers, files=files, data=fields)

    assert upload(fedisora_source="by magic").status_code == 422
    assert upload().json()["fedisora"]["label_source"] is None
    answer = upload(fedisora_source="captured")
    assert answer.status_code == 202
    assert (answer.json()["fedisora"]["label_source"], answer.json()["fedisora"]["digital_source_type"]) == ("declared", CAPTURE)
    address = f"/api/v1/media/{answer.json()['id']}"
    assert studio.request("PUT", address, headers, json={"fedisora_source": "edited"}).json()["fedisora"][
        "digital_source_type"] == HUMAN_EDITS

    def attach(uow: Any) -> None:
        ids = (int(answer.json()["id"]),)
        publish.create(uow, actors.get(uow.session, studio.ada), publish.Draft(text="a walk", media_ids=ids))

    studio.house.db.write_now(attach)
    assert studio.request("PUT", address, headers, json={"fedisora_source": "mixed"}).status_code == 409  # being signed
    studio.publish(int(answer.json()["id"]))
    assert studio.request("PUT", address, headers, json={"fedisora_source": "captured"}).status_code == 200  # as human as edited
    for choice, status in (("mixed", 409), ("undeclared", 422)):
        assert studio.request("PUT", address, headers, json={"fedisora_source": choice}).status_code == status
    page = studio.get(f"/@ada/{studio.media(int(answer.json()['id'])).status_id}").text
    assert "Edited by a person, says its author." in page and 'action="/posts' not in page.partition('id="made"')[2]


def generated(studio: Studio, prompt: str) -> int:
    """A draft as the generation host leaves it, of a backend that tells the prompt where it should not."""
    key = f"00/{secrets.token_hex(4)}.mp4"
    studio.house.storage.put_file(key, studio.plain)

    def insert(uow: Any) -> int:
        row = Generation(id=uow.new_id(), actor_id=studio.ada, state="draft", prompt=prompt, seed="18446744073709551615",
                         width=160, height=90, seconds=0.5, backend="procedural", run_at=uow.now, created_at=uow.now)
        media = Media(id=uow.new_id(), actor_id=studio.ada, kind="video", mime="video/mp4", state="ready", storage_key=key,
                      poster_key="00/a.webp", width=160, height=90, duration=0.5, digital_source_type=TRAINED,
                      label_source="made", generation_id=row.id, watermark=42, created_at=uow.now,
                      soft_binding=["fs-wm:0000002a"],
                      generator={"name": "diffusers", "model": "Wan2.2", "revision": "0" * 40, "licence": "Apache-2.0",
                                 "backend": "cuda", "seed": "18446744073709551615", "prompt": prompt,
                                 "parameters": {"steps": 4, "guidance": 5.5, "caption": f"{prompt.upper()}!"}})
        uow.session.add_all((row, media))
        uow.session.flush()
        row.media_id = media.id
        return int(row.id)

    return studio.house.db.write_now(insert)


def test_a_remix_with_a_private_prompt(studio: Studio, elsewhere: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = "my secret place by the sea"
    row = generated(studio, prompt)
    parent, second = f"{elsewhere.origin}/users/ada/statuses/1", f"{elsewhere.origin}/users/ada/statuses/2"
    claim = {"@context": {"ex": "https://ex.example/ns#", "value": "ex:value", "Film": "ex:Film"}, "type": "Film",
             "value": 0.5, "id": 2**60}
    sent = {**claim, "id": str(2**60)}  # the one thing that JCS cannot write

    async def parents(house: House, media: Media, folder: Path) -> list[Ingredient]:
        file = elsewhere.sign(studio.plain, folder / "parent.mp4", CAPTURE)
        return [Ingredient(str(file), "video/mp4", "A walk", object=parent),
                Ingredient(str(file), "video/mp4", "Another", object=second)]

    async def claims(house: House, media: Media) -> list[dict[str, Any]]:
        assert prompt not in str(media.generator).casefold()
        return [claim, {"@context": {}, "type": "Leak", "about": ["it shows", "“My  Secret place by the sea”"]}]

    async def codes(house: House, media: Media, path: Path) -> list[str]:
        return ["ISCC:KADTF57DOHGUKPVWUWLQEZWPA5QHEQWJBTLGWPS5C5NPVVMRYWX3MSY"]

    monkeypatch.setattr(SIGNING, "PARENTS", (parents,))
    monkeypatch.setattr(SIGNING, "CLAIMS", (claims,))
    monkeypatch.setattr(SIGNING, "BINDINGS", (codes,))
    draft = publish.Draft(text="at the sea")
    for words in ({"description": f"It is {prompt}."}, {"draft": publish.Draft(text=prompt)}):
        with pytest.raises(Invalid, match="private"):
            studio.house.db.write_now(lambda uow, words=words: generate.publish(
                uow, actors.get(uow.session, studio.ada), row, show_prompt=False, **({"draft": draft} | words)))

    def go(uow: Any) -> int:
        status = generate.publish(uow, actors.get(uow.session, studio.ada), row, draft, show_prompt=False, description=None)
        for uri, kind, stamp, consent in ((parent, "remix", "/stamps/1", "valid"), (second, "remix", "", "own"),
                                          (f"{elsewhere.origin}/users/ada", "cameo", "/stamps/3", "valid")):
            uow.session.add(Lineage(
                id=uow.new_id(), child_id=status.id, child_uri=status.uri, parent_uri=uri, kind=kind, consent=consent,
                stamp_uri=f"{elsewhere.origin}{stamp}" if stamp else None, created_at=uow.now))
        media_id = uow.session.get_one(Generation, row).media_id
        for position, (source, body) in enumerate((("file", claim), ("object", claim), ("object", {"type": "x:Ünknown"}))):
            uow.session.add(ClaimRow(id=uow.new_id(), media_id=media_id, position=position, source=source, type="x",
                                     namespace="x", body=orjson.dumps(body)))
        return int(media_id)

    media = studio.publish(studio.house.db.write_now(go))
    found = studio.judged(media)
    assert found["state"] == "Trusted"
    assert names(actions(found)) == ["c2pa.opened", "c2pa.edited", "c2pa.placed", "c2pa.watermarked.bound", "c2pa.addedText"]
    assert actions(found)[1]["digitalSourceType"] == TRAINED
    assert actions(found)[1]["softwareAgent"] == {"name": "diffusers Wan2.2", "version": "0" * 40}
    data = assertions(found)
    assert data["c2pa.actions.v2"]["allActionsIncluded"] is True
    assert data["c2pa.soft-binding"]["blocks"][0]["value"].startswith("ISCC:")
    signed = data["org.fedisora.provenance"]
    assert signed["claims"] == [sent]
    assert signed["generator"]["parameters"] == {"steps": 4, "guidance": "5.5"}
    assert signed["generator"]["promptCommitment"].startswith("zQm")
    assert [(item["relationship"], item["title"], item["informational_URI"]) for item in found["manifest"]["ingredients"]] == [
        ("parentOf", "A walk", parent), ("componentOf", "Another", second)]
    whole = b"".join(studio.house.storage.read(str(key), 0, 1 << 22) for key in (media.storage_key, media.manifest_key))
    assert b"secret place" not in whole.lower()

    note = studio.post(media)
    assert "secret place" not in str(note).casefold()
    file = note["attachment"][0]
    assert file["isBasedOn"] == [parent, second]
    assert (file["remixAuthorization"], file["likenessAuthorization"]) == (
        [f"{elsewhere.origin}/stamps/1"], [f"{elsewhere.origin}/stamps/3"])
    node = file["provenance"]
    assert node["softBinding"] == ["fs-wm:0000002a", "ISCC:KADTF57DOHGUKPVWUWLQEZWPA5QHEQWJBTLGWPS5C5NPVVMRYWX3MSY"]
    assert node["claim"] == [sent, {"type": "x:Ünknown"}]
    assert "value" not in note["@context"][-1]  # the claim brings its own context
    back = from_activitypub(note).media[0]
    assert (back.based_on, back.soft_binding, back.claims) == (
        (parent, second), tuple(node["softBinding"]), (sent, {"type": "x:Ünknown"}))
    assert [item["object"] for item in media.ingredients] == [parent, second]

    shown = studio.house.db.read_now(lambda session: generate.opening(session, studio.house.vault, media))
    assert shown is not None and shown.commitment == signed["generator"]["promptCommitment"]
    assert opens(shown.commitment, bytes.fromhex(shown.nonce), prompt)
    assert not opens(shown.commitment, bytes.fromhex(shown.nonce), "another prompt")
    address = f"/@ada/{media.status_id}"
    pages = [studio.request("GET", address, {"Cookie": studio.log_in(who)} if who else {}).text
             for who in (None, studio.robot, studio.ada)]
    assert [shown.nonce in text for text in pages] == [prompt in text for text in pages] == [False, False, True]

    def revoke(uow: Any) -> records.Beside:
        for line in uow.session.scalars(select(Lineage).where(Lineage.child_id == media.status_id)):
            line.consent = "revoked"
        uow.session.flush()
        return records.beside(uow.session, [media])[media.id]

    now = studio.house.db.write_now(revoke)
    assert (now.based_on, now.remix_authorizations, now.likeness_authorizations) == ((parent, second), (), ())
