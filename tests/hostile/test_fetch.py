"""Documents that are not what their address says (catalogue area fetch): the real fetcher against servers on loopback."""
from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from fedisora.activitypub import markup
from fedisora.db import Database, Instance
from fedisora.errors import FedisoraError, Forbidden, Gone, Malformed, NotFound, NotOwner, RemoteUnavailable
from fedisora.federation.client import Client
from fedisora.federation.fetch import Fetcher
from fedisora.federation.peers import Peers
from fedisora.models import Base, RemoteHost
from fedisora.services import instance
from fedisora.settings import load_settings
from fedisora.uris import Uris
from fedisora.vault import Vault
from tests.hostile.names import INWARD, NAMES, Trap, name_server, trap
from tests.hostile.scene import Peer, answer
from tests.support.remote import AS2

__all__ = ["name_server", "trap"]


@pytest.fixture
def fetcher(tmp_path: Path) -> Iterator[Callable[[Callable[[Fetcher], Awaitable[None]]], None]]:
    settings = load_settings(tmp_path, base_url="http://here.example", allow_private_network="127.0.0.1/32")
    db = Database(Instance(settings, Uris(settings.base_url), Vault.open(tmp_path)))
    Base.metadata.create_all(db.engine)
    db.write_now(instance.initialise)

    def run(use: Callable[[Fetcher], Awaitable[None]]) -> None:
        async def go() -> None:
            client = Client(settings)
            await client.open()
            try:
                await use(Fetcher(db, client))
            finally:
                await client.close()

        asyncio.run(go())

    yield run
    db.close()


Run = Callable[[Callable[[Fetcher], Awaitable[None]]], None]


def note(peer: Peer, path: str = "/n/1", **more: Any) -> dict[str, Any]:
    return {"@context": AS2, "id": peer.base + path, "type": "Note", "attributedTo": f"{peer.base}/u/a", "content": "x", **more}


def refuses(run: Run, uri: str, *errors: type[Exception]) -> None:
    async def use(found: Fetcher) -> None:
        with pytest.raises(errors or FedisoraError):
            await found.document(uri)

    run(use)


@pytest.mark.parametrize("kind", [
    *(pytest.param(kind, marks=pytest.mark.bad_input("BI-130")) for kind in (
        "application/json", "image/json", "text/plain", "image/png", "text/html", "")),
    *(pytest.param(kind, marks=pytest.mark.bad_input("BI-131")) for kind in (
        "application/ld+json", 'application/ld+json; profile="https://other.example/"', "application/ld+json; charset=utf-8",
        'application/ld+json; profile="https://www.w3.org/ns/activitystreams.evil"'))])
def test_documents_of_another_type(kind: str, fetcher: Run) -> None:
    with Peer() as peer:
        peer.answers["/n/1"] = answer(body=note(peer), kind=kind)
        refuses(fetcher, f"{peer.base}/n/1", Malformed)


@pytest.mark.bad_input("BI-132")
def test_a_document_with_an_id_of_another_host(fetcher: Run) -> None:
    with Peer() as evil, Peer() as good:
        evil.answers["/x"] = answer(body=note(good, content="forged"))
        refuses(fetcher, f"{evil.base}/x", NotFound)
        good.documents["/n/1"] = note(good, content="true")

        async def use(found: Fetcher) -> None:
            assert (await found.document(f"{evil.base}/x"))["content"] == "true"

        fetcher(use)


@pytest.mark.bad_input("BI-133")
def test_a_redirect_to_another_host_that_keeps_the_id(fetcher: Run) -> None:
    with Peer() as evil, Peer() as good:
        good.answers["/n/1"] = answer(302, Location=f"{evil.base}/x")
        evil.answers["/x"] = answer(body=note(good, content="forged"))
        refuses(fetcher, f"{good.base}/n/1", NotOwner)
        good.answers["/proxy"] = answer(302, Location=f"{evil.base}/x")
        refuses(fetcher, f"{good.base}/proxy", NotOwner)


@pytest.mark.bad_input("BI-134")
def test_html_instead_of_a_document(fetcher: Run) -> None:
    page = b"<link " * 85_000
    with Peer() as peer:
        peer.answers["/page"] = answer(body=page, kind="text/html")
        began = time.monotonic()
        refuses(fetcher, f"{peer.base}/page", Malformed)
        assert time.monotonic() - began < 2
    began = time.monotonic()
    markup.sanitize(page.decode())
    markup.plain_text(page.decode())
    assert time.monotonic() - began < 1


@pytest.mark.bad_input("BI-135")
def test_a_remote_address_that_leads_to_us(fetcher: Run) -> None:
    NAMES["here.example"] = [["127.0.0.1"]]
    with Peer() as peer:
        peer.answers["/x"] = answer(302, Location="http://here.example/users/ada")
        refuses(fetcher, f"{peer.base}/x", Forbidden)
        refuses(fetcher, "http://here.example/inbox", Forbidden)
        for spelled in ("http://HERE.example:80/users/ada", "http://here.example./users/ada", "https://here.example/users/ada",
                        "http://here.example:80?x", "http://ｈere.example/users/ada"):
            refuses(fetcher, spelled, Forbidden)
        peer.answers["/y"] = answer(body={"id": "http://here.example/users/ada", "type": "Person"})
        refuses(fetcher, f"{peer.base}/y", Forbidden)


@pytest.mark.bad_input("BI-136")
def test_what_refusals_mean(fetcher: Run) -> None:
    with Peer() as peer:
        for status, error in ((401, Forbidden), (403, Forbidden), (404, NotFound), (410, Gone), (429, RemoteUnavailable),
                              (500, RemoteUnavailable), (502, RemoteUnavailable), (503, RemoteUnavailable)):
            peer.answers[f"/{status}"] = answer(status)
            refuses(fetcher, f"{peer.base}/{status}", error)
        for value, wanted in (("7", 7.0), ("99999999", 86400.0), ("never", None), ("-5", None)):
            peer.answers["/busy"] = answer(429, Retry_After=value)

            async def use(found: Fetcher, wanted: float | None = wanted) -> None:
                with pytest.raises(RemoteUnavailable) as caught:
                    await found.document(f"{peer.base}/busy")
                assert caught.value.retry_after == wanted

            fetcher(use)


@pytest.mark.bad_input("BI-122")
def test_a_link_of_nodeinfo_that_leads_inside(fetcher: Run, trap: Trap) -> None:
    with Peer() as peer:
        for href in (f"http://{INWARD}:{trap.port}/", "http://169.254.169.254/", "file:///etc/passwd", "http://127.0.0.1:22/"):
            peer.answers["/.well-known/nodeinfo"] = answer(body={"links": [
                {"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": href}]}, kind="application/json")

            async def use(found: Fetcher) -> None:
                await Peers(found._db, found._client).learn(peer.host)
                found._db.write_now(lambda uow: uow.session.execute(delete(RemoteHost)))  # so that it asks again

            fetcher(use)
        assert peer.asked("/.well-known/nodeinfo") == 4
