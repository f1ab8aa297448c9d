"""The tutorial's package, installed from a wheel on one of two instances: the other keeps what it does not know, says so, and
changes nothing."""
from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest

from fedisora.kit.check import expand
from tests.integration.test_accounts_web import Browser
from tests.support.extensions import Installed
from tests.support.instances import PASSWORD, Api, InstanceProcess, eventually
from tests.support.pictures import png
from tests.support.tutorial import Bench, environment, follow

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("claims")]  # its servers start once
FILM = "https://film.example/ns#"
GOOD = {"type": "FilmStock", "stock": "Vision3 500T", "speed": 500}
BAD = {"@context": {"FilmStock": FILM + "FilmStock", "stock": FILM + "stock", "pushedTo": FILM + "pushedTo"}, "type": "FilmStock",
       "stock": "Vision3 500T", "pushedTo": 1000}
UNKNOWN = "Unknown claim from https://film.example/ns#"
RATING = {"type": "ContentRating", "suitableFor": "teens", "contains": ["flashing-lights"], "ratedBy": "author"}
LD = {"Accept": "application/ld+json"}


@dataclass
class Pair:
    alice: Api
    bob: Api
    post: dict[str, Any]
    copy: dict[str, Any]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """An environment with the tutorial's package, built as a wheel and installed there."""
    return follow(environment(tmp_path_factory.mktemp("tutorial")))


@pytest.fixture(scope="module")
def pair(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """alice@a, who runs in the tutorial's environment, posted a picture with claims; bob@b, which has none of its vocabularies,
    follows her."""
    class Here(InstanceProcess):
        def command(self, *arguments: str) -> list[str]:
            return [str(bench.python), "-m", "fedisora", *arguments]

    here, there = Here(tmp_path_factory.mktemp("a")), InstanceProcess(tmp_path_factory.mktemp("b"))
    for instance in (here, there):
        site = instance.folder / "site"
        site.mkdir()
        instance.env["PYTHONPATH"] = str(site)
        instance.start()
    packages = Installed(here.folder / "site")
    packages.install("broken", "raise RuntimeError('half installed')")
    alice, bob = admin(here, "alice"), admin(there, "bob")
    look_again(alice)
    eventually(lambda: here.http.get("/ns/film_stock/v1").status_code == 200, what="a has looked what is installed")
    bob.follow(f"@{alice.handle}")
    media = alice.http.post("/api/v2/media", files={"file": ("a.png", png(40, 30), "image/png")}, data={
        "fedisora_claims": json.dumps([GOOD, BAD, RATING]), "fedisora_wishes": json.dumps({"train-ai": "n"})})
    assert media.status_code == 202, media.text
    post = alice.post("/api/v1/statuses", status="claims", media_ids=[media.json()["id"]])
    copy = eventually(lambda: bob.find(post["uri"]), what="the post at bob's")
    yield Pair(alice, bob, post, copy)
    for instance in (here, there):
        instance.close()


def admin(instance: InstanceProcess, name: str) -> Api:
    """An administrator with a token."""
    instance.cli("user", "create", name, "--email", f"{name}@example.org", "--password", PASSWORD, "--admin")
    return Api(instance, name, instance.cli("user", "token", name, "--scopes", "read write follow").stdout.strip())


def look_again(api: Api) -> None:
    """Press the button on the administrators' page."""
    with Browser(api.instance.base) as browser:
        browser.log_in(api.name)
        assert browser.post("/admin/extensions/look", "/admin/extensions").status_code == 303


def claims(api: Api, status_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/api/v1/statuses/{status_id}")["media_attachments"][0]["fedisora"]["claims"]
    assert found and all(claim["status"] != "unknown" or claim["label"].startswith("Unknown") for claim in found), found
    return found


def document(pair: Pair) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(pair.post["uri"], headers={"Accept": "application/activity+json"}).json()
    return found


def test_the_author_s_server_says_what_they_mean(pair: Pair) -> None:
    found = eventually(lambda: claims(pair.alice, pair.post["id"]), what="claims judged")
    assert [(claim["extension"], claim["status"], claim["label"]) for claim in found] == [
        ("film_stock", "valid", "Film stock"), ("film_stock", "invalid", "Film stock"),
        ("content_rating", "valid", "Content rating"),
        ("training_optout", "valid", "What machines may do with it")]
    assert found[0]["terms"] == [{"term": "stock", "label": "Stock", "value": "Vision3 500T"},
                                 {"term": "speed", "label": "Speed (ISO)", "value": "500"}]
    assert found[1]["problems"] == [{"path": "pushedTo", "message": "Pushed from which speed? Add speed."}]
    page = pair.alice.instance.http.get(f"/@alice/{pair.post['id']}", headers={"Accept-Language": "fr-FR,fr;q=0.9"}).text
    assert "Pellicule" in page and "Sensibilité (ISO)" in page and "Pushed from which speed? Add speed." in page
    assert found[2]["terms"][1] == {"term": "contains", "label": "Contains", "value": ["flashing lights"]}


def test_the_other_server_keeps_what_it_does_not_know(pair: Pair) -> None:
    found = eventually(lambda: claims(pair.bob, pair.copy["id"]), what="claims judged at b")
    assert [(claim["status"], claim["label"]) for claim in found] == [
        ("unknown", UNKNOWN), ("unknown", UNKNOWN), ("valid", "Content rating"), ("valid", "What machines may do with it")]
    page = pair.bob.instance.http.get(f"/@{pair.alice.handle}/{pair.copy['id']}").text
    assert UNKNOWN in page and "flashing lights" in page
    assert pair.bob.instance.http.get("/ns/film_stock/v1").status_code == 404


def test_nothing_was_changed_on_the_way(pair: Pair) -> None:
    sent = document(pair)["attachment"][0]["provenance"]["claim"]
    assert sent[1] == BAD and {name: sent[0][name] for name in GOOD} == GOOD
    assert set(sent[0]["@context"]) == {"FilmStock", "stock", "speed"}, "the terms it uses, and no more"
    assert set(sent[2]["@context"]) == {"ContentRating", "suitableFor", "contains", "ratedBy"}
    assert pair.copy["fedisora"]["proof"] == "valid"
    inner = json.dumps(expand(document(pair)))  # offline, as another server's JSON-LD processor reads it
    assert f'"{FILM}stock": [{{"@value": "Vision3 500T"}}]' in inner
    assert '"https://w3id.org/fedisora/content_rating#contains"' in inner
    with sqlite3.connect(pair.bob.instance.folder / "fedisora.sqlite3") as database:
        bodies = [body for body, in database.execute("SELECT body FROM claims WHERE source = 'object' ORDER BY position")]
        [kept] = database.execute("SELECT document FROM statuses WHERE uri = ?", (pair.post["uri"],)).fetchone()
    assert bodies == [orjson.dumps(claim) for claim in sent]
    assert orjson.loads(kept)["attachment"][0]["provenance"]["claim"] == sent


def test_the_file_says_the_same_and_is_verified(pair: Pair) -> None:
    def verdict() -> dict[str, Any]:
        found = pair.bob.get(f"/api/v1/statuses/{pair.copy['id']}")["media_attachments"][0]["fedisora"]["verdict"]
        assert found is not None
        return dict(found)

    found = eventually(verdict, what="verdict at b")
    assert found["verdict"] == "verified", found
    assert found["record"]["claims"] == document(pair)["attachment"][0]["provenance"]["claim"]
    assert [claim["status"] for claim in found["claims"]] == ["unknown", "unknown", "valid", "valid"]


def test_a_boost_points_to_the_author_s_own_words(pair: Pair) -> None:
    boost = pair.bob.post(f"/api/v1/statuses/{pair.copy['id']}/reblog")
    assert boost["reblog"]["media_attachments"][0]["fedisora"]["claims"][0]["label"].startswith("Unknown claim from")
    assert boost["reblog"]["uri"] == pair.post["uri"]


def test_the_extension_comes_to_the_other_server(pair: Pair, bench: Bench) -> None:
    [home] = bench.python.parents[1].glob("lib/python*/site-packages/fedisora_film_stock")
    for folder in (home, home.with_name("fedisora_film_stock-1.0.dist-info")):
        shutil.copytree(folder, pair.bob.instance.folder / "site" / folder.name)
    look_again(pair.bob)

    def judged() -> bool:
        return [claim["status"] for claim in claims(pair.bob, pair.copy["id"])] == ["valid", "invalid", "valid", "valid"]

    eventually(judged, what="judged again")


def test_another_version_judges_again_and_the_former_is_served_on(pair: Pair) -> None:
    there = pair.bob.instance
    home = there.folder / "site" / "fedisora_film_stock"
    for name, old, new in (("__init__.py", 'version="1.0"', 'version="2.0"'), ("validate.py", "return [Problem", "[Problem")):
        text = (home / name).read_text()
        assert old in text
        (home / name).write_text(text.replace(old, new))
    context = home / "context.jsonld"
    context.write_text(context.read_text().replace('"developedBy": ', f'"camera": "{FILM}camera",\n    "developedBy": '))
    look_again(pair.bob)

    def judged() -> bool:
        return [claim["status"] for claim in claims(pair.bob, pair.copy["id"])] == ["valid"] * 4

    eventually(judged, what="judged by the second version")
    first, second = (there.http.get(f"/ns/film_stock/v{number}", headers=LD).json()["@context"] for number in (1, 2))
    assert "camera" in second and set(first) == set(second) - {"camera"}
    assert there.http.get("/ns/film_stock").headers["location"] == "/ns/film_stock/v2"


def test_the_vocabulary_is_served_for_programs_and_people(pair: Pair) -> None:
    here = pair.alice.instance.http
    answer = here.get("/ns/film_stock/v1", headers={**LD, "Origin": "https://elsewhere.example"})
    assert answer.headers["content-type"] == "application/ld+json"
    assert answer.headers["access-control-allow-origin"] == "*" and "max-age=86400" in answer.headers["cache-control"]
    assert answer.json()["@context"]["FilmStock"] == FILM + "FilmStock"
    assert here.get("/ns/film_stock").headers["location"] == "/ns/film_stock/v1"
    page = here.get("/ns/energy/v1", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.headers["content-type"].startswith("text/html") and "Energieverbrauch" in page.text
    assert "/ns/film_stock/v1" in here.get("/ns/v1", headers={"Accept": "text/html"}).text
    assert here.get("/ns/v1").json()["@context"]["fs"] == "https://w3id.org/fedisora/v1#"
    for path in ("/ns/film_stock/v9", "/ns/film_stock/vx", "/ns/nothing", "/ns/nothing/v1"):
        assert here.get(path).status_code == 404


def test_administrators_see_what_is_installed_and_what_misbehaves(pair: Pair) -> None:
    here = pair.alice.instance
    here.cli("user", "create", "eve", "--email", "eve@example.org", "--password", PASSWORD)
    assert httpx.get(f"{here.base}/admin/extensions").status_code == 303
    with Browser(here.base) as browser:
        browser.log_in("alice")
        page = browser.http.get("/admin/extensions").text
        assert "film_stock" in page and "1 valid · 1 invalid" in page
        assert "cannot be loaded" in page and "half installed" in page
    with Browser(here.base) as other:
        other.log_in("eve")
        assert other.http.get("/admin/extensions").status_code == 404
        assert other.post("/admin/extensions/look", "/settings").status_code == 404
    found = here.cli("doctor", check=False)
    assert found.returncode == 1 and "broken: RuntimeError: half installed" in " ".join(found.stdout.split())


def test_the_form_asks_for_wishes(pair: Pair) -> None:
    with Browser(pair.alice.instance.base) as browser:
        browser.log_in("alice")
        answer = browser.http.post("/create/upload", data={
            "csrf_token": browser.token("/create"), "text": "mine", "no_training": "1"}, files={"file": ("a.png", png(24, 24))})
        assert answer.status_code == 303, answer.text
    [claim] = claims(pair.alice, answer.headers["location"].rpartition("/")[2])
    assert claim["terms"] == [{"term": "trainAi", "label": "Training of AI models", "value": "not wanted"}]


@pytest.mark.parametrize(("claims", "words"), [
    ("[", "as JSON"), ('{"type": "X"}', "an array of claims"), ("[5]", "JSON object"), ('[{"type": "Word"}]', "own @context"),
    ('[{"no": "type"}]', "own @context"), ('[{"type": "https://x.example/A", "n": 0.5}]', "as text"),
    (json.dumps([{"type": "https://x.example/A", "n": "x" * 17_000}]), "16 KB"),
    (json.dumps([{"type": "https://x.example/A"}] * 33), "32 claims"),
    (json.dumps([{"type": "https://x.example/A", "n": [[[[[[[[1]]]]]]]]}]), "8 levels")])
def test_claims_that_are_refused(claims: str, words: str, pair: Pair) -> None:
    answer = pair.alice.http.post("/api/v2/media", files={"file": ("a.png", png(8, 8), "image/png")},
                                  data={"fedisora_claims": claims})
    assert answer.status_code == 422 and words in answer.json()["error"]


def test_claims_need_a_file_and_one_of_one_s_own(pair: Pair) -> None:
    claim = {"type": "https://x.example/A"}
    for ids in ([], [pair.post["media_attachments"][0]["id"]], ["123"]):
        answer = pair.alice.http.post("/api/v1/statuses", json={"status": "x", "media_ids": ids, "fedisora_claims": [claim]})
        assert answer.status_code == 422, answer.text
    media = pair.alice.http.post("/api/v2/media", files={"file": ("a.png", png(8, 8), "image/png")}).json()
    posts = [pair.alice.http.post("/api/v1/statuses", headers={"Idempotency-Key": "once"}, json={
        "status": "once", "media_ids": [media["id"]], "fedisora_claims": [claim]}).json() for _ in range(2)]
    assert posts[0]["id"] == posts[1]["id"] and len(claims(pair.alice, posts[0]["id"])) == 1
    for wishes in ('{"a": 5}', "[1]", json.dumps({str(number): "n" for number in range(20)})):
        answer = pair.alice.http.post("/api/v2/media", files={"file": ("a.png", png(8, 8), "image/png")},
                                      data={"fedisora_wishes": wishes})
        assert answer.status_code == 422
