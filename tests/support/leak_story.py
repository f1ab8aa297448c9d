"""Two instances and everything private that happens on the first: live clips, a likeness, sign-in elsewhere, vouches, a cameo.

Whoever may look at some of it is somebody of their own, so that everybody else's answers can be searched for it.
"""
from __future__ import annotations

import datetime as dt
import io
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sqlalchemy import select, update

from fedisora.models import Actor, HumanCredential, Passkey, VerificationCase
from fedisora.services import accounts, sessions, tokens
from fedisora.services.scopes import GUARDED
from fedisora.services.verification import credentials
from fedisora.store import likenesses

from .clips import clip as film
from .enrolment import Office
from .instances import Api, InstanceProcess, eventually
from .leaks import Marks, addresses
from .oidc_issuer import OidcIssuer
from .world import World

OURS = "/api/fedisora/v1"
ACTIVITY = "application/activity+json"
PROMPT = "she waits at the quay of Ostende 7741"


@dataclass
class Answer:
    """What somebody got."""

    who: str
    request: str
    status: int
    data: bytes


@dataclass
class Reader:
    """Somebody with a browser and a token. `cookie` and `bearer` are headers."""

    name: str
    actor_id: int
    user_id: int
    csrf: str
    cookie: dict[str, str]
    bearer: dict[str, str]


def marked_clip(folder: Path, words: str) -> bytes:
    """A small film that says in its metadata whose it is."""
    plain, made = film(folder / "plain.mp4", seed=secrets.randbelow(1 << 20), width=96, height=96), folder / "marked.mp4"
    with av.open(str(plain)) as source, av.open(str(made), "w", format="mp4") as target:
        target.metadata["comment"] = words
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return made.read_bytes()


def marked_picture(words: str) -> bytes:
    """A picture like no other, with words in its metadata."""
    rng = np.random.default_rng(secrets.randbits(60))
    small = Image.fromarray(rng.integers(0, 256, (40, 30, 3), dtype=np.uint8))
    out, info = io.BytesIO(), PngInfo()
    info.add_text("Comment", words)
    small.resize((300, 400), Image.Resampling.BICUBIC).save(out, "PNG", pnginfo=info)
    return out.getvalue()


@dataclass
class Story:
    """`home` is where sue, ida and dan live; `away` is cleo's; `world` only listens."""

    home: InstanceProcess
    away: InstanceProcess
    world: World
    issuer: OidcIssuer
    folder: Path
    marks: Marks = field(default_factory=Marks)
    answers: list[Answer] = field(default_factory=list)
    people: dict[str, Reader] = field(default_factory=dict)
    clips: list[str] = field(default_factory=list)
    """Keys of the sealed clips, as they were."""

    def __post_init__(self) -> None:
        self.office = Office(self.home.folder, base_url=self.home.base, allow_private_network="127.0.0.0/8")
        self.house = self.office.house
        self._looked: set[str] = set()
        self.http = httpx.Client(base_url=self.home.base, timeout=60)
        self.moderator, self.subject = f"vera{secrets.token_hex(4)}", f"subject-{secrets.token_hex(8)}"
        self.vouchers = [f"voucher{secrets.token_hex(4)}" for _ in range(3)]

    def close(self) -> None:
        """The database of the home is let go: files of it may be read now."""
        self.http.close()
        self.house.db.close()

    # ---- people
    def settle(self) -> None:
        """Everybody's accounts, and what of them is private."""
        for name in ("sue", "ida", "dan", "eve", *self.vouchers):
            self.office.person(name)
        for name in (self.moderator, "max"):
            self.office.person(name, moderator=True)
        self.office.person("boss", admin=True)
        self.office.person("bot", operator="eve")
        shown = f"Frau Vera {secrets.token_hex(6)}"
        # not by their profile's form: that would tell others of it, as it should
        self.house.db.write_now(lambda uow: setattr(uow.session.get_one(Actor, self.office.ids[self.moderator]), "name", shown))
        self.people = {name: self._reader(name) for name in self.office.ids}
        who = self.people[self.moderator]
        self.marks.text("reviewer", self.moderator, shown)
        self.marks.text("reviewer's id", str(who.actor_id), str(who.user_id))
        self.marks.text("subject", self.subject)
        self.marks.text("vouchers", *self.vouchers, *(str(self.office.ids[name]) for name in self.vouchers))
        self.marks.text("prompt", PROMPT)
        for name in ("sue", "ida"):
            self.house.db.write_now(lambda uow, name=name: uow.session.add(Passkey(  # type: ignore[misc]
                id=uow.new_id(), user_id=self.people[name].user_id, credential_id=name.encode(), public_key=b"k",
                created_at=uow.now)))
        words, seen = f"clip of {secrets.token_hex(12)}", f"picture of {secrets.token_hex(12)}"
        self.clip, self.picture = marked_clip(self.folder, words), marked_picture(seen)
        for name, text, data in (("clip", words, self.clip), ("picture", seen, self.picture)):
            self.marks.text(name, text)
            self.marks.blob(name, data)
        for name in ("sue", "ida", "dan"):
            fan = self.world.actor(f"fan-of-{name}")
            fan.send(f"{self.home.base}/inbox", fan.activity("Follow", f"{self.home.base}/users/{name}"))

    def _reader(self, name: str) -> Reader:
        def make(uow: Any) -> Reader:
            user = accounts.user_of(uow.session, self.office.ids[name])
            token = sessions.start(uow, user, "", "")
            scopes = " ".join(("read write follow", *GUARDED)) + (" admin:read admin:write" if name == "boss" else "")
            bearer = tokens.create(uow, user.id, None, "read" if name == "bot" else scopes)
            return Reader(name, user.actor_id, user.id, sessions.csrf_token(uow.vault, token),
                          {"Cookie": f"{sessions.COOKIE}={token}"}, {"Authorization": f"Bearer {bearer}"})

        return self.house.db.write_now(make)

    def post(self, name: str, path: str, *, files: Any = None, **fields: str) -> httpx.Response:
        """Send a form."""
        who = self.people[name]
        return self.http.post(path, data={"csrf_token": who.csrf, **fields}, files=files, headers=who.cookie)

    def done(self, name: str, path: str, **more: Any) -> httpx.Response:
        """Send a form that is taken."""
        answer = self.post(name, path, **more)
        assert answer.status_code in (200, 303), f"{path}: {answer.status_code} {answer.text[:300]}"
        return answer

    # ---- what happens
    def case_of(self, name: str, method: str) -> VerificationCase:
        """The newest case of somebody in a way."""
        return self.house.db.read_now(lambda session: session.scalars(select(VerificationCase).where(
            VerificationCase.actor_id == self.office.ids[name], VerificationCase.method == method)
            .order_by(VerificationCase.id.desc())).first())  # type: ignore[return-value]

    def record(self, name: str, method: str) -> int:
        """A phrase, wrong answers to it, then the clip; a moderator has it and looks at it. The id of the case."""
        case = self.case_of(name, method).id
        base, who = f"/settings/human/cases/{case}", self.people[name]
        made = self.done(name, f"{base}/challenge").json()
        self.marks.text("phrase", made["phrase"])

        def send(reader: Reader, token: str, data: bytes) -> httpx.Response:
            return self.http.post(f"{base}/clip", content=data, headers={
                **reader.cookie, "Content-Type": "video/mp4", "X-CSRF-Token": reader.csrf, "X-Clip-Challenge": token})

        for reader, token, data in ((who, "wrong", self.clip), (self.people["eve"], made["token"], self.clip),
                                    (who, made["token"], self.clip[:900]), (who, made["token"], b"")):
            self.keep(reader.name, f"POST {base}/clip", send(reader, token, data))
            assert self.answers[-1].status >= 400
        sent = send(who, made["token"], self.clip)
        self.keep(name, f"POST {base}/clip", sent)
        assert sent.status_code == 200, sent.text
        self.done(self.moderator, f"/admin/verification/{case}/take")
        self.keep(self.moderator, "the clip", self.done(self.moderator, f"/admin/verification/{case}/clip"))
        self.keep(self.moderator, "the case", self.http.get("/admin/verification", headers=self.people[self.moderator].cookie))
        row = self.case_of(name, method)
        assert row.clip_key and row.clip_secret
        self.clips.append(row.clip_key)
        self.marks.key("key", self.house.vault.unseal(row.clip_secret, "private file"))
        return case

    def decide(self, case: int, verb: str, reason: str = "") -> None:
        """The moderator decides, and the clip goes."""
        self.done(self.moderator, f"/admin/verification/{case}/{verb}", reason=reason)
        eventually(lambda: self.office.case(case).clip_deleted_at, what="the clip is deleted")

    def enrol(self, waiting: Callable[[], None]) -> None:
        """sue becomes a verified human and enrols a likeness; ida is refused. While two clips wait, everybody tries to look, and
        `waiting` is called."""
        self.done("sue", "/settings/human/begin", consent="1")
        self.decide(self.record("sue", "live-clip"), "approve")
        self.done("sue", "/settings/likeness/enrol", consent="1", files={"picture": ("me.png", self.picture, "image/png")})
        row = self.house.db.read_now(lambda session: likenesses.newest(session, self.office.ids["sue"]))
        assert row is not None and row.picture_key and row.picture_secret
        self.marks.blob("picture", self.house.private.get(row.picture_key, row.picture_secret))
        self.marks.key("key", self.house.vault.unseal(row.picture_secret, "private file"))
        mine = self.record("sue", "likeness")
        assert self.http.get(f"/admin/verification/{mine}/likeness", headers=self.people[self.moderator].cookie).is_success
        self.done("ida", "/settings/human/begin", consent="1")
        hers = self.record("ida", "live-clip")
        self.look_everywhere((mine, hers, row.id), (row.picture_key, *self.clips[1:]))
        waiting()
        self.decide(mine, "approve")
        self.decide(hers, "reject", "There is no sound.")

    def sign_in_elsewhere(self) -> None:
        """ida comes by the issuer."""
        self.issuer.person = self.subject
        start = self.post("ida", "/settings/human/oidc/start")
        back = httpx.get(start.headers["location"]).headers["location"]
        self.keep("eve", "the answer of ida's issuer", self.http.get(back, headers=self.people["eve"].cookie))
        answer = self.http.get(back, headers=self.people["ida"].cookie)
        assert answer.headers["location"] == "/settings/human", answer.text

    def vouch(self) -> None:
        """Three people vouch for dan."""
        before = dt.timedelta(days=10)

        def older(uow: Any) -> None:
            for name in self.vouchers:
                credentials.issue(uow, uow.session.get_one(Actor, self.office.ids[name]), "live-clip")
            uow.session.flush()
            ids = [self.office.ids[name] for name in (*self.vouchers, "dan")]
            uow.session.execute(update(Actor).where(Actor.id.in_(ids)).values(created_at=uow.now - before))
            uow.session.execute(update(HumanCredential).where(HumanCredential.actor_id.in_(ids)).values(
                valid_from=uow.now - before))

        self.house.db.write_now(older)
        self.done("dan", "/settings/human/vouch/ask")
        for name in self.vouchers:
            self.done(name, f"/settings/human/vouch/for/{self.office.ids['dan']}/give", sure="1")
        eventually(lambda: self.http.get("/users/dan", headers={"Accept": ACTIVITY}).json().get("attestation"),
                   what="dan is verified")

    # ---- looking
    def keep(self, who: str, request: str, answer: httpx.Response) -> None:
        """Remember an answer, headers too."""
        head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items()).encode()
        self.answers.append(Answer(who, request, answer.status_code, head + b"\n\n" + answer.content))

    def look_everywhere(self, rows: tuple[int, ...], keys: tuple[str, ...] = (), *more: str) -> None:
        """Everybody whom it is no business of asks for everything that can be asked for."""
        files = [f"/media/{before}{key}" for key in keys for before in ("", "private/", "../private/", "..%2fprivate%2f")]
        named = [*files, *more]
        paths = [path for path in addresses(self.house, ["sue"], rows) if path not in self._looked] + named
        self._looked |= set(paths)
        for name, way in (("nobody", ""), ("eve", "cookie"), ("bot", "bearer"), ("max", "cookie"), ("boss", "bearer")):
            own: dict[str, str] = getattr(self.people[name], way) if way else {}
            for path in paths:
                self.keep(name, path, self.http.get(path, headers=own))
        stranger = self.world.actors["fan-of-sue"]
        for path in paths:
            if path.startswith(("/users/", "/actor", "/credentials/", "/records/", "/cameos/")):
                self.keep("a signed stranger", path, stranger.get(f"{self.home.base}{path}"))
        for path in named:
            for method, more_headers in (("HEAD", {}), ("GET", {"Range": "bytes=0-99"}), ("GET", {"If-None-Match": "*"})):
                answer = self.http.request(method, path, headers={**self.people["eve"].cookie, **more_headers})
                self.keep("eve", f"{method} {more_headers} {path}", answer)
        for name in ("eve", "max", "boss", "bot"):  # streams of their own would not end: of others' they get none
            for path in (f"{base}/{row}/events" for row in rows for base in ("/create/jobs", f"{OURS}/generations")):
                with self.http.stream("GET", path, headers={**self.people[name].cookie, **self.people[name].bearer}) as answer:
                    self.answers.append(Answer(name, path, answer.status_code, b""))
                    assert answer.status_code >= 300, path
        for name in ("eve", "max", "boss", "bot", "sue"):
            for row in rows:
                self.keep(name, f"POST clip of {row}", self.post(name, f"/admin/verification/{row}/clip"))

    # ---- the cameo
    def ask(self) -> tuple[Api, dict[str, Any]]:
        """cleo asks for a cameo of sue's, and sue agrees: (cleo, the request with its draft)."""
        self.done("sue", "/settings/likeness/choose", audience="everyone")
        cleo = self.away.user("cleo")
        asked = cleo.http.post(f"{OURS}/generations", json={
            "prompt": PROMPT, "likeness_of": f"@sue@{self.home.host}", "intended_use": "a short film", "accepts_terms": True,
            "orientation": "square", "seconds": 1})
        assert asked.status_code in (200, 202), asked.text
        self.job = asked.json()["id"]
        self.request = eventually(lambda: self._requests("pending"), what="the request at sue's")[0]["id"]
        self.grant()
        found = eventually(lambda: [item for item in self._requests("agreed") if item["preview_url"]], seconds=90,
                           what="the draft at sue's")
        return cleo, found[0]

    def grant(self) -> None:
        """sue says yes to the next step."""
        answer = self.http.post(f"{OURS}/consent/requests/{self.request}/grant", json={}, headers=self.people["sue"].bearer)
        assert answer.status_code == 200, answer.text

    def _requests(self, state: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get(f"{OURS}/consent/requests", params={"state": state},
                                                    headers=self.people["sue"].bearer).json()
        return found

    def publish(self, cleo: Api) -> dict[str, Any]:
        """The draft goes to cleo and is published, without its prompt; the post."""
        self.grant()
        eventually(lambda: cleo.get(f"{OURS}/generations/{self.job}")["state"] == "draft", what="the draft at cleo's")
        post: dict[str, Any] = cleo.post(f"{OURS}/generations/{self.job}/publish", text="fog", show_prompt=False)
        eventually(lambda: cleo.get(f"/api/v1/statuses/{post['id']}")["fedisora"]["published"], seconds=60, what="published")
        return post

    def take_down(self) -> None:
        """sue takes it back, everywhere."""
        stamp = self.http.get(f"{OURS}/consent/stamps", headers=self.people["sue"].bearer).json()[0]["id"]
        self.http.post(f"{OURS}/consent/stamps/{stamp}/revoke", headers=self.people["sue"].bearer)

        def heard() -> bool:
            listed = self.http.get(f"{OURS}/consent/stamps/{stamp}/deliveries", headers=self.people["sue"].bearer).json()
            return {item["host"]: item["state"] for item in listed}.get(self.away.host) == "delivered"

        eventually(heard, what="cleo's server has heard")
