"""What other servers run, as their NodeInfo says (FEP-f1d5, FEP-0151). Nothing depends on it: it is for people to see."""
from __future__ import annotations

import structlog

from ..activitypub import nodeinfo, parse
from ..db import Database
from ..errors import FedisoraError, RemoteUnavailable
from ..models import RemoteHost
from ..store import peers
from .client import Client, Response

log = structlog.get_logger()
ACCEPT = "application/json"
MAX_BYTES = 1 << 18


class Peers:
    """Asks other servers what they are."""

    def __init__(self, db: Database, client: Client) -> None:
        self._db = db
        self._client = client

    async def learn(self, host: str) -> None:
        """Ask a server for its NodeInfo and keep name and version of its software.

        At most once a day per host; that it has none, or did not answer, is remembered as long.
        """
        if not await self._db.read(lambda session: peers.due(session.get(RemoteHost, host), self._db.clock())):
            return
        software: nodeinfo.Software | None = None
        try:
            software = await self._ask(host)
        except FedisoraError as error:
            log.debug("no nodeinfo", host=host, reason=str(error))
        await self._db.write(lambda uow: peers.learned(uow, host, software))

    async def _ask(self, host: str) -> nodeinfo.Software | None:
        origin, answer = await self._links(host)
        link = nodeinfo.link_to(parse.parse_document(answer.body), origin)
        if link is None:
            return None
        document = (await self._get(link)).expect_ok()
        if not parse.same_origin(document.url, origin):
            return None
        return nodeinfo.software_of(parse.parse_document(document.body))

    async def _links(self, host: str) -> tuple[str, Response]:
        """(origin, the answer of its /.well-known/nodeinfo); a development instance on plain http asks its like."""
        schemes = ("https",) if self._db.instance.settings.https else ("http", "https")
        last: FedisoraError = RemoteUnavailable()
        for scheme in schemes:
            try:
                return f"{scheme}://{host}", (await self._get(f"{scheme}://{host}/.well-known/nodeinfo")).expect_ok()
            except RemoteUnavailable as error:
                last = error
        raise last

    async def _get(self, url: str) -> Response:
        return await self._client.get(url, accept=ACCEPT, max_bytes=MAX_BYTES, deadline=10.0)
