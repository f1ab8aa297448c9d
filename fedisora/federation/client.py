"""The ONE egress client: every outgoing request of the code base goes through here.

It checks the scheme, the port and every address at connect time (`addresses`), follows at most three redirects with
each hop checked and signed anew, never follows one on POST, counts bytes after decompression and stops at the limit,
and keeps one total deadline per call. No cookies, no proxies from the environment; `SSL_CERT_FILE` is honoured.
"""
from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDictProxy
from yarl import URL

from .. import __version__
from ..errors import Forbidden, Gone, Malformed, NotFound, Refused, RemoteUnavailable, TooLarge, Unsupported
from ..settings import Settings
from ..store.domains import DomainPolicy, Rules
from . import addresses

Signer = Callable[[str, str, bytes | None], Mapping[str, str]]
"""(method, URL, body) → the headers that sign this request. Called once per hop."""

MAX_URL = 2048
POST_ANSWER_BYTES = 16 << 10
CONNECT_SECONDS = 5.0
CONNECTIONS = 512
CONNECTIONS_PER_HOST = 8
MAX_RETRY_AFTER = 86_400.0
PATIENCE = 15.0
"""Seconds in which a file that is downloaded has to begin, and to get on by `STRIDE`."""
STRIDE = 64 << 10
NO_ADDRESS = "This is not the address of a web page. Give one that begins with https://."
TOO_LARGE = "The answer of the other server is too large."
REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True)
class Response:
    """An answer. `url` is where it finally came from, `content_type` the media type alone, in lower case."""

    status: int
    url: str
    headers: CIMultiDictProxy[str]
    body: bytes
    content_type: str

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def expect_ok(self) -> Response:
        """Itself when 2xx.

        Raises:
            Gone: 410.
            NotFound: 404.
            RemoteUnavailable: 5xx, 408, 425 or 429 (with `retry_after`).
            Forbidden: every other refusal of the other server.
        """
        if not self.ok:
            raise self._error()
        return self

    def _error(self) -> Refused | RemoteUnavailable:
        where = f"{self.url} answered {self.status}"
        if self.status == 410:
            return Gone("The other server says that this was deleted.", cause=where)
        if self.status == 404:
            return NotFound("The other server does not have this.", cause=where)
        if self.status >= 500 or self.status in (408, 425, 429):
            return RemoteUnavailable(cause=where, retry_after=_retry_after(self.headers))
        return Forbidden("The other server does not let us read this.", cause=where)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of `Retry-After` (a number or a date), a day at most."""
    value = headers.get("Retry-After", "")[:64]
    try:
        seconds = float(value) if value.isdecimal() else parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(seconds, MAX_RETRY_AFTER) if seconds >= 0 else None


class Client:
    """aiohttp with the guard in front. Open it in the running loop, close it at the end.

    With a `policy`, no request goes to a domain that this instance does not talk to, on no hop of any call.
    """

    def __init__(self, settings: Settings, policy: DomainPolicy | None = None) -> None:
        self.policy = policy
        self._rules: Rules | None = None
        self._allowed = settings.private_networks
        self._plain_http = bool(self._allowed) or not settings.https
        self._own = URL(settings.base_url)
        self._user_agent = f"Fedisora/{__version__} (+{settings.base_url}/)"
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Bind to the running loop; called once before the first request."""
        if self._session is not None:
            return
        connector = aiohttp.TCPConnector(
            limit=CONNECTIONS, limit_per_host=CONNECTIONS_PER_HOST, ttl_dns_cache=300, keepalive_timeout=30,
            resolver=_GuardedResolver(self._allowed), socket_factory=self._guarded_socket,
            ssl=True)  # verified, with the one context that aiohttp makes when it is imported: all processes share its memory
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False,
            headers={"User-Agent": self._user_agent}, skip_auto_headers=("Accept-Encoding", "Accept"),
            requote_redirect_url=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS))

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, url: str, *, accept: str = "*/*", max_bytes: int = 1 << 20, deadline: float = 10.0,
                  signer: Signer | None = None, redirects: int = 3) -> Response:
        """GET with budgets; the answer whatever its status is.

        Args:
            max_bytes: of the body after decompression.
            deadline: seconds for everything, redirects included.
            redirects: hops followed at most.

        Raises:
            Malformed: not a URL we can ask, or an unreadable answer.
            Forbidden: an address, port or scheme the guard does not let through, too many redirects, or one to ourselves.
            TooLarge: the body is over `max_bytes`.
            RemoteUnavailable: no connection, no complete answer within the deadline.
        """
        async with self._budget(url, deadline), self._follow(url, accept, signer, redirects) as (answer, final):
            return await _read(answer, str(final), max_bytes)

    async def download(self, url: str, path: Path, *, max_bytes: int, deadline: float,
                       accept: str = "*/*", signer: Signer | None = None, redirects: int = 3) -> Response:
        """GET into a file; the answer without its body.

        Raises:
            Refused, RemoteUnavailable: as `get`, and for every status but 2xx (see `Response.expect_ok`); also for a body that
                stands still: `STRIDE` bytes have to come within every `PATIENCE`, so that a drip holds up no job behind it.
        """
        loop = asyncio.get_running_loop()
        async with self._budget(url, deadline), asyncio.timeout(PATIENCE) as limit, self._follow(
                url, accept, signer, redirects) as (answer, final):
            head = Response(answer.status, str(final), answer.headers, b"", answer.content_type.lower())
            head.expect_ok()
            _check_length(answer, max_bytes)
            fresh = STRIDE
            with path.open("wb") as file:
                async for chunk in _decoded(answer, max_bytes):
                    fresh += len(chunk)
                    if fresh >= STRIDE:
                        fresh = 0
                        limit.reschedule(loop.time() + PATIENCE)
                    await asyncio.to_thread(file.write, chunk)
            return head

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, deadline: float = 15.0) -> Response:
        """POST once. Redirects are answers like any other: a delivery is never sent on to somewhere else.

        Raises:
            Malformed, Forbidden, TooLarge, RemoteUnavailable: as `get`.
        """
        async with self._budget(url, deadline):
            target = self.check_url(url)
            try:
                return await self._post(target, body, headers)
            except aiohttp.ServerDisconnectedError:
                # a kept-alive connection the peer had just closed; deliveries carry an id, so twice is harmless
                return await self._post(target, body, headers)

    def check_url(self, url: str | URL) -> URL:
        """The URL in the form we ask, when we may.

        Raises:
            Malformed: not an absolute http(s) URL, or with a user part.
            Forbidden: plain http, an address or a port that is not allowed, a blocked domain.
        """
        try:
            parsed = URL(url) if isinstance(url, str) else url
            port = parsed.port
        except (ValueError, UnicodeError) as error:
            raise Malformed(NO_ADDRESS, cause=f"{url!r}: {error}") from error
        if parsed.scheme not in ("http", "https") or port is None or len(str(parsed)) > MAX_URL:
            raise Malformed(NO_ADDRESS, cause=f"{str(url)[:200]!r}")
        if parsed.user is not None or parsed.password is not None:
            raise Malformed(NO_ADDRESS, cause="user name in the URL")
        if parsed.scheme == "http" and not self._plain_http:
            raise Forbidden("Only https addresses can be reached from here.", cause=str(parsed))
        addresses.check_port(port)
        host = addresses.normal_host(parsed.raw_host)
        if addresses.literal(host) is not None:
            addresses.check_address(host.strip("[]"), self._allowed)
        target = parsed.with_host(host).with_fragment(None)
        if self._rules is not None:
            self._rules.check(target.raw_authority)
        return target

    @contextlib.asynccontextmanager
    async def _budget(self, url: str, deadline: float) -> AsyncIterator[None]:
        """One deadline, the current rules for domains, and our own errors instead of aiohttp's."""
        try:
            async with asyncio.timeout(deadline):
                if self.policy is not None:
                    self._rules = await self.policy.rules()
                yield
        except TimeoutError as error:
            raise RemoteUnavailable(cause=f"{url}: too slow, or no answer within {deadline:g} s") from error
        except aiohttp.InvalidURL as error:
            raise Malformed(NO_ADDRESS, cause=error) from error
        except aiohttp.ClientConnectorError as error:
            if error.os_error.errno == errno.EACCES:
                raise Forbidden(addresses.OUT_OF_REACH, cause=error) from error
            raise RemoteUnavailable(cause=f"{url}: {error}") from error
        except (aiohttp.ClientError, ssl.SSLError, OSError) as error:
            raise RemoteUnavailable(cause=f"{url}: {type(error).__name__}: {error}") from error

    @contextlib.asynccontextmanager
    async def _follow(self, url: str, accept: str, signer: Signer | None, redirects: int,
                      ) -> AsyncIterator[tuple[aiohttp.ClientResponse, URL]]:
        target = self.check_url(url)
        seen = {target}
        for _hop in range(redirects + 1):
            headers = {"Accept": accept, "Accept-Encoding": "gzip, deflate"}
            if signer is not None:
                headers.update(signer("GET", str(target), None))
            async with self._open_session().get(target, headers=headers, allow_redirects=False) as answer:
                location = answer.headers.get("Location")
                if answer.status not in REDIRECTS or not location:
                    yield answer, target
                    return
            try:
                following = target.join(URL(location))
            except (ValueError, UnicodeError) as error:
                raise Malformed("The other server sent us nowhere.", cause=f"Location {location[:200]!r}") from error
            target = self.check_url(following)
            if (target.host, target.port) == (self._own.host, self._own.port):
                # what is ours is in the database; others may not present it as theirs, nor have us ask ourselves
                raise Forbidden("The other server sends us to ourselves.", cause=f"{url} redirects to {target}")
            if target in seen:
                raise Forbidden("The other server sends us in circles.", cause=f"redirect loop at {target}")
            seen.add(target)
        raise Forbidden("The other server sends us in circles.", cause=f"more than {redirects} redirects from {url}")

    async def _post(self, target: URL, body: bytes, headers: Mapping[str, str]) -> Response:
        async with self._open_session().post(target, data=body, headers=headers, allow_redirects=False) as answer:
            try:
                return await _read(answer, str(target), POST_ANSWER_BYTES)
            except (TooLarge, Malformed, Unsupported, aiohttp.ClientPayloadError, ConnectionError):
                # the status is what matters: the peer has taken it, however long, odd or cut off the rest of its answer is
                return Response(answer.status, str(target), answer.headers, b"", answer.content_type.lower())

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("Client.open() was not called")
        return self._session

    def _guarded_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """The last look, at the very address that is connected to, whatever path led here."""
        family, kind, proto, _, address = info
        if not addresses.permitted(ipaddress.ip_address(str(address[0]).partition("%")[0]), self._allowed):
            raise PermissionError(errno.EACCES, f"{address[0]} is not a public address")
        made = socket.socket(family=family, type=kind, proto=proto)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


class _GuardedResolver(AbstractResolver):
    """The system's resolver, minus every address that may not be connected to."""

    def __init__(self, allowed: tuple[addresses.Network, ...]) -> None:
        self._allowed = allowed

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC,
                      ) -> list[ResolveResult]:
        infos = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM,
                                                             flags=socket.AI_ADDRCONFIG)
        found: list[ResolveResult] = []
        for known, _, proto, _, address in infos:
            text = str(address[0])
            if addresses.permitted(ipaddress.ip_address(text.partition("%")[0]), self._allowed):
                found.append(ResolveResult(hostname=host, host=text, port=port, family=known, proto=proto,
                                           flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV))
        if not found:
            raise Forbidden(addresses.OUT_OF_REACH, cause=f"{host} has no public address")
        return found

    async def close(self) -> None:
        """Nothing is kept open."""


def _check_length(answer: aiohttp.ClientResponse, max_bytes: int) -> None:
    if answer.content_length is not None and answer.content_length > max_bytes:
        raise TooLarge(TOO_LARGE, cause=f"{answer.url}: {answer.content_length} bytes")


async def _read(answer: aiohttp.ClientResponse, url: str, max_bytes: int) -> Response:
    _check_length(answer, max_bytes)
    body = b"".join([chunk async for chunk in _decoded(answer, max_bytes)])
    return Response(answer.status, url, answer.headers, body, answer.content_type.lower())


async def _decoded(answer: aiohttp.ClientResponse, max_bytes: int) -> AsyncIterator[bytes]:
    """The body, decompressed piece by piece: a bomb never grows past the limit in memory."""
    coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    inflate = None
    if coding in ("gzip", "x-gzip", "deflate"):
        inflate = zlib.decompressobj(wbits=47 if coding != "deflate" else 15)
    elif coding not in ("", "identity"):
        raise Unsupported("The other server's answer cannot be read.", cause=f"Content-Encoding {coding[:40]!r}")
    total = 0
    async for raw in answer.content.iter_chunked(64 << 10):
        if inflate is None:
            piece = raw
        else:
            try:
                piece = inflate.decompress(raw, max_bytes - total + 1)
            except zlib.error as error:
                raise Malformed("The other server's answer is damaged.", cause=error) from error
        total += len(piece)
        if total > max_bytes:
            raise TooLarge(TOO_LARGE, cause=f"{answer.url}: over {max_bytes} bytes")
        if piece:
            yield piece
    if inflate is not None and total and not inflate.eof:
        raise Malformed("The other server's answer is damaged.", cause="compressed body ends early")
