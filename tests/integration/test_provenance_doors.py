"""Where people meet provenance: /verify, its API and its command say the same, and every list says how a file was made."""
from __future__ import annotations

import gzip
import html
import json
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from starlette.routing import Route

from fedisora.provenance.digital_source import TRAINED
from fedisora.web import mastodon
from tests.hostile.scene import Peer, answer
from tests.support.credentials import Authority
from tests.support.instances import PASSWORD, Api, InstanceProcess, eventually
from tests.support.pictures import png
from tests.support.remote import AS2

VERIFY = "/api/fedisora/v1/verify"
WORDS = {"verdict", "summary", "checkedAt", "signer", "digitalSourceType", "record", "checks", "claims"}


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceProcess]:
    running = InstanceProcess(tmp_path_factory.mktemp("doors"), max_upload_mb="1").start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def world() -> Iterator[Peer]:
    with Peer() as found:
        yield found


@pytest.fixture(scope="module")
def ann(instance: InstanceProcess) -> Api:
    return instance.user("ann")


def picture(instance: InstanceProcess, ann: Api) -> str:
    """The id of an uploaded picture that its author declared to be AI-generated."""
    media = ann.http.post("/api/v2/media", files={"file": ("a.png", png(64, 48), "image/png")}).json()
    with sqlite3.connect(instance.folder / "fedisora.sqlite3", timeout=20) as database:
        database.execute("UPDATE media SET digital_source_type = ?, label_source = 'declared' WHERE id = ?",
                         (TRAINED, int(media["id"])))
    return str(media["id"])


@pytest.fixture(scope="module")
def post(instance: InstanceProcess, ann: Api) -> dict[str, Any]:
    """A published AI-generated picture."""
    made: dict[str, Any] = ann.post("/api/v1/statuses", status="Ein Bild #tagged", media_ids=[picture(instance, ann)],
                                    language="de")
    return eventually(lambda: ann.get(f"/api/v1/statuses/{made['id']}"), what="the signed post")  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def signed(ann: Api, post: dict[str, Any]) -> bytes:
    return httpx.get(post["media_attachments"][0]["url"]).content


def changed(signed: bytes) -> bytes:
    data = bytearray(signed)
    data[-40] ^= 1  # the picture is at the end
    return bytes(data)


def ask(instance: InstanceProcess, data: bytes, name: str = "secret-name.webp") -> dict[str, Any]:
    answer = instance.http.post(VERIFY, files={"file": (name, data)})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    assert WORDS <= found.keys() <= WORDS | {"match"}
    return found


# ---- refused
def test_what_cannot_be_checked_is_said_so(instance: InstanceProcess, ann: Api, world: Peer) -> None:
    ann.me()
    world.actor("rem")
    inside = {"redirect": "http://10.0.0.1/x.mp4", "self": f"{instance.base}/verify", "file": "file:///etc/passwd"}
    for name, target in inside.items():
        world.answers[f"/{name}"] = answer(302, Location=target)
    world.answers["/empty.mp4"] = answer(200, b"", "video/mp4")
    world.answers["/large.mp4"] = answer(200, b"x" * ((1 << 20) + 1), "video/mp4")
    world.answers["/bomb.mp4"] = answer(200, gzip.compress(b"x" * (8 << 20)), "video/mp4", Content_Encoding="gzip")
    before = len(world.requests)
    for body, code in (({"files": {"file": ("a.mp4", b"")}}, 422), ({"json": {}}, 422), ({"json": {"url": "  "}}, 422),
                       ({"json": {"url": "ftp://a.example/x"}}, 422), ({"json": {"url": "no address"}}, 422),
                       ({"json": {"url": "http://10.0.0.1/x.mp4"}}, 422), ({"json": {"url": f"{world.base}/nothing"}}, 422),
                       ({"json": {"url": f"{world.base}/users/rem"}}, 422), ({"json": {"url": "http://127.0.0.1:9/x"}}, 422),
                       ({"json": {"url": f"{instance.base}/users/ann"}}, 422), ({"json": ["x"]}, 400),
                       *(({"json": {"url": f"{world.base}/{name}"}}, 422) for name in inside),
                       ({"json": {"url": f"{world.base}/empty.mp4"}}, 422), ({"json": {"url": f"{world.base}/large.mp4"}}, 413),
                       ({"json": {"url": f"{world.base}/bomb.mp4"}}, 413), ({"json": {"url": "http://0x0a000001/x"}}, 422),
                       ({"json": {"url": f"http://user:pass@{world.host}/x"}}, 422),
                       ({"json": {"url": "file:///etc/passwd"}}, 422),
                       ({"data": {"file": "not a file"}}, 422), ({"content": b"raw"}, 422),
                       ({"files": {"file": ("a.mp4", b"x" * ((1 << 20) + 1))}}, 413)):
        refused = instance.http.post(VERIFY, **body)  # type: ignore[arg-type]
        assert refused.status_code == code, (body if code != 413 else "", refused.text)
        assert refused.json()["error"]
        assert refused.headers["cache-control"] == "no-store"
    assert len(world.requests) - before < 40, "each address is asked for twice at most, whatever it answers"


def test_refusals_say_how_to_mend_it(instance: InstanceProcess) -> None:
    for given in ({"content": b"{}", "headers": {"Content-Type": "application/json"}},
                  {"content": b"x" * 64, "headers": {"Content-Type": "multipart/form-data"}},
                  {"files": [("file", ("a", b"1")), ("file", ("b", b"2"))]}):
        refused = instance.http.post("/api/fedisora/v1/verify", **given)  # type: ignore[arg-type]
        assert refused.status_code in (400, 422)
        assert refused.json()["error"] in (
            "Send a file, or the address of one.", "The request is malformed: Missing boundary in multipart.",
            "The request is malformed: Too many files. Maximum number of files is 1.")


def test_wrong_methods_and_paths_of_our_api(instance: InstanceProcess) -> None:
    for method, path, allow in (("GET", "verify", "POST"), ("DELETE", "dial", "GET, HEAD, PUT"),
                                ("PATCH", "generations", "GET, HEAD, POST")):
        refused = instance.http.request(method, f"/api/fedisora/v1/{path}")
        assert (refused.status_code, refused.headers["allow"]) == (405, allow)
    assert instance.http.get(VERIFY).json() == {"error": "Use POST here."}
    assert "/api/fedisora/v1 lists" in instance.http.post("/api/fedisora/v1/nonsense").json()["error"]


def test_vocabularies_are_cached_and_negotiated(instance: InstanceProcess) -> None:
    # what is installed is asked in a child process right after the first start
    eventually(lambda: instance.http.get("/ns/energy/v1").status_code == 200, what="the installed vocabularies")
    seen = instance.http.get("/ns/energy/v1", headers={"Accept": "text/html;q=0.5, application/ld+json"})
    assert seen.headers["content-type"] == "application/ld+json"
    tag = seen.headers["etag"]
    for given in (tag, f"W/{tag}", f'"x", {tag}'):
        assert instance.http.get("/ns/energy/v1", headers={"If-None-Match": given}).status_code == 304
    page = instance.http.get("/ns/energy/v1", headers={"Accept": "text/html,*/*;q=0.8"})
    assert '<span lang="de"' in page.text
    lost = instance.http.get("/ns/energy/v9", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (lost.status_code, lost.headers["content-type"].partition(";")[0]) == (404, "text/html")
    assert instance.http.get("/ns/energy/v9").json()["error"]


def test_a_body_that_does_not_say_its_length_is_bounded_too(instance: InstanceProcess) -> None:
    def endless() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        for _ in range(400):
            yield b"x" * (64 << 10)

    try:
        answer = httpx.post(instance.base + VERIFY, content=endless(),
                            headers={"Content-Type": "multipart/form-data; boundary=b"})
        assert answer.status_code == 413
    except (httpx.WriteError, httpx.RemoteProtocolError):
        pass  # it hung up on us, which is the point


# ---- the verdict, by every door
def test_signed_changed_unsigned_and_unreadable(instance: InstanceProcess, signed: bytes, post: dict[str, Any]) -> None:
    good = ask(instance, signed)
    assert good["verdict"] == "verified", good
    assert good["record"]["object"] == post["uri"]
    assert ask(instance, changed(signed))["verdict"] == "tampered"
    assert ask(instance, png(8, 8))["verdict"] == "unsigned"
    assert ask(instance, b"nothing at all")["verdict"] == "unreadable"


def test_the_record_of_a_post_for_followers_is_for_followers(instance: InstanceProcess, ann: Api) -> None:
    media = ann.http.post("/api/v2/media", files={"file": ("a.png", png(62, 46), "image/png")}).json()
    private = ann.post("/api/v1/statuses", status="for friends", visibility="private", media_ids=[media["id"]])
    found = eventually(lambda: ann.post(VERIFY, url=private["uri"]), what="the verdict for its author")
    assert found["record"]["object"] == private["uri"]
    for address in (private["uri"], private["url"]):
        refused = instance.http.post(VERIFY, json={"url": address})
        assert refused.status_code == 422
        assert "for friends" not in refused.text
        assert "record" not in refused.json()
    assert instance.http.post(VERIFY, json={"url": f"{instance.base}/@ann/1"}).text == refused.text, "nor that it is there"
    ann.http.delete(f"/api/v1/statuses/{private['id']}")


def test_three_doors_one_verdict(instance: InstanceProcess, signed: bytes, tmp_path: Path) -> None:
    path, data = tmp_path / "file.webp", changed(signed)
    path.write_bytes(data)
    command = instance.cli("verify", str(path), "--json", check=False)
    assert command.returncode == 1
    page = form(instance, {"file": ("x.webp", data)})
    shown = json.loads(html.unescape(str(re.search(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)[1])))  # type: ignore[index]
    found = [verdict | {"checkedAt": ""} for verdict in (ask(instance, data), json.loads(command.stdout), shown)]
    assert found[0]["verdict"] == "tampered"
    assert found[0] == found[1] == found[2]


def form(instance: InstanceProcess, files: dict[str, Any] | None = None, **data: str) -> str:
    with httpx.Client(base_url=instance.base, timeout=30) as browser:
        token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/verify").text)
        assert token is not None
        answer = browser.post("/verify", data={"csrf_token": token[1], **data}, files=files)
        assert answer.headers["cache-control"] == "private, no-store"
        return answer.text


def test_the_page_says_it_in_words_first(instance: InstanceProcess, signed: bytes, post: dict[str, Any]) -> None:
    page = form(instance, {"file": ("x.webp", signed)})
    assert page.index("Signed for @ann@") < page.index("What we looked at") < page.index("As JSON")
    assert f'href="{post["uri"]}"' in page
    hostile = form(instance, {"file": ("<script>alert(1)</script>.mp4", b"junk")})
    assert "<script>alert" not in hostile
    assert 'role="alert"' in form(instance, url="http://127.0.0.1:9/x")


def test_addresses_of_posts_and_files(instance: InstanceProcess, post: dict[str, Any], world: Peer) -> None:
    for url in (post["uri"], post["url"], post["media_attachments"][0]["url"]):
        assert instance.http.post(VERIFY, json={"url": url}).json()["verdict"] == "verified"
    author = world.actor("elsewhere")
    note = world.note(author, "hello", attachment=[
        {"type": "Image", "mediaType": "image/webp", "url": post["media_attachments"][0]["url"], "digestMultibase": "zQmOther"}])
    world.documents["/users/elsewhere/notes/claims"] = {**note, "id": f"{world.base}/users/elsewhere/notes/claims"}
    answer = instance.http.post(VERIFY, json={"url": f"{world.base}/users/elsewhere/notes/claims"})
    assert answer.status_code in (200, 422), answer.text  # its file is on this server: never fetched from ourselves
    with sqlite3.connect(instance.folder / "fedisora.sqlite3", timeout=20) as database:
        assert database.execute("SELECT count(*) FROM statuses WHERE uri LIKE ?", (f"{world.base}%claims",)).fetchone() == (0,)


def test_a_private_post_is_checked_for_who_may_see_it(instance: InstanceProcess, ann: Api, world: Peer) -> None:
    secret = ann.post("/api/v1/statuses", status="for friends", media_ids=[picture(instance, ann)], visibility="private")
    for url in (secret["uri"], secret["url"]):
        assert instance.http.post(VERIFY, json={"url": url}).status_code == 422
        assert ann.http.post(VERIFY, json={"url": url}).json()["verdict"] == "verified"
    author = world.actor("quiet")
    note = world.note(author, "for friends", to=[f"{author.uri}/followers"], cc=[], attachment=[
        {"type": "Image", "mediaType": "image/png", "url": f"{world.base}/x.png"}])
    assert instance.http.post(VERIFY, json={"url": note["id"]}).status_code == 422


def test_nothing_of_it_is_kept(instance: InstanceProcess, ann: Api) -> None:
    with sqlite3.connect(instance.folder / "fedisora.sqlite3", timeout=20) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        before = {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone() for name in tables}
        ask(instance, png(9, 9), "very-private-holiday.png")
        instance.http.post(VERIFY, json={"url": "http://127.0.0.1:9/very-private-address"})
        ann.http.post(VERIFY, json={"url": "http://127.0.0.1:9/very-private-address"})
        after = {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone() for name in tables}
    assert after == before
    assert "very-private" not in instance.log.read_text()
    assert not [folder for folder in Path(tempfile.gettempdir()).glob("fedisora-verify-*")
                if any("holiday" in name.name for name in folder.rglob("*"))]


def test_the_command_needs_no_instance_and_makes_none(instance: InstanceProcess, signed: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.webp").write_bytes(signed)
    surroundings = instance.env | {"FEDISORA_DATA_DIR": "absent", "COLUMNS": "200"}
    found = subprocess.run([sys.executable, "-m", "fedisora", "verify", "file.webp"], cwd=tmp_path, capture_output=True,
                           text=True, env=surroundings, timeout=60, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stdout.startswith("Signed for @ann@")
    assert "Verdict: verified" in found.stdout
    assert "no instance in absent" in found.stderr
    assert not (tmp_path / "absent").exists()


# ---- labels in every list
LISTS = ("timelines/home", "timelines/public", "timelines/tag/{name}", "accounts/{id:row}/statuses", "favourites",
         "notifications", "statuses/{id:row}/context", "statuses/{id:row}/quotes", "search")
SINGLE = ("statuses/{id:row}", "notifications/{id:row}", "media/{id:row}")
WITHOUT_POSTS = (
    "apps/verify_credentials", "instance", "instance/peers", "preferences", "markers", "filters", "accounts/verify_credentials",
    "accounts/lookup", "accounts/search", "accounts/relationships", "accounts/{id:row}", "accounts/{id:row}/followers",
    "accounts/{id:row}/following", "blocks", "follow_requests", "admin/reports", "admin/reports/{id:row}",
    "statuses/{id:row}/source", "statuses/{id:row}/history", "statuses/{id:row}/favourited_by",
    "statuses/{id:row}/reblogged_by", "polls/{id:row}", "notifications/unread_count")


def test_every_endpoint_was_thought_of() -> None:
    """A new list of posts has to be added to the walk below."""
    known = {*LISTS, *SINGLE, *WITHOUT_POSTS, *mastodon.instance.EMPTY}
    paths = {re.sub(r"^/api/v\d/", "", route.path) for route in mastodon.routes
             if isinstance(route, Route) and "GET" in (route.methods or ())}
    assert paths <= known


def statuses_in(found: Any) -> Iterator[dict[str, Any]]:
    """Every post anywhere in an answer."""
    if isinstance(found, dict):
        if "media_attachments" in found:
            yield found
        found = list(found.values())
    for item in found if isinstance(found, list) else ():
        yield from statuses_in(item)


@pytest.fixture(scope="module")
def crowd(instance: InstanceProcess, ann: Api, post: dict[str, Any], world: Peer) -> dict[str, Any]:
    """An AI video of another server that ann liked, boosted, quoted and answered; the row here."""
    author = world.actor("maker")
    account = ann.resolve(author.uri)
    ann.post(f"/api/v1/accounts/{account['id']}/follow")
    follow = eventually(lambda: world.activities("Follow"), what="the follow")[0]
    accept = author.activity("Accept", follow)
    assert author.send(f"{instance.base}/inbox", accept).status_code == 202
    eventually(lambda: ann.get("/api/v1/accounts/relationships", **{"id[]": account["id"]})[0]["following"], what="the accept")
    note = world.note(author, "made", to=[f"{AS2}#Public"], tag=[
        {"type": "Hashtag", "name": "#tagged", "href": f"{world.base}/tags/tagged"},
        {"type": "Mention", "name": f"@ann@{instance.host}", "href": ann.actor}],
        interactionPolicy={"canQuote": {"automaticApproval": [f"{AS2}#Public"]}},
        attachment=[{"type": "Video", "mediaType": "video/mp4", "url": f"{world.base}/clip.mp4", "digitalSourceType": TRAINED}])
    assert author.send(f"{instance.base}/inbox", author.activity("Create", note)).status_code == 202
    found = eventually(lambda: ann.find(note["id"]), what="the video")
    for verb in ("favourite", "reblog"):
        ann.post(f"/api/v1/statuses/{found['id']}/{verb}")
    ann.post("/api/v1/statuses", status="an answer", in_reply_to_id=found["id"])
    ann.post("/api/v1/statuses", status="look at mine", quoted_status_id=post["id"])
    return found


def test_no_list_shows_an_ai_file_without_its_label(ann: Api, crowd: dict[str, Any], post: dict[str, Any]) -> None:
    answer_id = next(item["id"] for item in ann.home() if "an answer" in item["content"])
    places = {
        "timelines/home": "/api/v1/timelines/home", "timelines/public": "/api/v1/timelines/public",
        "timelines/tag/{name}": "/api/v1/timelines/tag/tagged", "favourites": "/api/v1/favourites",
        "accounts/{id:row}/statuses": f"/api/v1/accounts/{ann.me()['id']}/statuses", "notifications": "/api/v1/notifications",
        "statuses/{id:row}/context": f"/api/v1/statuses/{answer_id}/context",
        "statuses/{id:row}/quotes": f"/api/v1/statuses/{post['id']}/quotes",
        "search": f"/api/v2/search?q={crowd['uri']}&resolve=1"}
    assert sorted(LISTS) == sorted(places)
    for name, path in places.items():
        shown = [media for status in statuses_in(ann.get(path)) for media in status["media_attachments"]]
        assert shown, f"{name} shows no file: the walk looks at nothing"
        for media in shown:
            label = media["fedisora"]
            assert (label["label"], label["kind"], label["digital_source_type"]) == ("AI-generated", "machine", TRAINED), name
            assert label["label_source"] == "declared"
            assert "says its author" in label["label_text"]
            assert "provenance" not in label
            assert len(json.dumps(label)) < 1200, "too much for a list"
        assert all("kind" in status["account"]["fedisora"] for status in statuses_in(ann.get(path)))


def test_one_post_has_the_whole_verdict(ann: Api, post: dict[str, Any]) -> None:
    label = ann.get(f"/api/v1/statuses/{post['id']}")["media_attachments"][0]["fedisora"]
    assert label["verdict"].keys() >= WORDS
    assert label["provenance"]["object"] == post["uri"]
    assert "KI-generiertes Bild" in post["content"]
    note = httpx.get(post["uri"], headers={"Accept": "application/activity+json"}).json()
    assert note["content"].rpartition("<p>")[2].startswith("KI-generiertes Bild")
    assert "#AIGenerated" in [tag["name"] for tag in note["tag"]]


def test_real_posts_are_what_the_openapi_document_says(ann: Api, instance: InstanceProcess, post: dict[str, Any],
                                                       crowd: dict[str, Any]) -> None:
    """Answers of our own API are compared with it in every test (`tests.support.openapi`)."""
    document = instance.http.get("/api/fedisora/v1/openapi.json").json()
    schema = {"$ref": "#/components/schemas/Status", "components": document["components"]}
    for found in (ann.get(f"/api/v1/statuses/{post['id']}"), crowd):
        assert [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(found)] == []


def test_a_record_inside_a_foreign_file_is_read_and_never_more_than_it_is(
        ann: Api, instance: InstanceProcess, crowd: dict[str, Any], world: Peer, tmp_path: Path) -> None:
    plain, signed, stated = tmp_path / "plain.png", tmp_path / "signed.png", tmp_path / "stated.png"
    plain.write_bytes(png(32, 32))
    stated.write_bytes(png(32, 32) + f'<rdf:Description Iptc4xmpExt:DigitalSourceType="{TRAINED}"/>'.encode())
    Authority("127.0.0.1:9").sign(plain, signed, TRAINED, "image/png")
    author, found = world.actors["maker"], {}
    for path in (plain, signed, stated):
        world.answers[f"/{path.name}"] = answer(200, path.read_bytes(), "image/png")
        note = world.note(author, path.stem, attachment=[
            {"type": "Document", "mediaType": "image/png", "url": f"{world.base}/{path.name}"}])
        assert author.send(f"{instance.base}/inbox", author.activity("Create", note)).status_code == 202

        def label(uri: str = note["id"]) -> dict[str, Any] | None:
            shown: dict[str, Any] = ann.find(uri)["media_attachments"][0]["fedisora"]
            return shown if shown["verdict"] else None

        found[path.stem] = eventually(label, what="the check")
    assert (found["plain"]["verdict"]["verdict"], found["plain"]["kind"]) == ("unsigned", "undeclared")
    assert found["plain"]["label_text"].startswith("Nobody has said")
    assert found["signed"]["verdict"]["verdict"] == "intact-unknown-signer"
    assert (found["signed"]["kind"], found["signed"]["label_source"]) == ("machine", "manifest")
    assert found["signed"]["label_text"] == "AI-generated, says the file itself."
    assert (found["stated"]["verdict"]["verdict"], found["stated"]["label_source"]) == ("unsigned", "manifest")
    assert found["stated"]["label_text"] == found["signed"]["label_text"]
    page = instance.http.get("/public").text
    assert "says the file" in page


@pytest.mark.parametrize("path", ["/local", "/public", "/tags/tagged", "/@ann", "/search?q={uri}", "/notifications"])
def test_pages_label_what_they_show(ann: Api, instance: InstanceProcess, crowd: dict[str, Any], path: str) -> None:
    with httpx.Client(base_url=instance.base, follow_redirects=True) as browser:
        token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/login").text)
        assert token is not None
        browser.post("/login", data={"csrf_token": token[1], "login": "ann", "password": PASSWORD})
        page = browser.get(path.format(uri=crowd["uri"])).text
    assert "Log out" in page or "/logout" in page or "/settings" in page
    files = page.count("<video") + len(re.findall(r'<img src="/(?:media|proxy/(?:media|poster))', page))
    assert page.count("AI-generated") >= max(files, 1), f"{files} files"
